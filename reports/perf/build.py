"""The table as Markdown and the figure as PNG, from a folder of stored measurements; nothing is measured here."""

from __future__ import annotations

from pathlib import Path

from ...core.files import write_text
from ..tables import pipes
from . import picture
from .rows import Stored, read
from .words import HEADS, cells, machine, remarks

TABLE, FIGURE = "perf.md", Path("figures") / "perf.png"
HEAD = """# Speed, measured side by side

Written by `make perf` from the raw seconds beside it. The two sides of a row took turns in one run, after a
warm-up that is not counted: same model, data, batch size, optimiser, epochs and number of threads. *Ours* and
*other side* are medians (least–most) in seconds. The ratio is the median of the repetitions' paired ratios, its
spread the least and the largest of them: below 1 ours is faster, × says how many times as fast, and s are seconds
beyond the other side's.
"""
EMPTY = {"device": "Without a GPU nothing was measured here: torch finds none on this machine."}


def build(folder: Path) -> list[Path]:
    """Write table and figure of what a folder holds; return both files.

    Raises
    ------
    FusebenchError
        Where it holds no measurement, or one that cannot be read.
    """
    stored = read(folder)
    table, figure = folder / TABLE, folder / FIGURE
    write_text(table, page(stored))
    picture.write([row for part in stored for row in part.rows], figure)
    return [table, figure]


def page(stored: list[Stored]) -> str:
    """Return the Markdown page: one table, then what is to be said of each row and of the machine."""
    rows = [row for part in stored for row in part.rows]
    parts = [HEAD, f"![Ratios with their spread and their targets]({FIGURE.as_posix()})"]
    parts.append(pipes(HEADS, [cells(row) for row in rows]))
    for part in stored:
        parts.append(f"## {part.part}\n\nOn {machine(part.machine)}; {part.scale['repetitions']} repetitions.")
        parts += [f"**{row.what}.** {' '.join(remarks(row))}" for row in part.rows]
        if not part.rows:
            parts.append(EMPTY.get(part.part, "Nothing was measured."))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def lines(folder: Path, part: str) -> list[str]:
    """Return what a terminal is told of a part: a line a row with both sides, ratio, spread and verdict."""
    told = []
    for stored in read(folder):
        for row in stored.rows if stored.part == part else ():
            _, what, ours, other, ratio, spread, aim, verdict = cells(row)
            told.append(f"{what}: ours {ours}, other side {other}; {ratio} [{spread}], target {aim}: {verdict}")
            told += [f"  {remark}" for remark in remarks(row)[1 if row.value is not None else 0 :]]
    return told or [EMPTY.get(part, f"{part}: nothing was measured.")]
