"""The suite `interactions` at small size, from the TOML to its two figures."""

import pandas as pd
import pytest

import fusebench
from fusebench.benchmarks.suite import load
from fusebench.core.names import Name, parse
from fusebench.datasets.synthetic.sets import Synthetic
from fusebench.reports.sweeps import grids, sweeps

VARIANTS = ("early_concat_logreg", "late_mean", "merge_sum")
SMALL = {"rows": 64, "test_rows": 200}


def small(name):
    held = parse(name)
    return str(Name(held.base, dict(held.options) | SMALL))


def test_every_dial_is_swept_from_one_base_and_a_plane_is_whole():
    names = load("interactions").suite.datasets
    swept = sweeps(names, next(n for n in names if "d_r=1.5,d_u=2,rho_r=0.7,rho_u=0.6,rows=1500" in n))
    dials = set(Synthetic.defaults()) - {"test_rows", "templates"}
    assert dials - set(swept) == {"rho_s"}  # without synergy it changes nothing
    assert all(len(line) > 2 for line in swept.values())
    plane = grids(names)[0]
    assert {plane.x, plane.y} == {"d_r", "d_s"}
    assert len(plane.cells) == len(plane.xs) * len(plane.ys) == 16


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One value of each new dial, and two by two of the plane; one epoch, one seed."""
    folder = tmp_path_factory.mktemp("interactions")
    suite = load("interactions")
    plane = [
        n for n in suite.suite.datasets if set(parse(n).options) <= {"d_r", "d_s", "d_u", "rho_r", "rho_u", *SMALL}
    ]
    base = next(n for n in plane if parse(n).options.get("d_r") == 1.5 and "d_s" not in parse(n).options)
    corners = [
        n for n in plane if parse(n).options.get("d_r", 0) in (0, 1.5) and parse(n).options.get("d_s", 0) in (0, 4)
    ]
    one_each = {}
    for name in suite.suite.datasets:
        for dial in set(parse(name).options) - set(parse(base).options) - {"d_s"}:
            one_each.setdefault(dial, name)
    names = tuple(dict.fromkeys(map(small, [base, *corners, *one_each.values()])))
    table = suite.suite.model_copy(update={"datasets": names, "variants": VARIANTS, "seeds": (0,)})
    training = suite.training.model_copy(update={"epochs": 1})
    small_suite = suite.model_copy(update={"suite": table, "training": training})
    summary = fusebench.run(small_suite, out=folder, jobs=0, quiet=True)
    return summary, folder, names


@pytest.mark.nightly
def test_it_runs_and_draws_its_figures(ran):
    summary, folder, names = ran
    assert summary.exit_code == 0, summary.trouble
    assert summary.counts["ok"] == len(names) * len(VARIANTS)
    figures = folder / "reports" / "interactions" / "figures"
    dials = pd.read_csv(figures / "dials.csv")
    assert {"misaligned", "missing", "label_noise", "snr_levels", "time_shift", "correlated_noise"} <= set(
        dials["dial"]
    )
    assert (dials["value"].dropna() >= 0).all()
    phase = pd.read_csv(figures / "phase.csv")
    assert len(phase) >= 4
    assert (figures / "phase.png").stat().st_size > 10_000
