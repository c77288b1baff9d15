"""Rules on the decisions of experts trained apart, one function each; d.p is (M, n, K)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax

from ...core.seeding import Seeds
from ..registry import register
from ..variant import Task
from .decisions import SMALLEST, DecisionRule, Decisions

KITTLER = "Kittler et al. 1998, doi 10.1109/34.667881"
DECISION: dict[str, Any] = dict(
    architecture="late",
    data_fusion="merge",
    level="decisions",
    training="apart",
    learner="neural",
    absent="left_out",
)


@register(
    "late_mean",
    **DECISION,
    operator="mean",
    reference=KITTLER,
    words=("sum rule", "soft voting", "averaging"),
    complexity="O(M K), K classes",
)
def late_mean(d: Decisions) -> np.ndarray:
    """1/M Σ_m p_m over the modalities present."""
    return (d.p * d.present).sum(0) / d.count


@register(
    "late_product",
    **DECISION,
    operator="product",
    reference=KITTLER,
    words=("product rule",),
    complexity="O(M K), K classes",
)
def late_product(d: Decisions) -> np.ndarray:
    """softmax(Σ_{m present} log p_m − (M_present − 1) log π), log p clipped.

    Optimal where the modalities are independent given the label: each expert's posterior holds the
    prior π once, the product must hold it once too. An expert that returns π changes nothing.
    """
    evidence = (d.log_p * d.present).sum(0)
    return softmax(evidence - (d.present.sum(0) - 1) * np.log(np.maximum(d.prior, SMALLEST)), axis=1)


@register(
    "late_vote",
    **DECISION,
    operator="vote",
    reference=KITTLER,
    words=("majority vote", "hard voting"),
    complexity="O(M K), K classes",
)
def late_vote(d: Decisions) -> np.ndarray:
    """(n_k + mean_m p_{m,k}) / (M + 1): the majority of arg max, ties decided by the mean probability."""
    votes = np.eye(d.p.shape[2])[d.p.argmax(2)] * d.present
    return (votes.sum(0) + late_mean(d)) / (d.count + 1)


@register(
    "late_weighted",
    **DECISION,
    operator="weighted_mean",
    words=("weighted average",),
    complexity="O(M K), K classes",
)
class LateWeighted(DecisionRule):
    """Σ_m w_m p_m, w on the simplex maximising Σ log Σ_m w_m p_m(y) on validation rows, by EM.

    The log-likelihood of a mixture is concave in w and the EM step w_m ← mean of w_m p_m(y) / Σ_j w_j
    p_j(y) never lowers it; weights "proportional to log-likelihood" would be negative and favour the
    worst. Where a modality is absent the weights are shared out among those present, in the likelihood as in
    the prediction: the row then says nothing for or against the weight of what it lacks.
    """

    weights: np.ndarray

    def __init__(self, task: Task, experts: str = "unimodal", steps: int = 200):
        super().__init__(task, experts)
        self.steps = steps

    def learn(self, d: Decisions, labels: np.ndarray, seeds: Seeds) -> None:
        """Run EM from equal weights."""
        there = d.present[:, :, 0]
        likelihood = (d.p[:, np.arange(len(labels)), labels] + SMALLEST) * there
        weights = np.full(len(there), 1 / len(there))
        seen = there.any(0)
        for _ in range(self.steps if seen.any() else 0):
            share = weights[:, None] * likelihood[:, seen]
            unseen = weights[:, None] * (1 - there[:, seen]) / (weights @ there[:, seen])
            weights = np.maximum((share / share.sum(0) + unseen).sum(1), SMALLEST)
            weights /= weights.sum()
        self.weights = weights

    def combine(self, d: Decisions) -> np.ndarray:
        """Return the weighted mean over the modalities present."""
        return np.einsum("m,mnk->nk", self.weights, d.p * d.present)

    def learned(self) -> dict[str, Any]:
        """Return the weights."""
        return {"weights": self.weights}
