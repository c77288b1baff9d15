"""Dempster's rule on the decisions of experts trained apart."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ...core.seeding import Seeds
from ..registry import register
from .decisions import SMALLEST, DecisionRule, Decisions
from .rules import DECISION

Opinion = tuple[Any, Any]  # belief masses (…, K) and what is left to "any class" (…, 1); together they sum to 1


def dempster(first: Opinion, second: Opinion) -> Opinion:
    """Combine two opinions: b ∝ b₁b₂ + b₁u₂ + u₁b₂ and u ∝ u₁u₂, scaled to sum 1.

    The scale drops the conflict Σ_{j≠k} b₁ⱼb₂ₖ. Commutative and associative; (0, 1) changes nothing.
    Takes arrays and tensors alike.
    """
    (b, u), (c, v) = first, second
    belief, doubt = b * c + b * v + u * c, u * v
    total = belief.sum(-1)[..., None] + doubt
    return belief / total, doubt / total


@register(
    "late_dempster_shafer",
    **DECISION,
    tier="full",
    operator="dempster",
    reference="Shafer 1976, A Mathematical Theory of Evidence, Princeton University Press",
    words=("Dempster-Shafer", "belief functions", "evidence theory", "discounting"),
    complexity="O(M K), K classes",
)
class LateDempsterShafer(DecisionRule):
    """⊕_m (b_m, u_m) by Dempster's rule, b_m = (1 − u_m) p_m; then b + u / K, what is left shared out evenly.

    u_m discounts an expert by its error on validation rows, taken as (errors + 1) / (rows + 2): an expert without
    a mistake on few rows must not veto the others. All u_m = 0 give the plain product Π_m p_m, scaled, which holds
    the class prior once an expert; u_m = 1 leaves an expert out, as an absent modality is. p is clipped, so that
    experts who exclude one another's classes still give an answer.
    """

    doubt: np.ndarray

    def learn(self, d: Decisions, labels: np.ndarray, seeds: Seeds) -> None:
        """Take each expert's share of errors on the validation rows that have its modality."""
        there = d.present[:, :, 0]
        wrong = (d.p.argmax(2) != labels) * there
        self.doubt = (wrong.sum(1) + 1) / (there.sum(1) + 2)

    def combine(self, d: Decisions) -> np.ndarray:
        """Return the fused beliefs and an even share of the doubt."""
        trust = (1 - self.doubt)[:, None, None] * d.present
        beliefs = trust * np.maximum(d.p, SMALLEST)
        belief, doubt = reduce(dempster, zip(beliefs, 1 - trust, strict=True))
        return belief + doubt / belief.shape[-1]

    def learned(self) -> dict[str, Any]:
        """Return the doubts."""
        return {"doubt": self.doubt}
