"""Free Spoken Digit Dataset as sound and table: a recording, and how it is said; which digit, or who says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from ..core.errors import unknown
from .audio import read_wav
from .bundle import Bundle, Modality, Rows, all_present, check
from .cache import cached_array
from .card import Card, DataSet
from .prosody import NAMES, prosody
from .registry import register
from .splits import fold_split
from .spoken import (
    CHECKSUMS,
    CITATION,
    LICENCE,
    RATE,
    RECORDINGS,
    SPEAKERS,
    SPOKEN,
    log_mels,
    recordings,
    speakers,
    spoken_digits,
    turns,
)

# metadata.py of the repository; its other two columns, gender and language, are the same for all six
_ACCENTS = {
    "george": "GRC/Greek",
    "jackson": "USA/neutral",
    "lucas": "DEU/German",
    "nicolas": "BEL/French",
    "theo": "USA/neutral",
    "yweweler": "DEU/German",
}
ACCENTS = tuple(sorted(set(_ACCENTS.values())))
_HOME = "https://github.com/Jakobovski/free-spoken-digit-dataset/tree/v1.0.10"

DIGIT = Card(
    title="Spoken digits, who says them held out",
    summary="3,000 recordings of ten digits as log-mel picture, and a table of prosody and accent",
    pairing="natural",
    source_family="fsdd",
    licence=LICENCE,
    home=_HOME,
    citation=CITATION,
    sources=(SPOKEN,),
    checksum_source=CHECKSUMS,
    split="Six folds, one a speaker: fold f tests speaker f, the next validates, the other four train; no voice "
    "is heard in two splits.",
    figures=(
        "The publishers name recordings 0 to 4 of every speaker and digit as the test set, so that tested voices "
        "are heard in training: accuracies under that split are no measure of this one, which is harder.",
    ),
    notes=(
        "The table's prosody (duration, pitch, loudness) is computed from the same recording: it adds nothing "
        "that the whole sound lacks.",
        "Of the speakers' metadata only the accent is in the table: gender and language are the same for all six. "
        "An accent that no training speaker has is told as none.",
        "Six speakers: an accuracy differs between folds by far more than its standard error over rows.",
    ),
)
SPEAKER = replace(
    DIGIT,
    title="Speakers of spoken digits",
    summary="who of six says a digit: log-mel picture, and a table of prosody",
    split="Five folds, stratified by speaker and digit: 1,800 / 600 / 600 recordings.",
    figures=("None that we know of under this split.",),
    notes=(
        DIGIT.notes[0],
        "Nothing of the speakers' metadata is in the table: the accent names two of the six and leaves two to "
        "choose from for the others.",
        "A speaker's recordings stand on both sides of the split: what is recognised may be the circumstances of "
        "the recording as much as the voice.",
    ),
)


@register("fsdd_speaker", SPEAKER, preset={"task": "speaker"})
@register("fsdd_digit", DIGIT)
@dataclass(frozen=True)
class SpokenDigits(DataSet):
    """A recording as `audio`, and how it is said as `tabular`.

    Parameters
    ----------
    task
        `digit`: which of ten is said, by a voice never heard in training. `speaker`: who of six says it.
    mel
        Mel bands, and frames, of the log-mel picture (`audio.log_mel`).
    """

    task: str = "digit"
    mel: int = 32

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        if self.task not in ("digit", "speaker"):
            raise unknown("value of task of fsdd_digit", str(self.task), ("digit", "speaker"))
        if not isinstance(self.mel, int) or not 8 <= self.mel <= 64:
            raise ValueError(f"option mel={self.mel!r}: expected an integer from 8 to 64.")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The sound, and the table of `prosody.NAMES` and, for digits, accents."""
        columns = len(NAMES) + (len(ACCENTS) if self.task == "digit" else 0)
        return (Modality("audio", "audio", (1, self.mel, self.mel)), Modality("tabular", "tabular", (columns,)))

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits or the six speakers."""
        return tuple("0123456789") if self.task == "digit" else SPEAKERS

    @property
    def rows(self) -> dict[str, int]:
        """Recordings by split."""
        counts = (2000, 500, 500) if self.task == "digit" else (1800, 600, 600)
        return dict(zip(("train", "validation", "test"), counts, strict=True))

    @property
    def folds(self) -> int:
        """Six speakers are held out in turn; five folds where the speaker is asked for."""
        return len(SPEAKERS) if self.task == "digit" else 5

    def load(self, seed: int) -> Bundle:
        """Return fold `seed`: held-out speakers for digits, stratified recordings for speakers."""
        target = spoken_digits() if self.task == "digit" else speakers()
        cuts = self._cuts(seed)
        sound, said = log_mels(self.mel), _said()
        if self.task == "digit":
            said = np.hstack([said, _accents(cuts[0])])
        stems = np.array([PurePosixPath(name).stem for name in RECORDINGS])
        voices = np.array(SPEAKERS)[speakers()]

        def part(index: np.ndarray) -> Rows:
            inputs = {"audio": np.asarray(sound[index]), "tabular": np.asarray(said[index])}
            groups = voices[index] if self.task == "digit" else None
            return Rows(inputs, all_present(len(index), 2), target[index], stems[index], groups)

        return check(Bundle(self.modalities, self.classes, *map(part, cuts)), self.name or "fsdd_digit")

    def _cuts(self, seed: int) -> tuple[np.ndarray, ...]:
        if self.task == "digit":
            turn = turns(seed % len(SPEAKERS))
            return tuple(np.flatnonzero(rows) for rows in (turn > 1, turn == 1, turn == 0))
        return fold_split(10 * speakers() + spoken_digits(), seed, "fsdd_speaker", self.folds)


def _said() -> np.ndarray:
    """Return every recording's prosody, float32 of shape (3000, 8)."""
    folder = recordings()
    key = f"fsdd-prosody|{SPOKEN.checksum}|v1"
    return cached_array(key, lambda: np.stack([prosody(read_wav(folder / n, RATE), RATE) for n in RECORDINGS]))


def _accents(train: np.ndarray) -> np.ndarray:
    """Return one column an accent, 0 or 1; an accent that no training row has is 0: nothing is learnt of it."""
    spoken = np.array([_ACCENTS[name.split("_")[1]] for name in RECORDINGS])
    columns = np.stack([spoken == accent for accent in ACCENTS], axis=1).astype(np.float32)
    return columns * columns[train].any(axis=0)
