"""A question's matched pairs, averaged on every data set where all of them are complete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..across import Versus, absent, summarise
from ..comparisons import Effect, contrast
from ..matched import PAIRS, QUESTIONS, Pair
from ..run import Run
from ..statistics import largest_block
from ..wording import listed
from .placement import why_not

ONE_FUNCTION = "one function under two names"


@dataclass(frozen=True)
class Answer:
    """A question's matched pairs and what they say.

    Parameters
    ----------
    pairs
        Those whose differences are averaged.
    effects
        Data set → the mean over them.
    left_out
        `left − right`, or a data set, → why it does not count.
    """

    pairs: tuple[Pair, ...] = ()
    effects: dict[str, Effect] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def over(self, run: Run, datasets: Iterable[str] | None = None) -> Versus:
        """Sum the effects up over some data sets, or all."""
        chosen = self.effects if datasets is None else {d: self.effects[d] for d in datasets if d in self.effects}
        return summarise(run, "left", "right", chosen)


def listing(run: Run) -> pd.DataFrame:
    """Return the list of pairs: `question, title, left, right, equal, in_run, counts` (why not, or empty)."""
    rows = []
    for pair in PAIRS:
        inside = pair.left in run.variants and pair.right in run.variants
        why = why_left_out(run, pair) if inside else "not in this run"
        title = QUESTIONS[pair.question].title
        rows.append((pair.question, title, pair.left, pair.right, pair.equal, inside, why))
    return pd.DataFrame(rows, columns=["question", "title", "left", "right", "equal", "in_run", "counts"])


def answer(run: Run, question: str, alternative: bool = False) -> Answer:
    """Average a question's pairs on every data set; `alternative` puts contestable entries to their other place.

    Pairs and data sets are the largest complete block, data sets counting cubed.
    """
    there = [p for p in PAIRS if p.question == question and p.left in run.variants and p.right in run.variants]
    left_out = {name_of(pair): why for pair in there if (why := why_left_out(run, pair, alternative))}
    pairs = [pair for pair in there if name_of(pair) not in left_out]
    found = [[contrast(run, d, pair.weights) is not None for pair in pairs] for d in run.datasets]
    present = np.array(found, dtype=bool).reshape(len(run.datasets), len(pairs))
    used = largest_block(present)
    inside = np.asarray(present[:, used].all(axis=1) & used.any())
    kept = tuple(pair for pair, stays in zip(pairs, used, strict=True) if stays)
    for pair, stays in zip(pairs, used, strict=True):
        if not stays:
            left_out[name_of(pair)] = "complete on too few data sets"
    for dataset, stays in zip(run.datasets, inside, strict=True):
        if kept and not stays:
            left_out[dataset] = _incomplete(run, kept, dataset)
    weights = _mean_weights(kept)
    chosen = [d for d, stays in zip(run.datasets, inside, strict=True) if stays]
    effects = {d: e for d in chosen if (e := contrast(run, d, weights)) is not None}
    return Answer(kept, effects, left_out)


def name_of(pair: Pair) -> str:
    """Return `left − right`."""
    return f"{pair.left} − {pair.right}"


def _twins(run: Run, pair: Pair) -> bool:
    held = [run.variant(name).get("equivalence_class") for name in (pair.left, pair.right)]
    return held[0] is not None and held[0] == held[1]


def why_left_out(run: Run, pair: Pair, alternative: bool = False) -> str:
    """Say why a pair does not count in its question's mean; empty where it does."""
    if _twins(run, pair):
        return ONE_FUNCTION
    return why_not(pair, run.variant(pair.left), run.variant(pair.right)) if alternative else ""


def _incomplete(run: Run, pairs: tuple[Pair, ...], dataset: str) -> str:
    names = dict.fromkeys(name for pair in pairs for name in (pair.left, pair.right))
    return listed([absent(run, name, dataset) for name in names if name not in run.scores(dataset)], 3)


def _mean_weights(pairs: tuple[Pair, ...]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for pair in pairs:
        for name, weight in pair.weights.items():
            weights[name] = weights.get(name, 0.0) + weight / len(pairs)
    return {name: weight for name, weight in weights.items() if weight}
