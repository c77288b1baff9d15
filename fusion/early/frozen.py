"""Early concatenation of what unlabelled pre-training found."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...core.names import spell
from ...core.seeding import Seeds
from ...datasets.bundle import Inputs, Rows
from ..classical import ClassicalVariant
from ..neural import NeuralVariant
from ..registry import register
from ..stages import LocalStages
from ..training import EVALUATION_BATCH
from ..variant import Task, as_seeds
from .classical import SURVEY


@register(
    "early_frozen_concat",
    tier="full",
    architecture="early",
    data_fusion="concat",
    level="features",
    operator="concat",
    training="staged_frozen",
    learner="classical",
    reference=SURVEY,
    words=("frozen features", "linear probe"),
    complexity="O(M d K), K classes",
)
class EarlyFrozenConcat(ClassicalVariant):
    """softmax(W [f_1(x_1); …; f_M(x_M)] + b): frozen extractors f_m, then one logistic regression.

    Each f_m is the encoder of an autoencoder of its modality, trained on the inputs of training rows without
    labels, and kept as it is: no part that reads one modality alone ever sees a label, so that the first thing
    trained on the label sees all. Features are standardised by training rows, C = 1 as in `early_concat_pca`,
    whose linear projections these replace. With a network for the learner and the extractors tuned on it is
    `autoencoder_pretrain_concat`.
    """

    def __init__(self, task: Task, C: float = 1.0):
        super().__init__(task)
        if C <= 0:
            raise ValueError(f"C={C} is not positive")
        self.C = C

    def needs(self) -> tuple[str, ...]:
        """Names of the pre-trainings, one a modality."""
        return tuple(f"autoencoder_pretraining(modality={spell(name)})" for name in self.task.names)

    def estimator(self, seed: int) -> Any:
        """Return the learner."""
        learner = LogisticRegression(C=self.C, max_iter=2000, class_weight=self.class_weight)
        return make_pipeline(StandardScaler(), learner)

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Take the pre-trained extractors, fit the learner on training rows."""
        seeds = as_seeds(seed, self.name)
        stages = self.stages or LocalStages(self.task, train, validation, seeds)
        self.pretrained = [stages.get(name) for name in self.needs()]
        return super().fit(train, validation, seeds)

    def columns(self, inputs: Inputs) -> np.ndarray:
        """Return the extractors' vectors side by side, float64 (n, M·width)."""
        return np.hstack([features(stage, inputs) for stage in self.pretrained])

    def restore(self, state: dict[str, Any]) -> Self:
        """Take the extractors from the stages and the learner from the state."""
        assert self.stages is not None
        self.pretrained = [self.stages.get(name) for name in self.needs()]
        return super().restore(state)


@torch.inference_mode()
def features(stage: NeuralVariant, inputs: Inputs) -> np.ndarray:
    """Return the finished vectors of a pre-trained network's one extractor, float64 (n, width)."""
    network, batch = stage.network.eval(), stage.batch(inputs)
    starts = range(0, len(batch), EVALUATION_BATCH)
    parts = [network.encode(batch.take(slice(start, start + EVALUATION_BATCH)))[0] for start in starts]
    return torch.cat(parts).double().cpu().numpy()
