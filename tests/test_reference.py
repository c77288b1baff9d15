"""What theory says before anything runs, held against the committed reference run and against a live one."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fusebench import api, datasets, fusion, load_results

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results" / "reference"
REFERENCE = RUNS / "quick"
TEST_ROWS = 4000

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="no reference run is committed")


@pytest.fixture(scope="module", params=["quick", "full"])
def folder(request):
    """Every committed run that holds synthetic data, whole or of one seed."""
    if not (RUNS / request.param).is_dir():
        pytest.skip(f"no reference run of {request.param} is committed")
    return RUNS / request.param


@pytest.fixture(scope="module")
def cells(folder):
    return load_results(folder)


@pytest.fixture(scope="module")
def suite(folder):
    return json.loads((folder / "suite.json").read_bytes())


def numbers(tree, place=""):
    """Return a nested dictionary flat: path → number."""
    if not isinstance(tree, dict):
        return {place: tree}
    return {key: value for name, part in tree.items() for key, value in numbers(part, f"{place}/{name}").items()}


def rules_on_experts(frame):
    """Fixed rules on experts trained apart, and weights that do not depend on the row."""
    apart = (frame["training"] == "apart") & (frame["architecture"] == "late")
    return frame[apart & (frame["data_fusion"] == "merge")]


def test_the_reference_run_is_complete(cells, suite):
    assert len(cells) == len(suite["plan"]["cells"])
    assert set(cells["status"]) <= {"ok", "incompatible"}
    assert {"synthetic_synergy", "digits_sklearn", "mfeat", "rosmap"} <= set(cells["dataset"])


@pytest.mark.skipif(not (RUNS / "full").is_dir(), reason="no reference run of full is committed")
def test_the_reference_run_of_full_holds_every_variant():
    cells = load_results(RUNS / "full")
    fusion.load_all()
    ran = {str(name).partition("(")[0] for name in cells.loc[cells["status"] == "ok", "variant"]}
    # Other tests register entries of their own in this process.
    assert ran == {entry.id for entry in fusion.REGISTRY if entry.definition.__module__.startswith("fusebench.")}


@pytest.mark.slow
def test_the_reference_run_is_current():
    command = [sys.executable, "-m", "fusebench", "status", str(REFERENCE), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["stale"] == found["missing"] == 0


def test_the_findings_of_the_readme_are_the_reports_own():
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.partition("## What the reference run says")[2].partition("\n## ")[0]
    quoted = [line.removeprefix("- ") for line in section.splitlines() if line.startswith("- ")]
    told = (REFERENCE / "tables" / "findings.md").read_text("utf-8")
    assert len(quoted) >= 5
    assert [line for line in quoted if f"- {line}\n" not in told] == []


def test_rules_on_experts_are_at_chance_where_information_is_synergy_alone(cells):
    rules = rules_on_experts(cells[cells["dataset"] == "synthetic_synergy"])
    accuracy = rules.groupby("variant")["accuracy"].mean()
    error = np.sqrt(0.25 * 0.75 / (TEST_ROWS * rules["seed"].nunique()))
    assert len(accuracy) >= 4
    assert (accuracy - 0.25).abs().max() <= 4 * error


def test_a_joint_network_gains_fifty_points_where_information_is_synergy_alone(cells):
    on_synergy = cells[(cells["dataset"] == "synthetic_synergy") & (cells["training"] == "joint")]
    assert on_synergy.groupby("variant")["accuracy"].mean().max() >= 0.25 + 0.50


def test_nothing_beats_the_exact_ceiling(cells, suite):
    for name, about in suite["datasets"].items():
        if about["bayes"] is None:
            continue
        full = about["bayes"]["subsets"]["+".join(m["name"] for m in about["modalities"])]
        for seed, part in cells[cells["dataset"] == name].groupby("seed"):
            error = np.hypot(full["accuracy_se"], np.sqrt(full["accuracy"] * (1 - full["accuracy"]) / TEST_ROWS))
            assert part["accuracy"].max() <= full["accuracy"] + 4 * error, (name, seed)


def test_no_baseline_beats_the_ceiling_of_its_modality(cells, suite):
    for name, about in suite["datasets"].items():
        for modality in (m["name"] for m in about["modalities"] if about["bayes"]):
            ceiling = about["bayes"]["subsets"][modality]["accuracy"]
            alone = cells[(cells["dataset"] == name) & cells["variant"].str.endswith(f"(modality={modality})")]
            error = np.sqrt(max(ceiling * (1 - ceiling), 1e-4) / TEST_ROWS)
            assert alone["accuracy"].max() <= ceiling + 4 * error


def test_no_regret_is_negative(cells):
    regret = cells["regret"].dropna()
    assert len(regret)
    assert regret.min() >= 0


@cache
def ceilings(name):
    """Compute the ceilings of a data set, once for all suites."""
    return datasets.get(name).bayes()


def test_the_ceilings_of_the_reference_are_those_of_the_generator(suite):
    datasets.load_all()
    for name, about in suite["datasets"].items():
        if about["bayes"] is not None:  # the last bit of a sum is the processor's
            assert numbers(ceilings(name)) == pytest.approx(numbers(about["bayes"]), rel=1e-9)


@pytest.mark.nightly
def test_live_a_late_rule_is_at_chance_where_a_product_of_features_is_not(tmp_path):
    chosen = ["merge_product", "late_mean", "late_product"]
    api.run("smoke", variants=chosen, datasets=["synthetic_synergy*"], out=tmp_path, report=False, quiet=True)
    cells = load_results("smoke", tmp_path).set_index("variant")["accuracy"]
    assert cells["merge_product"] >= 0.75
    error = np.sqrt(0.25 * 0.75 / 1000)
    assert abs(cells["late_mean"] - 0.25) <= 4 * error
    assert abs(cells["late_product"] - 0.25) <= 4 * error
