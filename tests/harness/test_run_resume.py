"""What is done the store alone knows: resuming, repairing, stale results, several runs at once."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import fusebench
from fusebench.benchmarks.options import Options
from fusebench.benchmarks.run import run as compute
from fusebench.benchmarks.run import stored_counts

TWO_SETS = ["tiny", "tiny(training=80)"]


@pytest.fixture
def run(stubs, tmp_path):
    """Run in this process, without report."""

    def go(path, **choice):
        settings = dict(plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
        return fusebench.run(path, **(settings | choice))

    return go


def numbered(count):
    return [f"stub(number={i})" for i in range(1, count + 1)]


# ---- S01

RACE = """
import json, multiprocessing, sys
from pathlib import Path
import fusebench
from fusebench.benchmarks.run import run          # imported before the race begins
from fusebench.benchmarks import plan
from fusebench import datasets, fusion

SLICES = [                                          # four halves and four that overlap them all
    dict(shard="1/4"), dict(shard="2/4"), dict(shard="3/4"), dict(shard="4/4"),
    dict(variants=["stub(number=1),stub(number=2),stub(number=3)"]), dict(seeds=[0]),
    dict(datasets=["tiny"]), dict(seeds=[1]),
]

def racer(number, gate, stubs, toml, repeats):
    for turn in range(repeats):
        gate.wait()
        fusebench.run(toml, out=f"out{turn}", plugins=[stubs], jobs=0, quiet=True, report=False, **SLICES[number])

if __name__ == "__main__":
    stubs, toml, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3])
    fusion.load_all(); datasets.load_all(); fusion.load_plugins((stubs,))
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(len(SLICES))
    racers = [context.Process(target=racer, args=(i, gate, stubs, toml, repeats)) for i in range(len(SLICES))]
    [process.start() for process in racers]
    [process.join() for process in racers]
    sys.exit(any(process.exitcode for process in racers))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the race starts by forking")
@pytest.mark.parametrize("repeats", [1, pytest.param(20, marks=pytest.mark.nightly)])
def test_eight_runs_at_once_lose_no_cell_and_double_none(stubs, suite, tmp_path, tools, repeats):
    path = suite(numbered(10), TWO_SETS, [0, 1])
    (tmp_path / "race.py").write_text(RACE)
    command = [sys.executable, "-P", "race.py", str(stubs), str(path), str(repeats)]
    ended = subprocess.run(command, cwd=tmp_path, env=tools.environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    planned = {(v, d, s) for v in numbered(10) for d in TWO_SETS for s in (0, 1)}
    for turn in range(repeats):
        held = tools.Stored(tmp_path / f"out{turn}")
        assert len(held.files) == 40
        assert set(held.records) == planned
        assert {record.status for record in held.records.values()} == {"ok"}
        frame = fusebench.load_results("s", tmp_path / f"out{turn}")
        assert set(frame[["variant", "dataset", "seed"]].itertuples(index=False, name=None)) == planned
        assert len(frame) == 40
        assert not frame[["accuracy", "log_loss", "cell", "latency_p50"]].isna().any(axis=None)
        assert not list(held.root.rglob(".tmp-*"))


# ---- S02


def test_broken_records_alone_are_computed_again_and_named_once(door, run, suite, stored, stubs):
    path = suite(numbered(6), TWO_SETS)
    assert run(path).counts["ok"] == 12
    cut, empty, *others = stored.files
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    empty.write_bytes(b"")
    orphan = cut.with_name(f".tmp-abc{cut.suffix}")
    orphan.write_text(others[0].read_text())
    before, trained = stored.bytes(), stored.trained()
    _, out, err = door("status", "s.toml", "--plugin", stubs, "--json")
    counts = json.loads(out)
    assert (counts["planned"], counts["ok"], counts["missing"]) == (12, 10, 2)
    assert all(err.count(path.name) == 1 for path in (cut, empty))
    code, out, err = door("run", "s.toml", "--plugin", stubs, "--jobs", 0, "--no-report")
    assert code == 0
    assert all((err + out).count(path.name) == 1 for path in (cut, empty))
    assert orphan.name not in err + out
    assert stored.trained() - trained == 2
    assert "12 ok" in out
    after = stored.bytes()
    assert {path.name for path in others} <= {name for name in after if after[name] == before.get(name)}
    assert len(stored.records) == 12


def test_a_record_under_another_cells_name_is_broken(run, suite, stored):
    path = suite(numbered(2))
    run(path)
    first, second = stored.files
    shutil.copy(first, second)
    again = run(path)
    assert (sum(again.trained.values()), again.counts["ok"]) == (1, 2)


# ---- resuming


def test_a_second_run_trains_nothing_and_touches_no_record(run, suite, stored):
    path = suite(["merge_sum", "late_mean", *numbered(2)], ["synthetic_private(rows=60,test_rows=50)", "tiny"])
    first = run(path)
    assert sum(first.trained.values()) == 8
    before = stored.bytes()
    second = run(path)
    assert sum(second.trained.values()) == 0
    assert stored.bytes() == before
    assert second.counts == first.counts


def test_more_seeds_and_entries_compute_only_what_is_new(run, suite, stored):
    run(suite(numbered(2), seeds=[0]))
    before = stored.bytes()
    more = run(suite(["stub", *reversed(numbered(3))], ["tiny(training=80)", "tiny"], seeds=[1, 0]))
    assert sum(more.trained.values()) == 4 * 2 * 2 - 2
    assert before.items() <= stored.bytes().items()


def test_a_changed_setting_makes_cells_stale_until_they_are_computed_again(run, suite, stored, door, stubs):
    run(suite(numbered(2)))
    old = {path.name for path in stored.files}
    changed = suite(numbered(2), epochs=3)
    counts = json.loads(door("status", changed, "--plugin", stubs, "--json")[1])
    assert (counts["stale"], counts["ok"], counts["missing"]) == (2, 0, 0)
    again = run(changed)
    assert (again.counts["ok"], again.counts["stale"]) == (2, 0)
    assert {path.name for path in (stored.root / "stale").iterdir()} == old
    assert old.isdisjoint(path.name for path in stored.files)
    assert len(fusebench.load_results("s", stored.root.parents[1])) == 2


def test_shards_together_are_the_plan(run, suite, stored):
    path = suite(numbered(6), TWO_SETS)
    parts = [sum(run(path, shard=f"{i}/3").trained.values()) for i in (1, 2, 3)]
    assert sum(parts) == 12
    assert len(stored.records) == 12


def test_a_damaged_stage_is_trained_again_and_a_whole_one_is_not(run, suite, stored):
    path = suite(["late_mean", "late_product"], ["tiny"])
    run(path, variants=["late_mean"])
    files = sorted(stored.root.glob("stages/*/*.pt"))
    assert len(files) == 2
    kept, damaged = (file.stat().st_mtime_ns for file in files)
    whole = bytearray(files[1].read_bytes())
    whole[len(whole) // 2] ^= 255  # as long as before
    files[1].write_bytes(whole)
    damaged = files[1].stat().st_mtime_ns
    ended = run(path)
    assert (ended.counts["ok"], ended.exit_code) == (2, 0)
    assert files[0].stat().st_mtime_ns == kept
    assert files[1].stat().st_mtime_ns != damaged
    files[0].unlink()
    assert run(path, variants=["late_vote"]).exit_code == 0
    assert files[0].is_file()


def test_changed_rows_under_an_old_name_get_a_split_of_their_own(stubs, suite, tmp_path, tools):
    """Own data edited between two runs: reports must not read the old labels beside new predictions."""
    path = suite()
    rows = np.random.default_rng(0).normal(size=(60, 3))
    for flip in (0, 1):
        labels = (np.arange(60) + flip) % 2
        own = fusebench.from_arrays("mine", {"x": rows, "y": rows}, labels)
        fusebench.run(path, data=own, plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
        held = tools.Stored(tmp_path, "s-mine")
        (record,) = held.records.values()
        split = held.store.split(record.split)
        assert split["test_labels"].tolist() == labels[split["test_ids"].astype(int)].tolist()
    assert len(list(held.root.glob("stale/*"))) == 1


def test_the_first_seed_is_reported_once_when_it_is_complete(suite, stubs, tmp_path, stored):
    """And it has been drawn before the first timing is taken."""
    told, drawn = [], tmp_path / "drawn"

    def draw(store, note):
        told.append((note, [record.seed for record in store.records()]))
        code = f"import time; time.sleep(0.5); open({str(drawn)!r}, 'w').close()"
        return subprocess.Popen([sys.executable, "-c", code])

    options = Options(plugins=(str(stubs),), out=tmp_path, jobs=0, quiet=True)
    compute(suite(numbered(3), seeds=[2, 0, 1]), options, draw)
    assert told == [("seed 0 of 3", [0, 0, 0])]
    timings = list(stored.root.glob("timing/*.json"))
    assert len(timings) == 3
    assert all(path.stat().st_mtime_ns >= drawn.stat().st_mtime_ns for path in timings)


# ---- S05

PLUGIN = '''
from fusebench.fusion import register

SHARE = 1.0

def helper(h):
    return SHARE * h.sum(0)

AXES = dict(architecture="late", data_fusion="merge", level="features", operator="x", tier="full")

@register("a_helped", **AXES)
def a_helped(h):
    """Sum through a helper."""
    return helper(h)

@register("b_alone", **AXES)
def b_alone(h):
    """Sum."""
    return h.sum(0)
'''


@pytest.mark.nightly
def test_a_changed_helper_recomputes_its_users_and_a_comment_nobody(cli, suite, stored, tmp_path):
    suite(["a_helped", "b_alone"], ["synthetic_private(rows=60,test_rows=50)"], epochs=1)
    plugin = tmp_path / "edited.py"

    def run_with(text):
        plugin.write_text(text)
        before = stored.trained()
        ended = cli("run", "s.toml", "--plugin", plugin, "--jobs", 0, "--no-report")
        assert ended.returncode == 0, ended.stderr
        return stored.trained() - before

    assert run_with(PLUGIN) == 2
    first = {record.variant: record.cell for record in stored.records.values()}
    commented = PLUGIN.replace('"""Sum."""', '"""The sum."""  # of b_alone')
    assert run_with(commented.replace("SHARE = 1.0", "SHARE = 0.5")) == 1
    second = {record.variant: record.cell for record in stored.records.values()}
    assert second["b_alone"] == first["b_alone"]
    assert second["a_helped"] != first["a_helped"]
    assert [path.stem for path in (stored.root / "stale").iterdir()] == [first["a_helped"]]


# ---- own data


def test_a_run_of_own_data_is_looked_at_and_not_resumed_without_it(door, suite, stubs, tmp_path):
    own = fusebench.from_arrays("mine", {"x": [[float(i)] for i in range(40)]}, [0, 1] * 20)
    fusebench.run(suite(), data=own, plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    counts = json.loads(door("status", "s-mine", "--json")[1])
    assert (counts["planned"], counts["ok"], counts["missing"]) == (1, 1, 0)
    code, out, err = door("run", "s-mine", "--plugin", stubs)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "own data 'mine'" in err


def test_counts_by_the_stored_plan(run, suite, stored):
    run(suite(numbered(3)), variants=numbered(2))
    counts = stored_counts(stored.store)
    assert (counts["planned"], counts["ok"], counts["missing"]) == (3, 2, 1)
