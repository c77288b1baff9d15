"""The other side: the loop that one would write by hand, and the memo's networks as one would write them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...datasets import Modality, Rows


def branch(modality: Modality, width: int) -> nn.Module:
    """Return the memo's extractor of a modality, layer by layer."""
    if modality.kind == "tabular":
        return nn.Sequential(nn.Linear(modality.size, 64), nn.ReLU(), nn.Linear(64, width))
    channels, height, breadth = modality.shape
    inner = 32 * (height // 4) * (breadth // 4)
    return nn.Sequential(
        *(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(inner, width)),
    )


class Memo(nn.Module):
    """The memo's network (a): a branch a modality, their vectors side by side, two layers behind."""

    def __init__(self, modalities: Sequence[Modality], classes: int, width: int = 64):
        super().__init__()
        self.branches = nn.ModuleList(branch(modality, width) for modality in modalities)
        joined = width * len(modalities)
        self.head = nn.Sequential(nn.Linear(joined, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, classes))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        return self.head(torch.cat([part(x) for part, x in zip(self.branches, inputs, strict=True)], 1))


def tensors(rows: Rows, device: str = "cpu") -> tuple[list[Tensor], Tensor]:
    """Return a split's inputs, one tensor a modality, and labels, as a script would hold them."""
    inputs = [torch.from_numpy(x).to(device) for x in rows.inputs.values()]
    return inputs, torch.from_numpy(rows.labels).to(device)


def train(
    network: nn.Module,
    inputs: Sequence[Tensor],
    labels: Tensor,
    epochs: int,
    batch: int = 64,
    lr: float = 1e-3,
    weight_decay: float = 1e-2,
) -> nn.Module:
    """Train by AdamW as it comes, on contiguous float32 tensors and index slices; nothing is validated or kept."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=weight_decay)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(labels), device=labels.device)
        for start in range(0, len(labels), batch):
            chosen = order[start : start + batch]
            loss = nn.functional.cross_entropy(network(*(x[chosen] for x in inputs)), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    if labels.is_cuda:  # work on a card is only enqueued
        torch.cuda.synchronize()
    return network
