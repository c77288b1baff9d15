"""The synthetic data sets: one class, and the settings under which it is registered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ...core.errors import FusebenchError
from ...core.names import Name, canonical
from ...core.seeding import generator
from ..bundle import Bundle, Modality, Rows, check
from ..card import Card, DataSet
from ..registry import register
from .ceilings import affordable, ceilings
from .dials import Dials
from .generator import draw_inputs, draw_symbols, project
from .nuisances import draw_nuisances
from .posterior import log_posterior
from .templates import patterns_of


@dataclass(frozen=True, init=False)
class Synthetic(DataSet):
    """Tabular, image and audio rows drawn by a known law, so that the best possible accuracy is known.

    The options are the fields of `Dials`. They stand in an object of their own because three of them
    (`modalities`, `classes`, `rows`) are numbers where a data set says what it has.

    Raises
    ------
    FusebenchError
        For options that contradict each other or are out of range, before anything is drawn.
    """

    dials: Dials

    def __init__(self, *, name: str = "", **dials: Any) -> None:
        try:
            checked = Dials(**dials)
        except FusebenchError as error:
            raise FusebenchError(f"Data set {name or 'synthetic'!r}: {error}") from error
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "dials", checked)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Options and their default values."""
        return {option.name: option.default for option in fields(Dials)}

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The inputs, in the data set's order."""
        return self.dials.inputs

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names: the symbols "0" … "K−1"."""
        return tuple(str(k) for k in range(self.dials.classes))

    @property
    def rows(self) -> dict[str, int]:
        """Rows of a seed by split; validation has a quarter of the training rows."""
        return {
            "train": self.dials.rows,
            "validation": self.dials.rows // 4,
            "test": self.dials.test_rows,
        }

    @property
    def folds(self) -> int:
        """More than any run has seeds: a seed is a fresh draw, its own fold, and none comes back."""
        return 2**31

    def patterns(self) -> list[np.ndarray]:
        """Return the templates of each modality, (3, K, *shape): the same for every seed."""
        return list(patterns_of(self.dials))

    def load(self, seed: int) -> Bundle:
        """Draw the rows of a seed; each carries its exact `log_posterior` given all modalities."""
        patterns = self.patterns()
        splits = {split: self._draw(seed, split, n, patterns) for split, n in self.rows.items()}
        return check(Bundle(self.modalities, self.classes, **splits), self.name or "synthetic")

    def _draw(self, seed: int, split: str, rows: int, patterns: list[np.ndarray]) -> Rows:
        rng = generator("synthetic", dataset=self.name, seed=seed, split=split)
        labels, symbols = draw_symbols(self.dials, rows, rng)
        hidden = draw_nuisances(self.dials, labels, rng)
        inputs = draw_inputs(self.dials, patterns, symbols, rng, hidden)
        z = project(inputs, patterns, hidden.present, self.dials.time_shift)
        return Rows(
            {m.name: x.astype(np.float32) for m, x in zip(self.modalities, inputs, strict=True)},
            hidden.present,
            hidden.given,
            np.array([f"{seed}-{split}-{i}" for i in range(rows)]),
            log_posterior=log_posterior(z, self.dials),
        )

    def bayes(self, draws: int | None = None) -> dict[str, Any]:
        """Return the exact ceilings of every subset of modalities, and the modalities' Shapley values.

        Parameters
        ----------
        draws
            Rows averaged over; the standard errors, given beside every value, fall with its root. By
            default 100,000, or fewer where they would take long (`ceilings.affordable`).

        Returns
        -------
        As `ceilings.ceilings` says; the same at every call.
        """
        return ceilings(self.dials, generator("bayes", dataset=self.name), draws or affordable(self.dials))

    def identity(self) -> str:
        """Return the dials that are not at their default: a preset's are in no name and no source."""
        given = {option.name: getattr(self.dials, option.name) for option in fields(Dials)}
        return str(canonical(Name("synthetic", given), self.defaults(), "synthetic data"))


def _card(title: str, summary: str, *notes: str) -> Card:
    return Card(
        title,
        summary,
        pairing="synthetic",
        source_family="synthetic",
        licence="generated, none needed",
        checksum_source="generated, nothing to download",
        notes=notes,
    )


_PRESETS: dict[str, tuple[Card, dict[str, Any]]] = {
    "synthetic": (
        _card(
            "Synthetic, dials free",
            "Set d_r, d_u or d_s: how much is redundant, private or synergistic.",
            "Has no cue unless one is given, such as synthetic(d_u=2).",
            "Labels, ceilings and posteriors are those of the labels that are given, after label_noise.",
            "With missing, modalities are absent independently given the label, so that some rows lack all "
            "of them; the best guess there is the likeliest label given that.",
        ),
        {},
    ),
    "synthetic_redundant": (
        _card(
            "Synthetic, redundant",
            "One uncertain cue, seen by every modality.",
            "Experts share the error of the cue, so a product of posteriors counts it once per modality; "
            "the best rule adds evidence about the cue before it reads the label.",
            "Log-loss shows this more than accuracy does.",
        ),
        {"d_r": 1.5, "rho_r": 0.6},
    ),
    "synthetic_private": (
        _card(
            "Synthetic, private",
            "A cue of its own in every modality, independent given the label.",
            "The product of the exact posteriors is optimal here; fitted experts are overconfident, so "
            "mean and product come close until experts are calibrated.",
        ),
        {"d_u": 2, "rho_u": 0.6},
    ),
    "synthetic_mixed": (
        _card(
            "Synthetic, mixed",
            "A redundant and a private cue in every modality.",
            "No rule on the posteriors of single modalities reaches the ceiling, without any synergy.",
        ),
        {"d_r": 1.5, "rho_r": 0.7, "d_u": 2, "rho_u": 0.6},
    ),
    "synthetic_synergy": (
        _card(
            "Synthetic, synergy",
            "The label is the sum of one share per modality, modulo the number of classes.",
            "Every proper subset of modalities is at chance, and so is any fixed rule on experts that were "
            "trained apart. A score trained through the sum of experts can exceed chance.",
        ),
        {"d_s": 6, "rows": 2000},
    ),
    "synthetic_mixed_synergy": (
        _card(
            "Synthetic, mixed with synergy",
            "Redundant, private and synergistic cues at once.",
            "Leaving out one modality loses its private cue and the whole of the synergy.",
        ),
        {"d_r": 1.5, "rho_r": 0.7, "d_u": 2, "rho_u": 0.6, "d_s": 4, "rho_s": 0.7},
    ),
}

for _id, (_its_card, _preset) in _PRESETS.items():
    register(_id, _its_card, _preset)(Synthetic)
