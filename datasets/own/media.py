"""What a look at some files of a column tells of the options its modality should have."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import DataUnavailableError
from ..audio import WINDOW_SECONDS, sound_library
from .folders import located

_PICTURES, _SOUNDS = 20, 200
_RATE = 16000


@dataclass(frozen=True)
class Media:
    """A column of files: its cells, None where absent, below `root / folder`."""

    column: str
    cells: Sequence[str | None]
    root: Path
    folder: str

    def sample(self, count: int) -> list[Path]:
        """Return up to `count` paths, spread over the rows."""
        held = [located(self.root / self.folder, cell) for cell in self.cells if cell]
        places = np.unique(np.linspace(0, len(held) - 1, min(count, len(held))).round().astype(int))
        return [held[place] for place in places]


def picture_lines(media: Media) -> Iterator[str]:
    """Yield the options of an image modality: the usual size, and one channel where pictures are grey."""
    paths = media.sample(_PICTURES)
    seen = [one for one in map(_picture, paths) if one is not None]
    yield from _lacking(paths)
    told = ""
    for (width, height), _ in Counter(size for size, _ in seen).most_common(1):
        told = f"  # side after resizing; the usual file has {width} x {height} pixels"
    yield f"size = 64{told}"
    grey = bool(seen) and all(kind in ("1", "L", "I", "I;16") for _, kind in seen)
    yield "channels = 1  # grey" if grey else "channels = 3"


def sound_lines(media: Media) -> Iterator[str]:
    """Yield the options of an audio modality: a length that holds 95 % of the sounds whole."""
    paths = media.sample(_SOUNDS)
    seen = [one for one in map(_sound, paths) if one is not None]
    yield from _lacking(paths)
    rate, seconds, told = _RATE, WINDOW_SECONDS, "  # could not be measured; the middle of longer sounds is kept"
    if seen:
        rates = Counter(rate for _, rate in seen)
        rate = min(_RATE, max(1000, rates.most_common(1)[0][0]))
        quantile = float(np.quantile([length for length, _ in seen], 0.95))
        seconds = min(600.0, max(0.1, math.ceil(round(quantile * 10, 6)) / 10))
        told = f"  # 95 % of {len(seen)} sounds are no longer; the middle of longer ones is kept"
    yield f"rate = {rate}"
    yield f"seconds = {seconds}{told}"
    yield "mel = 32"
    yield "frames = 32"


def _lacking(paths: Sequence[Path]) -> Iterator[str]:
    gone = sum(not os.path.isfile(path) for path in paths)
    if gone:
        yield f"# {gone} of {len(paths)} files looked up do not exist: set folder to where they lie"


def _picture(path: Path) -> tuple[tuple[int, int], str] | None:
    try:
        from PIL import Image

        with Image.open(path) as picture:
            return picture.size, picture.mode
    except Exception:  # whatever is wrong with it is told when it is read
        return None


def _sound(path: Path) -> tuple[float, int] | None:
    try:
        found = sound_library().info(path)
    except (DataUnavailableError, RuntimeError, OSError):
        return None
    return found.duration, found.samplerate
