"""What is told about a data set without reading it: origin, licence, pairing, files, shape of a row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from .bundle import Bundle, Modality

PAIRINGS = ("natural", "by_label", "synthetic")


@dataclass(frozen=True)
class Card:
    """Origin and reading instructions of a data set.

    Parameters
    ----------
    title, summary
        One line each, for tables and pages.
    pairing
        `natural` (modalities of one item), `by_label` (rows of different sources matched by label,
        hence independent given the label) or `synthetic`.
    source_family
        The unit of claims about new data: sets cut from one source count once.
    licence, home, citation
        As published.
    files
        Relative path → checksum of every raw file or group of files; part of a cell's identity.
    checksum_source
        Where the checksums come from; empty means the set is *unverified*.
    notes
        Sentences a reader of its results must know.
    """

    title: str
    summary: str
    pairing: str
    source_family: str
    licence: str = ""
    home: str = ""
    citation: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    checksum_source: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataSet:
    """Base of every data set: a frozen dataclass whose fields are its options.

    Subclasses state `modalities`, `classes` and `rows` from the options alone (planning reads no raw
    data) and implement `load`. `name` is the canonical name, set by the registry; seeds derive from it.
    """

    name: str = field(default="", kw_only=True)
    card: ClassVar[Card]

    @property
    @abstractmethod
    def modalities(self) -> tuple[Modality, ...]:
        """The inputs, in the data set's order."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of label indexes."""

    @property
    @abstractmethod
    def rows(self) -> dict[str, int]:
        """Rows of a seed by split: `train`, `validation`, `test` (of fold 0 where folds differ)."""

    @property
    def folds(self) -> int:
        """Number of disjoint test folds that seeds walk through; 1 for a published split."""
        return 5

    @abstractmethod
    def load(self, seed: int) -> Bundle:
        """Return the rows of seed `seed`: its fold is tested, the next validates, the rest train.

        Raises
        ------
        DataUnavailableError
            Where the raw files, or a library that reads them, cannot be had on this machine.
        """

    def bayes(self) -> dict[str, Any] | None:
        """Return the exact ceilings of a synthetic set (`subsets`, `shapley`), None elsewhere."""
        return None

    def identity(self) -> str:
        """Return what, beside the name and the loader's source, decides the rows: declared checksums."""
        return ";".join(f"{path}={self.card.files[path]}" for path in sorted(self.card.files))

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Options and their default values."""
        return {f.name: f.default for f in fields(cls) if f.name != "name"}
