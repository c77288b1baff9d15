"""Matched pairs, as data: two variants that differ in what one question asks, all else equal.

Each pair stands under one question and says what it holds equal, and what follows from the difference itself.
Of entries that are one function (`merge_sum`, `merge_mean`, `merge_weighted_sum`) one stands for all: a question
would else count it several times.
"""

from __future__ import annotations

from .questions import Pair

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


# wrappers, and those of them that act on the update: under AdamW a factor on a gradient would cancel, so that they
# scale its step, and stand beside the plain descent that their papers use
WRAPPERS = (
    "agm", "aux_reconstruction", "gblend", "lemda", "mla", "mmcosine", "mmpareto", "modality_dropout", "ogm_ge",
    "pmr", "unimodal_aux_loss", "unimodal_teacher",
)  # fmt: skip
UPDATING = ("agm", "mmpareto", "ogm_ge", "pmr")


def _wrapped() -> tuple[Pair, ...]:
    base, descent = "concat_features", "concat_features+sgd"
    under = [Pair(f"{base}+{name}", base, "wrapped", f"one network, AdamW; +{name}") for name in WRAPPERS]
    words = "one network, stochastic gradient descent with momentum"
    under += [Pair(f"{descent}+{name}", descent, "wrapped", f"{words}; +{name}") for name in UPDATING]
    return tuple(under)


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
    *_wrapped(),
)
