"""The dials of synthetic data, checked before anything is drawn, and what follows from them alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import cycle, islice
from typing import Any

import numpy as np

from ...core.errors import FusebenchError, unknown
from ..bundle import Modality
from . import checks

CUES = ("redundant", "private", "synergistic")
REDUNDANT, PRIVATE, SYNERGISTIC = range(len(CUES))

SHAPES = {"tabular": (16,), "image": (3, 16, 16), "audio": (1, 16, 16), "embedding": (16,)}
TURNS = ("tabular", "image", "audio")

MOST = 10  # ceilings and Shapley values go over all 2^M subsets
MOST_ROWS = 10_000_000
LEAST_CLUTTER = 0.001  # below it the density of a shift swallows that of the cues in rounding

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
        Standard deviation of the noise outside the span of the templates; it changes no ceiling, except
        under `time_shift`, which needs 0.001 of it.
    templates
        Seed of the templates, which stay the same over the seeds of a suite.
    misaligned
        Probability that the content of a modality belongs to another label, drawn from the prior for
        this row and modality alone: its redundant and its private symbol share that label, its share is
        uniform. A number, or one per modality.
    missing
        Probability that a modality is absent given the label (before `label_noise`), drawn apart for each
        modality: a number, or a list with an entry per modality, each a number or a list of one per class.
        By this law a row may lack every modality, with the product of the probabilities; all that is known
        of its label then is the prior and what absence tells.
    label_noise
        Probability that the label which is given, and scored, is a uniform symbol in place of the label
        that the row was drawn for.
    snr_levels
        Pairs [level, weight]: each row draws a level, which multiplies its strengths in all modalities and
        is not observed. Weights sum to 1.
    time_shift
        Each modality of a row, noise included, is rolled along its last axis by a shift drawn uniformly
        from 0 to this number of cells.
    correlated_noise
        Strength c of a noise that the modalities share: c·g·v is added, with one standard normal g per row
        and a fixed unit vector v over the template coefficients of all modalities (see
        `templates.direction`). It makes modalities dependent given the label.

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
    misaligned: PerModality = 0
    missing: float | Sequence[float | Sequence[float]] = 0
    label_noise: float = 0
    snr_levels: Sequence[Sequence[float]] = ((1, 1),)
    time_shift: int = 0
    correlated_noise: float = 0

    def __post_init__(self) -> None:
        for option in fields(self):
            object.__setattr__(self, option.name, checks.hashable(getattr(self, option.name)))
        self._check_modalities()
        self._check_counts()
        self._check_numbers()
        self._check_cues()
        self._check_nuisances()

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
        """Array of shape (K,): label probabilities before `label_noise`, π_k ∝ γ^(−k/(K−1))."""
        steps = np.arange(self.classes) / (self.classes - 1)
        weights = np.exp(-math.log(self.imbalance) * steps)
        return weights / weights.sum()

    @cached_property
    def given_prior(self) -> np.ndarray:
        """Array of shape (K,): probabilities of the labels that are given, (1−ν)·π_k + ν/K."""
        if not self.label_noise:
            return self.prior
        return (1 - self.label_noise) * self.prior + self.label_noise / self.classes

    @cached_property
    def misalignment(self) -> np.ndarray:
        """Array of shape (M,): probability that a modality holds the content of another label."""
        return self._spread(self.misaligned)

    @cached_property
    def absence(self) -> np.ndarray:
        """Array of shape (M, K): P(modality m is absent | label y)."""
        given = self.missing
        entries = given if isinstance(given, tuple) else (given,) * len(self.inputs)
        return np.stack([np.broadcast_to(np.asarray(e, dtype=float), self.classes) for e in entries])

    @property
    def levels(self) -> tuple[tuple[float, float], ...]:
        """Pairs (level, weight) of what multiplies a row's strengths."""
        return tuple((float(level), float(weight)) for level, weight in self.snr_levels)

    def _spread(self, value: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, dtype=float), (len(self.inputs),))

    def _check_modalities(self) -> None:
        given = self.modalities
        expected = f'1 to {MOST}, or a list of so many kinds such as ["tabular","image"]'
        if not isinstance(given, tuple):
            self._whole("modalities", 1, expected, most=MOST)
        elif not 1 <= len(given) <= MOST:
            raise checks.refused("modalities", given, f"a whole number, {expected}")
        else:
            for kind in given:
                if kind not in SHAPES:
                    raise unknown("kind in modalities", str(kind), SHAPES)

    def _check_counts(self) -> None:
        self._whole("classes", 2, "at least 2")
        least = 4 * self.classes
        self._whole("rows", least, f"from {least}, four for each class, to {MOST_ROWS:,}", most=MOST_ROWS)
        self._whole("test_rows", 1, f"from 1 to {MOST_ROWS:,}", most=MOST_ROWS)
        self._whole("templates", 0, "at least 0, the seed of the templates")
        longest = min(modality.shape[-1] for modality in self.inputs) - 1
        self._whole("time_shift", 0, f"0 to {longest}, less than a last axis has cells", most=longest)

    def _whole(self, option: str, least: int, expected: str, most: float = math.inf) -> None:
        value = checks.whole(option, getattr(self, option), least, expected, most)
        object.__setattr__(self, option, value)

    def _check_numbers(self) -> None:
        names = [modality.name for modality in self.inputs]
        for option in ("d_r", "d_u", "d_s", "clutter", "correlated_noise"):
            listed = names if option.startswith("d_") else None
            checks.numbers(option, getattr(self, option), "a number of at least 0", lambda d: d >= 0, listed)
        for option in ("rho_r", "rho_u", "rho_s", "misaligned", "label_noise"):
            listed = names if option in ("rho_u", "misaligned") else None
            checks.numbers(option, getattr(self, option), "a number from 0 to 1", lambda p: p <= 1, listed)
        checks.numbers("imbalance", self.imbalance, "a number above 0", lambda g: g > 0)

    def _check_cues(self) -> None:
        if not self.strengths.any():
            raise FusebenchError(
                "there is no cue, since d_r, d_u and d_s are all 0; give at least one, such as d_u=2."
            )
        if self.strengths[SYNERGISTIC].any() and len(self.inputs) < 2:
            raise checks.refused("d_s", self.d_s, "0 with one modality: shares need at least two modalities")
        for modality, in_use in zip(self.inputs, (self.strengths > 0).sum(axis=0), strict=True):
            if modality.size < self.classes * in_use:
                raise FusebenchError(
                    f"modality {modality.name!r} has {modality.size} dimensions, and {in_use} cues of "
                    f"{self.classes} classes need {self.classes * in_use}: lower classes, or set d_r, "
                    "d_u or d_s to 0 for this modality."
                )

    def _check_nuisances(self) -> None:
        names = [modality.name for modality in self.inputs]
        checks.probabilities_by_class("missing", self.missing, names, self.classes)
        checks.weighted_levels("snr_levels", self.snr_levels)
        if self.time_shift and self.clutter < LEAST_CLUTTER:
            why = "without noise around the templates a row shows its shift"
            raise checks.refused("clutter", self.clutter, f"at least {LEAST_CLUTTER} with time_shift: {why}")
