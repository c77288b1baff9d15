"""The axes on which every entry stands, and the rule that places it, as data.

The placement rule
------------------
Ask where the *first* operation that mixes modalities stands:

early
    before any modality-specific part is trained on the label (unsupervised, frozen or tokenising maps
    per modality do not count);
cross_modal
    the mix reads from or writes into a modality's network before its last layer, or a cross-modal
    objective runs in an earlier stage (a loss beside the task is not a stage);
late
    after each modality's own network or learner has finished: on learned features, nodes or class
    probabilities;
hybrid
    two different ones of these.

Source: Sleeman, Kapoor and Ghosh, *Multimodal Classification: Current Landscape, Taxonomy and Future
Directions* (arXiv 2109.09020), whose words "early", "late" and "cross-modality" are made sharp here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..core.errors import FusebenchError, unknown

WEAKNESSES: Mapping[str, str] = {
    "synergy": "what only several modalities together tell: trained for some hundred steps, it stays near chance",
}

SYMMETRIC = (
    *("sum", "mean", "max", "min", "median", "product", "harmonic_mean", "geometric_mean", "weighted_mean"),
    *("vote", "entropy_weighted_mean", "dempster", "stacking"),
)
"""Operators that know no order of modalities."""

AXES: Mapping[str, Mapping[str, str]] = {
    "architecture": {
        "unimodal": "one modality alone (baseline)",
        "early": "modalities are mixed before any part is trained on the label",
        "late": "each modality's own network or learner finishes first",
        "cross_modal": "modalities exchange data before or during the main learning stage",
        "hybrid": "two of these at once",
    },
    "data_fusion": {
        "none": "nothing is fused",
        "concat": "into one vector of all parts",
        "merge": "by an operation into one new vector",
    },
    "level": {
        "raw": "input values",
        "features": "finished vectors; the join has no weights, or one scalar a modality",
        "nodes": "hidden nodes; the join is a layer of one network",
        "decisions": "class probabilities or logits",
    },
    "sharing": {
        "none": "no data passes between modalities before the join",
        "single": "one sharing operation",
        "multiple": "several sharing operations during learning",
        "pretraining": "shared in an earlier stage of training",
    },
    "training": {
        "apart": "experts are trained separately",
        "joint": "one training for everything",
        "staged_frozen": "an earlier stage, then kept as it is",
        "staged_finetuned": "an earlier stage, then trained on",
    },
    "learner": {
        "classical": "scikit-learn pipelines",
        "neural": "networks trained by gradient",
    },
}

# What an entry does with a modality that is absent in a row.
ABSENT: Mapping[str, str] = {
    "training_mean": "the mean of the training rows that have it stands in for it",
    "left_out": "it has no say: the rule runs over the modalities that are there",
    "prior": "its expert is taken to say what the class prior says",
}

# Other vocabularies: what a word of the literature covers here.
ALIASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "intermediate": {
        "architecture": ("late", "cross_modal", "hybrid"),
        "level": ("features", "nodes"),
        "training": ("joint", "staged_finetuned"),
    },
    "joint": {
        "architecture": ("late", "cross_modal", "hybrid"),
        "level": ("features", "nodes"),
        "training": ("joint",),
    },
    "feature-level": {"level": ("raw", "features", "nodes")},
    "decision-level": {"level": ("decisions",)},
    "score-level": {"level": ("decisions",)},
    "data-level": {"level": ("raw",)},
    "model-agnostic": {"learner": ("classical",)},
}


@dataclass(frozen=True)
class Axes:
    """An entry's place: one value on every axis, and the operator in a word."""

    architecture: str
    data_fusion: str
    level: str
    operator: str
    sharing: str = "none"
    training: str = "joint"
    learner: str = "neural"

    def __post_init__(self) -> None:
        """Refuse a value that its axis does not have."""
        for axis, values in AXES.items():
            value = getattr(self, axis)
            if value not in values:
                raise unknown(f"value of axis {axis!r}", value, values)
        if (self.architecture == "unimodal") != (self.data_fusion == "none"):
            raise FusebenchError(
                f"Axes: architecture {self.architecture!r} with data_fusion {self.data_fusion!r}: "
                "only a unimodal baseline fuses nothing."
            )

    @property
    def figure5(self) -> str | None:
        """The survey's figure 5: (a) concat, (c) merge; (b) and (d) where the join is a layer."""
        if self.data_fusion == "none":
            return None
        on_nodes = self.level == "nodes"
        return {"concat": "ab", "merge": "cd"}[self.data_fusion][on_nodes]

    @property
    def on_experts(self) -> bool:
        """Whether it joins decisions of experts that were trained apart."""
        return self.level == "decisions" and self.training == "apart"

    @property
    def aliases(self) -> tuple[str, ...]:
        """Words of other vocabularies that cover this place."""
        if self.architecture == "unimodal":
            return ()
        place = asdict(self)
        return tuple(
            word for word, cover in ALIASES.items() if all(place[axis] in values for axis, values in cover.items())
        )
