"""The Python door: own arrays, unguarded scripts, the report at the end of a run."""

import importlib.util
import json
import subprocess
import sys
import threading

import numpy as np
import pytest

import fusebench
from fusebench.core.errors import FusebenchError

DRAWING = importlib.util.find_spec("fusebench.reports.build") is not None


@pytest.fixture
def run(tmp_path, tools):
    """Run own data through a small suite in this process."""

    def go(data, variants=("concat_features", "late_mean", "unimodal"), **choice):
        path = tools.write_suite(tmp_path, variants, ["tiny"])
        settings = dict(data=data, out=tmp_path, jobs=0, quiet=True, report=False)
        return fusebench.run(path, **(settings | choice))

    return go


@pytest.fixture(autouse=True)
def _stubs(stubs):
    """The suites here name the plugin's data set, whether or not it is used."""


# ---- S11


def forty(absent=()):
    """Forty rows of a table and a picture, which is absent in some."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    pictures = [None if i in absent else rng.normal(size=(6, 6)) + labels[i] for i in range(40)]
    return {"table": rng.normal(size=(40, 3)) + labels[:, None], "picture": pictures}, labels


ABSENT = tuple(range(3, 33, 3))


def test_absent_pictures_are_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(FusebenchError) as caught:
        fusebench.from_arrays("mine", *forty(ABSENT))
    for words in ("modality 'picture'", "rows 3, 6, 9, 12, 15, …", "10 of 40", "missing='mask'"):
        assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_masked_pictures_keep_every_row(run, tmp_path, tools):
    data = fusebench.from_arrays("mine", *forty(ABSENT), missing="mask")
    ended = run(data)
    assert (ended.counts["ok"], ended.exit_code) == (4, 0)
    bundle = data.load(0)
    seen = {}
    for rows in bundle.splits.values():
        for place, name in enumerate(("table", "picture")):
            is_zero = (rows.inputs[name].reshape(len(rows), -1) == 0).all(1)
            assert (is_zero == ~rows.present[:, place]).all()
        seen |= dict(zip(rows.ids.tolist(), rows.present[:, 1].tolist(), strict=True))
    assert len(seen) == 40
    assert sorted(i for i, here in seen.items() if not here) == list(ABSENT)
    held = tools.Stored(tmp_path, "s-mine")
    told = held.store.suite()["datasets"]["mine"]
    assert sum(told["rows"].values()) == 40
    assert told["own"] is True
    split = held.store.split(held.records["late_mean", "mine", 0].split)
    assert split["test_ids"].astype(int).tolist() == bundle.test.ids.tolist()


# ---- S12


@pytest.fixture
def gapped():
    """Labels 1, 2, 4, 10 that two modalities tell."""
    labels = np.array([10, 1, 4, 2] * 15)
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(60, 4)) + np.log(labels)[:, None] for name in ("a", "b")}, labels


def test_labels_with_gaps_have_one_output_each_in_numeric_order(run, gapped, tmp_path, tools):
    inputs, labels = gapped
    ended = run(fusebench.from_arrays("gapped", inputs, labels))
    assert ended.exit_code == 0
    held = tools.Stored(tmp_path, "s-gapped")
    classes = held.store.suite()["datasets"]["gapped"]["classes"]
    assert classes == ["1", "2", "4", "10"]
    for record in held.records.values():
        assert held.store.predictions(record.cell)["test"].shape[1] == 4
        split = held.store.split(record.split)
        named = [int(classes[i]) for i in split["test_labels"]]
        assert named == labels[split["test_ids"].astype(int)].tolist()


def test_one_label_value_is_refused_before_training(gapped):
    inputs, labels = gapped
    with pytest.raises(FusebenchError, match=r"'one', labels: every row says '7'"):
        fusebench.from_arrays("one", inputs, np.full(len(labels), 7))


# ---- own runs and the suite's own


def test_own_data_have_a_folder_of_their_own_and_a_frame(run, gapped, tmp_path):
    run(fusebench.from_arrays("gapped", *gapped), variants=["concat_features"])
    assert [folder.name for folder in (tmp_path / "results").iterdir()] == ["s-gapped"]
    frame = fusebench.load_results("s-gapped", tmp_path)
    row = frame.iloc[0]
    assert (row["suite"], row["variant"], row["dataset"], row["seed"]) == ("s", "concat_features", "gapped", 0)
    assert row["architecture"] == "late"
    assert 0 <= row["accuracy"] <= 1
    assert set(frame["status"]) == {"ok"}


def test_the_same_own_data_are_not_computed_twice_and_others_are(run, gapped):
    inputs, labels = gapped
    assert sum(run(fusebench.from_arrays("gapped", inputs, labels)).trained.values()) == 4
    assert sum(run(fusebench.from_arrays("gapped", dict(inputs), labels)).trained.values()) == 0
    inputs["a"] = inputs["a"] + 1e-3
    assert sum(run(fusebench.from_arrays("gapped", inputs, labels)).trained.values()) == 4


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"retry": "all"}, "retry='all'"),
        ({"shard": "3/2"}, "--shard '3/2'"),
        ({"data": "card.toml"}, "card.toml"),
        ({"variants": ["nothing_like_it"]}, "Unknown variant"),
    ],
)
def test_a_mistake_is_an_error_of_ours_and_leaves_nothing(run, tmp_path, choice, words):
    with pytest.raises(FusebenchError, match=words):
        run(**({"data": None} | choice))
    assert not (tmp_path / "results").exists()


# ---- scripts

SCRIPT = """
import fusebench
print("at the top")
labels = [i % 2 for i in range(40)]
inputs = {"a": [[float(x)] for x in labels], "b": [[float(i)] for i in range(40)]}
data = fusebench.from_arrays("mine", inputs, labels)
summary = fusebench.run("s.toml", data=data, jobs=1, report=False)
print(summary.counts["ok"], "ok")
"""


@pytest.mark.parametrize("way", ["file", pytest.param("piped", marks=pytest.mark.nightly)])
def test_a_script_without_a_guard_runs_once(suite, tmp_path, tools, way):
    suite(["concat_features"], ["digits_sklearn"])
    (tmp_path / "script.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "-P", *(["script.py"] if way == "file" else [])],
        input=SCRIPT if way == "piped" else None,
        cwd=tmp_path,
        env=tools.environment(),
        capture_output=True,
        text=True,
    )
    assert ended.stdout.splitlines() == ["at the top", "1 ok"], ended.stderr
    assert ended.returncode == 0


def test_a_run_in_a_thread_works_too(run, gapped):
    ended = []
    data = fusebench.from_arrays("gapped", *gapped)
    thread = threading.Thread(target=lambda: ended.append(run(data, ["concat_features"])))
    thread.start()
    thread.join()
    assert ended[0].counts["ok"] == 1


# ---- the report at the end


@pytest.mark.skipif(not DRAWING, reason="reports.build is not there")
def test_a_run_ends_by_naming_files_that_exist(cli, door, suite, stubs, tmp_path):
    suite(["stub(number=1)", "stub(number=2)", "stub(act=missing_file)"], seeds=[0, 1])
    ended = cli("run", "s.toml", "--plugin", stubs, "--jobs", 0, "--out", "a b/ü")
    assert ended.returncode == 1, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("s: 6 cells: 4 ok, 2 failed.")
    opened = next(line for line in lines if line.startswith("Open "))
    page = tmp_path / "a b/ü/reports/s/index.html"
    assert str(page.relative_to(tmp_path)) in opened
    assert page.stat().st_size > 1000
    assert list(page.parent.glob("figures/*.png"))
    assert list((tmp_path / "a b/ü/results/s/tables").iterdir())
    assert any(line.startswith("failed: stub(act=missing_file) on tiny, seeds 0, 1:") for line in lines)
    assert lines[-1].startswith("Look again: ")
    assert "status s --out 'a b/ü' --plugin" in lines[-1]
    assert json.loads(door("status", "s", "--out", "a b/ü", "--plugin", stubs, "--json")[1])["ok"] == 4
    # the first seed was drawn while the second was computed
    assert "tiny" in (tmp_path / "a b/ü/results/s/run.log").read_text("utf-8")


def test_a_report_that_fails_hides_no_result(run, gapped, monkeypatch):
    if not DRAWING:
        pytest.skip("reports.build is not there")
    from fusebench.reports import build

    def broken(*_, **__):
        raise ZeroDivisionError("a bug in a figure")

    monkeypatch.setattr(build, "build", broken)
    ended = run(fusebench.from_arrays("gapped", *gapped), report=True)
    assert ended.counts["ok"] == 4
    assert any("could not be drawn: ZeroDivisionError: a bug in a figure" in line for line in ended.lines)
    assert ended.exit_code == 1
