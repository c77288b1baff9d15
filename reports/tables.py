"""Tables: exact numbers for machines (CSV), rounded ones with intervals for people (Markdown).

The only readers of a results folder that write into one: `results/<suite>/tables/`, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..core.files import write_text

WHOLE = ("parameters", "flops", "memory", "epoch", "seed", "fold", "pairs", "beyond_noise")


@dataclass(frozen=True)
class Table:
    """One table, twice: as it is stored and as it is read.

    Parameters
    ----------
    name
        Its file name, without suffix.
    title
        Its heading.
    data
        Tidy, unrounded: the CSV.
    sections
        (caption, text columns) pairs: the Markdown and the page.
    notes
        Sentences below it.
    """

    name: str
    title: str
    data: pd.DataFrame
    sections: tuple[tuple[str, pd.DataFrame], ...] = ()
    notes: tuple[str, ...] = ()


def write(made: Iterable[Table], folder: Path, heading: str) -> list[Path]:
    """Write tables as CSV and, where there is something to read, Markdown; return the paths.

    `heading` is what every table must say of the run.
    """
    paths = []
    for table in made:
        paths.append(folder / f"{table.name}.csv")
        write_text(paths[-1], csv(table.data))
        if table.sections:
            paths.append(folder / f"{table.name}.md")
            write_text(paths[-1], markdown(table, heading))
    return paths


def csv(data: pd.DataFrame) -> str:
    """Return a frame as CSV: six significant digits, whole numbers whole, nothing for undefined."""
    whole = {column: data[column].astype("Float64").round().astype("Int64") for column in WHOLE if column in data}
    return data.assign(**whole).to_csv(index=False, float_format="%.6g", lineterminator="\n")


def markdown(table: Table, heading: str) -> str:
    """Return a table as Markdown, its heading naming the suite's notes."""
    parts = [f"# {_plain(table.title)}", _plain(heading)]
    for caption, shown in table.sections:
        parts += [f"## {_plain(caption)}"] if caption else []
        parts.append(_pipes(shown) if len(shown) else "Nothing to show.")
    parts += [f"- {_plain(note)}" for note in table.notes]
    return "\n\n".join(parts) + "\n"


def _pipes(shown: pd.DataFrame) -> str:
    lines = [shown.columns, ["---"] * len(shown.columns), *shown.itertuples(index=False)]
    return "\n".join("| " + " | ".join(_plain(str(cell)) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Keep a name literal in Markdown: no cell, line or element begins inside it."""
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " "), ("\r", " ")):
        text = text.replace(sign, instead)
    return text
