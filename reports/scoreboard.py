"""The main tables: a metric by variant and data set, with gains and regrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from . import comparisons
from .run import LOWER, Run, records
from .tables import Table
from .wording import INTERVAL, incomplete, label, plus_minus, sentence, status_words, why_absent

FIRST = "★"
Rows = dict[tuple[str, str], Any]  # by variant and data set


def scores(run: Run, metric: str) -> Table:
    """Tabulate a metric: mean ± interval, first places; for the run's own also gains and regret."""
    parts = [_scores(run, dataset, metric) for dataset in run.datasets]
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["variant", "dataset"])
    data = data[data["variant"].isin(run.shown)].reset_index(drop=True)
    found = {(row.variant, row.dataset): row for row in records(data)}
    sections = [("", grid(run, lambda v, d: _score_text(run, found, v, d, metric)))]
    notes = [
        INTERVAL,
        f"{FIRST} shares the first place (one-sided Dunnett, 5 %, over the whole data set; correlation 0 where "
        "the form is moderated): it is not shown to be behind, which a wide spread over seeds earns too.",
    ]
    if capacity := run.suite.get("training", {}).get("capacity"):
        notes.append(f"Capacity: {capacity}, width {run.suite['training'].get('width', 'not stated')}.")
    if metric == run.metric and len(data):
        sections += _gain_sections(run, data, found)
    for dataset in run.datasets:
        if absent := incomplete(run, dataset):
            words = "; ".join(f"{name}: {why}" for name, why in absent.items())
            notes.append(f"Not compared on {dataset}: {words}.")
    better = "lower" if metric in LOWER else "higher"
    return Table(metric, f"{sentence(label(metric))}, {better} is better", data, tuple(sections), tuple(notes))


def _scores(run: Run, dataset: str, metric: str) -> pd.DataFrame:
    held = run.scores(dataset, metric)
    first, halves = held.first, dict(zip(held.names, map(float, held.within.halves), strict=True))
    rows = []
    for name in run.variants:
        if not (counts := run.statuses(name, dataset)):
            continue
        mean, half = held.mean(name), halves.get(name, np.nan)
        sd = np.nan
        if name in held and len(held.seeds) > 1:
            sd = float(held.values[held.names.index(name)].std(ddof=1))
        rows.append(
            {
                "dataset": dataset,
                "variant": name,
                "architecture": run.axes(name)[0],
                "data_fusion": run.axes(name)[1],
                "status": status_words(counts),
                "seeds": " ".join(map(str, held.seeds)),
                "mean": mean,
                "half": half,
                "low": mean - half,
                "high": mean + half,
                "sd": sd,
                "df": held.within.df,
                "form": held.within.form,
                "first": name in first,
            }
        )
    table = pd.DataFrame(rows)
    return _with_gains(run, dataset, table) if metric == run.metric else table


def _with_gains(run: Run, dataset: str, table: pd.DataFrame) -> pd.DataFrame:
    single = comparisons.best_single(run, dataset)
    table = table.merge(comparisons.gains(run, dataset), on="variant", how="left")
    table["best_single"] = " ".join(single.chosen) if single else ""
    regret, limits = run.scores(dataset, "regret"), comparisons.ceiling(run, dataset)
    table["regret"] = [regret.mean(name) for name in table["variant"]]
    table["regret_half"] = [regret.half(name) for name in table["variant"]]
    table["ceiling"] = limits["full"] if limits else np.nan
    accuracy = run.scores(dataset, "accuracy")
    table["recovery"] = [
        comparisons.recovery(accuracy.mean(name), limits) if limits else np.nan for name in table["variant"]
    ]
    return table


def _score_text(run: Run, found: Rows, variant: str, dataset: str, metric: str) -> str:
    row = found.get((variant, dataset))
    if row is None or not np.isfinite(row.mean):
        return why_absent(run, variant, dataset, metric)
    return plus_minus(row.mean, row.half) + (f" {FIRST}" if row.first else "")


def grid(
    run: Run,
    text: Callable[[str, str], str],
    datasets: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Lay texts out as variant x data set, with the variant's place in the taxonomy and other names."""
    rows = []
    for name in run.shown if names is None else names:
        entry = run.variant(name)
        head = {
            "variant": name,
            "architecture": entry.get("architecture") or "",
            "data fusion": entry.get("data_fusion") or "",
            "also called": ", ".join(entry.get("aliases") or ()),
        }
        rows.append(head | {dataset: text(name, dataset) for dataset in datasets or run.datasets})
    return pd.DataFrame(rows)


def _gain_sections(run: Run, data: pd.DataFrame, found: Rows) -> list[tuple[str, pd.DataFrame]]:
    what = label(run.metric)
    wanted = (
        (
            "gain",
            f"Gain in {what} over the best single modality, chosen on validation rows (positive is better)",
            run.datasets,
        ),
        ("over_late_mean", f"Gain in {what} over late_mean (positive is better)", run.datasets),
        ("regret", "Regret to the exact ceiling: accuracy lost against the best decision", run.synthetic),
    )
    sections = []
    for column, caption, datasets in wanted:
        known = set(data.loc[data[column].notna(), "variant"])
        names = [name for name in run.shown if name in known]
        if names:
            text = partial(_found_text, run, found, column)
            sections.append((caption, grid(run, text, datasets, names)))
    return sections


def _found_text(run: Run, found: Rows, column: str, variant: str, dataset: str) -> str:
    if (row := found.get((variant, dataset))) is None:
        return ""
    if np.isfinite(value := getattr(row, column)):
        return plus_minus(value, getattr(row, f"{column}_half"), 3, sign=column != "regret")
    return "" if variant in run.scores(dataset) else why_absent(run, variant, dataset)
