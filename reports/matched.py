"""Matched pairs, as data: two variants that differ in what one question asks, all else equal.

Each pair stands under one question and says what it holds equal, and what follows from the difference itself.
Of entries that are one function (`merge_sum`, `merge_mean`, `merge_weighted_sum`) one stands for all: a question
would else count it several times.
"""

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
}

# what a merge does beside joining; it follows from the operator
MERGES = {
    "merge_sum": "",
    "merge_max": "",
    "merge_product": "; the product's factors are layer-normalised",
    "merge_harmonic_mean": "; its mean takes positive parts",
    "merge_inner_product": "; the inner products stand beside the sum",
    "merge_median": "",
    "merge_geometric_mean": "; its mean takes positive parts",
}


def _merges() -> tuple[Pair, ...]:
    fusion, head = "concat_merge_fusion_width", "concat_merge_head_width"
    made: list[Pair] = []
    for name, beside in MERGES.items():
        words = f"late, finished vectors of equal width; the head after concat is M times as wide{beside}"
        made.append(Pair("concat_features", name, fusion, words))
    for name, beside in MERGES.items():
        words = f"late, equal head width; concat's vectors are narrower by M{beside}"
        made.append(Pair("concat_features(width=matched)", name, head, words))
    for name, beside in MERGES.items():
        words = f"late, equal head width; the merged vectors are wider by M{beside}"
        made.append(Pair("concat_features", f"{name}(width=matched)", head, words))
    return tuple(made)


def _pairs(question: str, *pairs: tuple[str, str, str]) -> tuple[Pair, ...]:
    return tuple(Pair(left, right, question, equal) for left, right, equal in pairs)


PAIRS = (
    *_merges(),
    *_pairs(
        "concat_merge_fusion_width",
        ("concat_network", "merge_network", "all inner nodes, one network: the same function, in one layer or M"),
        ("late_stacking", "late_weighted", "decisions of the same experts, joined as validation rows teach"),
    ),
    *_pairs(
        "early_late",
        ("early_concat_mlp", "concat_features", "concatenation, one MLP head; early reads raw values"),
        (
            "early_merge_sum",
            "merge_sum",
            "sum at equal width, one MLP head; early projects at random, late learns to",
        ),
        (
            "early_merge_product",
            "merge_product",
            "product at equal width, one MLP head; early projects at random around one, late learns to",
        ),
        ("early_transformer", "token_transformer", "self-attention over tokens"),
    ),
    *_pairs(
        "cross_modal_late",
        (
            "cross_attention",
            "concat_network",
            "all inner nodes side by side, one head; as tokens that attend first",
        ),
        ("cross_attention", "token_transformer", "attention over tokens, one head"),
        (
            "centralnet(beta=0)",
            "merge_network(hidden=64)",
            "weighted merge into 64 nodes (the suite's width), ReLU, one head; sharing merges at every depth",
        ),
        (
            "film",
            "concat_features",
            "finished vectors side by side, one head; one exchange before (scale and shift)",
        ),
        ("mmtm", "concat_features", "finished vectors side by side, one head; scaled at every depth before"),
        (
            "cross_stitch",
            "concat_features",
            "finished vectors side by side, one head; mixed at all depths before",
        ),
    ),
    *_pairs(
        "multiple_single",
        ("mult", "cross_attention", "attention between the tokens of every ordered pair of modalities"),
        ("mmtm", "film", "networks side by side that scale each other's channels, at every depth or at one"),
    ),
    *_pairs(
        "nodes_features",
        ("concat_network", "concat_features", "concatenation, one head; nodes skip each extractor's last layer"),
        (
            "merge_network",
            "merge_sum",
            "a sum, one head; nodes skip each extractor's last layer, the sum has weights",
        ),
        ("mlb", "merge_product", "a product, one head; of nodes mapped to it, or of layer-normalised vectors"),
        ("attention_sum", "merge_weighted_sum", "a weighted sum, one head; a weight for each row, or for all"),
    ),
    *_pairs(
        "features_decisions",
        (
            "merge_mean",
            "late_joint_mean",
            "mean, trained jointly; one head after the join, or one a modality before",
        ),
    ),
    *_pairs("joint_apart", ("late_joint_mean", "late_mean", "mean of the decisions of the same experts")),
    *_pairs(
        "pretraining_shared",
        (
            "contrastive_pretrain_concat",
            "autoencoder_pretrain_concat",
            "an unlabelled stage, then concatenation; the stage aligns modalities, or reconstructs each",
        ),
        (
            "contrastive_pretrain_concat(frozen=true)",
            "autoencoder_pretrain_concat(frozen=true)",
            "an unlabelled stage, then a head alone; the stage aligns modalities, or reconstructs each",
        ),
        (
            "multimodal_autoencoder",
            "autoencoder_pretrain_concat",
            "autoencoders, then concatenation; each rebuilds every modality, or its own",
        ),
    ),
    *_pairs(
        "pretrained_none",
        (
            "autoencoder_pretrain_concat",
            "concat_features",
            "concatenation, no sharing; with an unlabelled stage before",
        ),
        (
            "denoising_pretrain_concat",
            "concat_features",
            "concatenation, no sharing; with an unlabelled stage before, from which tables come out wider",
        ),
    ),
    *_pairs(
        "gates",
        ("merge_network(gates=true)", "merge_network", "merging with weights; gates merge before a whole head"),
        ("merge_network(hidden=64)", "merge_network", "merging with weights; 64 merged nodes before a whole head"),
    ),
)
