"""Hybrid fusion: early, joint and late learners side by side, their decisions weighted."""

from __future__ import annotations

import numpy as np

from ..datasets.bundle import Inputs
from .late.decisions import Decisions
from .late.rules import LateWeighted, late_mean, late_product
from .registry import register
from .variant import Task

PARTS = ("early_concat_logreg", "concat_features")
LATE = {"mean": late_mean, "product": late_product}


@register(
    "hybrid_early_late",
    tier="full",
    architecture="hybrid",
    data_fusion="merge",
    level="decisions",
    operator="weighted_mean",
    training="apart",
    reference="Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020",
    words=("hybrid fusion", "early and late"),
    complexity="O(M K), K classes; one early and one joint training beside the experts'",
)
class HybridEarlyLate(LateWeighted):
    """Σ_j w_j p_j, j = early, joint, late; w on the simplex, fitted to validation rows as in `late_weighted`.

    p_early is `early_concat_logreg`, p_joint `concat_features`, p_late the experts' product with the prior divided
    out (or `late=mean`); each is a stage, the same training as the entry of that name. An absent modality is the
    training mean for all of them, the late experts too.
    """

    def __init__(self, task: Task, late: str = "product", steps: int = 200):
        super().__init__(task, steps=steps)
        if late not in LATE:
            raise ValueError(f"late={late!r} is not one of {', '.join(LATE)}")
        self.late = LATE[late]

    def needs(self) -> tuple[str, ...]:
        """Names of the early and the joint learner and of the experts."""
        return (*PARTS, *super().needs())

    def decisions(self, inputs: Inputs) -> Decisions:
        """Ask the three; each answers for every row."""
        early, joint, *experts = [stage.predict_proba(inputs) for stage in self.experts]
        p = np.stack(experts)
        late = self.late(Decisions(p, np.ones((*p.shape[:2], 1)), self.prior))
        parts = np.stack([early, joint, late])
        return Decisions(parts, np.ones((*parts.shape[:2], 1)), self.prior)
