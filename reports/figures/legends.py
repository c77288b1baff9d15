"""Legends: what colours and markers mean, along the lower edge of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .. import style
from ..run import ARCHITECTURES, FUSIONS

EDGE = {"edgecolor": "black", "linewidth": 0.6}
HANDLE, APART = 0.36, 0.16  # a handle and the space after a column, in inches
LINE = 0.18


def foot(figure: Figure, handles: Sequence[Any]) -> float:
    """Draw a legend along the lower edge and return its height in inches."""
    width, _ = figure.get_size_inches()
    wide = [HANDLE + 0.09 + APART + 1.03 * style.inches(handle.get_label()) for handle in handles]
    columns = next(n for n in range(len(handles), 0, -1) if n == 1 or _needed(wide, n) <= width - 0.15)
    figure.legend(
        handles=handles, loc="lower left", ncols=columns, bbox_to_anchor=(0, 0), handlelength=HANDLE * 9,
        columnspacing=APART * 9, borderaxespad=0.6,
    )  # fmt: skip
    return 0.2 + LINE * -(-len(handles) // columns)


def _needed(wide: list[float], columns: int) -> float:
    """Return the width of a legend that is filled column by column, as matplotlib fills it."""
    rows, more = divmod(len(wide), columns)
    ends = [rows * (place + 1) + min(place + 1, more) for place in range(columns)]
    return sum(max(wide[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True))


def kinds(data: pd.DataFrame) -> list[Line2D | Patch]:
    """Return legend handles for the architectures and data fusions that a table holds."""
    held, fusions = set(data["architecture"]), set(data["data_fusion"])
    handles: list[Line2D | Patch] = [
        Patch(facecolor=style.colour(name), label=name.replace("_", "-") or "architecture unknown", **EDGE)
        for name in (*ARCHITECTURES, *sorted(held - set(ARCHITECTURES)))
        if name in held
    ]
    for name in (*FUSIONS, *sorted(fusions - set(FUSIONS))):
        if name in fusions:
            words = {"none": "one modality", "": "fusion unknown"}.get(name, name)
            handles.append(
                Line2D([], [], ls="", marker=style.marker(name), color="#888888", mec="black", label=words)
            )
    return handles
