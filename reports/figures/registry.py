"""The registry of figures, and how one is drawn: `frame(run)` → tidy table, `draw(table, heading)` → Figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...core.errors import unknown
from ...core.files import write_atomic, write_text
from .. import style
from ..run import Run
from ..sweeps import swept
from ..tables import csv
from ..wording import label, sentence, title_notes

DPI = 200
SUFFIXES = ("png", "svg")
MANY_SETTINGS = 16


@dataclass(frozen=True)
class Heading:
    """What stands above a figure: what it shows, and what every title must say of the run."""

    title: str
    notes: str


Draw = Callable[[pd.DataFrame, Heading], Figure]


@dataclass(frozen=True)
class Spec:
    """A registered figure.

    Parameters
    ----------
    name
        Its file name, without suffix.
    title, caption
        What it shows; `{metric}` stands for the run's metric.
    empty
        Why it is left out where its table has no row.
    frame, draw
        The two functions.
    """

    name: str
    title: str
    caption: str
    empty: str
    frame: Callable[[Run], pd.DataFrame]
    draw: Draw


@dataclass(frozen=True)
class Drawn:
    """What became of a figure: its files (CSV, PNG, SVG) and width in inches, or none and the reason."""

    name: str
    title: str
    caption: str
    paths: tuple[Path, ...] = ()
    width: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        """Return its files, one a line, or why there is none."""
        return "\n".join(map(str, self.paths)) or f"{self.name}: not drawn. {self.reason}"


FIGURES: dict[str, Spec] = {}
OCCASIONAL: dict[str, Spec] = {}  # most runs do not hold what these show, and need not be told so


def figure(
    name: str, title: str, caption: str, *, frame: Callable[[Run], pd.DataFrame], empty: str, always: bool = True
) -> Callable[[Draw], Draw]:
    """Register the decorated `draw` as a figure; see `Spec` for the parameters.

    One that is not `always` told of is passed over in silence where it has nothing to show, unless asked for.
    """

    def register(draw: Draw) -> Draw:
        (FIGURES if always else OCCASIONAL)[name] = Spec(name, title, caption, empty, frame, draw)
        return draw

    return register


def draw_all(run: Run, folder: Path, names: Iterable[str] | None = None) -> list[Drawn]:
    """Draw figures into a folder, all of them where no names are given; those with nothing to show say why.

    Raises
    ------
    UnknownNameError
        For a name that no figure has.
    """
    known = FIGURES | OCCASIONAL
    wanted = list(known if names is None else names)
    for name in wanted:
        if name not in known:
            raise unknown("figure", name, known)
    style.announce((*run.variants, *run.datasets))
    settled = without_sweeps(run)
    drawn = [_draw(known[name], settled if name in FIGURES else run, folder) for name in wanted]
    return [each for each in drawn if each.paths or each.name in FIGURES or names is not None]


def without_sweeps(run: Run) -> Run:
    """Return the run without the settings of long sweeps: figures of one panel a data set would be metres wide."""
    aside = swept(run.datasets)
    if len(aside) < MANY_SETTINGS:
        return run
    kept = tuple(name for name in run.datasets if name not in aside)
    note = f"{len(kept)} of {len(run.datasets)} data sets: the swept settings are in figures of their own"
    cells, curves = (table[table["dataset"].isin(kept)] for table in (run.cells, run.curves))
    return replace(run, datasets=kept, cells=cells, curves=curves, note=" · ".join(filter(None, (run.note, note))))


def _draw(spec: Spec, run: Run, folder: Path) -> Drawn:
    title = sentence(spec.title.format(metric=label(run.metric)))
    caption = spec.caption.format(metric=label(run.metric))
    data = spec.frame(run)
    for suffix in ("csv", *SUFFIXES):
        (folder / f"{spec.name}.{suffix}").unlink(missing_ok=True)  # an earlier, fuller report's
    if data.empty:
        return Drawn(spec.name, title, caption, reason=spec.empty)
    paths = [folder / f"{spec.name}.{suffix}" for suffix in ("csv", *SUFFIXES)]
    write_text(paths[0], csv(data))
    with opened(spec, data, Heading(title, " · ".join(title_notes(run)))) as made:
        for path, suffix in zip(paths[1:], SUFFIXES, strict=True):
            write_atomic(path, partial(_save, made, suffix))
        width = float(made.get_size_inches()[0])
    return Drawn(spec.name, title, caption, tuple(paths), width)


@contextmanager
def opened(spec: Spec, data: pd.DataFrame, heading: Heading) -> Iterator[Figure]:
    """Draw a table on a canvas of its own and hand the figure out; fonts and style hold inside only."""
    words = data.select_dtypes(include=["object", "string"])
    texts = [heading.title, heading.notes, *map(str, np.unique(words.to_numpy().astype(str)))]
    missing = style.fonts(style.signs(texts))[1]
    shown = data.assign(**{str(c): [_legible(v, missing) for v in data[c]] for c in words})
    with style.drawing(texts):
        made = spec.draw(shown, Heading(heading.title, style.legible(heading.notes, missing)))
        FigureCanvasAgg(made)
        yield made


def _legible(value: Any, missing: frozenset[str]) -> Any:
    return style.legible(value, missing) if isinstance(value, str) else value


def _save(made: Figure, suffix: str, file: BinaryIO) -> None:
    # No date and no version of the library: the same table gives the same bytes.
    metadata = {"Date": None} if suffix == "svg" else {"Software": None}
    made.savefig(file, format=suffix, dpi=DPI, metadata=metadata, facecolor="white")
