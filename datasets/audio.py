"""Sound: WAV files to waveforms in −1..1, waveforms to log-mel pictures.

soundfile and librosa are imported when sound is read and not before; where they cannot be (no sound
library on the machine), the data set is unavailable and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import DataUnavailableError, FusebenchError

WINDOW_SECONDS = 1.0  # spoken digits: median 0.42 s, 99 % below 0.92 s
FLOOR = 1e-8  # power; digital silence has a finite logarithm
_FFT_SECONDS = 0.064


def sound_library() -> ModuleType:
    """Return the module that reads sound files.

    Raises
    ------
    DataUnavailableError
        Where soundfile, or the C library below it, is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the C library is absent
        raise _unavailable("soundfile", error) from error
    return soundfile


def _mel_function() -> Callable[..., Any]:
    try:
        from librosa.feature import melspectrogram
    except (ImportError, OSError) as error:
        raise _unavailable("librosa", error) from error
    return melspectrogram


def _unavailable(library: str, error: Exception) -> DataUnavailableError:
    return DataUnavailableError(
        f"Sound cannot be read here: importing {library} failed ({type(error).__name__}: {error}); install "
        "it with `pip install soundfile librosa` and, where the C library is missing, libsndfile "
        "(`apt install libsndfile1`, `brew install libsndfile`)."
    )


def read_wav(path: Path, rate: int) -> np.ndarray:
    """Read a sound file as one channel at a given rate.

    Parameters
    ----------
    path
        A WAV file (or another that libsndfile reads); integer samples are scaled by their full range.
    rate
        Samples a second of the result; another rate in the file is resampled (polyphase filter).

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (samples,) in −1..1, several channels averaged.

    Raises
    ------
    FusebenchError
        Where the file is no sound file, is cut short, is empty or holds NaN; it is named.
    DataUnavailableError
        Where no sound library is installed.
    """
    library = sound_library()
    if is_cut(path):
        raise FusebenchError(f"Sound file {path.name!r} is cut short; replace it by the whole file.")
    try:
        samples, found = library.read(path, dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:  # libsndfile's errors are RuntimeErrors
        reason = str(error).replace(str(path), path.name)
        raise FusebenchError(f"Sound file {path.name!r} cannot be read ({reason}); replace it.") from error
    wave = samples.mean(axis=1)
    if len(wave) == 0 or not np.isfinite(wave).all():
        fault = "no samples" if len(wave) == 0 else "samples that are not finite numbers"
        raise FusebenchError(f"Sound file {path.name!r} holds {fault}; replace it.")
    return wave if found == rate else _resampled(wave, found, rate)


def is_cut(path: Path) -> bool:
    """Return whether a RIFF file is shorter than its header says; libsndfile reads such files silently."""
    with path.open("rb") as stream:
        head = stream.read(8)
    promised = int.from_bytes(head[4:], "little")
    streamed = promised in (0, 0xFFFFFFFF)  # written to a pipe, where the length was not known
    return head[:4] == b"RIFF" and not streamed and path.stat().st_size < promised + 8


def _resampled(wave: np.ndarray, found: int, rate: int) -> np.ndarray:
    from scipy.signal import resample_poly

    common = gcd(found, rate)
    return resample_poly(wave, rate // common, found // common).astype(np.float32)


def centred(wave: np.ndarray, samples: int) -> np.ndarray:
    """Return the middle `samples` of a waveform, or the waveform in the middle of silence."""
    spare = samples - len(wave)
    if spare <= 0:
        start = -spare // 2
        return wave[start : start + samples]
    return np.pad(wave, (spare // 2, spare - spare // 2))


def log_mel(wave: np.ndarray, rate: int, bands: int, frames: int) -> np.ndarray:
    """Turn a waveform into a picture of fixed size: natural log of mel-band power.

    One second is kept whatever the recording's length: a longer one loses both ends equally, a shorter
    one stands in the middle of silence. So durations stay visible and a frame is always 1/`frames` s.

    Parameters
    ----------
    wave
        Array of shape (samples,) in −1..1.
    rate
        Samples a second.
    bands, frames
        Height and width of the picture; the bands reach from 0 Hz to rate / 2.

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (1, bands, frames), in nat; power below 1e-8 counts as 1e-8.

    Raises
    ------
    DataUnavailableError
        Where librosa is not installed.
    """
    melspectrogram = _mel_function()
    samples = int(WINDOW_SECONDS * rate)
    power = melspectrogram(
        y=centred(wave, samples),
        sr=rate,
        n_fft=int(_FFT_SECONDS * rate),
        hop_length=samples // frames,
        n_mels=bands,
        fmax=rate / 2,
    )[:, :frames]
    return np.log(np.maximum(power, FLOOR)).astype(np.float32)[None]
