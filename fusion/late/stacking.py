"""Stacking: a second learner reads the experts' decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from ...core.seeding import Seeds
from ..classical import spread
from ..registry import register
from ..variant import Task
from .decisions import DecisionRule, Decisions
from .rules import late_mean


@register(
    "late_stacking",
    architecture="late",
    data_fusion="concat",
    level="decisions",
    operator="stacking",
    training="apart",
    absent="prior",
    reference="Wolpert 1992, doi 10.1016/S0893-6080(05)80023-1",
    words=("stacked generalization", "meta-learner"),
    complexity="O(M K²), K classes",
)
class LateStacking(DecisionRule):
    """softmax(W [log p_1; …; log p_M] + b): logistic regression on log p_m of the validation rows.

    Validation rows are few and have chosen the experts' epochs, but the experts were not fitted to
    them; log p of training rows would teach the second learner to trust overfit experts. For a
    class that they lack the experts' mean stands.
    """

    def __init__(self, task: Task, experts: str = "unimodal", C: float = 1.0):
        super().__init__(task, experts)
        self.C = C

    def learn(self, d: Decisions, labels: np.ndarray, seeds: Seeds) -> None:
        """Fit the second learner."""
        weight = "balanced" if self.task.settings.class_weight == "balanced" else None
        model = LogisticRegression(C=self.C, max_iter=2000, class_weight=weight)
        self.model = model.fit(self._columns(d), labels) if len(np.unique(labels)) > 1 else None

    def combine(self, d: Decisions) -> np.ndarray:
        """Return the second learner's probabilities."""
        if self.model is None:
            return late_mean(d)
        stacked, mean = spread(self.model, self._columns(d), len(self.prior)), late_mean(d)
        unseen = np.setdiff1d(np.arange(len(self.prior)), self.model.classes_)
        rest = 1 - mean[:, unseen].sum(1, keepdims=True)
        stacked *= rest
        stacked[:, unseen] = mean[:, unseen]
        return stacked

    def _columns(self, d: Decisions) -> np.ndarray:
        # an absent modality says what the prior says; log p is bounded so that one sure expert is not all
        log_p = np.where(d.present > 0, np.maximum(d.log_p, np.log(1e-4)), np.log(d.prior))
        return log_p.transpose(1, 0, 2).reshape(log_p.shape[1], -1)

    def learned(self) -> dict[str, Any]:
        """Return the second learner."""
        return {"model": self.model}
