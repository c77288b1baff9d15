"""Frames of a video file: as many as are asked for, evenly spaced, in time order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import DataUnavailableError, FusebenchError, UnreadableFileError

_VERSION = 1  # raise it where the same options decode to other numbers


def video_library() -> ModuleType:
    """Return PyAV.

    Raises
    ------
    DataUnavailableError
        Where it is not installed.
    """
    try:
        import av
    except (ImportError, OSError) as error:  # OSError: a library below it is absent
        raise DataUnavailableError(
            f"Video cannot be read here: importing av failed ({type(error).__name__}: {error}); install it with "
            "`pip install 'fusebench[video]'`."
        ) from error
    return av


def evenly(count: int, wanted: int) -> np.ndarray:
    """Return which of `count` frames are taken: the middle one of each of `wanted` equal parts.

    Fewer frames than are wanted are taken more than once, still in time order.
    """
    return (2 * np.arange(wanted) + 1) * count // (2 * wanted)


def read_frames(path: Path, wanted: int, size: int, channels: int) -> np.ndarray:
    """Read evenly spaced frames of a video file, each a square picture.

    The file is decoded from its first frame to its last and the frames are counted as they come: what the
    container says about its duration, rate or number of frames is not believed. The largest centred
    square of each is scaled to `size`, by the mean of the pixels that fall into one.

    Parameters
    ----------
    path
        Any file that FFmpeg reads; its first video stream is taken.
    wanted
        Number of frames.
    size
        Side of the result in pixels.
    channels
        1 (grey) or 3 (red, green, blue).

    Returns
    -------
    numpy.ndarray
        Uint8 array of shape (wanted · channels, size, size): the first frame's channels, then the next's.

    Raises
    ------
    UnreadableFileError
        Where the file is absent, holds no video, or cannot be decoded to its end.
    FusebenchError
        Where `wanted`, `size` or `channels` mean nothing.
    DataUnavailableError
        Where PyAV is not installed.
    """
    if wanted < 1 or size < 1 or channels not in (1, 3):
        raise FusebenchError(
            f"Video frames={wanted!r}, size={size!r}, channels={channels!r}: expected at least one frame and "
            "pixel, and 1 (grey) or 3 (colour) channels."
        )
    library = video_library()
    try:
        shrunk = list(_shrunk(library, path, size, "gray" if channels == 1 else "rgb24"))
    except OSError as error:
        raise UnreadableFileError("Video file", path, f"cannot be opened ({error.strerror or error})") from error
    except library.FFmpegError as error:
        reason = f"cannot be decoded as video ({_words(error)}{_pointer(path)}); replace it by the whole file"
        raise UnreadableFileError("Video file", path, reason) from error
    if not shrunk:
        raise UnreadableFileError("Video file", path, "holds no frame; replace it")
    taken = np.stack([shrunk[place] for place in evenly(len(shrunk), wanted)])
    return np.ascontiguousarray(taken.reshape(wanted, size, size, channels).transpose(0, 3, 1, 2)).reshape(
        wanted * channels, size, size
    )


def _shrunk(library: ModuleType, path: Path, size: int, form: str) -> Iterator[np.ndarray]:
    """Yield every frame at its final size: a clip of any length is held in little memory."""
    with library.open(str(path)) as container:
        if not container.streams.video:
            raise UnreadableFileError("Video file", path, "holds no video stream; replace it")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # files are decoded side by side already
        for frame in container.decode(stream):
            yield _square(frame, size, form)


def _square(frame: Any, size: int, form: str) -> np.ndarray:
    """Return the largest centred square of a frame at the size asked for."""
    short = min(frame.width, frame.height)
    width, height = (max(size, round(size * side / short)) for side in (frame.width, frame.height))
    pixels = frame.reformat(width=width, height=height, format=form, interpolation="AREA").to_ndarray()
    left, top = (width - size) // 2, (height - size) // 2
    return np.array(pixels[top : top + size, left : left + size])


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _pointer(path: Path) -> str:
    with path.open("rb") as stream:
        lfs = stream.read(40).startswith(b"version https://git-lfs")
    return ": it is a Git LFS pointer, run `git lfs pull` where it came from" if lfs else ""


@dataclass(frozen=True)
class FramesDecoder:
    """Video files to frames stacked as channels.

    Parameters
    ----------
    frames, size, channels
        As `read_frames` takes them.
    """

    frames: int
    size: int
    channels: int

    @property
    def dtype(self) -> np.dtype:
        """Eight bits without sign."""
        return np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames · channels, size, size)."""
        return (self.frames * self.channels, self.size, self.size)

    @property
    def key(self) -> str:
        """Options and version."""
        return f"frames {self.frames} {self.size} {self.channels} {_VERSION}"

    def __call__(self, path: Path) -> np.ndarray:
        """Return uint8 pixels of shape (frames · channels, size, size)."""
        return read_frames(path, self.frames, self.size, self.channels)
