"""Classical learners: scikit-learn pipelines on standardised, flattened, block-scaled inputs."""

from __future__ import annotations

import io
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import joblib
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ..core.seeding import Seeds
from ..datasets.bundle import Inputs, Modality, Rows
from .preprocess import Standardiser, select
from .variant import Task, Variant, as_seeds

WIDE = 64


class ClassicalVariant(Variant):
    """Base: a subclass returns its scikit-learn `estimator`; everything else is here.

    Inputs are standardised by training rows, flattened, and each modality divided by √(its size), so
    that a large picture does not outweigh a small table.
    """

    name = "classical"

    def __init__(self, task: Task, read: tuple[str, ...] | None = None, all_names: tuple[str, ...] | None = None):
        super().__init__(task)
        self.all_names, self.read = all_names or task.names, read or task.names
        self.scaler = Standardiser(task.modalities)

    @abstractmethod
    def estimator(self, seed: int) -> Any:
        """Return the unfitted scikit-learn classifier."""

    @property
    def class_weight(self) -> str | None:
        """What scikit-learn calls the suite's class weight."""
        return "balanced" if self.task.settings.class_weight == "balanced" else None

    def columns(self, inputs: Inputs) -> np.ndarray:
        """Return the design matrix, float64 (n, total size)."""
        scaled = self.scaler.transform(select(inputs, self.all_names, self.read))
        blocks = [scaled[n].reshape(len(inputs), -1) / np.sqrt(scaled[n][0].size) for n in self.read]
        return np.hstack(blocks).astype(np.float64)

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Fit scaling and learner on training rows."""
        seeds = as_seeds(seed, self.name)
        self.scaler.fit(select(train, self.all_names, self.read))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 2,000 steps; the rest is regularised away
            self.model = self.estimator(seeds.own()).fit(self.columns(train), train.labels)
        return self

    def predict_proba(self, inputs: Inputs) -> np.ndarray:
        """Return probabilities over all classes, also those the learner never saw."""
        return spread(self.model, self.columns(inputs), len(self.task.classes))

    def state(self) -> dict[str, Any]:
        """Return the pickled pipeline and scaling."""
        held = io.BytesIO()
        joblib.dump(self.model, held)
        return {"model": held.getvalue(), "scaler": self.scaler.state()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Load pipeline and scaling."""
        self.scaler.restore(state["scaler"])
        self.model = joblib.load(io.BytesIO(state["model"]))
        return self


def spread(model: Any, columns: np.ndarray, classes: int) -> np.ndarray:
    """Return a scikit-learn model's probabilities as (n, classes), zero for a class it never saw."""
    probabilities = np.zeros((len(columns), classes))
    probabilities[:, model.classes_] = model.predict_proba(columns)
    return probabilities


def seed32(seed: int) -> int:
    """Return a seed in the range that scikit-learn takes."""
    return seed % 2**32


def per_modality(modalities: tuple[Modality, ...], make: Callable[[Modality], Any]) -> ColumnTransformer:
    """Return a transformer that treats each modality's block of columns by `make(modality)`."""
    parts, start = [], 0
    for number, modality in enumerate(modalities):
        columns = slice(start, start + modality.size)
        parts.append((f"{number}-{modality.name}", make(modality), columns))
        start += modality.size
    return ColumnTransformer(parts)


def reduce_wide(modalities: tuple[Modality, ...], learner: Any, seed: int) -> Pipeline:
    """Put PCA(64) before a learner for every picture or spectrogram of more than 64 numbers."""

    def make(modality: Modality) -> Any:
        wide = modality.kind in ("image", "audio") and modality.size > WIDE
        return SafePCA(WIDE, random_state=seed32(seed)) if wide else "passthrough"

    # rows that lack a modality project to one point up to rounding, and a tree would split between its copies
    return make_pipeline(per_modality(modalities, make), FunctionTransformer(np.float32), learner)


class SafePCA(PCA):
    """PCA whose number of components gives way to the rank of the rows at hand."""

    def fit_transform(self, X: np.ndarray, y: Any = None) -> np.ndarray:
        """Fit with at most as many components as the rows have dimensions, then transform."""
        self.n_components = min(self.n_components, *X.shape)
        projected = super().fit_transform(X, y)
        spread = self.singular_values_
        # beyond the rank a component is rounding error, which a scaler or a tree behind it would read as data
        rank = max(1, int((spread > spread[0] * max(X.shape) * np.finfo(X.dtype).eps).sum()))
        if rank == self.n_components:
            return projected
        self.n_components = rank
        return super().fit_transform(X, y)
