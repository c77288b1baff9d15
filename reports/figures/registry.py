"""The registry of figures, and how one is drawn: `frame(run)` → tidy table, `draw(table, heading)` → Figure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...core.files import write_atomic, write_text
from .. import style
from ..run import Run
from ..sweeps import swept
from ..tables import csv
from ..wording import label, sentence, title_notes
from .choice import Choice, Wanted, narrowed
from .files import save
from .looks import Look, applied, scale, thicken

log = logging.getLogger(__name__)
SUFFIXES = ("png", "svg")
MANY_SETTINGS = 16


@dataclass(frozen=True)
class Heading:
    """What stands above a figure: what it shows, and what every title must say of the run."""

    title: str
    notes: str


Draw = Callable[[pd.DataFrame, Heading], Figure]
Reason = str | Callable[[Run], str]


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
        Why it is left out where its table has no row: a sentence, or what computes one from the run.
    frame, draw
        The two functions.
    """

    name: str
    title: str
    caption: str
    empty: Reason
    frame: Callable[[Run], pd.DataFrame]
    draw: Draw


@dataclass(frozen=True)
class Drawn:
    """What became of a figure.

    Parameters
    ----------
    name
        The name of its files, without suffix.
    title, caption
        What it shows.
    paths
        Its files: CSV, PNG, SVG; none where it was not drawn.
    width
        In inches, as saved.
    reason
        Why it was not drawn.
    remark
        Where a width was asked for: why it has another, or that no page is so tall.
    """

    name: str
    title: str
    caption: str
    paths: tuple[Path, ...] = ()
    width: float = 0.0
    reason: str = ""
    remark: str = ""

    def __str__(self) -> str:
        """Return its files, one a line, or why there is none."""
        return "\n".join(map(str, self.paths)) or f"{self.name}: not drawn. {self.reason}"


FIGURES: dict[str, Spec] = {}
OCCASIONAL: dict[str, Spec] = {}  # most runs do not hold what these show, and need not be told so


def figure(
    name: str,
    title: str,
    caption: str,
    *,
    frame: Callable[[Run], pd.DataFrame],
    empty: Reason,
    always: bool = True,
) -> Callable[[Draw], Draw]:
    """Register the decorated `draw` as a figure; see `Spec` for the parameters.

    One that is not `always` told of is passed over in silence where it has nothing to show, unless asked for.
    """

    def register(draw: Draw) -> Draw:
        (FIGURES if always else OCCASIONAL)[name] = Spec(name, title, caption, empty, frame, draw)
        return draw

    return register


def draw_all(
    run: Run,
    folder: Path,
    names: Iterable[str] | None = None,
    look: Look | None = None,
    choice: Choice | None = None,
) -> list[Drawn]:
    """Draw figures into a folder, all of them where nothing chooses; those with nothing to show say why.

    Parameters
    ----------
    names
        The figures to draw. Where a choice is given too: the figures of the choice with these names or files, or,
        where it has none of them, the figure itself.
    look
        Style and width; those of the choice where None.
    choice
        What a figures.toml chooses.

    Raises
    ------
    UnknownNameError
        For a name that no figure, variant or data set has.
    """
    wanted = chosen(run, names, look, choice)
    return told([draw_one(run, each, folder) for each in wanted], wanted)


def chosen(
    run: Run, names: Iterable[str] | None = None, look: Look | None = None, choice: Choice | None = None
) -> list[Wanted]:
    """Return the figures that `draw_all` draws, and say which characters no font here can draw."""
    wanted = (choice or Choice()).wanted(FIGURES | OCCASIONAL, names)
    asked = names is not None or (choice is not None and bool(choice.figure))
    style.announce((*run.variants, *run.datasets))
    for each in wanted:
        narrowed(run, each)  # a name that fits nothing is told before anything is drawn
    return [replace(each, look=look or each.look, asked=asked) for each in wanted]


def told(drawn: list[Drawn], wanted: list[Wanted]) -> list[Drawn]:
    """Leave out figures that most runs do not hold, unless asked for; log what is not as wide as asked."""
    for each in drawn:
        if each.remark:
            log.warning("Figure %s: %s", each.name, each.remark)
    pairs = zip(drawn, wanted, strict=True)
    return [each for each, wish in pairs if each.paths or wish.name in FIGURES or wish.asked]


def without_sweeps(run: Run) -> Run:
    """Return the run without the settings of long sweeps: figures of one panel a data set would be metres wide."""
    aside = swept(run.datasets)
    if len(aside) < MANY_SETTINGS:
        return run
    kept = tuple(name for name in run.datasets if name not in aside)
    note = f"{len(kept)} of {len(run.datasets)} data sets: the swept settings are in figures of their own"
    cells, curves = (table[table["dataset"].isin(kept)] for table in (run.cells, run.curves))
    return replace(run, datasets=kept, cells=cells, curves=curves, note=" · ".join(filter(None, (run.note, note))))


def draw_one(run: Run, wanted: Wanted, folder: Path) -> Drawn:
    """Draw one figure into a folder, or say why there is none."""
    spec = (FIGURES | OCCASIONAL)[wanted.name]
    run = narrowed(without_sweeps(run) if wanted.name in FIGURES and not wanted.datasets else run, wanted)
    title = spec.title.format(metric=label(run.metric)) if wanted.title is None else wanted.title
    told = Drawn(wanted.file, sentence(title), spec.caption.format(metric=label(run.metric)))
    data = spec.frame(run)
    paths = [folder / f"{wanted.file}.{suffix}" for suffix in ("csv", *SUFFIXES)]
    for path in paths:
        path.unlink(missing_ok=True)  # an earlier, fuller report's
    if data.empty:
        return replace(told, reason=spec.empty if isinstance(spec.empty, str) else spec.empty(run))
    write_text(paths[0], csv(data))
    with opened(spec, data, Heading(told.title, " · ".join(title_notes(run))), wanted.look) as made:
        factor, remark = scale(made, wanted.look)
        for path, suffix in zip(paths[1:], SUFFIXES, strict=True):
            write_atomic(path, partial(save, made, suffix, factor=factor))
        width = float(made.get_size_inches()[0]) * factor
    return replace(told, paths=tuple(paths), width=width, remark=remark)


@contextmanager
def opened(spec: Spec, data: pd.DataFrame, heading: Heading, look: Look | None = None) -> Iterator[Figure]:
    """Draw a table on a canvas of its own and hand the figure out; fonts and style hold inside only."""
    look = look or Look()
    words = data.select_dtypes(include=["object", "string"])
    texts = [heading.title, heading.notes, *map(str, np.unique(words.to_numpy().astype(str)))]
    missing = style.fonts(style.signs(texts))[1]
    shown = data.assign(**{str(c): [_legible(v, missing) for v in data[c]] for c in words})
    legible = Heading(style.legible(heading.title, missing), style.legible(heading.notes, missing))
    with style.drawing(texts, look.parameters), applied(look):
        made = spec.draw(shown, legible)
        thicken(made, look)
        FigureCanvasAgg(made)
        yield made


def _legible(value: Any, missing: frozenset[str]) -> Any:
    return style.legible(value, missing) if isinstance(value, str) else value
