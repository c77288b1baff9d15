"""One sharing operation: the others' nodes give scale and shift of a modality's own (FiLM and its kin)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..registry import register
from ..variant import Task
from .depths import Nodes, over_places
from .exchange import SideBySide, squeezed

SINGLE: dict[str, Any] = dict(
    tier="full", architecture="cross_modal", data_fusion="merge", level="nodes", sharing="single"
)
EVERY = "all"


class Conditioned(SideBySide):
    """n_a ← (1 + Δγ_a) ⊙ n_a + β_a, once, at the depth of the inner nodes: the deepest before the last layer.

    Parameters
    ----------
    task, width
        As everywhere.
    main
        The one modality that the others condition, or `all`: each is conditioned on all the others.
    """

    def __init__(self, task: Task, main: str = EVERY, width: int | None = None):
        super().__init__(task, width)
        if main != EVERY and main not in self.names:
            raise ValueError(f"main={main} is not one of {', '.join([EVERY, *self.names])}")
        self.where = self.depths - 2  # every modality has nodes there
        sizes, others = self.sizes(self.where), self.others(self.where)
        self.generate: Any = nn.ModuleDict(
            {str(m): self.generator(sizes[m], others[m]) for m in sizes if main in (EVERY, self.names[m])}
        )

    def generator(self, own: int, others: int) -> nn.Module:
        """Return the module that makes Δγ and β, 2·own numbers, of what `condition` gives."""
        raise NotImplementedError(f"{type(self).__name__} defines no generator(own, others)")

    def condition(self, m: int, nodes: Nodes) -> Tensor:
        """Return what a modality's nodes are conditioned on, (n, numbers)."""
        raise NotImplementedError(f"{type(self).__name__} defines no condition(m, nodes)")

    def exchange(self, depth: int, nodes: Nodes) -> dict[int, Tensor]:
        """Return the conditioned nodes; at other depths nothing changes."""
        changed = dict(nodes)
        for key, generate in self.generate.items() if depth == self.where else ():
            m = int(key)
            scale, shift = generate(self.condition(m, nodes)).chunk(2, 1)
            changed[m] = over_places(1 + scale, nodes[m]) * nodes[m] + over_places(shift, nodes[m])
        return changed


@register(
    "film",
    **SINGLE,
    operator="affine",
    reference="Perez, Strub, de Vries, Dumoulin & Courville 2018, arXiv 1709.07871",
    words=("feature-wise linear modulation", "conditioning"),
    complexity="O((M C)²), C channels",
)
class FiLM(Conditioned):
    """n_a ← γ(s) ⊙ n_a + β(s), s = [s_b]_{b≠a}: the others' squeezed nodes scale and shift each channel.

    n_a are the inner nodes, a feature map or hidden nodes of a table; s_b is their mean over places; γ = 1 + Δγ,
    as in the paper's appendix, and [Δγ; β] is one linear map of s. It starts at zero, γ = 1 and β = 0, where the
    network is `concat_features`, and being a single layer it receives its gradient even there. In the paper one
    text conditions one picture; with M modalities each is conditioned on all the others, `main=NAME` conditions
    that one alone. The two libraries' modules of that name act on finished vectors: here that is late fusion.
    """

    def generator(self, own: int, others: int) -> nn.Module:
        """Return one linear layer, zero at the start."""
        layer = nn.Linear(others, 2 * own)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        return layer

    def condition(self, m: int, nodes: Nodes) -> Tensor:
        """Return the others' squeezed nodes."""
        return squeezed(nodes, m)


@register(
    "daft",
    **SINGLE,
    operator="affine",
    reference="Pölsterl, Wolf & Wachinger 2021, arXiv 2107.05990",
    words=("dynamic affine feature map transform",),
    complexity="O(M (M C)² / r), C channels, r the ratio of the bottleneck",
)
class DAFT(Conditioned):
    """n_a ← γ(s) ⊙ n_a + β(s), s = [s_1; …; s_M]: scale and shift from a bottleneck that sees both sides.

    Against `film` the modality's own squeezed nodes count too, and [Δγ; β] = V ReLU(U s) + v goes through ΣC/7
    nodes (`ratio`; in the published code 7 nodes for 47 numbers). The paper learns the scale whole and without a
    bias; γ = 1 + Δγ starts near the identity. V does not start at zero, for U would then get no gradient.
    """

    def __init__(self, task: Task, main: str = EVERY, ratio: int = 7, width: int | None = None):
        if ratio < 1:
            raise ValueError(f"ratio={ratio} is not a positive number of channels for one node")
        self.ratio = ratio
        super().__init__(task, main, width)

    def generator(self, own: int, others: int) -> nn.Module:
        """Return the bottleneck."""
        inner = max(1, (own + others) // self.ratio)
        return nn.Sequential(nn.Linear(own + others, inner, bias=False), nn.ReLU(), nn.Linear(inner, 2 * own))

    def condition(self, m: int, nodes: Nodes) -> Tensor:
        """Return all squeezed nodes."""
        return squeezed(nodes)
