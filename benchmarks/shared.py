"""Rows that several workers read: decoded once a run, then mapped into memory, so that they are held once.

Each mapping is private: what an entry writes into its rows is seen by nobody else, and costs the pages it touches.
"""

from __future__ import annotations

import hashlib
import mmap
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from ..core.files import write_atomic
from ..datasets import Bundle

ALIGNMENT = 64  # bytes: what vector instructions like best


def shared(folder: Path, dataset: str, seed: int, load: Callable[[], Bundle]) -> Bundle:
    """Return the rows of a data set and seed, loading them only where no worker of the run has.

    Parameters
    ----------
    folder
        The run's folder of rows.
    dataset, seed
        Which.
    load
        Decodes or draws them; one worker does, the others wait for it.
    """
    held = place(folder, dataset, seed)
    if not held.is_file():
        with FileLock(held.with_suffix(".lock")):
            if not held.is_file():
                rows = load()
                try:
                    write(folder, dataset, seed, rows)
                except OSError:  # no room: each worker holds rows of its own then
                    return rows
    return read(held)


def write(folder: Path, dataset: str, seed: int, rows: Bundle) -> None:
    """Write rows as one file: a pickle, whose arrays stand apart behind it."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(rows, protocol=5, buffer_callback=buffers.append)
    parts = [head, *(buffer.raw() for buffer in buffers)]
    sizes = pickle.dumps([memoryview(part).nbytes for part in parts])
    whole = [len(sizes).to_bytes(8, "little") + sizes, *parts]
    write_atomic(place(folder, dataset, seed), lambda file: [file.write(_padded(part)) for part in whole])


def read(held: Path) -> Bundle:
    """Map rows into memory; what is written into them stays in this process."""
    with held.open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    length = int.from_bytes(whole[:8], "little")
    begin, parts = _up(8 + length), []
    for size in pickle.loads(whole[8 : 8 + length]):
        parts.append(whole[begin : begin + size])
        begin += _up(size)
    return pickle.loads(parts[0], buffers=parts[1:])


def drop(folder: Path, dataset: str, seed: int) -> None:
    """Remove rows that nobody will ask for again; whoever has them mapped keeps them."""
    with suppress(OSError):
        place(folder, dataset, seed).unlink(missing_ok=True)


def place(folder: Path, dataset: str, seed: int) -> Path:
    """Return the file of the rows of a data set and seed."""
    return folder / hashlib.sha256(f"{dataset}/{seed}".encode()).hexdigest()[:32]


def _padded(part: bytes | memoryview) -> bytes:
    data = bytes(part)
    return data + bytes(_up(len(data)) - len(data))


def _up(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
