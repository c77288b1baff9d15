"""A plugin whose variants cannot be pickled gives the same in this process and in spawned workers."""

import subprocess
import sys

import pytest

PLUGIN = '''
import torch

from fusebench.fusion import FusionNetwork, register

AXES = dict(architecture="late", data_fusion="merge", level="features", operator="scaled_sum", tier="full")


def make():
    class Local(torch.nn.Module):  # it lives in a function
        def forward(self, h):
            return h.sum(0)

    return Local()


@register("unpicklable_sum", **AXES)
class UnpicklableSum(FusionNetwork):
    """head(½ Σ_m h_m), the half held as a lambda."""

    def __init__(self, task, width: int | None = None):
        super().__init__(task, width)
        self.rule = lambda h: 0.5 * h
        self.inner = make()

    def fuse(self, h):
        return self.rule(self.inner(h))


@register("lambda_sum", **AXES)
def lambda_sum(h, scale=0.5):
    """scale · Σ_m h_m, through a lambda."""
    return (lambda x: scale * x)(h.sum(0))
'''
NAMES = ["unpicklable_sum", "lambda_sum", "lambda_sum(scale=2)"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory, tools):
    """The plugin's variants, run by the command line in one process and on two workers."""
    held = {}
    for jobs in (0, 2):
        folder = tmp_path_factory.mktemp(f"jobs-{jobs}")
        (folder / "lambdas.py").write_text(PLUGIN, "utf-8")
        tools.write_suite(folder, NAMES, ["synthetic_private(rows=70,test_rows=50)"])
        command = ("run", "s.toml", "--plugin", "lambdas.py", "--jobs", jobs, "--no-report")
        held[jobs] = tools.CommandLine(folder)(*command), tools.Stored(folder)
    return held


def test_both_runs_end_well(ran):
    for jobs, (ended, held) in ran.items():
        assert ended.returncode == 0, (jobs, ended.stderr)
        assert {key[0] for key in held.records} == set(NAMES)
        assert {record.status for record in held.records.values()} == {"ok"}


def test_probabilities_are_bit_equal(ran):
    sums = [{key: r.predictions for key, r in held.records.items()} for _, held in ran.values()]
    assert sums[0] == sums[1]
    assert len(set(sums[0].values())) == len(NAMES)  # the option reaches the workers too


def test_importing_the_package_starts_no_process(tools):
    code = (
        "import psutil; from fusebench import api, benchmarks, datasets, fusion; fusion.load_all(); "
        "datasets.load_all(); print(len(psutil.Process().children()))"
    )
    command = [sys.executable, "-P", "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, env=tools.environment())
    assert told.stdout.strip() == "0", told.stderr
