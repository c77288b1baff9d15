"""What turns a picture or sound file into a row of fixed shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

_VERSION = 1  # raise it where the same options decode to other numbers


@dataclass(frozen=True)
class PictureDecoder:
    """Picture files to pixels.

    Parameters
    ----------
    size
        Side in pixels after resizing, or (height, width).
    channels
        1 (grey) or 3 (red, green, blue).
    """

    size: int | tuple[int, int]
    channels: int

    @property
    def dtype(self) -> np.dtype:
        """Unsigned bytes."""
        return np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        return (self.channels, height, width)

    @property
    def key(self) -> str:
        """Options and version."""
        return f"picture {self.shape} {_VERSION}"

    def __call__(self, path: Path) -> np.ndarray:
        """Return uint8 pixels of shape (channels, height, width)."""
        from ..picture import read_picture

        return read_picture(path, self.size, self.channels)


@dataclass(frozen=True)
class SoundDecoder:
    """Sound files to log-mel pictures.

    Parameters
    ----------
    rate
        Samples a second after resampling.
    seconds
        How much is kept: the middle of a longer sound; a shorter one stands in the middle of silence.
    bands, frames
        Height and width of the picture.
    """

    rate: int
    seconds: float
    bands: int
    frames: int

    @property
    def dtype(self) -> np.dtype:
        """Float32."""
        return np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, mel bands, frames)."""
        return (1, self.bands, self.frames)

    @property
    def key(self) -> str:
        """Options and version."""
        return f"sound {self.rate} {self.seconds:g} {self.shape} {_VERSION}"

    def __call__(self, path: Path) -> np.ndarray:
        """Return the natural log of mel-band power, float32 of shape (1, bands, frames)."""
        from ..audio import log_mel, read_wav

        return log_mel(read_wav(path, self.rate), self.rate, self.bands, self.frames, seconds=self.seconds)
