"""Matched pairs: variants that differ in one thing, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Two variants that differ in one thing.

    Parameters
    ----------
    left, right
        Canonical names; the effect is left minus right.
    axis
        What differs.
    equal
        What the two have in common, and what follows from the difference itself.
    """

    left: str
    right: str
    axis: str
    equal: str


PAIRS = (
    Pair(
        "concat_features",
        "merge_sum",
        "data fusion",
        "equal fusion width; the head after concat is M times as wide",
    ),
    Pair(
        "concat_features",
        "merge_sum(width=matched)",
        "data fusion",
        "equal head width; the merge is M times as wide",
    ),
    Pair(
        "concat_features(width=matched)",
        "merge_sum",
        "data fusion",
        "equal head width; concat's parts are narrower",
    ),
    Pair("concat_network", "merge_network", "data fusion", "hidden nodes joined, one network"),
    Pair("concat_features", "concat_network", "level", "concatenation, one head; features against nodes"),
    Pair("merge_sum", "merge_network", "level", "merge, one head; features against nodes"),
    Pair("merge_mean", "late_joint_mean", "level", "mean, trained jointly; features against decisions"),
    Pair("early_concat_mlp", "concat_features", "architecture", "concatenation, one MLP head; early against late"),
    Pair("early_merge_sum", "merge_sum", "architecture", "sum, one MLP head; early against late"),
    Pair(
        "early_transformer", "token_transformer", "architecture", "self-attention over tokens; early against late"
    ),
    Pair("cross_attention", "token_transformer", "sharing", "attention over tokens; with sharing against without"),
    Pair("late_joint_mean", "late_mean", "training", "mean of decisions; joint against apart"),
    Pair(
        "contrastive_pretrain_concat",
        "autoencoder_pretrain_concat",
        "pre-training",
        "pre-training, then concatenation; with sharing against without",
    ),
    Pair(
        "multimodal_autoencoder",
        "autoencoder_pretrain_concat",
        "pre-training",
        "autoencoders, then concatenation; with sharing against without",
    ),
    Pair(
        "autoencoder_pretrain_concat",
        "concat_features",
        "pre-training",
        "concatenation, no sharing; pre-trained against not",
    ),
)
