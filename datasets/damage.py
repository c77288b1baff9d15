"""Damage to picture files that decoders pass over in silence.

Pillow can be told, for a whole process, to take cut pictures for whole ones, and its JPEG decoder paints
the part that is missing before an end mark grey without a word. So the marks that a whole file has are
looked for here, in the bytes.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
_AFTER_SCAN = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # FF 00 and FF D0–D7 belong to the coded pixels
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a segment behind them
_HUFFMAN_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_END, _SCAN = 0xD9, 0xDA
_CUT = "is cut short ({}); replace it by the whole file"


@dataclass(frozen=True)
class Jpeg:
    """Where a JPEG file ends (offset of its end mark, −1 where it has none) and how it is coded."""

    end: int
    huffman: bool


def walk_jpeg(content: bytes) -> Jpeg:
    """Follow the segments of a JPEG file up to its end mark, over thumbnails inside of segments."""
    place, huffman, pattern = 2, False, _MARKER
    while (found := pattern.search(content, place)) is not None:
        marker, place, pattern = found.group(1)[0], found.end(), _MARKER
        if marker == _END:
            return Jpeg(place - 2, huffman)
        huffman = huffman or marker in _HUFFMAN_FRAMES
        if marker not in _ALONE:
            place += max(2, int.from_bytes(content[place : place + 2], "big"))
        if marker == _SCAN:
            pattern = _AFTER_SCAN
    return Jpeg(-1, huffman)


def jpeg_fault(content: bytes) -> str:
    """Return what is wrong with a JPEG file, as the rest of a sentence, or nothing."""
    return "" if walk_jpeg(content).end > 0 else _CUT.format("its end mark is missing")


def with_surplus(content: bytes) -> bytes | None:
    """Return a JPEG file with surplus bytes before its end mark.

    To a decoder that has all its pixels by then they mean nothing; where the coded pixels had run out,
    they are taken for the missing ones and the picture changes. None where that reasoning does not hold
    (arithmetic coding, which may leave its last zeros unwritten).
    """
    jpeg = walk_jpeg(content)
    surplus = bytes((59 * i + 23) % 251 for i in range(512))  # no FF: no marker among them
    return content[: jpeg.end] + surplus + content[jpeg.end :] if jpeg.huffman else None


def png_fault(content: bytes) -> str:
    """Return what is wrong with the chunks of a PNG file, as the rest of a sentence, or nothing."""
    place, name = 8, b""
    while name != b"IEND":
        length, name = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
        end = place + 8 + length
        if len(content) < end + 4:
            return _CUT.format("its last chunk is not whole" if len(name) == 4 else "its end mark is missing")
        if zlib.crc32(content[place + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            shown = name.decode("ascii", "replace")
            return f"is damaged (the checksum of its chunk {shown!r} is wrong); replace it"
        place = end + 4
    return ""
