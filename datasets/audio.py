"""Sound: WAV files to waveforms in −1..1, waveforms to log-mel pictures.

soundfile and librosa are imported when sound is read and not before; where they cannot be (no sound
library on the machine), the data set is unavailable and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from math import ceil, gcd
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import DataUnavailableError, FusebenchError, UnreadableFileError
from .riff import MAX_RATE, CutShort, SoundFault, checked

WINDOW_SECONDS = 1.0  # spoken digits: median 0.42 s, 99 % below 0.92 s
FLOOR = 1e-8  # power; digital silence has a finite logarithm
UNSCALED = 100.0  # 40 dB over full scale: no waveform goes there
_FFT_SECONDS = 0.064
_LEAST_HOP = 16  # samples between frames


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

    WAV of 8 to 32-bit integers, floats, A-law or µ-law (also RF64 and W64), AIFF, FLAC, Ogg and MP3 are
    told by their content. Integers are scaled by their full range. Floats are taken as they are, somewhat
    beyond −1..1 too, but refused where they look like integers that were never scaled: whole numbers, or
    beyond ±100. Only where a file states no length can it be cut unnoticed: a WAV written to a pipe, an
    MP3 without a frame count.

    Parameters
    ----------
    path
        The file.
    rate
        Samples a second of the result; another rate in the file is resampled (polyphase filter, the wave
        continued beyond its ends by point reflection).

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (samples,) in −1..1, several channels averaged.

    Raises
    ------
    UnreadableFileError
        Where the file is absent, no sound, cut short, empty, or holds what is no waveform in −1..1 (NaN,
        unscaled integers).
    FusebenchError
        Where `rate` means nothing.
    DataUnavailableError
        Where no sound library is installed.
    """
    library = sound_library()
    _whole_number("rate", rate, "samples a second")
    try:
        wave, found = _decoded(library, Path(path).read_bytes())
    except SoundFault as fault:
        raise UnreadableFileError("Sound file", Path(path), str(fault)) from fault.__cause__
    except OSError as error:
        raise UnreadableFileError("Sound file", Path(path), f"cannot be opened ({error.strerror})") from error
    return wave if found == rate else _resampled(wave, found, rate)


def _decoded(library: ModuleType, content: bytes) -> tuple[np.ndarray, int]:
    source = BytesIO(checked(content))
    try:
        with library.SoundFile(source) as sound:
            promised, rate = sound.frames, sound.samplerate
            samples = sound.read(dtype="float32", always_2d=True)
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:  # libsndfile raises RuntimeErrors
        reason = str(getattr(error, "error_string", "")).strip().rstrip(".") or type(error).__name__
        raise SoundFault(f"cannot be decoded ({reason}): it is damaged or cut short; replace it") from error
    if not 0 < rate <= MAX_RATE:
        raise SoundFault(f"states {rate:,} samples a second; replace it")
    if len(samples) < promised:
        raise CutShort(f"is cut short ({len(samples):,} of {promised:,} samples); replace it by the whole file")
    _check_samples(samples)
    return samples.mean(axis=1), rate


def _check_samples(samples: np.ndarray) -> None:
    if len(samples) == 0 or not np.isfinite(samples).all():
        fault = "no samples" if len(samples) == 0 else "samples that are not finite numbers"
        raise SoundFault(f"holds {fault}; replace it")
    peak = float(abs(samples).max())
    if peak > UNSCALED or (peak > 1 and (samples == np.rint(samples)).all()):
        raise SoundFault(
            f"holds values up to {peak:g} where a waveform lies in −1..1: it looks like integers that were "
            "never scaled; divide them by their full range"
        )


def is_cut(path: Path) -> bool:
    """Return whether a sound file is shorter than its header says; libsndfile reads such files silently."""
    try:
        checked(path.read_bytes())
    except CutShort:
        return True
    except SoundFault:
        return False
    return False


def _whole_number(name: str, value: object, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise FusebenchError(f"Sound {name}={value!r}: expected a whole number of {unit}, from 1 on.")


def _resampled(wave: np.ndarray, found: int, rate: int) -> np.ndarray:
    """Resample, the wave going on beyond its ends point-reflected: against silence the filter would ring."""
    from scipy.signal import resample_poly

    up, down = rate // gcd(found, rate), found // gcd(found, rate)
    reach = ceil(10 * max(1, down / up))  # of scipy's filter, in samples of the file
    margin = down * ceil(reach / down)
    longer = np.pad(wave, margin, mode="reflect", reflect_type="odd")
    start = margin // down * up
    return resample_poly(longer, up, down)[start : start + ceil(len(wave) * up / down)].astype(np.float32)


def centred(wave: np.ndarray, samples: int) -> np.ndarray:
    """Return the middle `samples` of a waveform, or the waveform in the middle of silence."""
    spare = samples - len(wave)
    if spare <= 0:
        start = -spare // 2
        return wave[start : start + samples]
    return np.pad(wave, (spare // 2, spare - spare // 2))


def log_mel(wave: np.ndarray, rate: int, bands: int, frames: int, seconds: float = WINDOW_SECONDS) -> np.ndarray:
    """Turn a waveform into a picture of fixed size: natural log of mel-band power.

    `seconds` are kept whatever the recording's length: a longer one loses both ends equally, a shorter
    one stands in the middle of silence. So durations stay visible and a frame is always `seconds` /
    `frames` long, rounded down to whole samples. Each is measured under a window of 64 ms around its
    start.

    Parameters
    ----------
    wave
        Array of shape (samples,) in −1..1.
    rate
        Samples a second.
    bands, frames
        Height and width of the picture; the bands reach from 0 Hz to rate / 2.
    seconds
        What is kept, in s.

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (1, bands, frames), in nat; power below 1e-8 counts as 1e-8.

    Raises
    ------
    FusebenchError
        Where a number means nothing, `seconds` are shorter than one window, or a frame would have fewer
        than 16 samples.
    DataUnavailableError
        Where librosa is not installed.
    """
    melspectrogram = _mel_function()
    samples = _window(rate, bands, frames, seconds)
    power = melspectrogram(
        y=centred(wave, samples),
        sr=rate,
        n_fft=int(_FFT_SECONDS * rate),
        hop_length=samples // frames,
        n_mels=bands,
        fmax=rate / 2,
    )[:, :frames]
    return np.log(np.maximum(power, FLOOR)).astype(np.float32)[None]


def _window(rate: int, bands: int, frames: int, seconds: float) -> int:
    """Return how many samples are kept, once the numbers go together."""
    for name, value, unit in (("rate", rate, "samples a second"), ("bands", bands, "mel bands")):
        _whole_number(name, value, unit)
    _whole_number("frames", frames, "columns")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not _FFT_SECONDS <= seconds < 1e6:
        raise FusebenchError(f"Sound seconds={seconds!r}: expected a time in s, from {_FFT_SECONDS:g} on.")
    samples = int(seconds * rate)
    if samples < frames * _LEAST_HOP:
        raise FusebenchError(
            f"Sound frames={frames}: {seconds:g} s at {rate} samples a second have room for at most "
            f"{samples // _LEAST_HOP}; take fewer frames or more seconds."
        )
    return samples
