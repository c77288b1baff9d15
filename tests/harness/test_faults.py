"""What goes wrong in one cell stays in that cell: deaths, limits, absent data, absent libraries."""

import json
import os
import sys
import time

import numpy as np
import psutil
import pytest

import fusebench
from fusebench.benchmarks import workers
from fusebench.core.errors import FusebenchError
from fusebench.fusion import REGISTRY, Variant, register

linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="pinning is Linux's")


@pytest.fixture
def run(stubs, tmp_path):
    """Run with workers, without report."""

    def go(path, **choice):
        settings = dict(plugins=[stubs], out=tmp_path, jobs=2, quiet=True, report=False)
        return fusebench.run(path, **(settings | choice))

    return go


# ---- S03


@pytest.fixture
def deadly(suite):
    """Fourteen cells, of which seven end badly, each in another way."""
    acts = {4: "kill", 7: "exit3", 9: "unsendable", 10: "segfault", 11: "too_large", 12: "exit0", 13: "leave"}
    return suite([f"stub({f'act={acts[i]},' if i in acts else ''}number={i})" for i in range(1, 15)])


def test_whatever_ends_a_worker_costs_its_own_cell_alone(run, deadly, stored):
    ended = run(deadly)
    assert (ended.counts["ok"], ended.counts["failed"], ended.exit_code) == (7, 6, 1)
    reasons = {variant: record.reason for (variant, _, _), record in stored.records.items() if record.reason}
    assert reasons["stub(act=kill,number=4)"] == "its process was killed by signal 9 (SIGKILL)"
    assert reasons["stub(act=exit3,number=7)"] == "its process ended with exit code 3"
    text = reasons["stub(act=unsendable,number=9)"]
    assert text.startswith("Traceback")
    assert text.endswith("UnsendableError: a lock and a lambda")
    assert reasons["stub(act=segfault,number=10)"] == "its process was killed by signal 11 (SIGSEGV)"
    assert stored.status("stub(act=too_large,number=11)") == "out_of_memory"
    assert "allocate memory" in reasons["stub(act=too_large,number=11)"]
    assert reasons["stub(act=exit0,number=12)"] == "its process ended with exit code 0"  # no answer either
    assert reasons["stub(act=leave,number=13)"].endswith("SystemExit: 5")
    assert len(ended.trouble) == 7
    assert all("show " in line for line in ended.trouble)
    # nothing is tried again unasked; asked, the seven
    assert sum(run(deadly, jobs=0).trained.values()) == 0
    again = run(deadly, jobs=0, retry="failed", dry_run=True)
    assert sorted(line.split(": ", 1)[1].count("stub") for line in again.lines) == [7]


@pytest.mark.parametrize("jobs", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_result_that_cannot_be_written_fails_its_own_cell_alone(run, suite, stored, jobs):
    """A tensor among the curves, half a character in a file's name: neither is JSON in UTF-8."""
    bad = ["stub(act=tensor)", "stub(act=half_a_character)"]
    ended = run(suite(["stub", *bad, "stub(number=1)"]), jobs=jobs)
    assert (ended.counts["ok"], ended.counts["failed"], ended.exit_code) == (2, 2, 1)
    reasons = [stored.records[name, "tiny", 0].reason for name in bad]
    assert reasons[0].endswith("TypeError: Object of type Tensor is not JSON serializable")
    assert "\udcff.csv" in reasons[1]
    assert "\\udcff.csv" in (stored.root / "run.log").read_text("utf-8")


@pytest.mark.nightly
def test_failed_cells_are_tried_again_when_asked(run, deadly, stored):
    run(deadly)
    again = run(deadly, retry="failed")
    assert dict(again.trained) == {"failed": 6, "out_of_memory": 1}
    assert (again.counts["ok"], again.counts["failed"]) == (7, 6)
    assert len(stored.records) == 14


def test_limits_are_looked_at_from_outside(run, suite, stored):
    before = set(psutil.Process().children())
    run(suite(["stub(act=sleep)", "stub(act=hog)"], more="[limits]\ntimeout = 2"), variants=["stub(act=sleep)"])
    ended = run(suite(["stub(act=sleep)", "stub(act=hog)"], more="[limits]\nmemory = 1200"))
    slow, large = (stored.records[f"stub(act={act})", "tiny", 0] for act in ("sleep", "hog"))
    assert (slow.status, slow.reason) == ("timeout", "stopped after 2 s ([limits] timeout)")
    assert large.status == "out_of_memory"
    assert "of 1200 MB ([limits] memory)" in large.reason
    assert ended.exit_code == 1
    mine = set(psutil.Process().children()) - before
    assert not [p for p in mine if "spawn_main" in " ".join(p.cmdline())]


def test_a_loss_that_is_no_number_fails_its_cell_with_what_may_help(run, suite, stored):
    ended = run(suite(["concat_features", "stub"], ["tiny"], lr=1e30), jobs=0)
    record = stored.records["concat_features", "tiny", 0]
    assert record.status == "failed"
    assert "a smaller lr may help" in record.reason.splitlines()[-1]
    assert ended.counts["ok"] == 1


JUMPY = """
import itertools, time
real, jumps = time.time, itertools.cycle([0, 86400, -86400, 3e8, -1e9])
time.time = lambda: real() + next(jumps)
"""


@pytest.mark.nightly
def test_a_clock_that_jumps_ends_no_cell_and_gives_no_negative_time(
    cli, door, suite, stored, stubs, tmp_path, monkeypatch
):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text(JUMPY)
    suite(["stub", "concat_features", "stub(act=nap)"], more="[limits]\ntimeout = 60")
    command = ["s.toml", "--plugin", stubs, "--no-report", "--jobs", 1]
    ended = cli("run", *command, env={"PYTHONPATH": tmp_path / "lib"})
    assert ended.returncode == 0, ended.stderr
    assert stored.status("concat_features") == "ok"
    for record in stored.records.values():
        assert min([*record.times.values(), *record.phases.values()]) >= 0
    for path in stored.files:  # as if it had been written in another century
        os.utime(path, (4e9, 4e9))
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert "nothing to train" in door("run", *command)[2]


@pytest.mark.slow
def test_workers_that_die_while_they_start_end_the_run_with_a_sentence(door, suite, tmp_path, monkeypatch):
    plugin = tmp_path / "deadly.py"
    plugin.write_text(
        "import multiprocessing, os\n"
        "if multiprocessing.parent_process() is not None: os._exit(7)\n"
        "from fusebench.fusion import register\n"
        "@register('x_sum', architecture='late', data_fusion='merge', level='features', operator='x')\n"
        "def x_sum(h): return h.sum(0)\n"
    )
    suite(["x_sum"], ["digits_sklearn"])
    monkeypatch.setattr(workers, "STARTS", 2)
    try:
        code, _, err = door("run", "s.toml", "--plugin", plugin, "--jobs", 1, "--no-report")
    finally:
        REGISTRY.forget("x_sum")
    assert code == 2
    assert "could not be started 2 times" in err
    assert "Traceback" not in err


# ---- failures as they are told


def test_a_failure_keeps_its_traceback_without_places_or_names(run, suite, stored, door):
    ended = run(suite(["stub(act=missing_file)", "stub"]), jobs=0)
    record = stored.records["stub(act=missing_file)", "tiny", 0]
    assert record.status == "failed"
    assert record.reason.startswith("Traceback")
    assert 'File "stubs.py", line' in record.reason
    assert record.reason.endswith("FileNotFoundError: [Errno 2] No such file or directory: 'rows.csv'")
    for place in ("/home", "somebody", str(stored.root.parents[1]), sys.prefix):
        assert place not in record.reason
    (line,) = ended.trouble
    assert line.startswith("failed: stub(act=missing_file) on tiny, seed 0: FileNotFoundError")
    code, out, _ = door("show", record.cell[:8])
    assert code == 0
    assert "Traceback" in out


def test_a_failed_stage_fails_its_users_with_its_reason_and_no_other(run, suite, stored):
    path = suite(["needs_failing", "needs_failing(number=2)", "stub"])
    ended = run(path, jobs=0)
    assert (ended.counts["ok"], ended.counts["failed"]) == (1, 2)
    for number in ("", "(number=2)"):
        reason = stored.records[f"needs_failing{number}", "tiny", 0].reason
        assert reason.startswith("its stage stub(act=missing_file) gave no result: Traceback")
        assert "FileNotFoundError" in reason
    assert sum(run(path, jobs=0).trained.values()) == 0  # known to fail: not tried again unasked
    assert sum(run(path, jobs=0, retry="failed").trained.values()) == 2


def test_a_plugin_that_does_not_load_is_told_and_the_others_go_on(door, suite, stubs, tmp_path):
    broken = tmp_path / "broken_plugin.py"
    broken.write_text("import nothing_of_that_name\n")
    plugins = ["--plugin", broken, "--plugin", stubs]
    try:
        code, out, err = door("run", suite(), *plugins, "--jobs", 0, "--no-report")
    finally:
        REGISTRY.broken.pop(str(broken), None)
    assert code == 0
    assert "broken_plugin.py could not be loaded: ModuleNotFoundError" in err
    assert "1 ok" in out


def test_a_variant_that_cannot_be_timed_is_told_and_the_others_are_timed(run, suite, stored, tmp_path, tools):
    class Forgetful(Variant):
        def fit(self, train, validation, seed=0):
            return self

        def predict_proba(self, inputs):
            return np.full((len(inputs), 2), 0.5)

        def state(self):
            return {}

        def restore(self, state):
            raise RuntimeError("nothing was kept")

    register("forgetful", architecture="late", data_fusion="merge", level="features", operator="x", tier="full")(
        Forgetful
    )
    try:
        ended = run(suite(["forgetful", "stub"]), jobs=0)
    finally:
        REGISTRY.forget("forgetful")
    assert ended.exit_code == 0
    assert [timing["variant"] for timing in stored.store.timings()] == ["stub"]
    assert "nothing was kept" in (stored.root / "run.log").read_text()


# ---- data that cannot be had


def test_absent_data_are_unavailable_and_the_run_ends_well(run, suite, stored):
    ended = run(suite(["stub", "late_mean"], ["tiny(absent=true)", "tiny"]), jobs=0)
    assert (ended.counts["ok"], ended.counts["unavailable"], ended.exit_code) == (2, 2, 0)
    assert ended.lines[-2] == (
        "unavailable: tiny(absent=true) (2 cells): The tiny file is on no disk and on no server."
    )
    for variant in ("stub", "late_mean"):
        record = stored.records[variant, "tiny(absent=true)", 0]
        assert (record.status, record.metrics) == ("unavailable", {})
    # it may be there tomorrow
    assert run(suite(["stub", "late_mean"], ["tiny(absent=true)", "tiny"]), jobs=0).trained == {"unavailable": 2}


def test_raw_files_that_are_nowhere_are_named_with_what_to_set(door, suite, stubs, tmp_path, monkeypatch):
    """An empty data folder, and no way out: the proxy is a closed port."""
    for name in ("FUSEBENCH_DATA", "FUSEBENCH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "FUSEBENCH_DATA").mkdir()
    path = suite(["stub"], ["rosmap", "tiny"])
    code, out, err = door("run", path, "--plugin", stubs, "--jobs", 0, "--no-report")
    assert code == 0
    assert "1 ok, 1 unavailable" in out
    line = next(line for line in out.splitlines() if line.startswith("unavailable: rosmap (1 cells): "))
    assert "set FUSEBENCH_DATA" in line
    assert "Traceback" not in out + err


# ---- S26

SOUND = """
from dataclasses import dataclass
import numpy as np
from fusebench.datasets import Bundle, Card, DataSet, Modality, Rows, register
from fusebench.datasets.audio import sound_library

@register("heard", Card("Heard", "a sound", pairing="natural", source_family="heard"))
@dataclass(frozen=True)
class Heard(DataSet):
    modalities = (Modality("sound", "audio", (1, 8, 8)), Modality("table", "tabular", (4,)))
    classes = ("a", "b")
    rows = {"train": 40, "validation": 10, "test": 10}

    def load(self, seed):
        sound_library()
        raise AssertionError("sound could be read")
"""


def test_without_a_sound_library_only_sound_is_unavailable(cli, suite, stubs, stored, tmp_path):
    (tmp_path / "lib").mkdir()
    for name in ("soundfile", "librosa"):
        (tmp_path / "lib" / f"{name}.py").write_text("raise OSError('cannot load library libsndfile.so')\n")
    (tmp_path / "heard.py").write_text(SOUND)
    suite(["concat_features"], ["heard", "digits_sklearn"], epochs=1)
    ended = cli(
        "run", "s.toml", "--plugin", "heard.py", "--jobs", 0, "--no-report",
        env={"PYTHONPATH": tmp_path / "lib"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert stored.status("concat_features", "digits_sklearn") == "ok"
    record = stored.records["concat_features", "heard", 0]
    assert record.status == "unavailable"
    for words in ("pip install soundfile", "libsndfile", "OSError"):
        assert words in record.reason
        assert words in ended.stdout
    assert "1 ok, 1 unavailable" in ended.stdout


# ---- S06


@linux
@pytest.mark.parametrize("cores", [2, pytest.param(1, marks=pytest.mark.nightly)])
def test_workers_are_the_cores_of_this_process_with_one_thread_each(cli, suite, stored, stubs, tmp_path, cores):
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < cores:
        pytest.skip(f"{cores} cores are needed")
    suite(["stub(number=1)", "stub(number=2)", "stub(number=3)"])
    pinned = (
        f"import os, sys; os.sched_setaffinity(0, {set(usable[:cores])}); "
        "from fusebench.__main__ import main; main()"
    )
    cli.command = lambda *args: [sys.executable, "-P", "-c", pinned, *map(str, args)]
    variables = {"OMP_NUM_THREADS": "3"} if cores == 2 else {}
    ended = cli("run", "s.toml", "--plugin", stubs, "--no-report", env=variables)
    assert ended.returncode == 0, ended.stderr
    records = stored.records.values()
    environments = stored.store.suite()["environments"]
    used = [environments[record.environment] for record in records]
    assert {(e["workers"], e["threads"], e["cores"]) for e in used} == {(cores, 1, cores)}
    assert {record.curves["threads"][0] for record in records} == {1}
    assert ("OMP_NUM_THREADS=3 is not used" in ended.stderr) == (cores == 2)
    assert f"on {cores} worker" in ended.stderr


@pytest.mark.parametrize("name", ["tpu9", "cuda:99", "meta"])
def test_a_device_that_is_not_here_is_refused_before_anything_runs(run, suite, tmp_path, name):
    with pytest.raises(FusebenchError, match=f"Device '{name}'"):
        run(suite(), device=name)
    assert not (tmp_path / "results").exists()


def test_json_counts_of_a_mixed_folder(run, suite, door, stubs):
    run(suite(["stub", "stub(act=missing_file)", "pair_only"], ["tiny(views=3)", "tiny(absent=true)"]), jobs=0)
    assert json.loads(door("status", "s", "--plugin", stubs, "--json")[1]) == {
        "planned": 6, "ok": 1, "failed": 1, "timeout": 0, "out_of_memory": 0,
        "incompatible": 1, "unavailable": 3, "stale": 0, "missing": 0,
    }  # fmt: skip
