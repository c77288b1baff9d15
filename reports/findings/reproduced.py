"""Which published figures come out again, and which do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..reproduction import figures
from ..run import Run, records
from ..versus.amounts import level
from ..wording import counted, listed
from .finding import Finding, finding


def reproduced(run: Run) -> Iterator[Finding]:
    """Count the published figures that the run's own agree with, and name the others."""
    data = figures(run)
    known = data[data["inside"].notna()]
    if known.empty:
        return
    inside = known["inside"].astype(bool)
    verb = "lies" if inside.sum() == 1 else "lie"
    text = f"Of {counted(len(known), 'published figure')} {int(inside.sum())} {verb} inside the interval of ours"
    outside = [_outside(row) for row in records(known[~inside])]
    yield finding(f"{text}{': not ' if outside else ''}{listed(outside)}.", "published", "published")


def _outside(row: Any) -> str:
    ours, printed = level(row.ours, row.metric), level(row.published, row.metric)
    return f"{row.variant} on {row.dataset} ({ours} here, {printed} there)"
