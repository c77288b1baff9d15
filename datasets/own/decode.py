"""Decoding many files in parallel, row by row into a stream.

Threads do the work: the libraries that decode pictures and sound let go of the interpreter's lock, and
threads ask nothing of the user's script (no `if __name__ == "__main__":`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from ...core.errors import DataUnavailableError, UnreadableFileError
from .contents import each

ABSENT = "does not exist"


class Decoder(Protocol):
    """Turns one file into an array of a fixed shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        ...

    @property
    def key(self) -> str:
        """The decoder's options and version: two decoders of one key decode alike."""
        ...

    def __call__(self, path: Path) -> np.ndarray:
        """Return the file's array, or raise what is wrong with it."""
        ...


@dataclass(frozen=True)
class Work:
    """One decoding of all files, written row by row: nothing larger than the rows under way is held."""

    paths: Sequence[Path | None]
    sums: Sequence[str]
    decoder: Decoder
    label: str
    workers: int

    def write(self, stream: BinaryIO) -> tuple[dict[int, str], bool]:
        """Write a .npy file; return the faults by row, and whether they lie in the files' contents."""
        shape, kind = tuple(self.decoder.shape), np.dtype(self.decoder.dtype)
        head = {"descr": kind.str, "fortran_order": False, "shape": (len(self.paths), *shape)}
        np.lib.format.write_array_header_2_0(stream, head)
        blank = bytes(kind.itemsize * math.prod(shape))
        faults, lasting = {}, True
        for row, (content, reason, stays) in enumerate(self._rows(), 1):
            stream.write(blank if content is None else content)
            if reason:
                faults[row], lasting = reason, lasting and stays
        return faults, lasting

    def _rows(self) -> Iterator[tuple[bytes | None, str, bool]]:
        from tqdm import tqdm

        items = list(zip(self.paths, self.sums, strict=True))
        bar = tqdm(total=len(items), desc=self.label, unit="file", disable=not sys.stderr.isatty())
        with bar, ThreadPoolExecutor(self.workers) as pool:
            # the first alone: it imports what the decoder needs, which threads had better not do at once
            for part in (items[:1], items[1:]):
                for result in each(pool, self._one, part, ahead=4 * self.workers):
                    bar.update()
                    yield result

    def _one(self, item: tuple[Path | None, str]) -> tuple[bytes | None, str, bool]:
        """Return (the row's bytes or None, what is wrong or nothing, whether that is the contents' fault)."""
        path, checksum = item
        if path is None:
            return None, "", True
        if checksum == "missing":
            return None, ABSENT, True
        try:
            array = np.asarray(self.decoder(path))
        except DataUnavailableError:  # a library is missing: no file is at fault
            raise
        except Exception as error:
            # the checksum of what cannot be opened changes when it can
            return None, _reason(error, path), checksum == "unreadable" or not _is_system(error)
        fault = _array_fault(array, tuple(self.decoder.shape))
        kind = np.dtype(self.decoder.dtype)
        return (None, fault, True) if fault else (array.astype(kind, "C", copy=False).tobytes(), "", True)


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, UnreadableFileError):
        return error.reason
    told = str(error).replace(str(path), path.name)
    return f"cannot be decoded ({type(error).__name__}: {told})"


def _is_system(error: BaseException | None) -> bool:
    """Return whether the system failed (no permission, no network, no memory); it may not next time."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
            return True
        error = error.__cause__
    return False


def _array_fault(array: np.ndarray, shape: tuple[int, ...]) -> str:
    if array.shape != shape:
        return f"decodes to shape {array.shape}, expected {shape}"
    return "" if np.isfinite(array).all() else "decodes to numbers that are NaN or infinite"
