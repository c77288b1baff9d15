"""Learned augmentation of what the modalities hand over."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..late.variational import divergence
from ..network import Batch
from ..wrappers import register_wrapper
from .parts import Parts, quiet


class Augmenter(nn.Module):
    """δ = D(μ + σ ε), (μ, log σ²) = E(x), ε ~ N(0, I): a small variational network, near 0 at first."""

    def __init__(self, size: int, hidden: int, latent: int):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, size))
        with torch.no_grad():
            for p in self.decoder[-1].parameters():
                p.mul_(0.1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return δ (n, size) and KL(N(μ, σ²) ‖ N(0, I)), a mean over rows."""
        mean, log_variance = self.encoder(x).float().chunk(2, 1)
        drawn = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decoder(drawn), divergence(mean, log_variance).sum(1).mean()


@register_wrapper(
    "lemda",
    reference="Liu et al. 2022, arXiv 2212.14453",
    words=("data augmentation", "feature augmentation", "adversarial"),
)
class Lemda(Parts):
    """L(h) + CE(f(h + δ), y), δ = G(h); G maximises that CE and minimises w·KL(f(h) ‖ f(h + δ)) + v·KL(G).

    G, a variational network over all that the modalities hand over together, looks for changes that are hard yet
    leave a confident prediction as it is: rows count in the first KL where max softmax f(h) > `confidence`.
    The task network f learns from h and h + δ and never sees G's aim; G learns from its own and never moves f.
    Nothing is augmented in prediction.

    Simplified: one G on flat vectors for every fusion, where the paper has a form for tokens too. Defaults: w = 1,
    v = 0.01, confidence ½; G learns at a tenth of the rate, for its aim is opposed to the task's.
    """

    def attach(
        self,
        consistency: float = 1.0,
        divergence: float = 0.01,
        confidence: float = 0.5,
        hidden: int = 64,
        latent: int = 8,
    ) -> None:
        """Add G."""
        if min(hidden, latent) < 1:
            raise ValueError(f"hidden={hidden} and latent={latent} are not positive numbers of nodes")
        self.lemda = {"consistency": consistency, "divergence": divergence, "confidence": confidence}
        with torch.no_grad():
            size = sum(x[0].numel() for x in pieces(self.encode(self._blank())))
        self.lemda_augmenter = Augmenter(size, hidden, latent)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Give G a group whose learning rate is a tenth."""
        own = {id(p) for p in self.lemda_augmenter.parameters()}
        groups = []
        for group in super().parameter_groups():
            mine = [p for p in group["params"] if id(p) in own]
            rest = [p for p in group["params"] if id(p) not in own]
            groups += [{**group, "params": rest}] if rest else []
            groups += [{**group, "params": mine, "scale": 0.1}] if mine else []
        return groups

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the network's loss, that of the augmented rows, and G's, which moves G alone."""
        plain = super().loss(batch, labels, class_weight)
        if not torch.is_grad_enabled():  # a measurement
            return plain
        h = self.handed(batch)
        parts = pieces(h)
        delta, divergence = self.lemda_augmenter(torch.cat([x.detach().flatten(1) for x in parts], 1))
        constant = delta.detach().requires_grad_()
        logits = self.join(put_back(h, shifted(parts, constant)))
        task = cross_entropy(logits, labels, weight=class_weight)
        aim = self.lemda["consistency"] * self._inconsistency(h, logits) - task
        (pull,) = torch.autograd.grad(aim, constant, retain_graph=True)
        own = (pull * delta).sum() + self.lemda["divergence"] * divergence
        return plain + task + own - own.detach()

    def _inconsistency(self, h: Any, logits: Tensor) -> Tensor:
        with quiet(self):
            p = self.join(h).float().softmax(1)
        apart = (p * (p.clamp(min=1e-12).log() - logits.float().log_softmax(1))).sum(1)
        return (apart * (p.amax(1) > self.lemda["confidence"])).mean()


def pieces(h: Any) -> list[Tensor]:
    """Return all tensors (n, …) in what `encode` gave: of a stack, or of lists in lists."""
    if isinstance(h, Tensor):
        return list(h)
    return [x for each in h for x in ([each] if isinstance(each, Tensor) else pieces(each))]


def put_back(h: Any, new: list[Tensor]) -> Any:
    """Return `new` in the shape of h."""
    if isinstance(h, Tensor):
        return torch.stack(new)
    left = iter(new)
    return [next(left) if isinstance(x, Tensor) else put_back(x, [next(left) for _ in pieces(x)]) for x in h]


def shifted(parts: list[Tensor], delta: Tensor) -> list[Tensor]:
    """Return each tensor plus its columns of δ (n, total size)."""
    columns = delta.split([x[0].numel() for x in parts], 1)
    return [x + d.view_as(x) for x, d in zip(parts, columns, strict=True)]
