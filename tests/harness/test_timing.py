"""The exclusive pass: what is timed and what is not, and which timings are taken again."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import fusebench
from fusebench.benchmarks import exclusive, timing, workers
from fusebench.benchmarks.options import Options
from fusebench.benchmarks.retime import reason, retime
from fusebench.benchmarks.timing import CALLS, LARGE_CALLS, WARM_UP, Stopwatch, synchroniser
from fusebench.benchmarks.workers import Workers
from fusebench.core.errors import FusebenchError
from fusebench.core.machine import fingerprint, fingerprint_id
from fusebench.results.store import Store


class Clock:
    """Seconds that pass where a fake says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Rows(list):
    """As many rows as numbers."""

    def take(self, which):
        return Rows(self[which])


class Model:
    """Takes the seconds that it is told, call by call, the last one for ever."""

    def __init__(self, clock, *seconds):
        self.clock, self.seconds, self.calls = clock, list(seconds), []

    def predict_proba(self, rows):
        self.calls.append(len(rows))
        self.clock.now += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]


def measured(models, clock, **more):
    watch = Stopwatch(Rows(range(20)), clock=clock, **more)
    warm = [watch.warm(model) for model in models]
    watch.measure(warm)
    return warm


def test_slow_first_calls_are_not_counted_and_are_kept_apart():
    clock = Clock()
    model = Model(clock, 0.9, 0.4, 0.002, 0.001)
    (timed,) = measured([model], clock)
    assert np.percentile(timed.single, [50, 95]) == pytest.approx([0.001, 0.001])
    assert len(timed.single) == CALLS and max(timed.single) == pytest.approx(0.001)
    assert timed.warm_up == pytest.approx([0.9, 0.4, 0.002, 0.001, 0.001])


def test_many_rows_are_warmed_too():
    clock = Clock()
    model = Model(clock, *[0.001] * WARM_UP, 0.7, 0.001)  # the first call with all rows is slow
    (timed,) = measured([model], clock)
    assert timed.large == pytest.approx([0.001] * LARGE_CALLS)
    assert model.calls == [1] * WARM_UP + [20] + [1] * CALLS + [20] * LARGE_CALLS


def test_a_slow_model_is_called_less_often_and_a_very_slow_one_twice_before():
    clock = Clock()
    slow, slower = measured([Model(clock, 0.11), Model(clock, 9.0)], clock)
    assert len(slow.single) == len(slower.single) == 5  # no fewer, however long they take
    assert (len(slow.warm_up), len(slower.warm_up)) == (WARM_UP, 2)


def test_variants_are_called_in_turn():
    clock = Clock()
    order = []

    class Named(Model):
        def predict_proba(self, rows):
            order.append(self)
            super().predict_proba(rows)

    a, b = Named(clock, 0.001), Named(clock, 0.002)
    first, second = measured([a, b], clock)
    assert order[-2 * LARGE_CALLS - 2 * CALLS :] == [a, b] * (CALLS + LARGE_CALLS)
    assert first.single == pytest.approx([0.001] * CALLS) and second.single == pytest.approx([0.002] * CALLS)


class Device:
    """Does what was enqueued when it is asked to be done, and not before."""

    def __init__(self, clock):
        self.clock, self.waiting = clock, 0.0

    def synchronise(self):
        self.clock.now += self.waiting
        self.waiting = 0.0


class Enqueueing:
    """Returns at once; its device works later."""

    def __init__(self, device, one, many):
        self.device, self.seconds = device, {1: one, 20: many}

    def predict_proba(self, rows):
        self.device.waiting += self.seconds[len(rows)]


def test_work_that_is_only_enqueued_is_waited_for():
    clock = Clock()
    device = Device(clock)
    models = [Enqueueing(device, 0.001, 0.05), Enqueueing(device, 0.004, 0.5)]
    fast, slow = measured(models, clock, synchronise=device.synchronise)
    assert fast.single == pytest.approx([0.001] * CALLS)  # nothing that another model enqueued is in it
    assert slow.single == pytest.approx([0.004] * CALLS)
    assert (fast.large, slow.large) == (pytest.approx([0.05] * 5), pytest.approx([0.5] * 5))
    unawaited = measured([Enqueueing(device, 0.001, 0.05)], clock)[0]
    assert set(unawaited.single) == {0.0}  # what a clock tells that is read at once


def test_the_device_of_a_run_is_synchronised_by_its_type(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: asked.append(device))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: asked.append("mps"))
    for device in ("cpu", "cuda", "cuda:1", "mps", "cpu"):
        synchroniser(device)()
    assert asked == ["cuda", "cuda:1", "mps"]


# ---- what is stored, and taken again


class Quiet:
    """A machine on which nothing else runs."""

    told = 0.0

    def cores(self):
        return self.told


@pytest.fixture
def quiet(monkeypatch):
    """Set what other processes are said to keep busy."""
    monkeypatch.setattr(timing, "Others", Quiet)
    monkeypatch.setattr(timing, "LONG_ENOUGH", 0.0)
    yield lambda cores: monkeypatch.setattr(Quiet, "told", cores)
    Quiet.told = 0.0


VARIANTS = ("stub", "stub(number=1)", "stub(number=2)")


@pytest.fixture
def ran(suite, stubs, tmp_path, quiet):
    """A run of three variants, and options to time it by."""
    path = suite(VARIANTS)
    fusebench.run(path, jobs=0, plugins=[stubs], out=tmp_path, report=False, quiet=True)
    return path, Options(jobs=0, plugins=(str(stubs),), out=tmp_path, quiet=True)


def held(tmp_path):
    return {t["variant"]: t for t in Store(tmp_path / "results" / "s").timings()}


def change(tmp_path, variant, **changes):
    store = Store(tmp_path / "results" / "s")
    told = held(tmp_path)[variant]
    store.put_timing(told["cell"], told | changes)


def test_a_timing_keeps_every_call_the_warm_up_and_the_load(ran, tmp_path):
    told = held(tmp_path)
    assert set(told) == set(VARIANTS)
    for each in told.values():
        assert len(each["latency_ms"]) == CALLS and len(each["large_s"]) == LARGE_CALLS
        assert len(each["warm_up_ms"]) == WARM_UP
        assert each["load"] == 0.0


def test_nothing_is_timed_again_where_nothing_is_missing_or_busy(ran, tmp_path):
    before = held(tmp_path)
    found = retime(*ran)
    assert (found.done, found.busy, found.exit_code) == ([], {}, 0)
    assert held(tmp_path) == before
    assert "no timing is missing or of a busy machine" in found.lines[0]


def test_only_what_is_busy_or_missing_is_timed_again(ran, tmp_path, stored):
    change(tmp_path, "stub", load=0.4, emap={"accuracy": 1.0})
    change(tmp_path, "stub(number=2)", load=0.1)  # not above a tenth of a core
    gone = held(tmp_path)["stub(number=1)"]["cell"]
    (stored.root / "timing" / f"{gone}.json").unlink()
    before, records = held(tmp_path), stored.bytes()
    found = retime(*ran)
    assert found.wanted == {"of a busy machine": 1, "missing": 1}
    after = held(tmp_path)
    assert after["stub(number=2)"] == before["stub(number=2)"]
    assert after["stub"]["latency_ms"] != before["stub"]["latency_ms"] and after["stub"]["load"] == 0.0
    assert after["stub"]["emap"] == {"accuracy": 1.0}  # no matter of time, so it is kept
    assert "stub(number=1)" in after and stored.bytes() == records
    rows = "stub on tiny, stub(number=1) on tiny"
    assert found.lines == [f"s: 2 of 2 timings taken (1 of a busy machine, 1 missing): {rows}."]


def test_what_is_still_busy_is_told(ran, tmp_path, quiet):
    change(tmp_path, "stub", load=0.4)
    quiet(0.75)
    found = retime(*ran)
    assert found.busy == {"stub on tiny": 0.75} and found.exit_code == 0
    assert found.lines[-1] == "Still of a busy machine, 1 of them: stub on tiny (0.75 cores)."


def test_timings_of_another_machine_are_taken_again_where_asked(ran, tmp_path):
    change(tmp_path, "stub", environment="elsewhere")
    assert retime(*ran).done == []
    assert retime(*ran, elsewhere=True).wanted == {"of another machine": 1}
    (only,) = {t["environment"] for t in held(tmp_path).values()}
    assert only in Store(tmp_path / "results" / "s").suite()["environments"]
    assert len(retime(*ran, every=True).done) == 3


def test_a_timing_that_was_not_measured_beside_a_load_is_left():
    assert reason({"environment": "a"}, "a", False, False) == ""
    assert reason({"environment": "a", "load": None}, "a", False, True) == ""
    assert reason({"environment": "a", "load": None}, "a", True, True) == "asked for"


def test_only_some_variants_are_timed_again(ran, tmp_path):
    path, options = ran
    narrowed = Options(jobs=0, plugins=options.plugins, out=tmp_path, quiet=True, variants=("stub",))
    assert retime(path, narrowed, every=True).wanted == {"asked for": 1}


def test_a_machine_is_the_same_however_many_workers_it_had(ran, tmp_path):
    store, here = Store(tmp_path / "results" / "s"), fingerprint()
    (stored,) = store.suite()["environments"]
    assert exclusive.environment(here | {"workers": 64}, store) == stored
    other = here | {"processor": "another"}
    assert exclusive.environment(other, store) == fingerprint_id(other)


def test_a_model_whose_stages_are_gone_is_trained_on_the_spot(suite, stubs, tmp_path, quiet, stored):
    path = suite(["late_mean", "unimodal"])
    fusebench.run(path, jobs=0, plugins=[stubs], out=tmp_path, report=False, quiet=True)
    shutil.rmtree(stored.root / "stages")
    before, records = held(tmp_path), stored.bytes()
    found = retime(path, Options(jobs=0, plugins=(str(stubs),), out=tmp_path, quiet=True), every=True)
    assert (len(found.done), found.trouble) == (3, [])
    assert {v: t["cell"] for v, t in held(tmp_path).items()} == {v: t["cell"] for v, t in before.items()}
    assert stored.bytes() == records


def test_a_job_that_times_several_models_has_the_limits_of_all_of_them(monkeypatch):
    """It may have to fit each of them again."""
    held = Workers(1, timeout=10, memory=100)
    used = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=250e6))
    monkeypatch.setattr(workers.psutil, "Process", lambda pid: used)
    assert held._verdict(1, 5.0, 1).reason == "used 250 of 100 MB ([limits] memory)"
    assert held._verdict(1, 25.0, 3) is None
    assert held._verdict(1, 31.0, 3).reason == "stopped after 30 s ([limits] timeout)"
    held.close()


def test_a_timing_that_cannot_be_written_ends_the_run_with_a_sentence(ran, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put_timing", full)
        with pytest.raises(FusebenchError, match=r"cannot be written .*No space left on device"):
            retime(*ran, every=True)
    assert retime(*ran).wanted.total() == 0  # what was there still is


def test_the_command_line_takes_timings_again(ran, tmp_path, door, stubs):
    change(tmp_path, "stub", load=2.0)
    code, out, _ = door("time", ran[0], "--plugin", stubs, "--jobs", 0)
    assert code == 0 and out == "s: 1 of 1 timings taken (1 of a busy machine): stub on tiny.\n"
    code, out, _ = door("time", ran[0], "--plugin", stubs, "--jobs", 0, "--all")
    assert "3 of 3 timings taken (3 asked for)" in out


@pytest.mark.nightly
def test_one_worker_takes_timings_again(ran, tmp_path, cli, stubs):
    change(tmp_path, "stub", load=2.0)
    change(tmp_path, "stub(number=1)", load=2.0)
    done = cli("time", ran[0], "--plugin", stubs)
    assert "2 of 2 timings taken" in done.stdout, done.stderr
    again = held(tmp_path)
    assert all(json.dumps(again[v]["load"]) != "2.0" for v in VARIANTS)
    assert {t["environment"] for t in again.values()} == {held(tmp_path)["stub(number=2)"]["environment"]}


def test_where_nothing_is_stored_there_is_nothing_to_time(door, suite, stubs, tmp_path):
    code, _, err = door("time", suite(["stub"]), "--plugin", stubs, "--jobs", 0)
    assert code == 2
    assert "No cell is stored in" in err
    assert "run the suite first" in err
    assert not (tmp_path / "results").exists()
