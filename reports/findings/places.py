"""First places: how many share them, and the data sets that cannot tell anybody apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import across
from ..run import Run, Scores
from ..statistics import least_sets
from ..versus.amounts import sets, units
from ..versus.measured import fixed_rows
from ..wording import listed, number
from .finding import Finding, finding, refusal

HARDLY = 0.75  # of the variants compared share the first place


def _judged(run: Run) -> dict[str, Scores]:
    held = {dataset: run.scores(dataset) for dataset in run.datasets}
    return {dataset: scores for dataset, scores in held.items() if scores.within.df > 0}


def places(run: Run) -> Iterator[Finding]:
    """Say how many share the first place, where one stands alone, and who is left over all data sets."""
    judged = _judged(run)
    if len(judged) < 2:
        return
    many = [len(scores.first) for scores in judged.values()]
    of = [len(scores.names) for scores in judged.values()]
    alone = [f"{scores.first[0]} on {dataset}" for dataset, scores in judged.items() if len(scores.first) == 1]
    median = float(np.median(many))
    middle = number(median, 0 if median.is_integer() else 1)
    text = (
        f"First places are shared, by a median of {middle} variants ({_span(many)} of {_span(of)} "
        f"compared, {len(judged)} data sets); "
    )
    text += f"alone stands {listed(alone)}" if alone else "nowhere does a variant stand alone"
    yield finding(f"{text}{_together(run)}.", "places", run.metric)


def _span(counts: list[int]) -> str:
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])


def _together(run: Run) -> str:
    data = across.best(run)
    data = data[(data["group"] == "all") & data["inside"].notna()]
    if not len(data) or not int(data["ranked_on"].iloc[0]) > 1:
        return ""
    inside, first = data[data["inside"].astype(bool)]["variant"], data.iloc[0]
    have, fewest = units(int(first["units"]), bool(first["claim"])), least_sets(1, sides=1)
    if first["units"] < fewest:
        return f"; over {have} together nobody can be left out of the best, it takes {fewest}"
    who = inside.iloc[0] if len(inside) == 1 else f"{len(inside)} of {len(data)}"
    return f"; over {have} together, {who} may be the best (95 % set)"


def indistinct(run: Run) -> Iterator[Finding]:
    """Name the data sets on which nearly everybody shares the first place."""
    judged = _judged(run)
    flat = {d: scores for d, scores in judged.items() if len(scores.first) >= HARDLY * len(scores.names)}
    flat = {dataset: scores for dataset, scores in flat.items() if len(scores.names) > 2}
    if not flat:
        return
    shown = [f"{len(s.first)} of {len(s.names)} on {d}{_rows(run, d)}" for d, s in flat.items()]
    yield refusal(
        f"Variants are hardly told apart on {len(flat)} of {sets(len(judged))}; the first place is shared by "
        f"{listed(shown)}.",
        "indistinct",
        run.metric,
    )


def _rows(run: Run, dataset: str) -> str:
    rows = (run.data(dataset).get("rows") or {}).get("test")
    if not rows:
        return ""
    fixed = fixed_rows(run, dataset) is not None
    return f" ({rows:,} test rows{', the same for every seed' if fixed else ' a seed'})"
