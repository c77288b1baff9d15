"""A digit seen and heard: MNIST pictures of which little is left, and spoken digits, paired by label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np

from ..core.errors import FusebenchError
from . import mnist
from .bundle import Bundle, Modality, Rows, all_present, check
from .card import Card, DataSet
from .digits_pairs import pairs
from .registry import register
from .spoken import CHECKSUMS, CITATION, LICENCE, RECORDINGS, SPEAKERS, SPOKEN, log_mels, spoken_digits

CARD = Card(
    title="AV-MNIST of MNIST and FSDD",
    summary="2,000 training pairs of a picture (MNIST, most of its variance taken away) and a recording (FSDD)",
    pairing="by_label",
    source_family="digits",
    licence=f"{mnist.LICENCE}, {LICENCE}",
    home="https://ossci-datasets.s3.amazonaws.com/mnist/; "
    "https://github.com/Jakobovski/free-spoken-digit-dataset/tree/v1.0.10",
    citation=f"{mnist.CITATION}; {CITATION}; the idea: Vielzeuf et al. 2018, CentralNet, arXiv 1808.07275",
    sources=(mnist.PICTURES, mnist.PICTURE_LABELS, SPOKEN),
    checksum_source=f"{mnist.CHECKSUMS}; {CHECKSUMS}",
    split="Six folds, one a speaker: fold f tests speaker f and a sixth of the pictures, the next validates, the "
    "rest train; 2,000 / 500 / 500 pairs, in which every picture and recording stands once.",
    figures=(
        "Accuracies published under the name AV-MNIST are not comparable, here or with each other: there is no "
        "one AV-MNIST. A public build script repeats 160 recordings a digit over 60,000 pictures, tests on other "
        "recordings of the voices it trains on, and fits the projection of the test pictures on test pictures.",
        "MultiBench reads ready-made arrays: pictures of 28 × 28 and spectrograms of 112 × 112, 55,000 / 5,000 / "
        "10,000 rows. A database on Zenodo (4452953) pairs MNIST with Google's Speech Commands.",
    ),
    notes=(
        "Paired by label: the modalities are independent given the label, so that late product is optimal by "
        "construction and joint networks have no relation between them to learn.",
        "Pictures keep the first principal components that hold up to `energy` of the variance of the training "
        "pictures (a quarter, as in that script), fitted on training rows alone; energy=1 leaves them be.",
        "The tested voice is never heard in training, which that script does not ask for.",
    ),
)
FULL = replace(
    CARD,
    title="AV-MNIST of all of MNIST and FSDD",
    summary="avmnist_fsdd with 6,000 training pairs, whose pictures are of MNIST's own training part",
    files={},
    sources=(*CARD.sources, mnist.TRAINING_PICTURES, mnist.TRAINING_LABELS),
    split="As avmnist_fsdd, whose validation and test pairs it has; the 6,000 training pictures are of MNIST's "
    "training part, and each of the 2,000 training recordings serves three times.",
    notes=(*CARD.notes, "The loader has met MNIST's training part only as small files in the same format."),
    met=False,
)


@register("avmnist_fsdd", CARD)
@dataclass(frozen=True)
class AudioVisualDigits(DataSet):
    """A digit as `image` and `audio`.

    Parameters
    ----------
    energy
        Share of the training pictures' variance that is kept, above 0 up to 1.
    size
        Side of the picture: 28, or 14 by area average.
    mel
        Mel bands, and frames, of the log-mel picture (`audio.log_mel`): 8 to 64.
    """

    energy: float = 0.25
    size: int = 28
    mel: int = 32
    _full: ClassVar[bool] = False
    _per_class: ClassVar[Mapping[str, int]] = {"train": 200, "validation": 50, "test": 50}

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        if type(self.energy) not in (int, float) or not 0 < self.energy <= 1:
            raise FusebenchError(
                f"Option energy={self.energy!r} of avmnist_fsdd: expected a share above 0 up to 1."
            )
        if self.size not in (14, 28):
            raise FusebenchError(f"Option size={self.size!r} of avmnist_fsdd: the side is 14 or 28.")
        if not isinstance(self.mel, int) or not 8 <= self.mel <= 64:
            raise FusebenchError(f"Option mel={self.mel!r} of avmnist_fsdd: expected an integer from 8 to 64.")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The picture and the sound."""
        return (
            Modality("image", "image", (1, self.size, self.size)),
            Modality("audio", "audio", (1, self.mel, self.mel)),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return tuple("0123456789")

    @property
    def rows(self) -> dict[str, int]:
        """Pairs by split."""
        return {split: 10 * count for split, count in self._per_class.items()}

    @property
    def folds(self) -> int:
        """Six: one a speaker."""
        return len(SPEAKERS)

    def load(self, seed: int) -> Bundle:
        """Return the pairs of one seed; they depend on no option."""
        digits = {"image": mnist.both_digits(self._full), "audio": spoken_digits()}
        chosen = pairs(digits, seed, held_out=True, per_class=self._per_class)
        sound = log_mels(self.mel)
        seen = {split: mnist.both_pictures(index["image"], self.size) for split, index in chosen.items()}
        mean, axes = _kept_axes(seen["train"], self.energy)

        def part(split: str, index: Mapping[str, np.ndarray]) -> Rows:
            stems = [PurePosixPath(RECORDINGS[i]).stem for i in index["audio"]]
            names = mnist.both_names(index["image"])
            ids = [f"{picture}|fsdd-{stem}" for picture, stem in zip(names, stems, strict=True)]
            inputs = {"image": _kept(seen[split], mean, axes), "audio": np.asarray(sound[index["audio"]])}
            voices = np.array([stem.split("_")[1] for stem in stems])
            return Rows(inputs, all_present(len(ids), 2), spoken_digits()[index["audio"]], np.array(ids), voices)

        parts = {split: part(split, index) for split, index in chosen.items()}
        return check(Bundle(self.modalities, self.classes, **parts), self.name or "avmnist_fsdd")


def _kept_axes(train: np.ndarray, energy: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean picture and the first principal axes that hold up to a share of the variance.

    At least one axis is kept; at 1 all are.
    """
    flat = train.reshape(len(train), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    strength, axes = np.linalg.eigh(np.cov(flat, rowvar=False))
    shares = np.cumsum(strength[::-1]) / strength.sum()
    count = max(1, int(np.count_nonzero(shares <= energy))) if energy < 1 else len(shares)
    return mean, axes[:, ::-1][:, :count]


def _kept(pictures: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    flat = pictures.reshape(len(pictures), -1) - mean
    if axes.shape[1] < len(mean):
        flat = flat @ axes @ axes.T
    return (flat + mean).astype(np.float32).reshape(pictures.shape)


@register("avmnist_fsdd_full", FULL)
@dataclass(frozen=True)
class AudioVisualDigitsFull(AudioVisualDigits):
    """The same options; only the training pairs differ."""

    _full: ClassVar[bool] = True
    _per_class: ClassVar[Mapping[str, int]] = {"train": 600, "validation": 50, "test": 50}
