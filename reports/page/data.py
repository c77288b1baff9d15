"""What the page's scripts read: the run as columns of numbers, in strict JSON that no name can break out of.

Every list of numbers follows the order of `variants`, and lists of lists that of `datasets` and of `seeds`;
null stands for what is undefined, was not measured or was never planned.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from ...core.files import dumps
from .. import across
from ..comparisons import ceiling, gains
from ..figures.registry import without_sweeps
from ..machines import Timed, answered, timed
from ..run import LOWER, Run
from ..scoreboard import FIRST
from ..style import colour
from ..timing import train_seconds
from ..wording import first_line, label, sentence, title_notes, unit, why_absent
from . import words

METRICS = (
    "accuracy", "balanced_accuracy", "macro_f1", "auroc", "average_precision", "log_loss", "brier", "ece",
    "regret",
)  # fmt: skip
DIGITS = 5


def embedded(value: Any) -> str:
    """Return strict JSON for a script element: nothing in it can end the element, undefined numbers are null."""
    compact = json.dumps(json.loads(dumps(value)), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return compact.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def data(run: Run) -> dict[str, Any]:
    """Return everything that leaderboard and panels show, but the curves.

    Settings of long sweeps are told by the run's own metric alone.
    """
    main, known, times = set(without_sweeps(run).datasets), metrics(run), (timed(run), answered(run))
    scores = [_scores(run, name, known if name in main else known[:1]) for name in run.datasets]
    return {
        "name": run.suite.get("name", ""),
        "notes": " · ".join(title_notes(run)),
        "metric": run.metric,
        "metrics": [_metric(name) for name in known],
        "axes": [{"key": axis, "label": axis.replace("_", " ")} for axis in words.AXES],
        "variants": [_variant(run, name) for name in run.shown],
        "datasets": [_dataset(run, name, name in main) for name in run.datasets],
        "scores": {name: [each.get(name) for each in scores] for name in known},
        "overall": overall(run),
        "gains": [_gains(run, name) for name in run.datasets],
        "costs": [_costs(run, name, *times) for name in run.datasets],
        "states": [[_state(run, v, d) for v in run.shown] for d in run.datasets],
        "failures": words.failures(run),
    }  # fmt: skip


def overall(run: Run) -> dict[str, Any] | None:
    """Return means over all data sets, who is in the set of the best there, and what is to be said of it.

    None where fewer than two data sets can be taken together.
    """
    found = across.best(run)
    found = found[(found["group"] == "all") & (found["ranked_on"] > 1)].set_index("variant")
    if found.empty:
        return None
    first, found = found.iloc[0], found.reindex(list(run.shown))
    over = f"the {first['ranked_on']} of {first['datasets']} data sets on which all that are ranked are complete"
    if first["unit"] != "data set":
        over = f"{first['units']} source families, of {over}"
    why = f" {sentence(first['why'])}." if first["why"] else ""
    return {
        "mean": [rounded(value) for value in found["mean"]],
        "p": [rounded(value) for value in found["p"]],
        "inside": [value is True or value is np.True_ for value in found["inside"]],
        "title": f"mean of {first['ranked_on']} data sets",
        "note": f"Over all data sets: the mean over {over}; {FIRST} is in the 95 % set of the best there.{why}",
    }


def metrics(run: Run) -> list[str]:
    """Return the metrics to choose from, the run's own first: those that at least one cell has."""
    known = dict.fromkeys((run.metric, *METRICS))
    return [name for name in known if name == run.metric or (name in run.cells and _finite(run.cells[name]).any())]


def _finite(column: pd.Series) -> np.ndarray:
    return np.isfinite(pd.to_numeric(column, errors="coerce").to_numpy(dtype=float))


def rounded(value: Any) -> float | int | None:
    """Return a number with the digits that the page can show; None where it is undefined."""
    if value is None or not math.isfinite(value):
        return None
    if float(value).is_integer():
        return int(value)
    return float(f"{float(value):.{DIGITS}g}")


def _metric(name: str) -> dict[str, Any]:
    return {"key": name, "label": label(name), "lower": name in LOWER, "unit": unit(name)}


def _variant(run: Run, name: str) -> dict[str, Any]:
    told = run.variant(name)
    axes = {axis: words.spaced(told.get(axis)) for axis in words.AXES}
    return {"name": name, "axes": axes, "colour": colour(told.get("architecture")), **words.entry(told)}


def _dataset(run: Run, name: str, main: bool) -> dict[str, Any]:
    limits = ceiling(run, name)
    return {
        **words.dataset(run, name),
        "main": main,
        "line": first_line(run, name),
        "seeds": planned_seeds(run, name),
        "limits": limits and {key: rounded(value) for key, value in limits.items()},
    }


def planned_seeds(run: Run, dataset: str) -> list[int]:
    """Return the seeds that were planned on a data set."""
    return sorted({int(seed) for seed in run.cells.loc[run.cells["dataset"] == dataset, "seed"]})


def _scores(run: Run, dataset: str, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return metric → means, halves, places of those that share the first place, and values by seed."""
    by_seed = _by_seed(run, dataset, names)
    found = {}
    for name in names:
        held = run.scores(dataset, name)
        means, halves = (
            dict(zip(held.names, values, strict=True)) for values in (held.within.means, held.within.halves)
        )
        first = set(held.first)
        found[name] = {
            "mean": [rounded(means.get(variant)) for variant in run.shown],
            "half": [rounded(halves.get(variant)) for variant in run.shown],
            "first": [place for place, variant in enumerate(run.shown) if variant in first],
            "seeds": [[rounded(value) for value in line] for line in by_seed[name]],
        }
    return found


def _by_seed(run: Run, dataset: str, names: list[str]) -> dict[str, np.ndarray]:
    """Return metric → values, shape (variants shown, planned seeds), NaN where a cell is not ok."""
    rows = run.cells[(run.cells["dataset"] == dataset) & (run.cells["status"] == "ok")]
    rows = rows[rows["variant"].isin(run.shown)]
    seeds = planned_seeds(run, dataset)
    at = ([run.shown.index(name) for name in rows["variant"]], [seeds.index(seed) for seed in rows["seed"]])
    found = {}
    for name in names:
        found[name] = np.full((len(run.shown), len(seeds)), np.nan)
        if name in rows:
            found[name][at] = rows[name].to_numpy(dtype=float)
    return found


def _gains(run: Run, dataset: str) -> dict[str, list[Any]]:
    found = gains(run, dataset).set_index("variant").reindex(list(run.shown))
    return {key: [rounded(value) for value in found[column]] for key, column in
            (("value", "gain"), ("half", "gain_half"))}  # fmt: skip


def _costs(run: Run, dataset: str, trained: Timed, answered: Timed) -> dict[str, Any]:
    """Return seconds, milliseconds, parameters and bytes; times of one machine alone, and which of a busy one."""
    cells = run.cells[(run.cells["dataset"] == dataset) & (run.cells["status"] == "ok")]
    costs: dict[str, Any] = {name: _largest(cells, name, run.shown) for name in ("parameters", "memory")}
    here = answered.cells[answered.cells["dataset"] == dataset]
    costs["latency_p50"] = _largest(here, "latency_p50", run.shown)
    costs["train"] = [rounded(value) for value in train_seconds(run, dataset, run.shown, trained)]
    beside = {"train": trained.loaded(dataset), "latency_p50": answered.loaded(dataset)}
    costs["busy"] = {key: [p for p, v in enumerate(run.shown) if v in names] for key, names in beside.items()}
    return costs


def _largest(cells: pd.DataFrame, column: str, names: tuple[str, ...]) -> list[Any]:
    if column not in cells:
        return [None] * len(names)
    found = pd.to_numeric(cells[column], errors="coerce").groupby(cells["variant"]).max().reindex(list(names))
    return [rounded(value) for value in found]


def _state(run: Run, variant: str, dataset: str) -> str:
    """Return why a variant is not compared on a data set: nothing where it is, or where no cell was planned."""
    if not run.statuses(variant, dataset):
        return "not planned"
    return "" if variant in run.scores(dataset) else why_absent(run, variant, dataset)
