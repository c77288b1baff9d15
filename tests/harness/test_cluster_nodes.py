"""Two real nodes on this machine: the records of a local run, with a node killed on the way, too."""

import importlib.util
import os

import pytest

from fusebench.benchmarks.cluster.remote import Remote
from fusebench.core.errors import FusebenchError

# ---- two real nodes on this machine

with_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes with a processor each; tests may add nodes, and take away what they added."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def started(two_nodes, cli, stubs, tmp_path):
    """Start a run of the suite on the cluster, its errors going to a file."""
    begun = []

    def start():
        with (tmp_path / "stderr.txt").open("wb") as file:
            words = ("run", "s.toml", "--plugin", stubs, "--no-report", "--cluster", two_nodes.address)
            begun.append(cli.start(*words, stderr=file))
        return begun[0]

    yield start
    for process in begun:
        process.kill()
        process.wait()


@with_ray
def test_addresses_that_lead_nowhere_are_told_in_a_sentence():
    for address, words in (
        ("127.0.0.1:9", "cannot be reached"),
        ("ray://head:10001", "neither 'auto' nor HOST:PORT"),
        ("head", "neither 'auto' nor HOST:PORT"),
    ):
        with pytest.raises(FusebenchError, match=words):
            Remote(address)


VARIANTS = ["concat_features", "late_mean", "stub(act=kill)", "stub(act=sleep)", "stub(act=missing_file)"]


def told(records):
    """Return what must be equal of records: everything but times, memory and machine."""
    return {
        key: (r.cell, r.status, r.reason, r.metrics, r.predictions, r.split, r.stages, r.curves, r.epoch)
        for key, r in records.items()
    }


@with_ray
@pytest.mark.nightly
def test_two_nodes_give_the_records_of_a_local_run(two_nodes, cli, suite, stubs, stored, tmp_path, tools):
    suite(VARIANTS, ["digits_sklearn"], more="[limits]\ntimeout = 15")
    here = cli("run", "s.toml", "--plugin", stubs, "--no-report", "--out", "here", timeout=300)
    there = cli("run", "s.toml", "--plugin", stubs, "--no-report", "--cluster", two_nodes.address, timeout=300)
    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    local = tools.Stored(tmp_path / "here")
    assert told(stored.records) == told(local.records)
    reasons = {r.variant: r.reason for r in stored.records.values()}
    assert reasons["stub(act=kill)"] == "its process was killed by signal 9 (SIGKILL)"
    assert reasons["stub(act=sleep)"] == "stopped after 15 s ([limits] timeout)"
    for kind in ("predictions", "splits", "stages/*"):
        names = [sorted(p.name for p in run.root.glob(f"{kind}/*")) for run in (stored, local)]
        assert names[0] == names[1] != []
    used = {record.environment for record in stored.records.values()}
    assert used <= set(stored.store.suite()["environments"])
    assert {timing["variant"] for timing in stored.store.timings()} == {"concat_features", "late_mean"}
    # nothing is left to do, and no node is needed to see it
    assert stored.trained() == len(VARIANTS)


@with_ray
@pytest.mark.slow
def test_a_node_killed_on_the_way_costs_nothing(two_nodes, started, cli, suite, stubs, stored, tmp_path, tools):
    variants = [f"stub(act=nap,number={i})" for i in range(24)]
    suite([*variants, "late_mean"], ["tiny"])
    third = two_nodes.add_node(num_cpus=1)
    process = started()
    tools.wait_until(lambda: len(stored.files) >= 4, seconds=300)
    two_nodes.remove_node(third, allow_graceful=False)
    assert process.wait(300) == 0
    complaints = (tmp_path / "stderr.txt").read_text()
    assert complaints.count("is lost; what ran there is put back") == 1
    assert "Traceback" not in complaints
    here = cli("run", "s.toml", "--plugin", stubs, "--no-report", "--out", "here", "--jobs", 0)
    assert here.returncode == 0
    assert told(stored.records) == told(tools.Stored(tmp_path / "here").records)
    assert stored.trained() == 25


@with_ray
@pytest.mark.nightly
def test_interrupted_once_nodes_finish_what_runs(started, suite, stored, tmp_path, tools):
    suite([f"stub(act=nap,number={i})" for i in range(60)], ["tiny"])
    process = started()
    tools.wait_until(lambda: len(stored.files) >= 2, seconds=300)
    tools.interrupt(process)
    assert process.wait(120) == 130
    assert "once more stops now" in (tmp_path / "stderr.txt").read_text()
    assert 2 <= len(stored.files) < 60
    assert {record.status for record in stored.records.values()} == {"ok"}


@with_ray
@pytest.mark.nightly
def test_a_node_with_another_library_is_refused_before_anything_is_trained(
    two_nodes, cli, suite, stubs, stored, tmp_path
):
    other = tmp_path / "other" / "numpy-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    suite(["stub"], ["tiny"])
    third = two_nodes.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(other.parent)})
    try:
        ended = cli("run", "s.toml", "--plugin", stubs, "--no-report", "--cluster", two_nodes.address, timeout=300)
    finally:
        two_nodes.remove_node(third)
    assert ended.returncode == 2
    assert "numpy is 0.0.1 there and" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert stored.files == []
