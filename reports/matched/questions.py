"""What matched pairs are asked, and what a pair is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Question:
    """What pairs are asked.

    Parameters
    ----------
    title
        The question.
    positive
        What a positive effect means.
    axis
        The axis of the taxonomy on which the two differ; `options` where they are one entry.
    left, right
        Values of that axis on either side; empty for `options`.
    """

    title: str
    positive: str
    axis: str
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()

    @property
    def differs_in(self) -> str:
        """The axis in words."""
        return self.axis.replace("_", " ")

    def fits(self, left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
        """Say whether two entries, given as axis → value, stand on the two sides of the question."""
        if self.axis == "options":
            return left.get("entry") == right.get("entry")
        return left.get(self.axis) in self.left and right.get(self.axis) in self.right


@dataclass(frozen=True)
class Pair:
    """Two variants that differ in one thing.

    Parameters
    ----------
    left, right
        Canonical names; the effect is left minus right.
    question
        Key of `QUESTIONS`.
    equal
        What the two have in common, and what follows from the difference itself.
    """

    left: str
    right: str
    question: str
    equal: str

    @property
    def weights(self) -> dict[str, float]:
        """Each variant's weight in the effect."""
        return {self.left: 1.0, self.right: -1.0}


STAGED = ("staged_finetuned", "staged_frozen")
MERGING = "data_fusion", ("concat",), ("merge",)
QUESTIONS: dict[str, Question] = {
    "concat_merge_fusion_width": Question(
        "Concatenate or merge, at equal fusion width?", "concatenation is better", *MERGING
    ),
    "concat_merge_head_width": Question(
        "Concatenate or merge, at equal head width?", "concatenation is better", *MERGING
    ),
    "early_late": Question("Early or late?", "early is better", "architecture", ("early",), ("late",)),
    "cross_modal_late": Question(
        "Does sharing between modalities at fusion help?",
        *("sharing (cross-modal) is better than none (late)", "architecture", ("cross_modal",), ("late",)),
    ),
    "multiple_single": Question(
        "Share several times or once?", "several times is better", "sharing", ("multiple",), ("single",)
    ),
    "nodes_features": Question(
        "Join network nodes or finished vectors?", "nodes are better", "level", ("nodes",), ("features",)
    ),
    "features_decisions": Question(
        "Join finished vectors or decisions?", "vectors are better", "level", ("features",), ("decisions",)
    ),
    "joint_apart": Question(
        "Train jointly or apart?", "joint training is better", "training", ("joint",), ("apart",)
    ),
    "pretraining_shared": Question(
        "Does sharing in pre-training help?",
        *("pre-training across modalities is better than within each", "sharing", ("pretraining",), ("none",)),
    ),
    "pretrained_none": Question(
        "Does pre-training without sharing help?", "pre-training is better", "training", STAGED, ("joint",)
    ),
    "gates": Question("What do gates or a hidden layer add to a merge layer?", "they help", "options"),
    "wrapped": Question("Does a training wrapper help?", "training under the wrapper is better", "options"),
}
