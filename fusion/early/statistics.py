"""Early concatenation of statistics that people designed: what a picture or a sound gives without learning."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ...datasets.bundle import Inputs, Modality
from ..classical import ClassicalVariant
from ..registry import register
from ..variant import Task
from .classical import SURVEY

ZONES = 4  # along each side of a picture
DIRECTIONS = 8  # of edges, over half a turn
FAINT = 1e-3  # strength of edges, in standard deviations, below which a picture counts as flat


@register(
    "early_concat_stats",
    tier="full",
    architecture="early",
    data_fusion="concat",
    level="features",
    operator="concat",
    learner="classical",
    reference=SURVEY,
    words=("hand-crafted features", "zoning", "histogram of oriented gradients", "hog"),
    complexity="O(D), D values of all inputs",
)
class EarlyConcatStats(ClassicalVariant):
    """softmax(W [φ_1(x_1); …; φ_M(x_M)] + b): designed statistics φ_m by kind, then logistic regression.

    Pictures: means of 4 × 4 zones a channel (zoning), and for each zone how strong edges of 8 directions are
    (after the histograms of oriented gradients). Spectrograms: mean, spread, mean change and spread of change of
    every band over time. Tables and embeddings: as they are. Statistics are standardised by training rows and
    divided by √(their number a modality), C = 10: the learner of `early_concat_logreg`, so that only φ differs.
    """

    def __init__(self, task: Task, C: float = 10.0):
        super().__init__(task)
        if C <= 0:
            raise ValueError(f"C={C} is not positive")
        self.C = C

    def columns(self, inputs: Inputs) -> np.ndarray:
        """Return the statistics of all modalities side by side, float64."""
        scaled = self.scaler.transform(inputs)
        return np.hstack([statistics(m, scaled[m.name].astype(np.float64)) for m in self.task.modalities])

    def estimator(self, seed: int) -> Any:
        """Return the learner behind scaling."""
        counts = [statistics(m, np.zeros((1, *m.shape))).shape[1] for m in self.task.modalities]
        shrink = np.concatenate([np.full(count, count**-0.5) for count in counts])
        learner = LogisticRegression(C=self.C, max_iter=2000, class_weight=self.class_weight)
        return make_pipeline(StandardScaler(), FunctionTransformer(partial(np.multiply, shrink)), learner)


def statistics(modality: Modality, x: np.ndarray) -> np.ndarray:
    """Return a modality's statistics (n, numbers) from its standardised values (n, *shape)."""
    if modality.kind == "image" and x.ndim == 4:
        return np.hstack([zoning(x), edges(x)])
    if modality.kind == "audio" and x.ndim == 4:
        return band_statistics(x)
    return x.reshape(len(x), -1)


def zoning(x: np.ndarray) -> np.ndarray:
    """Return the mean of every zone of (n, channels, height, width), (n, channels · zones)."""
    return _zone_means(x).reshape(len(x), -1)


def edges(x: np.ndarray) -> np.ndarray:
    """Return the strength of edges by direction and zone, (n, 8 · zones), at length one a picture.

    At each place the channel with the steepest gradient counts, as in Dalal and Triggs' histograms; theirs are
    scaled by neighbourhoods, which pictures of a few zones hardly have. A flat picture gives zeros.
    """
    down, right = (_slope(x, axis) for axis in (2, 3))
    steepest = np.hypot(down, right).argmax(1)[:, None]
    down, right = (np.take_along_axis(slope, steepest, 1)[:, 0] for slope in (down, right))
    strength, angle = np.hypot(down, right), np.arctan2(down, right)
    # directions are centred on multiples of π/8, so that upright and level edges do not stand on a border
    direction = np.rint(angle * DIRECTIONS / np.pi).astype(int) % DIRECTIONS
    parts = [_zone_means(np.where(direction == k, strength, 0.0)) for k in range(DIRECTIONS)]
    histogram = np.stack(parts, 1).reshape(len(x), -1)
    return histogram / (np.linalg.norm(histogram, axis=1, keepdims=True) + FAINT)


def band_statistics(x: np.ndarray) -> np.ndarray:
    """Return mean, spread, mean change and spread of change over frames, (n, 4 · channels · bands)."""
    change = np.diff(x, axis=3) if x.shape[3] > 1 else np.zeros_like(x)
    parts = [x.mean(3), x.std(3), change.mean(3), change.std(3)]
    return np.stack(parts, 1).reshape(len(x), -1)


def _slope(x: np.ndarray, axis: int) -> np.ndarray:
    """Return half the difference of both neighbours, (n, …) as x; an edge of the picture is its own neighbour."""
    places = np.arange(x.shape[axis])
    ahead, behind = (np.clip(places + step, 0, places[-1]) for step in (1, -1))
    return (np.take(x, ahead, axis) - np.take(x, behind, axis)) / 2


def _zone_means(x: np.ndarray) -> np.ndarray:
    for axis in (-2, -1):
        starts = np.unique(np.linspace(0, x.shape[axis], ZONES, endpoint=False).astype(int))
        counts = np.diff(np.append(starts, x.shape[axis]))
        x = np.add.reduceat(x, starts, axis) / (counts[:, None] if axis == -2 else counts)
    return x
