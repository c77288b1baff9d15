"""Baselines: one modality alone, with the extractor and head that every fusion variant uses."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from .classical import ClassicalVariant, reduce_wide, seed32
from .network import FusionNetwork
from .registry import register
from .variant import Requires, Task

LEARNERS = ("gbdt", "logreg")


@register(
    "unimodal",
    architecture="unimodal",
    data_fusion="none",
    level="features",
    operator="identity",
    training="apart",
    requires=Requires(modalities=(1, None)),
    per_modality="modality",
    also_known_as={
        "MultiBench": "unimodal",
        "BalanceBenchmark": "unimodalTrainer",
        "fusilli": "Tabular1Unimodal, Tabular2Unimodal, ImgUnimodal",
    },
    words=("single modality",),
)
class Unimodal(FusionNetwork):
    """head(h_m): one modality's extractor and the common classifier.

    Also the expert of every late rule: its training is a stage that they share.
    """

    def __init__(self, task: Task, modality: str, width: int | None = None):
        super().__init__(task.only(modality), width)

    @classmethod
    def uses(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the one modality."""
        return (options["modality"],)

    def fuse(self, h: Tensor) -> Tensor:
        """Return the one vector."""
        return h[0]


@register(
    "unimodal_classical",
    architecture="unimodal",
    data_fusion="none",
    level="raw",
    operator="identity",
    training="apart",
    learner="classical",
    requires=Requires(modalities=(1, None)),
    per_modality="modality",
)
class UnimodalClassical(ClassicalVariant):
    """g(x_m): the classical twin, gradient boosting (or `learner=logreg`) on one modality's values.

    Pictures, spectrograms and other inputs of more than 64 numbers stand behind PCA(64) under boosting. `C` is the
    inverse strength of logistic regression's penalty, and means nothing to boosting.
    """

    def __init__(self, task: Task, modality: str, learner: str = "gbdt", C: float = 1.0):
        if learner not in LEARNERS:
            raise ValueError(f"learner={learner!r} is not one of {', '.join(LEARNERS)}")
        if not C > 0:
            raise ValueError(f"C={C!r} is not a number above 0")
        super().__init__(task.only(modality), read=(modality,), all_names=task.names)
        self.learner, self.strength = learner, C

    def estimator(self, seed: int) -> Any:
        """Return the learner."""
        if self.learner == "logreg":
            return LogisticRegression(C=self.strength, max_iter=2000, class_weight=self.class_weight)
        return reduce_wide(self.task.modalities, boosting(seed, self.class_weight), seed)


def boosting(seed: int, class_weight: str | None) -> HistGradientBoostingClassifier:
    """Return the small boosting that all classical entries share: 60 rounds of 15 leaves."""
    return HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        early_stopping=False,  # type: ignore[arg-type]
        class_weight=class_weight,
        random_state=seed32(seed),
    )
