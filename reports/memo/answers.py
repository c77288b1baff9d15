"""The memo's questions answered from a run: every pair judged, and the code that chooses the words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from ..run import Run
from ..statistics import LEVEL, holm
from ..versus import Difference, Pairing, measure
from .looks import ALL, ONE, Look, looks
from .questions import MEMO, Part, Question


@dataclass(frozen=True)
class Judged:
    """A pair of the memo in a run.

    Parameters
    ----------
    part
        What it stands under.
    left, right
        Its two variants.
    absent
        Those of the two that the run does not have.
    pairing
        The two on the data sets where both are complete; None where one is absent.
    looks
        What these say; none where they never met.
    same
        Whether the run's own suite.json declares the two to be one function.
    """

    part: Part
    left: str
    right: str
    absent: tuple[str, ...]
    pairing: Pairing | None
    looks: tuple[Look, ...]
    same: bool

    @property
    def differences(self) -> tuple[Difference, ...]:
        """One a data set."""
        return self.pairing.differences if self.pairing else ()

    @property
    def state(self) -> str:
        """`absent`, `unmet`, `unseeded` or `judged`."""
        if self.absent:
            return "absent"
        if not self.looks:
            return "unmet"
        return "judged" if self.pairing and self.pairing.seeded else "unseeded"

    @property
    def told(self) -> tuple[Look, ...]:
        """The looks at which one side is ahead."""
        return tuple(look for look in self.looks if look.word in ("left", "right"))


@dataclass(frozen=True)
class Chance:
    """How many intervals of data sets leave out zero where the two sides are one function.

    `low` and `high` are the exact 95 % interval of the rate (Clopper and Pearson 1934), as if the pairs were
    independent.
    """

    beyond: int
    total: int
    low: float
    high: float


@dataclass(frozen=True)
class Answer:
    """A question and what the run says of it."""

    question: Question
    judged: tuple[Judged, ...]

    def of(self, *keys: str) -> tuple[Judged, ...]:
        """Return the pairs of some parts."""
        return tuple(pair for pair in self.judged if pair.part.key in keys)

    @property
    def code(self) -> str:
        """What chooses the answer's first words."""
        return code(self.of(*self.question.opens))

    @cached_property
    def adjusted(self) -> dict[tuple[str, str, int], float]:
        """(left, right, place of the look) → its p, Holm over the question's looks at pairs of two functions."""
        keys, values = [], []
        for pair in self.judged:
            if pair.state == "judged" and not pair.part.same:
                keys += [(pair.left, pair.right, place) for place in range(len(pair.looks))]
                values += [look.p for look in pair.looks]
        return dict(zip(keys, map(float, holm(np.array(values, dtype=float))), strict=True))

    @property
    def told(self) -> int:
        """How many of these looks, each by itself, say that one side is ahead."""
        return len(self._firm(self.judged))

    @property
    def firm(self) -> int:
        """How many of them do so after Holm."""
        return sum(self._firm(self.judged))

    @property
    def grade(self) -> str:
        """How much of what it opens with Holm leaves: `firm`, `partly` or `alone`; empty if nothing is told."""
        left = self._firm(self.of(*self.question.opens))
        if not left:
            return ""
        return "firm" if all(left) else "partly" if any(left) else "alone"

    def _firm(self, pairs: Iterable[Judged]) -> list[bool]:
        """Return whether each look that says who is ahead, at a pair of two functions, does so after Holm."""
        return [
            self.adjusted[pair.left, pair.right, place] <= LEVEL
            for pair in pairs
            if pair.state == "judged" and not pair.part.same
            for place, look in enumerate(pair.looks)
            if look in pair.told
        ]


def answers(run: Run) -> tuple[Answer, ...]:
    """Answer every question of the memo."""
    return tuple(Answer(q, tuple(_judge(run, *pair) for pair in q.pairs)) for q in MEMO)


def _judge(run: Run, part: Part, left: str, right: str) -> Judged:
    absent = tuple(name for name in (left, right) if name not in run.variants)
    pairing = None if absent else measure(run, left, right)
    held = [run.variant(name).get("equivalence_class") for name in (left, right)]
    same = part.same and held[0] is not None and held[0] == held[1]
    return Judged(part, left, right, absent, pairing, looks(run, pairing) if pairing else (), same)


def code(pairs: Sequence[Judged]) -> str:
    """Return the code of a verdict over pairs.

    `absent`: none of them has met in this run; `unseeded`: no seeds for an interval; `open`: no look says which
    side is ahead; `depends`: looks say both; `left`, `right`: every pair says so over all data sets; else
    `left_there`, `right_there`: some look does.
    """
    met = [pair for pair in pairs if pair.looks]
    if not met:
        return "absent"
    held = [pair for pair in met if pair.state == "judged"]
    if not held:
        return "unseeded"
    sides = {look.word for pair in held for look in pair.told}
    if len(sides) != 1:
        return "depends" if sides else "open"
    (side,) = sides
    everywhere = all(look.word == side for pair in held for look in pair.looks if look.scope == ALL)
    return side if everywhere else f"{side}_there"


def chance(pairs: Iterable[Judged]) -> Chance | None:
    """Count the intervals of data sets that leave out zero; None where there is none."""
    each = [d for pair in pairs if pair.same for d in pair.differences if math.isfinite(d.whole)]
    if not each:
        return None
    beyond = sum(d.told for d in each)
    ends = stats.binomtest(beyond, len(each)).proportion_ci(0.95, "exact")
    return Chance(beyond, len(each), float(ends.low), float(ends.high))


def restless(found: Iterable[Answer]) -> dict[str, tuple[Judged, Difference]]:
    """Return data set → the widest gap that its interval shows between two names of one function."""
    widest: dict[str, tuple[Judged, Difference]] = {}
    for pair in (pair for answer in found for pair in answer.judged if pair.same):
        for each in pair.differences:
            if each.told and (
                each.dataset not in widest or abs(each.effect) > abs(widest[each.dataset][1].effect)
            ):
                widest[each.dataset] = pair, each
    return widest


def shaken(answer: Answer, widest: dict[str, tuple[Judged, Difference]]) -> tuple[str, ...]:
    """Return the data sets that speak alone in an answer, and set names of one function apart too."""
    alone = [look.datasets[0] for pair in answer.judged for look in pair.told if look.scope == ONE]
    return tuple(dict.fromkeys(name for name in alone if name in widest))
