"""A table for each data set alone: score, gain and time side by side."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import pandas as pd

from ..figures.registry import without_sweeps
from ..machines import BUSY_WORDS, timed
from ..run import LOWER, Run
from ..tables import Table
from ..wording import INTERVAL, data_notes, label, status_words
from . import boards
from .latex import FIRST, slug

FOLDER = "datasets"


def single_tables(run: Run) -> list[Table]:
    """Return a table a data set: the run's metric, gain over the best single modality, seconds of training.

    Data: `dataset, variant, architecture, data_fusion, status, metric, mean, half, first, gain, gain_half,
    seconds` (wall, own and shared stages, on the run's most used machine). The settings of long sweeps, which
    have figures of their own, have no table.
    """
    run = without_sweeps(run)
    parts = boards.scores(run), boards.gains(run), boards.seconds(run)
    files, trained = file_names(run.datasets), timed(run)
    return [_single(run, d, files[d], *parts, trained.loaded(d)) for d in run.datasets]


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return name → file name without suffix: a plain name itself, others with a mark that tells them apart."""
    found: dict[str, str] = {}
    for name in names:
        plain = slug(name)[:60]
        alone = plain == name and plain.casefold() not in {file.casefold() for file in found.values()}
        found[name] = plain if alone else f"{plain}-{sha256(name.encode()).hexdigest()[:8]}"
    return found


def _single(
    run: Run,
    dataset: str,
    file: str,
    scores: boards.Board,
    gains: boards.Board,
    seconds: boards.Board,
    busy: set[str],
) -> Table:
    rows, texts, beside = [], [], [name for name in run.shown if name in busy]
    for name in run.shown:
        if not (counts := run.statuses(name, dataset)):
            continue
        score, gain, time = (board[name, dataset] for board in (scores, gains, seconds))
        place = dict(zip(("architecture", "data_fusion"), run.axes(name), strict=True))
        rows.append(
            {"dataset": dataset, "variant": name, **place, "status": status_words(counts), "metric": run.metric,
             "mean": score.value, "half": score.half, "first": score.first, "gain": gain.value,
             "gain_half": gain.half, "seconds": time.value}
        )  # fmt: skip
        texts.append(
            {"variant": name, "architecture": place["architecture"], "data fusion": place["data_fusion"],
             label(run.metric): score.text(), "gain": gain.text(sign=True), "training (s)": time.text(2)}
        )  # fmt: skip
    better = "lower" if run.metric in LOWER else "higher"
    title = f"{dataset}: {label(run.metric)} ({better} is better), gain and training time"
    notes = (
        INTERVAL,
        f"{FIRST} shares the first place (one-sided Dunnett, 5 %): it is not shown to be behind, which a wide "
        "spread over seeds earns too.",
        f"Gain: in {label(run.metric)}, over the best single modality, chosen on validation rows for each seed; "
        "positive is better. Training: wall seconds on one machine, own and shared stages in full, mean over "
        "seeds.",
        *([f"Trained beside other load ({BUSY_WORDS}): {', '.join(beside)}."] if beside else []),
        *data_notes(run, dataset),
    )
    return Table(f"{FOLDER}/{file}", title, pd.DataFrame(rows), (("", pd.DataFrame(texts)),), notes)
