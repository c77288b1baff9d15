"""Cells on a cluster without Ray: parcels, checks of nodes, and what becomes of jobs when a node goes."""

import hashlib
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from fusebench.benchmarks.cluster import driver, environment, parcels
from fusebench.benchmarks.cluster.driver import RayWorkers
from fusebench.benchmarks.cluster.node import carry_out, clear, placed
from fusebench.benchmarks.cluster.nodes import Nodes
from fusebench.benchmarks.cluster.orders import Answer, Begun, Broken, Introduction, Lost, Shipment
from fusebench.benchmarks.cluster.remote import Node, Remote
from fusebench.benchmarks.job import NOT_STORED, Job, Outcome
from fusebench.core import sources
from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.results.store import Store


def parcel(**files):
    return {name.replace("__", "/"): np.frombuffer(text.encode(), dtype=np.uint8) for name, text in files.items()}


# ---- files in and out


def test_what_a_record_speaks_of_is_written_before_it(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(parcels, "write_atomic", lambda path, write: written.append(path.name))
    sent = {"cells/ab/ab.json": b"{}", "predictions/ab.npz": b"1", "splits/s.npz": b"2", "models/ab.pt": b"3"}
    parcels.deliver({name: np.frombuffer(held, np.uint8) for name, held in sent.items()}, tmp_path)
    assert sorted(written[:3]) == ["ab.npz", "ab.pt", "s.npz"]
    assert written[3:] == ["ab.json"]


@pytest.mark.parametrize(
    "name", ["../outside/x.json", "cells/../../x", "/etc/x", "suite.json", "a\\..\\x/y", "C:/x/y", ".", ""]
)
def test_a_file_that_belongs_in_no_folder_of_the_run_is_refused_and_nothing_is_written(tmp_path, name):
    sent = {"predictions/ab.npz": np.zeros(1, np.uint8), name: np.zeros(1, np.uint8)}
    with pytest.raises(FusebenchError, match="belongs in no folder"):
        parcels.deliver(sent, tmp_path / "run")
    assert list(tmp_path.rglob("*")) == []


def test_a_split_that_is_there_is_left_as_it_is(tmp_path):
    parcels.deliver(parcel(splits__a="first", cells__ab="one"), tmp_path)
    parcels.deliver(parcel(splits__a="second", cells__ab="two"), tmp_path)
    assert (tmp_path / "splits" / "a").read_text() == "first"
    assert (tmp_path / "cells" / "ab").read_text() == "two"


def test_what_is_unpacked_packs_to_the_same_parcel_and_lent_files_stay(tmp_path):
    sent = parcel(stages__ab__x="state", stages__ab__y="", rows="r")
    parcels.unpack(sent, tmp_path / "place")
    packed = parcels.pack(tmp_path / "place")
    assert parcels.fingerprint(packed) == parcels.fingerprint(sent)
    lent = parcels.lend(tmp_path / "place", tmp_path / "job")
    (tmp_path / "job" / "cells").mkdir()
    (tmp_path / "job" / "cells" / "c.json").write_text("{}")
    (tmp_path / "job" / "cells" / ".tmp-half").write_text("{")
    assert lent == set(sent)
    assert set(parcels.pack(tmp_path / "job", without=lent)) == {"cells/c.json"}
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_fingerprint_is_of_names_and_contents():
    seen = [parcel(a="1", b="2"), parcel(a="12", b=""), parcel(a="2", b="1"), parcel(a="1"), {}]
    assert len({parcels.fingerprint(each) for each in seen}) == 5
    assert parcels.fingerprint(parcel(b="2", a="1")) == parcels.fingerprint(seen[0])


# ---- the same program everywhere


def test_a_node_that_differs_is_named_with_both_values_and_what_to_do():
    here = environment.describe()
    assert {"Python", "torch", "numpy", environment.SOURCE} <= set(here)
    assert environment.differences(here, dict(here)) == []
    there = {**here, "torch": "1.0"}
    del there["scipy"]
    found = environment.differences(here, there)
    assert found == [("torch", here["torch"], "1.0"), ("scipy", here["scipy"], "absent")]
    text = str(environment.refusal("10.0.0.7", found))
    for words in ("Node 10.0.0.7", f"torch is 1.0 there and {here['torch']} here", "scipy is absent", "ray stop"):
        assert words in text


def test_the_source_hash_changes_with_a_file_of_code_and_with_nothing_beside_it(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    for place in ("__init__.py", "inner/__init__.py", "inner/a.py"):
        (tmp_path / place).write_text("x = 1\n")
    monkeypatch.setattr(sources, "folders", lambda room: [tmp_path])
    first = environment.source_hash()
    (tmp_path / "run_of_mine").mkdir()
    (tmp_path / "run_of_mine" / "suite.toml").write_text("y = 1\n")
    (tmp_path / "notes.txt").write_text("z\n")
    assert environment.source_hash() == first
    (tmp_path / "inner" / "a.py").write_text("x = 2\n")
    assert environment.source_hash() != first


# ---- what becomes of jobs, with a cluster that is told what happens


class FakeCluster:
    """Nodes and events as a test wants them; what was started and cancelled is noted."""

    def __init__(self, *cpus):
        self.there = [Node(f"id{i}", f"10.0.0.{i}", n, 0) for i, n in enumerate(cpus)]
        self.versions = {}  # node → what is other there
        self.events, self.started, self.cancelled, self.swept = [], [], [], []

    def nodes(self):
        return list(self.there)

    def put(self, value):
        return value

    def start(self, node, gpus, serve, order):
        self.started.append((node, order))
        return len(self.started) - 1

    def ask(self, node, gpus, function, *arguments):
        if function is driver.sweep:
            self.swept.append(node)
            handle, event = ("swept", node.id), None
        else:
            handle = ("asked", node.id)
            event = Introduction(environment.describe() | self.versions.get(node.id, {}), {"node": node.id})
        self.events.append((handle, event))
        return handle

    def hear(self, handles, patience):
        heard = [(handle, event) for handle, event in self.events if handle in handles]
        self.events = [each for each in self.events if each[0] not in handles]
        return heard

    def cancel(self, handle):
        self.cancelled.append(handle)

    def leave(self):
        pass

    def running_on(self, node):
        return [i for i, (each, _) in enumerate(self.started) if each is node and i not in self.cancelled]


ANSWER = Answer(Outcome("ok", "", 1.0, stored=True), parcel(predictions__a="p"))


@pytest.fixture
def crew(tmp_path, monkeypatch, stubs):
    """Make workers on a fake cluster; lines said are in `told`."""
    monkeypatch.setattr("fusebench.benchmarks.cluster.nodes.LOOK", 0.0)
    made = []

    def make(*cpus, **choice):
        cluster = FakeCluster(*cpus)
        told = []
        nodes = Nodes(cluster, "cpu", 1.0, told.append)
        nodes.admit()
        (tmp_path / "rows").mkdir(exist_ok=True)
        workers = RayWorkers(nodes, Store(tmp_path / "results"), **choice)
        made.append(workers)
        return cluster, workers, told

    yield make
    for workers in made:
        workers.here.close(now=True)


@pytest.fixture
def job(tmp_path):
    """Make a job of the stub."""

    def make(number, dataset="tiny"):
        cell = hashlib.sha256(str(number).encode()).hexdigest()
        return Job("cell", cell, f"stub(number={number})", dataset, 0, 0, Path(), {}, rows=tmp_path / "rows")

    return make


def test_a_node_runs_as_many_jobs_as_it_has_processors_and_keeps_one_waiting(crew, job):
    cluster, workers, _ = crew(2, 1, 0)
    assert workers.free == 5
    for number in range(5):
        workers.start(job(number))
    assert workers.free == 0
    assert Counter(node.id for node, _ in cluster.started) == {"id0": 3, "id1": 2}
    assert len(workers.running) == 5
    assert crew(2, 1, most=2)[1].free == 2


def test_orders_hold_rows_once_and_the_environment_of_their_node(crew, job):
    cluster, workers, _ = crew(1, 1)
    workers.start(job(1))
    workers.start(job(2))
    (one, first), (two, second) = cluster.started
    assert one is not two
    assert first.rows is second.rows
    assert first.job.environment != second.job.environment
    cluster.events += [(0, ANSWER), (1, ANSWER)]
    done = workers.finished(0)
    assert [each.environment for each, _ in done] == [first.job.environment, second.job.environment]
    assert (workers.store.root / "predictions" / "a").read_text() == "p"


@pytest.mark.parametrize("heard", [True, False])
def test_the_jobs_of_a_lost_node_go_to_another_and_it_is_told_once(crew, job, heard):
    cluster, workers, told = crew(2, 1)
    lost, other = cluster.there
    for number in range(2):
        workers.start(job(number))
    mine = cluster.running_on(lost)
    assert mine
    cluster.there.remove(lost)
    if heard:
        cluster.events += [(handle, Lost("NodeDiedError")) for handle in mine]
    assert workers.finished(0) == []
    workers.finished(0)
    assert told == [f"Node {lost.address} is lost; what ran there is put back."]
    cluster.events += [(handle, ANSWER) for handle in cluster.running_on(other)]
    assert [outcome.status for _, outcome in workers.finished(0)] == ["ok", "ok"]
    assert not workers.running
    assert workers.free == 2


def test_a_job_whose_node_is_lost_three_times_has_failed(crew, job):
    cluster, workers, told = crew(1, 1)
    workers.start(job(1))
    for turn in range(3):
        assert len(cluster.started) == turn + 1
        cluster.events.append((turn, Begun()))
        workers.finished(0)
        cluster.events.append((turn, Lost("WorkerCrashedError")))
        done = workers.finished(0)
        workers.finished(0)
    ((_, outcome),) = done
    assert (outcome.status, outcome.stored) == ("failed", False)
    assert outcome.reason == "its node was lost 3 times (WorkerCrashedError)"
    assert cluster.started[0][0] is not cluster.started[1][0]
    assert len(told) == 3


def test_a_node_without_memory_or_disk_is_not_the_fault_of_the_job_at_once(crew, job):
    cluster, workers, told = crew(1, 1)
    workers.start(job(1))
    cluster.events.append((0, Answer(Outcome(NOT_STORED, "No space left on device"), {})))
    assert workers.finished(0) == []
    assert "could not carry out stub(number=1) on tiny, seed 0 (No space left on device)" in told[0]
    for turn in (1, 2):
        workers.finished(0)
        cluster.events.append((turn, Begun()))
        workers.finished(0)
        cluster.events.append((turn, Lost("OutOfMemoryError", memory=True)))
        done = workers.finished(0)
    assert done[0][1].status == "out_of_memory"


def test_nodes_whose_disks_stay_full_end_the_run_and_blame_no_cell(crew, job):
    cluster, workers, _ = crew(1, 1)
    workers.start(job(1))
    cluster.events.append((0, Answer(Outcome(NOT_STORED, "No space left on device"), {})))
    workers.finished(0)
    for turn in (1, 2):
        workers.finished(0)
        cluster.events.append((turn, Broken("OSError: [Errno 28] No space left on device", full=True)))
        done = workers.finished(0)
    ((_, outcome),) = done
    assert outcome.status == NOT_STORED
    assert outcome.reason == "its nodes had no room 3 times: OSError: [Errno 28] No space left on device"


def test_parcels_that_no_job_asks_for_any_more_are_removed(tmp_path):
    sent = [Shipment(name, [parcel(rows__a="1")]) for name in ("old", "new", "held")]
    places = [placed(each, tmp_path, lambda held: held) for each in sent]
    for place in (places[0], places[2]):
        os.utime(place, (time.time() - 100,) * 2)
    with FileLock(places[2].with_suffix(".lock")):  # somebody is about to use it
        clear(tmp_path, 50)
    assert [place.is_dir() for place in places] == [False, True, True]
    assert (placed(sent[0], tmp_path, lambda held: held) / "rows" / "a").read_text() == "1"


def test_a_job_that_its_node_does_not_end_is_cancelled_in_the_words_of_a_local_run(crew, job):
    cluster, workers, _ = crew(1, timeout=5)
    workers.start(job(1))
    workers.start(job(2))
    cluster.events.append((0, Begun()))
    assert workers.finished(0) == []
    workers.tasks[0].begun -= 5 + driver.GRACE
    ((ended, outcome),) = workers.finished(0)
    assert (outcome.status, outcome.reason) == ("timeout", "stopped after 5 s ([limits] timeout)")
    assert ended.name == "stub(number=1)"
    assert cluster.cancelled == [0]
    assert len(workers.running) == 1  # the one that has not begun


def test_what_waits_behind_another_job_moves_to_a_node_that_is_idle(crew, job):
    cluster, workers, _ = crew(1, 1)
    for number in range(3):
        workers.start(job(number))
    full = next(node for node in cluster.there if len(cluster.running_on(node)) == 2)
    other = next(node for node in cluster.there if node is not full)
    cluster.events += [(i, Begun()) for i in (0, 1)]
    cluster.events += [(cluster.running_on(other)[0], ANSWER)]
    workers.finished(0)
    workers.finished(0)
    assert cluster.cancelled == [2]
    assert cluster.started[3][0] is other
    assert cluster.started[3][1].job.hash == cluster.started[2][1].job.hash


def test_one_idle_node_takes_over_one_job_however_many_wait(crew, job):
    cluster, workers, _ = crew(1, 1, 1)
    for number in range(5):
        workers.start(job(number))
    (idle,) = [node for node in cluster.there if len(cluster.running_on(node)) == 1]
    first = {id(node): handle for handle, (node, _) in reversed(list(enumerate(cluster.started)))}
    cluster.events += [(handle, Begun()) for handle in first.values()]
    workers.finished(0)
    cluster.events.append((cluster.running_on(idle)[0], ANSWER))
    for _ in range(3):
        workers.finished(0)
    assert len(cluster.cancelled) == 1
    assert cluster.started[5][0] is idle
    assert len(workers.running) == 4


def test_asked_to_stop_what_has_not_begun_is_dropped_and_what_has_is_finished(crew, job):
    stop = []
    cluster, workers, _ = crew(1, stopping=lambda: stop)
    workers.start(job(1))
    workers.start(job(2))
    cluster.events.append((0, Begun()))
    workers.finished(0)
    stop.append(True)
    ((dropped, outcome),) = workers.finished(0)
    assert (dropped.name, outcome.status, outcome.stored) == ("stub(number=2)", "failed", False)
    assert [each.name for each in workers.running] == ["stub(number=1)"]
    workers.close(now=True)
    assert cluster.cancelled == [1, 0]
    assert cluster.swept == cluster.there


def test_data_that_cannot_be_had_here_are_sent_nowhere(crew, job):
    cluster, workers, _ = crew(1)
    workers.start(job(1, "tiny(absent=true)"))
    ((_, outcome),) = workers.finished(0)
    assert outcome == Outcome("unavailable", "The tiny file is on no disk and on no server.")
    assert not cluster.started


def test_a_disk_of_ours_that_is_full_ends_the_run_and_not_the_cell(crew, job, monkeypatch):
    cluster, workers, _ = crew(1)

    def full(files, root):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(driver, "deliver", full)
    workers.start(job(1))
    cluster.events.append((0, ANSWER))
    ((_, outcome),) = workers.finished(0)
    assert outcome.status == NOT_STORED
    assert "No space left on device" in outcome.reason


def test_a_sentence_from_a_node_ends_the_run_with_its_name(crew, job):
    cluster, workers, _ = crew(1)
    workers.start(job(1))
    cluster.events.append((0, Broken("FusebenchError: Workers could not be started 3 times.", final=True)))
    with pytest.raises(FusebenchError, match=r"Node 10\.0\.0\.0: Workers could not be started 3 times"):
        workers.finished(0)


def test_nodes_are_checked_at_the_start_and_when_they_join(crew, job):
    cluster = FakeCluster(1, 1)
    cluster.versions["id1"] = {"numpy": "0.0.1"}
    nodes = Nodes(cluster, "cpu", 1.0, print)
    with pytest.raises(FusebenchError, match=r"Node 10\.0\.0\.1 differs .* numpy is 0\.0\.1 there"):
        nodes.admit()
    cluster, workers, told = crew(1)
    cluster.versions["id8"] = {"numpy": "0.0.1"}
    cluster.there += [Node("id8", "10.0.0.8", 4, 0), Node("id9", "10.0.0.9", 4, 0)]
    workers.finished(0)
    assert workers.free == 2 + 5
    (line,) = told
    assert line.startswith("Not used: Node 10.0.0.8 differs")
    workers.finished(0)
    assert len(told) == 1


def test_a_cluster_without_room_is_told():
    with pytest.raises(FusebenchError, match=r"No node of the cluster has a processor and 0\.5 of a card"):
        Nodes(FakeCluster(4), "cuda", 0.5, print).admit()
    with pytest.raises(FusebenchError, match="No node of the cluster has a processor for jobs"):
        Nodes(FakeCluster(0), "cpu", 1, print).admit()


def test_several_cells_share_a_card():
    node = Node("", "", 16, 2)
    assert [Nodes(FakeCluster(), "cuda", share, print).slots(node) for share in (1, 0.5, 0.3, 0.1)] == [
        2,
        4,
        6,
        16,
    ]
    assert Nodes(FakeCluster(), "cpu", 0.5, print).slots(node) == 16


def test_environments_of_nodes_stand_in_the_suite_before_a_record_names_them(crew, tmp_path):
    store = Store(tmp_path / "results")
    store.put_suite({"environments": {"mine": {}}})
    _, workers, _ = crew(1, 1)
    assert set(store.suite()["environments"]) == {"mine", *workers.nodes.machines.values()}


def test_data_sets_that_raise_fail_their_cell_as_a_worker_would(crew, job, monkeypatch):
    _, workers, _ = crew(1)

    def order(job):
        raise ValueError("row 7 is no row")

    monkeypatch.setattr(workers.shipping, "order", order)
    workers.start(job(1))
    ((_, outcome),) = workers.finished(0)
    assert outcome.status == "failed"
    assert outcome.reason.endswith("ValueError: row 7 is no row")
    assert not issubclass(ValueError, DataUnavailableError)


@pytest.mark.slow
def test_a_node_does_a_job_in_a_process_of_its_own_and_fetches_a_parcel_once(crew, job, stubs, tmp_path):
    cluster, workers, _ = crew(1, plugins=(str(stubs),))
    for number in range(2):
        workers.start(job(number))
    fetched = []

    def fetch(held):
        fetched.append(held)
        return held

    answers = [carry_out(order, tmp_path / "node", fetch) for _, order in cluster.started]
    assert [answer.outcome.status for answer in answers] == ["ok", "ok"]
    assert len(fetched) == 2  # the rows and the plugin
    cell = cluster.started[0][1].job.hash
    assert {name.split("/")[0] for name in answers[0].files} == {"cells", "predictions", "splits"}
    parcels.deliver(answers[0].files, tmp_path / "results")
    assert Store(tmp_path / "results").get(cell).environment == workers.nodes.machines["id0"]
    assert not list((tmp_path / "node").glob("job-*"))


# ---- as users meet it


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(FusebenchError, match=r"pip install 'fusebench\[cluster\]'"):
        Remote("auto")


def test_the_share_of_a_card_is_checked(door, suite):
    suite(["late_mean"], ["digits_sklearn"])
    code, _, err = door("run", "s.toml", "--cluster", "auto", "--gpu-share", 2)
    assert code == 2
    assert "--gpu-share 2 is not above 0 and at most 1" in err
