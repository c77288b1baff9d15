"""MNIST pictures: 60,000 written by some people to learn from and 10,000 by others to be tested on."""

from __future__ import annotations

import numpy as np

from .cache import cached_array
from .fetch import Raw, raw
from .image import area_average, read_idx

_HOME = "https://ossci-datasets.s3.amazonaws.com/mnist/"


def _file(name: str, checksum: str, size: int | None = None) -> Raw:
    return Raw(f"mnist/{name}", checksum, _HOME + name, size=size)


PICTURES = _file(
    "t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877
)
PICTURE_LABELS = _file(
    "t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542
)
TRAINING_PICTURES = _file("train-images-idx3-ubyte.gz", "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873")
TRAINING_LABELS = _file("train-labels-idx1-ubyte.gz", "md5:d53e105ee54ea40749a09fcbcd1e9432")
PARTS = {"t10k": (PICTURES, PICTURE_LABELS), "train": (TRAINING_PICTURES, TRAINING_LABELS)}
LICENCE = "CC BY-SA 3.0 (MNIST)"
CITATION = "LeCun et al. 1998, Gradient-based learning applied to document recognition (MNIST)"
CHECKSUMS = "MNIST: sha256 of the t10k files, md5 of the train files as torchvision publishes them"


def pictures(part: str, side: int) -> np.ndarray:
    """Return a part's pictures as grey values in 0–1, float32 of shape (n, 1, side, side).

    Parameters
    ----------
    part
        `t10k` or `train`.
    side
        28, or a divisor of it: then by area average.
    """
    source = PARTS[part][0]
    place = raw(source)
    key = f"mnist-{part}|{source.checksum}|size={side},v1"
    return cached_array(key, lambda: area_average(read_idx(place), side)[:, None] / np.float32(255))


def digits(part: str) -> np.ndarray:
    """Return the digit of every picture of a part, int64 of shape (n,)."""
    return read_idx(raw(PARTS[part][1])).astype(np.int64)


def both_digits(full: bool) -> np.ndarray:
    """Return the digits of `t10k`, followed by those of `train` where the full set is asked for."""
    return np.concatenate([digits("t10k"), digits("train")]) if full else digits("t10k")


def both_pictures(rows: np.ndarray, side: int) -> np.ndarray:
    """Return the pictures of row numbers that count `t10k` first and `train` after it."""
    first = pictures("t10k", side)
    if len(rows) == 0 or rows.max() < len(first):
        return first[rows]
    taken = np.empty((len(rows), 1, side, side), np.float32)
    late = rows >= len(first)
    taken[~late] = first[rows[~late]]
    taken[late] = pictures("train", side)[rows[late] - len(first)]
    return taken


def both_names(rows: np.ndarray, tested: int = 10_000) -> list[str]:
    """Return the name of every such row: `mnist-17` of t10k, `mnist-train-17` of train."""
    return [f"mnist-{row}" if row < tested else f"mnist-train-{row - tested}" for row in rows.tolist()]
