"""Late fusion with a loss beside the task: the fused code must also tell what the inputs were.

A family here is one class with the layers of its code, its decoders and its loss (`MergedCode`, …); trained with
the task it is mixed with `Joint`, as an earlier stage without labels with those of `cross_modal/staged.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy

from ..decoders import Decoder, over_present
from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task
from .nodes import MergeLayer


class Generative(FusionNetwork):
    """Base: a code fused from all modalities, and a loss that asks it for more than the label."""

    def add_code(self) -> None:
        """Make the layers that `fuse` needs; none by default."""

    def add_decoders(self) -> None:
        """Make the layers that `aside` alone needs, one decoder a modality from the whole code by default.

        A classifier that starts from a stage leaves them there.
        """
        self.decoders = nn.ModuleList(Decoder(m, self.width) for m in self.task.modalities)

    def aside(self, batch: Batch, h: Any, code: Tensor) -> Tensor:
        """Return the loss beside the task, a scalar, about 1 for whoever knows nothing of the inputs.

        Parameters
        ----------
        batch
            The inputs.
        h
            What `encode` made of them.
        code
            What `fuse` made of h.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no aside(batch, h, code)")


class Joint(Generative):
    """CE(head(code), y) + weight · aside: trained with the task.

    Losses beside the task are means over values, inputs and modalities, so they begin near 1, and the log-loss
    begins at log K. Weight 1 lets them count alike; 0 leaves the plain classifier on the same code.
    """

    def __init__(self, task: Task, weight: float = 1.0, width: int | str | None = None):
        super().__init__(task, width)
        if not 0 <= weight < float("inf"):
            raise ValueError(f"weight={weight} is not a number from 0 on")
        self.weight = weight
        self.add_code()
        self.add_decoders()

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the task's loss and the one beside it."""
        h = self.encode(batch)
        self.clock.lap("encode")
        code = self.fuse(h)
        aside = self.aside(batch, h, code)
        self.clock.lap("fuse")
        return cross_entropy(self.head(code), labels, weight=class_weight) + self.weight * aside


class MergedCode(Generative):
    """ReLU(Σ_m W_m h_m + b): one layer of the network takes all modalities in, and its nodes are the code.

    The same function as a Linear on [h_1; …; h_M], so it stands under merge on nodes, as `merge_network` does.
    """

    def add_code(self) -> None:
        """Make the merge layer."""
        self.join = MergeLayer([self.width] * len(self.names), self.width)

    def fuse(self, h: Tensor) -> Tensor:
        """Return the code, (n, width)."""
        return torch.relu(self.join(list(h)))


class RefinerCode(MergedCode):
    """mean over inputs of 1 − cos(D_m(code), x_m)."""

    def aside(self, batch: Batch, h: Tensor, code: Tensor) -> Tensor:
        """Return how far the decoded inputs point away from the true ones."""
        pairs = zip(self.decoders, self.names, strict=True)
        cosines = [cosine_similarity(decode(code), batch[name].flatten(1)) for decode, name in pairs]
        return over_present(1 - torch.stack(cosines), batch.present)


@register(
    "refiner",
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="nodes",
    operator="merge_layer",
    reference="Sankaran, Yang & Lim 2021, arXiv 2104.03435",
    also_known_as={"MultiBench": "RefNet_objective"},
    words=("refnet", "refiner fusion network", "reconstruction"),
    complexity="O(M d²); in training O(d Σ s_m) more, s_m values of input m",
)
class Refiner(RefinerCode, Joint):
    """head(c), c = ReLU(Σ_m W_m h_m + b), with 1 − cos(D_m(c), x_m) beside the task: c must give every input back.

    The paper puts a "defusing" decoder behind any fusion module, so that each modality stays responsible for its
    part of the fused code, and compares directions; so does MultiBench. The targets are the flat standardised
    inputs and not the vectors h_m: with extractors that learn, those could all shrink to one constant. The
    paper's contrastive loss between similar rows is optional there and left out. Any number of modalities.
    """
