"""Places of the taxonomy, architecture × data fusion × level: the entries at each, or why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from .build import load_all
from .registry import REGISTRY
from .taxonomy import AXES

ARCHITECTURES = ("early", "late", "cross_modal", "hybrid")
FUSIONS = ("concat", "merge")

# (architecture, data fusion, level) → why the place is empty; "*" is any data fusion
EMPTY = {
    ("early", "*", "nodes"): "hidden nodes appear in training on the label, and an early join comes before it",
    (
        "early",
        "*",
        "decisions",
    ): "decisions come from parts trained on the label, which an early join precedes",
    ("early", "merge", "raw"): "values of different shapes and meaning cannot be merged before they are projected",
    (
        "late",
        "*",
        "raw",
    ): "a late join sees what finished networks or learners made, never the values",
    ("cross_modal", "*", "raw"): "raw values mixed before any network of a modality are early fusion",
    ("cross_modal", "*", "decisions"): "decisions stand after the last layer: whatever mixes them there is late",
    (
        "cross_modal",
        "merge",
        "features",
    ): "sharing in an earlier stage ends in vectors, which are concatenated "
    "here; merged, they would be one of the late merges started from the same stage",
    ("hybrid", "concat", "raw"): "a hybrid's level is that of its last join, which follows on a late one",
    ("hybrid", "merge", "raw"): "a hybrid's level is that of its last join, which follows on a late one",
    (
        "hybrid",
        "*",
        "features",
    ): "the early part has a decision and no vector to hand over",
    ("hybrid", "*", "nodes"): "the early part has a decision and no nodes to hand over",
    ("hybrid", "concat", "decisions"): "stacking the parts' decisions would be late_stacking with one expert more",
}


@dataclass(frozen=True)
class Place:
    """A place of the taxonomy, the entries there, and why it is empty where it is."""

    architecture: str
    data_fusion: str
    level: str
    entries: tuple[str, ...]
    reason: str


def places() -> Iterator[Place]:
    """Yield every combination of architecture, data fusion and level."""
    load_all()
    for architecture, fusion, level in product(ARCHITECTURES, FUSIONS, AXES["level"]):
        there = (architecture, fusion, level)
        ids = tuple(e.id for e in REGISTRY if (e.axes.architecture, e.axes.data_fusion, e.axes.level) == there)
        reason = EMPTY.get(there) or EMPTY.get((architecture, "*", level), "")
        yield Place(*there, ids, "" if ids else reason)
