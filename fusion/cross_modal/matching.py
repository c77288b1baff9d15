"""Contrast, matching and hidden columns: three objectives over modalities in one stage, then the label."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ..attention import CrossBlock, heads_of
from ..contrast import info_nce
from ..decoders import Decoder
from ..late.concat import ConcatFeatures
from ..late.denoising import noise_of
from ..network import Batch
from ..pretraining import Pretraining
from ..registry import register
from ..stages import register_stage
from ..tokens import DeepTokens
from ..variant import Stages, Task
from .masked import hidden, hidden_error, without
from .reconstruction import HIDDEN, PretrainedParts


class TableReader(ConcatFeatures):
    """Σ_m U_m flat(t_m) + U flat(CrossBlock(t_tables, t_pictures)): tokens of tables read those of pictures.

    Tables are the modalities that are vectors. Where all are, or none is, the first modality reads the others.
    """

    def __init__(self, task: Task, **options: Any):
        super().__init__(task, **options)
        self.cut_last_layers()
        vectors = [m for m, modality in enumerate(task.modalities) if len(modality.shape) == 1]
        places = range(len(self.names))
        self.tables = vectors if 0 < len(vectors) < len(places) else [0]
        self.pictures = [m for m in places if m not in self.tables]
        size = max(1, self.width // 2)
        groups = (self.tables, self.pictures)
        self.tokens = nn.ModuleList(
            DeepTokens([self.extractors[m] for m in group], [task.modalities[m] for m in group], size)
            for group in groups
        )
        self.lengths: list[list[int]] = [list(each.lengths) for each in self.tokens]  # type: ignore[arg-type]
        self.read = nn.ModuleList(
            nn.ModuleList(nn.Linear(length * size, self.width) for length in group) for group in self.lengths
        )
        self.cross = CrossBlock(size, heads_of(size))
        self.joint = nn.Linear(sum(self.lengths[0]) * size, self.width)

    def sequences(self, batch: Batch, group: int) -> list[Tensor]:
        """Return the tokens of each table (group 0) or picture (group 1), (n, tokens, size)."""
        places = (self.tables, self.pictures)[group]
        inputs = [batch[self.names[m]] for m in places]
        return self.tokens[group]([self.extractors[m] for m in places], inputs)

    def own(self, tables: list[Tensor], pictures: list[Tensor]) -> list[Tensor]:
        """Return each modality's own vector (n, width), tables first."""
        layers = [*self.read[0], *self.read[1]]  # type: ignore[misc]
        return [layer(t.flatten(1)) for layer, t in zip(layers, (*tables, *pictures), strict=True)]

    def meet(self, tables: list[Tensor], pictures: list[Tensor]) -> Tensor:
        """Return what the tables' tokens have read from the pictures', (n, width)."""
        return self.joint(self.cross(torch.cat(tables, 1), torch.cat(pictures, 1)).flatten(1))

    def encode(self, batch: Batch) -> Tensor:
        """Return the modalities' own vectors, in their order, and what the tables have read, (M + 1, n, width)."""
        tables, pictures = self.sequences(batch, 0), self.sequences(batch, 1)
        own = dict(zip((*self.tables, *self.pictures), self.own(tables, pictures), strict=True))
        return torch.stack([*(own[m] for m in sorted(own)), self.meet(tables, pictures)])

    def vectors(self, h: Tensor) -> list[Tensor]:
        """Return each modality's own vector."""
        return list(h[:-1])

    def fuse(self, h: Tensor) -> Tensor:
        """Return the sum (n, width)."""
        return h.sum(0)


@register_stage("tip_pretraining")
class TipPretraining(TableReader, Pretraining):
    """InfoNCE + matching + masked columns, each counted once.

    InfoNCE finds, for one modality's vector of a row, the others' of that row among the batch. Matching tells, by
    binary cross-entropy on Linear(u), u what tables read from pictures, a row's own pictures from those of
    another row: each row stands once with its own and once with those of a row drawn within the batch. A third
    measures ‖D_m(u) − x_m‖² over the half of each table that was hidden at the input. A batch of one row has no
    other row, and its matching loss is 0.
    """

    def __init__(self, task: Task, temperature: float = 0.1, share: float = 0.5):
        super().__init__(task)
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} is not positive")
        if not 0 < share <= 1:
            raise ValueError(f"share={share} does not lie above 0 and at most at 1")
        self.temperature, self.share = temperature, share
        self.project = nn.ModuleList(nn.Linear(self.width, self.width) for _ in self.names)
        self.match = nn.Linear(self.width, 1)
        self.decoders = nn.ModuleList(Decoder(task.modalities[m], self.width, HIDDEN) for m in self.tables)

    def objective(self, batch: Batch) -> Tensor:
        """Return the sum of the three losses."""
        tables, pictures = self.sequences(batch, 0), self.sequences(batch, 1)
        own = self.own(tables, pictures)
        found = [g(x) for g, x in zip(self.project, own, strict=True)]
        losses = [info_nce(found, self.temperature, batch.present), self.matching(tables, pictures)]
        return torch.stack([*losses, self.masked(batch, pictures)]).sum()

    def matching(self, tables: list[Tensor], pictures: list[Tensor]) -> Tensor:
        """Return the loss of telling rows' own pictures from those of other rows."""
        rows = len(tables[0])
        mixed = [t[self.others(rows).to(t.device)] for t in pictures] if rows > 1 else pictures
        scores = torch.cat([self.match(self.meet(tables, each))[:, 0] for each in (pictures, mixed)]).float()
        truth = torch.cat([scores.new_ones(rows), scores.new_zeros(rows)])
        return binary_cross_entropy_with_logits(scores, truth) * (rows > 1)

    def others(self, rows: int) -> Tensor:
        """Return for each row another one of the batch: all moved on by the same number, drawn in training."""
        step = int(torch.randint(1, rows, ())) if self.training else 1
        return (torch.arange(rows) + step) % rows

    def masked(self, batch: Batch, pictures: list[Tensor]) -> Tensor:
        """Return the mean squared error of the hidden columns."""
        noise = noise_of(self, batch.present.device)
        masks = {self.names[m]: hidden(batch[self.names[m]], self.share, noise) for m in self.tables}
        u = self.meet(self.sequences(without(batch, masks), 0), pictures)
        losses = []
        for m, decoder in zip(self.tables, self.decoders, strict=True):
            name = self.names[m]
            losses.append(hidden_error(decoder(u), batch[name], masks[name], batch.present[:, m : m + 1]))
        return torch.stack(losses).mean()


@register(
    "tip_pretrain",
    tier="full",
    architecture="cross_modal",
    data_fusion="merge",
    level="nodes",
    operator="attention",
    sharing="pretraining",
    training="staged_finetuned",
    reference="Du et al. 2024, arXiv 2407.07582 (TIP)",
    words=("image-table matching", "tabular-image pre-training"),
    complexity="O(T_a T_b d + M T d²), T_a and T_b tokens of tables and of pictures",
)
class TipPretrain(TableReader, PretrainedParts):
    """head(Σ_m U_m flat(t_m) + U flat(CrossBlock(t_tables, t_pictures))), trained first by three objectives.

    The stage `tip_pretraining` has InfoNCE between the modalities, matching of tables and pictures, and masked
    columns, without labels. The paper averages the logits of linear classifiers on the table's, the picture's
    and the joint vector; a sum before one classifier is that with a hidden layer more. The paper has one table
    and one picture; here vectors are tables, all else pictures, and where all modalities are of one sort the
    first reads the others. Simplified: matching takes other rows at random instead of the most similar ones, and
    a hidden column is set to the mean. `frozen=true` keeps all but the head.
    """

    parts = ("extractors", "tokens", "read", "cross", "joint")

    def __init__(self, task: Task, frozen: bool = False):
        super().__init__(task, frozen=frozen)

    @classmethod
    def needs(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the one pre-training."""
        return ("tip_pretraining",)

    def start_from(self, stages: Stages) -> None:
        """Take all but the head over."""
        self.take_over(stages.get("tip_pretraining").network)
