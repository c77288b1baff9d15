"""Entries on their axes, as placed or under the other placement of contestable ones; gains by kind of entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..across import block
from ..comparisons import SINGLE
from ..matched import QUESTIONS, Pair
from ..run import Run

AXES = ("architecture", "data_fusion", "level", "sharing", "training", "learner")


def placed(entry: Mapping[str, Any], alternative: bool = False) -> dict[str, Any]:
    """Return an entry's axes as placed, or with its contestable ones put to their other value."""
    other = (entry.get("contestable") or {}) if alternative else {}
    return {"entry": entry.get("entry")} | {axis: other.get(axis, entry.get(axis)) for axis in AXES}


def why_not(pair: Pair, left: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    """Say why a pair does not answer its question under the alternative placement; empty where it does.

    `left` and `right` are what suite.json tells of the entries. It drops out where the two no longer stand on
    the question's two sides, or now differ in an axis in which they agreed.
    """
    if not (left.get("contestable") or right.get("contestable")):
        return ""
    question, ends = QUESTIONS[pair.question], (placed(left, True), placed(right, True))
    if not question.fits(*ends):
        return f"they no longer differ in {question.differs_in} as the question asks"
    new = sorted(_differing(*ends) - _differing(placed(left), placed(right)) - {question.axis})
    return f"they now differ in {', '.join(axis.replace('_', ' ') for axis in new)} too" if new else ""


def _differing(left: Mapping[str, Any], right: Mapping[str, Any]) -> set[str]:
    return {axis for axis in AXES if left.get(axis) != right.get(axis)}


def kinds(run: Run) -> pd.DataFrame:
    """Return the mean gain over the best single modality of each kind of entry, on every data set.

    Not all else equal: kinds differ in more than their axis, which `questions` does not. Entries are those
    complete on all the data sets. Where an axis holds contestable entries, kinds are formed again under their
    other placement.

    Columns: `axis, kind, placement` (`as placed` or `alternative`), `entries` (how many), `contestable` (those
    that stand elsewhere under the other placement), `dataset, gain` (in the metric's unit, positive better).
    """
    held = block(run, single=True)
    if SINGLE not in held.names:
        return pd.DataFrame(columns=["axis", "kind", "placement", "entries", "contestable", "dataset", "gain"])
    gains = held.values - held.values[:, [held.names.index(SINGLE)]]
    names = [name for name in held.names if name != SINGLE and run.axes(name)[0] != "unimodal"]
    places = {name: held.names.index(name) for name in names}
    rows: list[tuple[Any, ...]] = []
    for axis in AXES:
        moving = [name for name in names if axis in (run.variant(name).get("contestable") or {})]
        for alternative in (False, True) if moving else (False,):
            stands = {name: placed(run.variant(name), alternative)[axis] for name in names}
            for kind in dict.fromkeys(stands.values()):
                members = [name for name in names if stands[name] == kind]
                marked = ", ".join(name for name in members if name in moving)
                head = (axis, kind, "alternative" if alternative else "as placed", len(members), marked)
                mean = gains[:, [places[name] for name in members]].mean(axis=1)
                rows += [(*head, d, float(gain)) for d, gain in zip(held.datasets, mean, strict=True)]
    return pd.DataFrame(rows, columns=["axis", "kind", "placement", "entries", "contestable", "dataset", "gain"])
