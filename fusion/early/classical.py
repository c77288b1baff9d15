"""Early concatenation for classical learners, of raw values and of projections."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..classical import ClassicalVariant, SafePCA, per_modality, reduce_wide, seed32
from ..registry import register
from ..unimodal import boosting
from ..variant import Task

SURVEY = "Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5a"
RAW_CONCAT = dict(architecture="early", data_fusion="concat", level="raw", operator="concat", reference=SURVEY)


@register(
    "early_concat_logreg",
    **RAW_CONCAT,
    learner="classical",
    words=("feature-level fusion",),
    complexity="O(D K), D values of all inputs, K classes",
)
class EarlyConcatLogreg(ClassicalVariant):
    """softmax(W [x_1; …; x_M] + b): logistic regression on standardised, block-scaled inputs."""

    def __init__(self, task: Task, C: float = 10.0):
        super().__init__(task)
        self.C = C

    def estimator(self, seed: int) -> Any:
        """Return the learner; C = 10 because block scaling has shrunk the columns."""
        return LogisticRegression(C=self.C, max_iter=2000, class_weight=self.class_weight)


@register(
    "early_concat_gbdt",
    **RAW_CONCAT,
    learner="classical",
    complexity="O(D log n) a training row and tree, D values of all inputs",
)
class EarlyConcatGbdt(ClassicalVariant):
    """g([x_1; …; x_M]): gradient boosting, pictures and spectrograms behind PCA(64)."""

    def __init__(self, task: Task):
        super().__init__(task)

    def estimator(self, seed: int) -> Any:
        """Return the learner."""
        return reduce_wide(self.task.modalities, boosting(seed, self.class_weight), seed)


@register(
    "early_concat_pca",
    architecture="early",
    data_fusion="concat",
    level="features",
    operator="concat",
    learner="classical",
    reference=SURVEY,
    complexity="O(D c), D values of all inputs, c components",
)
class EarlyConcatPca(ClassicalVariant):
    """softmax(W [P_1 x_1; …; P_M x_M] + b): PCA a modality, fitted on training rows, then logistic regression."""

    def __init__(self, task: Task, components: int = 32, C: float = 1.0):
        super().__init__(task)
        self.components, self.C = components, C

    def estimator(self, seed: int) -> Any:
        """Return the pipeline; the projections are standardised so that C means the same everywhere."""
        parts = per_modality(self.task.modalities, lambda m: SafePCA(self.components, random_state=seed32(seed)))
        learner = LogisticRegression(C=self.C, max_iter=2000, class_weight=self.class_weight)
        return make_pipeline(parts, StandardScaler(), learner)
