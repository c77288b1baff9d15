"""Photographs: cut short, in inks, held sideways, and scaled; against arrays made by numpy."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFile

from fusebench.core.errors import UnreadableFileError
from fusebench.datasets.picture import read_picture

DRAW = np.random.default_rng(5)


def saved(values, kind, mode=None, **options):
    """Return a file that Pillow writes."""
    image = Image.fromarray(values) if isinstance(values, np.ndarray) else values
    stream = BytesIO()
    (image if mode is None else image.convert(mode)).save(stream, kind, **options)
    return stream.getvalue()


def written(folder, content, name="picture"):
    path = folder / name
    path.write_bytes(content)
    return path


def photograph(height=96, width=120):
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / 19) * np.cos(y / 23), 120 + 80 * np.sin(x / 31 + y / 17)]
    planes = np.stack([*waves, 110 + 70 * np.cos(y / 14 + x / 40)], -1) + DRAW.normal(0, 3, (height, width, 1))
    return planes.clip(0, 255).astype(np.uint8)


PHOTO = photograph()
PICTURE = Image.fromarray(PHOTO)
WHOLE = {
    "jpeg": saved(PHOTO, "JPEG", quality=92),
    "jpeg progressive": saved(PHOTO, "JPEG", quality=92, progressive=True),
    "jpeg grey": saved(PHOTO, "JPEG", "L", quality=92),
    "jpeg with thumbnail": saved(PHOTO, "JPEG", exif=b"Exif\0\0" + saved(PICTURE.resize((16, 16)), "JPEG")),
    "jpeg inks": saved(PHOTO, "JPEG", "CMYK", quality=92),
    "png": saved(PHOTO, "PNG"),
    "gif": saved(PICTURE.quantize(64), "GIF"),
    "bmp": saved(PHOTO, "BMP"),
    "tiff": saved(PHOTO, "TIFF"),
    "tiff lzw": saved(PHOTO, "TIFF", compression="tiff_lzw"),
    "webp": saved(PHOTO, "WEBP"),
    "ppm": saved(PHOTO, "PPM"),
    "ppm 16 bits": b"P6 120 96 65535\n" + (PHOTO.astype(">u2") * 257).tobytes(),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("switch", [False, True])
@pytest.mark.parametrize("kind", WHOLE)
def test_a_cut_picture_is_never_read_whatever_pillow_was_told(tmp_path, monkeypatch, kind, switch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", switch)
    content = WHOLE[kind]
    whole = read_picture(written(tmp_path, content), 32, 3)
    assert whole.std() > 20
    for share in (0.02, 0.3, 0.6, 0.9, 0.99):
        path = written(tmp_path, content[: int(share * len(content))], "half.jpg")
        with pytest.raises(UnreadableFileError, match=r"'half\.jpg' (is|begins|cannot)"):
            read_picture(path, 32, 3)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is switch


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if kind.startswith("jpeg") and "pro" not in kind])
@pytest.mark.parametrize("share", [0.5, 0.6, 0.9])
def test_an_end_mark_behind_a_cut_does_not_hide_it(tmp_path, kind, share):
    content = WHOLE[kind]
    start = content.rindex(b"\xff\xda")  # of the coded pixels
    path = written(tmp_path, content[: start + int(share * (len(content) - start))] + b"\xff\xd9", "half.jpg")
    with Image.open(path) as image:
        image.load()  # Pillow sees nothing wrong
    with pytest.raises(UnreadableFileError, match=r"'half\.jpg' lacks coded pixels"):
        read_picture(path, 32, 3)


def test_a_jpeg_that_ends_in_middle_grey_is_whole(tmp_path):
    values = PHOTO.copy()
    values[40:] = 128
    read = read_picture(written(tmp_path, saved(values, "JPEG", quality=95)), values.shape[:2], 3)
    assert (read[:, 50:] == 128).all()


def test_bytes_behind_the_end_mark_do_no_harm(tmp_path):
    path = written(tmp_path, WHOLE["jpeg"] + b"appended by a phone" * 50)
    np.testing.assert_array_equal(
        read_picture(path, 32, 3), read_picture(written(tmp_path, WHOLE["jpeg"], "b"), 32, 3)
    )


def test_inks_are_no_negative(tmp_path):
    inks = saved(PHOTO, "JPEG", "CMYK", quality=95)
    assert b"Adobe" in inks
    read = read_picture(written(tmp_path, inks), PHOTO.shape[:2], 3).transpose(1, 2, 0)
    assert abs(read.astype(float) - PHOTO).mean() < 8
    plain = read_picture(written(tmp_path, WHOLE["jpeg"]), PHOTO.shape[:2], 3).transpose(1, 2, 0)
    assert abs(read.astype(float) - plain).mean() < 8


def test_inks_stored_as_luma_and_chroma_are_no_negative_either(tmp_path):
    """Photoshop's own CMYK JPEG: the mark says transform 2, the channels hold Y, Cb, Cr of the negative, K."""
    red, green, blue = (PHOTO[..., i].astype(float) for i in range(3))
    y = 0.299 * (255 - red) + 0.587 * (255 - green) + 0.114 * (255 - blue)
    planes = [y, 128 + (255 - blue - y) / 1.772, 128 + (255 - red - y) / 1.402, np.full_like(y, 255)]
    stored = 255 - np.stack(planes, -1).clip(0, 255).astype(np.uint8)  # Pillow turns what it writes
    content = saved(Image.fromarray(stored, "CMYK"), "JPEG", quality=95)
    at = content.index(b"Adobe") + 11
    path = written(tmp_path, content[:at] + b"\2" + content[at + 1 :])
    read = read_picture(path, PHOTO.shape[:2], 3).transpose(1, 2, 0)
    assert abs(read.astype(float) - PHOTO).mean() < 8


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}  # what the camera stored when the picture is seen upright


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_cameras_rotation_is_applied(tmp_path, kind, orientation):
    stored = np.ascontiguousarray(TURNS[orientation](PHOTO))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    path = written(tmp_path, saved(stored, kind, exif=exif, **options))
    read = read_picture(path, PHOTO.shape[:2], 3).transpose(1, 2, 0)
    np.testing.assert_allclose(read, PHOTO, atol=12 if kind == "JPEG" else 0)


def test_the_cameras_rotation_is_applied_to_deep_greys_and_palettes(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    height, width = 5, 7
    greys = DRAW.integers(0, 65536, (height, width)).astype(np.uint16)
    colours, numbers = DRAW.integers(0, 256, (16, 3)), DRAW.integers(0, 16, (height, width)).astype(np.uint8)
    deep = saved(np.ascontiguousarray(np.rot90(greys)), "PNG", exif=exif)
    np.testing.assert_allclose(
        read_picture(written(tmp_path, deep), (height, width), 1)[0], greys / 257, atol=0.51
    )
    drawn = Image.fromarray(np.ascontiguousarray(np.rot90(numbers)), "P")
    drawn.putpalette(colours.ravel().tolist())
    path = written(tmp_path, saved(drawn, "PNG", exif=exif))
    np.testing.assert_array_equal(read_picture(path, (height, width), 3), colours[numbers].transpose(2, 0, 1))


def test_a_phones_picture_with_previews_is_its_first(tmp_path):
    content = saved(PICTURE, "MPO", save_all=True, append_images=[PICTURE.rotate(180)], quality=95)
    read = read_picture(written(tmp_path, content), PHOTO.shape[:2], 3).transpose(1, 2, 0)
    assert abs(read.astype(float) - PHOTO).mean() < 4


# --- size


def triangle(values, count, axis):
    """Return values scaled along an axis by the triangle filter, widened where it shrinks."""
    length = values.shape[axis]
    scale = length / count
    centres = (np.arange(count) + 0.5) * scale
    far = abs(np.arange(length) + 0.5 - centres[:, None]) / max(scale, 1)
    weights = np.clip(1 - far, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)


@pytest.mark.parametrize("size", [32, (16, 40), (7, 5), (96, 60), (200, 300), 1])
def test_the_whole_picture_is_scaled_without_aliasing(tmp_path, size):
    height, width = (size, size) if isinstance(size, int) else size
    expected = triangle(triangle(PHOTO.astype(float), width, 1), height, 0)
    read = read_picture(written(tmp_path, WHOLE["png"]), size, 3)
    assert read.shape == (3, height, width) and read.flags.c_contiguous
    np.testing.assert_allclose(read.transpose(1, 2, 0), expected, atol=1.5)


def test_fine_stripes_become_their_mean(tmp_path):
    stripes = np.tile(np.array([[0, 255]], np.uint8), (64, 32))
    read = read_picture(written(tmp_path, saved(stripes, "PNG")), 8, 1)
    assert abs(read[0, :, 1:-1].astype(int) - 127.5).max() < 8


def test_palettes_are_scaled_as_colours(tmp_path):
    drawn = Image.fromarray(np.tile(np.array([[0, 15]], np.uint8), (64, 32)), "P")
    drawn.putpalette([0] * 45 + [200, 100, 50])
    read = read_picture(written(tmp_path, saved(drawn, "PNG")), 4, 3)
    np.testing.assert_allclose(read.mean(axis=(1, 2)), (100, 50, 25), atol=4)


def test_the_suffix_does_not_matter(tmp_path):
    np.testing.assert_array_equal(
        read_picture(written(tmp_path, WHOLE["png"], "scan.jpg"), PHOTO.shape[:2], 3), PHOTO.transpose(2, 0, 1)
    )
