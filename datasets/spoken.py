"""The recordings of the Free Spoken Digit Dataset: ten digits, six speakers, fifty of each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from .audio import is_cut, log_mel, read_wav, sound_library
from .cache import cached_array
from .fetch import Raw, folder_sha256, raw

RATE = 8000
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
RECORDINGS = tuple(sorted(f"{d}_{s}_{i}.wav" for d in range(10) for s in SPEAKERS for i in range(50)))
LICENCE = "CC BY-SA 4.0 (FSDD)"
CITATION = "Jackson et al., Free Spoken Digit Dataset v1.0.10"
CHECKSUMS = "FSDD: sha256 of the sorted lines `name sha256` of the wav files"


def _first_cut(folder: Path) -> str:
    cut = [name for name in RECORDINGS if is_cut(folder / name)]
    return f"holds {len(cut)} files that are cut short, first {cut[0]!r}" if cut else ""


SPOKEN = Raw(
    "fsdd/recordings",
    "dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f",
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
    archive=True,
    names=RECORDINGS,
    digest=partial(folder_sha256, names=RECORDINGS),
    explain=_first_cut,
)


def spoken_digits() -> np.ndarray:
    """Return the digit of every recording, int64 of shape (3000,)."""
    return np.array([int(name[0]) for name in RECORDINGS])


def speakers() -> np.ndarray:
    """Return the speaker of every recording as an index into `SPEAKERS`, int64 of shape (3000,)."""
    return np.array([SPEAKERS.index(name.split("_")[1]) for name in RECORDINGS])


def turns(fold: int) -> np.ndarray:
    """Return each recording's turn in a fold: 0 is tested, 1 validates, 2 to 5 train; one speaker a turn."""
    return (speakers() - fold) % len(SPEAKERS)


def log_mels(bands: int) -> np.ndarray:
    """Return every recording's log-mel picture (`audio.log_mel`), float32 of shape (3000, 1, bands, bands)."""
    folder = recordings()
    key = f"fsdd-log-mel|{SPOKEN.checksum}|bands={bands},frames={bands},v1"
    return cached_array(
        key,
        lambda: np.stack([log_mel(read_wav(folder / n, RATE), RATE, bands, bands) for n in RECORDINGS]),
    )


def recordings() -> Path:
    """Return the folder of the recordings.

    Raises
    ------
    DataUnavailableError
        Where no sound can be read here: that must not depend on what an earlier run cached.
    """
    sound_library()
    return raw(SPOKEN)
