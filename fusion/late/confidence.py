"""Rules that listen to whoever is sure: the largest probability, and means weighted by entropy."""

from __future__ import annotations

import numpy as np

from ..registry import register
from .decisions import SMALLEST, Decisions
from .rules import DECISION, KITTLER


@register(
    "late_max",
    **DECISION,
    tier="full",
    operator="max",
    reference=KITTLER,
    words=(
        "max rule",
        "maximum rule",
    ),
    complexity="O(M K), K classes",
)
def late_max(d: Decisions) -> np.ndarray:
    """p_k ∝ max_m p_{m,k} over the modalities present: the largest (class by class), scaled to sum 1.

    One expert that is sure decides, be it right or wrong. Kittler et al. bound the sum of M posteriors, each with
    the prior divided out, by M times the largest; with equal priors that is this rule, which leaves the prior be.
    """
    return (d.p * d.present).max(0)


@register(
    "late_confidence",
    **DECISION,
    tier="full",
    operator="entropy_weighted_mean",
    words=("entropy weighting", "confidence weighting", "dynamic weighting"),
    complexity="O(M K), K classes",
)
def late_confidence(d: Decisions) -> np.ndarray:
    """Σ_m w_m p_m with w_m ∝ exp(−H(p_m)), row by row, over the modalities present.

    H is the entropy in nats, so that exp(H) is the number of classes an expert wavers between: one that is sure
    of a class weighs K times as much as one that knows nothing. Nothing is fitted; an expert that is sure and
    wrong misleads this rule more than the plain mean.
    """
    entropy = -(d.p * d.log_p).sum(2, keepdims=True)
    weights = np.exp(-entropy) * d.present
    return (weights * d.p).sum(0) / np.maximum(weights.sum(0), SMALLEST)
