"""Pictures of which only a box is wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.errors import UnreadableFileError
from .own.decoders import PictureDecoder

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""


@dataclass(frozen=True)
class BoxedDecoder:
    """Picture files to pixels inside a box of their own.

    Parameters
    ----------
    size
        Side of the result in pixels.
    boxes
        File name → box.
    """

    size: int
    boxes: Mapping[str, Box] = field(hash=False)
    channels: ClassVar[int] = 3

    @property
    def dtype(self) -> np.dtype:
        """Eight bits without sign."""
        return np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """(3, size, size)."""
        return (self.channels, self.size, self.size)

    @property
    def key(self) -> str:
        """Options, boxes and version."""
        told = hashlib.sha256(repr(sorted(self.boxes.items())).encode()).hexdigest()
        return f"boxed {PictureDecoder(self.size, self.channels).key} {told} 1"

    def __call__(self, path: Path) -> np.ndarray:
        """Return uint8 pixels of shape (3, size, size): the box, scaled, its aspect ratio not kept."""
        from PIL import Image

        from .picture import read_picture

        with Image.open(path) as opened:
            width, height = opened.size
        left, top, wide, high = self.boxes[path.name]
        pixels = read_picture(path, (height, width), self.channels)
        right, bottom = min(width, round(left + wide)), min(height, round(top + high))
        inside = pixels[:, max(0, round(top)) : bottom, max(0, round(left)) : right]
        if inside.size == 0:
            raise UnreadableFileError("Picture", path, f"has no pixel inside its box {self.boxes[path.name]}")
        shrunk = Image.fromarray(np.ascontiguousarray(inside.transpose(1, 2, 0))).resize((self.size, self.size))
        return np.ascontiguousarray(np.asarray(shrunk).transpose(2, 0, 1))
