"""Scaling fitted on training rows alone; what is absent becomes the training mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..datasets.bundle import Inputs, Modality


class Standardiser:
    """Per modality: zero mean and unit variance on training rows where the modality is present.

    Tabular and embedding columns are scaled each, pictures and spectrograms per channel, so that their
    shapes stay. A constant column or channel keeps scale 1. An absent modality becomes zeros: the mean.
    """

    def __init__(self, modalities: tuple[Modality, ...]):
        self.modalities = modalities
        self.mean: dict[str, np.ndarray] = {}
        self.scale: dict[str, np.ndarray] = {}

    def fit(self, train: Inputs) -> Standardiser:
        """Learn means and scales from training rows."""
        for column, modality in enumerate(self.modalities):
            rows = train.inputs[modality.name][train.present[:, column]].astype(np.float64)
            axes = (0,) if len(modality.shape) == 1 else (0, *range(2, rows.ndim))
            mean = rows.mean(axes, keepdims=True) if len(rows) else np.zeros(1)
            scale = rows.std(axes, keepdims=True) if len(rows) else np.ones(1)
            self.mean[modality.name] = mean
            self.scale[modality.name] = np.where(scale > 1e-12 * (1 + np.abs(mean)), scale, 1.0)
        return self

    def transform(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return modality name → float32 array of shape (n, *shape)."""
        return {m.name: self._one(inputs, column, m.name) for column, m in enumerate(self.modalities)}

    def _one(self, inputs: Inputs, column: int, name: str) -> np.ndarray:
        scaled = ((inputs.inputs[name] - self.mean[name]) / self.scale[name]).astype(np.float32)
        scaled[~inputs.present[:, column]] = 0.0
        return scaled

    def state(self) -> dict[str, Any]:
        """Return the learned numbers."""
        return {"mean": self.mean, "scale": self.scale}

    def restore(self, state: dict[str, Any]) -> Standardiser:
        """Take learned numbers back."""
        self.mean, self.scale = state["mean"], state["scale"]
        return self


def select(inputs: Inputs, all_names: tuple[str, ...], kept: tuple[str, ...]) -> Inputs:
    """Return the inputs of some modalities only, the columns of `present` with them."""
    columns = [all_names.index(name) for name in kept]
    return Inputs({name: inputs.inputs[name] for name in kept}, inputs.present[:, columns])
