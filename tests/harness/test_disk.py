"""Disks that are full, folders that are read-only: nothing that was stored is lost, and a rerun goes on.

A small file system is mounted in a name space of the test's own, where the system lets users do that.
"""

import json
import subprocess
import sys

import pytest

MOUNT = "mkdir -p results && mount -t tmpfs -o size={size} tmpfs results && "


def _may_mount():
    try:
        command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _may_mount(), reason="no file system can be mounted here"),
]


@pytest.fixture
def on_a_small_disk(tmp_path, tools, stubs):
    """Run a shell script with `results/` on a disk of its own; `$RUN` and `$STATUS` are the commands."""

    def run(script, size="2m"):
        python = f"{sys.executable} -P -m fusebench"
        commands = {
            "RUN": f"{python} run s.toml --plugin {stubs} --no-report",
            "STATUS": f"{python} status s.toml --plugin {stubs} --json",
        }
        return subprocess.run(
            ["unshare", "-rm", "sh", "-c", MOUNT.format(size=size) + script],
            cwd=tmp_path, env=tools.environment(**commands), capture_output=True, text=True, timeout=400,
        )  # fmt: skip

    return run


VARIANTS = [f"stub(number={i})" for i in range(6)]
FILL = "dd if=/dev/zero of=results/filler bs=4k 2>/dev/null; "


def test_a_disk_that_fills_up_stops_the_run_blames_no_variant_and_a_rerun_completes(on_a_small_disk, suite):
    """Room for some records: the run notices in the middle."""
    suite([f"stub(number={i})" for i in range(12)])
    script = (
        FILL + "truncate -s -48k results/filler; "
        "$RUN --jobs 1 >/dev/null; echo first $?; $STATUS; cp -r results/s/cells held; rm results/filler; "
        "$RUN --jobs 0 >/dev/null 2>&1; echo second $?; $STATUS; "
        "(cd held && find . -type f -name '[!.]*' -exec cmp {} ../results/s/cells/{} \\; && echo kept)"
    )  # fmt: skip
    ended = on_a_small_disk(script)
    lines = ended.stdout.splitlines()
    before, after = (json.loads(line) for line in lines if line.startswith("{"))
    assert "first 2" in lines, ended
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert before["failed"] == 0
    assert 0 < before["ok"] < 12
    assert after["ok"] == 12
    assert {"kept", "second 0"} <= set(lines)
    assert "differ" not in ended.stdout + ended.stderr


@pytest.mark.nightly
def test_a_read_only_folder_is_looked_at_and_not_written(on_a_small_disk, suite):
    suite(VARIANTS[:2])
    script = (
        "$RUN --jobs 0 --variants 'stub(number=0)' >/dev/null 2>&1; mount -o remount,ro results; "
        "$STATUS; $RUN --jobs 0; echo run $?"
    )  # fmt: skip
    ended = on_a_small_disk(script)
    lines = ended.stdout.splitlines()
    assert "run 2" in lines, ended
    assert "Read-only file system" in ended.stderr
    assert "Traceback" not in ended.stderr
    counts = json.loads(next(line for line in lines if line.startswith("{")))
    assert (counts["ok"], counts["missing"]) == (1, 1)
