"""The line with which a run that met a new entry ends."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...core.errors import unknown
from ..across import ANCHOR
from ..run import LOWER, Run
from ..wording import label, listed, why_absent
from . import amounts, costs
from .measured import Pairing, measure


def verdict(run: Run, name: str) -> str:
    """Say in one line how an entry did: first places, effect, time, and what the suite could have seen.

    It is compared with `concat_features`; where that is the entry itself, or has no result on the same data
    sets, with the joint entry that is best there on average.

    Raises
    ------
    FusebenchError
        For a name that the run does not have.
    """
    if name not in run.variants:
        raise unknown("variant of this run", name, run.variants)
    planned = [d for d in run.datasets if run.statuses(name, d)]
    complete = [d for d in planned if name in run.scores(d)]
    absent = [f"{d} ({why_absent(run, name, d)})" for d in planned if d not in complete]
    if not complete:
        return f"{name} has no complete result: {listed(absent)}."
    text = "; ".join([f"{name} {_places(run, name, complete, len(planned))}", *_against(run, name, complete)])
    return f"{text}. Not complete on {listed(absent)}." if absent else f"{text}."


def _places(run: Run, name: str, complete: list[str], planned: int) -> str:
    judged = [d for d in complete if run.scores(d).within.df > 0]
    if not judged:
        return "is given no place, since one seed or one entry supports no claim"
    first = [d for d in judged if name in run.scores(d).first]
    alone = [d for d in first if len(run.scores(d).first) == 1]
    count = f"{len(first) or 'none'} of {amounts.sets(len(judged))}"
    if len(judged) < planned:
        count = (
            f"{len(first) or 'none'} of the {len(judged)} out of {amounts.sets(planned)} where that can be said"
        )
    return f"shares the first place on {count}{f' (alone on {listed(alone)})' if alone else ''}"


def _against(run: Run, name: str, complete: list[str]) -> Iterator[str]:
    pair = measure(run, name, ANCHOR) if name != ANCHOR and ANCHOR in run.variants else None
    if pair is not None and pair.differences:
        yield _effect(pair, "")
    elif (pair := _best_joint(run, name, complete)) is not None:
        yield _effect(pair, ", the best joint entry on the same data sets (picked by these scores)")
    else:
        yield "no joint entry is complete on the same data sets, so that nothing is compared"
        return
    if time := costs.training(*pair.asked):
        yield f"{amounts.times(time.median)} its training time"
    if pair.seeded and math.isfinite(least := pair.found.paired.detectable):
        yield f"this suite could have seen {amounts.seen(least, run.metric)} (power 80 %)"


def _effect(pair: Pairing, chosen: str) -> str:
    """Tell the mean difference: with its interval across data sets, or on the only one that there is."""
    found, metric = pair.found.paired, pair.run.metric
    where, low, high = f"over {amounts.sets(found.n)}", found.low, found.high
    if found.n == 1:
        (each,) = pair.differences
        where, low, high = f"on {each.dataset}", each.effect - each.whole, each.effect + each.whole
    text = f"against {pair.right}{chosen} "
    if not pair.seeded:
        return f"{text}{amounts.difference(found.mean, metric)} {where}, without an interval: one seed"
    turned = f" ({label(metric)}, turned so that + is better)" if metric in LOWER else ""
    return f"{text}{amounts.estimate(found.mean, low, high, metric)}{turned} {where}{_heavy(pair)}"


def _heavy(pair: Pairing) -> str:
    """Name the data set that the mean mostly comes from, where there is one, and what is left without it."""
    if (each := pair.heavy) is None:
        return ""
    rest = amounts.difference(pair.without(each.dataset).mean, pair.run.metric)
    return f" ({rest} without {each.dataset}, which weighs most)"


def _best_joint(run: Run, name: str, complete: list[str]) -> Pairing | None:
    """Return the pair with the joint entry that is best on average where `name` is complete; None without one."""
    found = [measure(run, name, rival) for rival in _rivals(run, name, complete) if _joint(run, rival)]
    return min(found, key=lambda pair: pair.found.paired.mean, default=None)


def _joint(run: Run, name: str) -> bool:
    return run.variant(name).get("training") == "joint" and run.axes(name)[0] != "unimodal"


def _rivals(run: Run, name: str, complete: list[str]) -> list[str]:
    return [rival for rival in run.variants if rival != name and all(rival in run.scores(d) for d in complete)]
