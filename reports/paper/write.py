"""Write a paper's files: tables, numbers, captions, and the figures drawn anew with its entries and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
from matplotlib.figure import Figure

from ...core.files import write_atomic, write_text
from .. import style
from ..figures import FIGURES, OCCASIONAL
from ..figures.files import save
from ..figures.looks import Look, scale
from ..figures.registry import Heading, opened, without_sweeps
from ..figures.registry import Spec as Drawing
from ..run import Run
from ..tables import csv
from ..wording import title_notes
from . import boards, captions, macros
from .latex import comment, escape, floating
from .spec import Selection, Spec, select

SUFFIXES = ("pdf", "png", "svg")
# columns whose texts name no variant (an `entry` is what its options are taken off)
OTHER = frozenset(
    {"dataset", "metric", "architecture", "data_fusion", "level", "status", "entry", "group", "title"}
)


def write(run: Run, spec: Spec, folder: Path) -> list[Path]:
    """Write what a paper.toml asks for; return the paths.

    `METRIC.tex`, `gain.tex` and `time.tex` (floats), `numbers.tex`, `captions.tex`, and `figures/` (CSV,
    PDF, PNG, SVG).

    Parameters
    ----------
    run
        The whole run: first places and gains are judged over all of its entries.
    spec
        What to show.
    folder
        `reports/<suite>/paper`.

    Raises
    ------
    FusebenchError
        Where `spec` names what the run does not have.
    """
    selection = select(spec, run)
    source = captions.made_from(selection.run)
    drawn, told = _figures(selection, folder / "figures")
    texts = _tables(selection, source) | {
        "numbers": macros.text(selection, source),
        "captions": captions.text(told, selection, source),
    }
    paths = [folder / f"{name}.tex" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_text(path, text)
    return [*paths, *drawn]


def _tables(selection: Selection, source: str) -> dict[str, str]:
    run = selection.run
    made: dict[str, tuple[boards.Board, str, int, bool]] = {
        run.metric: (boards.scores(run), captions.score(selection), 3, False),
        "gain": (boards.gains(run), captions.gain(selection), 3, True),
        "time": (boards.seconds(run), captions.time(selection), 2, False),
    }
    texts = {}
    for name, (board, caption, digits, sign) in made.items():
        top = comment(
            f"Made by fusebench from {source}.",
            f"Include it by \\input{{{name}}}; the preamble needs \\usepackage{{booktabs,graphicx}}.",
            "Letters beyond Latin ones need XeLaTeX or LuaLaTeX and a font. Drawn anew by every report.",
        )
        shown = boards.lay_out(board, selection.names, run.datasets, digits, sign)
        label_ = f"tab:{selection.prefix}-{name}"
        texts[name] = top + floating(shown, escape(caption, True), label_, wide=selection.width > 1)
    return texts


def _figures(selection: Selection, folder: Path) -> tuple[list[Path], dict[str, tuple[str, str]]]:
    """Draw every figure that has something to show; return the files and figure → (caption, remark on width)."""
    settled = replace(selection, run=without_sweeps(selection.run))
    style.announce((*selection.names.values(), *selection.run.datasets))
    paths: list[Path] = []
    told: dict[str, tuple[str, str]] = {}
    for name, drawing in (FIGURES | OCCASIONAL).items():
        mine = settled if name in FIGURES else selection
        data = drawing.frame(mine.run)
        files = {suffix: folder / f"{name}.{suffix}" for suffix in ("csv", *SUFFIXES)}
        for path in files.values():
            path.unlink(missing_ok=True)  # an earlier paper's
        if data.empty:
            continue
        remark = _draw(drawing, renamed(data, selection.names), mine, files)
        told[name] = captions.of_figure(drawing, data, mine), remark
        paths += files.values()
    return paths, told


def _draw(drawing: Drawing, data: pd.DataFrame, selection: Selection, files: Mapping[str, Path]) -> str:
    """Draw a figure's table and save it; return why its width is not the one asked for, if so."""
    write_text(files["csv"], csv(data))
    look = Look(width=selection.width)
    heading = Heading("", " · ".join(title_notes(selection.run)))  # the caption says the title
    with opened(drawing, data, heading, look) as made:
        factor, remark = scale(made, look)
        write_atomic(files["pdf"], partial(_print, made))
        for suffix in ("png", "svg"):
            write_atomic(files[suffix], partial(save, made, suffix, factor=factor))
    return remark


def _print(made: Figure, file: BinaryIO) -> None:
    """Write a PDF, which LaTeX scales; neither date nor version: the same table gives the same bytes."""
    none = dict.fromkeys(("CreationDate", "Creator", "Producer"))
    made.savefig(file, format="pdf", metadata=none, facecolor="white")


def renamed(data: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Put the names of a paper for those of the run in a figure's table, in lists (`a, b`) too.

    The table is renamed and not the run: matched pairs and baselines are found by the run's own names.
    """
    words = [c for c in data.select_dtypes(include=["object", "string"]) if c not in OTHER]
    return data.assign(**{str(column): [_named(value, names) for value in data[column]] for column in words})


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    return ", ".join(names.get(part, part) for part in value.split(", "))
