"""How often chance alone is called a difference: pairs that are one entry under two seeds.

A placebo is an entry again under another name, from which another seed follows. Whatever an interval says of two
of them is a false alarm, so their rate measures the intervals on the run's own noise.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from .comparisons import Effect, equivalence
from .run import LOWER, Run
from .statistics import LEVEL, within

ALIASES, ONE_FUNCTION, NOMINAL = "one entry, other seeds", "one function, several names", "by chance, as designed"
PAIRS = ["entry", "left", "right", "dataset", "effect", "half", "low", "high", "beyond_noise"]


def pairs(run: Run) -> pd.DataFrame:
    """Return the difference of every two copies of an entry on every data set where both are complete.

    Columns: `entry` (what they are copies of, itself among them), `left, right, dataset, effect, half, low,
    high` (95 % interval by the seeds, as `Within` gives it with the copies among the variants),
    `beyond_noise` (whether it leaves out zero; None where there is no interval).
    """
    rows: list[tuple[Any, ...]] = []
    for entry, names in copies(run).items():
        for dataset in run.datasets:
            values = _values(run, dataset, names)
            for left, right in combinations(values, 2):
                found = _difference(run, dataset, values, left, right)
                ends = found.value - found.half, found.value + found.half
                rows.append((entry, left, right, dataset, found.value, found.half, *ends, found.beyond_noise))
    return pd.DataFrame(rows, columns=PAIRS)


def copies(run: Run) -> dict[str, tuple[str, ...]]:
    """Return entry → its copies, the entry first; copies with other options of their own are another entry."""
    found: dict[str, list[str]] = {}
    for name, of in run.placebos.items():
        options = {key: value for key, value in (run.variant(name).get("options") or {}).items() if key != "copy"}
        key = f"{of} {options}" if options else of
        found.setdefault(key, [of] if of in run.variants and not options else []).append(name)
    return {entry: tuple(names) for entry, names in found.items() if len(names) > 1}


def _values(run: Run, dataset: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the values over the seeds in use of those that are complete on them."""
    seeds = list(run.seeds(dataset))
    if run.metric not in run.cells or not seeds:
        return {}
    ok = run.cells[(run.cells["dataset"] == dataset) & (run.cells["status"] == "ok")]
    wide = ok[ok["variant"].isin(names)].pivot(index="variant", columns="seed", values=run.metric)
    wide = wide.reindex(index=list(names), columns=seeds).astype(float)
    return {name: row for name, row in zip(names, wide.to_numpy(), strict=True) if np.isfinite(row).all()}


def _difference(run: Run, dataset: str, values: dict[str, np.ndarray], left: str, right: str) -> Effect:
    """Compare two copies by the noise that all variants show there, the copies among them."""
    scores = run.scores(dataset)
    added = {name: row for name, row in values.items() if name not in scores}
    names = [*scores.names, *added]
    table = np.vstack([scores.values, *added.values()])
    shared = scores.within.factor - 1 / len(scores.seeds)  # what rows tested again by later seeds add
    held = within(table, scores.within.larger, shared)
    a, b = names.index(left), names.index(right)
    value = float(held.means[a] - held.means[b]) * (-1 if run.metric in LOWER else 1)
    error = float(held.errors[a, b])
    return Effect(value, float(held.quantile * error), error, held.df)


def rates(run: Run) -> pd.DataFrame:
    """Return how often a 95 % interval, looked at alone, leaves out zero where nothing differs.

    Columns: `kind` (copies of one entry; entries that are one function, where optimisation may differ; the
    level of the interval), `pairs` (pair × data set), `beyond_noise` (of them), `rate`, `low, high` (exact
    95 % interval of Clopper and Pearson 1934, as if the pairs were independent).
    """
    own, twins = pairs(run), equivalence(run)
    twins = twins[twins["beyond_noise"].notna()]
    known = own["beyond_noise"].dropna()
    counts = (
        (ALIASES, len(known), int(known.astype(bool).sum())),
        (ONE_FUNCTION, int(twins["pairs"].sum()), int(twins["beyond_noise"].sum())),
    )
    rows: list[tuple[Any, ...]] = []
    for kind, total, beyond in counts:
        if total:
            ends = stats.binomtest(beyond, total).proportion_ci(0.95, "exact")
            rows.append((kind, total, beyond, beyond / total, float(ends.low), float(ends.high)))
    nominal = (NOMINAL, None, None, LEVEL, np.nan, np.nan)
    return pd.DataFrame([*rows, nominal], columns=["kind", "pairs", "beyond_noise", "rate", "low", "high"])
