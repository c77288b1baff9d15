"""What the run's own noise is, and what it cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import across, placebos
from ..run import Run, records
from ..versus.amounts import percent, seen, sets, units
from ..wording import number
from .finding import Finding, finding, refusal

NOISE = {
    placebos.ALIASES: "{} of an entry with itself under other seeds",
    placebos.ONE_FUNCTION: "{} of one function under several names, which training may leave apart",
}


def noise(run: Run) -> Iterator[Finding]:
    """Say how often an interval calls a difference where there is none: the floor below which nothing counts."""
    data = placebos.rates(run)
    held = {row.kind: row for row in records(data) if row.kind in NOISE}
    if held:
        parts = [NOISE[kind].format(_rate(row)) for kind, row in held.items()]
        text = "Where nothing differs, a 95 % interval leaves out zero in 5 % of comparisons by design; here in "
        yield finding(f"{text}{', and in '.join(parts)}.", "noise", "placebos")


def _rate(row: Any) -> str:
    ends = f"[{number(100 * row.low, 1)}, {number(100 * row.high, 1)}]"
    return f"{int(row.beyond_noise)} of {int(row.pairs)} ({percent(row.rate)} {ends})"


def claims(run: Run) -> Iterator[Finding]:
    """Refuse to speak of new data below six source families, and say what so many data sets could have seen."""
    held = across.block(run, single=True)
    if len(held.datasets) < 1 or len(held.names) < 2:
        return
    families = across.units(run, held.datasets, held.values).families
    could = across.seen(run, held)
    parts = []
    if families < across.FEWEST_FAMILIES:
        sources = units(families, True)
        parts.append(
            f"Nothing here is a claim about new data: {sets(len(held.datasets))} from {sources}, and it takes "
            f"{across.FEWEST_FAMILIES}."
        )
    if math.isfinite(could.delta):
        over = units(could.n, families >= across.FEWEST_FAMILIES)
        parts.append(
            f"Over {over} a t interval, looked at alone, shows a mean difference from {could.anchor} with a power "
            f"of 80 % {_span(run, could)}."
        )
    if parts:
        yield refusal(" ".join(parts), "claims", "against_concat")


def _span(run: Run, could: across.Seen) -> str:
    data = across.against(run)["detectable"].dropna() if could.anchor == across.ANCHOR else ()
    if len(data) < 2:
        return f"from {seen(could.delta, run.metric)} on"
    least, middle, most = (seen(value, run.metric) for value in (min(data), float(np.median(data)), max(data)))
    return f"from {least} on for the steadiest variant, {middle} for the middle one, {most} for the most restless"
