"""A digit seen, heard and measured: MNIST pictures, spoken digits and UCI tables, paired by label.

No two sources share an item, so pairs are made: one row of each source with the same digit. A source
row (picture, recording, table row) stands in one split only, and the tested speaker is never heard in
training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np

from ..core.errors import FusebenchError, unknown
from ..core.seeding import generator
from . import mfeat, mnist
from .bundle import Bundle, Modality, Rows, all_present, check
from .card import Card, DataSet
from .digits_pairs import FAMILY, PER_CLASS, pairs
from .mnist import PICTURE_LABELS, PICTURES
from .registry import register
from .spoken import RECORDINGS, SPEAKERS, SPOKEN, log_mels, spoken_digits

_TABLES = ("fou", "zer", "mor")
_SOURCES = (PICTURES, PICTURE_LABELS, SPOKEN, *(mfeat.VIEWS[view] for view in _TABLES))

CARD = Card(
    title="Digits, three modalities",
    summary="a digit's table (UCI mfeat), picture (MNIST) and recording (FSDD), with noise on all three",
    pairing="by_label",
    source_family="digits",
    licence="CC BY 4.0 (mfeat), CC BY-SA 3.0 (MNIST), CC BY-SA 4.0 (FSDD)",
    home="https://archive.ics.uci.edu/dataset/72/multiple+features; https://ossci-datasets.s3.amazonaws.com/"
    "mnist/; https://github.com/Jakobovski/free-spoken-digit-dataset/tree/v1.0.10",
    citation="LeCun et al. 1998, Gradient-based learning applied to document recognition (MNIST); Jackson et "
    "al., Free Spoken Digit Dataset v1.0.10; Duin, Multiple Features, doi 10.24432/C5HC70",
    sources=_SOURCES,
    split="Six folds, one a speaker: fold f tests speaker f and a sixth of the pictures, the next validates, the "
    "rest train; a picture, recording or table row stands in one split.",
    figures=("None published: the pairs are made here.",),
    checksum_source="MNIST: of the files; FSDD: of the sorted lines `name sha256` of the wav files; mfeat: "
    "of the numbers as little-endian float64",
    notes=(
        "Paired by label: the modalities are independent given the label, so that late product is "
        "optimal by construction and joint networks have no relation between them to learn.",
        "Degraded on purpose, since clean pictures and tables are close to saturation: Gaussian noise of "
        "standard deviation `noise` on grey values in 0–1, on standardised table columns and on the "
        "standardised log-mel picture.",
        "Six folds, one a speaker: the tested voice is never heard in training (option speakers=random "
        "gives the easy split).",
        "1,200 / 400 / 400 pairs; the 200 table rows a digit are used up by every seed, so that "
        "neighbouring folds share a sixth of their tested table rows; pictures and recordings are disjoint.",
    ),
)
CLEAN = replace(
    CARD,
    title="Digits, three modalities, clean",
    summary="digits_trimodal without the noise: the same pairs, close to saturation",
    notes=(CARD.notes[0], "Without the noise of digits_trimodal: close to saturation.", *CARD.notes[2:]),
)


@register("digits_trimodal_clean", CLEAN, preset={"noise": 0.0})
@register("digits_trimodal", CARD)
@dataclass(frozen=True)
class DigitsTrimodal(DataSet):
    """One digit as `tabular`, `image` and `audio`.

    Parameters
    ----------
    size
        Side of the picture: 28, or 14 by area average.
    mel
        Mel bands, and frames, of the log-mel picture (`audio.log_mel`): 8 to 32.
    noise
        Standard deviation of the noise, on grey values in 0–1 and on values standardised by the
        training rows (each table column; all log-mel values together). Drawn by (seed, split,
        modality): editions that differ in `noise` alone differ in its size alone.
    speakers
        `held_out`: fold f tests speaker f, validates on the next, trains on four. `random`:
        recordings are split without regard to the speaker.
    """

    size: int = 14
    mel: int = 16
    noise: float = 1.0
    speakers: str = "held_out"
    _full: ClassVar[bool] = False
    _per_class: ClassVar[Mapping[str, int]] = PER_CLASS

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        if self.size not in (14, 28):
            raise FusebenchError(f"Option size={self.size!r} of {FAMILY}: the side is 14 or 28.")
        if not isinstance(self.mel, int) or not 8 <= self.mel <= 32:
            raise FusebenchError(f"Option mel={self.mel!r} of {FAMILY}: expected an integer from 8 to 32.")
        if type(self.noise) not in (int, float) or not 0 <= self.noise < float("inf"):
            raise FusebenchError(f"Option noise={self.noise!r} of {FAMILY}: expected a number from 0 on.")
        if self.speakers not in ("held_out", "random"):
            raise unknown(f"value of speakers of {FAMILY}", str(self.speakers), ("held_out", "random"))

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The table, the picture and the sound."""
        return (
            Modality("tabular", "tabular", (sum(mfeat.WIDTHS[view] for view in _TABLES),)),
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
        """Return the pairs of one seed; they depend on it and on `speakers`, on no other option."""
        sources = self._read()
        digits = {"tabular": mfeat.labels(), "image": mnist.both_digits(self._full), "audio": spoken_digits()}
        chosen = pairs(digits, seed, self.speakers == "held_out", self._per_class)
        parts = {split: self._rows(index, sources) for split, index in chosen.items()}
        scale = _scale(parts["train"].inputs)
        noisy = {split: self._degraded(rows, split, seed, scale) for split, rows in parts.items()}
        return check(Bundle(self.modalities, self.classes, **noisy), self.name or FAMILY)

    def _read(self) -> dict[str, np.ndarray]:
        tables = np.hstack([mfeat.read_view(view) for view in _TABLES])
        return {"tabular": tables, "audio": log_mels(self.mel)}

    def _rows(self, index: Mapping[str, np.ndarray], sources: Mapping[str, np.ndarray]) -> Rows:
        names = [RECORDINGS[i] for i in index["audio"]]
        stems = [PurePosixPath(name).stem for name in names]
        ids = [
            f"{picture}|fsdd-{stem}|mfeat-{row}"
            for picture, stem, row in zip(mnist.both_names(index["image"]), stems, index["tabular"], strict=True)
        ]
        voices = np.array([stem.split("_")[1] for stem in stems])
        return Rows(
            {
                "tabular": sources["tabular"][index["tabular"]],
                "image": mnist.both_pictures(index["image"], self.size),
                "audio": sources["audio"][index["audio"]],
            },
            all_present(len(ids), 3),
            spoken_digits()[index["audio"]],
            np.array(ids),
            voices if self.speakers == "held_out" else None,
        )

    def _degraded(self, rows: Rows, split: str, seed: int, scale: Mapping[str, tuple]) -> Rows:
        inputs = {}
        for name, values in rows.inputs.items():
            mean, deviation = scale[name]
            drawn = generator("noise", dataset=FAMILY, seed=seed, split=split, modality=name)
            noise = drawn.standard_normal(values.shape, dtype=np.float32)
            inputs[name] = (values - mean) / deviation + np.float32(self.noise) * noise
        return replace(rows, inputs=inputs)


def _scale(train: Mapping[str, np.ndarray]) -> dict[str, tuple]:
    """Return (mean, standard deviation) by modality, of training rows alone; grey values stay in 0–1."""
    table, sound = train["tabular"], train["audio"]
    return {
        "tabular": (table.mean(axis=0), table.std(axis=0)),
        "image": (np.float32(0), np.float32(1)),
        "audio": (sound.mean(), sound.std()),
    }
