"""scikit-learn's digits: a picture beside sums of its own pixels; needs no download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bundle import Bundle, Modality, Rows, all_present, check
from .card import Card, DataSet
from .registry import register
from .splits import fold_split

CARD = Card(
    title="scikit-learn digits",
    summary="1,797 handwritten digits of 8 × 8 pixels, and a table of sums of the same pixels",
    pairing="natural",
    source_family="digits",
    licence="CC BY 4.0",
    home="https://archive.ics.uci.edu/dataset/80",
    citation="Alpaydin, E. and Kaynak, C. Optical Recognition of Handwritten Digits. UCI Machine "
    "Learning Repository; the copy that scikit-learn ships",
    split="Five stratified folds by seed.",
    figures=("None known of this pairing.",),
    notes=(
        "The table is a function of the picture (sums along rows, columns and diagonals): it adds no "
        "information, so that no fusion can beat the best use of the picture alone.",
        "Ships with scikit-learn: the set to try when nothing can be downloaded.",
    ),
)


def projections(images: np.ndarray) -> np.ndarray:
    """Return the sums of every picture along its rows, columns, diagonals and antidiagonals.

    Parameters
    ----------
    images
        Array of shape (n, side, side).

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (n, 2 side + 2 (2 side − 1)), in that order.
    """
    side = images.shape[-1]
    mirrored = images[:, :, ::-1]
    slanted = [
        np.trace(picture, offset, axis1=1, axis2=2)
        for picture in (images, mirrored)
        for offset in range(1 - side, side)
    ]
    return np.column_stack([images.sum(2), images.sum(1), *slanted]).astype(np.float32)


@register("digits_sklearn", CARD)
@dataclass(frozen=True)
class DigitsSklearn(DataSet):
    """`image`, 8 × 8 grey values in 0–1, and `tabular`, 46 sums of the same values."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The table and the picture."""
        return (Modality("tabular", "tabular", (46,)), Modality("image", "image", (1, 8, 8)))

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return tuple("0123456789")

    @property
    def rows(self) -> dict[str, int]:
        """Three of five folds train; folds differ by a row."""
        return {"train": 1077, "validation": 360, "test": 360}

    def load(self, seed: int) -> Bundle:
        """Return fold `seed` of five stratified folds."""
        from sklearn.datasets import load_digits

        pixels, digits = load_digits(return_X_y=True)
        images = np.asarray(pixels, dtype=np.float32).reshape(-1, 8, 8) / 16
        tables, target = projections(images), np.asarray(digits, dtype=np.int64)

        def part(index: np.ndarray) -> Rows:
            inputs = {"tabular": tables[index], "image": images[index][:, None]}
            return Rows(inputs, all_present(len(index), 2), target[index], index)

        cuts = fold_split(target, seed, "digits_sklearn", self.folds)
        return check(Bundle(self.modalities, self.classes, *map(part, cuts)), self.name or "digits_sklearn")
