"""A drawn figure as a file: PNG in 256 colours and SVG, without dates or versions."""

from __future__ import annotations

import io
import re
from typing import BinaryIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import distance

DPI = 200
COLOURS = 256
EXACT = 160  # of them are the commonest colours as they are; the others are means of regions of colour
WHITE = 0xFFFFFF


def save(made: Figure, suffix: str, file: BinaryIO, factor: float = 1.0) -> None:
    """Write a figure `factor` times as large as it was laid out: the same table gives the same bytes."""
    if suffix == "png":
        paletted(_drawn(made, DPI * factor)).save(file, "png", dpi=(DPI, DPI))
        return
    held = io.BytesIO()
    made.savefig(held, format=suffix, metadata={"Date": None}, facecolor="white")
    file.write(_resized(held.getvalue(), factor) if factor != 1 else held.getvalue())


def _drawn(made: Figure, dpi: float) -> np.ndarray:
    usual = made.dpi
    made.set_dpi(dpi)
    made.set_facecolor("white")
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    made.set_dpi(usual)
    return np.asarray(canvas.buffer_rgba())


def paletted(picture: np.ndarray) -> Image.Image:
    """Return a picture in at most 256 colours, a third of the size of a file in all of them.

    The commonest colours, and so all that mean something, stay as they are. Of the many shades at the edges of
    letters and lines, those of one region of colour share its mean.

    Parameters
    ----------
    picture
        Shape (height, width, 4), 8 bits; opaque.
    """
    codes = np.ascontiguousarray(picture).view("<u4")[..., 0] & WHITE  # blue, green, red from the left
    found, counts = np.unique(codes[codes != WHITE], return_counts=True)
    found, counts = np.append(found, np.uint32(WHITE)), np.append(counts, codes.size)
    order = np.argsort(-counts, kind="stable")
    found, counts = found[order], counts[order]
    colours = np.stack([found & 255, found >> 8 & 255, found >> 16], axis=1).astype(np.int64)
    kept = colours
    if len(colours) > COLOURS:
        kept = np.concatenate([colours[:EXACT], _regions(colours[EXACT:], counts[EXACT:])])
    nearest = distance.cdist(colours, kept, "sqeuclidean").argmin(axis=1)
    table = np.zeros(WHITE + 1, dtype=np.uint8)
    table[found] = nearest
    image = Image.fromarray(table[codes])
    image.putpalette(kept.astype(np.uint8).tobytes())
    return image


def _regions(colours: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean colours of the most populous of 512 regions, shape (at most COLOURS - EXACT, 3)."""
    region = (colours >> 5) @ [64, 8, 1]
    size = np.bincount(region, counts, 512)
    sums = np.stack([np.bincount(region, counts * channel, 512) for channel in colours.T], axis=1)
    most = np.argsort(-size, kind="stable")[: COLOURS - EXACT]
    most = most[size[most] > 0]
    return (sums[most] / size[most, None]).round().astype(np.int64)


def _resized(drawn: bytes, factor: float) -> bytes:
    """Scale an SVG by the size of its outermost element; what is inside stays in its own units."""
    start, end = drawn.index(b"<svg "), drawn.index(b">", drawn.index(b"<svg "))
    sized = re.sub(
        rb'(?<= )(width|height)="([0-9.]+)pt"',
        lambda found: b'%s="%spt"' % (found[1], f"{float(found[2]) * factor:.6g}".encode()),
        drawn[start:end],
    )
    return drawn[:start] + sized + drawn[end:]
