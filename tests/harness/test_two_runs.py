"""Two runs of one suite at once: each cell is computed once, whoever does it, and both end with all of them."""

import os
import signal
import subprocess

import pytest

import fusebench
from fusebench.results.claims import Claims

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals are POSIX's")


def cells_of(log):
    """Return the hash starts of the cells that runs have computed, in order, by run.log."""
    return [line.split()[2] for line in log.read_text("utf-8").splitlines() if line.split()[1:2] == ["cell"]]


@pytest.mark.slow
def test_each_cell_is_computed_once(suite, cli, stored, stubs):
    variants = [f"stub(act=nap,number={i})" for i in range(10)]
    suite([*variants, "late_mean", "late_product"], ["tiny"])
    command = ["run", "s.toml", "--plugin", stubs, "--jobs", 1, "--no-report"]
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
