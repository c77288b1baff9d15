"""What each modality is worth, without training anything: late decisions over subsets of the stored experts.

The value of a subset is the metric of the rule on the experts of its modalities; of the empty one, of guessing.
The Shapley value of a modality is its mean gain over all orders in which the modalities can be added, exactly;
they sum to what all together gain over guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from scipy.special import log_softmax

from ...core.names import spell
from ...results.store import LOWEST
from .compare import Estimate, of_seeds
from .evidence import Evidence

RULES = ("late_mean", "late_product")
MOST = 8  # modalities: 256 subsets
SMALLEST = 1e-12

Subset = frozenset[int]


@dataclass(frozen=True)
class Worth:
    """What one modality is worth under a rule, positive where it helps.

    Parameters
    ----------
    modality, rule
        Names.
    shapley
        Its share of the gain over guessing.
    removal
        What is lost without it.
    """

    modality: str
    rule: str
    shapley: Estimate
    removal: Estimate


def worths(evidence: Evidence) -> list[Worth]:
    """Return the worth of every modality under both rules; none where an expert is not complete."""
    names = [m["name"] for m in evidence.about.get("modalities", [])]
    experts = [f"unimodal(modality={spell(name)})" for name in names]
    if not 2 <= len(names) <= MOST or any(expert not in evidence.names for expert in experts):
        return []
    return [worth for rule in RULES for worth in _Game(evidence, experts, rule).worths(names)]


class _Game:
    """The values of all subsets under a rule, and what follows from them."""

    def __init__(self, evidence: Evidence, experts: list[str], rule: str):
        self.evidence, self.rule, self.many = evidence, rule, len(experts)
        seeds = range(len(evidence.seeds))
        self.log_p = [np.stack([evidence.log_p(expert, s) for expert in experts]) for s in seeds]
        members = range(self.many)
        self.subsets = [frozenset(c) for size in range(self.many + 1) for c in combinations(members, size)]
        self.answers = [{subset: self._answer(s, subset) for subset in self.subsets} for s in seeds]
        self.values = np.array([[self.value(s, subset) for subset in self.subsets] for s in seeds])

    def _answer(self, seed: int, subset: Subset) -> np.ndarray:
        split, p = self.evidence.splits[seed], np.exp(self.log_p[seed])
        present = split.get("test_present", np.ones((p.shape[1], self.many), dtype=bool)).T.copy()
        present[[m for m in range(self.many) if m not in subset]] = False
        counts = np.bincount(split["train_labels"], minlength=p.shape[2]).astype(float)
        if self.evidence.run.suite.get("training", {}).get("class_weight") == "balanced":
            counts = np.ones_like(counts)  # the experts then answer under equal priors
        return combined(self.rule, p, present, counts / counts.sum())

    def value(self, seed: int, subset: Subset, kept: np.ndarray | None = None) -> float:
        """Return the metric of a subset on a seed's test rows, or on some of them, larger = better."""
        evidence = self.evidence
        if not subset:
            rows = np.arange(len(evidence.rows.labels[seed])) if kept is None else kept
            return evidence.sign * evidence.guess(seed, rows)
        answer = np.maximum(self.answers[seed][subset], LOWEST)
        return evidence.sign * evidence.measured(answer, seed, kept)

    def worths(self, names: list[str]) -> list[Worth]:
        """Return every modality's worth."""
        return [
            Worth(name, self.rule, self._estimate(_shapley(m, self.subsets)), self._estimate(self._without(m)))
            for m, name in enumerate(names)
        ]

    def _without(self, member: int) -> np.ndarray:
        whole = frozenset(range(self.many))
        return np.array([float(s == whole) - float(s == whole - {member}) for s in self.subsets])

    def _estimate(self, weights: np.ndarray) -> Estimate:
        each = self.values @ weights
        if not self.evidence.published:
            return of_seeds(each)
        used = [(w, subset) for w, subset in zip(weights, self.subsets, strict=True) if w]
        statistic: Any = lambda s, kept: sum(w * self.value(s, subset, kept) for w, subset in used)  # noqa: E731
        return of_seeds(each, float(self.evidence.rows.covariance(statistic)[0, 0]))


def combined(rule: str, p: np.ndarray, present: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return log probabilities (n, K) of experts' decisions under a rule.

    late_mean: the mean over the modalities present. late_product: softmax of Σ log p_m − (M − 1) log π, M those
    present. Rows in which none is present get the prior π.

    Parameters
    ----------
    rule
        `late_mean` or `late_product`.
    p
        Probabilities of each expert, (M, n, K).
    present
        (M, n) bool.
    prior
        Class frequencies on training rows, (K,).
    """
    here, log_prior = present[:, :, None], np.log(np.maximum(prior, SMALLEST))
    count = here.sum(0)
    if rule == "late_mean":
        mean = (p * here).sum(0) / np.maximum(count, 1)
        return np.where(count > 0, np.log(np.maximum(mean, SMALLEST)), log_prior)
    evidence = (np.log(np.maximum(p, SMALLEST)) * here).sum(0)
    return log_softmax(evidence - (count - 1) * log_prior, axis=1)


def _shapley(member: int, subsets: list[Subset]) -> np.ndarray:
    """Return the weight of each subset's value in a member's Shapley value."""
    many = max(map(len, subsets))
    weights = np.zeros(len(subsets))
    for place, subset in enumerate(subsets):
        others = len(subset - {member})
        share = factorial(others) * factorial(many - others - 1) / factorial(many)
        weights[place] = share if member in subset else -share
    return weights
