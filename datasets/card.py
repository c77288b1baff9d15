"""What is told about a data set without reading it: origin, licence, pairing, files, shape of a row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .bundle import Bundle, Modality

if TYPE_CHECKING:
    from .raw_file import Raw

PAIRINGS = ("natural", "by_label", "synthetic")
Metric = Literal[
    "accuracy", "balanced_accuracy", "auroc", "average_precision", "sensitivity_at_90_specificity", "log_loss"
]
"""What results may be judged by: a suite, or a data set that asks for it, names one."""


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
        Relative path → checksum of every raw file or group of files; part of a cell's identity. Taken
        from `sources` where it is not given.
    checksum_source
        Where the checksums come from; empty means the set is *unverified*.
    notes
        Sentences a reader of its results must know.
    sources
        The raw files themselves, for what looks after them without loading the set.
    split
        The rule by which rows are trained on, validated on and tested, in a sentence.
    figures
        Published figures and how far ours compare with them, a sentence each.
    terms
        What a user has to accept or do before the files may be had; empty where nothing.
    met
        False for a loader that has only met small files in the published format, never the real ones.
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
    sources: tuple[Raw, ...] = ()
    split: str = ""
    figures: tuple[str, ...] = ()
    terms: str = ""
    met: bool = True

    def __post_init__(self) -> None:
        """State each checksum once: on the raw file, or on the archive that it comes out of."""
        if self.sources and not self.files:
            sums = {source.path: source.checksum or source.archive_checksum for source in self.sources}
            object.__setattr__(self, "files", sums)

    @property
    def verified(self) -> bool:
        """Whether every raw file has a published checksum and the loader has met the real files."""
        return self.met and (not self.files or (bool(self.checksum_source) and all(self.files.values())))


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
    def metric(self) -> str | None:
        """The metric by which its results are judged, where the data set asks for one."""
        return None

    @property
    def positive(self) -> str | None:
        """The class that `average_precision` and sensitivity are about, where the data set names one."""
        return None

    @property
    def extractors(self) -> Mapping[str, str]:
        """Modality name → extractor, where the data set asks for one."""
        return {}

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
