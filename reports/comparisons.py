"""What a run's scores are compared with: single modalities, late mean, matched pairs, twins, ceilings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from .matched import PAIRS
from .run import PAIRINGS, Run, Scores
from .statistics import mean_ranks

LATE_MEAN = "late_mean"


@dataclass(frozen=True)
class Baseline:
    """What gains are counted from.

    Parameters
    ----------
    values
        Shape (seeds,).
    chosen
        The variant taken on each seed.
    variance
        Of one seed's value, as `Within.variances`.
    """

    values: np.ndarray
    chosen: tuple[str, ...]
    variance: float


def best_single(run: Run, dataset: str) -> Baseline | None:
    """Return the single modality that validates best on each seed; None where none is complete.

    Every entry with the architecture `unimodal` is a candidate, whatever its learner.
    """
    scores = run.scores(dataset)
    singles = [name for name in scores.names if run.axes(name)[0] == "unimodal"]
    wanted = f"validation_{run.metric}"
    selector = run.scores(dataset, wanted if wanted in run.cells else "validation_accuracy")
    singles = [name for name in singles if name in selector]
    if not singles:
        return None
    table = np.stack([selector.values[selector.names.index(name)] for name in singles])
    picks = np.argmax(table if selector.within.larger else -table, axis=0)
    return _baseline(scores, tuple(singles[i] for i in picks))


def _baseline(scores: Scores, chosen: tuple[str, ...]) -> Baseline:
    places = [scores.names.index(name) for name in chosen]
    values = scores.values[places, range(len(places))]
    return Baseline(values, chosen, float(np.mean(scores.within.variances[places])))


def gains(run: Run, dataset: str) -> pd.DataFrame:
    """Return fusion gains on a data set, positive where the variant is better, paired per seed.

    Columns: `variant`, `gain` and `gain_half` over the best single modality, `over_late_mean` and
    `over_late_mean_half`; in the metric's unit; halves are of 95 % intervals for one variant looked at.
    """
    scores = run.scores(dataset)
    single = best_single(run, dataset)
    late = _baseline(scores, (LATE_MEAN,) * len(scores.seeds)) if LATE_MEAN in scores else None
    rows = []
    for place, name in enumerate(scores.names):
        if run.axes(name)[0] == "unimodal":
            continue
        gain = _gain(scores, place, single)
        over = _gain(scores, place, late if name != LATE_MEAN else None)
        rows.append((name, *gain, *over))
    return pd.DataFrame(rows, columns=["variant", "gain", "gain_half", "over_late_mean", "over_late_mean_half"])


def _gain(scores: Scores, place: int, baseline: Baseline | None) -> tuple[float, float]:
    if baseline is None:
        return np.nan, np.nan
    sign = 1 if scores.within.larger else -1
    each = sign * (scores.values[place] - baseline.values)
    variance = (scores.within.variances[place] + baseline.variance) * scores.within.factor
    return float(each.mean()), float(scores.within.quantile * np.sqrt(variance))


def pairs(run: Run) -> pd.DataFrame:
    """Return the effect of every matched pair on every data set where both are complete.

    Columns: `axis, left, right, equal, dataset, effect, half, low, high, beyond_noise`; the effect is
    left minus right, turned so that positive means the left is better; `beyond_noise` says whether the
    95 % interval, for one pair looked at, leaves out zero.
    """
    rows = []
    for pair in PAIRS:
        if pair.left not in run.shown or pair.right not in run.shown:
            continue
        for dataset in run.datasets:
            scores = run.scores(dataset)
            if pair.left in scores and pair.right in scores:
                row = (pair.axis, pair.left, pair.right, pair.equal, dataset)
                rows.append((*row, *_difference(scores, pair.left, pair.right)))
    columns = ["axis", "left", "right", "equal", "dataset", "effect", "half", "low", "high", "beyond_noise"]
    return pd.DataFrame(rows, columns=columns)


def _difference(scores: Scores, left: str, right: str) -> tuple[float, float, float, float, bool | None]:
    effect = (scores.mean(left) - scores.mean(right)) * (1 if scores.within.larger else -1)
    half = scores.within.quantile * scores.error(left, right)
    beyond = None if np.isnan(half) else bool(abs(effect) > half)
    return effect, half, effect - half, effect + half, beyond


def equivalence(run: Run) -> pd.DataFrame:
    """Return, for every class of entries that are one function, how far apart training leaves them.

    Columns: `equivalence_class, dataset, members, between, largest_difference, seed_spread` (standard
    deviation of one seed's value, mean over members), `pairs` (of members), `beyond_noise` (pairs whose
    95 % interval, each looked at alone, leaves out zero: about one in twenty by chance).
    """
    classes: dict[str, list[str]] = {}
    for name in run.shown:
        if (held := run.variant(name).get("equivalence_class")) is not None:
            classes.setdefault(held, []).append(name)
    rows = [
        (held, dataset, *_apart(run.scores(dataset), members))
        for held, names in sorted(classes.items())
        for dataset in run.datasets
        if len(members := [n for n in names if n in run.scores(dataset)]) > 1
    ]
    columns = ["equivalence_class", "dataset", "members", "between", "largest_difference", "seed_spread"]
    return pd.DataFrame(rows, columns=[*columns, "pairs", "beyond_noise"])


def _apart(scores: Scores, members: list[str]) -> tuple[str, str, float, float, int, int | None]:
    low, *_, high = sorted(members, key=scores.mean)
    places = [scores.names.index(name) for name in members]
    spread = float(np.sqrt(np.mean(scores.within.variances[places])))
    couples = list(combinations(members, 2))
    beyond = [_difference(scores, *couple)[-1] for couple in couples]
    count = None if None in beyond else sum(map(bool, beyond))
    gap = scores.mean(high) - scores.mean(low)
    return ", ".join(members), f"{high} over {low}", gap, spread, len(couples), count


def ranks(run: Run) -> pd.DataFrame:
    """Return mean ranks by the run's metric, apart for each kind of pairing.

    Columns: `pairing, variant, mean_rank` (NaN where not ranked), `ranked_on`, `datasets` (numbers of
    data sets), `names` (those ranked on). Only complete data sets count; nothing is filled in.
    """
    rows: list[tuple[Any, ...]] = []
    for pairing in (*PAIRINGS, None):
        group = [d for d in run.datasets if (run.data(d).get("pairing") or None) == pairing]
        if not group:
            continue
        means = np.array([[run.scores(d).mean(name) for d in group] for name in run.variants])
        ranked, used = mean_ranks(means, run.scores(group[0]).within.larger)
        on = [d for d, inside in zip(group, used, strict=True) if inside]
        for name, rank in zip(run.variants, ranked, strict=True):
            if name in run.shown:
                rows.append((pairing or "unknown", name, rank, len(on), len(group), ", ".join(on)))
    return pd.DataFrame(rows, columns=["pairing", "variant", "mean_rank", "ranked_on", "datasets", "names"])


def ceiling(run: Run, dataset: str) -> dict[str, float] | None:
    """Return a synthetic set's exact accuracies: `full`, `single` (best one modality), `chance`; else None."""
    subsets = (run.data(dataset).get("bayes") or {}).get("subsets")
    if not subsets:
        return None
    modalities = [modality["name"] for modality in run.data(dataset).get("modalities", [])]
    accuracy = {key: value.get("accuracy") for key, value in subsets.items()}
    full = accuracy.get("+".join(modalities))
    singles = [accuracy[name] for name in modalities if accuracy.get(name) is not None]
    chance = accuracy.get("none")
    if full is None or not singles or chance is None:
        return None
    return {"full": full, "single": max(singles), "chance": chance}


def recovery(accuracy: float, limits: dict[str, float]) -> float:
    """Return the share of what fusion can add that was reached; NaN where that is under .05."""
    room = limits["full"] - limits["single"]
    return (accuracy - limits["single"]) / room if room >= 0.05 else np.nan


def additive_limit(classes: int, modalities: int) -> float | None:
    """Return the best accuracy of a score summed over modalities on pure noiseless synergy; None if unknown."""
    known = {(3, 3): 0.70, (4, 2): 0.56, (4, 3): 0.52}
    return 0.75 if classes == 2 and modalities in (2, 3) else known.get((classes, modalities))
