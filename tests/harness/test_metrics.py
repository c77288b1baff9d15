"""Metrics against values computed by hand, and what they promise at the edges."""

import warnings
from math import log

import numpy as np
import pytest

from fusebench.benchmarks.metrics import (
    LOWEST,
    bins,
    expected_calibration_error,
    log_probabilities,
    score,
)

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
LABELS = np.array([0, 1, 1, 0])  # predicted 0, 1, 2, 0; class 2 has no row

BY_HAND = {
    "accuracy": 3 / 4,
    "log_loss": -(log(0.7) + log(0.8) + log(0.2) + log(0.5)) / 4,
    "balanced_accuracy": (1 + 1 / 2) / 2,  # over the classes that have rows
    "macro_f1": (1 + 2 / 3 + 0) / 3,  # over all classes: class 2 was predicted once and wrongly
    "brier": (0.14 + 0.06 + 1.04 + 0.38) / 4,
    "auroc": (1 + 2.5 / 4) / 2,  # class 1: of 4 pairs two are right and one is tied
    "auroc_classes": 2,
    "average_precision": (1 + (0.5 * 1 + 0.5 * 0.5)) / 2,
    "sensitivity_at_90_specificity": (1 + 1 / 2) / 2,  # class 1: only the row at .8 is above both others
    "ece": (abs(1 + 0 - 0.5 - 0.6) + abs(1 + 1 - 0.7 - 0.8)) / 4,  # two bins of two rows each
}


@pytest.fixture(scope="module")
def scored():
    return score(np.log(P), LABELS)


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(scored, name):
    assert scored[name] == pytest.approx(BY_HAND[name], abs=1e-12)


def test_without_an_exact_posterior_there_is_no_regret(scored):
    assert not {"regret", "kl", "bayes_accuracy"} & set(scored)


def test_log_probabilities_are_normalised_and_clipped():
    log_p = log_probabilities(np.array([[2.0, 2.0], [1.0, 0.0], [1.0, 1e-20]]))
    assert log_p[0] == pytest.approx([log(0.5), log(0.5)])
    assert log_p[1].tolist() == [0.0, LOWEST]
    assert log_p[2, 1] == LOWEST


def test_one_wrong_certainty_costs_30_nats_and_not_infinity():
    log_p = log_probabilities(np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert score(log_p, np.array([0, 1]))["log_loss"] == pytest.approx(15.0)


def test_auroc_is_undefined_where_only_one_class_has_rows():
    found = score(np.log(P), np.zeros(4, dtype=int))
    assert np.isnan(found["auroc"])
    assert found["auroc_classes"] == 0
    assert found["balanced_accuracy"] == 0.5


def test_binary_auroc_is_the_share_of_ordered_pairs():
    p = np.array([0.9, 0.8, 0.3, 0.2, 0.6])
    labels = np.array([1, 0, 1, 0, 0])
    found = score(np.log(np.c_[1 - p, p]), labels)
    pairs = [(a > b) + 0.5 * (a == b) for a in p[labels == 1] for b in p[labels == 0]]
    assert found["auroc"] == pytest.approx(np.mean(pairs))  # both classes have the same
    assert found["auroc_classes"] == 2


@pytest.mark.parametrize(("positive", "value"), [(0, 1.0), (1, 0.75)])
def test_average_precision_of_the_positive_class(positive, value):
    assert score(np.log(P), LABELS, None, positive)["average_precision"] == pytest.approx(value)


def test_average_precision_of_an_absent_positive_class_is_undefined():
    assert np.isnan(score(np.log(P), LABELS, None, 2)["average_precision"])


def test_sensitivity_leaves_nine_negatives_of_ten_alone():
    p = np.array([0.95, 0.6, 0.2, *np.linspace(0.05, 0.5, 9), 0.7])  # the last of ten negatives is high
    labels = np.array([1] * 3 + [0] * 10)
    found = score(np.log(np.c_[1 - p, p]), labels, None, 1)
    assert found["sensitivity_at_90_specificity"] == pytest.approx(2 / 3)


# ---- calibration


@pytest.mark.parametrize(
    ("rows", "number"), [(1, 2), (106, 2), (149, 2), (150, 3), (400, 8), (749, 14), (750, 15), (9999, 15)]
)
def test_bins_follow_the_number_of_rows(rows, number):
    assert bins(rows) == number


def test_bins_hold_equal_numbers_of_rows_whatever_their_confidence():
    confidence = np.array([0.99] * 98 + [0.5, 0.5])
    hits = np.array([1.0] * 98 + [0.0, 1.0])
    low = abs(49 - (2 * 0.5 + 48 * 0.99))  # bins of 50: the two doubtful rows are in the first
    high = abs(50 - 50 * 0.99)
    assert expected_calibration_error(confidence, hits) == pytest.approx((low + high) / 100)


def test_leading_axes_are_kept():
    confidence = np.array([0.5, 0.6, 0.7, 0.8])
    hits = np.array([[1, 0, 1, 1], [0, 0, 0, 0]])
    assert expected_calibration_error(confidence, hits) == pytest.approx([0.15, 0.65])


@pytest.mark.parametrize("rows", [106, 400])
def test_the_floor_is_what_a_calibrated_model_scores(rows):
    """Labels drawn from the model's own probabilities, scored apart from the code under test."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet([2, 1, 1], size=rows)
    order, parts = np.argsort(p.max(1), kind="stable"), bins(rows)
    scores = []
    for _ in range(400):
        hits = np.array([rng.random() < row.max() for row in p[order]])
        gaps = [
            abs((h - c).sum())
            for h, c in zip(*(np.array_split(a, parts) for a in (hits, p[order].max(1))), strict=True)
        ]
        scores.append(sum(gaps) / rows)
    found = score(np.log(p), p.argmax(1))
    assert found["ece_floor"] == pytest.approx(np.mean(scores), rel=0.1)
    inside = np.mean([found["ece_low"] <= value <= found["ece_high"] for value in scores])
    assert 0.9 < inside < 0.99
    assert found["ece"] > found["ece_high"]  # always right at these confidences: not calibrated


def test_the_floor_falls_with_the_rows():
    p = np.tile([0.7, 0.2, 0.1], (4000, 1))
    few, many = (score(np.log(p[:n]), np.zeros(n, dtype=int))["ece_floor"] for n in (106, 4000))
    assert 0.02 < few < 0.10
    assert many < few / 2


# ---- against the exact posterior


def test_regret_and_divergence_by_hand():
    exact = np.array([[0.6, 0.4], [0.1, 0.9], [0.5, 0.5]])
    q = np.array([[0.25, 0.75], [0.1, 0.9], [0.75, 0.25]])
    found = score(np.log(q), np.array([0, 1, 0]), np.log(exact))
    assert found["regret"] == pytest.approx(0.2 / 3)
    assert found["bayes_accuracy"] == pytest.approx((0.6 + 0.9 + 0.5) / 3)
    first = 0.6 * log(0.6 / 0.25) + 0.4 * log(0.4 / 0.75)
    third = 0.5 * log(0.5 / 0.75) + 0.5 * log(0.5 / 0.25)
    assert found["kl"] == pytest.approx((first + third) / 3)
    assert found["regret_se"] == pytest.approx(np.std([0.2, 0, 0], ddof=1) / np.sqrt(3))


def test_the_exact_posterior_itself_has_neither_regret_nor_divergence():
    rng = np.random.default_rng(1)
    exact = rng.dirichlet([0.05] * 4, size=300)  # some probabilities far below exp(-30)
    with np.errstate(divide="ignore"):
        log_exact = np.log(exact)
    found = score(log_probabilities(exact), exact.argmax(1), log_exact)
    assert found["regret"] == 0
    assert found["kl"] == pytest.approx(0, abs=1e-9)


def test_regret_is_never_negative_and_labels_do_not_enter_it():
    rng = np.random.default_rng(2)
    for _ in range(50):
        exact, q = rng.dirichlet([0.5] * 3, size=(2, 40))
        labels = rng.integers(0, 3, size=(2, 40))
        first, second = (score(np.log(q), each, np.log(exact))["regret"] for each in labels)
        assert first == second >= 0


def test_one_row_is_scored_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(np.log(P[:1]), LABELS[:1])
    assert found["accuracy"] == 1
    assert found["log_loss"] == pytest.approx(-log(0.7))
