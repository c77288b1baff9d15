"""Numbers in the cells of tables over data sets: in points where the metric is a share of rows."""

from __future__ import annotations

import math

from ..across import Seen
from ..run import Run
from ..versus.amounts import IN_POINTS, seen
from ..versus.measured import fixed_rows
from ..wording import counted, label, number, short, unit


def bare(value: float, metric: str, sign: bool = True) -> str:
    """Write a difference without its unit (`per`)."""
    return number(100 * value, 1, sign) if metric in IN_POINTS else number(value, 3, sign)


def per(metric: str) -> str:
    """Return the unit of `bare`, for a heading: `points of accuracy`."""
    if metric in IN_POINTS:
        return f"points of {label(metric)}"
    return ", ".join(part for part in (label(metric), unit(metric)) if part)


def with_interval(value: float, low: float, high: float, metric: str) -> str:
    """Write `+1.2 [−0.4, +2.8]`; the value alone where there is no interval."""
    text = bare(value, metric)
    if not (math.isfinite(low) and math.isfinite(high)):
        return text
    return f"{text} [{bare(low, metric)}, {bare(high, metric)}]"


def with_half(value: float, half: float, metric: str, beyond: bool | None = None) -> str:
    """Write `+1.2 ± 0.4`, with a `*` where the interval leaves out zero."""
    text = bare(value, metric)
    if math.isfinite(half):
        text += f" ± {bare(half, metric, sign=False)}"
    return f"{text} *" if beyond else text


def p_value(p: float) -> str:
    """Write a p value: three decimals, never 0; empty where there is none."""
    return "< .001" if p < 0.001 else short(p, 3)


def p_words(p: float) -> str:
    """Write `p = .021` or `p < .001`."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def record(wins: int, ties: int, losses: int) -> str:
    """Write data sets won, tied and lost: `5–1–2`."""
    return f"{wins}–{ties}–{losses}"


def plural(unit: str) -> str:
    """Return a unit of a test in the plural."""
    return "source families" if unit == "source family" else f"{unit}s"


def sets(count: int, unit: str = "data set") -> str:
    """Write `1 data set`, `3 data sets`, `7 source families`."""
    return counted(count, unit, plural(unit))


def could_see(found: Seen, metric: str) -> str:
    """Say what so many data sets could have seen."""
    have = sets(found.n, found.unit)
    if not math.isfinite(found.delta):
        return f"{have}: no difference over data sets can be tested."
    return (
        f"What {have} could have seen: at the median spread between data sets, the t interval of a mean "
        f"difference of {seen(found.delta, metric)} from {found.anchor}, looked at alone, leaves out zero in four "
        "suites of five. Smaller differences mostly go unseen, and tests adjusted for many see no more."
    )


def fixed_splits(run: Run) -> list[str]:
    """Say where an interval over seeds is silent about rows: all seeds are tested on the same ones."""
    fixed = [f"{name} ({rows or 'an unknown number of'} rows)" for name in run.datasets
             if (rows := fixed_rows(run, name)) is not None]  # fmt: skip
    if not fixed:
        return []
    return [
        f"Every seed is tested on the same rows of {', '.join(fixed)}: intervals over its seeds leave out the "
        "chance of these rows, and are too short."
    ]


def new_data(run: Run, why: str) -> str:
    """Say whether a table speaks of new data sets."""
    names = dict.fromkeys(run.data(name).get("source_family") or "unnamed" for name in run.datasets)
    if why:
        return f"Nothing is said of a new data set: {why} ({', '.join(names)})."
    return f"Data sets of one source family are averaged first: means are over {len(names)} source families."
