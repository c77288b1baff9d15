"""Tables: exact numbers for machines (CSV), rounded ones with intervals for people (Markdown, LaTeX).

The only readers of a results folder that write into one: `results/<suite>/tables/`, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..core.files import write_text
from .paper.latex import FIRST, comment, escape, longtables, slug

WHOLE = ("parameters", "flops", "memory", "epoch", "seed", "fold", "pairs", "beyond_noise")
SMALL = (
    "\\begingroup\\scriptsize\\emergencystretch=3em\\relax\n"
    "\\setlength{\\tabcolsep}{3pt}\\setlength{\\LTcapwidth}{\\linewidth}\n"
)
LINE = 345.0  # the width of an article's text at 10 points, in points


@dataclass(frozen=True)
class Table:
    """One table, three times: as it is stored, as it is read, as it is printed.

    Parameters
    ----------
    name
        Its file name, without suffix; a `/` puts it into a folder.
    title
        Its heading.
    data
        Tidy, unrounded: the CSV.
    sections
        (caption, text columns) pairs: the Markdown, the LaTeX and the page. A number followed by ` ★`
        shares the first place of its column: LaTeX sets it bold.
    notes
        Sentences below it.
    """

    name: str
    title: str
    data: pd.DataFrame
    sections: tuple[tuple[str, pd.DataFrame], ...] = ()
    notes: tuple[str, ...] = ()


def write(made: Iterable[Table], folder: Path, heading: str, source: str = "") -> list[Path]:
    """Write tables as CSV and, where there is something to read, Markdown and LaTeX (no list of notes alone).

    Parameters
    ----------
    made
        The tables.
    folder
        Where they go.
    heading
        What every table must say of the run.
    source
        What LaTeX's first lines say they were made from; the heading where empty.
    """
    paths = []
    for table in made:
        texts = {"csv": csv(table.data)}
        if table.sections or table.notes:
            texts["md"] = markdown(table, heading)
        if table.sections:
            texts["tex"] = latex(table, heading, source)
        for suffix, text in texts.items():
            paths.append(folder / f"{table.name}.{suffix}")
            write_text(paths[-1], text)
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


def latex(table: Table, heading: str, source: str = "") -> str:
    """Return a table as LaTeX to include: a longtable a section, or several where a line has no room.

    Letters are small (7 points), bold stands where Markdown has a star, and the notes follow below.
    """
    top = comment(
        f"{table.title}: made by fusebench from {source or heading}.",
        f"Include it by \\input{{{table.name}}}; the preamble needs \\usepackage{{array,booktabs,longtable}}.",
        "Long tables stand in one column: in a paper of two, put \\onecolumn before. Letters beyond Latin ones",
        "need XeLaTeX or LuaLaTeX and a font that has them. Drawn anew by every report: do not edit it.",
    )
    label = f"tab:suite-{slug(table.name)}"
    parts = [SMALL]
    for place, (caption, shown) in enumerate(table.sections, start=1):
        words = ". ".join(filter(None, (f"{table.title} ({heading})", caption)))
        parts.append(longtables(shown, words, label if place == 1 else f"{label}-{place}", width=LINE))
    parts += [f"\\par\\noindent {_note(note)}\n" for note in table.notes]
    return top + "\n".join(parts) + "\\par\\endgroup\n"


def _note(note: str) -> str:
    """Return a note in LaTeX, where bold says what a star says elsewhere."""
    mark, sign = f"{FIRST} ", "\\textbf{Bold} "
    return sign + escape(note.removeprefix(mark), True) if note.startswith(mark) else escape(note, True)


def _pipes(shown: pd.DataFrame) -> str:
    rows = ([_plain(str(cell)) for cell in row] for row in shown.itertuples(index=False))
    return pipes([_plain(str(column)) for column in shown.columns], rows)


def pipes(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of cells that are Markdown already."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))


def _plain(text: str) -> str:
    """Keep a name literal in Markdown: no cell, line or element begins inside it."""
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " "), ("\r", " ")):
        text = text.replace(sign, instead)
    return text
