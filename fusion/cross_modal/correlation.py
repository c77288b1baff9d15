"""Canonical correlation analysis: linear projections of each modality that are learned across modalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.linalg import block_diag, eigh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ..classical import WIDE, ClassicalVariant, SafePCA, seed32
from ..registry import register
from ..variant import Requires, Task

FLOOR = 1e-12  # of a covariance's diagonal: a modality that is absent from all rows has no variance


def canonical_directions(
    views: Sequence[np.ndarray], components: int, ridge: float, generalised: bool
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return each view's directions (size, components) and the eigenvalues, largest first.

    With S the covariance of all columns and D its diagonal blocks S_mm + r·mean(diag S_mm)·I, the directions
    w = [w_1; …; w_M] solve S w = λ D w where generalised (MAXVAR), and (S − blockdiag S_mm) w = λ D w where not,
    whose λ are the canonical correlations of two views. Without a ridge the two differ by one in every λ and in
    nothing else; with one, the left side of the first keeps the blocks that the right side has enlarged.
    Directions are scaled so that a view's projection has variance 1 on average over the views.

    Parameters
    ----------
    views
        Centred, (n, size) each, float64.
    components
        How many directions; fewer where the views have fewer.
    ridge
        r, relative to a view's mean variance.
    generalised
        MAXVAR, or the canonical correlations of two views.
    """
    sizes = [view.shape[1] for view in views]
    joined = np.hstack(views)
    covariance = joined.T @ joined / len(joined)
    ends = np.cumsum(sizes)[:-1]
    rows = np.split(covariance, ends)
    own = [np.split(row, ends, 1)[m] for m, row in enumerate(rows)]
    right = block_diag(*(s + (ridge * np.trace(s) / len(s) + FLOOR) * np.eye(len(s)) for s in own))
    left = covariance if generalised else covariance - np.asarray(block_diag(*own))
    count = min(components, sum(sizes) if generalised else min(sizes))
    last = sum(sizes) - 1
    values, vectors = eigh(left, right, subset_by_index=[last - count + 1, last])
    directions = np.split(vectors[:, ::-1] * len(views) ** 0.5, ends)
    return directions, values[::-1]


class CanonicalProjections(TransformerMixin, BaseEstimator):
    """[W_1ᵀx_1; …; W_Mᵀx_M]: blocks of columns behind PCA(64), then canonical directions; no label is read.

    PCA gives way to each block's rank, so that without a ridge too every covariance can be inverted.

    Parameters
    ----------
    sizes
        Columns of each modality.
    components, ridge, generalised
        As of `canonical_directions`.
    seed
        Of the PCA's solver.
    """

    def __init__(self, sizes: tuple[int, ...], components: int, ridge: float, generalised: bool, seed: int = 0):
        self.sizes, self.components, self.ridge = sizes, components, ridge
        self.generalised, self.seed = generalised, seed

    def fit(self, X: np.ndarray, y: Any = None) -> Self:
        """Learn PCA and directions from rows; y is ignored."""
        self.reduce_ = [SafePCA(WIDE, random_state=seed32(self.seed)) for _ in self.sizes]
        views = [pca.fit_transform(block) for pca, block in zip(self.reduce_, self._blocks(X), strict=True)]
        self.directions_, self.values_ = canonical_directions(views, self.components, self.ridge, self.generalised)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the projections of all modalities side by side."""
        parts = zip(self.reduce_, self._blocks(X), self.directions_, strict=True)
        return np.hstack([pca.transform(block) @ w for pca, block, w in parts])

    def _blocks(self, X: np.ndarray) -> list[np.ndarray]:
        return np.split(X, np.cumsum(self.sizes)[:-1], 1)


class CanonicalConcat(ClassicalVariant):
    """Base: softmax(B [W_1ᵀx_1; …; W_Mᵀx_M] + b), logistic regression on canonical projections."""

    generalised = False

    def __init__(self, task: Task, components: int = 16, ridge: float = 0.1, C: float = 1.0):
        super().__init__(task)
        if components < 1:
            raise ValueError(f"components={components} is not a positive whole number")
        if ridge < 0:
            raise ValueError(f"ridge={ridge} is negative")
        self.components, self.ridge, self.C = components, ridge, C

    def estimator(self, seed: int) -> Any:
        """Return the pipeline; both its parts see training rows alone."""
        sizes = tuple(m.size for m in self.task.modalities)
        project = CanonicalProjections(sizes, self.components, self.ridge, self.generalised, seed)
        return make_pipeline(project, LogisticRegression(C=self.C, max_iter=2000, class_weight=self.class_weight))


CANONICAL: dict[str, Any] = dict(
    tier="full",
    architecture="cross_modal",
    data_fusion="concat",
    level="features",
    sharing="pretraining",
    training="staged_frozen",
    learner="classical",
    contestable={"architecture": "early"},
    complexity="O(D s + M s c), D values of all inputs, s ≤ 64 principal components, c canonical ones",
)


@register(
    "cca_concat",
    **CANONICAL,
    operator="cca",
    requires=Requires(modalities=(2, 2)),
    reference="Hotelling 1936, doi 10.1093/biomet/28.3-4.321",
    words=("canonical correlation analysis", "feature-level early fusion"),
)
class CcaConcat(CanonicalConcat):
    """softmax(B [W_1ᵀx_1; W_2ᵀx_2] + b), W the directions whose projections correlate most across modalities.

    (w_1, w_2) maximise w_1ᵀS_12 w_2 under w_mᵀ(S_mm + r·mean(diag S_mm)·I)w_m = 1, each pair orthogonal to those
    before. Fitted on training rows without labels, then a logistic regression; many papers call that early fusion
    at the level of features, the rule here a cross-modal objective in an earlier stage. What is independent of
    the other modality is dropped, so pure synergy is lost. Sixteen components, and a ridge of a tenth of the mean
    variance: without one a few hundred rows correlate perfectly in 64 dimensions. Wide modalities stand behind
    PCA(64).
    """


@register(
    "gcca_concat",
    **CANONICAL,
    operator="generalised_cca",
    reference="Kettenring 1971, doi 10.1093/biomet/58.3.433 (MAXVAR)",
    words=("generalized canonical correlation analysis", "maxvar", "multiset cca"),
)
class GccaConcat(CanonicalConcat):
    """softmax(B [W_1ᵀx_1; …; W_Mᵀx_M] + b), W of the largest λ in S w = λ D w, D the diagonal blocks of S.

    MAXVAR: the first component g is the one nearest to all modalities' projections together, Σ_m cos²(g, X_m w_m)
    largest; the next ones are orthogonal to it. Any number of modalities; of two, the directions are those of
    `cca_concat` as the ridge in D goes to 0, and only then. Defaults as there.
    """

    generalised = True
