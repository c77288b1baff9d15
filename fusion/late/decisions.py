"""What every rule on decisions shares: experts trained apart, one a modality, as stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...core.names import Name, parse
from ...core.seeding import Seeds
from ...datasets.bundle import Inputs, Rows
from ..stages import LocalStages
from ..variant import Task, Variant, as_seeds

EXPERTS = ("unimodal", "unimodal_classical")
SMALLEST = 1e-12  # probabilities are kept above it where a logarithm is taken


@dataclass(frozen=True)
class Decisions:
    """What the experts say about n rows.

    Parameters
    ----------
    p
        Class probabilities, (M, n, K).
    present
        1 where the modality is there, else 0, (M, n, 1).
    prior
        Class frequencies on training rows, (K,); what is assumed where nothing is present.
    """

    p: np.ndarray
    present: np.ndarray
    prior: np.ndarray

    @property
    def log_p(self) -> np.ndarray:
        """Clipped log probabilities, (M, n, K)."""
        return np.log(np.maximum(self.p, SMALLEST))

    @property
    def count(self) -> np.ndarray:
        """Modalities present in each row, (n, 1), at least 1."""
        return np.maximum(self.present.sum(0), 1)


class DecisionRule(Variant):
    """Base: takes one expert a modality from the stages and combines their probabilities.

    A subclass implements `combine(decisions) → (n, K)`, and `learn(decisions, labels)` where the rule
    has weights; these see validation rows, which the experts were not fitted to. Weights of `combine`
    need not be normalised: rows are scaled to sum 1 here.

    Parameters
    ----------
    task
        What it is built for.
    experts
        The baseline that gives the experts, `unimodal` or `unimodal_classical`, with options where not all are the
        defaults: `unimodal_classical(learner=logreg)`.
    """

    name = "decisions"

    def __init__(self, task: Task, experts: str = "unimodal"):
        super().__init__(task)
        self.expert = parse(experts)
        if self.expert.base not in EXPERTS or "modality" in self.expert.options or self.expert.wrappers:
            raise ValueError(f"experts={experts!r} is not one of {', '.join(EXPERTS)}, whose options may be given")

    def needs(self) -> tuple[str, ...]:
        """Names of the experts."""
        base, options = self.expert.base, self.expert.options
        return tuple(str(Name(base, {**options, "modality": name})) for name in self.task.names)

    def combine(self, d: Decisions) -> np.ndarray:
        """Return class scores (n, K), none negative."""
        raise NotImplementedError

    def learn(self, d: Decisions, labels: np.ndarray, seeds: Seeds) -> None:
        """Fit what the rule has to fit on validation rows; by default nothing."""

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Take the experts, learn the rule on validation rows."""
        seeds = as_seeds(seed, self.name)
        stages = self.stages or LocalStages(self.task, train, validation, seeds)
        self.experts = [stages.get(name) for name in self.needs()]
        counts = np.bincount(train.labels, minlength=len(self.task.classes)).astype(float)
        if self.task.settings.class_weight == "balanced":  # experts then answer under equal priors
            counts = np.ones_like(counts)
        self.prior = counts / counts.sum()
        self.learn(self.decisions(validation), validation.labels, seeds)
        return self

    def decisions(self, inputs: Inputs) -> Decisions:
        """Ask every expert."""
        p = np.stack([expert.predict_proba(inputs) for expert in self.experts])
        return Decisions(p, inputs.present.T[:, :, None].astype(float), self.prior)

    def predict_proba(self, inputs: Inputs) -> np.ndarray:
        """Return the combined probabilities; the prior where no modality is present."""
        decisions = self.decisions(inputs)
        scores = self.combine(decisions)
        total = scores.sum(1, keepdims=True)
        blind = (decisions.present.sum(0) == 0) | (total <= 0)
        return np.where(blind, self.prior, scores / np.where(total > 0, total, 1))

    def parameters(self) -> int | None:
        """Parameters of all experts together; None where they are classical."""
        counts = [expert.parameters() for expert in self.experts]
        return None if None in counts else sum(counts)

    def flops(self, inputs: Inputs) -> int | None:
        """Operations of all experts together; None where they are not counted."""
        counts = [expert.flops(inputs) for expert in self.experts]
        return None if None in counts else sum(counts)

    def learned(self) -> dict[str, Any]:
        """Return what `learn` fitted, by attribute name."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return prior and learned weights; the experts are stages and kept as such."""
        return {"prior": self.prior, "learned": self.learned()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take the experts from the stages and the rest from the state."""
        assert self.stages is not None
        self.experts = [self.stages.get(name) for name in self.needs()]
        self.prior = state["prior"]
        for attribute, value in state["learned"].items():
            setattr(self, attribute, value)
        return self


class FunctionRule(DecisionRule):
    """A rule written as a function of `Decisions`."""

    def __init__(self, task: Task, rule: Callable[..., np.ndarray], experts: str = "unimodal", **options: Any):
        super().__init__(task, experts)
        self.rule, self.options = rule, options

    def combine(self, d: Decisions) -> np.ndarray:
        """Apply the rule."""
        return self.rule(d, **self.options)
