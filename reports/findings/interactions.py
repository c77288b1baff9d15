"""Findings about data whose kind of interaction, and with it the ceiling, is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..comparisons import ceiling
from ..families import METRIC, families, standings
from ..run import Run, records
from ..statistics import LEVEL
from ..versus.amounts import percent
from ..wording import listed, number, plus_minus
from .finding import Finding, finding, refusal

SHORT = 0.1  # an interval that reaches further than this part of the way to the ceiling does not show chance


def synergy(run: Run) -> Iterator[Finding]:
    """Say whether decisions of experts trained apart stay at chance where no modality alone tells anything.

    Their intervals are simultaneous (Bonferroni). They stay at chance where every one holds chance and none
    reaches further than a tenth of the way from chance to the ceiling.
    """
    for dataset in run.datasets:
        limits = ceiling(run, dataset)
        if run.data(dataset).get("interaction") == "synergy" and limits:
            yield from _decisions(run, dataset, limits)


def _decisions(run: Run, dataset: str, limits: dict[str, float]) -> Iterator[Finding]:
    scores, chance = run.scores(dataset, "accuracy"), limits["chance"]
    names = [name for name in scores.names if _apart(run, name)]
    if not names or scores.within.df <= 0:
        return
    quantile = float(stats.t.ppf(1 - LEVEL / (2 * len(names)), scores.within.df))
    places = [scores.names.index(name) for name in names]
    means = scores.within.means[places]
    halves = quantile * np.sqrt(scores.within.variances[places] * scores.within.factor)
    best = int(np.argmax(means))
    value = f"{percent(float(means[best]))} ± {number(100 * float(halves[best]), 1)}"
    who = f"{names[best]}, the best of {len(names)} that join decisions of experts trained apart, on {dataset}"
    against = f"guessing gives {percent(chance)}, the ceiling is {percent(limits['full'])}"
    room = SHORT * (limits["full"] - chance)
    if np.all(np.abs(means - chance) <= halves) and np.all(means + halves - chance <= room):
        reached = f"{scores.best}, the best of all, reaches {percent(scores.mean(scores.best or ''))}"
        yield finding(
            "On data where information is synergistic, decision-level fusion stayed at chance: "
            f"{value} against a ceiling of {percent(limits['full'])} ({who}; guessing gives {percent(chance)}; "
            f"{reached}).",
            "synergy",
            "accuracy",
        )
    elif np.any(means - chance > halves):
        yield finding(
            "On data where information is synergistic, decision-level fusion rose above chance, which in theory "
            f"no fixed rule on experts trained apart can: {value} ({who}; {against}).",
            "synergy",
            "accuracy",
        )
    else:
        yield refusal(
            "Whether decision-level fusion stays at chance where information is synergistic cannot be told: "
            f"{value} ({who}; {against}).",
            "synergy",
            "accuracy",
        )


def _apart(run: Run, name: str) -> bool:
    """Say whether a variant joins decisions of experts trained apart, and those alone: a hybrid holds more."""
    entry = run.variant(name)
    return entry.get("level") == "decisions" and entry.get("training") == "apart" and run.axes(name)[0] == "late"


def private(run: Run) -> Iterator[Finding]:
    """Say which kind of entry has the lowest regret where modalities are independent given the label."""
    for dataset in run.datasets:
        if run.data(dataset).get("interaction") != "private":
            continue
        data = standings(run, dataset)
        data = data[data["half"].notna()]
        if len(data) > 1 and data["best"].any():
            yield _regret(run, dataset, data)


def _regret(run: Run, dataset: str, data: pd.DataFrame) -> Finding:
    ordered = list(records(data.sort_values("value", kind="stable")))
    first = [_kind(row) for row in ordered if row.first]
    where = f"On {dataset}, where modalities are independent given the label"
    value = f"regret {_points(ordered[0])} points"
    complete = run.scores(dataset, METRIC).names
    many = sorted(held for names in families(run).values() if (held := len({*names} & {*complete})))
    span = f"{many[0]} to {many[-1]}" if many[0] < many[-1] else str(many[0])
    how = f"each kind's entry is chosen on validation log-loss, out of {span}"
    if len(first) == 1:
        return finding(
            f"{where}, {first[0]} comes closest to the ceiling, alone among {len(data)} kinds: {value}; next, "
            f"{_kind(ordered[1])} has {_points(ordered[1])} ({how}).",
            "private",
            METRIC,
        )
    return refusal(
        f"{where}, {len(first)} of {len(data)} kinds cannot be told apart at the top: {listed(first)}; the best "
        f"has {value} ({how}).",
        "private",
        METRIC,
    )


def _kind(row: Any) -> str:
    if row.architecture == "unimodal":
        return "one modality alone"
    how = {"apart": " trained apart", "joint": " trained jointly"}.get(row.training, "")
    return f"{row.architecture.replace('_', '-')} fusion{how}"


def _points(row: Any) -> str:
    return plus_minus(100 * row.value, 100 * row.half, 1)
