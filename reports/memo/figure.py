"""A question's figure: one panel a data set, one row a pair, with the drawing of the report's forests."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...core.files import write_atomic
from ..figures.files import save
from ..figures.forest import Row, effects, forest, limit
from ..figures.looks import Look, scale
from ..figures.registry import Heading, Spec, opened
from ..run import Run
from ..versus.amounts import IN_POINTS
from ..wording import label, unit
from .answers import Answer
from .wording import words

LOOK = Look("paper", 2.5)
COLUMNS = ["pair", "dataset", "effect", "low", "high", "told", "label"]


def frame(run: Run, answer: Answer) -> pd.DataFrame:
    """Return one row a pair and data set: `pair, dataset, effect, low, high` (in the unit of `label`), `told`."""
    points = run.metric in IN_POINTS
    factor, most, held = (100.0, 100.0, "points") if points else (1.0, np.inf, unit(run.metric))
    text = f"Δ {label(run.metric)}{f' ({held})' if held else ''}"
    rows = []
    for pair in answer.judged:
        for each in pair.differences:
            ends = np.clip([each.effect - each.whole, each.effect + each.whole], -most / factor, most / factor)
            values = (factor * value for value in (each.effect, *ends))
            rows.append((f"{pair.left} − {pair.right}", each.dataset, *values, each.told, text))
    data = pd.DataFrame(rows, columns=COLUMNS)
    return data.sort_values("dataset", key=lambda names: names.map(run.datasets.index), kind="stable")


def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the pairs of `frame`."""
    pairs = list(dict.fromkeys(data["pair"]))
    titles = [str(name) for name in data["dataset"].unique()]
    handles = [
        Line2D([], [], marker="o", color="black", mfc=fill, label=text)
        for fill, text in (("black", "interval leaves out 0"), ("white", "interval holds 0"))
    ]
    label_text = str(data["label"].iloc[0])
    rows = [Row(pair) for pair in pairs]
    figure, axes = forest(heading, rows, titles, 1.5, most=4, handles=handles, label=label_text)
    for axis, (_, mine) in zip(axes, data.groupby("dataset", sort=False), strict=True):
        y = np.array([pairs.index(pair) for pair in mine["pair"]], dtype=float)
        value, *ends = (mine[column].to_numpy(dtype=float) for column in ("effect", "low", "high"))
        fill = np.where(mine["told"], "black", "white")
        effects(axis, y, value, *ends, marker="o", fill=fill)
        limit(axis, value, y, *ends)
    return figure


def write(run: Run, answer: Answer, notes: str, path: Path) -> Path | None:
    """Draw a question's figure as PNG; None, and no file, where none of its pairs has met."""
    path.unlink(missing_ok=True)
    data = frame(run, answer)
    if data.empty:
        return None
    title = words("english")[f"{answer.question.key}.title"]
    spec = Spec(answer.question.key, title, "", "", lambda _: data, draw)
    with opened(spec, data, Heading(title, notes), LOOK) as made:
        factor, _ = scale(made, LOOK)
        write_atomic(path, partial(save, made, path.suffix[1:], factor=factor))
    return path
