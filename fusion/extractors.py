"""Extractors: one network a modality, behind a register so that another backbone can be chosen.

The defaults are the memo's. Each ends in one fully connected layer from its *inner nodes* to the common
width; a variant may take the finished vector, the inner nodes, the token sequence or every depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import FusebenchError, unknown
from ..core.registry import Placed, Registry
from ..datasets.bundle import KINDS, Modality


class Extractor(nn.Module):
    """Base: inner nodes, then one Linear to the common width.

    Attributes
    ----------
    inner
        Number of inner nodes.
    channels
        Channels of the nodes at each depth, shallow to deep, where networks can be joined (`stage`).
    level_sizes
        Widths of the vectors that `levels` returns, shallow to deep; the last is `inner`.
    token_size
        Numbers in one token.
    """

    inner: int
    channels: tuple[int, ...]
    level_sizes: tuple[int, ...]
    token_size: int

    def finish(self, width: int) -> None:
        """Add the last fully connected layer."""
        self.last = nn.Linear(self.inner, width)

    def stage(self, depth: int, x: Tensor) -> Tensor:
        """Return the nodes at a depth, (n, channels[depth], …), from those before; x is the input at depth 0."""
        raise NotImplementedError

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return one vector (n, level_sizes[l]) a depth, shallow to deep."""
        raise NotImplementedError

    def tokens(self, x: Tensor) -> Tensor:
        """Return the deepest nodes as a sequence (n, tokens, token_size) of more than one token."""
        raise NotImplementedError

    def body(self, x: Tensor) -> Tensor:
        """Return the inner nodes (n, inner)."""
        for depth in range(len(self.channels)):
            x = self.stage(depth, x)
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the finished vector (n, width)."""
        return self.last(self.body(x))


class MLP(Extractor):
    """Flatten → Linear(size, 64) → ReLU → Linear(64, width): the memo's tabular extractor."""

    token_size = 8

    def __init__(self, modality: Modality, width: int):
        super().__init__()
        self.inner, self.channels, self.level_sizes = 64, (64,), (modality.size, 64)
        self.hidden = nn.Linear(modality.size, self.inner)
        self.finish(width)

    def stage(self, depth: int, x: Tensor) -> Tensor:
        """Return the hidden nodes."""
        return torch.relu(self.hidden(x.flatten(1)))

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return the flat input and the hidden nodes."""
        return [x.flatten(1), self.stage(0, x)]

    def tokens(self, x: Tensor) -> Tensor:
        """Return the hidden nodes in groups of eight."""
        return self.body(x).unflatten(1, (-1, self.token_size))


class Linear(Extractor):
    """Flatten → Linear(size, width): no hidden layer, for embeddings that are features already."""

    def __init__(self, modality: Modality, width: int):
        super().__init__()
        self.inner, self.channels = modality.size, (modality.size,)
        self.level_sizes = (modality.size, modality.size)
        largest = max(1, min(8, modality.size // 2))  # at least two tokens, where there are two columns
        self.token_size = next(s for s in range(largest, 0, -1) if modality.size % s == 0)
        self.finish(width)

    def stage(self, depth: int, x: Tensor) -> Tensor:
        """Return the flat input."""
        return x.flatten(1)

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return the flat input, twice: there is no depth between."""
        return [x.flatten(1), x.flatten(1)]

    def tokens(self, x: Tensor) -> Tensor:
        """Return neighbouring columns in groups of up to eight."""
        return self.body(x).unflatten(1, (-1, self.token_size))


class CNN(Extractor):
    """The memo's image and audio extractor.

    Conv(channels→16, 3×3, pad 1) → ReLU → MaxPool 2 → Conv(16→32, 3×3, pad 1) → ReLU → MaxPool 2 →
    Flatten → Linear(flattened, width); `flattened` follows from the data: 32·⌊H/4⌋·⌊W/4⌋.
    """

    token_size = 32
    channels = (16, 32)

    def __init__(self, modality: Modality, width: int):
        super().__init__()
        channels, height, breadth = modality.shape
        if min(height, breadth) < 4:
            raise FusebenchError(
                f"Extractor 'cnn': modality {modality.name!r} is {height}×{breadth}, smaller than 4×4; "
                f"choose another under [training] extractors, such as {modality.name} = 'mlp'."
            )
        self.first = nn.Conv2d(channels, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.inner = 32 * (height // 4) * (breadth // 4)
        self.level_sizes = (16, self.inner)
        self.finish(width)

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return both feature maps after pooling, (n, 16, H/2, W/2) and (n, 32, H/4, W/4)."""
        shallow = self.stage(0, x)
        return shallow, self.stage(1, shallow)

    def stage(self, depth: int, x: Tensor) -> Tensor:
        """Return one feature map after pooling."""
        # ReLU and maximum commute: pooled first, a quarter of the values pass the ReLU, to the same result
        return torch.relu(nn.functional.max_pool2d((self.first, self.second)[depth](x), 2))

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return the first map averaged over places and the second flattened."""
        shallow, deep = self.maps(x)
        return [shallow.mean((2, 3)), deep.flatten(1)]

    def tokens(self, x: Tensor) -> Tensor:
        """Return one token a place of the second map; a map of one place gives its channel groups."""
        deep = self.maps(x)[1]
        if deep.shape[2] * deep.shape[3] == 1:
            return torch.diag_embed(deep.flatten(1))
        return deep.flatten(2).transpose(1, 2)


@dataclass(frozen=True)
class ExtractorEntry(Placed):
    """A registered extractor: its class, the kinds it takes and those it serves by default."""

    id: str
    definition: type[Extractor]
    kinds: tuple[str, ...]
    default_for: tuple[str, ...]
    other_names: tuple[str, ...] = ()


EXTRACTORS: Registry[ExtractorEntry] = Registry("extractor")


def register_extractor(
    id: str, kinds: tuple[str, ...] = KINDS, default_for: tuple[str, ...] = ()
) -> Callable[[type[Extractor]], type[Extractor]]:
    """Register an `Extractor` class for some kinds of modality."""

    def add(definition: type[Extractor]) -> type[Extractor]:
        EXTRACTORS.add(ExtractorEntry(id, definition, kinds, default_for))
        return definition

    return add


register_extractor("mlp", default_for=("tabular", "embedding"))(MLP)
register_extractor("cnn", ("image", "audio"), default_for=("image", "audio"))(CNN)
register_extractor("linear")(Linear)


def choose(modalities: tuple[Modality, ...], chosen: dict[str, str]) -> dict[str, type[Extractor]]:
    """Return modality name → extractor class.

    Parameters
    ----------
    modalities
        Of the data set.
    chosen
        Modality name or kind → extractor id; a name goes before its kind, the rest take the defaults.

    Raises
    ------
    FusebenchError
        For an unknown extractor, or one that does not take the kind.
    """
    return {m.name: _choose_one(m, chosen) for m in modalities}


def _choose_one(modality: Modality, chosen: dict[str, str]) -> type[Extractor]:
    id = chosen.get(modality.name, chosen.get(modality.kind))
    if id is None:
        return next(e.definition for e in EXTRACTORS if modality.kind in e.default_for)
    entry = EXTRACTORS.get(id)
    if modality.kind not in entry.kinds:
        fitting = [e.id for e in EXTRACTORS if modality.kind in e.kinds]
        raise unknown(f"extractor for the {modality.kind} modality {modality.name!r}", id, fitting)
    return entry.definition
