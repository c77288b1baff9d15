"""Metrics of one cell from its log probabilities; each is a function of arrays with a hand-computed test."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from ..results.store import LOWEST

BAND_DRAWS = 200


def log_probabilities(p: np.ndarray) -> np.ndarray:
    """Return log p of shape (n, K), clipped at -30 and normalised before clipping."""
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    return np.maximum(log_p - logsumexp(log_p, axis=1, keepdims=True), LOWEST)


def score(
    log_p: np.ndarray,
    labels: np.ndarray,
    log_posterior: np.ndarray | None = None,
    positive: int | None = None,
) -> dict[str, float]:
    """Return every metric of some rows.

    Parameters
    ----------
    log_p
        Log probabilities, (n, K), clipped.
    labels
        Class indexes, (n,).
    log_posterior
        Exact log p(y | x), (n, K), on synthetic sets: adds regret and divergence.
    positive
        Index of the positive class, for `average_precision` and sensitivity; None averages over classes.
    """
    p = np.exp(log_p)
    predicted = log_p.argmax(1)
    present = np.unique(labels)
    recalls = [float((predicted[labels == k] == k).mean()) for k in present]
    rank = auroc(p, labels)
    values = {
        "accuracy": float((predicted == labels).mean()),
        "log_loss": float(-log_p[np.arange(len(labels)), labels].mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(
            f1_score(labels, predicted, labels=np.arange(p.shape[1]), average="macro", zero_division=0)  # type: ignore[arg-type]
        ),
        "brier": float(((p - np.eye(p.shape[1])[labels]) ** 2).sum(1).mean()),
        "auroc": rank[0],
        "auroc_classes": float(rank[1]),
        "average_precision": average_precision(p, labels, positive),
        "sensitivity_at_90_specificity": sensitivity(p, labels, positive, 0.9),
        **calibration(p, labels),
    }
    return values | (against_exact(log_p, log_posterior) if log_posterior is not None else {})


def auroc(p: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """Return one-vs-rest AUROC averaged over the classes present, and how many those are.

    A class without rows, or with all of them, has no AUROC; where no class has one it is NaN.
    """
    scores = [
        roc_auc_score(labels == k, p[:, k]) for k in range(p.shape[1]) if 0 < (labels == k).sum() < len(labels)
    ]
    return (float(np.mean(scores)), len(scores)) if scores else (float("nan"), 0)


def average_precision(p: np.ndarray, labels: np.ndarray, positive: int | None) -> float:
    """Return average precision of the positive class, or its mean over the classes present."""
    classes = [k for k in np.unique(labels) if positive is None or k == positive]
    scores = [average_precision_score(labels == k, p[:, k]) for k in classes]
    return float(np.mean(scores)) if scores else float("nan")


def sensitivity(p: np.ndarray, labels: np.ndarray, positive: int | None, specificity: float) -> float:
    """Return the largest share of positive rows found while `specificity` of the negative ones are left alone.

    The threshold is taken from the scored rows themselves, as on a ROC curve. Without a positive class the mean
    over the classes present, each against the rest; NaN where no class has both kinds of rows.
    """
    classes = range(p.shape[1]) if positive is None else [positive]
    found = []
    for k in classes:
        truth = labels == k
        if 0 < truth.sum() < len(truth):
            false_alarms, hits, _ = roc_curve(truth, p[:, k], drop_intermediate=False)
            found.append(hits[false_alarms <= 1 - specificity + 1e-12].max())
    return float(np.mean(found)) if found else float("nan")


def bins(n: int) -> int:
    """Return the number of equal-mass calibration bins for n rows: max(2, min(15, n // 50))."""
    return max(2, min(15, n // 50))


def expected_calibration_error(confidence: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Return Σ_b (n_b / n) |mean hits − mean confidence| over equal-mass bins.

    Parameters
    ----------
    confidence
        (n,) largest probability of each row.
    hits
        (…, n) 1 where the prediction is right; leading axes are kept.
    """
    order = np.argsort(confidence, kind="stable")
    gaps = (hits - confidence)[..., order]
    parts = np.array_split(np.arange(len(order)), bins(len(order)))
    return np.stack([np.abs(gaps[..., part].sum(-1)) for part in parts]).sum(0) / len(order)


def calibration(p: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return ECE, and what a perfectly calibrated model of this confidence would score.

    `ece_floor` is that model's mean, `ece_low` and `ece_high` its 95 % band, from draws of its hits: with
    few rows even a perfect model has a sizeable ECE.
    """
    confidence = p.max(1)
    ece = float(expected_calibration_error(confidence, (p.argmax(1) == labels).astype(float)))
    draws = np.random.default_rng(0).random((BAND_DRAWS, len(labels))) < confidence
    null = expected_calibration_error(confidence, draws.astype(float))
    low, high = np.percentile(null, [2.5, 97.5])
    return {"ece": ece, "ece_floor": float(null.mean()), "ece_low": float(low), "ece_high": float(high)}


def against_exact(log_p: np.ndarray, log_posterior: np.ndarray) -> dict[str, float]:
    """Return the regret to the best decision and the divergence from the exact posterior p*.

    regret = mean of max_y p*(y|x) − p*(ŷ|x), never negative; kl = mean of Σ_y p* log(p*/q) in nats.
    """
    exact = np.exp(log_posterior)
    chosen = exact[np.arange(len(exact)), log_p.argmax(1)]
    losses = exact.max(1) - chosen
    divergence = np.where(exact > 0, exact * (np.maximum(log_posterior, LOWEST) - log_p), 0.0).sum(1)
    return {
        "regret": float(losses.mean()),
        "regret_se": float(losses.std(ddof=1) / np.sqrt(len(losses))),
        "kl": float(divergence.mean()),
        "bayes_accuracy": float(exact.max(1).mean()),
    }
