"""Networks: what every neural variant shares. A variant adds its `fuse` and, if it has any, its layers."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .batch import Batch as Batch
from .batch import Training as Training
from .phases import Clock
from .variant import Settings, Stages, Task


class Classifier(nn.Sequential):
    """The memo's head: Linear(in, 256) → ReLU → Dropout(0.5) → Linear(256, classes)."""

    def __init__(self, size: int, classes: int, hidden: int = 256):
        super().__init__(nn.Linear(size, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, classes))


class FusionNetwork(nn.Module):
    """Extractors → `fuse` → classifier.

    A subclass implements `fuse(h)`; layers of its own are made in `__init__` after `super().__init__`.
    The head is sized by passing a blank batch through, so no subclass counts widths.

    Parameters
    ----------
    task
        What the network is built for.
    width
        Numbers each extractor hands over: None = the suite's, `"matched"` = such that the head is as wide
        as that of the other data fusion (M·width for a merge, ⌈width/M⌉ for a concatenation).
    """

    extractors: Any  # an nn.ModuleList of Extractor, which the stubs of torch cannot say
    widens: ClassVar[bool] = True  # "matched" multiplies the width; concatenations divide it

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__()
        self.task = task
        self.names = list(task.names)
        self.width = self._width(width)
        self.extractors = nn.ModuleList(self._extractor(name) for name in self.names)
        self.clock = Clock(task.device)

    @classmethod
    def uses(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the names of the modalities that it reads."""
        return task.names

    @classmethod
    def needs(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the names of the stages that `start_from` asks for."""
        return ()

    def start_from(self, stages: Stages) -> None:
        """Take weights over from earlier stages; by default there are none."""

    def _width(self, width: int | str | None) -> int:
        base = self.task.settings.width
        if width is None:
            return base
        if width == "matched":
            count = len(self.names)
            return base * count if self.widens else ceil(base / count)
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"width={width!r} is not a positive whole number or 'matched'")
        return width

    def _extractor(self, name: str) -> nn.Module:
        modality = next(m for m in self.task.modalities if m.name == name)
        with torch.random.fork_rng(devices=[]):  # equal initial weights whatever the variant draws
            torch.default_generator.manual_seed(self.task.seeds.extractor(name))
            return self.task.extractors[name](modality, self.width)

    # ---- the three parts of a forward pass

    def encode(self, batch: Batch) -> Any:
        """Return h, the stacked vectors of all modalities, (M, n, width)."""
        pairs = zip(self.extractors, self.names, strict=True)
        return torch.stack([extractor(batch[name]) for extractor, name in pairs])

    def inner_nodes(self, batch: Batch) -> list[Tensor]:
        """Return each modality's inner nodes (n, inner): for variants that cut the last layer off."""
        pairs = zip(self.extractors, self.names, strict=True)
        return [extractor.body(batch[name]) for extractor, name in pairs]

    def cut_last_layers(self) -> list[int]:
        """Remove every extractor's last fully connected layer; return the numbers of inner nodes."""
        for extractor in self.extractors:
            extractor.last = nn.Identity()
        return [extractor.inner for extractor in self.extractors]

    def vectors(self, h: Any) -> list[Tensor]:
        """Return one vector a modality, (n, numbers), from what `encode` gave: for heads and losses of one."""
        return [x.flatten(1) for x in h]

    def fuse(self, h: Any) -> Tensor:
        """Return the fused rows (n, anything) from what `encode` gave."""
        raise NotImplementedError(f"{type(self).__name__} defines no fuse(h)")

    def make_head(self, size: int) -> nn.Module:
        """Return the module that turns fused rows (n, size) into logits (n, classes)."""
        return Classifier(size, len(self.task.classes))

    def finish(self) -> FusionNetwork:
        """Add the head, sized by a blank batch."""
        shapes = {m.name: m.shape for m in self.task.modalities}
        blank = Batch({n: torch.zeros(2, *shapes[n]) for n in self.names}, torch.ones(2, len(shapes)) > 0)
        with torch.no_grad():
            fused = self.fuse(self.encode(blank))
        self.head = self.make_head(fused.shape[-1])
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return logits (n, classes)."""
        h = self.encode(batch)
        self.clock.lap("encode")
        z = self.fuse(h)
        self.clock.lap("fuse")
        logits = self.head(z)
        self.clock.lap("head")
        return logits

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the training loss of a batch, a scalar: cross-entropy unless a variant says otherwise."""
        return nn.functional.cross_entropy(self(batch), labels, weight=class_weight)

    def score(self, batch: Batch, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed log-loss and the number of hits of a batch; sums, so batches may differ in size."""
        logits = self(batch).float()
        loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
        return loss, (logits.argmax(1) == labels).sum()

    # ---- training; a wrapper (`+ogm_ge`) overrides these

    def make_optimiser(self, settings: Settings) -> torch.optim.Optimizer:
        """Return the optimiser: AdamW. A group's `scale`, where it has one, multiplies its learning rate."""
        groups = self.parameter_groups()
        return torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return what is trained; one group, unless parts are to learn at rates of their own."""
        return [{"params": [p for p in self.parameters() if p.requires_grad]}]

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Be told of an epoch, from 1, with all training rows in the order in which it takes them."""

    def step(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Learn from a batch; return its loss, a scalar without gradient."""
        training.optimiser.zero_grad(set_to_none=True)
        loss = self.gradients(batch, labels, class_weight, training)
        training.optimiser.step()
        return loss

    def gradients(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Give every parameter its gradient; return the loss, a scalar without gradient."""
        with training.precision():
            loss = self.loss(batch, labels, class_weight)
        self.clock.lap("head")
        loss.backward()
        return loss.detach()


class FunctionNetwork(FusionNetwork):
    """A variant written as a function h (M, n, width) → (n, anything)."""

    def __init__(self, task: Task, rule: Callable[..., Tensor], width: int | str | None = None, **options: Any):
        super().__init__(task, width)
        self.rule, self.options = rule, options

    def fuse(self, h: Tensor) -> Tensor:
        """Apply the rule."""
        return self.rule(h, **self.options)
