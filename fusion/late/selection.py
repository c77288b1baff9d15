"""Rules that choose among several algorithms for each modality, by their decisions on validation rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ...core.names import spell
from ...core.seeding import Seeds
from ...datasets.bundle import Inputs, Rows
from ..registry import register
from ..variant import Task, Variant
from .decisions import SMALLEST, DecisionRule, Decisions
from .rules import DECISION, late_product

# the network, gradient boosting and logistic regression; a modality's name goes into each
BREEDS = (
    "unimodal(modality={})",
    "unimodal_classical(modality={})",
    "unimodal_classical(learner=logreg,modality={})",
)


class BreedRule(DecisionRule):
    """Base: several experts a modality, of which validation rows choose.

    A subclass implements `choose`, which sets `share`: how a modality's decision p_m = Σ_b s_{m,b} p_{m,b} is made
    up of its breeds'. Breeds without a share are not asked.

    Parameters
    ----------
    task
        What it is built for.
    """

    def __init__(self, task: Task):
        super().__init__(task)
        self.share = np.full((len(task.names), len(BREEDS)), 1 / len(BREEDS))

    def needs(self) -> tuple[str, ...]:
        """Names of the experts, modality by modality."""
        return tuple(breed.format(spell(name)) for name in self.task.names for breed in BREEDS)

    def choose(self, p: np.ndarray, present: np.ndarray, labels: np.ndarray) -> None:
        """Set the shares by what the breeds say about validation rows: p (M, B, n, K), present (M, n)."""
        raise NotImplementedError

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Take the experts, choose on validation rows."""
        super().fit(train, validation, seed)
        p = np.stack([expert.predict_proba(validation) for expert in self.experts])
        self.choose(p.reshape(*self.share.shape, *p.shape[1:]), validation.present.T, validation.labels)
        return self

    @property
    def asked(self) -> list[Variant]:
        """The experts that have a share, modality by modality."""
        return [expert for share, expert in zip(self.share.flat, self.experts, strict=True) if share > 0]

    def decisions(self, inputs: Inputs) -> Decisions:
        """Ask the breeds that have a share."""
        p = np.zeros((len(self.share), len(inputs), len(self.prior)))
        for place, share in enumerate(self.share.flat):
            if share > 0:
                p[place // len(BREEDS)] += share * self.experts[place].predict_proba(inputs)
        return Decisions(p, inputs.present.T[:, :, None].astype(float), self.prior)

    def learned(self) -> dict[str, Any]:
        """Return the shares."""
        return {"share": self.share}


@register(
    "late_best_of_breed",
    **DECISION,
    tier="full",
    operator="product",
    reference="Kittler et al. 1998, doi 10.1109/34.667881 (the product)",
    words=("an algorithm for each modality", "heterogeneous experts"),
    complexity="O(M K), K classes; three trainings a modality",
)
class LateBestOfBreed(BreedRule):
    """softmax(Σ_m log p_{m,b(m)} − (M_present − 1) log π): each modality with the algorithm that suits it.

    b(m) has the lowest log-loss on the validation rows that have modality m, among the network, gradient boosting
    and logistic regression. The memo's claim for late fusion, that each modality can be trained with an algorithm
    of its own; against `late_product` it shows what that brings.
    """

    def choose(self, p: np.ndarray, present: np.ndarray, labels: np.ndarray) -> None:
        """Give each modality's best breed the whole share."""
        said = np.maximum(p[:, :, np.arange(len(labels)), labels], SMALLEST)
        loss = -(np.log(said) * present[:, None]).sum(2)
        self.share = np.eye(len(BREEDS))[loss.argmin(1)]

    def combine(self, d: Decisions) -> np.ndarray:
        """Multiply what the chosen say, the prior divided out."""
        return late_product(d)


@register(
    "late_ensemble_selection",
    **DECISION,
    tier="full",
    operator="ensemble_selection",
    reference="Caruana et al. 2004, doi 10.1145/1015330.1015432",
    words=("ensemble selection", "greedy ensemble", "hill climbing"),
    complexity="O(M B K), B algorithms a modality, K classes; B trainings a modality",
)
class LateEnsembleSelection(BreedRule):
    """Σ_{m,b} c_{m,b} p_{m,b} / Σ_{m,b} c_{m,b} over the modalities present, counts c chosen greedily.

    In each of `steps` rounds the expert that lowers the ensemble's log-loss on validation rows the most, or raises
    it the least, joins once more; the best ensemble of the path stays. The library holds a network, boosting and
    logistic regression for each modality. The paper starts from the best few members so that few validation rows
    mislead less; here every modality's network starts, which is `late_mean`: no modality is ever silent, and on
    validation rows the result cannot be worse than that mean. 50 rounds are weights in steps of about 1/50.
    """

    def __init__(self, task: Task, steps: int = 50):
        super().__init__(task)
        self.steps = steps
        self.weights = np.full(len(task.names), 1 / len(task.names))

    def choose(self, p: np.ndarray, present: np.ndarray, labels: np.ndarray) -> None:
        """Add experts one at a time; keep the counts of the best round."""
        seen = present.any(0)
        there = np.repeat(present[:, seen].astype(float), len(BREEDS), axis=0)
        said = p[:, :, np.arange(len(labels)), labels][:, :, seen].reshape(there.shape) * there
        counts = np.zeros(len(there))
        counts[:: len(BREEDS)] = 1
        path, losses = [counts], [log_loss(counts @ said, counts @ there)]
        for _ in range(self.steps if seen.any() else 0):
            tried = log_loss(counts @ said + said, counts @ there + there)
            counts = counts + np.eye(len(counts))[tried.argmin()]
            path.append(counts)
            losses.append(tried.min())
        best = path[int(np.argmin(losses))].reshape(self.share.shape)
        self.share = best / best.sum(1, keepdims=True)
        self.weights = best.sum(1) / best.sum()

    def combine(self, d: Decisions) -> np.ndarray:
        """Return the members' mean over the modalities present."""
        return np.einsum("m,mnk->nk", self.weights, d.p * d.present)

    def learned(self) -> dict[str, Any]:
        """Return shares and weights."""
        return {"share": self.share, "weights": self.weights}


def log_loss(said: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the mean of −log(sum of the members' p(y) / number of members) over the last axis."""
    return -np.log(np.maximum(said / members, SMALLEST)).mean(-1)
