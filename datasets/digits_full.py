"""digits_trimodal with all of MNIST: ten times the pictures to learn from, the same pairs to be tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from .digits_pairs import PER_CLASS
from .digits_trimodal import CARD, DigitsTrimodal
from .mnist import CHECKSUMS, TRAINING_LABELS, TRAINING_PICTURES
from .registry import register

FULL = replace(
    CARD,
    title="Digits, three modalities, all of MNIST",
    summary="digits_trimodal with 6,000 training pairs, whose pictures are of MNIST's own training part",
    files={},
    sources=(*CARD.sources, TRAINING_PICTURES, TRAINING_LABELS),
    checksum_source=f"{CHECKSUMS}; the others as for digits_trimodal",
    split="As digits_trimodal, whose validation and test pairs it has; training pictures are of MNIST's training "
    "part, so that no writer crosses from training to test either.",
    notes=(
        *CARD.notes[:3],
        "6,000 / 400 / 400 pairs: 600 training pictures a digit, each once; the 120 table rows and 200 recordings "
        "a digit that may train serve five times and three times, never outside training.",
        "The loader has met MNIST's training part only as small files in the same format.",
    ),
    met=False,
)


@register("digits_trimodal_full", FULL)
@dataclass(frozen=True)
class DigitsTrimodalFull(DigitsTrimodal):
    """The same options; only the training pairs differ."""

    _full: ClassVar[bool] = True
    _per_class: ClassVar[Mapping[str, int]] = PER_CLASS | {"train": 600}
