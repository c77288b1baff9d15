"""Figures inside the page: pictures of few colours as data URIs, so that the page can be sent as one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

COLOURS = 128
BUDGET = 1_500_000  # bytes of all pictures together, before base64 makes four of three
LARGEST = 12_000_000  # pixels; more is slow to show on a telephone
NEARLY_WHITE = 250


@dataclass(frozen=True)
class Picture:
    """A picture as WebP without loss, its own size in pixels and the size to show it at."""

    data: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/webp;base64,{base64.b64encode(self.data).decode('ascii')}"


def pictures(paths: Mapping[str, Path]) -> dict[str, Picture]:
    """Return figures for embedding, name → picture; at half the resolution, the largest first, beyond `BUDGET`."""
    with ThreadPoolExecutor() as pool:  # Pillow works outside of the interpreter's lock
        made = dict(zip(paths, pool.map(picture, paths.values()), strict=True))
    for name in sorted(made, key=lambda name: (-len(made[name].data), name)):
        if sum(len(each.data) for each in made.values()) <= BUDGET:
            break
        made[name] = min(made[name], picture(paths[name], half=True), key=lambda each: len(each.data))
    return made


def picture(path: Path, half: bool = False) -> Picture:
    """Return a PNG file as a picture of at most `COLOURS` colours; the same file gives the same bytes."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    if half or image.width * image.height > LARGEST:
        image = image.reduce(2)  # whole pixels: lines stay sharp, and few colours stay few
    # The palette's white is a shade off, which would show on a white card.
    few = image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.putpalette(_whitened(few.getpalette() or []))
    file = io.BytesIO()
    few.convert("RGB").save(file, "webp", lossless=True, quality=70, method=4)
    return Picture(file.getvalue(), image.width, image.height)


def _whitened(palette: Iterable[int]) -> list[int]:
    values = list(palette)
    for start in range(0, len(values), 3):
        if min(values[start : start + 3]) >= NEARLY_WHITE:
            values[start : start + 3] = [255, 255, 255]
    return values
