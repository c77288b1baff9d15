"""Breast cancer Wisconsin as three tables: mean, standard error and worst value of ten measurements."""

from __future__ import annotations

from dataclasses import dataclass

from .assembled import folds_of_views
from .bundle import Bundle, Modality
from .card import Card, DataSet
from .registry import register

STATISTICS = ("mean", "error", "worst")
MEASUREMENTS = 10

CARD = Card(
    title="Breast cancer Wisconsin (diagnostic), three statistics",
    summary="569 aspirates, malignant or not: mean, standard error and worst of ten measurements of nuclei",
    pairing="natural",
    source_family="breast_cancer",
    licence="CC BY 4.0",
    home="https://archive.ics.uci.edu/dataset/17",
    citation="Wolberg, W., Mangasarian, O., Street, N. and Street, W. Breast Cancer Wisconsin (Diagnostic). UCI "
    "Machine Learning Repository. doi 10.24432/C5DW2B; the copy that scikit-learn ships",
    split="Five stratified folds; one tests, the next validates.",
    figures=("None that we know of for these views and folds.",),
    notes=(
        "Three statistics of the same nuclei, strongly redundant: logistic regression on the worst values alone "
        "is right in .98 of the rows of five folds, on the means alone in .94, on all three tables in .97.",
        "Saturated: good for regression tests and useless for ranking.",
        "Ships with scikit-learn: it can be had without a network.",
    ),
)


@register("breast_cancer_views", CARD)
@dataclass(frozen=True)
class BreastCancerViews(DataSet):
    """`mean`, `error` and `worst`: ten measurements each, in the order of the original, nothing scaled.

    The measurements are radius, texture, perimeter, area, smoothness, compactness, concavity, concave
    points, symmetry and fractal dimension of the cell nuclei in one picture; `worst` is the mean of the
    three largest values.
    """

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The three statistics."""
        return tuple(Modality(statistic, "tabular", (MEASUREMENTS,)) for statistic in STATISTICS)

    @property
    def classes(self) -> tuple[str, ...]:
        """Malignant (212 rows) and benign (357)."""
        return ("malignant", "benign")

    @property
    def positive(self) -> str:
        """Malignant: the class that must not be missed."""
        return "malignant"

    @property
    def rows(self) -> dict[str, int]:
        """Three of five folds train; folds differ by a row."""
        return {"train": 341, "validation": 114, "test": 114}

    def load(self, seed: int) -> Bundle:
        """Return fold `seed` of five stratified folds."""
        from sklearn.datasets import load_breast_cancer

        values, target = load_breast_cancer(return_X_y=True)
        starts = {statistic: MEASUREMENTS * place for place, statistic in enumerate(STATISTICS)}
        columns = {statistic: range(start, start + MEASUREMENTS) for statistic, start in starts.items()}
        return folds_of_views(self, "breast_cancer_views", values, target, columns, seed)
