"""The command line: what each command prints, imports and returns."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import fusebench
from fusebench.fusion.taxonomy import AXES

SMALL = "synthetic_private(rows=60,test_rows=50)"


@pytest.fixture(scope="module")
def ran(tmp_path_factory, tools, stubs):
    """A folder with a run of nine cells, one of them failed."""
    folder = tmp_path_factory.mktemp("ran")
    variants = [*(f"stub(number={i})" for i in range(1, 9)), "stub(act=missing_file)"]
    path = tools.write_suite(folder, variants)
    fusebench.run(path, plugins=[stubs], out=folder, jobs=0, quiet=True, report=False)
    return tools.Stored(folder)


# ---- what is imported

LOOK = """
import json, sys
from fusebench.__main__ import main
for line in json.loads(sys.argv[1]):
    sys.argv = ["fusebench", *line.split()]
    try:
        main()
    except SystemExit as ended:
        print("LOOK", json.dumps([line, ended.code or 0, sorted({m.partition(".")[0] for m in sys.modules})]))
"""


def imported(tools, folder, *lines):
    """Yield commands, one after the other in one process: line, exit code, all top-level modules loaded so far."""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", LOOK, json.dumps(lines)],
        cwd=folder,
        env=tools.environment(),
        capture_output=True,
        text=True,
    )
    told = [line for line in ended.stdout.splitlines() if line.startswith("LOOK")]
    assert len(told) == len(lines), ended.stderr
    for line in told:
        command, code, loaded = json.loads(line.removeprefix("LOOK"))
        yield command, code, set(loaded)


def test_help_loads_no_heavy_library(tools, tmp_path):
    lines = ("--help", "--version", "run --help", "nonsense", "data list --help")
    for line, code, loaded in imported(tools, tmp_path, *lines):
        assert code == (2 if line == "nonsense" else 0), line
        heavy = {"torch", "librosa", "pandas", "numpy", "sklearn", "scipy", "matplotlib"}
        assert not loaded & heavy, line


def test_what_needs_no_variant_loads_no_torch(tools, ran):
    show = f"show {ran.files[0].stem[:10]}"
    lines = ("data list", "data show digits_sklearn", "list datasets", show, "report s", "figures s")
    for line, code, loaded in imported(tools, ran.root.parents[1], *lines):
        assert code == 0, line
        assert not loaded & {"torch", "librosa", "ray"}, line


def test_importing_the_package_loads_nothing_and_starts_nothing(tools, tmp_path):
    code = (
        "import sys, fusebench; before = set(sys.modules); print(sorted(fusebench.__all__)); "
        "print(len({'torch', 'numpy', 'pandas', 'multiprocessing'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=tools.environment(), capture_output=True, text=True
    )
    assert ended.stdout.splitlines()[-1] == "0"
    assert {"run", "load_results", "from_arrays"} <= set(fusebench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fusebench.nothing


@pytest.mark.parametrize("ours", [True, False])
def test_the_collector_is_told_for_programs_of_our_own_alone(ours):
    program = "from fusebench.__main__ import main; main()" if ours else "import fusebench.api"
    code = (
        "import atexit, gc, sys; sys.argv = ['fusebench', '--version']; "
        f"atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 0)); {program}"
    )
    told = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == ("100000 True" if ours else "700 False")


# ---- looking things up


def test_version(door):
    assert door("--version") == (0, f"fusebench {fusebench.__version__}\n", "")


def test_list_variants_as_json(door):
    code, out, _ = door("list", "variants", "--json")
    told = json.loads(out)
    assert code == 0
    assert set(told) == {"variants", "wrappers"}
    by_id = {entry["id"]: entry for entry in told["variants"]}
    for entry in by_id.values():
        assert {"id", *AXES, "operator", "tier", "also_known_as"} <= set(entry)
        assert isinstance(entry["also_known_as"], dict)
        assert all(entry[axis] in values for axis, values in AXES.items())
    assert by_id["merge_sum"]["architecture"] == "late"


def test_list_narrows_by_architecture(door):
    _, out, _ = door("list", "variants", "--architecture", "early", "--json")
    assert {entry["architecture"] for entry in json.loads(out)["variants"]} == {"early"}
    code, out, err = door("list", "variants", "--architecture", "erly")
    assert (code, out) == (2, "")
    assert "did you mean 'early'" in err


def test_tables_are_aligned_and_hold_every_name(door):
    _, out, _ = door("list", "variants")
    assert "+modality_dropout" in out.partition("\n\n")[2]  # training wrappers stand apart
    head, *rows = out.partition("\n\n")[0].splitlines()
    place = head.index("architecture")
    assert len({line[place - 1] for line in rows}) == 1
    assert any(line.startswith("merge_sum ") for line in rows)
    _, out, _ = door("list", "suites")
    assert {"quick", "full", "smoke"} <= {line.split()[0] for line in out.splitlines()}


def test_list_of_something_else_is_refused(door):
    code, out, err = door("list", "variant")
    assert (code, out) == (2, "")
    assert "did you mean 'variants'" in err


def test_a_plugins_entries_are_listed(door, stubs):
    _, out, _ = door("list", "variants", "--plugin", stubs, "--json")
    entry = next(e for e in json.loads(out)["variants"] if e["id"] == "stub")
    assert entry["place"].startswith("stubs.py:")


def test_data_show_as_json(door):
    code, out, _ = door("data", "show", SMALL, "--json")
    card = json.loads(out)
    assert code == 0
    assert {"name", "modalities", "classes", "rows", "pairing", "source_family", "bayes"} <= set(card)
    assert card["rows"] == {"train": 60, "validation": 15, "test": 50}
    assert card["bayes"]["subsets"]
    _, out, _ = door("data", "show", "digits_sklearn")
    assert "Classes: 0, 1" in out


@pytest.mark.parametrize("name", ["merge_sum", "merge_sum(width=32)", "hadamard", "late", "digits_sklearn", SMALL])
def test_explain_knows_variants_words_and_data_sets(door, name):
    code, out, err = door("explain", name)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) >= 2


def test_explain_says_where_an_entry_stands_and_lies(door):
    _, out, _ = door("explain", "merge_sum")
    for words in ("architecture  late", "data_fusion   merge", "Defined at: fusion/late/merge.py:"):
        assert words in out


@pytest.mark.parametrize("name", ["merge_sun", "zzzzzzzz", "synthetic_privat"])
def test_explain_of_an_unknown_name_is_one_sentence(door, name):
    code, out, err = door("explain", name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert name in err
    assert ("did you mean" in err.casefold()) == (name != "zzzzzzzz")


# ---- status and show


def test_status_as_text_and_json(door, ran, stubs):
    base = ran.root.parents[1]
    code, out, _ = door("status", base / "s.toml", "--out", base, "--plugin", stubs)
    assert code == 0
    assert "9 cells planned" in out
    assert "8 ok" in " ".join(out.split())
    for named in (ran.root, "s"):  # by folder, and by the name of a stored run
        told = json.loads(door("status", named, "--out", base, "--plugin", stubs, "--json")[1])
        assert (told["planned"], told["ok"], told["failed"]) == (9, 8, 1)
        assert all(isinstance(number, int) for number in told.values())


def test_status_of_a_run_that_never_was_counts_everything_as_missing(door, suite, stubs, tmp_path):
    told = json.loads(door("status", suite(["stub"], seeds=[0, 1]), "--plugin", stubs, "--json")[1])
    assert (told["planned"], told["missing"]) == (2, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["s.toml"]


def test_show_prints_a_record_by_its_shortest_start(door, ran):
    base = ran.root.parents[1]
    record = next(r for r in ran.records.values() if r.status == "failed")
    code, out, _ = door("show", record.cell[:12], "--out", base)
    assert code == 0
    shown, _, reason = out.partition("\n}\n")
    assert json.loads(shown + "\n}")["cell"] == record.cell
    assert reason.startswith("Traceback")


@pytest.mark.parametrize(("start", "words"), [("ffffffffffffff", "No stored cell"), ("**", "not the start")])
def test_show_of_no_cell_is_refused(door, ran, start, words):
    code, out, err = door("show", start, "--out", ran.root.parents[1])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_an_ambiguous_start_names_one_that_is_not(door, tmp_path, tools):
    from fusebench.results.record import Record
    from fusebench.results.store import Store

    store = Store(tmp_path / "results/s")
    store.put_suite({})
    for number, cell in enumerate(("abc1", "abc2", "abd0")):
        store.put(Record(cell, "v", "d", number, 0, "ok"))
    code, _, err = door("show", "ab")
    assert code == 2
    assert "3 stored cells begin with 'ab'" in err
    assert "'abc1'" in err
    assert door("show", "abd")[0] == 0


# ---- running


def test_exit_codes_and_that_a_report_is_not_needed(door, suite, stubs):
    plugin = ["--plugin", stubs, "--jobs", 0, "--no-report"]
    path = suite(["stub", "stub(act=missing_file)"])
    assert door("run", path, *plugin, "--variants", "stub")[0] == 0
    code, out, err = door("run", path, *plugin)
    assert code == 1
    assert "1 ok, 1 failed" in out
    assert "failed: stub(act=missing_file) on tiny, seed 0: FileNotFoundError" in err
    assert door("run", path, *plugin, "--seeds", "zero")[0] == 2
    assert door("run", "no_such_suite")[0] == 2
    assert door("run", path, "--jobs", -1)[0] == 2


def test_a_dry_run_says_what_it_would_do_and_does_nothing(door, suite, stubs, tmp_path):
    path = suite(["stub(number=1)", "stub(number=2)", "late_mean"], seeds=[0, 1])
    code, out, err = door("run", path, "--plugin", stubs, "--dry-run")
    assert code == 0
    assert out.splitlines() == ["tiny, seeds 0, 1: late_mean, stub(number=1), stub(number=2)"]
    assert "6 of 6 cells to compute, about" in err
    assert "MB." in err
    assert [each.name for each in tmp_path.iterdir()] == ["s.toml"]


def test_choices_take_comma_lists_globs_and_repetition(door, suite, stubs, tmp_path):
    path = suite(["stub"], ["tiny", "tiny(training=80)", SMALL])
    chosen = ["--variants", "stub(number=1),merge_sum(width=8)", "--variants", "late_mea*", "--datasets", "tiny*"]
    _, out, _ = door("run", path, "--plugin", stubs, "--dry-run", *chosen, "--seeds", "3,4")
    variants = "late_mean, merge_sum(width=8), stub(number=1)"
    assert out.splitlines() == [f"{name}, seeds 3, 4: {variants}" for name in ("tiny", "tiny(training=80)")]


def test_paths_with_spaces_and_other_scripts(door, suite, stubs, tmp_path):
    out = tmp_path / "mes données" / "結果"
    assert door("run", suite(), "--plugin", stubs, "--jobs", 0, "--no-report", "--out", out)[0] == 0
    assert (out / "results/s/suite.json").is_file()
    assert json.loads(door("status", "s", "--out", out, "--plugin", stubs, "--json")[1])["ok"] == 1


def test_a_place_that_cannot_be_written_is_one_sentence(door, suite, stubs, tmp_path):
    (tmp_path / "a_file").write_text("")
    code, _, err = door("run", suite(), "--plugin", stubs, "--jobs", 0, "--out", tmp_path / "a_file")
    assert code == 2
    assert "a_file" in err.splitlines()[-1]
    assert "choose another place" in err


def test_other_versions_of_libraries_are_mentioned(door, suite, stubs, stored):
    path = suite()
    plugin = ["--plugin", stubs]
    assert door("run", path, *plugin, "--jobs", 0, "--no-report")[0] == 0
    assert door("status", path, *plugin)[2] == ""
    text = stored.store.suite_file.read_text("utf-8")
    (environment,) = json.loads(text)["environments"].values()
    stored.store.suite_file.write_text(text.replace(environment["libraries"]["torch"], "1.0.0"), "utf-8")
    code, _, err = door("status", path, *plugin)
    assert code == 0
    assert "stored results were made with torch 1.0.0, here is " in err


def test_a_damaged_suite_json_is_one_sentence_and_costs_no_record(door, suite, stubs, stored):
    path = suite(seeds=[0, 1])
    run = ["run", path, "--plugin", stubs, "--jobs", 0, "--no-report"]
    door(*run)
    stored.store.suite_file.write_text('{"name": ')
    code, out, err = door(*run)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "delete it and run the suite again" in err
    stored.store.suite_file.unlink()
    before = stored.trained()
    assert "2 ok" in door(*run)[1]
    assert stored.trained() == before


def test_the_log_holds_what_was_announced_and_each_cell(ran):
    lines = (ran.root / "run.log").read_text("utf-8").splitlines()
    assert "9 of 9 cells to compute" in lines[0]
    assert sum(line.split()[1] == "cell" for line in lines[1:] if len(line.split()) > 1) == 9
    assert any("failed" in line and "missing_file" in line for line in lines)


def test_a_file_gets_a_line_at_every_tenth_of_many_cells(door, suite, stubs):
    path = suite([f"stub(number={i})" for i in range(1, 61)])
    _, _, err = door("run", path, "--plugin", stubs, "--jobs", 0, "--no-report")
    told = [line for line in err.splitlines() if " of 60 cells, failed 0, " in line]
    assert [int(line.split()[0]) for line in told] == list(range(6, 61, 6))


def test_the_folder_of_a_run_stands_for_its_suite(door, suite, stubs, tmp_path):
    path = suite(seeds=[0, 1])
    door("run", path, "--plugin", stubs, "--jobs", 0, "--no-report", "--seeds", "0")
    path.unlink()
    code, out, _ = door("run", Path("results") / "s", "--plugin", stubs, "--jobs", 0, "--no-report")
    assert code == 0
    assert "2 ok" in out
