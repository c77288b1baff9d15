"""A stored run as reports see it: one row a planned cell, and the scores that may be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import unknown
from ..results import frames
from ..results.record import STATUSES
from ..results.store import Store
from .scores import Scores
from .statistics import largest_block, within

ARCHITECTURES = ("unimodal", "early", "late", "cross_modal", "hybrid")
FUSIONS = ("none", "concat", "merge")
PAIRINGS = ("natural", "by_label", "synthetic")
INTERACTIONS = ("redundant", "private", "mixed", "synergy")
LOWER = frozenset({"log_loss", "validation_log_loss", "brier", "ece", "regret", "kl"})
MISSING = "missing"


@dataclass(frozen=True)
class Run:
    """A run, read once.

    Parameters
    ----------
    suite
        The run's suite.json.
    cells
        One row a planned cell; status `missing` where none has been run yet. Placebos' cells are among them.
    curves
        One row an epoch (`variant, dataset, seed, epoch, curve, value`).
    variants, datasets
        All of them, in the order of tables: architecture, data fusion, name; pairing, interaction, name. Placebos
        are no variants: they are ranked nowhere.
    shown
        The variants that tables and figures show; statistics use all.
    note
        Added to every title.
    """

    suite: dict[str, Any]
    cells: pd.DataFrame
    curves: pd.DataFrame
    variants: tuple[str, ...]
    datasets: tuple[str, ...]
    shown: tuple[str, ...]
    note: str = ""
    _held: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def metric(self) -> str:
        """The suite's metric: what first places, gains and figures use."""
        return self.suite.get("metric") or "accuracy"

    @property
    def synthetic(self) -> tuple[str, ...]:
        """Data sets whose ceiling is known."""
        return tuple(name for name in self.datasets if self.data(name).get("bayes"))

    @property
    def placebos(self) -> dict[str, str]:
        """Placebo → the variant that it is again, under another seed, in the order of names."""
        told = sorted(self.suite.get("variants", {}).items())
        return {name: entry["placebo_of"] for name, entry in told if entry.get("placebo_of")}

    def variant(self, name: str) -> dict[str, Any]:
        """What suite.json tells about a variant."""
        return self.suite.get("variants", {}).get(name, {})

    def data(self, name: str) -> dict[str, Any]:
        """What suite.json tells about a data set."""
        return self.suite.get("datasets", {}).get(name, {})

    def axes(self, name: str) -> tuple[str, str]:
        """Return a variant's (architecture, data fusion), empty where unknown."""
        entry = self.variant(name)
        return entry.get("architecture") or "", entry.get("data_fusion") or ""

    def seeds(self, dataset: str) -> tuple[int, ...]:
        """Return the seeds in use on a data set: the largest block of (variant, seed) that has been run.

        So a seed that has only begun, or a variant added later, costs the others nothing.
        """
        if ("seeds", dataset) not in self._held:
            rows = self.cells[(self.cells["dataset"] == dataset) & (self.cells["status"] != MISSING)]
            run = rows.groupby(["variant", "seed"]).size().unstack(fill_value=0) > 0
            used = run.columns[largest_block(run.to_numpy())]
            self._held["seeds", dataset] = tuple(sorted(int(seed) for seed in used))
        return self._held["seeds", dataset]

    def scores(self, dataset: str, metric: str | None = None) -> Scores:
        """Return a metric on a data set for the variants that are ok and finite on every seed in use."""
        metric = metric or self.metric
        key = dataset, metric
        if key not in self._held:
            self._held[key] = self._scores(dataset, metric)
        return self._held[key]

    def _scores(self, dataset: str, metric: str) -> Scores:
        seeds = self.seeds(dataset)
        rows = self.cells[(self.cells["dataset"] == dataset) & (self.cells["status"] == "ok")]
        if metric in rows:
            wide = rows.pivot(index="variant", columns="seed", values=metric)
            wide = wide.reindex(index=list(self.variants), columns=list(seeds)).astype(float)
        else:
            wide = pd.DataFrame(np.nan, index=list(self.variants), columns=list(seeds))
        complete = wide[np.isfinite(wide).all(axis=1)] if seeds else wide.iloc[:0]
        values = complete.to_numpy(dtype=float).reshape(len(complete), len(seeds))
        estimate = within(values, metric not in LOWER, self._shared_rows(dataset, len(seeds)))
        return Scores(tuple(complete.index), seeds, values, estimate)

    def _shared_rows(self, dataset: str, seeds: int) -> float:
        # Seeds beyond the folds test rows again that earlier seeds tested; fresh draws never do.
        data = self.data(dataset)
        folds, rows = data.get("folds") or 0, data.get("rows") or {}
        if data.get("pairing") == "synthetic" or not 1 < folds < seeds or not rows.get("train"):
            return 0.0
        return rows.get("test", 0) / rows["train"]

    def statuses(self, variant: str, dataset: str) -> dict[str, int]:
        """Count a variant's planned cells on a data set by status, in the order of statuses."""
        if "statuses" not in self._held:
            self._held["statuses"] = self.cells.groupby(["variant", "dataset", "status"]).size().to_dict()
        counts = self._held["statuses"]
        return {s: int(n) for s in (*STATUSES, MISSING) if (n := counts.get((variant, dataset, s)))}


def load(store: Store, variants: Iterable[str] | None = None, note: str = "") -> Run:
    """Read a store into a `Run`; nothing is written.

    Parameters
    ----------
    store
        The run's folder.
    variants
        Names or globs of the variants to show; all where None.
    note
        Added to every title (`"seed 0 of 3"`).

    Raises
    ------
    FusebenchError
        Where the folder holds no run, or a name in `variants` fits none of its variants.
    """
    suite = store.suite()
    cells = _cells(store, suite)
    told = suite.get("variants", {})
    ranked = {name for name in cells["variant"] if not told.get(name, {}).get("placebo_of")}
    names = sorted(ranked, key=lambda name: _variant_place(suite, name))
    datasets = sorted(set(cells["dataset"]), key=lambda name: _dataset_place(suite, name))
    chosen = choose(names, variants)
    return Run(suite, cells, frames.curves(store), tuple(names), tuple(datasets), chosen, note)


def choose(names: list[str], wanted: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names that a list of names and globs chooses, in their own order."""
    if wanted is None:
        return tuple(names)
    chosen: set[str] = set()
    for pattern in wanted:
        found = {n for n in names if n == pattern or fnmatchcase(n, pattern)}
        if not found:
            raise unknown("variant of this run", pattern, names)
        chosen |= found
    return tuple(name for name in names if name in chosen)


def published(data: Mapping[str, Any]) -> bool:
    """Tell whether a data set's test rows are those of a published split, so that seeds vary the training alone.

    `data` is what suite.json tells about it.
    """
    return data.get("folds") == 1 and data.get("pairing") != "synthetic"


def records(data: pd.DataFrame) -> Iterator[Any]:
    """Yield a frame's rows as named tuples."""
    return iter(data.itertuples(index=False))


def _cells(store: Store, suite: dict[str, Any]) -> pd.DataFrame:
    columns = ["cell", "variant", "dataset", "seed"]
    plan = pd.DataFrame(suite.get("plan", {}).get("cells", []), columns=[*columns, "stages"])[columns]
    known = frames.frame(store).drop_duplicates("cell")
    added = [column for column in known.columns if column not in columns]
    cells = plan.merge(known[["cell", *added]], on="cell", how="left")
    cells["suite"] = suite.get("name", "")
    cells["status"] = cells["status"].astype(object).where(cells["status"].notna(), MISSING)
    cells["reason"] = cells["reason"].astype(object).where(cells["reason"].notna(), "")
    told = suite.get("variants", {})
    for axis in ("entry", *frames.AXES, "tier", "equivalence_class"):
        cells[axis] = [told.get(name, {}).get(axis) for name in cells["variant"]]
    return cells.sort_values(["variant", "dataset", "seed"], kind="stable", ignore_index=True)


def _place(order: tuple[str, ...], value: str | None) -> int:
    return order.index(value) if value in order else len(order)


def _variant_place(suite: dict[str, Any], name: str) -> tuple[int, int, str]:
    entry = suite.get("variants", {}).get(name, {})
    return (
        _place(ARCHITECTURES, entry.get("architecture")),
        _place(FUSIONS, entry.get("data_fusion")),
        name,
    )


def _dataset_place(suite: dict[str, Any], name: str) -> tuple[int, int, str]:
    data = suite.get("datasets", {}).get(name, {})
    return _place(PAIRINGS, data.get("pairing")), _place(INTERACTIONS, data.get("interaction")), name
