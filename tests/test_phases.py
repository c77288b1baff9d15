"""Seconds by phase: laps of a processor and of a device that only enqueues, and that they leave no time out."""

import copy
from time import perf_counter

import pytest

import fusebench
from fusebench.benchmarks import cell
from fusebench.fusion import phases
from fusebench.fusion.phases import Clock
from fusebench.results.record import PHASES
from fusebench.results.store import Store

# ---- events of a device, by hand


class Event:
    """What a device notes when it comes to it; asked for too early, it has nothing to tell."""

    made = ()

    def __init__(self, at):
        self.at, self.waited = at, False
        Event.made += (self,)

    def synchronize(self):
        self.waited = True

    def elapsed_time(self, end):
        assert end.waited, "read before the device was there"
        return 1000 * (end.at - self.at)


@pytest.fixture
def events(monkeypatch):
    """Let the next events be noted at these seconds."""
    times = []
    monkeypatch.setattr(phases, "_event", lambda: Event(times.pop(0)))
    monkeypatch.setattr(Event, "made", ())
    return times.extend


def test_laps_of_a_device_are_read_when_the_clock_stops(events):
    events([10.0, 11.0, 13.0, 13.5])
    clock = Clock("cuda:0")
    clock.start()
    for phase in ("encode", "head", "encode"):
        clock.lap(phase)
    assert clock.seconds == {} and not any(event.waited for event in Event.made)  # the host has not waited
    clock.stop()
    assert clock.seconds == {"encode": 1.5, "head": 2.0}


def test_epochs_add_up_and_what_lies_between_them_is_left_out(events):
    events([0.0, 1.0, 5.0, 5.25])
    clock = Clock("cuda")
    for _ in range(2):
        clock.start()
        clock.lap("optimise")
        clock.stop()
    assert clock.seconds == {"optimise": 1.25}


def test_a_lap_before_the_start_counts_nothing(events):
    clock = Clock("cuda")
    clock.lap("encode")
    clock.stop()
    assert clock.seconds == {} and Event.made == ()


def test_validation_is_one_phase_whatever_is_called_in_it(events, monkeypatch):
    host = [100.0, 104.0]
    monkeypatch.setattr(phases, "perf_counter", lambda: host.pop(0))
    events([0.0, 1.0, 2.0, 2.5])
    clock = Clock("cuda")
    clock.start()
    clock.lap("encode")  # 1 s
    with clock.whole("validate"):  # 4 s by the host, which waits for a number at its end
        clock.lap("encode")
    clock.lap("optimise")  # begins anew behind it
    clock.stop()
    assert clock.seconds == {"encode": 1.0, "validate": 4.0, "optimise": 0.5}


def test_a_copied_network_is_timed_anew_on_its_device(events):
    events([0.0, 1.0, 7.0, 9.0])
    clock = Clock("cuda")
    clock.start()
    clock.lap("head")
    other = copy.deepcopy(clock)
    assert (other.device, other.seconds) == ("cuda", {})
    other.start()
    other.lap("fuse")
    other.stop()
    clock.stop()
    assert (clock.seconds, other.seconds) == ({"head": 1.0}, {"fuse": 2.0})


def test_a_processor_is_read_at_once(monkeypatch):
    now = [3.0]
    monkeypatch.setattr(phases, "perf_counter", lambda: now[0])
    clock = Clock()
    clock.start()
    now[0] = 3.5
    clock.lap("fuse")
    assert clock.seconds == {"fuse": 0.5}


# ---- no time is left out

SMALL = "synthetic_private(rows=600,test_rows=100)"
KINDS = {
    "network": "concat_features",
    "merge of nodes": "gmu",
    "cross-modal": "cross_attention",
    "pretraining": "contrastive_pretrain_concat",
    "pretraining of autoencoders": "autoencoder_pretrain_concat",
    "classical": "early_concat_logreg",
    "rule": "late_mean",
    "learned rule": "late_stacking",
    "hybrid": "hybrid_early_late",
    "baseline": "unimodal(modality=image)",
    "classical baseline": "unimodal_classical(modality=tabular)",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Records by variant, and the seconds that the cell's rows took, which no time of training holds."""
    folder, loads = tmp_path_factory.mktemp("phases"), {}
    suite = folder / "s.toml"
    names = ", ".join(f'"{name}"' for name in KINDS.values())
    suite.write_text(
        f'[suite]\nname = "s"\nvariants = [{names}]\ndatasets = ["{SMALL}"]\nseeds = [0]\n[training]\nepochs = 3\n'
    )
    plain = cell.bundle

    def timed(job):
        begin = perf_counter()
        rows = plain(job)
        loads[job.name] = perf_counter() - begin
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell, "bundle", timed)
        fusebench.run(suite, out=folder, jobs=0, report=False, quiet=True)
    return {r.variant: r for r in Store(folder / "results" / "s").records()}, loads


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_phases_leave_out_no_more_than_a_twentieth_of_the_time(ran, kind):
    record, load = ran[0][KINDS[kind]], ran[1][KINDS[kind]]
    assert record.status == "ok" and set(record.phases) <= set(PHASES)
    spent = record.times["wall_own"] + load
    assert sum(record.phases.values()) == pytest.approx(spent, rel=0.05, abs=0.02), dict(record.phases)
