"""The dials of synthetic data, checked before anything is drawn, and what follows from them alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import cycle, islice
from typing import Any

import numpy as np

from ...core.errors import FusebenchError, unknown
from ...core.names import spell
from ..bundle import Modality

CUES = ("redundant", "private", "synergistic")
REDUNDANT, PRIVATE, SYNERGISTIC = range(len(CUES))

SHAPES = {"tabular": (16,), "image": (3, 16, 16), "audio": (1, 16, 16), "embedding": (16,)}
TURNS = ("tabular", "image", "audio")

MOST = 10  # ceilings and Shapley values go over all 2^M subsets

PerModality = float | Sequence[float]


@dataclass(frozen=True)
class Dials:
    """What a synthetic data set is made of.

    Parameters
    ----------
    modalities
        A number (tabular, image, audio, then tabular_2, image_2 …) or a list of kinds.
    classes
        Number of classes K; labels, cues and shares are symbols 0 … K−1.
    rows, test_rows
        Training rows (validation has a quarter of them) and test rows of one seed.
    d_r, d_u, d_s
        Strength of the redundant, private and synergistic cue, in standard deviations of the noise
        along a template: a number, or one per modality.
    rho_r, rho_u, rho_s
        Probability that the cue is the label itself and not a uniform symbol; `rho_u` may be given
        per modality.
    imbalance
        Prior of class 0 over prior of the last class.
    clutter
        Standard deviation of the noise outside the span of the templates; it changes no ceiling.
    templates
        Seed of the templates, which stay the same over the seeds of a suite.

    Raises
    ------
    FusebenchError
        For a value out of range, a list of the wrong length, no cue at all, synergy in one modality,
        or a modality with fewer dimensions than templates.
    """

    modalities: int | Sequence[str] = 3
    classes: int = 4
    rows: int = 1000
    test_rows: int = 4000
    d_r: PerModality = 0
    d_u: PerModality = 0
    d_s: PerModality = 0
    rho_r: float = 1
    rho_u: PerModality = 1
    rho_s: float = 1
    imbalance: float = 1
    clutter: float = 0.25
    templates: int = 0

    def __post_init__(self) -> None:
        for option in fields(self):  # JSON has lists only; tuples keep the dials hashable
            value = getattr(self, option.name)
            if isinstance(value, list):
                object.__setattr__(self, option.name, tuple(value))
        self._check_modalities()
        self._check_counts()
        for option in ("d_r", "d_u", "d_s"):
            self._check_numbers(option, "a number of at least 0", lambda d: d >= 0, listed=True)
        for option in ("rho_r", "rho_u", "rho_s"):
            self._check_numbers(option, "a number from 0 to 1", lambda r: r <= 1, listed=option == "rho_u")
        self._check_numbers("imbalance", "a number above 0", lambda g: g > 0)
        self._check_numbers("clutter", "a number of at least 0", lambda c: c >= 0)
        self._check_cues()

    @cached_property
    def inputs(self) -> tuple[Modality, ...]:
        """The modalities in order; the second of a kind is called `image_2`, and so on."""
        given = self.modalities
        kinds = list(islice(cycle(TURNS), given)) if isinstance(given, int) else list(given)
        seen: Counter[str] = Counter()
        made = []
        for kind in kinds:
            seen[kind] += 1
            name = kind if seen[kind] == 1 else f"{kind}_{seen[kind]}"
            made.append(Modality(name, kind, SHAPES[kind]))
        return tuple(made)

    @cached_property
    def strengths(self) -> np.ndarray:
        """Array of shape (3, M): d of each cue (in the order of `CUES`) in each modality."""
        return np.stack([self._spread(d) for d in (self.d_r, self.d_u, self.d_s)])

    @cached_property
    def private_rho(self) -> np.ndarray:
        """Array of shape (M,): ρ of each private cue."""
        return self._spread(self.rho_u)

    @cached_property
    def prior(self) -> np.ndarray:
        """Array of shape (K,): label probabilities, π_k ∝ γ^(−k/(K−1))."""
        steps = np.arange(self.classes) / (self.classes - 1)
        weights = np.exp(-math.log(self.imbalance) * steps)
        return weights / weights.sum()

    def _spread(self, value: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, dtype=float), (len(self.inputs),))

    def _check_modalities(self) -> None:
        given = self.modalities
        expected = f'1 to {MOST}, or a list of so many kinds such as ["tabular","image"]'
        if not isinstance(given, tuple):
            self._whole("modalities", 1, expected, most=MOST)
        elif not 1 <= len(given) <= MOST:
            raise _refused("modalities", given, f"a whole number, {expected}")
        else:
            for kind in given:
                if kind not in SHAPES:
                    raise unknown("kind in modalities", str(kind), SHAPES)

    def _check_counts(self) -> None:
        self._whole("classes", 2, "at least 2")
        least = 4 * self.classes
        self._whole("rows", least, f"at least {least}, four for each class")
        self._whole("test_rows", 1, "at least 1")
        self._whole("templates", 0, "at least 0, the seed of the templates")

    def _whole(self, option: str, least: int, expected: str, most: float = math.inf) -> None:
        value = getattr(self, option)
        if not _is_number(value) or value != int(value) or not least <= value <= most:
            raise _refused(option, value, f"a whole number, {expected}")
        object.__setattr__(self, option, int(value))

    def _check_numbers(
        self, option: str, expected: str, holds: Callable[[float], bool], listed: bool = False
    ) -> None:
        value, names = getattr(self, option), [m.name for m in self.inputs]
        if listed:
            expected += f", or a list of {len(names)}, one for each modality ({', '.join(names)})"
        if listed and isinstance(value, tuple) and len(value) != len(names):
            raise _refused(option, value, expected)
        numbers: tuple[Any, ...] = value if listed and isinstance(value, tuple) else (value,)
        if not all(_is_number(n) and n >= 0 and holds(n) for n in numbers):
            raise _refused(option, value, expected)

    def _check_cues(self) -> None:
        if not self.strengths.any():
            raise FusebenchError(
                "there is no cue, since d_r, d_u and d_s are all 0; give at least one, such as d_u=2."
            )
        if self.strengths[SYNERGISTIC].any() and len(self.inputs) < 2:
            raise _refused("d_s", self.d_s, "0 with one modality: shares need at least two modalities")
        for modality, in_use in zip(self.inputs, (self.strengths > 0).sum(axis=0), strict=True):
            if modality.size < self.classes * in_use:
                raise FusebenchError(
                    f"modality {modality.name!r} has {modality.size} dimensions, and {in_use} cues of "
                    f"{self.classes} classes need {self.classes * in_use}: lower classes, or set d_r, "
                    "d_u or d_s to 0 for this modality."
                )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refused(option: str, value: object, expected: str) -> FusebenchError:
    return FusebenchError(f"option {option}={spell(value)} was given, expected {expected}.")
