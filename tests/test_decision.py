"""The verdict on planted predictions: what is recommended, what is not, and what the page holds."""

import itertools
import json
import re

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from fusebench.benchmarks.metrics import score
from fusebench.fusion.late.decisions import Decisions
from fusebench.fusion.late.rules import late_mean, late_product
from fusebench.reports.decision import Context, decide, headline, sentences, to_json, write
from fusebench.reports.decision.evidence import TestRows
from fusebench.reports.decision.guessing import chance_of
from fusebench.reports.decision.measures import METRICS, measure, prior_score, scorer
from fusebench.reports.decision.worth import combined
from fusebench.results.record import Record
from fusebench.results.store import Store

# variant → (architecture, training, seconds, strength of the true class in its logits)
FUSED = {
    "unimodal(modality=record)": ("unimodal", "apart", 2.0, 0.6),
    "unimodal(modality=photo)": ("unimodal", "apart", 9.0, 1.0),
    "unimodal_classical(modality=record)": ("unimodal", "apart", 0.5, 0.5),
    "early_concat_logreg": ("early", "joint", 0.3, 1.1),
    "concat_features": ("late", "joint", 12.0, 2.6),
    "late_mean": ("late", "apart", 0.1, 2.6),
    "late_product": ("late", "apart", 0.2, 2.5),
}
ALIKE = {name: (*about[:3], 1.5) for name, about in FUSED.items()}
USELESS = {name: (*about[:3], 0.0) for name, about in FUSED.items()}


def predictions(rng, labels, classes, strength, common):
    """Log probabilities in which the true class has `strength`, with noise that variants share in half."""
    noise = np.sqrt(0.5) * (common + rng.normal(size=common.shape))
    return log_softmax(strength * np.eye(classes)[labels] + noise, axis=1)


def plant(
    root, variants, *, rows=120, seeds=4, shares=(0.5, 0.5), metric="accuracy", parts=(), data=None, **suite
):
    """Store a run of `variants` whose predictions know the labels as well as asked; return its store."""
    store, classes = Store(root), len(shares)
    names = ["mine", *(f"mine(train={part})" for part in parts)]
    cells = []
    for place, name in enumerate(names):
        for seed in range(seeds):
            rng = np.random.default_rng([seed, place])
            truth = np.random.default_rng(seed if (data or {}).get("folds") != 1 else 0)
            labels = {
                split: truth.choice(classes, size=rows, p=shares) for split in ("train", "validation", "test")
            }
            arrays = {f"{split}_labels": y for split, y in labels.items()}
            arrays["test_ids"] = np.array([f"secret-row-{i}" for i in range(rows)])
            store.put_split(f"{place}-{seed}", arrays)
            common = {split: truth.normal(size=(rows, classes)) for split in ("validation", "test")}
            for variant, (*_, seconds, strength) in variants.items():
                known = strength * (1.0 if place == 0 else float(parts[place - 1]) ** 0.5)
                log_p = {s: predictions(rng, labels[s], classes, known, z) for s, z in common.items()}
                cell = f"{len(cells):032x}"
                cells.append({"cell": cell, "variant": variant, "dataset": name, "seed": seed, "stages": []})
                store.put(_record(store, cell, variant, name, seed, labels, log_p, seconds, f"{place}-{seed}"))
    table = {"modalities": [{"name": n, "kind": "tabular", "shape": [4]} for n in ("record", "photo")],
             "classes": [f"class {k}" for k in range(classes)], "folds": 5, "pairing": "natural", "own": True,
             "title": "mine", "notes": []} | (data or {})  # fmt: skip
    counts = {name: dict.fromkeys(("train", "validation", "test"), rows) for name in names}
    for name, part in zip(names[1:], parts, strict=True):
        counts[name]["train"] = int(rows * part)
    store.put_suite({
        "schema": 1, "name": "recommend", "metric": metric, "positive": None, "seeds": list(range(seeds)),
        "training": {"epochs": 25, "extractors": {}}, "plan": {"cells": cells, "stages": []},
        "variants": {
            v: {"architecture": a, "training": t, "data_fusion": "merge"} for v, (a, t, *_) in variants.items()
        },
        "datasets": {name: table | {"rows": counts[name]} for name in names}, "environments": {},
    } | suite)  # fmt: skip
    return store


def _record(store, cell, variant, dataset, seed, labels, log_p, seconds, split):
    metrics = score(log_p["test"], labels["test"])
    held = score(log_p["validation"], labels["validation"])
    digest = store.put_predictions(cell, log_p["validation"], log_p["test"])
    times = {"wall_own": seconds, "wall_shared": 11.0 * variant.startswith("late_")}
    metrics |= {f"validation_{k}": v for k, v in held.items()}
    more = {"metrics": metrics, "times": times, "split": split, "predictions": digest}
    return Record(cell, variant, dataset, seed, seed, "ok", **more)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Runs planted once, on folds; `judged` reads one of them under another metric."""
    kinds = {"fused": FUSED, "alike": ALIKE, "useless": USELESS}
    return {name: plant(tmp_path_factory.mktemp(name), variants) for name, variants in kinds.items()}


def judged(store, context=None, **suite):
    """Decide on a stored run as if suite.json said something else."""
    held = store.suite()
    store.put_suite(held | suite)
    try:
        return decide(store, "mine", context)  # which reads the file at once
    finally:
        store.put_suite(held)


# ---- measures


@pytest.mark.parametrize("positive", [None, 1])
@pytest.mark.parametrize(("rows", "classes"), [(70, 2), (41, 4)])
def test_measures_are_the_stored_metrics_for_every_labelling(rows, classes, positive):
    rng = np.random.default_rng(rows)
    p = rng.dirichlet(np.ones(classes), size=rows).round(1) + 0.01  # ties
    log_p = np.log(p / p.sum(1, keepdims=True))
    labels = np.stack([rng.permutation(np.arange(rows) % classes) for _ in range(5)])
    for metric in METRICS:
        expected = [score(log_p, y, None, positive)[metric] for y in labels]
        np.testing.assert_allclose(scorer(metric, log_p, positive)(labels), expected, atol=1e-12, err_msg=metric)


def test_guessing_scores_by_hand():
    train, test = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1, 1])
    found = {metric: prior_score(metric, train, test, 2, None) for metric in METRICS}
    assert found["accuracy"] == 0.4  # the largest class of the training rows, not of the test rows
    assert found["log_loss"] == pytest.approx(-(2 * np.log(0.75) + 3 * np.log(0.25)) / 5)
    assert (found["balanced_accuracy"], found["auroc"], found["average_precision"]) == (0.5, 0.5, 0.5)
    assert found["sensitivity_at_90_specificity"] == pytest.approx(0.1)
    assert prior_score("average_precision", train, test, 2, 1) == 0.6


# ---- the gate

NULLS = 250


def _passes(log_p, labels, groups, metric):
    rows = TestRows(labels, groups)
    return min(chance_of(log_p, rows, metric).values()) <= 0.001 + 1e-12


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_useless_variants_pass_the_gate_at_most_once_in_a_hundred_times(metric):
    passed = 0
    for trial in range(NULLS):
        rng = np.random.default_rng(trial)
        labels = [rng.choice(3, size=40, p=[0.6, 0.3, 0.1]) for _ in range(4)]
        common = [rng.normal(size=(40, 3)) for _ in labels]
        log_p = {
            f"v{v}": [predictions(rng, y, 3, 0.0, z) for y, z in zip(labels, common, strict=True)]
            for v in range(8)
        }
        passed += _passes(log_p, labels, [None] * 4, metric)
    assert passed <= NULLS // 100


def test_groups_of_one_label_count_as_one_and_rows_in_their_place_would_not_do():
    passed = {"groups": 0, "rows": 0}
    for trial in range(60):
        rng = np.random.default_rng(trial)
        log_p, labels, groups = {"a": [], "b": []}, [], []
        for _ in range(2):
            patients = np.repeat(np.arange(12), 10)
            truth = rng.permutation(np.arange(12) % 2)
            for name in log_p:  # each patient's rows get one answer, which knows nothing of the label
                log_p[name].append(log_softmax(3 * rng.normal(size=(12, 2))[patients], axis=1))
            labels.append(truth[patients])
            groups.append(patients)
        passed["groups"] += _passes(log_p, labels, groups, "accuracy")
        passed["rows"] += _passes(log_p, labels, [None] * 2, "accuracy")
    assert passed["groups"] <= 1
    assert passed["rows"] >= 6


def test_what_knows_something_but_is_not_ahead_of_the_commonest_answer_is_not_recommended(tmp_path):
    weak = {name: (*about[:3], 1.0) for name, about in FUSED.items()}
    verdict = decide(plant(tmp_path, weak, shares=(0.93, 0.07), rows=300), "mine")
    assert min(verdict.gate.chance.values()) <= 0.001  # above chance …
    assert verdict.recommended is None  # … and below the share of the largest class
    assert "not shown to be ahead of the commonest answer" in headline(verdict)
    ranked = judged(verdict.evidence.store, metric="auroc")
    assert ranked.recommended is not None


@pytest.mark.parametrize("metric", METRICS)
def test_shuffled_labels_recommend_nothing_and_real_ones_do(stores, metric):
    nothing = judged(stores["useless"], Context(placebo=True), metric=metric)
    assert nothing.recommended is None
    assert headline(nothing).startswith("Placebo: nothing is recommended")
    assert not any("needed" in line for line in sentences(nothing))
    something = judged(stores["fused"], Context(placebo=True), metric=metric)
    assert something.recommended in ("late_mean", "late_product", "concat_features")
    assert "trust no verdict" in headline(something)


# ---- who, and why


def test_where_fusion_helps_the_cheapest_that_shares_the_first_place_is_recommended(stores):
    verdict = decide(stores["fused"], "mine")
    assert set(verdict.comparison.first) == {"concat_features", "late_mean", "late_product"}
    assert verdict.recommended == "late_mean"  # 11.1 s with its experts, against 11.2 and 12
    assert headline(verdict).startswith("Use late_mean, the cheapest of 3")
    assert "11.1 s to train" in headline(verdict)
    text = "\n".join(sentences(verdict))
    assert "Fusion is not shown to help" not in text
    assert re.search(r"against the best single modality \(unimodal\(modality=photo\)\): ahead by 0\.\d+", text)
    assert "Joint training (concat_features, chosen on validation rows) against late_mean: cannot tell" in text
    gain = verdict.comparison.ahead("late_mean", verdict.single)
    values = verdict.evidence.scores.values[
        [verdict.evidence.names.index(n) for n in ("late_mean", *verdict.single[:1])]
    ]
    if len(set(verdict.single)) == 1:
        assert gain.value == pytest.approx(float((values[0] - values[1]).mean()))


def test_where_a_single_modality_shares_the_first_place_fusion_is_not_shown_to_help(stores):
    verdict = decide(stores["alike"], "mine")
    assert len(verdict.comparison.first) == len(ALIKE)
    assert verdict.recommended == "early_concat_logreg"  # the cheapest of all
    assert headline(verdict).startswith(
        "Fusion is not shown to help: unimodal_classical(modality=record) alone shares the first place with 6 "
        "others. Use early_concat_logreg, the cheapest of 7"
    )
    assert any(
        "cannot tell at this size" in line and "or more would have been seen" in line
        for line in sentences(verdict)
    )


def test_log_loss_is_better_when_lower(stores):
    verdict = judged(stores["fused"], metric="log_loss")
    assert verdict.table["mean"].is_monotonic_increasing
    assert verdict.table.loc[0, "variant"] in ("concat_features", "late_mean")
    assert verdict.comparison.ahead("late_mean", "unimodal(modality=record)").above
    assert verdict.comparison.ahead("unimodal(modality=record)", "late_mean").below


def test_one_seed_supports_no_claim(tmp_path):
    verdict = decide(plant(tmp_path, FUSED, seeds=1), "mine")
    assert verdict.recommended is None
    assert headline(verdict) == "Nothing is recommended: so few folds, variants or test groups support no claim."


def test_two_folds_a_fixed_split_and_what_was_left_out_are_said(tmp_path):
    two = decide(plant(tmp_path / "a", FUSED, seeds=2), "mine", Context(left_out=("the learning curve",)))
    assert "Two folds only: intervals are wide." in sentences(two)
    assert "Left out for want of time: the learning curve." in sentences(two)
    fixed = decide(plant(tmp_path / "b", FUSED, data={"folds": 1}), "mine")
    assert any(line.startswith("A fixed split: seeds vary the training alone") for line in sentences(fixed))


def test_the_extractor_is_named_first_where_it_is_the_small_network(tmp_path):
    kinds = [
        {"name": "record", "kind": "tabular", "shape": [4]},
        {"name": "photo", "kind": "image", "shape": [1, 8, 8]},
    ]
    store = plant(tmp_path, FUSED, data={"modalities": kinds})
    assert sentences(decide(store, "mine"))[0].startswith("This is a verdict for the small CNN extractor of photo")
    store.put_suite(store.suite() | {"training": {"extractors": {"photo": "linear"}}})
    assert sentences(decide(store, "mine"))[0].startswith("Use ")


# ---- intervals


def test_rows_that_all_seeds_share_widen_every_interval(tmp_path):
    fixed = decide(plant(tmp_path, ALIKE, data={"folds": 1}), "mine").comparison
    assert (fixed.errors[~np.eye(7, dtype=bool)] > fixed.evidence.scores.within.errors[0, 1]).all()
    assert len(fixed.first) == len(ALIKE)
    left, right = "late_mean", "concat_features"
    assert fixed.ahead(left, right).half > fixed.evidence.scores.within.quantile * fixed.evidence.scores.error(
        left, right
    )


def test_the_jackknife_of_a_mean_is_its_variance_and_leaves_groups_out_whole():
    hits = np.random.default_rng(0).integers(0, 2, size=20).astype(float)
    alone = TestRows([hits], [None])
    found = alone.covariance(lambda place, kept: hits[kept].mean())
    assert found[0, 0] == pytest.approx(hits.var(ddof=1) / 20)
    twice = TestRows([hits, hits], [None, None])
    assert twice.covariance(lambda place, kept: hits[kept].mean())[0, 0] == pytest.approx(found[0, 0] / 2)
    shared = TestRows([hits, hits], [None, None], shared=True)
    assert shared.covariance(lambda place, kept: hits[kept].mean())[0, 0] == pytest.approx(found[0, 0])
    grouped = TestRows([np.repeat(hits, 5)], [np.repeat(np.arange(20), 5)])
    whole = grouped.covariance(lambda place, kept: np.repeat(hits, 5)[kept].mean())
    assert whole[0, 0] == pytest.approx(found[0, 0])
    assert np.isnan(TestRows([hits], [np.zeros(20)]).covariance(lambda place, kept: hits[kept].mean())).all()


# ---- modalities and rows


@pytest.mark.parametrize(("rule", "entry"), [("late_mean", late_mean), ("late_product", late_product)])
def test_rules_on_subsets_are_those_of_the_register(rule, entry):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=(3, 30))
    present = rng.random((3, 30)) < 0.7
    present[0, ~present.any(0)] = True
    prior = np.array([0.4, 0.3, 0.2, 0.1])
    expected = entry(Decisions(p, present[:, :, None].astype(float), prior))
    np.testing.assert_allclose(np.exp(combined(rule, p, present, prior)), expected, atol=1e-9)
    blind = combined(rule, p, np.zeros_like(present), prior)
    np.testing.assert_allclose(np.exp(blind), np.tile(prior, (30, 1)), atol=1e-9)


def test_shapley_values_are_means_over_all_orders_and_share_out_the_gain(stores):
    verdict = decide(stores["fused"], "mine")
    evidence, experts = verdict.evidence, ["unimodal(modality=record)", "unimodal(modality=photo)"]

    def value(seed, subset):
        if not subset:
            return evidence.guesses[seed]
        p = np.mean([softmax(evidence.log_p(experts[m], seed), axis=1) for m in subset], axis=0)
        return measure("accuracy", np.log(p), evidence.rows.labels[seed])

    by_order = np.zeros(2)
    for order in itertools.permutations(range(2)):
        for step, member in enumerate(order):
            before, after = order[:step], order[: step + 1]
            by_order[member] += np.mean([value(s, after) - value(s, before) for s in range(4)]) / 2
    found = [w for w in verdict.worths if w.rule == "late_mean"]
    assert [w.modality for w in found] == ["record", "photo"]
    np.testing.assert_allclose([w.shapley.value for w in found], by_order, atol=1e-9)
    whole = np.mean([value(s, (0, 1)) - value(s, ()) for s in range(4)])
    assert sum(w.shapley.value for w in found) == pytest.approx(whole)
    assert found[0].removal.value == pytest.approx(np.mean([value(s, (0, 1)) - value(s, (1,)) for s in range(4)]))
    assert all(w.shapley.half > 0 for w in found)


def test_more_rows_bring_what_the_curve_has_shown(tmp_path, stores):
    verdict = decide(plant(tmp_path, FUSED, parts=(0.25, 0.5), rows=400), "mine")
    curve = next(c for c in verdict.curves if c.variant == "late_mean")
    assert curve.rows == (100, 200, 400)
    assert curve.doubling.value == pytest.approx((curve.means[2] - curve.means[0]) / 2)
    assert curve.means[0] < curve.means[1] < curve.means[2]
    told = next(line for line in sentences(verdict) if line.startswith("Twice the training rows: "))
    assert "better accuracy, if it goes on as from 100 rows to all: " in told
    assert f"late_mean {curve.doubling}" in told
    assert not decide(stores["fused"], "mine").curves


# ---- the page


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of data with an awkward class, a failure whose reason quotes a file, and warnings."""
    tmp_path = tmp_path_factory.mktemp("written")
    store = plant(
        tmp_path / "run",
        FUSED,
        parts=(0.25, 0.5),
        data={"classes": ["<b>mal</b>", "naevus"]},
        positive="<b>mal</b>",
    )
    failed = next(r for r in store.records() if (r.variant, r.dataset, r.seed) == ("late_product", "mine", 3))
    store.put(
        Record(failed.cell, failed.variant, "mine", 3, 3, "failed", "OSError: /data/patient-7.png is cut short")
    )
    context = Context(["12 rows <twice>."], [], ["Tuning: none."], "fusebench recommend mine.toml --minutes 10")
    verdict = decide(store, "mine", context)
    return verdict, write(verdict, tmp_path / "page")


def test_the_page_needs_nothing_beside_it_and_holds_nothing_of_the_rows(written):
    verdict, page = written
    html, text = page.read_text("utf-8"), (page.parent / "decision.md").read_text("utf-8")
    loaded = re.findall(r'(?:src|href|url|srcset)\s*[=(]\s*"?([^" )>]{1,60})', html)
    assert loaded
    assert all(link.startswith("data:") for link in loaded)
    assert "http" not in html.replace("http-equiv", "")
    assert "<script" not in html
    raw = (page.parent / "decision.json").read_text("utf-8")
    for held in (html, text, raw):
        assert "secret-row" not in held
        assert "patient-7" not in held
        assert verdict.recommended in held
    assert "<b>mal" not in html
    assert "&lt;b&gt;mal&lt;/b&gt;" in html
    assert "late_product on mine (failed), fold 3" in html
    for words in ("What is wrong with the data", "12 rows &lt;twice", "Tuning: none.", "fusebench recommend"):
        assert words in html
        assert words in text
    assert (page.parent / "decision.png").read_bytes().startswith(b"\x89PNG")


def test_the_plain_values_are_strict_json_and_agree_with_the_words(written):
    verdict, page = written
    told = json.loads((page.parent / "decision.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert told["verdict"] == list(sentences(verdict)) == to_json(verdict)["verdict"]
    rows = {row["variant"]: row for row in told["variants"]}
    assert set(rows) == set(FUSED)
    assert rows["late_product"]["absent"] == "ok 3/4, failed 1/4"
    assert rows["late_product"]["mean"] is None
    assert rows["unimodal(modality=photo)"]["gain"] is None
    assert rows[told["recommended"]]["first"] is True


def test_a_run_without_a_complete_variant_still_has_a_page(tmp_path):
    store = plant(tmp_path / "run", {"late_mean": FUSED["late_mean"]}, seeds=1)
    for record in list(store.records()):
        store.put(Record(record.cell, record.variant, "mine", 0, 0, "timeout", "It took 9 s."))
    verdict = decide(store, "mine")
    assert headline(verdict) == "Nothing is recommended: no variant is complete."
    page = write(verdict, tmp_path / "page")
    assert "timeout" in page.read_text("utf-8")
    assert not (page.parent / "decision.png").exists()
