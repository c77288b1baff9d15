"""Pictures: the IDX format of MNIST, and down-sampling by area."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from ..core.errors import FusebenchError

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file, compressed with gzip or not.

    The format: two zero bytes, one byte for the type of a number, one for the number of axes, the
    length of every axis as a big-endian 32-bit integer, then the numbers in C order.

    Raises
    ------
    FusebenchError
        Where the file does not begin like that or does not hold exactly what its header promises.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or content[3] == 0:
        raise FusebenchError(
            f"Data file {path.name!r} begins with {content[:4].hex(' ') or 'nothing'}, which no IDX file "
            "does; replace it by the published file."
        )
    start = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4 : len(content[:start]) // 4 * 4], ">u4").tolist())
    kind = np.dtype(_TYPES[content[2]])
    promised = start + math.prod(shape) * kind.itemsize
    if len(content) != promised:
        raise FusebenchError(
            f"Data file {path.name!r} holds {len(content)} bytes where its header promises {promised}; "
            "replace it by the whole file."
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise FusebenchError(
            f"Data file {path.name!r} cannot be unpacked ({error}); replace it by the whole file."
        ) from error


def area_average(images: np.ndarray, side: int) -> np.ndarray:
    """Shrink square pictures to `side` × `side`, each new pixel the mean of those it covers.

    Parameters
    ----------
    images
        Array of shape (n, size, size), `size` a multiple of `side`.

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (n, side, side), in the unit of the input.
    """
    n, size, _ = images.shape
    if size % side:
        raise FusebenchError(f"Images of side {size} cannot be averaged to side {side}: not a divisor.")
    factor = size // side
    blocks = images.reshape(n, side, factor, side, factor)
    return blocks.mean(axis=(2, 4), dtype=np.float32)
