"""Where the arrays of a data card come from: columns of paths, files of vectors, columns of vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import FusebenchError
from ..cache import cached_array
from .decoders import PictureDecoder, SoundDecoder
from .files import Decoded, Fault, decoded, fingerprint
from .folders import located
from .manifest import Manifest, read_manifest
from .schema import AudioSpec, CardFile, EmbeddingSpec, ImageSpec
from .vectors import read_vectors


@dataclass(frozen=True)
class FileSource:
    """One picture or sound file a row, or none."""

    label: str
    paths: tuple[Path | None, ...]
    decoder: PictureDecoder | SoundDecoder

    @property
    def present(self) -> np.ndarray:
        """Bool array of shape (rows,): which rows name a file."""
        return np.array([path is not None for path in self.paths], dtype=bool)

    def stamp(self, kept: np.ndarray) -> str:
        """Return the hash of the kept files' contents and of the decoder's options."""
        return f"{self.decoder.key} {fingerprint([self.paths[row] for row in kept])}"

    def open(self) -> np.ndarray:
        """Return the decoded rows."""
        return self.decode().array

    def decode(self, say: Callable[[str], object] | None = None) -> Decoded:
        """Return the decoded rows and what could not be decoded."""
        return decoded(self.paths, self.decoder, self.label, say)


@dataclass(frozen=True)
class VectorSource:
    """A file of vectors, or a column of them in the card's manifest."""

    card: CardFile
    spec: EmbeddingSpec
    rows: int

    def stamp(self, kept: np.ndarray) -> str:
        """Return the hash of the file."""
        return fingerprint([self._path])

    def open(self) -> np.ndarray:
        """Return float32 of shape (rows, d), a row of NaN where it is absent."""
        options = f"{self.spec.key}|{self.spec.rows}|{self.spec.column}|{self.rows}"
        return cached_array(f"vectors|{fingerprint([self._path])}|{options}|v1", self._read)

    @property
    def _path(self) -> Path:
        return self.card.folder / (self.spec.file or self.card.data.manifest)

    def _read(self) -> np.ndarray:
        if self.spec.column is not None:
            return read_manifest(self.card).vectors(self.spec.column)
        return read_vectors(self._path, self.spec.key, self.spec.rows, self.rows)


def file_source(name: str, card: CardFile, spec: ImageSpec | AudioSpec, manifest: Manifest) -> FileSource:
    """Return the files that a column of paths names: an absent cell is an absent file.

    Raises
    ------
    FusebenchError
        For a cell that is blank and not declared as absent; its row is named.
    """
    folder, texts = card.folder / spec.folder, manifest.texts(spec.column)
    for row, text in enumerate(texts, 1):
        if text is not None and not text.strip():
            raise FusebenchError(
                f"Manifest {manifest.label!r}, column {spec.column!r}, row {row}: {text!r} is no path; list it "
                "under missing if it stands for nothing."
            )
    paths = tuple(None if text is None else located(folder, text + spec.suffix) for text in texts)
    if isinstance(spec, ImageSpec):
        return FileSource(name, paths, PictureDecoder(spec.size, spec.channels))
    return FileSource(name, paths, SoundDecoder(spec.rate, spec.seconds, spec.mel, spec.frames))


def readable(
    owner: str, faults: Mapping[str, tuple[Fault, ...]], rows: int, skip: bool
) -> tuple[np.ndarray, str | None]:
    """Return the indexes of rows whose files could all be read, and a sentence that names no other.

    Parameters
    ----------
    owner, rows
        The data set, and how many rows its manifest has.
    faults
        For each modality of files, those that could not be read.
    skip
        Whether such rows are left out, from every modality and the labels.

    Raises
    ------
    FusebenchError
        Where there are faults and they are not to be skipped; the first five are named.
    """
    count = sum(map(len, faults.values()))
    if count and not skip:
        raise FusebenchError(
            f"{owner}: {count} files cannot be read: {first_faults(faults)}. Mend them, or say skip_unreadable = "
            "true in [data] to leave their rows out."
        )
    bad = np.unique([fault.row for found in faults.values() for fault in found]).astype(int)
    kept = np.setdiff1d(np.arange(rows), bad - 1)
    if not len(bad):
        return kept, None
    if not len(kept):
        raise FusebenchError(
            f"{owner}: no row is left, for every one has a file that cannot be read: {first_faults(faults)}."
        )
    return kept, f"{len(bad)} of {rows} rows are left out, for their files cannot be read."


def first_faults(faults: Mapping[str, tuple[Fault, ...]]) -> str:
    """Return the first five faults, by row and file, for a message."""
    told = [f"{fault} (modality {name!r})" for name, found in faults.items() for fault in found]
    return "; ".join(told[:5]) + ("; …" if len(told) > 5 else "")
