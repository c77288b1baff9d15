"""Which family does best where: regret against every dial of the synthetic data that the run sweeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from .. import comparisons, families, style, sweeps
from ..run import Run, records
from . import layout
from .registry import Heading, figure

SIZE = (2.35, 1.9)  # of a panel, in inches
COLUMNS = 4
GUESSING = "#B22222"
APART = "apart"  # dashed, with a marker of its own: lines of one colour must differ in print
MARKERS = {"unimodal": "o", "early": "s", "late": "D", "cross_modal": "^", "hybrid": "P"}
STROKE = (patheffects.Stroke(linewidth=2.4, foreground="#555555"), patheffects.Normal())
ASIDE = 1.7  # points between neighbouring families, so that equal ones stay visible
UPRIGHT = 12  # letters in a line of an upright label
LONGER = 0.25  # inches that an axis' label may be longer than its axis
MARGIN = 0.08  # of the width, at either side
LOG = 8.0  # a dial whose values span such a factor is drawn on a logarithmic axis
BEFORE = ["base", "base_name", "dial", "words", "unit", "setting", "x", "place", "at_base", "dataset"]


def frame(run: Run) -> pd.DataFrame:
    """Return one row a family at a data set of a sweep.

    Columns: `base` (its number, 1 is the most central), `base_name`, `dial`, `words` and `unit` of the dial,
    `setting` (its value as written), `x` (as a number, where every value of the sweep is one), `place` (by
    order), `at_base`, `dataset`, those of `families.COLUMNS`, and the data set's `ceiling` and the regret of
    `guessing` the largest class.
    """
    rows, drawn = [], set()
    for number, base in enumerate(sweeps.bases(run.synthetic), start=1):
        for dial, points in sweeps.sweeps(run.synthetic, base).items():
            if (line := frozenset(name for _, name in points)) not in drawn:
                drawn.add(line)
                rows += _rows(run, number, base, dial, points)
    return pd.DataFrame(rows, columns=[*BEFORE, *families.COLUMNS, "ceiling", "guessing"])


def _rows(run: Run, number: int, base: str, dial: str, points: list[tuple[Any, str]]) -> list[tuple[Any, ...]]:
    told, rows = sweeps.DIALS.get(dial), []
    about = (told.words, told.unit) if told else (dial, "")
    for place, (value, dataset) in enumerate(points):
        x = sweeps.number(value)
        point = (sweeps.words(value), np.nan if x is None else x, place, dataset == base, dataset)
        limits = comparisons.ceiling(run, dataset) or {"full": np.nan, "chance": np.nan}
        ends = (limits["full"], limits["full"] - limits["chance"])
        rows += [
            (number, base, dial, *about, *point, *standing, *ends)
            for standing in records(families.standings(run, dataset))
        ]
    return rows


@figure(
    "dials",
    "Regret to the exact ceiling, dial by dial",
    "One dial is turned at a time, all others stay at the base setting. A family is an architecture and whether "
    "its experts are trained apart, their decisions being fused afterwards, or jointly, through the fusion. On "
    "every seed it is represented by the entry with the lowest validation log-loss; the regret of these on test "
    "rows is averaged over seeds, with a 95 % interval from the pooled residuals of family and seed. 0 is "
    "optimal. Every panel has a scale of its own; points are set a little aside so that intervals can be told "
    "apart. No line is drawn through values that have no order.",
    frame=frame,
    empty="No two synthetic data sets of this run differ in exactly one dial, so there is no sweep to show.",
    always=False,
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a sweep."""
    panels = [panel for _, panel in data.groupby(["base", "dial"], sort=False)]
    labels = [_labels(panel) for panel in panels]
    upright = [0.065 * layout.longest(texts) if turned else 0.0 for texts, turned in labels]
    several = data["base"].nunique() > 1
    figure, axes = layout.panels(
        replace(heading, notes=" · ".join([heading.notes, *_bases(data, several)])),
        [_title(panel, several) for panel in panels], SIZE, columns=COLUMNS, left=0.65, between=0.45,
        below=[0.6 + space for space in upright], handles=_handles(data),
    )  # fmt: skip
    for place, (axis, panel, (texts, turned)) in enumerate(zip(axes, panels, labels, strict=True)):
        _panel(axis, panel, families.listed(data))
        _ticks(axis, panel, texts, turned)
        axis.set_ylabel("regret (share of rows)" if place % COLUMNS == 0 else "")
    return figure


def _bases(data: pd.DataFrame, several: bool) -> list[str]:
    names = data.drop_duplicates("base")
    return [f"base{f' {row.base}' if several else ''}: {row.base_name}" for row in records(names)]


def _title(panel: pd.DataFrame, several: bool) -> str:
    first: Any = panel.iloc[0]
    same = first["words"] == first["dial"].replace("_", " ")
    words = first["words"] if same else f"{first['words']} ({first['dial']})"
    return f"base {first['base']}: {words}" if several else words


def look(family: families.Family) -> dict[str, Any]:
    """Return how a family's line is drawn: its architecture's colour, dashed where trained apart."""
    marker = "v" if family.training == APART else MARKERS.get(family.architecture, "X")
    line = (0, (4, 1.5)) if family.training == APART else "-"
    pale = {"path_effects": STROKE} if family.architecture == "hybrid" else {}
    colour = style.colour(family.architecture)
    return {
        "color": colour,
        "marker": marker,
        "ls": line,
        "lw": 1.2,
        "ms": 4.5,
        "mec": "black",
        "mew": 0.5,
        **pale,
    }


def _handles(data: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], label=family.name, **look(family)) for family in families.listed(data)]
    handles.append(Line2D([], [], color="#888888", ls=":", label="base setting"))
    if any(_guessing(panel) is not None for _, panel in data.groupby(["base", "dial"], sort=False)):
        handles.append(Line2D([], [], color=GUESSING, lw=1, label="guessing"))
    point = {"ls": "", "ms": 4.5, "color": "#888888"}
    if (data["value"].notna() & (data["absent"] != "")).any():
        words = "hollow: some entries of the family are not ok there"
        handles.append(Line2D([], [], marker="o", mfc="white", mec="#888888", label=words, **point))
    if data["value"].isna().any():
        handles.append(Line2D([], [], marker="x", mew=1.4, label="no entry of the family is ok", **point))
    return handles


def _reach(panel: pd.DataFrame) -> float:
    """Return how far a panel reaches: far intervals would squeeze the points together."""
    value, half = panel["value"].fillna(0.0), panel["half"].fillna(0.0)
    return min(1.06 * float((value + half).max()), 1.4 * float(value.max())) + 1e-3


def _guessing(panel: pd.DataFrame) -> pd.Series | None:
    """Return the regret of guessing, a value a data set; None where all of it is beyond the panel."""
    line = panel.drop_duplicates("dataset")["guessing"]
    return line if (line <= _reach(panel)).any() else None


def _positions(panel: pd.DataFrame) -> pd.Series:
    """Return where points stand: at their number where all have one, side by side where not."""
    return panel["x"] if panel["x"].notna().all() else panel["place"].astype(float)


def _panel(axis: Axes, panel: pd.DataFrame, order: list[families.Family]) -> None:
    reach, x, scale = _reach(panel), _positions(panel), axis.figure.dpi_scale_trans
    for base in x[panel["at_base"]].unique():
        axis.axvline(base, color="#888888", ls=":", lw=1)
    if (guessing := _guessing(panel)) is not None:
        numbered = panel.loc[guessing.index, "x"].notna()
        axis.plot(x[guessing.index][numbered], guessing[numbered], color=GUESSING, lw=1, zorder=1)
        axis.plot(x[guessing.index][~numbered], guessing[~numbered], color=GUESSING, ls="", marker="_", ms=12)
    for turn, family in enumerate(order):
        mine = panel[panel["family"] == family.name]
        inches = (turn - (len(order) - 1) / 2) * ASIDE / 72
        _line(axis, mine.assign(at=x[mine.index]), family, ScaledTranslation(inches, 0, scale))
    axis.set_ylim(-0.04 * reach, reach)
    axis.grid(axis="y")
    layout.numbers(axis, "y", most=5)


def _line(axis: Axes, mine: pd.DataFrame, family: families.Family, aside: ScaledTranslation) -> None:
    """Draw one family: points with intervals that end at 0, a line through numbers, a cross for no value."""
    drawn, moved = look(family), axis.transData + aside
    known, ordered, none = mine[mine["value"].notna()], mine[mine["x"].notna()], mine[mine["value"].isna()]
    half = known["half"].fillna(0.0)
    low = np.minimum(half, known["value"])
    bars = {"ls": "", "ecolor": drawn["color"], "elinewidth": 0.9}
    axis.errorbar(known["at"], known["value"], yerr=[low, half], transform=moved, **bars)
    axis.plot(ordered["at"], ordered["value"], transform=moved, **{**drawn, "marker": ""})
    for hollow, points in known.groupby(known["absent"] != ""):
        inside = {"mfc": "white", "mec": drawn["color"], "mew": 1.0} if hollow else {}
        axis.plot(
            points["at"], points["value"], transform=moved, **{**drawn, "ls": "", "path_effects": [], **inside}
        )
    upper = axis.get_xaxis_transform() + aside
    axis.plot(
        none["at"], np.full(len(none), 0.95), ls="", marker="x", ms=4.5, mew=1.4, color=drawn["color"],
        transform=upper, zorder=5,
    )  # fmt: skip


def _labels(panel: pd.DataFrame) -> tuple[list[str], bool]:
    """Return the labels of a panel's places, and whether they are turned upright for want of room."""
    texts = list(panel.drop_duplicates("place").sort_values("place")["setting"])
    if panel["x"].notna().all():
        return texts, False
    turned = layout.longest(texts) > SIZE[0] / len(texts) / layout.LETTER
    return [layout.wrapped(text, UPRIGHT) for text in texts] if turned else texts, turned


def _ticks(axis: Axes, panel: pd.DataFrame, texts: list[str], turned: bool) -> None:
    places = panel.drop_duplicates("place").sort_values("place")
    x = _positions(places).to_numpy(dtype=float)
    wide = bool(places["x"].notna().all() and x.min() > 0 and x.max() / x.min() >= LOG)
    if wide:
        axis.set_xscale("log")
        axis.xaxis.set_minor_locator(NullLocator())
    scaled = np.log(x) if wide else x
    room = MARGIN * (scaled[-1] - scaled[0] or 1.0)
    limits = np.array([scaled[0] - room, scaled[-1] + room])
    axis.set_xlim(*(np.exp(limits) if wide else limits))
    kept = list(range(len(x))) if turned else _with_room(scaled, texts)
    axis.set_xticks(x[kept], [texts[place] for place in kept], rotation=90 if turned else 0)
    axis.set_xlabel(layout.wrapped(panel["unit"].iloc[0], (SIZE[0] + LONGER) / layout.LETTER))


def _with_room(x: np.ndarray, texts: list[str]) -> list[int]:
    """Return the places whose labels have room beside those before them."""
    inches = SIZE[0] / (1 + 2 * MARGIN) * (x - x[0]) / (x[-1] - x[0] or 1.0)
    kept, end = [], -np.inf
    for place, (middle, text) in enumerate(zip(inches, texts, strict=True)):
        half = (layout.span(text) + 1) * layout.LETTER / 2
        if middle - half > end:
            kept.append(place)
            end = middle + half
    return kept
