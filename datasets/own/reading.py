"""All that can be read of a card's data, whatever else of it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ...core.errors import DataUnavailableError, FusebenchError
from .columns import Columns, read_columns
from .contents import checksums
from .files import Decoded
from .findings import Finding
from .inputs import vector_input
from .manifest import Manifest
from .schema import CardFile, EmbeddingSpec, TabularSpec
from .sources import FileSource, VectorSource, file_source


@dataclass
class Reading:
    """What could be read of a card, whatever else could not.

    Parameters
    ----------
    spec, manifest
        The card and its table.
    labels, groups, split
        Text arrays of shape (n,), None where they cannot be read or are not declared.
    tables, files, vectors
        By modality: columns; decoded files with their paths and checksums; arrays (n, d) and presence.
    """

    spec: CardFile
    manifest: Manifest
    labels: np.ndarray | None = None
    groups: np.ndarray | None = None
    split: np.ndarray | None = None
    tables: dict[str, Columns] = field(default_factory=dict)
    files: dict[str, tuple[FileSource, Decoded, list[str]]] = field(default_factory=dict)
    vectors: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @property
    def present(self) -> dict[str, np.ndarray]:
        """Modality → bool of shape (n,): False where the manifest has nothing; unreadable files are there."""
        found = {name: table.present for name, table in self.tables.items()}
        for name, (source, _, _) in self.files.items():
            found[name] = np.array([path is not None for path in source.paths])
        found |= {name: here for name, (_, here) in self.vectors.items()}
        return {name: found[name] for name in self.spec.modalities if name in found}


def read(held: Reading, say: Callable[[str], object] | None) -> Iterator[Finding]:
    """Read all there is, one part after the other; yield an error for each that cannot be read."""
    data = held.spec.data
    for role, column in (("labels", data.label), ("groups", data.group), ("split", data.split)):
        if column is not None:
            with Told(role, column=column) as told:
                setattr(held, role, held.manifest.every(column))
            yield from told.findings
    for name, spec in held.spec.modalities.items():
        if isinstance(spec, TabularSpec):
            yield from _read_table(held, name, spec)
            continue
        with Told("modality", name) as told:
            if isinstance(spec, EmbeddingSpec):
                source = VectorSource(held.spec, spec, held.manifest.rows)
                kept = np.arange(held.manifest.rows)
                given = vector_input(f"Modality {name!r}", source, kept)
                held.vectors[name] = source.open(), given.present
            else:
                files = file_source(name, held.spec, spec, held.manifest)
                held.files[name] = files, files.decode(say), checksums(files.paths)
        yield from told.findings


def _read_table(held: Reading, name: str, spec: TabularSpec) -> Iterator[Finding]:
    """Read each column alone first, so that every one that cannot be read is named."""
    every, broken = np.arange(held.manifest.rows), False
    for column in spec.columns:
        alone = {"numeric": (column,)} if column in spec.numeric else {"categorical": (column,)}
        with Told("column", name, column) as told:
            read_columns(held.manifest, spec.model_copy(update={"numeric": (), "categorical": ()} | alone), every)
        broken |= bool(told.findings)
        yield from told.findings
    if not broken:
        held.tables[name] = read_columns(held.manifest, spec, every)


class Told:
    """Turns an error of the block into a finding."""

    def __init__(self, kind: str, modality: str | None = None, column: str | None = None):
        self.about = (kind, modality, column)
        self.findings: list[Finding] = []

    def __enter__(self) -> Told:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, FusebenchError):
            return False
        what, modality, column = self.about
        where = f"column {column!r}" if column else f"modality {modality!r}"
        short = f"{where} cannot be used."
        if modality is None and column is None:
            short = "Labels, groups and split do not go together as the card says."
        if isinstance(error, DataUnavailableError):
            short = str(error)
        detail = () if str(error) == short else (str(error),)
        self.findings = [Finding("error", what, short[0].upper() + short[1:], modality, column, details=detail)]
        return True
