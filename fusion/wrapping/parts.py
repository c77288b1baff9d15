"""What wrappers share: each modality's vector, a modality alone, how long a step its extractor makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..network import Batch, FusionNetwork, Training
from ..wrappers import TrainingWrapper


class Parts(TrainingWrapper):
    """Base of wrappers that act on each modality's own part, in a network of any fusion.

    It stands once below all of them, however many are composed: it remembers what `encode` gave for a batch, so
    that no wrapper encodes it again, and gives every extractor a group of parameters of its own.
    """

    parts_seen: tuple[Batch, Any] | None = None
    parts_by_vectors: bool | None = None

    # ---- vectors

    def encode(self, batch: Batch) -> Any:
        """Encode, and remember it in training."""
        h = super().encode(batch)
        if self.training:
            self.parts_seen = (batch, h)
        return h

    def handed(self, batch: Batch) -> Any:
        """Return what `encode` gives for a batch, as it was given to the loss where it has been."""
        seen = self.parts_seen
        return seen[1] if seen is not None and seen[0] is batch else self.encode(batch)

    def vector_sizes(self) -> list[int]:
        """Return the numbers in each modality's vector."""
        with torch.no_grad():
            return [x.shape[1] for x in self.vectors(self.encode(self._blank()))]

    def _blank(self) -> Batch:
        shapes = {m.name: m.shape for m in self.task.modalities}
        like = next(self.parameters())
        inputs = {name: like.new_ones(2, *shapes[name]) for name in self.names}
        return Batch(inputs, torch.ones(2, len(shapes), dtype=torch.bool, device=like.device))

    # ---- one modality alone

    def join(self, h: Any) -> Tensor:
        """Return the logits of what `encode` gave."""
        return self.head(self.fuse(h))

    def masks_vectors(self) -> bool:
        """Return whether a modality stands alone by zeros in place of the other modalities' vectors.

        Otherwise their inputs are masked: where h is not one tensor a modality, and where the join says
        nothing of a vector beside zeros, as a product does.
        """
        if self.parts_by_vectors is None:
            with quiet(self):
                h = self.encode(self._blank())
                self.parts_by_vectors = divisible(h, len(self.names)) and self._tells_apart(h)
        return self.parts_by_vectors

    def _tells_apart(self, h: Any) -> bool:
        nothing = self.join(alone(h, None))
        return not any(bool((self.join(alone(h, m)) == nothing).all()) for m in range(len(self.names)))

    def alone_logits(self, batch: Batch) -> Tensor:
        """Return z_m = f(m alone) − (1 − 1/M) f(none) for each modality, (M, n, K), without gradient or dropout.

        For a Linear head on [h_1; …; h_M] it is W_m h_m + b/M: each modality has its share of the constant.
        """
        count = len(self.names)
        with quiet(self):
            if self.masks_vectors():
                h = self.handed(batch)
                scores = [self.join(alone(h, m)) for m in (*range(count), None)]
            else:
                none = torch.zeros_like(batch.present)
                scores = [self(part) for part in (*(batch.only(m) for m in range(count)), batch.keep(none))]
        z = torch.stack(scores).float()
        return z[:-1] - (1 - 1 / count) * z[-1]

    # ---- the length of steps

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Split each group: `part` is the place of the modality whose extractor a group's parameters are."""
        owner = {id(p): m for m, extractor in enumerate(self.extractors) for p in extractor.parameters()}
        groups = []
        for group in super().parameter_groups():
            by_part: dict[int | None, list[nn.Parameter]] = {}
            for p in group["params"]:
                by_part.setdefault(owner.get(id(p)), []).append(p)
            for m, own in by_part.items():
                groups.append({**group, "params": own} if m is None else {**group, "params": own, "part": m})
        return groups

    def step(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Step, then give the groups their learning rates back and forget what was encoded."""
        rates = [group["lr"] for group in training.optimiser.param_groups]
        loss = super().step(batch, labels, class_weight, training)
        for group, rate in zip(training.optimiser.param_groups, rates, strict=True):
            group["lr"] = rate
        self.parts_seen = None
        return loss

    def rescale(self, training: Training, factors: Sequence[float], gradients: bool = True) -> None:
        """Make the coming update of modality m's extractor factors[m] times as long.

        Where the optimiser takes gradients as they are (SGD) they are multiplied, unless they have that length
        already (`gradients=False`); where it divides by their size (AdamW) the learning rate of this one
        update is.
        """
        for group in training.optimiser.param_groups:
            if "part" not in group:
                continue
            factor = factors[group["part"]]
            if "betas" in group:
                group["lr"] = group["lr"] * factor
            elif gradients:
                for p in group["params"]:
                    if p.grad is not None:
                        p.grad.mul_(factor)


@contextmanager
def quiet(network: FusionNetwork) -> Iterator[None]:
    """Give the context in which a network runs without dropout and gradient, then goes on as it was."""
    training = [layer for layer in network.modules() if layer.training]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for layer in training:
            layer.training = True


def divisible(h: Any, count: int) -> bool:
    """Return whether h is one tensor a modality, stacked or in a list."""
    return len(h) == count and (isinstance(h, Tensor) or all(isinstance(x, Tensor) for x in h))


def alone(h: Any, place: int | None) -> Any:
    """Return h with zeros in place of all vectors but one, or of all."""
    kept = [x if m == place else torch.zeros_like(x) for m, x in enumerate(h)]
    return torch.stack(kept) if isinstance(h, Tensor) else kept


def linear_heads(network: Parts) -> nn.ModuleList:
    """Return one Linear(vector, classes) a modality: linear, so that what is learned is the extractor's."""
    return nn.ModuleList(nn.Linear(size, len(network.task.classes)) for size in network.vector_sizes())


def head_losses(
    heads: nn.ModuleList, vectors: Sequence[Tensor], labels: Tensor, class_weight: Tensor | None
) -> list[Tensor]:
    """Return each modality's cross-entropy."""
    pairs = zip(heads, vectors, strict=True)
    return [cross_entropy(head(x), labels, weight=class_weight) for head, x in pairs]
