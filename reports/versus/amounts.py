"""Values of a metric in words: points of accuracy, per cent, nats, ratios."""

from __future__ import annotations

import math

from ..run import LOWER
from ..wording import counted, label, number, unit

IN_POINTS = frozenset({"accuracy", "balanced_accuracy", "regret"})


def difference(value: float, metric: str, sign: bool = True) -> str:
    """Write a difference with its unit: `+1.3 points` where the metric is a share of rows, else `+0.013 nat`."""
    return " ".join(part for part in (_bare(value, metric, sign), _unit(metric)) if part)


def interval(low: float, high: float, metric: str) -> str:
    """Write an interval of a difference, in its unit without naming it: `[−0.4, +2.8]`; empty where undefined.

    No two shares of rows differ by more than 100 points: an interval ends there.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    if metric in IN_POINTS:
        low, high = max(low, -1.0), min(high, 1.0)
    return f"[{_bare(low, metric, True)}, {_bare(high, metric, True)}]"


def estimate(value: float, low: float, high: float, metric: str) -> str:
    """Write a difference and its interval: `+1.3 points [−0.4, +2.8]`."""
    return f"{difference(value, metric)} {interval(low, high, metric)}".rstrip()


def size(value: float, metric: str) -> str:
    """Write how large a difference is, without its sign."""
    return difference(abs(value), metric, sign=False)


def seen(value: float, metric: str) -> str:
    """Write the least difference that is found; no two shares of rows differ by more than 100 points."""
    return "more than 100 points" if metric in IN_POINTS and value > 1 else size(value, metric)


def half(value: float, metric: str) -> str:
    """Write half an interval, in the unit of `difference` without naming it: `± 0.8`; empty where undefined."""
    return f"± {_bare(value, metric, False)}" if math.isfinite(value) else ""


def level(value: float, metric: str) -> str:
    """Write a value of a metric: `25.4 %` where it is a share of rows, else with its unit."""
    if metric in IN_POINTS:
        return percent(value)
    return " ".join(part for part in (number(value), unit(metric)) if part)


def percent(share: float) -> str:
    """Write a share in per cent, one decimal; more where it would be rounded to all or to nothing."""
    if not math.isfinite(share):
        return ""
    digits = 1
    while 0 < share < 1 and digits < 4 and float(f"{100 * share:.{digits}f}") in (0.0, 100.0):
        digits += 1
    return f"{number(100 * share, digits)} %"


def times(ratio: float) -> str:
    """Write a ratio: `12×`, `1.3×`, `0.85×`; empty where undefined."""
    if not math.isfinite(ratio):
        return ""
    return f"{number(ratio, 0 if ratio >= 9.95 else 1 if ratio >= 0.995 else 2)}×"


def sets(count: int) -> str:
    """Write `1 data set`, `8 data sets`."""
    return counted(count, "data set")


def units(count: int, claim: bool) -> str:
    """Write what a mean over data sets is over: source families where it is a claim about new data."""
    return counted(count, "source family", "source families") if claim else sets(count)


def better(metric: str) -> str:
    """Say which way a metric is better."""
    return f"{label(metric)}, {'lower' if metric in LOWER else 'higher'} is better"


def _bare(value: float, metric: str, sign: bool) -> str:
    return number(100 * value, 1, sign) if metric in IN_POINTS else number(value, 3, sign)


def _unit(metric: str) -> str:
    return "points" if metric in IN_POINTS else unit(metric)
