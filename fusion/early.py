"""Early fusion: the modalities are one input before anything is trained on the label."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from .classical import ClassicalVariant, SafePCA, per_modality, reduce_wide, seed32
from .network import Batch, FusionNetwork
from .registry import register
from .unimodal import boosting
from .variant import Task

SURVEY = "Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5a"
RAW_CONCAT = dict(architecture="early", data_fusion="concat", level="raw", operator="concat", reference=SURVEY)


@register("early_concat_logreg", **RAW_CONCAT, learner="classical", words=("feature-level fusion",))
class EarlyConcatLogreg(ClassicalVariant):
    """softmax(W [x_1; …; x_M] + b): logistic regression on standardised, block-scaled inputs."""

    def __init__(self, task: Task, C: float = 10.0):
        super().__init__(task)
        self.C = C

    def estimator(self, seed: int) -> Any:
        """Return the learner; C = 10 because block scaling has shrunk the columns."""
        return LogisticRegression(C=self.C, max_iter=2000, class_weight=self.class_weight)


@register("early_concat_gbdt", **RAW_CONCAT, learner="classical")
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


class RawNetwork(FusionNetwork):
    """Base of networks that read flat inputs x_m / √(size of m): there are no extractors to train."""

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.extractors = nn.ModuleList()

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's flat, block-scaled values."""
        flat = [batch[name].flatten(1) for name in self.names]
        return [x / x.shape[1] ** 0.5 for x in flat]


@register("early_concat_mlp", **RAW_CONCAT)
class EarlyConcatMlp(RawNetwork):
    """head(√s̄ · [x_1; …; x_M]): the common classifier on the flat, block-scaled inputs.

    s̄ is the mean size of a modality: one factor for all blocks, which gives the columns unit variance on
    average, as the layer's initial weights expect.
    """

    def __init__(self, task: Task):
        super().__init__(task)

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return all values side by side, (n, total size)."""
        joined = torch.cat(h, 1)
        return joined * (joined.shape[1] / len(h)) ** 0.5


@register(
    "early_merge_sum",
    architecture="early",
    data_fusion="merge",
    level="features",
    operator="sum",
    reference="Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5c",
)
class EarlyMergeSum(RawNetwork):
    """head(Σ R_m x_m): fixed random projections to one width, added before anything is trained.

    R_m has independent N(0, 1) entries; x_m is block-scaled, so that R_m x_m keeps its length's scale.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        for number, modality in enumerate(task.modalities):
            self.register_buffer(f"projection_{number}", torch.randn(modality.size, self.width))

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return the sum of the projections (n, width)."""
        return torch.stack([x @ getattr(self, f"projection_{i}") for i, x in enumerate(h)]).sum(0)
