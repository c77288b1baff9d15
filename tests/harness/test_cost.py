"""What is announced before a run: costs from stored records, from reference runs, else from counts put right."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from fusebench import datasets
from fusebench.benchmarks.cost import RULE_SECONDS, Costs, rough
from fusebench.benchmarks.suite import TrainingTable
from fusebench.results.record import Record
from fusebench.results.recorded import Cost, Size, recorded
from fusebench.results.store import Store

ROOT = Path(__file__).parents[2]
SMALL, LARGE = "synthetic_private(rows=100,test_rows=50)", "synthetic_private(rows=400,test_rows=50)"
store_run = runpy.run_path(str(ROOT / "tests" / "stored_runs.py"))["store_run"]


def costs(reference=(), records=(), **training):
    datasets.load_all()
    sources = {name: datasets.get(name) for name in (SMALL, LARGE)}
    return Costs(TrainingTable(**training), sources, records, dict(reference))


def size(rows=100, epochs=25):
    return Size(rows, ((16,), (3, 16, 16), (1, 16, 16)), 4, epochs)


def test_a_stored_seed_comes_first_then_a_reference_run_then_a_count():
    reference = {("merge_sum", SMALL): Cost(6.0, size())}
    record = Record("c", "merge_sum", SMALL, 0, 0, "ok", times={"wall_own": 3.0, "wall_predict": 0.5})
    assert costs(reference, [record]).seconds("merge_sum", SMALL) == 3.5
    assert costs(reference).seconds("merge_sum", SMALL) == 6.0
    assert costs().seconds("merge_sum", SMALL) == rough(size(), "neural", 64)
    assert costs(reference, [record]).seconds("merge_sum", SMALL, "rule") == RULE_SECONDS


def test_a_reference_run_counts_in_proportion_to_epochs_where_there_are_epochs():
    held = costs({("merge_sum", SMALL): Cost(6.0, size())}, epochs=50)
    assert held.seconds("merge_sum", SMALL) == 12.0
    assert held.seconds("merge_sum", SMALL, "classical") == 6.0


@pytest.mark.parametrize(
    ("name", "factor"),
    [("merge_sum", 3), ("merge_sum(width=8)", 3), ("gmu", 7), ("concat_features+sgd", 7)],
)
def test_a_count_is_put_right_by_the_variant_its_entry_or_a_typical_one(name, factor):
    one = rough(size(), "neural", 64)
    reference = {
        ("merge_sum", SMALL): Cost(3 * one, size()),
        ("concat_features", SMALL): Cost(7 * one, size()),
        ("late_vcdn", SMALL): Cost(99 * one, size()),
    }
    assert costs(reference).seconds(name, LARGE) == pytest.approx(factor * rough(size(400), "neural", 64))


def test_what_a_reference_run_holds_of_stages_and_cells(tmp_path):
    names = ("unimodal(modality=audio)", "unimodal(modality=image)", "late_mean", "contrastive_pretrain_concat")
    store = store_run(tmp_path / "ref", {name: {"mfeat": [0.9, 0.8]} for name in names})
    suite, stages = store.suite(), {"a": names[0], "b": names[1], "p": "contrastive_pretraining"}
    used = {names[0]: "a", names[1]: "b", "late_mean": "ab", "contrastive_pretrain_concat": "p"}
    suite["plan"]["stages"] = [{"stage": key, "name": name} for key, name in stages.items()]
    for cell in suite["plan"]["cells"]:
        cell["stages"] = list(used[cell["variant"]])
    store.put_suite(suite)
    for record in list(store.records()):
        alone = record.variant.startswith("unimodal")
        spent = {"wall_own": 4.0 + record.seed, "wall_predict": 0.5, "wall_shared": 0.0 if alone else 9.0}
        store.put(Record(**{**record.__dict__, "times": spent}))
    found = {name: cost.seconds for (name, _), cost in recorded(tmp_path).items()}
    assert found == {
        names[0]: 5.0,  # a baseline's training is its stage: late_mean's sum of both says less
        names[1]: 5.0,
        "late_mean": 5.0,
        "contrastive_pretrain_concat": 5.0,
        "contrastive_pretraining": 9.0,
    }
    assert recorded(tmp_path / "nothing") == {}


@pytest.mark.skipif(
    not (ROOT / "results" / "reference" / "quick").is_dir(), reason="no reference run is committed"
)
def test_the_estimate_from_one_seed_is_near_what_the_next_one_took():
    store = Store(ROOT / "results" / "reference" / "quick")
    records = [r for r in store.records() if r.status == "ok"]
    estimate = Costs(TrainingTable(), {}, [r for r in records if r.seed == 0], {})
    later = [r for r in records if r.seed == 1 and r.times["wall_own"] > 1]  # below, it is all overhead
    ratios = [
        (r.times["wall_own"] + r.times["wall_predict"]) / estimate.seconds(r.variant, r.dataset) for r in later
    ]
    assert len(ratios) > 100
    assert np.mean([0.4 < ratio < 2.5 for ratio in ratios]) > 0.9, json.dumps(
        np.percentile(ratios, [5, 50, 95]).tolist()
    )
