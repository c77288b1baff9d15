"""Early fusion by kernels: one support vector machine on joined columns or on a sum of kernels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from ...core.seeding import Seeds
from ...datasets.bundle import Rows
from ..classical import ClassicalVariant
from ..registry import register
from ..variant import Task
from .classical import RAW_CONCAT

PLACE: dict[str, Any] = dict(architecture="early", data_fusion="merge", level="features", learner="classical")
FOLDS = 5  # in which training rows are scored by machines that were not fitted to them
CHUNK, MOST = 1024, 1000  # rows whose kernels are held at once; rows whose distances give the median


class KernelMachine(ClassifierMixin, BaseEstimator):
    """softmax(τ s(x)): a support vector machine on Σ_m β_m K_m, its scores s turned into probabilities.

    K_m(x, y) = exp(−γ_m ‖x_m − y_m‖²), γ_m = 2 / median ‖x_m − y_m‖² over training rows; for Gaussian columns
    this is what scikit-learn calls `gamma="scale"`. τ has the least log-loss on scores of training rows by
    machines that were not fitted to them. As in Platt's scaling the targets are drawn in, so that a small set
    without errors leaves no certainty; one τ for all classes is learned, so that one row's worth is enough.

    Parameters
    ----------
    sizes
        Columns of each kernel, from left to right.
    C
        The machine's penalty.
    aligned
        Weights β by alignment with the labels; else all 1/M.
    class_weight, groups
        `balanced` or None; of the training rows, kept together in the inner folds, or None.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        C: float = 10.0,
        aligned: bool = False,
        class_weight: str | None = None,
        groups: np.ndarray | None = None,
    ):
        self.sizes, self.C, self.aligned = sizes, C, aligned
        self.class_weight, self.groups = class_weight, groups

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Fit widths, weights, machine and τ, all on these rows."""
        self.rows_ = self._blocks(X)
        self.gammas_ = [2 / median_distance(block) for block in self.rows_]
        self.weights_ = self._weights(y)
        gram = self.gram(X)
        machine = SVC(C=self.C, kernel="precomputed", class_weight=self.class_weight, cache_size=500)
        machine.random_state = 0  # nothing is drawn, but without one it takes a number from numpy's own state
        held_out = cross_val_predict(machine, gram, y, cv=inner_folds(y, self.groups), method="decision_function")
        self.machine_ = machine.fit(gram, y)
        self.classes_ = self.machine_.classes_
        self.groups = None  # whose rows these were is not stored
        self.sharpness_ = sharpness(
            two_sided(np.asarray(held_out)), y, compute_sample_weight(self.class_weight, y)
        )
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return (n, classes)."""
        scores = [self.machine_.decision_function(self.gram(X[i : i + CHUNK])) for i in range(0, len(X), CHUNK)]
        return softmax(self.sharpness_ * two_sided(np.concatenate(scores)), 1)

    def gram(self, X: np.ndarray) -> np.ndarray:
        """Return Σ_m β_m K_m between rows and the training rows, (n, training rows)."""
        made = np.empty((len(X), len(self.rows_[0])))
        for start in range(0, len(X), CHUNK):
            rows = self._blocks(X[start : start + CHUNK])
            made[start : start + CHUNK] = sum(
                beta * rbf_kernel(block, *known)
                for beta, block, *known in zip(self.weights_, rows, self.rows_, self.gammas_, strict=True)
            )
        return made

    def _blocks(self, X: np.ndarray) -> list[np.ndarray]:
        return np.split(X, np.cumsum(self.sizes)[:-1], axis=1)

    def _weights(self, y: np.ndarray) -> np.ndarray:
        pairs = zip(self.rows_, self.gammas_, strict=True)
        weights = [alignment(rbf_kernel(rows, gamma=g), y) if self.aligned else 1.0 for rows, g in pairs]
        total = sum(weights)
        return np.array(weights) / total if total > 0 else np.full(len(weights), 1 / len(weights))


def median_distance(rows: np.ndarray) -> float:
    """Return the median squared distance between two rows, of up to a thousand rows that span the set.

    Rows that lack the modality are all alike: distances of zero do not count.
    """
    some = rows[:: -(-len(rows) // MOST)]
    distances = euclidean_distances(some, squared=True)[np.triu_indices(len(some), 1)]
    apart = distances[distances > 1e-12]
    return float(np.median(apart)) if len(apart) else 1.0


def alignment(gram: np.ndarray, labels: np.ndarray) -> float:
    """Return ⟨K_c, T_c⟩ / (‖K_c‖ ‖T_c‖), T = 1 where two rows are of one class, c for centred.

    With two classes it is the alignment with yyᵀ, y = ±1. A kernel that is the same everywhere has 0.
    """
    means = gram.mean(0)
    centred = gram - means - means[:, None] + means.mean()
    told = (labels[:, None] == np.unique(labels)).astype(float)
    told -= told.mean(0)
    lengths = np.linalg.norm(centred) * np.linalg.norm(told.T @ told)
    if lengths <= 1e-12 * len(gram):
        return 0.0
    return max(0.0, float((centred @ told * told).sum() / lengths))


def inner_folds(labels: np.ndarray, groups: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (rows fitted to, rows scored) of up to five folds, each of which has every class to learn from.

    Where there is no such cut, as with a class of one row, all rows are scored by a machine that saw them.
    """
    parts = len(labels) if groups is None else len(np.unique(groups))
    count = min(FOLDS, parts, np.unique(labels, return_counts=True)[1].min())
    if count > 1:
        cut = StratifiedKFold(count) if groups is None else StratifiedGroupKFold(count)
        folds = list(cut.split(labels, labels, groups))
        if all(np.isin(labels, labels[kept]).all() and len(held) for kept, held in folds):
            return folds
    everything = np.arange(len(labels))
    return [(everything, everything)]


def two_sided(scores: np.ndarray) -> np.ndarray:
    """Return one score a class, (n, K): with two classes a machine gives the difference of both."""
    return np.stack([-scores / 2, scores / 2], 1) if scores.ndim == 1 else scores


def sharpness(scores: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> float:
    """Return τ > 0 with the least weighted log-loss of softmax(τ s), if one row more had gone to its runner-up.

    Each row's target is 1 − ε for its own class and ε = 1/(n + 2) for the highest of the others.
    """
    own = np.searchsorted(np.unique(labels), labels)
    rows, others = np.arange(len(own)), scores.copy()
    others[rows, own] = -np.inf
    runner_up, missed = others.argmax(1), 1 / (len(own) + 2)

    def loss(log_tau: float) -> float:
        log_p = log_softmax(np.exp(log_tau) * scores, 1)
        return -float(weight @ ((1 - missed) * log_p[rows, own] + missed * log_p[rows, runner_up]))

    found: Any = minimize_scalar(loss, bounds=(-7, 7), method="bounded")
    return float(np.exp(found.x))


class MachineVariant(ClassicalVariant):
    """Base of the entries here: it hands the groups of training rows to the inner folds."""

    aligned = False

    def __init__(self, task: Task, C: float = 10.0):
        super().__init__(task)
        if C <= 0:
            raise ValueError(f"C={C} is not positive")
        self.C, self.groups = C, None

    def sizes(self) -> tuple[int, ...]:
        """Return the columns of each kernel: one a modality."""
        return tuple(modality.size for modality in self.task.modalities)

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Fit on training rows alone; the inner folds keep their groups together."""
        self.groups = train.groups
        return super().fit(train, validation, seed)

    def estimator(self, seed: int) -> Any:
        """Return the machine."""
        return KernelMachine(self.sizes(), self.C, self.aligned, self.class_weight, self.groups)


@register(
    "early_concat_svm",
    **RAW_CONCAT,
    learner="classical",
    tier="full",
    words=("support vector machine", "svc"),
    complexity="O(n D), D values of all inputs, n training rows",
)
class EarlyConcatSvm(MachineVariant):
    """softmax(τ s([x_1; …; x_M])): a support vector machine with one RBF kernel on joined, block-scaled inputs.

    exp(−γ Σ_m ‖x_m − y_m‖²) = Π_m exp(−γ ‖x_m − y_m‖²): joining the columns multiplies the modalities' kernels,
    where `early_kernel_sum` adds them. C = 10 as in the published runs of this baseline. Probabilities come from
    scores of inner folds of the training rows (see `KernelMachine`); the folds keep groups together.
    """

    def sizes(self) -> tuple[int, ...]:
        """Return the one kernel's columns: all."""
        return (sum(super().sizes()),)


@register(
    "early_kernel_sum",
    **PLACE,
    tier="full",
    operator="sum",
    reference="Gönen & Alpaydın 2011, Multiple kernel learning algorithms",
    words=("kernel sum",),
    complexity="O(n D), D values of all inputs, n training rows",
)
class EarlyKernelSum(MachineVariant):
    """softmax(τ s(x)), s a support vector machine on 1/M Σ_m K_m: one RBF kernel a modality, added.

    The sum is the kernel of the modalities' feature maps side by side, so that s adds one function a modality:
    it finds no interaction between modalities, which the product of kernels in `early_concat_svm` can. The mean
    and not the bare sum, so that C means the same for any M. C = 10 as there.
    """


@register(
    "early_mkl",
    **PLACE,
    tier="full",
    operator="weighted_sum",
    reference="Gönen & Alpaydın 2011, Multiple kernel learning algorithms; "
    "the weights: Cortes, Mohri & Rostamizadeh 2012, arXiv 1203.0550",
    words=("multiple kernel learning", "kernel alignment", "centred alignment"),
    complexity="O(n D), D values of all inputs, n training rows",
)
class EarlyMkl(MachineVariant):
    """softmax(τ s(x)), s a support vector machine on Σ_m β_m K_m, β_m ∝ ⟨K_m, T⟩ / (‖K_m‖ ‖T‖), all centred.

    T is 1 where two training rows are of one class, so that with two classes β is the alignment of the paper. Of
    its two forms this is the one that looks at every kernel by itself; the other solves a quadratic program for
    all together. Without centring every kernel of positive values would look aligned. With equal alignments it
    is `early_kernel_sum`, whose bound it shares: it finds no interaction between modalities.
    """

    aligned = True
