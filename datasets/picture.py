"""Picture files to 8-bit arrays of one size: grey or colour, upright, whole or refused.

Pillow opens far more than it explains: 16-bit greys that its conversions clip, signed samples, inks,
cameras held on their side, files cut short. Each is either read to the values it stands for or refused
with the reason; Pillow is imported when a picture is read and not before, and its process-wide switches
are left alone.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import DataUnavailableError, FusebenchError, UnreadableFileError
from .damage import jpeg_fault, png_fault, with_surplus

if TYPE_CHECKING:
    from PIL import ImageFile
    from PIL.Image import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # MPO opens as JPEG
MAX_PIXELS = 100_000_000
_EIGHT_BIT = frozenset(("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"))
_JPEG = ("JPEG", "MPO")
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF tags
_BEGINNINGS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_SAVE = "save it as 8-bit PNG"


class _Fault(Exception):
    """What is wrong with a picture, as the rest of a sentence that begins with its name."""


def read_picture(path: Path, size: int | tuple[int, int], channels: int) -> np.ndarray:
    """Read a picture file as 8-bit values of a fixed size.

    The format is told by the content, not by the suffix: BMP, GIF, JPEG, PNG, PPM/PGM, TIFF or WebP of
    one frame. Files of several frames are refused, but for a camera's JPEG with previews behind it
    (MPO), whose first picture is the photograph.

    *Values.* Deeper greys are scaled by their full range (16 bits: v / 257). Transparent pixels are laid
    over white, as viewers show them. Inks (CMYK) become (255 − ink)(255 − black) / 255; colour profiles
    are not applied. Colour becomes grey by 0.299 R + 0.587 G + 0.114 B. Samples without a stated range
    (float, signed, 32-bit) and LAB are refused.

    *Geometry.* The camera's rotation (EXIF) is applied. The whole picture is then scaled to `size`, its
    aspect ratio not kept, so that nothing is cut off; by bilinear interpolation widened to the pixels
    that fall into one (antialiased). A picture that has the size already keeps its values.

    Parameters
    ----------
    path
        The file.
    size
        Side, or (height, width), of the result in pixels.
    channels
        1 (grey) or 3 (red, green, blue).

    Returns
    -------
    numpy.ndarray
        Uint8 array of shape (channels, height, width).

    Raises
    ------
    UnreadableFileError
        Where the file is absent, is no picture, is cut short or damaged, has more than 100 million
        pixels, several frames or values without a stated range.
    FusebenchError
        Where `size` or `channels` mean nothing.
    DataUnavailableError
        Where Pillow is not installed.
    """
    height, width = _sides(size)
    if channels not in (1, 3):
        raise FusebenchError(f"Picture channels={channels!r}: expected 1 (grey) or 3 (red, green, blue).")
    try:
        return _read(Path(path).read_bytes(), (width, height), "L" if channels == 1 else "RGB")
    except _Fault as fault:
        raise UnreadableFileError("Picture", Path(path), str(fault)) from fault.__cause__
    except OSError as error:
        reason = f"cannot be opened ({error.strerror or error})"
        raise UnreadableFileError("Picture", Path(path), reason) from error


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or any(not isinstance(s, int) or isinstance(s, bool) or s < 1 for s in sides):
        raise FusebenchError(f"Picture size={size!r}: expected a side in pixels or (height, width), from 1 on.")
    return sides[0], sides[1]


def _read(content: bytes, size: tuple[int, int], mode: str) -> np.ndarray:
    try:
        from PIL.Image import Resampling
    except ImportError as error:
        raise DataUnavailableError(
            f"Pictures cannot be read here: importing PIL failed ({error}); install it with `pip install pillow`."
        ) from error
    image = _decoded(content)
    if image.format in _JPEG and _may_be_filled(image):
        _check_fill(image, content)
    _set_upright(image)
    image = _eight_bit(image, content).convert(mode)
    if image.size != size:
        image = image.resize(size, Resampling.BILINEAR)
    values = np.array(image, np.uint8)
    return values[None] if mode == "L" else np.ascontiguousarray(values.transpose(2, 0, 1))


def _decoded(content: bytes) -> ImageFile.ImageFile:
    """Open and decode; the image is what the file holds, in Pillow's mode for it."""
    image = _opened(content)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _Fault(f"has {width} × {height} pixels, more than {MAX_PIXELS:,}; make it smaller first")
    fault = png_fault(content) if image.format == "PNG" else ""
    if image.format in _JPEG:
        fault = jpeg_fault(content)
    if fault:
        raise _Fault(fault)
    _check_meaning(image)
    _refuse_ends(image)
    try:
        image.load()
    except Exception as error:  # decoders of damaged files raise almost anything
        raise _Fault(_undecoded(error)) from error
    return image


def _opened(content: bytes) -> ImageFile.ImageFile:
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise _Fault("is empty (0 bytes); replace it")
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except UnidentifiedImageError as error:
        raise _Fault(_unknown(content)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _Fault(f"is too large ({str(error).split(',')[0]}); make it smaller first") from error
    except Exception as error:  # see _decoded
        raise _Fault(_undecoded(error)) from error
    if frames > 1:
        raise _Fault(f"holds {frames} frames where one picture is expected; save the one that is meant alone")
    return image


def _unknown(content: bytes) -> str:
    if content.startswith(_BEGINNINGS):
        return "begins as a picture but has no whole header: it is cut short or damaged; replace it"
    return f"begins with {content[:8]!r}, as no picture does that is read here ({', '.join(FORMATS)}); replace it"


def _undecoded(error: Exception) -> str:
    if "truncated" in str(error).casefold():
        return f"is cut short ({error}); replace it by the whole file"
    return f"cannot be decoded ({type(error).__name__}: {error}); replace it"


def _refuse_ends(image: ImageFile.ImageFile) -> None:
    """Let decoding fail where the file ends too soon, whatever Pillow was told about cut files."""
    own = getattr(image, "load_read", None)

    def read(count: int) -> bytes:
        source = own or getattr(image.fp, "read")  # noqa: B009 (WebP exchanges `fp` when it loads)
        data = source(count)
        if not data:
            raise OSError("image file is truncated")
        return data

    image.load_read = read  # type: ignore[method-assign]


def _check_meaning(image: ImageFile.ImageFile) -> None:
    """Refuse samples whose range or sense the file does not state."""
    tags = getattr(image, "tag_v2", {})
    formats = tags.get(_SAMPLE_FORMAT, 1)
    if any(kind != 1 for kind in (formats if isinstance(formats, tuple) else (formats,))):
        raise _Fault(f"holds signed or float samples, whose black and white are not stated; {_SAVE}")
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if not deep and image.mode not in _EIGHT_BIT:
        raise _Fault(f"holds samples of Pillow's mode {image.mode!r}, whose range is not stated; {_SAVE}")
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        raise _Fault("is a CMYK JPEG without Adobe's mark, which may be a negative or not; save it as RGB")


def _may_be_filled(image: Image) -> bool:
    """Whether the last pixel is the grey that libjpeg paints where coded pixels are missing."""
    last = image.getpixel((image.width - 1, image.height - 1))
    values = last if isinstance(last, tuple) else (last,)
    return all(value is not None and abs(value - 127.5) < 3 for value in values)


def _check_fill(image: Image, content: bytes) -> None:
    fed = with_surplus(content)
    if fed is not None and not np.array_equal(np.asarray(image), np.asarray(_decoded(fed))):
        raise _Fault("lacks coded pixels before its end mark; replace it by the whole file")


def _set_upright(image: ImageFile.ImageFile) -> None:
    from PIL.ImageOps import exif_transpose

    try:
        exif_transpose(image, in_place=True)
    except Exception as error:  # whatever stands in the block
        raise _Fault(f"has camera data (EXIF) that cannot be read ({error}); save it anew") from error


def _eight_bit(image: Image, content: bytes) -> Image:
    """Return the picture in 8 bits a sample, without transparency, in any mode that converts to RGB."""
    from PIL import Image as pillow

    clear = image.info.get("transparency")
    if image.mode.startswith("I"):
        return pillow.fromarray(_scaled(np.asarray(image).astype(np.int64), image, clear))
    depth = content[24] if content[:4] == b"\x89PNG" else 8
    if depth == 16 and isinstance(clear, tuple):
        raise _Fault(f"has 16-bit colours, one of them transparent; {_SAVE}")
    if depth < 8 and isinstance(clear, int) and image.mode in ("1", "L"):  # its grey is counted in `depth` bits
        image = image.convert("L")
        image.info["transparency"] = clear * 255 // (2**depth - 1)
    if not image.has_transparency_data:
        return image.convert("RGB") if image.mode not in ("1", "L") else image.convert("L")
    seen = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
    return pillow.alpha_composite(pillow.new("RGBA", seen.size, "white"), seen)


def _scaled(values: np.ndarray, image: Image, clear: object) -> np.ndarray:
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (16,))
    full = 2 ** (bits[0] if isinstance(bits, tuple) else bits) - 1
    grey = (values * 255 + full // 2) // full
    if tags.get(_PHOTOMETRIC) == 0:  # white is 0, which Pillow heeds in 8 bits only
        grey = 255 - grey
    if isinstance(clear, int):
        grey = np.where(values == clear, 255, grey)
    return grey.astype(np.uint8)
