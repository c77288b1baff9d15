"""What two variants have in common, where they stand, and where one of them has no result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...results.frames import AXES
from ..matched import PAIRS, QUESTIONS
from ..run import Run
from ..wording import why_absent
from .measured import Pairing

COMPARED = tuple(axis for axis in AXES if axis != "operator")  # what an operator is follows from the entry


def kinship(pair: Pairing) -> Iterator[str]:
    """Tell whether the two are one function, a published pair, or differ in more than one thing."""
    run, names = pair.run, (pair.left, pair.right)
    one, other = (run.variant(name) for name in names)
    held = one.get("equivalence_class")
    if held is not None and held == other.get("equivalence_class"):
        yield f"Both are of the class {held!r}, one function twice: a difference is optimisation or noise."
    for match in PAIRS:
        if {match.left, match.right} == set(names):
            question = QUESTIONS[match.question]
            more = [a.replace("_", " ") for a in COMPARED if a != question.axis and one.get(a) != other.get(a)]
            beside = f" (with it {', '.join(more)})" if more else ""
            differ = f"they differ in {question.differs_in}{beside}"
            yield f"A published matched pair: {differ}. Held equal: {match.equal}."
            return
    if not (one and other):
        return
    differ = [
        f"{axis.replace('_', ' ')} ({one.get(axis)}, {other.get(axis)})"
        for axis in COMPARED
        if one.get(axis) != other.get(axis)
    ]
    if len(differ) > 1:
        yield f"They differ in several things at once: {'; '.join(differ)}. Which of them matters cannot be told."
    elif differ:
        told = f"No published matched pair. Of the axes they differ in {differ[0]} alone"
        yield f"{told}; nothing more is known to be equal."
    elif one.get("entry") == other.get("entry"):
        yield f"One entry under other options: {_options(one)} against {_options(other)}."


def _options(entry: dict[str, Any]) -> str:
    return (
        ", ".join(f"{key} = {value}" for key, value in sorted((entry.get("options") or {}).items())) or "defaults"
    )


def placement(run: Run, name: str) -> str:
    """Tell where a variant stands on the axes, and where else it might be put; empty where nothing is told."""
    entry = run.variant(name)
    place = ", ".join(_axis(axis, entry[axis]) for axis in AXES if entry.get(axis))
    other = ", ".join(_axis(axis, value) for axis, value in (entry.get("contestable") or {}).items())
    return f"{name}: {place}{f' (contestable: {other})' if other else ''}." if place else ""


def _axis(axis: str, value: Any) -> str:
    return f"{axis} {value}".replace("_", " ")


def absent(pair: Pairing) -> Iterator[str]:
    """Tell on which planned data sets a side is not complete, and why."""
    run = pair.run
    for name in (pair.left, pair.right):
        planned = [d for d in run.datasets if run.statuses(name, d) and name not in run.scores(d)]
        if planned:
            yield f"{name} is not complete on {', '.join(f'{d} ({why_absent(run, name, d)})' for d in planned)}."
