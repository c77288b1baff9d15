"""A picture of your data as variants will see it: a few rows, every modality."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from .core.files import write_atomic
from .datasets.own.reading import Reading
from .datasets.own.schema import AudioSpec, Spec, TabularSpec
from .reports import style

ACROSS = 6  # samples
LINES = 8  # cells of a table that are shown
WIDTH, HEIGHT = 1.75, {"image": 1.75, "audio": 1.35, "embedding": 0.75}  # inches
LINE = 0.135
LEFT, TOP, BETWEEN = 1.35, 0.35, 0.3


def draw(held: Reading, path: Path) -> Path:
    """Draw up to six rows, of as many classes as there are, and write them as PNG.

    Parameters
    ----------
    held
        What could be read; parts that could not are blank.
    path
        The file to write.
    """
    rows = samples(held)
    words = list(_words(held, rows))
    style.announce(words)
    missing = style.fonts(style.signs(words))[1]
    with style.drawing(words):
        figure = _figure(held, rows)
        for text in figure.findobj(Text):
            text.set_text("\n".join(style.legible(line, missing) for line in text.get_text().split("\n")))
        write_atomic(path, lambda stream: figure.savefig(stream, format="png", dpi=130))
    return path


def _words(held: Reading, rows: list[int]) -> Iterator[str]:
    """Yield what is written in the figure in the user's letters."""
    yield from held.spec.modalities
    for row in rows:
        yield _label(held, row)
        for name in held.tables:
            yield from _cells(held, name, row)


def samples(held: Reading) -> list[int]:
    """Return row indexes: the classes in turn, rows that have every modality before those that lack one."""
    present = list(held.present.values())
    count = np.sum(present, axis=0) if present else np.zeros(held.manifest.rows)
    turn: dict[str, int] = defaultdict(int)
    order = []
    for row in np.argsort(-count, kind="stable").tolist():
        label = "" if held.labels is None else str(held.labels[row])
        order.append((turn[label], row))
        turn[label] += 1
    return [row for _, row in sorted(order, key=lambda item: item[0])[:ACROSS]]


def _figure(held: Reading, rows: list[int]) -> Figure:
    heights = [_height(spec) for spec in held.spec.modalities.values()]
    width = LEFT + len(rows) * (WIDTH + 0.12)
    tall = TOP + sum(heights) + BETWEEN * len(heights) + 0.2
    figure = Figure(figsize=(width, tall))
    title = f"{held.spec.data.name}: {len(rows)} of {held.manifest.rows} rows, as they are read"
    figure.text(0.1 / width, 1 - 0.1 / tall, title, va="top", fontsize=11, fontweight="bold")
    below = tall - TOP
    for (name, spec), height in zip(held.spec.modalities.items(), heights, strict=True):
        below -= height + BETWEEN
        about = f"{name}\n{spec.kind}"
        figure.text(0.1 / width, (below + height / 2) / tall, about, va="center", fontsize=9)
        for place, row in enumerate(rows):
            box = (LEFT + place * (WIDTH + 0.12), below, WIDTH, height)
            axes = figure.add_axes((box[0] / width, box[1] / tall, box[2] / width, box[3] / tall))
            axes.set(xticks=[], yticks=[])
            if name == next(iter(held.spec.modalities)):
                axes.set_title(_label(held, row), fontsize=9)
            _DRAWN[spec.kind](axes, held, name, row)
    return figure


def _height(spec: Spec) -> float:
    return LINE * min(LINES, len(spec.columns)) if isinstance(spec, TabularSpec) else HEIGHT[spec.kind]


def _label(held: Reading, row: int) -> str:
    if held.labels is None:
        return f"row {row + 1}"
    return f"{_short(str(held.labels[row]), 16)}, row {row + 1}"


def _short(text: str, most: int) -> str:
    """Return a text on one line and of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _absent(axes: Axes, why: str = "absent") -> None:
    axes.spines[:].set(color="#bbbbbb", visible=True)
    axes.text(0.5, 0.5, why, ha="center", va="center", color="#888888", fontsize=9, transform=axes.transAxes)


def _file(held: Reading, name: str, row: int) -> Any:
    """Return a decoded row, or the word that says why there is none."""
    if name not in held.files:
        return "not read"
    source, decoded, _ = held.files[name]
    if decoded.present[row]:
        return decoded.array[row]
    return "absent" if source.paths[row] is None else "unreadable"


def _picture(axes: Axes, held: Reading, name: str, row: int) -> None:
    pixels = _file(held, name, row)
    if isinstance(pixels, str):
        return _absent(axes, pixels)
    shown = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255)
    return None


def _sound(axes: Axes, held: Reading, name: str, row: int) -> None:
    power = _file(held, name, row)
    if isinstance(power, str):
        return _absent(axes, power)
    axes.imshow(power[0], origin="lower", aspect="auto", cmap="magma")
    spec = held.spec.modalities[name]
    assert isinstance(spec, AudioSpec)
    axes.set_xlabel(f"{spec.seconds:g} s", fontsize=7, labelpad=2)
    return None


def _table(axes: Axes, held: Reading, name: str, row: int) -> None:
    if name not in held.tables:
        return _absent(axes, "not read")
    if not held.tables[name].present[row]:
        return _absent(axes)
    axes.spines[:].set_visible(False)
    columns = held.spec.modalities[name].columns
    lines = _cells(held, name, row)
    if len(columns) > LINES:
        lines[-1] = f"… {len(columns) - LINES + 1} more"
    axes.text(0, 1, "\n".join(lines), va="top", fontsize=7, transform=axes.transAxes, clip_on=True)
    return None


def _cells(held: Reading, name: str, row: int) -> list[str]:
    columns = held.spec.modalities[name].columns
    return [_cell(held, name, place, row) for place in range(min(len(columns), LINES))]


def _cell(held: Reading, name: str, place: int, row: int) -> str:
    table, column = held.tables[name], held.spec.modalities[name].columns[place]
    numbers = table.numeric.shape[1]
    if place < numbers:
        value = "absent" if np.isnan(table.numeric[row, place]) else f"{table.numeric[row, place]:.5g}"
    else:
        code = table.codes[row, place - numbers]
        value = "absent" if code < 0 else table.categories[place - numbers][code]
    return _short(f"{column}: {value}", 26)


def _vector(axes: Axes, held: Reading, name: str, row: int) -> None:
    if name not in held.vectors:
        return _absent(axes, "not read")
    array, here = held.vectors[name]
    if not here[row]:
        return _absent(axes)
    axes.plot(np.asarray(array[row]), lw=0.6, color="#1f4e79")
    axes.set_xlim(0, max(1, len(array[row]) - 1))
    axes.set_xlabel(f"{len(array[row])} numbers", fontsize=7, labelpad=2)
    return None


_DRAWN = {"image": _picture, "audio": _sound, "tabular": _table, "embedding": _vector}
