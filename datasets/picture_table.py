"""Sets whose items are a picture and a record: what they share once a loader has read its own files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.errors import FusebenchError
from .assembled import Items, assembled, fifths
from .bundle import Bundle, Modality
from .card import DataSet
from .own.decode import Decoder
from .own.decoders import PictureDecoder
from .own.files import decoded
from .records import Columns, Record
from .splits import fold_split

SIZES = range(8, 513)


@dataclass(frozen=True, eq=False)
class Pictured:
    """All items of a set: a picture each (None where there is none), the record's columns, what they are."""

    pictures: Sequence[Path | None]
    columns: Columns
    items: Items


@dataclass(frozen=True)
class PictureTable(DataSet):
    """Base of the sets with `image`, colour pixels in 0–1, and `record`, encoded by training rows.

    Options: `size`, the side of the picture in pixels; the whole picture is scaled to it.
    """

    size: int = 64
    id: ClassVar[str]
    published: ClassVar[int]
    """Rows of the published table."""

    def __post_init__(self) -> None:
        """Refuse sizes that no picture could have."""
        check_size(self.size, self.id)

    @property
    @abstractmethod
    def record(self) -> Record:
        """The record's columns and their widths."""

    @abstractmethod
    def read(self) -> Pictured:
        """Read the published files, in the order of the published table."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The picture and the record."""
        return (
            Modality("image", "image", (3, self.size, self.size)),
            Modality("record", "tabular", (self.record.width,)),
        )

    @property
    def rows(self) -> dict[str, int]:
        """Three of five folds train; groups may move a split by some rows."""
        return fifths(self.published)

    def load(self, seed: int) -> Bundle:
        """Return fold `seed` of five stratified folds, groups kept whole."""
        held = self.read()
        if len(held.items.labels) != self.published:
            raise FusebenchError(
                f"Data set {self.id!r}: its table has {len(held.items.labels)} rows where {self.published} are "
                "published; replace it by the published file."
            )
        cuts = fold_split(held.items.labels, seed, self.id, self.folds, held.items.groups)
        pixels, seen = read_pictures(held.pictures, PictureDecoder(self.size, 3), self.id)
        record = self.record.encoded(held.columns, cuts[0], self.id)
        present = np.column_stack([seen, np.ones(len(seen), dtype=bool)])
        return assembled(self, held.items, cuts, {"image": pixels, "record": record}, present)


def check_size(size: int, owner: str) -> None:
    """Refuse a picture size outside 8–512.

    Raises
    ------
    FusebenchError
        Where it is not a whole number in that range.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size not in SIZES:
        raise FusebenchError(
            f"Option size={size!r} of data set {owner!r}: expected a whole number from {SIZES[0]} to {SIZES[-1]} "
            "pixels."
        )


def check_switch(option: str, value: bool, owner: str) -> None:
    """Refuse anything but true and false: words such as `no` would count as true.

    Raises
    ------
    FusebenchError
        Where it is neither.
    """
    if not isinstance(value, bool):
        raise FusebenchError(f"Option {option}={value!r} of data set {owner!r}: expected true or false.")


def read_pictures(paths: Sequence[Path | None], decoder: Decoder, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (array of shape (n, *decoder.shape), bool of shape (n,): where there is a file).

    Raises
    ------
    FusebenchError
        Where a file cannot be decoded: published sets are whole, so none is passed over.
    """
    held = decoded(paths, decoder, owner)
    for fault in held.faults:
        more = f" ({len(held.faults)} such files)" if len(held.faults) > 1 else ""
        raise FusebenchError(f"Data set {owner!r}: {fault}{more}.")
    return held.array, held.present


def files_by_name(folders: Iterable[Path], suffix: str) -> dict[str, Path]:
    """Return file name without suffix → path for the files with `suffix` anywhere below the folders."""
    found = (path for folder in folders for path in sorted(folder.rglob(f"*{suffix}")) if path.is_file())
    return {path.name[: -len(suffix)]: path for path in found if not path.name.startswith(".")}


def every(names: Sequence[str], files: Mapping[str, Path], owner: str, what: str = "pictures") -> list[Path]:
    """Return the file of every name.

    Raises
    ------
    FusebenchError
        Where some have none; their number and the first are named.
    """
    lacking = [name for name in names if name not in files]
    if lacking:
        raise FusebenchError(
            f"Data set {owner!r} lacks {len(lacking)} of {len(names)} {what}, first {lacking[0]!r}; "
            "put all published files in place."
        )
    return [files[name] for name in names]


def label_indexes(cells: Sequence[str], classes: Sequence[str], owner: str) -> np.ndarray:
    """Return the place of every label among the classes, int64 of shape (n,).

    Raises
    ------
    FusebenchError
        Where a label is none of them; the row is named.
    """
    place = {name: number for number, name in enumerate(classes)}
    for row, cell in enumerate(cells, 1):
        if cell not in place:
            raise FusebenchError(
                f"Data set {owner!r}, row {row}: label {cell!r} is none of {', '.join(classes)}; replace it."
            )
    return np.array([place[cell] for cell in cells], dtype=np.int64)
