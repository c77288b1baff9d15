"""A plugin whose variants cannot be pickled gives the same in this process and in spawned workers."""

import subprocess
import sys

import pytest

import fusebench
from fusebench import fusion
from fusebench.core.registry import plugin_module_name

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
    """The plugin's variants, run in this process and by a worker."""
    held, base = {}, tmp_path_factory.mktemp("lambdas")
    plugin = base / "lambdas.py"
    plugin.write_text(PLUGIN, "utf-8")
    path = tools.write_suite(base, NAMES, ["synthetic_private(rows=70,test_rows=50)"])
    for jobs in (0, 1):
        folder = base / f"jobs-{jobs}"
        settings = dict(jobs=jobs, plugins=[plugin], out=folder, quiet=True, report=False)
        held[jobs] = fusebench.run(path, **settings), tools.Stored(folder)
    yield held
    for name in ("unpicklable_sum", "lambda_sum"):
        fusion.REGISTRY.forget(name)
    sys.modules.pop(plugin_module_name(plugin), None)


def test_both_runs_end_well(ran):
    for jobs, (ended, held) in ran.items():
        assert ended.exit_code == 0, (jobs, ended.trouble)
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
