"""What a run's scores are compared with: single modalities, late mean, matched pairs, twins, ceilings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from .matched import PAIRS, QUESTIONS
from .run import LOWER, Run, Scores

LATE_MEAN = "late_mean"
SINGLE = "best single modality"  # stands for a variant: on every seed the single modality that validates best


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


@dataclass(frozen=True)
class Effect:
    """A difference between variants on one data set, positive where the left one is better.

    Parameters
    ----------
    value
        In the metric's unit.
    half
        Half its 95 % interval, looked at alone; NaN where nothing can be said.
    error, df
        Its standard error over seeds, and the degrees of freedom of that.
    """

    value: float
    half: float
    error: float
    df: float

    @property
    def beyond_noise(self) -> bool | None:
        """Whether the interval leaves out zero; None where there is none."""
        return None if np.isnan(self.half) else bool(abs(self.value) > self.half)


def contrast(run: Run, dataset: str, weights: Mapping[str, float], metric: str | None = None) -> Effect | None:
    """Return a weighted sum of variants' means on a data set, turned so that larger is better.

    Its variance is the sum of squared weights times each variant's own: what a seed gives to all of them
    cancels in a contrast, whose weights sum to zero.

    Parameters
    ----------
    weights
        Variant (or `SINGLE`) → weight.

    Returns
    -------
    Effect or None
        None where one of them is not complete.
    """
    scores = run.scores(dataset, metric)
    parts = [(weight, _standing(run, dataset, name, metric)) for name, weight in weights.items()]
    known = [(weight, part) for weight, part in parts if part is not None]
    if len(known) < len(parts):
        return None
    sign = -1 if (metric or run.metric) in LOWER else 1
    value = sign * sum(weight * part[0] for weight, part in known)
    error = float(np.sqrt(sum(weight**2 * part[1] for weight, part in known) * scores.within.factor))
    return Effect(float(value), float(scores.within.quantile * error), error, scores.within.df)


def mean(run: Run, dataset: str, name: str, metric: str | None = None) -> float:
    """Return a variant's mean over seeds, also that of `SINGLE`; NaN where it is not complete."""
    held = _standing(run, dataset, name, metric)
    return np.nan if held is None else held[0]


def _standing(run: Run, dataset: str, name: str, metric: str | None) -> tuple[float, float] | None:
    """Return the mean of a variant and the variance of one seed's value; None where it is not complete."""
    if name == SINGLE:
        single = best_single(run, dataset, metric)
        return (float(single.values.mean()), single.variance) if single else None
    scores = run.scores(dataset, metric)
    if name not in scores:
        return None
    return scores.mean(name), float(scores.within.variances[scores.names.index(name)])


def best_single(run: Run, dataset: str, metric: str | None = None) -> Baseline | None:
    """Return the single modality that validates best on each seed; None where none is complete.

    Every entry with the architecture `unimodal` is a candidate, whatever its learner.
    """
    scores = run.scores(dataset, metric)
    singles = [name for name in scores.names if run.axes(name)[0] == "unimodal"]
    wanted = f"validation_{metric or run.metric}"
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

    Columns: `question, axis, left, right, equal, dataset, effect, half, low, high, beyond_noise`; the
    effect is left minus right, turned so that positive means the left is better; `beyond_noise` says
    whether the 95 % interval, for one pair looked at, leaves out zero.
    """
    rows = []
    for pair in PAIRS:
        if pair.left not in run.shown or pair.right not in run.shown:
            continue
        head = (pair.question, QUESTIONS[pair.question].differs_in, pair.left, pair.right, pair.equal)
        for dataset in run.datasets:
            if found := contrast(run, dataset, pair.weights):
                ends = found.value - found.half, found.value + found.half
                rows.append((*head, dataset, found.value, found.half, *ends, found.beyond_noise))
    columns = ["question", "axis", "left", "right", "equal", "dataset", "effect", "half", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "beyond_noise"])


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
        (held, dataset, *_apart(run, dataset, members))
        for held, names in sorted(classes.items())
        for dataset in run.datasets
        if len(members := [n for n in names if n in run.scores(dataset)]) > 1
    ]
    columns = ["equivalence_class", "dataset", "members", "between", "largest_difference", "seed_spread"]
    return pd.DataFrame(rows, columns=[*columns, "pairs", "beyond_noise"])


def _apart(run: Run, dataset: str, members: list[str]) -> tuple[str, str, float, float, int, int | None]:
    scores = run.scores(dataset)
    low, *_, high = sorted(members, key=scores.mean)
    places = [scores.names.index(name) for name in members]
    spread = float(np.sqrt(np.mean(scores.within.variances[places])))
    couples = list(combinations(members, 2))
    found = [contrast(run, dataset, {left: 1.0, right: -1.0}) for left, right in couples]
    beyond = [each.beyond_noise if each else None for each in found]
    count = None if None in beyond else sum(map(bool, beyond))
    gap = scores.mean(high) - scores.mean(low)
    return ", ".join(members), f"{high} over {low}", gap, spread, len(couples), count


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
