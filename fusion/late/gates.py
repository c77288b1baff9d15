"""Late gates: weights that a row's own vectors set, for a whole modality or for each node."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import FusionNetwork
from ..registry import register
from ..variant import Task
from .main_modality import MainNetwork
from .nodes import NODES

FUSILLI = "Townend et al. 2024, fusilli"
TINY = 1e-6  # least length of a displacement that is divided by


@register(
    "attention_sum",
    tier="full",
    **NODES,
    operator="attention",
    also_known_as={"torchmultimodal": "AttentionFusionModule"},
    words=("attention fusion", "softmax gate"),
    complexity="O(M² d)",
)
class AttentionSum(FusionNetwork):
    """Σ_m a_m h_m with a = softmax(W [h_1; …; h_M] + b): one weight a row and modality.

    `merge_weighted_sum` has one weight a modality for all rows, `gmu` one a row, modality and node. The
    projections to one width that stand before the sum elsewhere are the extractors' last layers here.
    """

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__(task, width)
        self.scores = nn.Linear(len(self.names) * self.width, len(self.names))

    def weights(self, h: Tensor) -> Tensor:
        """Return the weight of every row and modality, (n, M); a row's sum to 1."""
        return self.scores(torch.cat(list(h), -1)).softmax(-1)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        return (self.weights(h).T.unsqueeze(-1) * h).sum(0)


@register(
    "gated",
    tier="full",
    **NODES,
    operator="gate",
    reference="Kiela et al. 2018, arXiv 1802.02892",
    also_known_as={"BalanceBenchmark": "GatedFusion"},
    words=("sigmoid gate",),
    per_modality="main",
    complexity="O(M d²)",
)
class Gated(MainNetwork):
    """σ(W h_a + b) ⊙ (V h_b + c): the vector of the main modality b, each node opened or closed by the other.

    The paper has two modalities and either of them may be the gate; so each in turn is the main one, in a cell
    of its own. With three or more the gate reads all the others: h_a is their concatenation, which gives every
    one of them its own W.
    """

    def __init__(self, task: Task, main: str, width: int | str | None = None):
        super().__init__(task, main, width)
        self.gate = nn.Linear(self.size_of_others, self.width)
        self.value = nn.Linear(self.width, self.width)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        main, others = self.apart(h)
        return self.gate(others).sigmoid() * self.value(main)


@register(
    "mag",
    tier="full",
    **NODES,
    operator="gate",
    contestable={"architecture": "cross_modal"},
    reference="Rahman et al. 2020, arXiv 1908.05787",
    words=("multimodal adaptation gate", "multimodal shifting"),
    complexity="O(M d²)",
)
class MAG(MainNetwork):
    """h_main + min(1, β ‖h_main‖ / ‖Δ‖) Δ with Δ = Σ_m ReLU(G_m [h_m; h_main] + g_m) ⊙ V_m h_m + b, m ≠ main.

    The others displace the main modality's vector, by β times its own length at the most: β = 1 as in the
    authors' runs. The original displaces the word vectors inside a language model, where layer normalisation
    and dropout follow; here it stands at the join, before a classifier that has its own dropout, and with
    closed gates and b = 0 nothing but the main modality is left. The paper's bias b stands outside the gates,
    the authors' code has one inside each of them; this is the paper's. Main is the first modality by default:
    the limit is relative, so a weak main modality can still be displaced by as much as it says itself.
    """

    def __init__(self, task: Task, main: str = "first", beta: float = 1.0, width: int | str | None = None):
        super().__init__(task, main, width)
        if beta <= 0:
            raise ValueError(f"beta={beta} is not above 0")
        self.beta = beta
        self.gates = nn.ModuleList(nn.Linear(2 * self.width, self.width) for _ in self.others)
        self.values = nn.ModuleList(nn.Linear(self.width, self.width, bias=False) for _ in self.others)
        self.bias = nn.Parameter(torch.zeros(self.width))

    def displacement(self, h: Tensor) -> Tensor:
        """Return what is added to the main modality's vector, (n, width)."""
        main, parts = h[self.place], []
        for m, gate, value in zip(self.others, self.gates, self.values, strict=True):
            parts.append(torch.relu(gate(torch.cat([h[m], main], -1))) * value(h[m]))
        delta = torch.stack(parts).sum(0) + self.bias
        most = self.beta * main.norm(dim=-1, keepdim=True)
        return delta * (most / delta.norm(dim=-1, keepdim=True).clamp_min(TINY)).clamp(max=1)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        return h[self.place] + self.displacement(h)


@register(
    "activation_product",
    tier="full",
    **NODES,
    operator="product",
    contestable={"level": "features"},
    reference=FUSILLI,
    also_known_as={"fusilli": "ActivationFusion"},
    words=("activation function map fusion",),
    complexity="O(M d)",
)
class ActivationProduct(MainNetwork):
    """[σ(tanh(⊙_m h_m)); h_main]: the squashed product of all vectors beside the main modality's.

    For three modalities or more all are multiplied, as the library does for three tables. The product is not
    normalised: of many small factors it says little, and the main modality, the first by default, carries the
    row (the library's is its first table). σ ∘ tanh stays between .27 and .73. The join has no weights of its
    own, so one may call it a merge of features.
    """

    def factors(self, h: Tensor) -> Tensor:
        """Return what is multiplied, (M, n, width)."""
        return h

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, 2 width)."""
        return torch.cat([self.factors(h).prod(0).tanh().sigmoid(), h[self.place]], -1)


@register(
    "activation_attention",
    tier="full",
    **NODES,
    operator="product",
    reference=FUSILLI,
    also_known_as={"fusilli": "AttentionAndSelfActivation"},
    complexity="O(M d² / r), r the reduction",
)
class ActivationAttention(ActivationProduct):
    """[σ(tanh(h_main ⊙ ⊙_m h_m ⊙ σ(B_m ReLU(A_m h_m)))); h_main], m ≠ main: the others weigh their own nodes.

    A_m goes down to a `reduction`-th of the width and B_m back up. In the library the second table alone has
    such weights, on its raw columns, from layers that are made in each forward pass and so never trained; here
    every modality but the main one has them, on its vector (raw columns of a picture are no channels), and
    they are trained. Default reduction 4: the usual 16 is for hundreds of channels.
    """

    def __init__(self, task: Task, main: str = "first", reduction: int = 4, width: int | str | None = None):
        super().__init__(task, main, width)
        if reduction < 1:
            raise ValueError(f"reduction={reduction} is not a positive whole number")
        self.weigh = nn.ModuleList(_excitation(self.width, reduction) for _ in self.others)

    def factors(self, h: Tensor) -> Tensor:
        """Return the vectors, the others' nodes weighed, (M, n, width)."""
        weighed = [h[m] * weigh(h[m]) for m, weigh in zip(self.others, self.weigh, strict=True)]
        return torch.stack([h[self.place], *weighed])


def _excitation(size: int, reduction: int) -> nn.Sequential:
    inner = max(1, size // reduction)
    return nn.Sequential(nn.Linear(size, inner), nn.ReLU(), nn.Linear(inner, size), nn.Sigmoid())
