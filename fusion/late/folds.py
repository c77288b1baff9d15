"""Stacking on out-of-fold decisions: the second learner reads training rows that no expert it hears has seen."""

from __future__ import annotations

from typing import Self

import numpy as np

from ...core.seeding import Seeds
from ...datasets.bundle import Rows
from ..registry import register
from ..stages import LocalStages
from ..variant import Task, as_seeds
from .decisions import Decisions
from .stacking import LateStacking


@register(
    "late_stacking_oof",
    tier="full",
    architecture="late",
    data_fusion="concat",
    level="decisions",
    operator="stacking",
    training="apart",
    absent="prior",
    reference="Wolpert 1992, doi 10.1016/S0893-6080(05)80023-1",
    words=(
        "out-of-fold",
        "cross-validated stacking",
        "super learner",
    ),
    complexity="O(M K²), K classes; F more trainings of every expert, F folds",
)
class LateStackingOof(LateStacking):
    """softmax(W [log p_1; …; log p_M] + b): logistic regression on out-of-fold log p_m of the training rows.

    The training rows are cut into `folds` parts; experts trained on the others predict each, so the second learner
    sees every training row as an expert sees a new one. In prediction the experts of all rows speak, which are a
    little surer than those of the folds. `late_stacking` has validation rows alone: fewer, at no cost; this rule
    trains every expert folds + 1 times, and the folds' trainings count as its own time. Three folds keep that
    bearable; rows of one group (speaker, patient) share a fold. Validation rows choose the epochs, as always.
    """

    def __init__(self, task: Task, experts: str = "unimodal", C: float = 1.0, folds: int = 3):
        super().__init__(task, experts, C)
        if folds < 2:
            raise ValueError(f"folds={folds} is not a whole number from 2")
        self.folds = folds

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Take the experts, train those of the folds, fit the second learner to what these say."""
        seeds = as_seeds(seed, self.name)
        super().fit(train, validation, seeds)
        p = self.out_of_fold(train, validation, seeds)
        d = Decisions(p, train.present.T[:, :, None].astype(float), self.prior)
        super().learn(d, train.labels, seeds)
        return self

    def learn(self, d: Decisions, labels: np.ndarray, seeds: Seeds) -> None:
        """Learn nothing from validation rows."""

    def out_of_fold(self, train: Rows, validation: Rows, seeds: Seeds) -> np.ndarray:
        """Return what experts say about training rows that they were not fitted to, (M, n, K)."""
        names, fold = self.needs(), fold_of_rows(train, self.folds, np.random.default_rng(seeds.own("folds")))
        p = np.empty((len(names), len(train), len(self.task.classes)))
        for number in np.unique(fold):
            out = fold == number
            stages = LocalStages(self.task, train.take(~out), validation, seeds)
            for place, name in enumerate(names):
                p[place, out] = stages.get(name).predict_proba(train.take(out).unlabelled())
        return p


def fold_of_rows(rows: Rows, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return each row's fold: classes are dealt out evenly, and the rows of a group stay together."""
    grouped = rows.groups is not None and len(np.unique(rows.groups)) > 1
    owners = rows.groups if grouped and rows.groups is not None else np.arange(len(rows))
    _, first, owner = np.unique(owners, return_index=True, return_inverse=True)
    order = rng.permutation(len(first))
    order = order[np.argsort(rows.labels[first][order], kind="stable")]  # by class, at random within
    fold = np.empty(len(first), dtype=int)
    fold[order] = np.arange(len(first)) % folds
    return fold[owner]
