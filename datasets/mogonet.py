"""Multi-omics studies as prepared for MOGONET: three tables of the same people and one published split.

A study is a folder of text files: `1_tr.csv`, `1_te.csv` … hold the numbers of one table, a person a line,
`labels_tr.csv` and `labels_te.csv` one class number a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..core.errors import FusebenchError
from .bundle import Bundle, Modality, Rows, all_present, check
from .cache import cached_array
from .card import DataSet
from .fetch import Raw, raw
from .splits import holdout
from .table import read_numbers

# A named commit: the branch may move, the published files may not.
_HOME = "https://raw.githubusercontent.com/txWang/MOGONET/9ed714f5c6f3e5a30178202e5d09d763fce67398"
CITATION = "Wang et al., MOGONET, Nature Communications 2021, doi 10.1038/s41467-021-23774-w"
TABLES = ("mrna", "methylation", "mirna")


@dataclass(frozen=True)
class Study:
    """One folder of the publishers' repository.

    Parameters
    ----------
    name
        Ours: the folder below the data folder, and what the validation rows are drawn by.
    folder
        Theirs.
    checksums
        File without its ending → published checksum.
    widths
        Features of the three tables.
    classes
        Names of the class numbers 0, 1 …
    rows
        Rows that train, validate and test: a fixed fifth of the published training rows validates.
    """

    name: str
    folder: str
    checksums: Mapping[str, str]
    widths: tuple[int, int, int]
    classes: tuple[str, ...]
    rows: tuple[int, int, int]

    @property
    def sources(self) -> tuple[Raw, ...]:
        """The raw files."""
        return tuple(self.source(stem) for stem in self.checksums)

    def source(self, stem: str) -> Raw:
        """Return the raw file of a name without its ending."""
        home = f"{_HOME}/{self.folder}/{stem}.csv"
        return Raw(f"{self.name}/{stem}.csv", self.checksums[stem], home)

    def read(self, stem: str, width: int) -> np.ndarray:
        """Return one file's numbers, float32 of shape (rows, width).

        Raises
        ------
        FusebenchError
            Where the file has another number of columns or rows than the study.
        """
        source = self.source(stem)
        place = raw(source)
        key = f"{self.name}-{stem}|{source.checksum}|v1"
        numbers = cached_array(key, lambda: read_numbers(place, ",").astype(np.float32))
        train, validation, test = self.rows
        expected = (test if stem.endswith("_te") else train + validation, width)
        if numbers.shape != expected:
            raise FusebenchError(
                f"Data file {source.path!r} holds {numbers.shape[0]} rows of {numbers.shape[1]} numbers where "
                f"{expected[0]} of {expected[1]} are expected; replace it by the published file."
            )
        return numbers


class MultiOmics(DataSet):
    """Base of the studies: a subclass names its `study`."""

    study: ClassVar[Study]

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The three tables."""
        return tuple(
            Modality(name, "tabular", (width,)) for name, width in zip(TABLES, self.study.widths, strict=True)
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers in the files."""
        return self.study.classes

    @property
    def rows(self) -> dict[str, int]:
        """Four fifths and one fifth of the published training rows, and the published test rows."""
        return dict(zip(("train", "validation", "test"), self.study.rows, strict=True))

    @property
    def folds(self) -> int:
        """One: the split is published."""
        return 1

    def load(self, seed: int) -> Bundle:
        """Return the published split, the same for every seed."""
        both = {m.name: self._both(str(i), m.size) for i, m in enumerate(self.modalities, 1)}
        target = self._both("labels", 1).ravel().astype(np.int64)
        known = len(target) - self.study.rows[2]
        train, validation = holdout(target[:known], self.study.name)
        test = np.arange(known, len(target))

        def part(index: np.ndarray) -> Rows:
            inputs = {name: table[index] for name, table in both.items()}
            return Rows(inputs, all_present(len(index), 3), target[index], index)

        parts = map(part, (train, validation, test))
        return check(Bundle(self.modalities, self.classes, *parts), self.name or self.study.name)

    def _both(self, stem: str, width: int) -> np.ndarray:
        return np.concatenate([self.study.read(f"{stem}_{split}", width) for split in ("tr", "te")])
