"""UCI Multiple Features: six views of the same 2,000 handwritten numerals, a natural pairing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bundle import Bundle, Modality, Rows, all_present, check
from .cache import cached_array
from .card import Card, DataSet
from .fetch import Raw, raw
from .registry import register
from .splits import fold_split
from .table import numbers_sha256, read_numbers

HOME = "https://archive.ics.uci.edu/static/public/72/multiple+features.zip"
WIDTHS = {"pix": 240, "fou": 76, "kar": 64, "fac": 216, "zer": 47, "mor": 6}
_SHA256 = {
    "pix": "e8bdfbd1d74394d5954e186f2aab1bccd259b28c334318e5a670bba2de48b9e0",
    "fou": "02b7797e21bd296fb602e2144e9667ca3423907ae2bbee1b95dc0a6218330c91",
    "kar": "96e4613832c7458d092e9d06500f9982944256b42fea99583751badc7283749e",
    "fac": "9b0ec35b591d5e71c3e72762dcb14280997659bd3a5db689903d6ed7a00f0717",
    "zer": "a942b80c25bb3096d391efc30a737659dfb7147b1d36419f9648cb4a56882e17",
    "mor": "a3f2453c73acf36b59c8add222626f605d1ee610bfaae054234608e6871147e5",
}
VIEWS = {
    view: Raw(f"mfeat/mfeat-{view}", sha256, HOME, archive=True, digest=numbers_sha256)
    for view, sha256 in _SHA256.items()
}
ROWS, PER_CLASS = 2000, 200
TWINS = ((605, 774), (1148, 1172), (1237, 1271), (1265, 1272), (1448, 1521), (1892, 1999))
"""Rows, counted from 0, that are identical in every view: a split must not part them."""

CARD = Card(
    title="UCI Multiple Features",
    summary="2,000 handwritten numerals, six views: pixels and five tables of features",
    pairing="natural",
    source_family="digits",
    licence="CC BY 4.0",
    home="https://archive.ics.uci.edu/dataset/72/multiple+features",
    citation="Duin, R. Multiple Features. UCI Machine Learning Repository. doi 10.24432/C5HC70",
    sources=tuple(VIEWS.values()),
    figures=(
        "TMC (arXiv 2102.02051) prints 98.51 ± 0.15 on splits of 80/20; here three of five folds train: compare "
        "with care.",
    ),
    split="Five stratified folds by seed; identical rows stay in one.",
    checksum_source="of the numbers as little-endian float64, C order; taken from the UCI files",
    notes=(
        "Saturated: single views reach 98 % and more, so it is good for regression tests and useless for ranking.",
        "Six pairs of rows are identical in all views; they share a group and never cross a split.",
    ),
)


def labels() -> np.ndarray:
    """Return the class of every row, int64 of shape (2000,): the file is ordered by class."""
    return np.repeat(np.arange(10), PER_CLASS)


def twin_groups() -> np.ndarray:
    """Return a group for every row, int64 of shape (2000,): its own number, or its earlier twin's."""
    groups = np.arange(ROWS)
    for first, second in TWINS:
        groups[second] = first
    return groups


def read_view(view: str) -> np.ndarray:
    """Return one view as published, float32 of shape (2000, width)."""
    source = VIEWS[view]
    place = raw(source)
    return cached_array(f"mfeat-{view}|{source.checksum}|v1", lambda: read_numbers(place).astype(np.float32))


@register("mfeat", CARD)
@dataclass(frozen=True)
class MultipleFeatures(DataSet):
    """Six views of a numeral: `pix`, a picture of 16 × 15 pixels in 0–6, and five tables.

    Fourier coefficients `fou`, Karhunen–Loève coefficients `kar`, profile correlations `fac`, Zernike
    moments `zer` and morphological features `mor`, as published: nothing is scaled.
    """

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The six views, the picture first."""
        tables = [Modality(view, "tabular", (width,)) for view, width in WIDTHS.items() if view != "pix"]
        return (Modality("pix", "image", (1, 16, 15)), *tables)

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return tuple("0123456789")

    @property
    def rows(self) -> dict[str, int]:
        """Three of five folds train; a pair of twins may move a split by a row."""
        return {"train": 1200, "validation": 400, "test": 400}

    def load(self, seed: int) -> Bundle:
        """Return fold `seed` of five stratified folds."""
        target, groups = labels(), twin_groups()
        cuts = fold_split(target, seed, "mfeat", self.folds, groups)
        views = {m.name: read_view(m.name).reshape(-1, *m.shape) for m in self.modalities}

        def part(index: np.ndarray) -> Rows:
            inputs = {name: np.asarray(view[index]) for name, view in views.items()}
            return Rows(inputs, all_present(len(index), 6), target[index], index, groups[index])

        return check(Bundle(self.modalities, self.classes, *map(part, cuts)), self.name or "mfeat")
