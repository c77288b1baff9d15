"""Measurements in words: cells of the table, and the sentences below it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median, stdev
from typing import Any

from scipy import stats

from ..machines import BUSY_WORDS
from ..wording import number
from .rows import Row, limit, shares, verdict

HEADS = ("part", "what", "ours", "other side", "ratio", "spread", "target", "verdict")


def seconds(values: Sequence[float]) -> str:
    """Write the median of some seconds, with two or three digits that count, and its spread."""
    if not values:
        return "—"
    middle = median(values)
    digits = 0 if middle >= 100 else max(0, 2 - math.floor(math.log10(middle))) if middle > 0 else 2
    digits = min(digits, 3)
    text = f"{number(middle, digits)} s"
    ends = f" ({number(min(values), digits)}–{number(max(values), digits)})" if len(values) > 1 else ""
    return text + ends


def value(row: Row, of: float | None) -> str:
    """Write a value in its form: `0.70`, `4.3×`, `1.2 s`; a dash where there is none."""
    if of is None:
        return "—"
    return {"share": number(of, 2), "times": f"{number(of, 2)}×", "beyond": f"{number(of, 1)} s"}[row.form]


def target(row: Row) -> str:
    """Write what was aimed at: `≤ 0.80`, `≥ 4.00×`; a dash where nothing was."""
    return "—" if row.target is None else f"{'≥' if row.form == 'times' else '≤'} {value(row, row.target)}"


def judged(row: Row) -> str:
    """Write the verdict, with a word on a machine that was busy meanwhile."""
    told = verdict(row) or "—"
    return f"{told} ({BUSY_WORDS})" if row.busy else told


def cells(row: Row) -> tuple[str, ...]:
    """Return a row of the table, in the order of `HEADS`."""
    spread = "—" if row.spread is None else "–".join(value(row, end) for end in row.spread)
    return (
        row.part,
        row.what,
        *(seconds(side) for side in (row.ours, row.other)),
        value(row, row.value),
        spread,
        target(row),
        judged(row),
    )


def remarks(row: Row) -> list[str]:
    """Return what stands below the table about a row: the sides, the limit, where the time went, what is noted."""
    if row.reason:
        return [f"Not measured: {row.reason}."]
    told = [f"Ours: {row.names[0]}. Other side: {row.names[1]}."]
    told += [text for text in (_limit(row), _shares(row), _accuracy(row)) if text]
    told += row.notes
    if row.busy:
        told.append(f"A {BUSY_WORDS}: other processes kept {number(row.load or 0.0, 2)} cores busy meanwhile.")
    return told


def _limit(row: Row) -> str:
    held = limit(row)
    if held is None:
        return ""
    return (
        f"Physical limit: the training's operations at the rate of a large matrix product here, "
        f"{held.rate / 1e9:.0f} GFLOP/s, take {seconds([held.seconds])}; ours took {held.ours:.1f}× that, the "
        f"other side {held.other:.1f}×."
    )


def _shares(row: Row) -> str:
    parts = shares(row)
    if not parts:
        return ""
    outside = 1 - parts["training steps"]
    listed = ", ".join(f"{name} {100 * part:.1f} %" for name, part in parts.items())
    return f"Of our cell's time {100 * outside:.0f} % lie outside the training steps ({listed})."


def _accuracy(row: Row) -> str:
    plain, other = row.more.get("accuracy_fp32"), row.more.get("accuracy")
    if not plain or not other or len(plain) < 2:
        return ""
    middle, half = interval(plain)
    inside = abs(fmean(other) - middle) <= half
    return (
        f"Accuracy {100 * fmean(other):.1f} %, fp32 {100 * middle:.1f} ± {100 * half:.1f} % (95 % over "
        f"{len(plain)} seeds): {'within' if inside else 'outside'} the interval of seeds."
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of at least two values and half its 95 % t interval."""
    count = len(values)
    return fmean(values), float(stats.t.ppf(0.975, count - 1)) * stdev(values) / math.sqrt(count)


def machine(told: Mapping[str, Any]) -> str:
    """Return a machine in a line."""
    libraries = told.get("libraries", {})
    vectors = [name for name in told.get("vectors", []) if name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")]
    parts = (
        f"{told.get('processor')} ({told.get('core')})" if told.get("core") else told.get("processor"),
        f"{told.get('cores')} cores",
        " ".join(vectors),
        f"{told.get('threads')} thread a cell",
        f"torch {libraries.get('torch')}",
        told.get("device") if told.get("device") != "cpu" else "",
    )
    return ", ".join(str(part) for part in parts if part)
