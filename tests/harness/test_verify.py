"""`fusebench verify`: what is damaged, what a rerun would compute and why; nothing is written."""

import hashlib
import json
import shutil

import numpy as np
import pytest

import fusebench
from fusebench.results.record import from_json
from fusebench.results.store import Store
from fusebench.results.verify import record_faults

VARIANTS = ("late_mean", "stub", "stub(number=2)")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, stubs, tools):
    """A complete run with stages."""
    folder = tmp_path_factory.mktemp("whole")
    path = tools.write_suite(folder, VARIANTS, ["tiny"], [0, 1])
    ended = fusebench.run(path, plugins=[stubs], out=folder, jobs=0, quiet=True, report=False)
    assert ended.counts["ok"] == 6
    return folder


@pytest.fixture
def ran(whole, tmp_path):
    """A copy of it, to do harm to."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return Store(tmp_path / "results/s")


@pytest.fixture
def judge(door, stubs, ran):
    """Verify; return exit code and what is told as JSON, having looked that nothing was written."""

    def state():
        return {p: (p.lstat().st_mtime_ns, p.lstat().st_size) for p in [ran.root, *ran.root.rglob("*")]}

    def go(suite="s.toml", *more):
        before = state()
        code, out, _ = door("verify", suite, "--plugin", stubs, "--json", *more)
        assert state() == before
        return code, json.loads(out)

    return go


def causes(told):
    return {name: number for name, number in told["causes"].items() if number}


def rewrite(store, variant="stub", seed=0, **fields):
    (record,) = (r for r in store.records() if (r.variant, r.seed) == (variant, seed))
    path = store.path(record.cell)
    path.write_text(json.dumps(record.to_json() | fields))
    return path


def test_all_is_well_with_a_whole_run(judge, door, ran):
    code, told = judge()
    assert (code, told["records"], told["problems"], told["notes"]) == (0, 6, [], [])
    assert judge(str(ran.root))[0] == 0


def test_what_a_rerun_would_compute_is_named_with_its_reason_and_is_what_it_computes(
    judge, ran, door, stubs, stored, tools, tmp_path
):
    gone, cut, other, younger = (r for r in ran.records() if r.variant != "late_mean")
    ran.path(gone.cell).unlink()
    ran.path(cut.cell).write_bytes(ran.path(cut.cell).read_bytes()[:99])
    shutil.copy(ran.path(younger.cell), ran.path(other.cell))
    ran.path(younger.cell).write_text(json.dumps(younger.to_json() | {"schema": 99}))
    code, told = judge()
    assert (code, causes(told)) == (1, {"unreadable": 3, "missing": 1})
    why = {problem["file"]: problem["why"] for problem in told["problems"]}
    assert f"is the record of cell {younger.cell}" in why[f"cells/{other.cell[:2]}/{other.cell}.json"]
    assert "schema is 99" in why[f"cells/{younger.cell[:2]}/{younger.cell}.json"]
    assert all(problem["computed_again"] for problem in told["problems"])
    again = fusebench.run(tmp_path / "s.toml", plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    assert sum(again.trained.values()) == 4
    assert judge()[0] == 0


def test_a_changed_setting_is_told_as_stale(judge, ran, tools, tmp_path):
    tools.write_suite(tmp_path, VARIANTS, ["tiny"], [0, 1], epochs=3)
    code, told = judge()
    assert (code, causes(told)) == (1, {"stale": 6})
    assert {(p["variant"], p["dataset"], p["seed"]) for p in told["problems"]} == {
        (v, "tiny", s) for v in VARIANTS for s in (0, 1)
    }


def test_data_that_could_not_be_had_are_tried_again_and_failures_are_not(door, suite, stubs, tmp_path):
    suite(["stub", "stub(act=missing_file)"], ["tiny", "tiny(absent=true)"])
    door("run", "s.toml", "--plugin", stubs, "--jobs", 0, "--no-report")
    code, out, _ = door("verify", "s.toml", "--plugin", stubs, "--json")
    told = json.loads(out)
    assert (code, causes(told)) == (1, {"unavailable": 2})
    assert told["problems"][0]["why"] == "The tiny file is on no disk and on no server."
    assert told["notes"] == ["1 cells failed and are kept so: `--retry failed` computes them again."]


@pytest.mark.parametrize("harm", ["gone", "cut", "other", "short", "foreign"])
def test_predictions_are_those_that_the_record_speaks_of(judge, ran, harm):
    (record,) = (r for r in ran.records() if (r.variant, r.seed) == ("stub", 1))
    path = ran.root / "predictions" / f"{record.cell}.npz"
    held = ran.predictions(record.cell)
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    elif harm == "other":
        ran.put_predictions(record.cell, held["validation"] - 1, held["test"])
    elif harm == "short":
        digest = ran.put_predictions(record.cell, held["validation"], held["test"][1:])
        rewrite(ran, seed=1, predictions=digest)
    else:
        np.savez(path, other=np.zeros(3))
    code, told = judge()
    assert (code, causes(told)) == (1, {"predictions": 1})
    (problem,) = told["problems"]
    assert (problem["variant"], problem["seed"], problem["computed_again"]) == ("stub", 1, False)
    words = {"gone": "is not there", "other": "another SHA-256", "short": "its split has"}
    assert words.get(harm, "cannot be read") in problem["why"]


def test_a_split_and_a_stage_that_are_not_whole_are_named(judge, ran):
    (record,) = (r for r in ran.records() if (r.variant, r.seed) == ("stub", 0))
    split = ran.root / "splits" / f"{record.split}.npz"
    split.write_bytes(split.read_bytes()[:50])
    models = sorted(ran.root.glob("stages/*/*.pt"))
    models[0].write_bytes(models[0].read_bytes() + b"x")
    models[1].unlink()
    models[2].with_suffix(".json").write_text("{")
    code, told = judge()
    assert (code, causes(told)) == (1, {"split": 3, "stage": 3})
    named = {p["file"].rsplit("/", 1)[1] for p in told["problems"] if p["cause"] == "stage"}
    assert named == {models[0].name, models[1].name, models[2].with_suffix(".json").name}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "0.5", 1.5])
def test_a_metric_that_cannot_be_is_named(judge, ran, value):
    (record,) = (r for r in ran.records() if (r.variant, r.seed) == ("stub", 0))
    rewrite(ran, metrics={**record.metrics, "accuracy": value})
    code, told = judge()
    assert (code, causes(told)) == (1, {"record": 1})
    assert told["problems"][0]["why"].startswith(f"accuracy is {value!r}")


def test_what_may_be_undefined_or_unmeasured_is_no_fault(judge, ran):
    (record,) = (r for r in ran.records() if (r.variant, r.seed) == ("stub", 0))
    undefined = {"auroc": None, "validation_auroc": None, "average_precision": None}
    rewrite(ran, metrics={**record.metrics, **undefined}, memory=None, flops=None, epoch=None)
    assert judge()[0] == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"metrics": {"log_loss": 1.0}}, "it holds no accuracy"),
        ({"epoch": -1}, "epoch is -1"),
        ({"memory": 0.5}, "memory is 0.5"),
        ({"times": {"wall_own": float("nan")}}, "times.wall_own is nan"),
        ({"phases": {"load": -1.0}}, "phases.load is -1.0"),
        ({"phases": {"load": "long"}}, "phases.load is 'long'"),
    ],
)
def test_fields_that_cannot_be_right(ran, fields, words):
    record = next(iter(ran.records()))
    assert not list(record_faults(record))
    assert words in " ".join(record_faults(from_json(record.to_json() | fields)))


def test_a_damaged_suite_json_and_timing_are_told(judge, ran):
    timing = next(iter((ran.root / "timing").glob("*.json")))
    timing.write_text("{")
    assert causes(judge()[1]) == {"timing": 1}
    ran.suite_file.write_text(ran.suite_file.read_text()[:-9])
    for name in ("s.toml", str(ran.root)):
        code, told = judge(name)
        assert (code, causes(told)) == (1, {"suite": 1, "timing": 1})
        assert "not compared with a plan" in told["notes"][0]


def test_remains_are_told_and_are_no_problem(judge, ran):
    (record,) = (r for r in ran.records() if (r.variant, r.seed) == ("stub", 0))
    path = ran.path(record.cell)
    path.with_name(".tmp-1234.json").write_text("{")
    old = hashlib.sha256(b"old").hexdigest()[:32]
    ran.path(old).parent.mkdir(exist_ok=True)
    for name, fields in ((old, {}), ("f" * 32, {"variant": "no_more"})):
        ran.path(name).parent.mkdir(exist_ok=True)
        ran.path(name).write_text(json.dumps(record.to_json() | {"cell": name} | fields))
        shutil.copy(*(ran.root / "predictions" / f"{cell}.npz" for cell in (record.cell, name)))
    code, told = judge()
    assert (code, told["problems"], len(told["notes"])) == (0, [], 3)


def test_a_suite_that_is_named_by_its_file_is_counted(door, stubs, ran):
    code, out, _ = door("status", "s.toml", "--plugin", stubs)
    assert (code, "6 ok" in out) == (0, True)


def test_what_is_not_timed_yet_is_told_and_is_no_problem(judge, ran):
    assert judge()[1]["notes"] == []
    (file, *_) = (ran.root / "timing").glob("*.json")
    file.unlink()
    code, told = judge()
    note = "Not timed yet: 1 (variant, data set); a rerun, or `fusebench time`, times them."
    assert (code, told["problems"], told["notes"]) == (0, [], [note])


def test_a_packed_run_is_checked_as_far_as_it_goes(judge, ran, door, stubs, tmp_path):
    packed = Store(tmp_path / "packed")
    ran.pack(packed.root, [r.cell for r in ran.records()])
    packed.put_suite(ran.suite())
    code, told = judge(str(packed.root))
    assert (code, told["records"], told["problems"]) == (0, 6, [])
    assert "no predictions" in told["notes"][0]
    lines = packed.packed.read_text().splitlines()
    broken = json.loads(lines[1])
    broken["metrics"]["log_loss"] = float("nan")
    packed.packed.write_text("\n".join([lines[0][:80], json.dumps(broken), *lines[2:]]) + "\n")
    code, told = judge(str(packed.root))
    assert (code, causes(told)) == (1, {"unreadable": 1, "missing": 1, "record": 1})
    assert told["problems"][0]["file"] == "records.jsonl:1"


def test_lines_are_grouped_by_cause_and_a_mistake_is_one_sentence(door, stubs, ran, tools, tmp_path):
    code, out, _ = door("verify", "s.toml", "--plugin", stubs)
    assert (code, out.count("\n")) == (0, 1)
    assert "6 records read" in out
    assert "all is well" in out
    for record in ran.records():
        if record.variant == "stub":
            ran.path(record.cell).unlink()
    code, out, _ = door("verify", "s.toml", "--plugin", stubs)
    assert code == 1
    assert out.splitlines()[1] == "cells without a record (2), computed by a rerun:"
    assert out.splitlines()[2] == "  stub on tiny, seed 0: nothing is stored of it"
    code, out, err = door("verify", "no_such_suite")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_own_data_that_are_not_at_hand_are_compared_with_the_stored_plan(door, suite, stubs, tmp_path):
    own = fusebench.from_arrays("mine", {"x": [[float(i)] for i in range(40)]}, [0, 1] * 20)
    fusebench.run(suite(), data=own, plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    code, out, _ = door("verify", "s-mine", "--plugin", stubs, "--json")
    told = json.loads(out)
    assert (code, told["records"], told["problems"]) == (0, 1, [])
    assert "stored plan" in told["notes"][0]
