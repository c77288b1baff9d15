"""Each modality is translated into the next and back; what it is translated through classifies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..decoders import Decoder, over_present, squared_error
from ..network import Batch
from ..registry import register
from .generative import Generative, Joint


class TranslatingCode(Generative):
    """½ mean (T_ab(h_a) − x_b)² + ½ mean (T_ba(h_b(T_ab(h_a))) − x_a)², b the modality after a on a ring."""

    widens: ClassVar[bool] = False
    translators: Any

    def fuse(self, h: Tensor) -> Tensor:
        """Return the codes of all modalities side by side, (n, M·width)."""
        return torch.cat(list(h), -1)

    def steps(self) -> Iterator[tuple[int, int]]:
        """Give each modality and the next one, the first after the last."""
        for a in range(len(self.names)):
            yield a, (a + 1) % len(self.names)

    def add_decoders(self) -> None:
        """Make a translator for each step there and back; two modalities need two, for back is there."""
        modalities = self.task.modalities
        wanted = {pair for a, b in self.steps() for pair in ((a, b), (b, a))}
        self.translators = nn.ModuleDict(
            {f"{a}_{b}": Decoder(modalities[b], self.width) for a, b in sorted(wanted)}
        )

    def aside(self, batch: Batch, h: Tensor, code: Tensor) -> Tensor:
        """Return the mean error of translations and of cycles, over rows that have both modalities."""
        losses, both = [], []
        for a, b in self.steps():
            said = self.translators[f"{a}_{b}"](h[a])
            heard = self.extractors[b](said.unflatten(1, self.task.modalities[b].shape))
            back = self.translators[f"{b}_{a}"](heard)
            there, home = squared_error(said, batch[self.names[b]]), squared_error(back, batch[self.names[a]])
            losses.append((there + home) / 2)
            both.append(batch.present[:, a] & batch.present[:, b])
        return over_present(torch.stack(losses), torch.stack(both, 1))


@register(
    "cyclic_translation",
    tier="full",
    architecture="late",
    data_fusion="concat",
    level="features",
    operator="concat",
    reference="Pham, Liang, Manzini, Morency & Póczos 2019, arXiv 1812.07809",
    also_known_as={"MultiBench": "MCTN"},
    words=("multimodal cyclic translation network", "cycle consistency", "translation"),
    complexity="O(M d); in training a second pass of the extractors and O(d Σ s_m) more, s_m values of input m",
)
class CyclicTranslation(TranslatingCode, Joint):
    """head([h_1; …; h_M]), with x̂_b = T_ab(h_a) ≈ x_b and T_ba(h_b(x̂_b)) ≈ x_a beside the task.

    A vector form of MCTN, which translates sequences: extractor a is the encoder, h_a the code in between, T_ab
    the decoder; a translation is encoded anew by the target's extractor and translated back by the same T_ba
    that translates b, so a pair's two directions share their weights. Two modalities take both directions. The
    paper takes three in a hierarchy and predicts from the first alone; a comparison of fusions wants all of
    them read, so M ≥ 3 stand on a ring, each translated into the next and back, and all codes classify. The
    code is that of the true input, as in the paper; MultiBench classifies from that of its translation. Targets
    are standardised inputs: learned vectors could shrink to a constant. Translation and cycle weigh ½ each. With
    weight 0 it is `concat_features`.
    """
