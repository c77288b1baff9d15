"""Files of a column to one array: decoded once, kept in the cache folder by the files' contents."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import FusebenchError
from ...core.files import TEMPORARY, write_atomic, write_text
from ..cache import cache_folder
from .contents import checksums, fingerprint, worker_count
from .decode import ABSENT, Decoder, Work
from .folders import Neighbours

__all__ = ["Decoded", "Decoder", "Fault", "decoded", "fingerprint"]

_ORPHAN_SECONDS = 3600.0  # a decode that has written nothing for an hour was killed


@dataclass(frozen=True)
class Fault:
    """A file that could not be decoded.

    Parameters
    ----------
    row
        Its row, counted from 1 as in messages.
    file
        Its path.
    reason
        What is wrong with it: the rest of a sentence that begins with the file.
    """

    row: int
    file: Path
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.file.name!r} {self.reason}"


@dataclass(frozen=True, eq=False)
class Decoded:
    """What became of a column of files.

    Parameters
    ----------
    array
        Read-only and memory-mapped, of shape (n, *shape); 0 where there is no file or a fault.
    present
        Bool array of shape (n,): which rows were decoded.
    faults
        One for each file that could not be, in the order of rows.
    """

    array: np.ndarray
    present: np.ndarray
    faults: tuple[Fault, ...]


def decoded(
    paths: Sequence[Path | None],
    decoder: Decoder,
    label: str,
    say: Callable[[str], object] | None = None,
    workers: int | None = None,
) -> Decoded:
    """Decode files into one array, or open the array where the same contents were decoded before.

    Whatever happens, memory holds a bounded number of rows; a second call looks at the size and time of
    each file and reads none. A call that is killed leaves a temporary file, which a later one removes.

    Parameters
    ----------
    paths
        One a row; None where a row has no file.
    decoder
        See `Decoder`.
    label
        What the column is called in the progress bar and in the cache folder.
    say
        Called with one sentence before anything is decoded, which may take minutes.
    workers
        Number of threads; default: one a core.

    Raises
    ------
    DataUnavailableError
        Where a library that the decoder needs is not installed.
    FusebenchError
        Where the array fits on no disk.
    """
    sums = checksums(paths)
    place = _place(sums, decoder, label)
    faults = _opened_faults(place)
    array = None if faults is None else _opened_array(place, (len(paths), *decoder.shape))
    if faults is None or array is None:
        if say is not None:
            count = sum(path is not None for path in paths)
            say(f"Decoding {count} files of {label!r}; later runs find them in the cache.")
        faults, array = _made(place, Work(paths, sums, decoder, label, workers or worker_count()))
    present = np.array([path is not None and row not in faults for row, path in enumerate(paths, 1)], dtype=bool)
    near = Neighbours()
    told = []
    for row in sorted(faults):
        path, reason = paths[row - 1], faults[row]
        if path is not None:  # of names the cache keeps nothing: equal contents may be called otherwise
            told.append(Fault(row, path, reason + near.about(path) if reason == ABSENT else reason))
    return Decoded(array, present, tuple(told))


def _place(sums: Sequence[str], decoder: Decoder, label: str) -> Path:
    key = "\n".join([decoder.key, repr(tuple(decoder.shape)), np.dtype(decoder.dtype).str, *sums])
    word = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
    return cache_folder() / "decoded" / f"{word}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"


def _opened_faults(place: Path) -> dict[int, str] | None:
    try:
        held = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
        return {int(row): str(reason) for row, reason in held.items()}
    except (OSError, ValueError, AttributeError):  # absent or damaged: decoded again
        return None


def _opened_array(place: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        array = np.load(place, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape else None


def _made(place: Path, work: Work) -> tuple[dict[int, str], np.ndarray]:
    told: list[tuple[dict[int, str], bool]] = []
    try:
        _remove_orphans(place.parent)
        place.with_suffix(".json").unlink(missing_ok=True)
        write_atomic(place, lambda stream: told.append(work.write(stream)))
        array = _opened_array(place, (len(work.paths), *work.decoder.shape))
        faults, lasting = told[-1]
        if lasting:  # written last: an array without this file is made again
            write_text(place.with_suffix(".json"), json.dumps(faults))
        if array is not None:
            return faults, array
    except OSError:  # a read-only or full cache costs time, not the run
        pass
    return _made_aside(work)


def _made_aside(work: Work) -> tuple[dict[int, str], np.ndarray]:
    """Decode into a file without a name, which goes when the array goes."""
    try:
        with tempfile.TemporaryFile(prefix="fusebench-") as stream:
            faults, _ = work.write(stream)
            stream.flush()
            stream.seek(0)
            np.lib.format.read_magic(stream)
            shape, _, kind = np.lib.format.read_array_header_2_0(stream)
            return faults, np.memmap(stream, kind, "r", offset=stream.tell(), shape=shape)
    except OSError as error:
        raise FusebenchError(
            f"The decoded files of {work.label!r} fit neither in the cache folder nor in {tempfile.gettempdir()} "
            f"({error}); set FUSEBENCH_CACHE to a folder with room."
        ) from error


def _remove_orphans(folder: Path) -> None:
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):  # another process was faster
            if time.time() - path.stat().st_mtime > _ORPHAN_SECONDS:
                path.unlink()
