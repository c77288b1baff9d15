"""One function, several names: for each equivalence class, how a member's weights become the others'.

A mapping gives a member the weights with which it is the class's first network; `prove` shows it on random rows.
Differences within a class are optimisation or chance, never what the members can express.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.seeding import Seeds, generator
from .batch import Batch
from .build import build, load_all, make_task
from .network import FusionNetwork
from .neural import NeuralVariant, own_random_state
from .registry import resolve
from .specimens import modalities_of
from .variant import Settings

KINDS = ("tabular", "image", "audio")
ROWS = 64
WIDTH = 6

Mapping = Callable[[Any, Any], None]
MAPPINGS: dict[str, dict[str, Mapping]] = {}


@dataclass(frozen=True)
class Proof:
    """A member against its class's first network, on mapped weights.

    Parameters
    ----------
    member, reference
        Canonical names.
    rows
        How many random rows were passed through both.
    difference, largest
        Largest difference of logits, and the largest logit.
    """

    member: str
    reference: str
    rows: int
    difference: float
    largest: float


def member_of(label: str, name: str) -> Callable[[Mapping], Mapping]:
    """Register the mapping of a member; the first of a class is the one that the others are mapped from."""

    def add(mapping: Mapping) -> Mapping:
        MAPPINGS.setdefault(label, {})[name] = mapping
        return mapping

    return add


def prove(label: str, rows: int = ROWS) -> Iterator[Proof]:
    """Yield a proof for every member of a class but the first; nothing is trained."""
    load_all()
    first, *others = MAPPINGS[label]
    reference, batch = untrained(first), random_rows(rows)
    for name in others:
        member = untrained(name)
        MAPPINGS[label][name](member, reference)
        with torch.no_grad():
            expected, given = reference(batch), member(batch)
        yield Proof(name, first, rows, float((expected - given).abs().max()), float(expected.abs().max()))


def class_of(text: str) -> str | None:
    """Return the equivalence class of a variant under its options, or None."""
    entry, name = resolve(text)
    return None if name.wrappers else entry.equivalence(name.options)


def untrained(name: str, kinds: tuple[str, ...] = KINDS, width: int = WIDTH) -> FusionNetwork:
    """Return an untrained network in evaluation mode, on small modalities of some kinds."""
    variant = build(name, make_task(modalities_of(kinds), ("a", "b", "c"), Settings(width=width)))
    assert isinstance(variant, NeuralVariant)
    with own_random_state("cpu"):
        return variant.build(Seeds(variant=name)).eval()


def random_rows(rows: int, kinds: tuple[str, ...] = KINDS) -> Batch:
    """Return standard normal rows for `untrained`."""
    rng, modalities = generator("identities"), modalities_of(kinds)
    inputs = {m.name: torch.from_numpy(rng.normal(size=(rows, *m.shape)).astype(np.float32)) for m in modalities}
    return Batch(inputs, torch.ones(rows, len(kinds), dtype=torch.bool))


# ---- class "sum": the extractors end in a Linear, which absorbs any scale of a modality


@member_of("sum", "merge_sum")
def _sum(member: Any, reference: Any) -> None:
    member.load_state_dict(reference.state_dict())


def _scaled(member: Any, reference: Any, factors: list[float] | Tensor) -> None:
    """Give the extractors' last layers their weights times a factor each, the rest as it is."""
    member.extractors.load_state_dict(reference.extractors.state_dict())
    member.head.load_state_dict(reference.head.state_dict())
    with torch.no_grad():
        for extractor, factor in zip(member.extractors, factors, strict=True):
            extractor.last.weight *= factor
            extractor.last.bias *= factor


@member_of("sum", "merge_mean")
def _sum_as_mean(member: Any, reference: Any) -> None:
    _scaled(member, reference, [float(len(member.names))] * len(member.names))


@member_of("sum", "merge_weighted_sum")
def _sum_as_weighted_sum(member: Any, reference: Any) -> None:
    with torch.no_grad():
        member.weight.copy_(torch.tensor([0.3, -1.0, 0.8]))
    _scaled(member, reference, 1 / member.weight.detach().softmax(0))


@member_of("sum", "merge_network(linear=true)")
def _sum_as_merge_layer(member: Any, reference: Any) -> None:
    lasts = [extractor.last for extractor in reference.extractors]
    bodies = {key: value for key, value in reference.extractors.state_dict().items() if ".last." not in key}
    member.extractors.load_state_dict(bodies)
    with torch.no_grad():
        for weight, last in zip(member.merge.weights, lasts, strict=True):
            weight.copy_(last.weight)
        member.merge.bias.copy_(sum(last.bias for last in lasts))
    member.head.load_state_dict(reference.head.state_dict())


# ---- class "max": min h = −max −h, and both signs are absorbed


@member_of("max", "merge_max")
def _max(member: Any, reference: Any) -> None:
    member.load_state_dict(reference.state_dict())


@member_of("max", "merge_min")
def _max_as_min(member: Any, reference: Any) -> None:
    _scaled(member, reference, [-1.0] * len(member.names))
    with torch.no_grad():
        member.head[0].weight.neg_()


# ---- class "merge_layer": W [n_1; …; n_M] + b = Σ W_m n_m + b


@member_of("merge_layer", "concat_network")
def _concat(member: Any, reference: Any) -> None:
    member.load_state_dict(reference.state_dict())


@member_of("merge_layer", "merge_network")
def _concat_as_merge_layer(member: Any, reference: Any) -> None:
    member.extractors.load_state_dict(reference.extractors.state_dict())
    first, _, _, last = reference.head
    with torch.no_grad():
        sizes = [extractor.inner for extractor in reference.extractors]
        for weight, part in zip(member.merge.weights, first.weight.split(sizes, 1), strict=True):
            weight.copy_(part)
        member.merge.bias.copy_(first.bias)
    member.head[-1].load_state_dict(last.state_dict())


# ---- classes "low_rank" and "rank_one_product": Σ_r w_r ⊙_m (F_r^m h_m + f_r^m) + b


@member_of("rank_one_product", "low_rank_fusion(rank=1)")
@member_of("low_rank", "low_rank_fusion")
def _low_rank(member: Any, reference: Any) -> None:
    member.load_state_dict(reference.state_dict())


def _low_rank_factors(factors: Any, reference: Any) -> None:
    """Give a layer of products the factors of a low-rank fusion, its weight of each rank in the first of them."""
    with torch.no_grad():
        for m, factor in enumerate(factors):
            whole = reference.factors[m] * (reference.weights[:, None, None] if m == 0 else 1)
            factor.weight.copy_(whole[:, :-1].transpose(1, 2).flatten(0, 1))
            factor.bias.copy_(whole[:, -1].flatten())


@member_of("rank_one_product", "mfb(normalise=false,rank=1)")
@member_of("low_rank", "mfb(normalise=false,rank=4)")
def _low_rank_as_pooled(member: Any, reference: Any) -> None:
    member.extractors.load_state_dict(reference.extractors.state_dict())
    member.head.load_state_dict(reference.head.state_dict())
    _low_rank_factors(member.product.factors, reference)
    with torch.no_grad():
        member.head[0].bias += member.head[0].weight @ reference.bias


def _with_output_map(member: Any, reference: Any, factors: Any) -> None:
    member.extractors.load_state_dict(reference.extractors.state_dict())
    member.head.load_state_dict(reference.head.state_dict())
    _low_rank_factors(factors, reference)
    nn.init.eye_(member.out.weight)
    with torch.no_grad():
        member.out.bias.copy_(reference.bias)


@member_of("rank_one_product", "mutan(maps=identity,rank=1)")
@member_of("low_rank", "mutan(maps=identity)")
def _low_rank_as_slices(member: Any, reference: Any) -> None:
    _with_output_map(member, reference, member.core.factors)


@member_of("rank_one_product", "mlb(tanh=false)")
def _low_rank_as_product(member: Any, reference: Any) -> None:
    _with_output_map(member, reference, member.product.factors)
