"""Gradient modulation: the extractor of the modality that is ahead makes shorter steps."""

from __future__ import annotations

from itertools import combinations
from math import ceil, exp, factorial, floor, log
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..network import Batch, Training
from ..wrappers import register_wrapper
from .parts import Parts, quiet

EXACT = 3  # modalities up to which all subsets are evaluated
FASTEST = log(2.0)


@register_wrapper(
    "ogm_ge",
    reference="Peng et al. 2022, arXiv 2203.15332",
    also_known_as={"BalanceBenchmark": "OGMTrainer"},
    words=("ogm", "on-the-fly gradient modulation"),
)
class OgmGe(Parts):
    """k_m = 1 − tanh(αρ_m) if ρ_m > 1 else 1, ρ_m = s_m / mean_{j≠m} s_j, s_m = Σ_i softmax(z_m)[y_i].

    The step of modality m's extractor is k_m times as long. z_m is what the network says of modality m alone:
    W_m h_m + b/M for a Linear head on a concatenation, as in the paper; for any other join and head f it is
    f(h_m beside zeros) − (1 − 1/M) f(zeros), which is the same there. Noise N(0, standard deviation of the
    gradient) is then added to each gradient. With two modalities the mean of the others is the other. Every
    parameter of an extractor is meant: the published code looks for four-dimensional gradients and leaves a
    table's layers alone.

    Under AdamW a factor on the gradient cancels, so the update is shortened (learning rate of the extractor's
    group), the noise with it; under `+sgd` the gradient is k∇ + noise, as published. Defaults: α = 0.3 as in
    BalanceBenchmark; it acts in the first half of the epochs, `since` to `until` as shares of all.
    """

    def attach(self, alpha: float = 0.3, since: float = 0.0, until: float = 0.5, noise: bool = True) -> None:
        """Keep the options."""
        if not 0 <= since < until <= 1:
            raise ValueError(f"since={since} and until={until} are not shares of the epochs, one before the other")
        self.ogm_ge: dict[str, Any] = {"alpha": alpha, "since": since, "until": until, "noise": noise}

    def gradients(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Take the gradients, then shorten and disturb them."""
        loss = super().gradients(batch, labels, class_weight, training)
        if in_window(training, self.ogm_ge["since"], self.ogm_ge["until"]):
            with training.precision():
                z = self.alone_logits(batch)
            factors = ogm_factors(label_scores(z, labels), self.ogm_ge["alpha"])
            noise = self._noise(training) if self.ogm_ge["noise"] else []
            self.rescale(training, factors)
            for p, disturbance in noise:
                p.grad.add_(disturbance)
        return loss

    @staticmethod
    def _noise(training: Training) -> list[tuple[Any, Tensor]]:
        groups = [group for group in training.optimiser.param_groups if "part" in group]
        moved = [p for group in groups for p in group["params"] if p.grad is not None]
        return [(p, torch.randn_like(p.grad) * p.grad.std(correction=0)) for p in moved]


def in_window(training: Training, since: float, until: float) -> bool:
    """Return whether an epoch lies between two shares of all epochs."""
    return floor(since * training.epochs) < training.epoch <= ceil(until * training.epochs)


def label_scores(z: Tensor, labels: Tensor) -> list[float]:
    """Return Σ_i softmax(z_m)[y_i] of each modality; z is (M, n, K)."""
    places = labels.expand(len(z), -1)[..., None]
    return z.softmax(-1).gather(-1, places).sum((1, 2)).tolist()


def means_of_others(values: list[float]) -> list[float]:
    """Return, for each modality's number, the mean of the other modalities'."""
    return [(sum(values) - own) / (len(values) - 1) for own in values]


def ogm_factors(scores: list[float], alpha: float) -> list[float]:
    """Return each modality's factor k_m."""
    pairs = zip(scores, means_of_others(scores), strict=True)
    ratios = torch.tensor([own / max(rest, 1e-12) for own, rest in pairs])
    return torch.where(ratios > 1, 1 - torch.tanh(alpha * ratios), torch.ones(())).tolist()


@register_wrapper(
    "agm",
    reference="Li et al. 2023, arXiv 2308.07686",
    also_known_as={"BalanceBenchmark": "AGMTrainer"},
    words=("adaptive gradient modulation", "shapley"),
)
class Agm(Parts):
    """κ_m = exp(α(τ_m − r_m)), r_m = exp(mean_{j≠m} s_j − s_m); the step of extractor m is κ_m times as long.

    s_m is the cross-entropy of φ_m, modality m's Shapley share of the logits over sets of modalities, in which
    those left out are masked as absent inputs are and the empty set counts 0, so that Σ_m φ_m are the logits;
    τ_m is r_m of the running means of s. A modality that is further ahead than it used to be is slowed, one
    further behind hurried. Of the published forms for two and for three modalities one has r inverted; this is
    the one that slows what is ahead. Inputs are masked, so any fusion and head will do.

    Two and three modalities: all 2^M − 1 sets. More: the mean over one random order and its reverse, 2M − 1 sets,
    which keeps the sum. Under AdamW κ acts on the update. Defaults: α = 1, a ratio that stands 1 above its mean
    leaves 37 % of the step; no step is more than doubled, for exp has no bound.
    """

    def attach(self, alpha: float = 1.0) -> None:
        """Keep α; the running means begin at 0."""
        self.agm: dict[str, Any] = {"alpha": alpha, "steps": 0, "means": [0.0] * len(self.names)}

    def gradients(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Take the gradients, then set the length of each extractor's step."""
        loss = super().gradients(batch, labels, class_weight, training)
        with training.precision():
            shares = self.shapley_logits(batch)
        scores = [float(cross_entropy(share, labels)) for share in shares]
        self.rescale(training, agm_factors(scores, self.agm["means"], self.agm["alpha"]))
        self.agm["steps"] += 1
        pairs = zip(self.agm["means"], scores, strict=True)
        self.agm["means"] = [mean + (score - mean) / self.agm["steps"] for mean, score in pairs]
        return loss

    def shapley_logits(self, batch: Batch) -> Tensor:
        """Return φ_m, (M, n, K), without gradient or dropout."""
        count = len(self.names)
        weights = all_subsets(count) if count <= EXACT else order_and_reverse(torch.randperm(count).tolist())
        subsets = sorted({subset for terms in weights for subset in terms})
        kept = torch.zeros(len(subsets), 1, count, dtype=torch.bool, device=batch.present.device)
        for row, subset in enumerate(subsets):
            kept[row, 0, list(subset)] = True
        with quiet(self):
            logits = torch.stack([self(batch.keep(each)) for each in kept]).float()
        matrix = logits.new_tensor([[terms.get(subset, 0.0) for subset in subsets] for terms in weights])
        return torch.einsum("ms,snk->mnk", matrix, logits)


def all_subsets(count: int) -> list[dict[tuple[int, ...], float]]:
    """Return, for each player, subset → its weight in the Shapley value, the empty one left out."""
    weights: list[dict[tuple[int, ...], float]] = [{} for _ in range(count)]
    for player in range(count):
        rest = [other for other in range(count) if other != player]
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for subset in combinations(rest, size):
                add(weights[player], (*subset, player), weight)
                add(weights[player], subset, -weight)
    return weights


def order_and_reverse(order: list[int]) -> list[dict[tuple[int, ...], float]]:
    """Return the same from what each player adds in one order and in its reverse."""
    weights: list[dict[tuple[int, ...], float]] = [{} for _ in order]
    for line in (order, order[::-1]):
        for place, player in enumerate(line):
            add(weights[player], tuple(line[: place + 1]), 0.5)
            add(weights[player], tuple(line[:place]), -0.5)
    return weights


def add(terms: dict[tuple[int, ...], float], subset: tuple[int, ...], weight: float) -> None:
    """Add a weight to a subset's; the empty subset counts 0 and is not kept."""
    if subset:
        key = tuple(sorted(subset))
        terms[key] = terms.get(key, 0.0) + weight


def agm_factors(scores: list[float], means: list[float], alpha: float) -> list[float]:
    """Return κ_m from this step's cross-entropies and their running means before it."""
    lead, usual = leads(scores), leads(means)
    return [exp(min(alpha * (u - r), FASTEST)) for r, u in zip(lead, usual, strict=True)]


def leads(losses: list[float]) -> list[float]:
    """Return exp(mean of the others' losses − own), at most e^20."""
    return [exp(min(rest - own, 20.0)) for own, rest in zip(losses, means_of_others(losses), strict=True)]
