"""How something is said, in eight numbers: length, pitch and loudness of a recording."""

from __future__ import annotations

import numpy as np

from ..core.errors import DataUnavailableError

NAMES = (
    "duration",
    "pitch",
    "pitch_spread",
    "pitch_slope",
    "loudness",
    "loudness_spread",
    "loudness_peak",
    "zero_crossings",
)
_FRAME, _HOP = 0.064, 0.016  # seconds
_LOWEST, _HIGHEST = 60.0, 400.0  # Hz: speaking voices
_FLOOR = 1e-8  # power; digital silence has a finite logarithm
_QUIET = 0.1  # of the loudest frame's amplitude: below it there is no voice to have a pitch


def prosody(wave: np.ndarray, rate: int) -> np.ndarray:
    """Describe one recording.

    Pitch is followed by YIN (de Cheveigné & Kawahara 2002) in frames of 64 ms every 16 ms, of which those at
    least a tenth as loud as the loudest count.

    Parameters
    ----------
    wave
        Array of shape (samples,) in −1..1.
    rate
        Samples a second.

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (8,), in the order of `NAMES`: duration (s); median of the pitch and its
        interquartile range (octaves above 60 Hz, octaves), slope of the pitch (octaves/s); mean and standard
        deviation of the log power (nat); place of the loudest frame (0 start, 1 end); zero crossings (1/s).

    Raises
    ------
    DataUnavailableError
        Where librosa is not installed.
    """
    try:
        from librosa import yin
    except (ImportError, OSError) as error:
        raise DataUnavailableError(
            f"Pitch cannot be followed here: importing librosa failed ({type(error).__name__}: {error}); "
            "install it with `pip install librosa`."
        ) from error
    frame, hop = int(_FRAME * rate), int(_HOP * rate)
    padded = np.pad(wave, (0, max(0, frame - len(wave))))
    starts = np.arange(0, len(padded) - frame + 1, hop)
    power = np.array([np.mean(padded[start : start + frame] ** 2) for start in starts])
    followed = yin(padded, fmin=_LOWEST, fmax=_HIGHEST, sr=rate, frame_length=frame, hop_length=hop, center=False)
    heard = power >= _QUIET**2 * power.max()
    pitch, times = np.log2(followed[: len(starts)][heard] / _LOWEST), starts[heard] / rate
    low, middle, high = np.percentile(pitch, [25, 50, 75])
    slope = np.polyfit(times, pitch, 1)[0] if len(pitch) > 2 else 0.0
    loudness = np.log(np.maximum(power, _FLOOR))
    crossings = np.count_nonzero(np.diff(np.signbit(wave))) * rate / len(wave)
    peak = power.argmax() / max(1, len(power) - 1)
    told = len(wave) / rate, middle, high - low, slope, loudness.mean(), loudness.std(), peak, crossings
    return np.array(told, dtype=np.float32)
