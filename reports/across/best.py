"""Groups of data sets, and the entries that share the first place over each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..run import INTERACTIONS, LOWER, PAIRINGS, Run
from ..statistics import confidence_set, detectable_best, least_sets
from .blocks import Block, block, no_claim, units

COLUMNS = [
    "group", "title", "datasets", "ranked_on", "families", "units", "unit", "variant", "mean", "p", "inside",
    "leader", "basis", "point", "detectable", "claim", "why",
]  # fmt: skip
OVER_SETS, OVER_FAMILIES, OVER_SEEDS = "over data sets", "over source families", "over seeds of one data set"
TITLES = {
    "natural": "real data, paired as found",
    "by_label": "real data, paired by label",
    "synthetic": "synthetic data",
    "synergy": "synergistic information",
}


@dataclass(frozen=True)
class Group:
    """Data sets that are looked at together.

    Parameters
    ----------
    key
        `all`, `pairing:natural`, `interaction:redundant`, `kind:real` …
    title
        What it is called in a table.
    datasets
        In the run's order.
    """

    key: str
    title: str
    datasets: tuple[str, ...]


def groups(run: Run) -> list[Group]:
    """Return all data sets; each kind of pairing; each kind of interaction; all real ones.

    A group that holds the same data sets as an earlier one is left out.
    """
    found = [Group("all", "all data sets", run.datasets)]
    told = {name: run.data(name) for name in run.datasets}
    for pairing in (*PAIRINGS, ""):
        members = tuple(name for name, data in told.items() if (data.get("pairing") or "") == pairing)
        title = TITLES.get(pairing) or "pairing unknown"
        found.append(Group(f"pairing:{pairing or 'unknown'}", title, members))
    kinds = {str(data["interaction"]) for data in told.values() if data.get("interaction")}
    for kind in (*INTERACTIONS, *sorted(kinds - {*INTERACTIONS})):
        members = tuple(name for name, data in told.items() if data.get("interaction") == kind)
        title = TITLES.get(kind) or f"{kind.replace('_', ' ')} information"
        found.append(Group(f"interaction:{kind}", title, members))
    real = tuple(name for name, data in told.items() if data.get("pairing") not in ("synthetic", None, ""))
    found.append(Group("kind:real", "real data", real))
    first = {group.datasets: group for group in reversed(found) if group.datasets}
    return [group for group in found if first.get(group.datasets) is group]


def best(run: Run) -> pd.DataFrame:
    """Return which entries share the first place over each group of data sets: one row a group and variant.

    Columns: `group, title` (`Group`); `datasets` (how many it holds), `ranked_on` (those where all its
    variants are complete), `families`, `units` (rows of the test), `unit` (`data set` or `source family`),
    `variant`, `mean` (over units, in the metric's unit), `p`, `inside` (shares the first place; None where
    nothing can be claimed), `leader` (the best mean), `basis` (over what its error is taken), `point` (the
    critical t), `detectable` (how far behind an entry must be for four suites in five to leave it out; NaN
    where none can be), `claim` (whether it says anything of a new data set), `why` (if not, why not).

    Over one data set the first place is that of its seeds (`Within.first`).
    """
    rows: list[dict[str, Any]] = []
    for group in groups(run):
        held = block(run, group.datasets)
        if held.names:
            found = _alone(run, held) if len(held.datasets) == 1 else _together(run, held)
            head = {"group": group.key, "title": group.title, "datasets": len(group.datasets)}
            rows += [head | {"ranked_on": len(held.datasets)} | row for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _together(run: Run, held: Block) -> list[dict[str, Any]]:
    grouped = units(run, held.datasets, held.values)
    x = grouped.values
    n, leader = len(x), int(np.argmax(x.mean(axis=0)))
    found = confidence_set(x)
    gaps = np.delete(x[:, [leader]] - x, leader, axis=1)
    sd = float(np.median(gaps.std(axis=0, ddof=1))) if n > 1 and gaps.size else np.nan
    why = no_claim(grouped.families)
    if len(held.names) < 2:
        why = "one variant has no rival" + (f"; {why}" if why else "")
    elif not found.able:
        fewest = least_sets(1, sides=1)
        why = f"{n} {grouped.kind}s can leave nobody out, it takes {fewest}" + (f"; {why}" if why else "")
    common = {
        "families": grouped.families,
        "units": n,
        "unit": grouped.kind,
        "basis": OVER_FAMILIES if grouped.claim else OVER_SETS,
        "point": found.point,
        "detectable": detectable_best(sd, n, found.point),
        "claim": grouped.claim,
        "why": why,
    }
    sign = -1 if run.metric in LOWER else 1
    able = len(held.names) > 1
    return [
        common
        | {
            "variant": name,
            "mean": sign * float(x[:, place].mean()),
            "p": float(found.p[place]),
            "inside": bool(found.inside[place]) if able else None,
            "leader": place == leader,
        }
        for place, name in enumerate(held.names)
    ]


def _alone(run: Run, held: Block) -> list[dict[str, Any]]:
    scores = run.scores(held.datasets[0])
    known = scores.within.df > 0
    return [
        {
            "families": 1,
            "units": len(scores.seeds),
            "unit": "seed",
            "basis": OVER_SEEDS,
            "point": np.nan,
            "detectable": np.nan,
            "claim": False,
            "why": "one data set" + ("" if known else ", and its seeds support no claim"),
            "variant": name,
            "mean": scores.mean(name),
            "p": np.nan,
            "inside": (name in scores.first) if known else None,
            "leader": name == scores.best,
        }
        for name in held.names
    ]
