"""Checks that an entry does with absent modalities what its `absent` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from ..datasets.bundle import Bundle, Inputs
from .late.decisions import DecisionRule, Decisions
from .neural import NeuralVariant
from .registry import Entry
from .specimens import specimen, usual_kinds
from .trials import Trial, check, classes_of, fit, need


@check()
def keeps_its_word_on_absent_modalities(entry: Entry, name: str) -> None:
    """A row that lacks a modality is predicted as the entry's `absent` says."""
    data = specimen(usual_kinds(entry.requires), test=30, classes=classes_of(entry), absent=0.4)
    FOLLOWS[entry.absent](fit(name, data), data)


def _training_mean(trial: Trial, data: Bundle) -> None:
    """An absent input counts as the mean of the training rows that have it."""
    test, filled = data.test, {}
    for column, modality in enumerate(data.modalities):
        known = data.train.inputs[modality.name][data.train.present[:, column]].astype(np.float64)
        axes = (0,) if len(modality.shape) == 1 else (0, 2, 3)
        values = test.inputs[modality.name].copy()
        values[~test.present[:, column]] = known.mean(axes, keepdims=True)[0]
        filled[modality.name] = values
    said = trial.predict(Inputs(filled, np.ones_like(test.present)))
    furthest = np.abs(trial.predict() - said).max()
    need(furthest < 1e-4, f"with the training mean in place of what is absent it differs by {furthest:.1e}")


def _left_out(trial: Trial, data: Bundle) -> None:
    """Where one modality is there, its expert decides; a network's logits hold nothing of what is absent."""
    if isinstance(trial.variant, NeuralVariant):
        _left_out_of_network(trial.variant, data)
        return
    decisions, p = _decisions(trial, data), trial.predict()
    lone = np.flatnonzero(data.test.present.sum(1) == 1)
    expert = data.test.present[lone].argmax(1)
    same = decisions.p[expert, lone].argmax(1) == p[lone].argmax(1)
    need(
        same.all(),
        f"in {(~same).sum()} of {len(lone)} rows with one modality another class than its expert's wins",
    )


def _left_out_of_network(variant: NeuralVariant, data: Bundle) -> None:
    network, batch = variant.network.eval(), variant.batch(data.test.unlabelled())
    stirred = {}
    for m, (name, x) in enumerate(batch.inputs.items()):
        stirred[name] = torch.where(batch.present[:, m].view(-1, *[1] * (x.ndim - 1)), x, x + 1.0)
    with torch.no_grad():
        furthest = float((network(batch) - network(replace(batch, inputs=stirred))).abs().max())
    need(furthest < 1e-5, f"what stands in the place of an absent modality changes logits by {furthest:.1e}")


def _prior(trial: Trial, data: Bundle) -> None:
    """An absent modality counts as an expert that says the class prior."""
    decisions = _decisions(trial, data)
    there = decisions.present > 0
    told = replace(
        decisions, p=np.where(there, decisions.p, decisions.prior), present=np.ones_like(decisions.present)
    )
    scores = trial.variant.combine(told)  # type: ignore[attr-defined]
    some = np.flatnonzero(data.test.present.any(1))
    furthest = np.abs(scores / scores.sum(1, keepdims=True) - trial.predict())[some].max()
    need(furthest < 1e-6, f"with the prior in place of an absent expert it differs by {furthest:.1e}")


def _decisions(trial: Trial, data: Bundle) -> Decisions:
    rule = trial.variant
    need(isinstance(rule, DecisionRule), "its `absent` is for rules on decisions; expected 'training_mean'")
    return rule.decisions(data.test.unlabelled())  # type: ignore[attr-defined]


FOLLOWS: dict[str, Callable[[Trial, Bundle], None]] = {
    "training_mean": _training_mean,
    "left_out": _left_out,
    "prior": _prior,
}
