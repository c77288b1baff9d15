"""Metrics of stored predictions under many labellings at once: what reshuffled labels would have scored.

The stored metrics of a cell are benchmarks'; here the same numbers are needed for thousands of labellings and for
parts of the rows, so everything that does not depend on labels (ranks, orders) is computed once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from ..run import LOWER

RANKED = ("auroc", "average_precision", "sensitivity_at_90_specificity")
METRICS = ("accuracy", "balanced_accuracy", "log_loss", *RANKED)
SPECIFICITY = 0.9
Scorer = Callable[[np.ndarray], np.ndarray]


def scorer(metric: str, log_p: np.ndarray, positive: int | None = None) -> Scorer:
    """Return the function from labels (..., n) to a metric's values (...).

    Parameters
    ----------
    metric
        One of `METRICS`.
    log_p
        Log probabilities of n rows, (n, K).
    positive
        Index of the positive class, for average precision and sensitivity; None averages over the classes
        present, each against the rest.
    """
    log_p = np.asarray(log_p, dtype=np.float64)
    if metric == "accuracy":
        predicted = log_p.argmax(1)
        return lambda labels: (predicted == labels).mean(-1)
    if metric == "balanced_accuracy":
        return _balanced(log_p.argmax(1), log_p.shape[1])
    if metric == "log_loss":
        rows = np.arange(len(log_p))
        return lambda labels: -log_p[rows, labels].mean(-1)
    makers = {"auroc": _auroc, "average_precision": _average_precision, RANKED[2]: _sensitivity}
    classes = range(log_p.shape[1]) if positive is None or metric == "auroc" else [positive]
    each = [makers[metric](np.exp(log_p[:, k])) for k in classes]
    return lambda labels: _mean_over_classes(
        [one(labels == k) for k, one in zip(classes, each, strict=True)], metric
    )


def measure(metric: str, log_p: np.ndarray, labels: np.ndarray, positive: int | None = None) -> float:
    """Return a metric of some rows; parameters as in `scorer`."""
    return float(scorer(metric, log_p, positive)(np.asarray(labels)))


def _mean_over_classes(values: list[np.ndarray], metric: str) -> np.ndarray:
    stacked = np.stack(values)
    known = np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(known, stacked, 0.0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)


def _balanced(predicted: np.ndarray, classes: int) -> Scorer:
    def score(labels: np.ndarray) -> np.ndarray:
        recalls = []
        for k in range(classes):
            truth = labels == k
            with np.errstate(invalid="ignore", divide="ignore"):
                recalls.append((truth & (predicted == k)).sum(-1) / truth.sum(-1))
        return _mean_over_classes(recalls, "balanced_accuracy")

    return score


def _auroc(p: np.ndarray) -> Scorer:
    """Mann and Whitney: the share of pairs of a row and one of the rest that are in order, ties as halves."""
    ranks = rankdata(p)

    def score(truth: np.ndarray) -> np.ndarray:
        here = truth.sum(-1).astype(float)
        rest = len(p) - here
        with np.errstate(invalid="ignore", divide="ignore"):
            return (truth @ ranks - here * (here + 1) / 2) / (here * rest)

    return score


def _found(p: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return labels → (true and false positives at every threshold), thresholds falling, ties together."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))

    def count(truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hits = np.cumsum(truth[..., order], axis=-1)[..., ends]
        return hits, ends + 1 - hits

    return count


def _average_precision(p: np.ndarray) -> Scorer:
    """Precision at every threshold, weighted by the recall it adds."""
    count = _found(p)

    def score(truth: np.ndarray) -> np.ndarray:
        hits, false = count(truth)
        gained = np.diff(hits, axis=-1, prepend=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (gained * hits / (hits + false)).sum(-1) / truth.sum(-1)

    return score


def _sensitivity(p: np.ndarray) -> Scorer:
    """The largest share found at a threshold that leaves 90 % of the rest alone."""
    count = _found(p)

    def score(truth: np.ndarray) -> np.ndarray:
        hits, false = count(truth)
        here = truth.sum(-1)
        rest = len(p) - here
        with np.errstate(invalid="ignore", divide="ignore"):
            allowed = false / rest[..., None] <= 1 - SPECIFICITY + 1e-12
            return np.where(rest > 0, np.where(allowed, hits, 0).max(-1) / here, np.nan)

    return score


def prior_score(metric: str, train: np.ndarray, test: np.ndarray, classes: int, positive: int | None) -> float:
    """Return what guessing scores on test labels: the class frequencies of the training labels, for every row.

    Accuracy is that of the largest class, log-loss that of the frequencies. A guess ranks nothing, so that the
    expected value stands for the metrics of rank: AUROC one half, average precision the share of the class,
    sensitivity one less the specificity.
    """
    counts = np.bincount(train, minlength=classes).astype(float)
    if metric == "accuracy":
        return float((test == counts.argmax()).mean())
    if metric == "log_loss":
        return float(-np.log(counts / counts.sum())[test].mean())
    present = [k for k in range(classes) if (test == k).any()]
    if metric == "balanced_accuracy":
        return 1.0 / len(present)
    if metric == "average_precision":
        chosen = [k for k in present if positive is None or k == positive]
        return float(np.mean([(test == k).mean() for k in chosen])) if chosen else float("nan")
    return 0.5 if metric == "auroc" else 1 - SPECIFICITY


def direction(metric: str) -> int:
    """Return 1 where larger is better, -1 where smaller is."""
    return -1 if metric in LOWER else 1
