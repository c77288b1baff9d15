"""Your own data as a data card describes it: a manifest, and files of pictures, sounds and vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ...core.errors import FusebenchError, unknown
from ..bundle import Bundle, Modality, Rows, check
from ..card import Card, DataSet
from .arrays import in_order
from .columns import read_columns
from .inputs import Input, TableInput, check_absent, file_input, vector_input
from .manifest import Manifest, read_manifest
from .partition import SPLITS, Partition, check_partition, read_split
from .schema import AudioSpec, CardFile, EmbeddingSpec, ImageSpec, TabularSpec, read_card
from .sources import FileSource, VectorSource, file_source, first_faults, readable

Say = Callable[[str], object]


@dataclass(frozen=True, eq=False, repr=False)
class CardData(DataSet):
    """Rows that a data card names; made by `open_card`, which checks them.

    Parameters
    ----------
    spec
        The card.
    inputs
        Modality → where its rows come from.
    partition
        Labels, groups and split.
    numbers
        Int array of shape (n,): the manifest's row numbers, from 1.
    """

    spec: CardFile
    inputs: Mapping[str, Input]
    partition: Partition
    numbers: np.ndarray
    digest: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Take the digest once; files that change afterwards are noticed when they are opened."""
        object.__setattr__(self, "digest", _digest(self))

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The inputs in the order of the card."""
        kinds = {name: spec.kind for name, spec in self.spec.modalities.items()}
        return tuple(Modality(name, kinds[name], given.shape) for name, given in self.inputs.items())

    @property
    def classes(self) -> tuple[str, ...]:
        """The label values as text, numbers in numeric order."""
        return self.partition.classes

    @property
    def folds(self) -> int:
        """As declared; 1 where a column holds the split."""
        return self.partition.folds if self.partition.published is None else 1

    @property
    def rows(self) -> dict[str, int]:
        """Rows of seed 0 by split."""
        return dict(zip(SPLITS, self._counts, strict=True))

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        return tuple(map(len, self.partition.cut(0)))  # with many groups a cut takes a while

    @property
    def metric(self) -> str | None:
        """The card's metric, in place of the suite's."""
        return self.spec.data.metric

    @property
    def positive(self) -> str | None:
        """The card's positive label."""
        return self.spec.data.positive

    @property
    def extractors(self) -> dict[str, str]:
        """Modality → extractor, where the card names one."""
        named = {name: spec.extractor for name, spec in self.spec.modalities.items()}
        return {name: extractor for name, extractor in named.items() if extractor is not None}

    def load(self, seed: int) -> Bundle:
        """Return fold `seed`, or the published split; tables are encoded by its training rows alone."""
        split = self.partition.cut(seed)
        encode = {name: given.fit(split[0]) for name, given in self.inputs.items()}
        present = np.column_stack([given.present for given in self.inputs.values()])
        groups = self.partition.groups
        parts = [
            Rows(
                {name: rows_of(index) for name, rows_of in encode.items()},
                present[index],
                self.partition.labels[index],
                self.numbers[index],
                None if groups is None else groups[index],
            )
            for index in split
        ]
        return check(Bundle(self.modalities, self.classes, *parts), self.name)

    def identity(self) -> str:
        """Return the sha256 of the contents and of how they are read; no file's or column's name enters."""
        return self.digest


def open_card(path: str | Path, say: Say | None = None) -> CardData:
    """Open a data card: read its manifest, decode its files (once; the cache keeps them), check all rows.

    Parameters
    ----------
    path
        The card, a TOML file.
    say
        Called with a sentence about what takes time or is left out.

    Raises
    ------
    DataUnavailableError
        Where a library that reads a file is not installed.
    FusebenchError
        Where the card, the manifest or the files do not make a data set; the column, the row and the
        value are named.
    """
    spec = read_card(path)
    owner, manifest = f"Data set {spec.data.name!r}", read_manifest(spec)
    files = {
        name: file_source(name, spec, given, manifest)
        for name, given in spec.modalities.items()
        if isinstance(given, ImageSpec | AudioSpec)
    }
    # whatever needs no decoding, which may take minutes, is checked before it
    partition, inputs = _without_files(spec, manifest, files, np.arange(manifest.rows), owner)
    faults = {name: source.decode(say).faults for name, source in files.items()}
    kept, note = readable(owner, faults, manifest.rows, spec.data.skip_unreadable)
    if note is not None:
        partition, inputs = _without_files(spec, manifest, files, kept, owner)
        if say is not None:
            say(f"{owner}: {note} They are: {first_faults(faults)}.")
    for name, source in files.items():
        inputs[name] = file_input(_place(owner, name), source, kept)
    ordered = {name: inputs[name] for name in spec.modalities}
    made = CardData(spec, ordered, partition, kept + 1, name=spec.data.name)
    object.__setattr__(made, "card", _card(made, note))
    return made


def _place(owner: str, modality: str) -> str:
    return f"{owner}, modality {modality!r}"


def _without_files(
    spec: CardFile, manifest: Manifest, files: Mapping[str, FileSource], kept: np.ndarray, owner: str
) -> tuple[Partition, dict[str, Input]]:
    """Return labels and split of the rows `kept`, and the inputs that are read without decoding files."""
    partition = partition_of(spec, manifest, kept, owner)
    inputs: dict[str, Input] = {}
    for name, given in spec.modalities.items():
        if isinstance(given, TabularSpec):
            inputs[name] = TableInput(read_columns(manifest, given, kept))
        elif isinstance(given, EmbeddingSpec):
            inputs[name] = vector_input(_place(owner, name), VectorSource(spec, given, manifest.rows), kept)
    present = {name: source.present[kept] for name, source in files.items()}
    present |= {name: given.present for name, given in inputs.items()}
    check_absent(spec, present, kept + 1, manifest.rows, owner)
    return partition, inputs


def partition_of(spec: CardFile, manifest: Manifest, kept: np.ndarray, owner: str) -> Partition:
    """Return labels and split of the rows `kept`, once they can be cut.

    Raises
    ------
    FusebenchError
        Where labels, groups or split have no value or do not go together; the column is named.
    """
    data = spec.data
    texts = manifest.every(data.label)[kept]
    classes = in_order(texts.tolist())
    if len(classes) == 1:
        raise FusebenchError(
            f"{owner}, column {data.label!r}: every row says {classes[0]!r}; a classifier needs two values or "
            "more."
        )
    if data.positive is not None and data.positive not in classes:
        raise unknown(f"positive label of data set {data.name!r}", data.positive, classes)
    place = {text: number for number, text in enumerate(classes)}
    labels = np.array([place[text] for text in texts.tolist()], dtype=np.int64)
    groups = None if data.group is None else manifest.every(data.group)[kept]
    split = None if data.split is None else read_split(manifest.every(data.split)[kept], data.split, owner)
    made = Partition(owner, data.name, labels, classes, groups, split, data.folds)
    return check_partition(made, data.label, data.group, data.split)


def _card(data: CardData, note: str | None) -> Card:
    name, notes = data.spec.data.name, []
    if note is not None:
        notes.append(note)
    if data.folds == 1:
        notes.append("Seeds vary the training alone: every seed has the same training, validation and test rows.")
    return Card(
        title=name,
        summary=f"own data: {len(data.numbers)} rows of {', '.join(data.inputs)}",
        pairing="natural",
        source_family=name,
        checksum_source="sha256 of the contents",
        notes=tuple(notes),
        split=_split_sentence(data),
    )


def _split_sentence(data: CardData) -> str:
    column, group = data.spec.data.split, data.spec.data.group
    apart = "" if group is None else f"; the rows of one value of {group!r} stay in one split"
    if column is not None:
        return f"As column {column!r} says{apart}."
    return f"{data.folds} disjoint stratified folds: one tests, the next validates, the rest train{apart}."


def _digest(data: CardData) -> str:
    partition = data.partition
    head = [data.classes, data.folds, *(modality for modality in data.modalities)]
    head.extend(given.digest for given in data.inputs.values())
    for texts in (partition.groups, partition.published):
        head.append(None if texts is None else tuple(texts.tolist()))
    taken = hashlib.sha256(repr(head).encode())
    for array in (partition.labels, data.numbers):
        taken.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    for given in data.inputs.values():
        taken.update(given.present.tobytes())
    return taken.hexdigest()
