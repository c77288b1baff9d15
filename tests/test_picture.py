"""Pictures of every kind, written byte by byte or by Pillow, against arrays made by numpy."""

import os
import pickle
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fusebench.core.errors import FusebenchError, UnreadableFileError
from fusebench.datasets.picture import read_picture

H, W = 5, 7
DRAW = np.random.default_rng(5)
GREY = DRAW.integers(0, 256, (H, W)).astype(np.uint8)
COLOUR = DRAW.integers(0, 256, (H, W, 3)).astype(np.uint8)
ALPHA = DRAW.integers(0, 256, (H, W)).astype(np.uint8)
DEEP = DRAW.integers(0, 65536, (H, W)).astype(np.uint16)
DEEP_COLOUR = DRAW.integers(0, 65536, (H, W, 3)).astype(np.uint16)
PALETTE = DRAW.integers(0, 256, (16, 3)).astype(np.uint8)
INDEX = DRAW.integers(0, 16, (H, W)).astype(np.uint8)
BITS = DRAW.integers(0, 2, (H, W)).astype(np.uint8)
INKS = DRAW.integers(0, 256, (H, W, 4)).astype(np.uint8)


# --- writers


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def packed(values, depth):
    """Return rows of samples of `depth` bits, each row filled up to whole bytes."""
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in values.reshape(len(values), -1)]
    bits = [np.unpackbits(row[:, None], axis=1)[:, 8 - depth :] for row in values.reshape(len(values), -1)]
    return [np.packbits(row.ravel()).tobytes() for row in bits]


def png(values, depth=8, kind=0, *extra):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, kind, 0, 0, 0))
    rows = b"".join(b"\0" + row for row in packed(values, depth))
    return (
        b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def tiff(data, tags, order="<"):
    """Return an uncompressed TIFF of one strip: `data` bytes and short tags (number → values)."""
    entries = {256: (W,), 257: (H,), 259: (1,), 277: (1,), 278: (H,), 273: (8,), 279: (len(data),), **tags}
    at, rows, late = 8 + len(data) + 2 + 12 * len(entries) + 4, b"", b""
    for tag, values in sorted(entries.items()):
        kind, body = ("I", 4) if tag in (273, 279) else ("H", 3)
        inline = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(inline) > 4:
            late, inline = late + inline, struct.pack(order + "I", at + len(late))
        rows += struct.pack(order + "HHI", tag, body, len(values)) + inline.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(data))
    return head + data + struct.pack(order + "H", len(entries)) + rows + bytes(4) + late


def saved(values, kind, mode=None, **options):
    """Return a file that Pillow writes."""
    image = Image.fromarray(values) if isinstance(values, np.ndarray) else values
    stream = BytesIO()
    (image if mode is None else image.convert(mode)).save(stream, kind, **options)
    return stream.getvalue()


def bmp32(values, fourth=0, compression=0):
    pixels = np.dstack([values[::-1, :, ::-1], np.broadcast_to(fourth, (H, W))[::-1]]).astype(np.uint8).tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 108, W, H, 1, 32, compression, len(pixels), 0, 0, 0, 0) + masks + bytes(52)
    return b"BM" + struct.pack("<IHHI", 14 + len(info) + len(pixels), 0, 0, 14 + len(info)) + info + pixels


def pnm(kind, values, full):
    return f"P{kind}\n# a comment\n{W} {H}\n".encode() + (b"" if full is None else b"%d\n" % full) + values


def text(values):
    return " ".join(map(str, values.ravel())).encode() + b"\n"


def palette_with(alphas=()):
    return chunk(b"PLTE", PALETTE.tobytes()) + (chunk(b"tRNS", bytes(alphas)) if len(alphas) else b"")


def transparent(*values):
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


# --- what they should be read as


def over_white(values, alpha):
    share = alpha / 255.0
    return values * (share if values.ndim == 2 else share[..., None]) + (
        255 * (1 - share) if values.ndim == 2 else 255 * (1 - share[..., None])
    )


def white_where(values, where):
    return np.where(where if values.ndim == 2 else where[..., None], 255, values)


def ink(values):
    paper = 255.0 - values
    return paper[..., :3] * paper[..., 3:] / 255


def from_ycc(values):
    y, b, r = (values[..., i].astype(float) - (0, 128, 128)[i] for i in range(3))
    return np.stack([y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b], -1).clip(0, 255)


def stack(*parts):
    return np.dstack(parts)


def le(values):
    return values.astype("<u2").tobytes()


def twelve(values):
    bits = [np.unpackbits(row.astype(">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 4:] for row in values]
    return b"".join(np.packbits(row.ravel()).tobytes() for row in bits)


PALE = list(range(0, 256, 16))  # alpha of each palette entry
COVER = (ALPHA // 2 + 128).astype(np.uint8)  # premultiplied colours stay exact to a level where alpha is high
MULTIPLIED = (COLOUR.astype(int) * COVER[..., None] // 255).astype(np.uint8)
THIN = np.minimum(GREY, COVER)

READ = {
    "png 1 bit": (png(BITS, 1), BITS * 255, 0),
    "png 2 bits": (png(INDEX % 4, 2), INDEX % 4 * 85, 0),
    "png 4 bits": (png(INDEX, 4), INDEX * 17, 0),
    "png 8 bits": (png(GREY), GREY, 0),
    "png 16 bits": (png(DEEP, 16), DEEP / 257, 0.5),
    "png colour": (png(COLOUR, 8, 2), COLOUR, 0),
    "png 16-bit colour": (png(DEEP_COLOUR, 16, 2), DEEP_COLOUR / 257, 1),
    "png palette": (png(INDEX, 8, 3, palette_with()), PALETTE[INDEX], 0),
    "png palette 4 bits": (png(INDEX, 4, 3, palette_with()), PALETTE[INDEX], 0),
    "png palette transparent": (
        png(INDEX, 8, 3, palette_with(PALE)),
        over_white(PALETTE[INDEX], np.array(PALE)[INDEX]),
        1,
    ),
    "png palette one transparent": (
        png(INDEX, 8, 3, palette_with([255, 255, 0])),
        white_where(PALETTE[INDEX], INDEX == 2),
        0,
    ),
    "png grey alpha": (png(stack(GREY, ALPHA), 8, 4), over_white(GREY, ALPHA), 1),
    "png 16-bit grey alpha": (png(stack(DEEP, DEEP[::-1]), 16, 4), over_white(DEEP / 257, DEEP[::-1] / 257), 2),
    "png colour alpha": (png(stack(COLOUR, ALPHA), 8, 6), over_white(COLOUR, ALPHA), 1),
    "png 16-bit colour alpha": (
        png(stack(DEEP_COLOUR, DEEP), 16, 6),
        over_white(DEEP_COLOUR / 257, DEEP / 257),
        2,
    ),
    "png transparent bit": (png(BITS, 1, 0, transparent(0)), np.full((H, W), 255), 0),
    "png transparent 2 bits": (
        png(INDEX % 4, 2, 0, transparent(1)),
        white_where(INDEX % 4 * 85, INDEX % 4 == 1),
        0,
    ),
    "png transparent 4 bits": (png(INDEX, 4, 0, transparent(3)), white_where(INDEX * 17, INDEX == 3), 0),
    "png transparent grey": (
        png(GREY, 8, 0, transparent(int(GREY[2, 3]))),
        white_where(GREY, GREY[2, 3] == GREY),
        0,
    ),
    "png transparent 16 bits": (
        png(DEEP, 16, 0, transparent(int(DEEP[1, 4]))),
        white_where(DEEP / 257, DEEP[1, 4] == DEEP),
        0.5,
    ),
    "png transparent colour": (
        png(COLOUR, 8, 2, transparent(*COLOUR[3, 3].tolist())),
        white_where(COLOUR, (COLOUR[3, 3] == COLOUR).all(-1)),
        0,
    ),
    "tiff": (tiff(GREY.tobytes(), {258: (8,), 262: (1,)}), GREY, 0),
    "tiff white is 0": (tiff(GREY.tobytes(), {258: (8,), 262: (0,)}), 255 - GREY, 0),
    "tiff 1 bit": (tiff(b"".join(packed(BITS, 1)), {258: (1,), 262: (1,)}), BITS * 255, 0),
    "tiff 12 bits": (tiff(twelve(DEEP // 16), {258: (12,), 262: (1,)}), DEEP // 16 / 4095 * 255, 0.5),
    "tiff 16 bits": (tiff(le(DEEP), {258: (16,), 262: (1,)}), DEEP / 257, 0.5),
    "tiff 16 bits big-endian": (
        tiff(DEEP.astype(">u2").tobytes(), {258: (16,), 262: (1,)}, ">"),
        DEEP / 257,
        0.5,
    ),
    "tiff 16 bits white is 0": (tiff(le(DEEP), {258: (16,), 262: (0,)}), 255 - DEEP / 257, 0.5),
    "tiff 16 bits deflated": (saved(DEEP, "TIFF", compression="tiff_adobe_deflate"), DEEP / 257, 0.5),
    "tiff 16-bit colour": (tiff(le(DEEP_COLOUR), {258: (16,) * 3, 262: (2,), 277: (3,)}), DEEP_COLOUR / 257, 1),
    "tiff colour": (tiff(COLOUR.tobytes(), {258: (8,) * 3, 262: (2,), 277: (3,)}), COLOUR, 0),
    "tiff planes": (
        tiff(
            COLOUR.transpose(2, 0, 1).tobytes(),
            {
                258: (8,) * 3,
                262: (2,),
                277: (3,),
                284: (2,),
                273: (8, 8 + H * W, 8 + 2 * H * W),
                279: (H * W,) * 3,
            },
        ),
        COLOUR,
        0,
    ),
    "tiff alpha": (
        tiff(stack(COLOUR, ALPHA).tobytes(), {258: (8,) * 4, 262: (2,), 277: (4,), 338: (2,)}),
        over_white(COLOUR, ALPHA),
        1,
    ),
    "tiff premultiplied": (
        tiff(stack(MULTIPLIED, COVER).tobytes(), {258: (8,) * 4, 262: (2,), 277: (4,), 338: (1,)}),
        MULTIPLIED + (255.0 - COVER[..., None]),
        2,
    ),
    "tiff grey premultiplied": (
        tiff(stack(THIN, COVER).tobytes(), {258: (8,) * 2, 262: (1,), 277: (2,), 338: (1,)}),
        THIN + (255.0 - COVER),
        2,
    ),
    "tiff unused sample": (
        tiff(stack(COLOUR, ALPHA).tobytes(), {258: (8,) * 4, 262: (2,), 277: (4,), 338: (0,)}),
        COLOUR,
        0,
    ),
    "tiff inks": (tiff(INKS.tobytes(), {258: (8,) * 4, 262: (5,), 277: (4,)}), ink(INKS), 1),
    "tiff luma chroma": (
        tiff(COLOUR.tobytes(), {258: (8,) * 3, 262: (6,), 277: (3,), 530: (1, 1)}),
        from_ycc(COLOUR),
        1,
    ),
    "tiff lzw": (saved(COLOUR, "TIFF", compression="tiff_lzw"), COLOUR, 0),
    "bmp": (saved(COLOUR, "BMP"), COLOUR, 0),
    "bmp palette": (saved(Image.fromarray(COLOUR).quantize(256), "BMP"), COLOUR, 8),
    "bmp 32 bits, fourth byte unused": (bmp32(COLOUR), COLOUR, 0),
    "bmp alpha": (bmp32(COLOUR, ALPHA, 3), over_white(COLOUR, ALPHA), 1),
    "pbm": (pnm(4, b"".join(packed(BITS, 1)), None), 255 - BITS * 255, 0),
    "plain pbm": (pnm(1, text(BITS), None), 255 - BITS * 255, 0),
    "pgm": (pnm(5, GREY.tobytes(), 255), GREY, 0),
    "pgm up to 100": (pnm(5, (GREY % 101).tobytes(), 100), GREY % 101 * 2.55, 1),
    "pgm 16 bits": (pnm(5, DEEP.astype(">u2").tobytes(), 65535), DEEP / 257, 0.5),
    "pgm 10 bits": (pnm(5, (DEEP // 64).astype(">u2").tobytes(), 1023), DEEP // 64 / 1023 * 255, 0.51),
    "plain ppm": (pnm(3, text(COLOUR), 255), COLOUR, 0),
    "ppm": (pnm(6, COLOUR.tobytes(), 255), COLOUR, 0),
    "ppm 16 bits": (pnm(6, DEEP_COLOUR.astype(">u2").tobytes(), 65535), DEEP_COLOUR / 257, 1),
    "gif": (saved(Image.fromarray(GREY), "GIF"), GREY, 0),
    "webp": (saved(COLOUR, "WEBP", lossless=True), COLOUR, 0),
    "webp alpha": (
        saved(stack(COLOUR, ALPHA), "WEBP", lossless=True, exact=True),
        over_white(COLOUR, ALPHA),
        1,
    ),
}


def written(folder, content, name="picture"):
    path = folder / name
    path.write_bytes(content)
    return path


def luma(values):
    return values @ np.array([0.299, 0.587, 0.114]) if values.ndim == 3 else values


@pytest.mark.parametrize("kind", READ)
def test_every_kind_is_read_to_the_values_it_stands_for(tmp_path, kind):
    content, expected, tolerance = READ[kind]
    path = written(tmp_path, content)
    colour, grey = read_picture(path, (H, W), 3), read_picture(path, (H, W), 1)
    assert colour.dtype == grey.dtype == np.uint8
    expected = np.asarray(expected, float)
    planes = expected.transpose(2, 0, 1) if expected.ndim == 3 else np.stack([expected] * 3)
    np.testing.assert_allclose(colour, planes, atol=tolerance + 1e-6)
    np.testing.assert_allclose(grey, luma(expected)[None], atol=tolerance + 0.51)


def floats(values, kind, bits, form):
    return tiff(values.astype(kind).tobytes(), {258: (bits,), 262: (1,), 339: (form,)})


def without_adobe(content):
    at = content.index(b"\xff\xee")
    return content[:at] + content[at + 2 + struct.unpack(">H", content[at + 2 : at + 4])[0] :]


def broken_checksum(content):
    at = content.index(b"IDAT") + 6
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def bomb(side):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def frames(kind):
    pages = [Image.fromarray(np.roll(COLOUR, shift, axis=1)) for shift in range(3)]
    return saved(pages[0], kind, save_all=True, append_images=pages[1:])


REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"patient,age\n1,33\n", "begins with b'patient,'"),
    "png header only": (png(GREY)[:20], "is cut short"),
    "jpeg header only": (b"\xff\xd8\xff\xe0", "is cut short"),
    "tiff without tags": (tiff(GREY.tobytes(), {258: (8,), 262: (1,)})[: 8 + GREY.size], "cut short or damaged"),
    "png checksum": (broken_checksum(png(GREY)), "checksum of its chunk 'IDAT'"),
    "float": (floats(GREY / 255, "<f4", 32, 3), "signed or float"),
    "32 bits": (floats(DEEP, "<u4", 32, 1), "range is not stated"),
    "signed 32 bits": (floats(DEEP, "<i4", 32, 2), "signed or float"),
    "signed 16 bits": (floats(DEEP // 2, "<i2", 16, 2), "signed or float"),
    "signed 8 bits": (floats(GREY // 2, "i1", 8, 2), "signed or float"),
    "lab": (tiff(COLOUR.tobytes(), {258: (8,) * 3, 262: (8,), 277: (3,)}), "'LAB'"),
    "16-bit colour, one transparent": (
        png(DEEP_COLOUR, 16, 2, transparent(*DEEP_COLOUR[0, 0].tolist())),
        "one of them transparent",
    ),
    "inks without a mark": (without_adobe(saved(COLOUR, "JPEG", "CMYK")), "may be a negative"),
    "gif of 3 frames": (frames("GIF"), "holds 3 frames"),
    "tiff of 3 pages": (frames("TIFF"), "holds 3 frames"),
    "webp of 3 frames": (frames("WEBP"), "holds 3 frames"),
    "png of 3 frames": (frames("PNG"), "holds 3 frames"),
    "too large": (bomb(12_000), "12000 × 12000 pixels, more than 100,000,000"),
    "far too large": (bomb(60_000), "3600000000 pixels"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning", "ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_rightly_is_refused_by_name(tmp_path, kind):
    content, words = REFUSED[kind]
    with pytest.raises(UnreadableFileError) as caught:
        read_picture(written(tmp_path, content, "mole 7.png"), 8, 3)
    message = str(caught.value)
    assert message.startswith("Picture 'mole 7.png' ") and words in message and message.endswith(".")
    assert message.count("\n") == 0 and caught.value.file == tmp_path / "mole 7.png"
    assert message == f"Picture 'mole 7.png' {caught.value.reason}."
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.file, again.reason) == (message, caught.value.file, caught.value.reason)


def test_absent_files_and_folders_are_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"'gone\.png' cannot be opened \(No such file"):
        read_picture(tmp_path / "gone.png", 8, 3)
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        read_picture(tmp_path, 8, 3)


@pytest.mark.parametrize(
    ("size", "channels", "words"),
    [(0, 3, "size=0"), ((8,), 3, "expected a side"), ((4, 2.5), 1, "expected a side"), (8, 4, "channels=4")],
)
def test_sizes_and_channels_that_mean_nothing_are_refused(tmp_path, size, channels, words):
    with pytest.raises(FusebenchError, match=words):
        read_picture(written(tmp_path, png(GREY)), size, channels)


def test_importing_the_readers_imports_no_library():
    code = (
        "import sys, fusebench.datasets.picture, fusebench.datasets.audio; "
        "print(sorted({'PIL', 'soundfile', 'librosa', 'torch'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[]", done.stderr


def test_without_pillow_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(FusebenchError, match="pip install pillow"):
        read_picture(written(tmp_path, png(GREY)), 8, 3)
