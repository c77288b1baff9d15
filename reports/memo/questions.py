"""The memo's open questions, as data: which pairs answer each, and what their answer opens with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One aspect of a question.

    Parameters
    ----------
    key
        Its label in both languages is the phrase `part.KEY`.
    pairs
        (left, right), canonical names; the difference is left minus right.
    same
        Whether the two of a pair are one function, so that nothing but training and chance sets them apart.
    """

    key: str
    pairs: tuple[tuple[str, str], ...]
    same: bool = False


@dataclass(frozen=True)
class Question:
    """A question that the memo left open.

    Parameters
    ----------
    key
        Its title and its openings are the phrases `KEY.title`, `KEY.open` … in both languages; its figure is
        `KEY.png`.
    parts
        Its aspects, in the order of the page.
    opens
        The parts whose verdicts choose the first words of the answer.
    """

    key: str
    parts: tuple[Part, ...]
    opens: tuple[str, ...]

    @property
    def pairs(self) -> tuple[tuple[Part, str, str], ...]:
        """Every pair with its part."""
        return tuple((part, *pair) for part in self.parts for pair in part.pairs)


GATED, HIDDEN = "merge_network(gates=true)", "merge_network(hidden=64)"
SHARED, APART = "contrastive_pretrain_concat", "autoencoder_pretrain_concat"

MEMO = (
    Question(
        "adding",
        (
            Part("fusion_width", (("concat_features", "merge_sum"),)),
            Part(
                "head_width",
                (
                    ("concat_features(width=matched)", "merge_sum"),
                    ("concat_features", "merge_sum(width=matched)"),
                ),
            ),
        ),
        ("fusion_width", "head_width"),
    ),
    Question(
        "operators",
        (
            Part("inner_product", (("merge_inner_product", "merge_sum"),)),
            Part("harmonic_mean", (("merge_harmonic_mean", "merge_sum"),)),
            Part("others", (("merge_product", "merge_sum"), ("merge_max", "merge_sum"))),
            Part("sums", (("merge_mean", "merge_sum"), ("merge_weighted_sum", "merge_sum")), same=True),
        ),
        ("inner_product", "harmonic_mean"),
    ),
    Question(
        "network",
        (
            Part(
                "identity",
                (("concat_network", "merge_network"), ("merge_network(linear=true)", "merge_sum")),
                same=True,
            ),
            Part("gates", ((GATED, "concat_network"), (GATED, "merge_network"))),
            Part("hidden", ((HIDDEN, "concat_network"), (HIDDEN, "merge_network"))),
        ),
        ("gates", "hidden"),
    ),
    Question(
        "pretraining",
        (
            Part("control", ((SHARED, APART),)),
            Part("frozen", ((f"{SHARED}(frozen=true)", f"{APART}(frozen=true)"),)),
            Part("none", ((SHARED, "concat_features"),)),
            Part("unshared", ((APART, "concat_features"),)),
        ),
        ("control", "frozen"),
    ),
)
