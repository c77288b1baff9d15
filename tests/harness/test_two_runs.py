"""Two runs of one suite at once: each cell is computed once, whoever does it, and both end with all of them."""

import os
import signal
import subprocess

import pytest

import fusebench
from fusebench import datasets
from fusebench.benchmarks import describe
from fusebench.benchmarks.scheduler import Scheduler
from fusebench.benchmarks.session import Session
from fusebench.core.errors import DataUnavailableError
from fusebench.results.claims import Claims

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals are POSIX's")


def cells_of(log):
    """Return the hash starts of the cells that runs have computed, in order, by run.log."""
    return [line.split()[2] for line in log.read_text("utf-8").splitlines() if line.split()[1:2] == ["cell"]]


@pytest.mark.slow
def test_each_cell_is_computed_once(suite, cli, stored, stubs):
    variants = [f"stub(act=nap,number={i})" for i in range(10)]
    suite([*variants, "late_mean", "late_product"], ["tiny"])
    command = ["run", "s.toml", "--plugin", stubs, "--jobs", 0, "--no-report"]
    runs = [cli.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    told = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    assert all(b"12 ok" in out for out, _ in told)
    computed = [line for line in cells_of(stored.root / "run.log") if line != "of"]
    assert len(computed) == len(set(computed)) == len(stored.records) == 12
    stages = [s for s in (stored.root / "run.log").read_text().splitlines() if s.split()[1] == "stage"]
    assert len({line.split()[2] for line in stages if line.split()[2] != "of"}) == 2  # experts of two views
    assert len(list((stored.root / "timing").glob("*.json"))) == 12
    assert not (stored.root / "claims").exists()


@pytest.mark.nightly
def test_what_a_killed_run_had_claimed_is_free_again(suite, cli, stored, stubs, tools):
    suite(["stub(act=nap)", "stub(act=sleep)", "stub(act=nap,number=1)"])
    command = ["run", "s.toml", "--plugin", stubs, "--jobs", 1, "--no-report"]
    process = cli.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tools.wait_until(lambda: list(stored.root.glob("claims/*")))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list(stored.root.glob("claims/*"))
    ended = cli(*command[:2], "--variants", "stub(act=nap),stub(act=nap,number=1)", *command[2:])
    assert ended.returncode == 0, ended.stderr
    assert [record.status for record in stored.records.values()] == ["ok", "ok"]


def test_what_one_host_has_stored_another_without_the_data_leaves_alone(
    suite, stored, stubs, tmp_path, monkeypatch
):
    """Another run stores one cell of a set after this run was planned; here, the set cannot be had any more."""
    path = suite(["stub", "stub(number=1)", "stub(number=2)"])
    options = dict(plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    fusebench.run(path, variants=["stub(number=2)"], **options)
    (file,) = stored.files
    kept = file.read_bytes()
    file.unlink()
    tiny, settle = type(datasets.get("tiny")), Scheduler._settle

    def absent(self, seed):
        raise DataUnavailableError("Nobody has it.")

    def settled(scheduler, job, outcome):
        if not file.exists():
            file.write_bytes(kept)  # while this run settles its first cell
        settle(scheduler, job, outcome)

    monkeypatch.setattr(tiny, "load", absent)
    monkeypatch.setattr(Scheduler, "_settle", settled)
    ended = fusebench.run(path, **options)
    assert (ended.counts["ok"], ended.counts["unavailable"]) == (1, 2)
    assert file.read_bytes() == kept
    assert not (stored.root / "claims").exists()


def test_data_that_another_host_lacks_are_tried_here(suite, stored, stubs, tmp_path, monkeypatch):
    """The other run's records say "unavailable" and came after this run was planned: they block nothing here."""
    path = suite(["stub", "stub(number=1)"])
    options = dict(plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    tiny, load = type(datasets.get("tiny")), type(datasets.get("tiny")).load

    def absent(self, seed):
        raise DataUnavailableError("Nobody has it.")

    monkeypatch.setattr(tiny, "load", absent)
    fusebench.run(path, **options)
    told = {file: file.read_bytes() for file in stored.files}
    for file in told:
        file.unlink()
    monkeypatch.setattr(tiny, "load", load)
    feed = Scheduler._feed

    def feeding(scheduler, workers):
        for file, kept in told.items():
            if not file.exists():
                file.write_bytes(kept)
        feed(scheduler, workers)

    with monkeypatch.context() as patch:
        patch.setattr(Scheduler, "_feed", feeding)
        ended = fusebench.run(path, **options)
    assert (ended.counts["ok"], dict(ended.trained)) == (2, {"ok": 2})


def test_what_was_stored_before_the_first_cell_was_begun_is_another_runs_too(
    suite, stored, stubs, tmp_path, monkeypatch
):
    """Between plan and first cell minutes may pass: nodes are asked, ceilings computed."""
    path = suite(["stub", "stub(number=1)"])
    options = dict(plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    fusebench.run(path, variants=["stub"], **options)
    (file,) = stored.files
    kept = file.read_bytes()
    file.unlink()
    write = describe.write

    def writing(*args):
        file.write_bytes(kept)
        return write(*args)

    monkeypatch.setattr(describe, "write", writing)
    ended = fusebench.run(path, **options)
    assert (ended.counts["ok"], dict(ended.trained)) == (2, {"ok": 1})


def test_two_runs_of_other_variants_describe_the_cells_of_both(suite, stored, stubs, tmp_path, monkeypatch):
    """The second run writes suite.json after the first has begun, and before it has stored anything."""
    path = suite(["stub"])
    options = dict(plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    go = Session.go

    def late(session, *args):
        monkeypatch.setattr(Session, "go", go)
        fusebench.run(path, **options)
        told = stored.store.suite()
        told["environments"] = {"another machine": {}} | {
            key: value for key, value in told["environments"].items() if key != session.environment_id
        }
        stored.store.put_suite(told)
        return go(session, *args)

    monkeypatch.setattr(Session, "go", late)
    fusebench.run(path, variants=["stub(number=1)"], **options)
    told = stored.store.suite()
    assert [cell["variant"] for cell in told["plan"]["cells"]] == ["stub", "stub(number=1)"]
    assert set(told["variants"]) == {"stub", "stub(number=1)"}
    assert len(told["environments"]) == 2
    assert len(fusebench.load_results(stored.root)) == 2


def test_a_job_that_another_run_has_is_taken_over_when_it_is_stored(suite, stored, stubs, tmp_path, monkeypatch):
    """The other run here is a claim, held until the moment the cell's record appears."""
    path = suite(["stub", "stub(number=1)"])
    options = dict(plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    fusebench.run(path, variants=["stub"], **options)
    (file,) = stored.files
    kept = file.read_bytes()
    file.unlink()
    other, asked, take = Claims(stored.root), [], Claims.take
    assert other.take(file.stem)

    def asking(claims, job):
        if job == file.stem:
            asked.append(job)
        if len(asked) == 2 and other.mine:
            file.write_bytes(kept)
            other.close()
        return take(claims, job)

    monkeypatch.setattr(Claims, "take", asking)
    ended = fusebench.run(path, **options)
    assert len(asked) == 2
    assert ended.counts["ok"] == 2
    assert dict(ended.trained) == {"ok": 1}  # the other cell
    assert file.read_bytes() == kept
    assert f"cell of another run {file.stem[:12]} ok" in (stored.root / "run.log").read_text()
