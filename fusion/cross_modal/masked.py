"""Masked tokens: a part of one modality is hidden and told from what is visible of all, then the label."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..attention import SelfBlock, heads_of
from ..decoders import Decoder, mean_where
from ..late.concat import ConcatFeatures
from ..late.denoising import noise_of
from ..network import Batch
from ..pretraining import Pretraining
from ..registry import register
from ..stages import register_stage
from ..tokens import DeepTokens
from ..variant import Stages, Task
from .reconstruction import HIDDEN, PretrainedParts

PATCHES = 4  # along each side of a picture


def hidden(x: Tensor, share: float, noise: torch.Generator | None) -> Tensor:
    """Return which values of x (n, …) to hide, bool in its shape: columns of vectors, patches of pictures."""
    if x.ndim == 2:
        return torch.rand(x.shape, generator=noise, device=x.device) < share
    cells = torch.rand(len(x), 1, PATCHES, PATCHES, generator=noise, device=x.device)
    return (interpolate(cells, size=x.shape[2:], mode="nearest") < share).expand_as(x)


def without(batch: Batch, masks: dict[str, Tensor]) -> Batch:
    """Return the batch with what is masked at zero, the mean of training rows: as if it had never been read."""
    inputs = {name: x.masked_fill(masks[name], 0.0) if name in masks else x for name, x in batch.inputs.items()}
    return replace(batch, inputs=inputs)


def hidden_error(decoded: Tensor, x: Tensor, mask: Tensor, present: Tensor) -> Tensor:
    """Return the mean squared error of what was hidden and there to be hidden; `present` is (n, 1)."""
    return mean_where((decoded.float() - x.flatten(1)).square(), mask.flatten(1) & present)


class TokenConcat(ConcatFeatures):
    """[U_1 flat(t̂_1); …; U_M flat(t̂_M)], t̂ = one transformer layer over the tokens of all modalities."""

    def __init__(self, task: Task, **options: Any):
        super().__init__(task, **options)
        self.cut_last_layers()
        size = max(1, self.width // 2)
        self.tokens = DeepTokens(list(self.extractors), list(task.modalities), size)
        self.block = SelfBlock(size, heads_of(size))
        self.read = nn.ModuleList(nn.Linear(length * size, self.width) for length in self.tokens.lengths)
        self.crossed = True

    def encode(self, batch: Batch) -> Tensor:
        """Return the vectors (M, n, width) that the tokens end in."""
        tokens = self.tokens(list(self.extractors), [batch[name] for name in self.names])
        if self.crossed:
            tokens = self.block(torch.cat(tokens, 1)).split(self.tokens.lengths, 1)
        else:
            tokens = [self.block(t) for t in tokens]
        return torch.stack([read(t.flatten(1)) for read, t in zip(self.read, tokens, strict=True)])


@register_stage("masked_pretraining")
class MaskedPretraining(TokenConcat, Pretraining):
    """‖D_m(h_m) − x_m‖² over what is hidden of x_m: of each row one modality, drawn anew, loses `share` of itself.

    Columns of a table and patches of a picture are hidden at the input, before any layer, so that nothing can see
    them; the rest of the modality and all of the others stay visible. In evaluation the same parts are hidden
    each time. `shared=false` is the control: tokens attend to their own modality alone.
    """

    def __init__(self, task: Task, share: float = 0.75, shared: bool = True):
        super().__init__(task)
        if not 0 < share <= 1:
            raise ValueError(f"share={share} does not lie above 0 and at most at 1")
        self.share, self.crossed = share, shared
        self.decoders = nn.ModuleList(Decoder(m, self.width, HIDDEN) for m in task.modalities)

    def masks(self, batch: Batch) -> dict[str, Tensor]:
        """Return which values of each modality are hidden; of a row, those of one modality alone."""
        device = batch.present.device
        noise = noise_of(self, device)
        chosen = torch.rand(len(batch), len(self.names), generator=noise, device=device).argmax(1)
        found = {}
        for m, name in enumerate(self.names):
            mask = hidden(batch[name], self.share, noise)
            found[name] = mask & (chosen == m).view(-1, *[1] * (mask.ndim - 1))
        return found

    def predict(self, batch: Batch, masks: dict[str, Tensor]) -> list[Tensor]:
        """Return every modality's values (n, size) as told from what the masks leave visible."""
        h = self.encode(without(batch, masks))
        return [decoder(x) for decoder, x in zip(self.decoders, h, strict=True)]

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean over modalities of the mean squared error of what was hidden."""
        masks = self.masks(batch)
        losses = [
            hidden_error(decoded, batch[name], masks[name], batch.present[:, m : m + 1])
            for m, (name, decoded) in enumerate(zip(self.names, self.predict(batch, masks), strict=True))
        ]
        return torch.stack(losses).mean()


@register(
    "masked_crossmodal_pretrain",
    tier="full",
    architecture="cross_modal",
    data_fusion="concat",
    level="nodes",
    operator="attention",
    sharing="pretraining",
    training="staged_finetuned",
    reference="Bachmann, Mizrahi, Atanov & Zamir 2022, arXiv 2204.01678 (MultiMAE)",
    words=("multimae", "masked autoencoder"),
    complexity="O((M T)² d + M T d²), T tokens a modality",
)
class MaskedCrossmodalPretrain(TokenConcat, PretrainedParts):
    """head([U_1 flat(t̂_1); …; U_M flat(t̂_M)]), t̂ = SelfBlock([t_1; …; t_M]), trained first on hidden parts.

    t_m are the extractor's deepest nodes as tokens of width/2 numbers. The stage `masked_pretraining` hides
    three quarters of one modality a row and tells it from the visible rest and the other modalities, without
    labels; the head then reads what its decoders read. Simplified from the paper: extractors and one layer in
    place of a vision transformer; what is hidden is set to the mean instead of left out of the sequence; one
    modality at a time is hidden, so that the others have something to tell. `shared=false` is the matched
    control, whose stage lets no modality see another; `frozen=true` keeps all but the head.
    """

    parts = ("extractors", "tokens", "block", "read")

    def __init__(self, task: Task, frozen: bool = False, shared: bool = True):
        super().__init__(task, frozen=frozen)
        self.shared = shared

    @classmethod
    def needs(cls, task: Task, shared: bool = True, **options: Any) -> tuple[str, ...]:
        """Return the one pre-training."""
        return ("masked_pretraining" + ("" if shared else "(shared=false)"),)

    def start_from(self, stages: Stages) -> None:
        """Take all but the head over."""
        (name,) = self.needs(self.task, self.shared)
        self.take_over(stages.get(name).network)
