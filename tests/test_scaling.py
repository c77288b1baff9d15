"""Scaling on paper: schedules computed by hand, bounds that none beats, the real scheduler's own order."""

import json
import random
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from fusebench import datasets, fusion
from fusebench import scaling as door
from fusebench.benchmarks import plan, scaling, scaling_costs, scaling_jobs, session
from fusebench.benchmarks.job import Outcome
from fusebench.benchmarks.options import Options
from fusebench.benchmarks.run import run as real_run
from fusebench.benchmarks.scaling_replay import PARTS, Costs, Work, replay
from fusebench.benchmarks.suite import check
from fusebench.core.errors import FusebenchError
from fusebench.reports import scaling as drawing
from fusebench.results.record import Record
from fusebench.results.recorded import Cost, recorded
from fusebench.results.store import Store

ROOT = Path(__file__).parents[1]
FREE = Costs()
THREE = [Work(4.0), Work(3.0), Work(2.0)]
CHAIN = [Work(5.0), Work(1.0), Work(2.0, (0,)), Work(1.0, (0, 1))]  # two stages, then two cells


def spent(made):
    return {part: seconds for part, seconds in made.spent.items() if seconds > 1e-9}


# ---- by hand


def test_three_jobs_on_two_workers():
    made = replay(THREE, 2, FREE)
    assert (made.makespan, made.order) == (5.0, (0, 1, 2))  # 4 | 3 + 2
    assert spent(made) == {"computing": 9.0, "tail": 1.0}


def test_cells_wait_for_their_stage_while_others_have_nothing_to_do():
    made = replay(CHAIN, 2, FREE)
    assert (made.makespan, made.order) == (7.0, (0, 1, 2, 3))  # 5 + 2 | 1, idle until 5, 1, idle until 7
    assert spent(made) == {"computing": 9.0, "waiting": 4.0, "tail": 1.0}


def test_a_job_that_is_ready_overtakes_one_that_waits():
    works = [Work(3.0), Work(9.0, (0,)), Work(1.0), Work(1.0)]
    assert replay(works, 2, FREE).order == (0, 2, 3, 1)
    assert replay(works, 1, FREE).order == (0, 1, 2, 3)


def test_workers_start_once_and_all_at_the_same_time():
    made = replay(THREE, 2, Costs(start=10.0))
    assert made.makespan == 15.0
    assert spent(made) == {"computing": 9.0, "starting": 20.0, "tail": 1.0}
    idle = replay([Work(1.0)], 3, Costs(start=10.0))  # the two that get nothing start all the same
    assert spent(idle) == {"computing": 1.0, "starting": 30.0, "tail": 2.0}


def test_the_driver_does_one_thing_after_another():
    # handed out at 1 and 2, ended at 5 and 6; the first result is taken at 7, the second at 9
    made = replay([Work(4.0), Work(4.0)], 2, Costs(hand_out=1.0, take=1.5, store=0.5))
    assert made.makespan == 9.0
    assert spent(made) == {"computing": 8.0, "driver": 10.0}


def test_a_busy_driver_bounds_the_throughput():
    works, costs = [Work(0.5)] * 1000, Costs(hand_out=0.01, take=0.02, store=0.07)
    made = {workers: replay(works, workers, costs) for workers in (1, 100, 1000)}
    for workers in (100, 1000):
        assert 1000 / made[workers].makespan == pytest.approx(1 / 0.1, rel=0.01)
        assert made[workers].spent["driver"] > 0.9 * (workers * made[workers].makespan - 500)
    assert made[1].makespan == pytest.approx(1000 * 0.6)


def test_looking_at_many_running_jobs_costs_the_driver_more():
    works = [Work(1.0)] * 20
    alone, many = (replay(works, 20, Costs(look=look)).makespan for look in (0.0, 0.01))
    assert many == pytest.approx(alone + 20 * 0.01)  # all end at once: it wakes once


def test_a_job_on_its_way_keeps_its_worker_from_the_next_but_not_the_driver():
    made = replay([Work(1.0)] * 4, 2, Costs(gap=0.25, record=0.5))
    assert made.makespan == 3.5
    assert spent(made) == {"computing": 4.0, "recording": 2.0, "driver": pytest.approx(1.0)}


def test_a_worker_reads_rows_that_it_does_not_hold():
    works = [Work(1.0, rows=rows) for rows in ("a", "b", "a", "a", "b")]
    made = replay(works, 2, Costs(read=0.5))
    # 0: reads a until 0.5, works until 1.5; a again until 2.5; reads b, works until 4. 1: reads b, then a, until 3
    assert (made.makespan, made.order) == (4.0, (0, 1, 2, 3, 4))
    assert spent(made) == {"computing": 5.0, "reading": 2.0, "tail": 1.0}
    many = [Work(1.0, rows=str(number)) for number in (*range(12), 0, 12, 1)]  # 12 are held, the oldest goes
    assert replay(many, 1, Costs(read=0.5)).spent["reading"] == 0.5 * 14


def test_the_job_of_a_lost_worker_is_begun_anew():
    made = replay(THREE, 2, Costs(start=1.0), [(3.0, 0)])
    # 0 runs from 1 until it is lost at 3, is again first in line, and begins on the worker that starts until 4
    assert made.order == (0, 1, 0, 2)
    assert made.makespan == 8.0  # 0: 4 to 8; 1: 1 to 4; 2: 4 to 6
    assert spent(made) == {"computing": 9.0, "starting": 2.0, "lost": 3.0, "tail": 2.0}


def test_losses_come_as_often_as_asked_and_fall_on_every_worker():
    drawn = list(islice(scaling.losses(10, 24.0), 5000))
    assert drawn[-1][0] == pytest.approx(5000 * 360, rel=0.05)  # ten workers, each lost once an hour
    assert {worker for _, worker in drawn} == set(range(10))
    assert list(scaling.losses(10, 0.0)) == []


@pytest.mark.parametrize(("workers", "works"), [(0, THREE), (1, [Work(1.0, (1,)), Work(1.0, (0,))])])
def test_what_can_never_end_is_refused(workers, works):
    with pytest.raises(ValueError, match=r"worker|wait for each other"):
        replay(works, workers, FREE)


# ---- whatever the jobs are


def many(seed):
    drawn = random.Random(seed)
    stages = [Work(drawn.uniform(0, 9)) for _ in range(drawn.randrange(1, 9))]
    count = drawn.randrange(20, 60)
    waits = [tuple(drawn.sample(range(len(stages)), drawn.randrange(len(stages)))) for _ in range(count)]
    return [*stages, *(Work(drawn.uniform(0, 4), each, rows=drawn.choice("ab")) for each in waits)]


COSTS = Costs(start=2.0, hand_out=0.02, take=0.01, store=0.03, look=0.001, gap=0.004, record=0.1, read=0.3)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("costs", [FREE, COSTS])
def test_no_makespan_beats_a_bound_and_all_time_is_accounted_for(seed, costs):
    works = many(seed)
    for workers in (1, 2, 3, 8, 50):
        for lost in ((), islice(scaling.losses(workers, 2000.0, seed), 40)):
            made = replay(works, workers, costs, lost)
            least = scaling.bounds(works, workers, costs)
            assert made.makespan >= max(least.values()) - 1e-9
            assert sum(made.spent.values()) == pytest.approx(workers * made.makespan)
            assert min(made.spent.values()) >= 0.0
            assert set(made.order) == set(range(len(works)))


def test_bounds_by_hand():
    found = scaling.bounds(CHAIN, 2, Costs(start=10.0, hand_out=1.0, take=2.0, store=3.0))
    assert found == {"path": 10 + (5 + 5) + 1 + (2 + 5), "work": 10 + 9 / 2, "driver": 4 * 6.0}


def test_one_worker_has_an_efficiency_of_one_with_all_costs():
    rows = scaling.table(many(0), COSTS, [1, 2, 4])
    assert rows[0]["efficiency"] == rows[0]["speed_up"] == 1.0
    assert rows[0]["starting"] > 0 and rows[0]["driver"] > 0  # though not all of it is computing
    assert rows[2]["speed_up"] == pytest.approx(4 * rows[2]["efficiency"])
    assert all(sum(row[part] for part in PARTS) == pytest.approx(1.0) for row in rows)


def test_numbers_of_workers_double_until_the_last():
    assert scaling.doublings(1000) == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
    assert scaling.doublings(8) == (1, 2, 4, 8)
    assert scaling.doublings(1) == (1,)


def test_workers_that_write_their_records_take_the_drivers_place_at_it():
    assert scaling.in_workers(COSTS) == replace(COSTS, store=0.0, record=0.13)


# ---- a run's jobs

SETS = ("synthetic_private(rows=60,test_rows=50)", "synthetic_redundant(rows=60,test_rows=50)")
VARIANTS = ("unimodal", "late_mean", "merge_sum", "early_concat_logreg", "contrastive_pretrain_concat")


@pytest.fixture(scope="module")
def planned():
    fusion.load_all()
    datasets.load_all()
    table = {"name": "s", "variants": list(VARIANTS), "datasets": list(SETS), "seeds": [0, 1]}
    return plan.make(check({"suite": table, "training": {"epochs": 2}}, "s"))


def described(planned):
    """Return what of suite.json is read here."""
    stages = {s.hash: s for cell in planned.cells for s in cell.stages.values()}
    axes = {c.variant: fusion.resolve(c.variant)[0].axes for c in planned.cells}
    return {
        "name": "s",
        "seeds": [0, 1],
        "training": planned.suite.training.model_dump(mode="json"),
        "variants": {name: asdict(each) for name, each in axes.items()},
        "datasets": {name: _told(source) for name, source in planned.sources.items()},
        "plan": {
            "cells": [
                {"cell": c.hash, "variant": c.variant, "dataset": c.dataset, "seed": c.seed}
                | {"stages": sorted(stage.hash for stage in c.stages.values())}
                for c in planned.cells
            ],
            "stages": [
                {"stage": s.hash, "name": s.name, "dataset": s.dataset, "seed": s.seed} for s in stages.values()
            ],
        },
    }


def _told(source):
    shapes = [{"shape": list(modality.shape)} for modality in source.modalities]
    return {"rows": source.rows, "modalities": shapes, "classes": list(source.classes)}


@pytest.fixture(scope="module")
def run(planned, tmp_path_factory):
    """A run without training: times drawn at random, stages' sums as cells would tell them."""
    store = Store(tmp_path_factory.mktemp("runs") / "s")
    drawn = random.Random(5)
    stages = {stage.hash: round(drawn.uniform(0.1, 9), 3) for stage in planned.stages}
    for cell in planned.cells:
        own = cell.stages.get(cell.variant)
        times = {"wall_own": stages[own.hash] if own else round(drawn.uniform(0.1, 9), 3), "wall_predict": 0.25}
        times["wall_shared"] = 0.0 if own else sum(stages[stage.hash] for stage in cell.stages.values())
        used = tuple(sorted(stage.hash for stage in cell.stages.values()))
        store.put(Record(cell.hash, *cell.key, 0, "ok", times=times, stages=used, environment="here"))
    store.put_suite(described(planned))
    return store, stages


class Pool:
    """What a run sees of its workers, in simulated time and without a process."""

    made = None

    def __init__(self, count, *limits):
        Pool.made = self
        self.count, self.now, self.ends, self.order = count, 0.0, {}, []

    @property
    def running(self):
        return [job for _, job in self.ends.values()]

    @property
    def free(self):
        return self.count - len(self.ends)

    def start(self, job):
        name = f"{job.kind} {job.name} on {job.dataset}, seed {job.seed}"
        self.order.append(name)
        self.ends[name] = (self.now + self.seconds[name], job)

    def finished(self, *patience):
        self.now = min(end for end, _ in self.ends.values())
        done = {name: job for name, (end, job) in self.ends.items() if end == self.now}
        for name in done:
            del self.ends[name]
        return [(job, Outcome("ok", stored=True)) for job in done.values()]

    def close(self, now=False):
        assert not self.ends and not now


@pytest.mark.parametrize("workers", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 100))])
def test_jobs_are_handed_out_in_a_real_runs_order(planned, run, tmp_path, monkeypatch, workers):
    stored, _ = run
    reference = recorded(stored.root.parent)
    jobs = scaling_jobs.load(stored, reference)
    expected = {key: cost.seconds for key, cost in reference.items()}
    monkeypatch.setattr(Pool, "seconds", {work.name: work.seconds for work in jobs.works}, raising=False)
    monkeypatch.setattr(session, "Workers", Pool)
    real_run(planned.suite, Options(jobs=workers, quiet=True, expected=expected, out=tmp_path))
    made = replay(jobs.works, workers, FREE)
    assert [jobs.works[place].name for place in made.order] == Pool.made.order
    assert made.makespan == pytest.approx(Pool.made.now)
    assert len(Pool.made.order) == len(set(Pool.made.order)) == len(jobs.works)


def test_a_baseline_is_trained_as_its_stage_and_only_scored_as_a_cell(run):
    store, stages = run
    jobs = scaling_jobs.load(store)
    assert (jobs.cells, jobs.stages, jobs.left_out) == (2 * 2 * (3 + 4), len(stages), 0)
    assert (jobs.seeds, jobs.repeated, jobs.machines) == ((0, 1), (), ("here",))
    held, title = {work.name: work for work in jobs.works}, f"unimodal(modality=audio) on {SETS[0]}, seed 1"
    stage, cell = held[f"stage {title}"], held[f"cell {title}"]
    assert stage.seconds == stages[next(r.stages[0] for r in store.records() if title == _titled(r))]
    assert cell.seconds == 0.25
    assert [jobs.works[place] for place in cell.waits] == [stage]
    assert sum(work.seconds for work in jobs.works) == pytest.approx(_total(store))


def _titled(record):
    return f"{record.variant} on {record.dataset}, seed {record.seed}"


def _total(store):
    """Return all seconds of a run of `VARIANTS`, of which two have stages that are also counted elsewhere."""
    own = sum(record.spent for record in store.records())
    apart = ("contrastive_pretrain_concat",)
    return own + sum(record.times["wall_shared"] for record in store.records() if record.variant in apart)


def test_seeds_that_were_not_run_repeat_the_first(planned, run, tmp_path):
    store, _ = run
    part = Store(tmp_path / "part")
    for record in store.records():
        if record.seed == 0:
            part.put(record)
    part.put_suite(store.suite())
    jobs = scaling_jobs.load(part, {})
    half = len(jobs.works) // 2
    assert (jobs.seeds, jobs.repeated, jobs.left_out) == ((0,), (1,), len(planned.cells) // 2)
    assert [work.seconds for work in jobs.works[half:]] == [work.seconds for work in jobs.works[:half]]
    assert all(place >= half for work in jobs.works[half:] for place in work.waits)
    assert len(scaling_jobs.load(part, {}, every_seed=False).works) == half


def stages_of(known, cells):
    """Return what is learnt of stages from cells told as variant, stages used, own and shared seconds."""
    suite = {
        "plan": {
            "stages": [{"stage": stage, "name": name} for stage, name in known.items()],
            "cells": [{"cell": v, "variant": v, "stages": list(used)} for v, used, _, _ in cells],
        }
    }
    records = {
        variant: Record(variant, variant, "d", 0, 0, "ok", times={"wall_own": own, "wall_shared": shared})
        for variant, _, own, shared in cells
    }
    return scaling_jobs.stage_seconds(Store(Path("nowhere")), suite, records)


def test_how_stages_seconds_are_known():
    known = {"a": "expert", "b": "alone", "c": "rest", "d": "left", "e": "over"}
    cells = [("expert", "a", 4.0, 0.0), ("x", "b", 1.0, 6.0), ("y", "abc", 1.0, 12.0), ("z", "ade", 1.0, 10.0)]
    assert stages_of(known, cells) == {
        "a": (4.0, "baseline"),
        "b": (6.0, "alone"),
        "c": (2.0, "difference"),
        "d": (3.0, "equal part"),
        "e": (3.0, "equal part"),
    }
    assert stages_of({"a": "expert"}, []) == {}


def test_a_stage_that_is_there_tells_its_seconds_itself(run, tmp_path):
    store, stages = run
    for hash in stages:
        path = store.stage_path(hash)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"wall": 7.0}))
    try:
        jobs = scaling_jobs.load(store)
    finally:
        for hash in stages:
            store.stage_path(hash).unlink()
    assert jobs.known == {"file": len(stages)}
    assert [work.seconds for work in jobs.works if not work.waits].count(7.0) == len(stages)


def test_a_run_without_a_recorded_time_is_refused(planned, tmp_path):
    store = Store(tmp_path / "s")
    store.put_suite(described(planned))
    with pytest.raises(FusebenchError, match="no cell with a recorded time"):
        scaling_jobs.load(store)


LOG = """\
      0.0 s: 3 of 3 cells to compute, about 9 s on 2 workers of one thread, 0 MB.
      9.0 cell aaaaaaaaaaaa ok 1.0s late_mean on d, seed 0
      0.1 s: 2 of 3 cells to compute, about 9 s on 1 worker of one thread, 0 MB.
      3.5 stage 0123456789ab ok 3.1s x on d, seed 0
      5.2 cell fedcba987654 failed 1.5s y on d, seed 0
Traceback of 7.0 cell fedc ok
      6.0 timing 0123456789ab ok 0.5s 3 variants on d, seed 0
"""


def test_the_latest_run_of_a_log_counts_until_its_last_cell(tmp_path):
    (tmp_path / "run.log").write_text(LOG, encoding="utf-8")
    assert scaling_jobs.logged(Store(tmp_path)) == (1, 2, 5.2)
    (tmp_path / "run.log").write_text(LOG.replace("1 worker of one thread", "this process, one thread"))
    with pytest.raises(FusebenchError, match="no run with worker processes"):
        scaling_jobs.logged(Store(tmp_path))
    with pytest.raises(FusebenchError, match="no run with worker processes"):
        scaling_jobs.logged(Store(tmp_path / "nothing"))


def test_a_prediction_is_held_against_a_log(run):
    store, _ = run
    (store.root / "run.log").write_text(LOG, encoding="utf-8")
    told = scaling.check(store, Costs(start=1.0, store=0.5))
    total = 1.0 + sum(work.seconds + 0.5 for work in scaling_jobs.load(store).works)
    assert told["predicted"] == pytest.approx(total)
    assert (told["measured"], told["ratio"], told["workers"]) == (5.2, pytest.approx(total / 5.2), 1)


@pytest.mark.skipif(not (ROOT / "results" / "reference" / "full").is_dir(), reason="no reference run is committed")
def test_the_reference_run_of_full_gives_all_its_seeds():
    jobs = scaling_jobs.load(Store(ROOT / "results" / "reference" / "full"))
    seeds = len(jobs.seeds) + len(jobs.repeated)
    assert len(jobs.works) * len(jobs.seeds) == (jobs.cells + jobs.stages) * seeds
    assert sum(jobs.known.values()) == jobs.stages and set(jobs.known) <= set(scaling_jobs.HOW)
    assert all(work.seconds >= 0 for work in jobs.works)


# ---- costs, file and figure


@pytest.mark.nightly
def test_costs_are_measured_with_real_workers(run, tmp_path):
    made = scaling_costs.measure(run[0], tmp_path / "perf", jobs=3, rounds=2)
    told = made.to_json()
    assert scaling_costs.measured(json.loads(json.dumps(told))) == made
    assert made.costs.start > made.costs.hand_out > 0 and made.costs.store > 0 and made.costs.record > 0
    assert set(made.spread) == set(told["costs"])
    assert all(low <= told["costs"][name] <= high for name, (low, high) in made.spread.items())
    assert list((tmp_path / "perf").iterdir()) == []


def prediction(name, efficiency, repeated=()):
    rows = [
        {"workers": w, "makespan": 100 / w, "speed_up": w * e, "efficiency": e, "bound": 1.0}
        | dict.fromkeys(PARTS, 0.0)
        | {"computing": e, "waiting": 1 - e}
        for w, e in efficiency.items()
    ]
    told = {"run": name, "jobs": 1234, "seconds": 9000.0, "seeds": [0], "repeated": list(repeated), "rows": rows}
    return told | {"losses_a_day": 0.0, "rows_in_workers": rows, "bounds": {"path": 33.0}}


def test_from_how_many_workers_on_efficiency_is_low():
    rows = prediction("quick", {1: 1.0, 10: 0.9, 100: 0.7, 1000: 0.1})["rows"]
    assert drawing.limit(rows) == pytest.approx(10**1.5)
    assert drawing.limit(rows[:2]) is None
    assert drawing.limit(rows, good=1.1) == 1
    assert drawing.dominant(rows[2]) == "waiting"


def test_the_figure_is_drawn_from_the_file_alone(tmp_path):
    held = scaling_costs.Measured(COSTS, {}, {"processor": "a processor"})
    checks = [{"run": "s", "jobs": 12, "workers": 2, "measured": 60.0, "predicted": 57.0}]
    runs = [
        prediction("quick", {1: 1.0, 10: 0.9, 100: 0.7}),
        prediction("full", {1: 1.0, 10: 0.95, 100: 0.9}, (1, 2, 3)),
    ]
    told = {"measured": held.to_json(), "checks": checks, "runs": runs}
    (tmp_path / "scaling.json").write_text(json.dumps(told))
    drawing.draw(tmp_path / "scaling.json", tmp_path / "figures" / "scaling.png")
    assert Image.open(tmp_path / "figures" / "scaling.png").size[0] > 1000
    said = drawing.notes(told)
    assert "Of full, seeds 1–3 were not run: the recorded times of seed 0 stand in" in said
    assert "the longest chain of jobs alone take 33 s in quick and 33 s in full." in said
    loaded = drawing.notes(told | {"measured": held.to_json() | {"load": 1.5}})
    assert "busy" not in said and "while other processes kept 1.5 cores busy" in loaded
    assert "30.0 ms of the driver for a job and 30.0 ms to store its result, 2.0 s to start a worker" in said
    assert "A real run of s (12 jobs on 2 workers): 60 s, predicted 57 s." in said
    assert drawing.title(runs[1]) == "full (4 seeds, 1,234 jobs, 2.5 h of work)"


def test_the_door_writes_numbers_table_and_figure_from_stored_costs(run, tmp_path):
    folder = tmp_path / "results" / "perf"
    folder.mkdir(parents=True)
    with pytest.raises(FusebenchError, match="--stored-costs"):
        door.make([str(run[0].root)], stored_costs=True, out=tmp_path)
    held = {"measured": scaling_costs.Measured(COSTS, {}, {}).to_json(), "checks": [], "runs": []}
    (folder / "scaling.json").write_text(json.dumps(held))
    target = door.make([str(run[0].root)], door.numbers("1, 3"), stored_costs=True, out=tmp_path)
    (told,) = json.loads(target.read_bytes())["runs"]
    assert [row["workers"] for row in told["rows"]] == [1, 3]
    assert (told["rows"][0]["efficiency"], told["jobs"]) == (1.0, 28 + len(run[1]))
    lines = (folder / "scaling.csv").read_text().splitlines()
    assert lines[0] == ",".join(scaling.COLUMNS)
    assert [line.split(",")[:2] for line in lines[1:]] == [["s", "1"], ["s", "3"]]
    assert (folder / "figures" / "scaling.png").is_file()


@pytest.mark.parametrize("text", ["0", "2,x", "1,,2", "-1"])
def test_numbers_of_workers_are_whole_and_positive(text):
    with pytest.raises(FusebenchError, match="is not a whole number from 1"):
        door.numbers(text)
    assert door.numbers("8,2,8") == (2, 8)
    assert door.numbers("") == ()


def test_the_reference_argument_decides_the_order_alone(run):
    store, _ = run
    name = "merge_sum"
    size = next(iter(recorded(store.root.parent).values())).size
    last = scaling_jobs.load(store, {(name, dataset): Cost(0.0, size) for dataset in SETS})
    half = len(last.works) // 2
    assert {work.name.split(" ")[1] for work in last.works[half - 2 : half]} == {name}
    assert sum(work.seconds for work in last.works) == sum(work.seconds for work in scaling_jobs.load(store).works)
