"""Ranks over data sets, each entry against one, and what so many data sets could have seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..run import PAIRINGS, Run
from ..statistics import TIE, critical_difference, detectable, iman_davenport, max_t, mean_ranks
from .blocks import Block, block, no_claim, units

ANCHOR = "concat_features"
RANKS = [
    "pairing", "variant", "mean_rank", "ranked_on", "datasets", "names", "compared", "why", "f", "f_p",
    "critical_difference", "units", "unit", "detectable", "anchor",
]  # fmt: skip
AGAINST = [
    "variant", "anchor", "ranked_on", "units", "unit", "effect", "low", "high", "t", "p", "point", "wins", "ties",
    "losses", "sd", "detectable", "claim", "why",
]  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """The smallest mean difference that a suite finds in four cases of five.

    Parameters
    ----------
    delta
        In the metric's unit; NaN below two units.
    sd
        Median over entries of the standard deviation of their difference from `anchor`.
    anchor
        `concat_features`, or the entry with the best mean where it is not compared.
    n, unit
        How many data sets (or source families) it rests on.
    """

    delta: float
    sd: float
    anchor: str
    n: int
    unit: str


def seen(run: Run, held: Block) -> Seen:
    """Return what a block could have seen: δ = s_d τ(n) at a power of 80 %, for one difference looked at."""
    grouped = units(run, held.datasets, held.values)
    x, n = grouped.values, len(grouped.values)
    if len(held.names) < 2 or n < 1:
        return Seen(np.nan, np.nan, held.names[0] if held.names else "", n, grouped.kind)
    anchor = held.names.index(ANCHOR) if ANCHOR in held.names else int(np.argmax(x.mean(axis=0)))
    gaps = np.delete(x - x[:, [anchor]], anchor, axis=1)
    sd = float(np.median(gaps.std(axis=0, ddof=1))) if n > 1 else np.nan
    return Seen(detectable(sd, n), sd, held.names[anchor], n, grouped.kind)


def ranks(run: Run) -> pd.DataFrame:
    """Return mean ranks by the run's metric, apart for each kind of pairing.

    Columns: `pairing, variant, mean_rank` (NaN where not ranked), `ranked_on`, `datasets` (numbers of data
    sets), `names` (those ranked on), `compared` (number of variants ranked), `why` (why this one is not, or
    empty), `f, f_p` (Iman and Davenport's test that no two differ; NaN below two data sets),
    `critical_difference` (of two mean ranks; Nemenyi), `units, unit, detectable, anchor` (`seen`, in the
    metric's unit). Only complete data sets count; nothing is filled in.
    """
    rows: list[tuple[Any, ...]] = []
    for pairing in (*PAIRINGS, None):
        group = [d for d in run.datasets if (run.data(d).get("pairing") or None) == pairing]
        if not group:
            continue
        held = block(run, group)
        table = stats.rankdata(-held.values, axis=1) if held.names else np.zeros((0, 0))
        found = dict(zip(held.names, mean_ranks(held.values.T)[0], strict=True))
        could = seen(run, held)
        tail = (*iman_davenport(table), critical_difference(len(held.names), len(held.datasets)))
        tail = (*tail, could.n, could.unit, could.delta, could.anchor)
        on = (len(held.datasets), len(group), ", ".join(held.datasets), len(held.names))
        for name in run.shown:
            why = held.left_out.get(name, "")
            head = (pairing or "unknown", name, found.get(name, np.nan))
            rows.append((*head, *on, why, *tail))
    return pd.DataFrame(rows, columns=RANKS)


def against(run: Run, anchor: str = ANCHOR) -> pd.DataFrame:
    """Return every entry against one over all data sets, tested together: the family F2.

    Columns: `variant` (`SINGLE` is among them), `anchor, ranked_on, units, unit, effect` (mean over units,
    positive where the variant is better), `low, high` (simultaneous 95 % interval over units; NaN where
    so few can reject nothing), `t, p` (adjusted for all, by joint sign flips), `point` (critical |t|), `wins,
    ties, losses` (data sets), `sd, detectable` (of this entry, looked at alone), `claim, why` (of a new data
    set). No rows where the anchor is not complete on the block's data sets.
    """
    held = block(run, single=True)
    if anchor not in held.names or len(held.names) < 2:
        return pd.DataFrame(columns=AGAINST)
    place = held.names.index(anchor)
    gaps = np.delete(held.values - held.values[:, [place]], place, axis=1)
    names = [name for name in held.names if name != anchor]
    grouped = units(run, held.datasets, gaps)
    x, n = grouped.values, len(grouped.values)
    tested = max_t(x)
    sd = x.std(axis=0, ddof=1) if n > 1 else np.full(len(names), np.nan)
    won, lost = (gaps > TIE).sum(axis=0), (gaps < -TIE).sum(axis=0)
    return pd.DataFrame(
        {
            "variant": names,
            "anchor": anchor,
            "ranked_on": len(held.datasets),
            "units": n,
            "unit": grouped.kind,
            "effect": x.mean(axis=0),
            "low": tested.low,
            "high": tested.high,
            "t": tested.t,
            "p": tested.p,
            "point": tested.point,
            "wins": won,
            "ties": len(gaps) - won - lost,
            "losses": lost,
            "sd": sd,
            "detectable": [detectable(each, n) for each in sd],
            "claim": grouped.claim,
            "why": no_claim(grouped.families),
        }
    )
