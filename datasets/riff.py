"""Containers of sound: what the header promises against what the file holds.

libsndfile reads a cut file to its end and believes a header that contradicts itself. So the chunks of a
WAV file are walked here, and libsndfile is given a plain one made of its format and its samples alone;
of other containers it is seen that they end where they should.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack, unpack_from

FORMATS = "WAV, RF64, W64, AIFF, FLAC, Ogg, MP3"
MAX_RATE = 1_000_000
_ORDER = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_NESTED = (b"fmt ", b"data", b"LIST", b"fact")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_WIDTHS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64), 6: (8,), 7: (8,)}  # codec → bits a sample; 6, 7: A-law, µ-law
_STREAMED = 0x7FFF_0000  # from here on a size says: written to a pipe, length not known
_CUT = "is cut short ({}); replace it by the whole file"
_DAMAGED = "has a damaged header ({}); replace it"


class SoundFault(Exception):
    """What is wrong with a sound file, as the rest of a sentence that begins with its name."""


class CutShort(SoundFault):
    """The file ends before its sound does."""


@dataclass
class Chunks:
    """What the walk along a WAV file found: the format chunk, and where its samples start and stop."""

    order: str
    form: bytes = b""
    start: int = 0
    stop: int = 0
    long_size: int | None = None  # of the samples, where 32 bits do not hold it (RF64)


def checked(content: bytes) -> bytes:
    """Return the file as libsndfile shall see it.

    A WAV file comes out with its format and samples alone, under a header whose sizes are right. Sizes
    that a program writing to a pipe could not know (0, or 2 GiB and more) mean up to the end of the
    file. Other containers come out as they are.

    Raises
    ------
    CutShort
        Where samples that the header promises are missing.
    SoundFault
        Where it is no sound, holds no samples, or its header contradicts itself.
    """
    if not content:
        raise SoundFault("is empty (0 bytes); replace it")
    if content[:4] in _ORDER:
        return _plain(content, _walk(content))
    _check_end(content)
    return content


def _check_end(content: bytes) -> None:
    held = len(content)
    if content.startswith(_W64):
        promised = unpack_from("<Q", content.ljust(24, b"\0"), 16)[0]
    elif content.startswith(b"FORM"):
        promised = 8 + unpack_from(">I", content.ljust(8, b"\0"), 4)[0]
    elif content.startswith(b"OggS"):
        promised = _ogg_end(content)
    else:
        mp3 = content.startswith(b"ID3") or (content[0] == 0xFF and content[1:2] and content[1] & 0xE6 == 0xE2)
        if not (mp3 or content.startswith(b"fLaC")):
            raise SoundFault(f"begins with {content[:8]!r}, as no sound does that is read here ({FORMATS})")
        promised = held  # libsndfile notices
    if held < promised:
        raise CutShort(_CUT.format("its end is missing"))


def _ogg_end(content: bytes) -> int:
    """Return where the last page ends, or one byte beyond the file where no page says it is the last."""
    place, last = 0, False
    while content[place : place + 4] == b"OggS" and place + 27 <= len(content):
        table = content[place + 27 : place + 27 + content[place + 26]]
        last = bool(content[place + 5] & 4)
        place += 27 + content[place + 26] + sum(table)
    return place if last else len(content) + 1


def _walk(content: bytes) -> Chunks:
    order = _ORDER[content[:4]]
    if len(content) < 12:
        raise CutShort(_CUT.format("its header is not whole"))
    if content[8:12] != b"WAVE":
        raise SoundFault(f"is a RIFF file of {content[8:12]!r}, not of sound; replace it by a WAV file")
    found, place = Chunks(order), 12
    while place + 8 <= len(content):
        name, size = content[place : place + 4], unpack_from(order + "I", content, place + 4)[0]
        body = place + 8
        if name == b"data":
            if not found.form:
                raise SoundFault(_DAMAGED.format("no format before the samples"))
            found.start, found.stop = body, _stop(content, found, body, size)
            return found
        if name == b"fmt ":
            found.form = content[body : body + size]
        elif name == b"ds64" and size >= 16 and len(content) >= body + 16:
            found.long_size = unpack_from(order + "Q", content, body + 8)[0]
        place = _next(content, body + size)
    raise CutShort(_CUT.format("no samples in it"))


def _next(content: bytes, end: int) -> int:
    """Return where the next chunk begins: at an even place, but for writers that forget the padding."""
    forgotten = end % 2 and content[end : end + 4] in _NESTED
    return end if forgotten else end + end % 2


def _stop(content: bytes, found: Chunks, start: int, size: int) -> int:
    """Return where the samples end, as the file's sizes say together."""
    held, riff = len(content), unpack_from(found.order + "I", content, 4)[0]
    unknown = riff + 8 <= start or riff >= _STREAMED
    if found.long_size is not None and size == 0xFFFFFFFF:
        size = found.long_size
    endless = found.long_size is None and size >= _STREAMED and size > held - start
    if endless or (size == 0 and unknown):
        return held
    if size > held - start:
        raise CutShort(_CUT.format(f"{held - start:,} of {size:,} bytes of samples"))
    beyond = content[start + size + size % 2 : held if unknown else riff + 8]
    if beyond.strip(b"\0") and not all(32 <= sign < 127 for sign in beyond[:4]):  # no chunk's name
        raise SoundFault(_DAMAGED.format("samples go on where its sizes say that they end"))
    return start + size


def _plain(content: bytes, found: Chunks) -> bytes:
    form, order = found.form, found.order
    if len(form) < 16:
        raise SoundFault(_DAMAGED.format("its format chunk is not whole"))
    codec, channels, rate, _, block, bits = unpack_from(order + "HHIIHH", form)
    if codec == _EXTENSIBLE and len(form) >= 26:
        codec = unpack_from(order + "H", form, 24)[0]
    _check_format(codec, channels, rate, block, bits)
    stop = found.stop - (found.stop - found.start) % block
    if stop == found.start:
        raise SoundFault("holds no samples; replace it")
    samples = content[found.start : stop]
    size = 4 + 8 + len(form) + len(form) % 2 + 8 + len(samples) + len(samples) % 2
    if size >= 2**32:
        raise SoundFault("holds more than 4 GiB of samples; cut it into parts")
    parts = (b"WAVE", _chunk(order, b"fmt ", form), _chunk(order, b"data", samples))
    return (b"RIFX" if order == ">" else b"RIFF") + pack(order + "I", size) + b"".join(parts)


def _chunk(order: str, name: bytes, body: bytes) -> bytes:
    return name + pack(order + "I", len(body)) + body + bytes(len(body) % 2)


def _check_format(codec: int, channels: int, rate: int, block: int, bits: int) -> None:
    if codec not in _WIDTHS:
        raise SoundFault(f"is coded by WAV codec {codec:#06x}, which is not read here; save it as PCM or FLAC")
    if channels == 0 or not 0 < rate <= MAX_RATE:
        raise SoundFault(_DAMAGED.format(f"{channels} channels, {rate:,} samples a second"))
    if bits not in _WIDTHS[codec]:
        raise SoundFault(_DAMAGED.format(f"{bits} bits a sample"))
    if block != channels * ((bits + 7) // 8):
        raise SoundFault(_DAMAGED.format(f"blocks of {block} bytes for {channels} × {bits} bits"))
