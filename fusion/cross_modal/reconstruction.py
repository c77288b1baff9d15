"""Autoencoders over all modalities: a code from which each is reconstructed, then the label."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from ..decoders import Decoder, mean_where
from ..late.concat import ConcatFeatures
from ..network import Batch, FusionNetwork
from ..pretraining import PretrainedConcat, Pretraining
from ..registry import register
from ..stages import register_stage
from ..variant import Stages, Task

HIDDEN = 256  # of a decoder, as of the classifier


class PretrainedParts(PretrainedConcat):
    """Base of networks that start from more than a stage's extractors: tuned on, or kept where frozen."""

    parts: ClassVar[tuple[str, ...]] = ("extractors",)

    def finish(self) -> Self:
        """Freeze what the stage has trained, if asked to."""
        super().finish()
        for part in self.parts:
            getattr(self, part).requires_grad_(not self.frozen)
        return self

    def take_over(self, network: FusionNetwork) -> None:
        """Take the parts' weights over from a stage's network."""
        for part in self.parts:
            getattr(self, part).load_state_dict(getattr(network, part).state_dict())


class SharedCode(ConcatFeatures):
    """tanh(W [h_1; …; h_M] + b): one code of all modalities, as wide as their vectors side by side."""

    def __init__(self, task: Task, **options: Any):
        super().__init__(task, **options)
        size = len(self.names) * self.width
        self.shared = nn.Sequential(nn.Linear(size, size), nn.Tanh())

    def fuse(self, h: Tensor) -> Tensor:
        """Return the code (n, M·width)."""
        return self.shared(super().fuse(h))


@register_stage("multimodal_autoencoding")
class MultimodalAutoencoding(SharedCode, Pretraining):
    """Σ_S Σ_m ‖D_m(c_S) − x_m‖²/size_m, c_S the code that sees the modalities S alone: all of them, or each one.

    The other inputs are masked, so one modality's code has to tell the others (with two modalities, the training
    of the paper's bimodal autoencoder: both, the one, the other). All M + 1 codes of a batch are taken; a masked
    input encodes to one vector, so that they cost one pass through the extractors. Rows that lack x_m are no
    target of D_m. `shared=false` is the control: each modality alone, and none reconstructs another.
    """

    def __init__(self, task: Task, shared: bool = True):
        super().__init__(task)
        self.crossed = shared
        self.decoders = nn.ModuleList(Decoder(m, len(self.names) * self.width, HIDDEN) for m in task.modalities)

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean over codes and modalities."""
        h, blank = self.encode(batch), self.encode(self._blank(batch))
        self.clock.lap("encode")
        places = range(len(self.names))
        seen = [[m] for m in places] + ([list(places)] if self.crossed else [])
        losses = []
        for kept in seen:
            parts = [h[m] if m in kept else blank[m].expand_as(h[m]) for m in places]
            code = self.fuse(torch.stack(parts))
            losses += [self._error(m, code, batch) for m in (places if self.crossed else kept)]
        self.clock.lap("fuse")
        return torch.stack(losses).mean()

    def _error(self, m: int, code: Tensor, batch: Batch) -> Tensor:
        error = self.decoders[m](code).float() - batch[self.names[m]].flatten(1)
        return mean_where(error.square(), batch.present[:, m : m + 1])

    def _blank(self, batch: Batch) -> Batch:
        one = batch.take(slice(0, 1))
        return one.keep(torch.zeros_like(one.present))


@register(
    "multimodal_autoencoder",
    tier="full",
    architecture="cross_modal",
    data_fusion="concat",
    level="features",
    operator="shared_code",
    sharing="pretraining",
    training="staged_finetuned",
    reference="Ngiam, Khosla, Kim, Nam, Lee & Ng 2011, ICML (Multimodal Deep Learning)",
    words=("bimodal deep autoencoder", "shared representation"),
    complexity="O(M² d²)",
)
class MultimodalAutoencoder(SharedCode, PretrainedParts):
    """head(tanh(W [h_1; …; h_M] + b)) on a code from which every modality could be told from each alone.

    Extractors and code are trained first to reconstruct all modalities from the code of all and of each one (see
    the stage `multimodal_autoencoding`), without labels; tanh, as the paper's units saturate too. Simplified: no
    layer-wise pre-training by restricted Boltzmann machines. `shared=false` is the matched control, whose stage
    reconstructs each modality from itself alone; `frozen=true` keeps the code.
    """

    parts = ("extractors", "shared")

    def __init__(self, task: Task, frozen: bool = False, shared: bool = True):
        super().__init__(task, frozen=frozen)
        self.crossed = shared

    @classmethod
    def needs(cls, task: Task, shared: bool = True, **options: Any) -> tuple[str, ...]:
        """Return the one pre-training."""
        return ("multimodal_autoencoding" + ("" if shared else "(shared=false)"),)

    def start_from(self, stages: Stages) -> None:
        """Take extractors and code over."""
        (name,) = self.needs(self.task, self.crossed)
        self.take_over(stages.get(name).network)
