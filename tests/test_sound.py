"""Sounds of every coding and every damage, written byte by byte or by libsndfile, against known waves."""

import struct
from io import BytesIO

import numpy as np
import pytest
import soundfile

from fusebench.core.errors import FusebenchError, UnreadableFileError
from fusebench.datasets.audio import is_cut, log_mel, read_wav

RATE = 16_000
PCM, FLOAT = 1, 3


def tone(rate=RATE, seconds=0.5, pitch=1000.0, height=0.5):
    return height * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)


WAVE = tone()
SHORTS = (WAVE * 2**15).round().astype("<i2")


def chunk(name, body, order="<"):
    return name + struct.pack(order + "I", len(body)) + body + bytes(len(body) % 2)


def form(codec=PCM, bits=16, channels=1, rate=RATE, block=None, order="<"):
    block = channels * bits // 8 if block is None else block
    return struct.pack(order + "HHIIHH", codec, channels, rate, rate * block % 2**32, block, bits)


def extensible(codec, bits, valid, channels=1):
    guid = struct.pack("<H", codec) + bytes.fromhex("000000001000800000aa00389b71")
    return form(0xFFFE, bits, channels) + struct.pack("<HHI", 22, valid, 0) + guid


def wav(data=None, shape=None, before=b"", after=b"", riff=None, size=None, order="<"):
    """Return a WAV file; `riff` and `size` are what the header says where it does not say the truth."""
    data = SHORTS.tobytes() if data is None else data
    said = struct.pack(order + "I", len(data) if size is None else size)
    shape = form() if shape is None else shape
    body = b"WAVE" + chunk(b"fmt ", shape, order) + before + b"data" + said + data + bytes(len(data) % 2) + after
    length = struct.pack(order + "I", len(body) if riff is None else riff)
    return (b"RIFF" if order == "<" else b"RIFX") + length + body


def saved(wave, kind="WAV", coding="PCM_16", rate=RATE):
    stream = BytesIO()
    soundfile.write(stream, wave, rate, format=kind, subtype=coding)
    return stream.getvalue()


def stereo(wave):
    return np.stack([wave, wave / 2], axis=1)


def three_bytes(wave):
    return (wave * 2**23).round().astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


LIST = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0")
ODD = chunk(b"note", b"odd")
UNPADDED = b"note" + struct.pack("<I", 3) + b"odd"

READ = {
    "8 bits": (wav((WAVE * 128 + 128).round().astype("u1").tobytes(), form(bits=8)), WAVE, 1 / 128),
    "16 bits": (wav(), WAVE, 1e-4),
    "24 bits": (wav(three_bytes(WAVE), form(bits=24)), WAVE, 1e-6),
    "32 bits": (wav((WAVE * 2**31).astype("<i4").tobytes(), form(bits=32)), WAVE, 1e-6),
    "float": (wav(WAVE.astype("<f4").tobytes(), form(FLOAT, 32)), WAVE, 1e-6),
    "double": (wav(WAVE.astype("<f8").tobytes(), form(FLOAT, 64)), WAVE, 1e-6),
    "big-endian": (wav(SHORTS.astype(">i2").tobytes(), form(order=">"), order=">"), WAVE, 1e-4),
    "A-law": (saved(WAVE, coding="ALAW"), WAVE, 0.02),
    "µ-law": (saved(WAVE, coding="ULAW"), WAVE, 0.02),
    "extensible 16": (wav(shape=extensible(PCM, 16, 16)), WAVE, 1e-4),
    "extensible 24": (wav(three_bytes(WAVE), extensible(PCM, 24, 24)), WAVE, 1e-6),
    "extensible 24 in 32": (
        wav(((WAVE * 2**23).round().astype("<i4") << 8).tobytes(), extensible(PCM, 32, 24)),
        WAVE,
        1e-6,
    ),
    "extensible float": (wav(WAVE.astype("<f4").tobytes(), extensible(FLOAT, 32, 32)), WAVE, 1e-6),
    "two channels": (wav(np.repeat(SHORTS, 2).tobytes(), form(channels=2)), WAVE, 1e-4),
    "two channels, mean": (saved(stereo(WAVE)), 0.75 * WAVE, 1e-4),
    "six channels": (wav(np.repeat(SHORTS, 6).tobytes(), form(channels=6)), WAVE, 1e-4),
    "RF64": (saved(WAVE, "RF64"), WAVE, 1e-4),
    "W64": (saved(WAVE, "W64"), WAVE, 1e-4),
    "AIFF": (saved(WAVE, "AIFF", "PCM_24"), WAVE, 1e-6),
    "FLAC": (saved(WAVE, "FLAC"), WAVE, 1e-4),
    "riff size too small": (wav(riff=100), WAVE, 1e-4),
    "riff size 0": (wav(riff=0), WAVE, 1e-4),
    "riff size too large": (wav(riff=10**6), WAVE, 1e-4),
    "riff size unknown": (wav(riff=0xFFFFFFFF), WAVE, 1e-4),
    "written to a pipe": (wav(riff=0xFFFFFFFF, size=0xFFFFFFFF, before=LIST), WAVE, 1e-4),
    "written to a pipe by sox": (wav(riff=0x7FFFF024, size=0x7FFFF000), WAVE, 1e-4),
    "sizes never filled in": (wav(riff=0, size=0), WAVE, 1e-4),
    "sizes of the header alone": (wav(riff=36, size=0), WAVE, 1e-4),
    "list before the data": (wav(before=LIST), WAVE, 1e-4),
    "list behind the data": (wav(after=LIST), WAVE, 1e-4),
    "odd chunk": (wav(before=ODD), WAVE, 1e-4),
    "odd chunk without padding": (wav(before=UNPADDED), WAVE, 1e-4),
    "odd chunk, data unpadded": (wav(three_bytes(WAVE)[:-3], form(bits=24)), WAVE[:-1], 1e-6),
    "zeros behind": (wav(after=bytes(100)), WAVE, 1e-4),
    "tag behind the riff": (wav() + b"ID3\x03 a tag", WAVE, 1e-4),
    "half a last sample": (wav(SHORTS.tobytes() + b"\x07", None), WAVE, 1e-4),
    "float a little over": (wav((3 * WAVE).astype("<f4").tobytes(), form(FLOAT, 32)), 3 * WAVE, 1e-6),
    "float square": (wav(np.sign(WAVE).astype("<f4").tobytes(), form(FLOAT, 32)), np.sign(WAVE), 0),
    "one sample": (wav(SHORTS[5:6].tobytes()), WAVE[5:6], 1e-4),
}


def written(folder, content, name="a b.wav"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", READ)
def test_every_coding_is_read_to_the_wave_it_stands_for(tmp_path, kind):
    content, expected, tolerance = READ[kind]
    path = written(tmp_path, content)
    read = read_wav(path, RATE)
    assert read.dtype == np.float32 and read.shape == expected.shape
    np.testing.assert_allclose(read, expected, atol=tolerance)
    assert not is_cut(path)


@pytest.mark.parametrize(("kind", "coding"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_codings_are_read_near_the_wave(tmp_path, kind, coding):
    path = written(tmp_path, saved(tone(seconds=1), kind, coding))
    read = read_wav(path, RATE)
    assert read.shape == (RATE,) and not is_cut(path)
    assert abs(read - tone(seconds=1)).mean() < 0.02


def floats(values):
    return wav(np.asarray(values, "<f4").tobytes(), form(FLOAT, 32))


REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"patient,age\n1,33\n", "begins with b'patient,'"),
    "utf-16 text": ("voice".encode("utf-16"), "as no sound does"),
    "riff alone": (b"RIFF\x10\0\0\0", "is cut short"),
    "video": (wav().replace(b"WAVE", b"AVI "), "is a RIFF file of b'AVI '"),
    "no samples": (wav(b""), "holds no samples"),
    "no samples but a list": (wav(b"", after=LIST), "holds no samples"),
    "no data chunk": (wav()[:36], "is cut short (no samples in it)"),
    "half a sample": (wav(b"\0"), "holds no samples"),
    "rate 0": (wav(shape=form(rate=0)), "0 samples a second"),
    "rate of 4 GHz": (wav(shape=form(rate=4_000_000_000)), "4,000,000,000 samples a second"),
    "no channels": (wav(shape=form(channels=0)), "0 channels"),
    "block of 3": (wav(shape=form(block=3)), "blocks of 3 bytes for 1 × 16 bits"),
    "block of 0": (wav(shape=form(block=0)), "blocks of 0 bytes"),
    "17 bits": (wav(shape=form(bits=17)), "17 bits a sample"),
    "16-bit float": (wav(shape=form(FLOAT, 16)), "16 bits a sample"),
    "ADPCM": (saved(WAVE, coding="IMA_ADPCM"), "WAV codec 0x0011"),
    "short format chunk": (wav(shape=form()[:8]), "its format chunk is not whole"),
    "data before the format": (
        b"RIFF\x30\0\0\0WAVE" + chunk(b"data", bytes(8)) + chunk(b"fmt ", form()),
        "no format before the samples",
    ),
    "data size too large": (wav(size=10**6), "16,000 of 1,000,000 bytes"),
    "data size too small": (wav(SHORTS[3:].tobytes(), size=1000), "samples go on"),
    "data size 0, riff size right": (wav(SHORTS[3:].tobytes(), size=0), "samples go on"),
    "cut": (wav()[:8000], "is cut short (7,956 of 16,000 bytes of samples)"),
    "cut within a sample": (wav()[:-1], "is cut short"),
    "RF64 cut": (saved(WAVE, "RF64")[:8000], "is cut short"),
    "W64 cut": (saved(WAVE, "W64")[:8000], "is cut short"),
    "AIFF cut": (saved(WAVE, "AIFF")[:8000], "is cut short"),
    "FLAC cut": (saved(WAVE, "FLAC")[:-50], "damaged or cut short"),
    "Vorbis cut": (saved(WAVE, "OGG", "VORBIS")[:-50], "is cut short"),
    "Opus cut": (saved(tone(seconds=3), "OGG", "OPUS")[:-3000], "is cut short"),
    "MP3 cut": (saved(tone(seconds=3), "MP3", "MPEG_LAYER_III")[:2500], "is cut short"),
    "not a number": (floats([0.1, np.nan, 0.2]), "not finite"),
    "infinite": (floats([0.1, -np.inf, 0.2]), "not finite"),
    "unscaled": (floats(SHORTS), "up to 16384 where a waveform lies in −1..1"),
    "quiet and unscaled": (floats([0, 3, -2, 1]), "never scaled"),
    "unscaled and resampled": (floats(SHORTS * 0.99), "never scaled"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_rightly_is_refused_by_name(tmp_path, kind):
    content, words = REFUSED[kind]
    path = written(tmp_path, content)
    with pytest.raises(UnreadableFileError) as caught:
        read_wav(path, RATE)
    message = str(caught.value)
    assert message == f"Sound file 'a b.wav' {caught.value.reason}." and caught.value.file == path
    assert words in message and "\n" not in message and "BytesIO" not in message


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["8 bits", "24 bits", "float", "A-law", "extensible 24", "list before the data"])
def test_a_cut_wav_is_never_read(tmp_path, kind, share):
    content = READ[kind][0]
    path = written(tmp_path, content[: int(share * len(content))])
    with pytest.raises(UnreadableFileError, match="cut short"):
        read_wav(path, RATE)
    assert is_cut(path)


def test_absent_files_and_rates_that_mean_nothing_are_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"'gone\.wav' cannot be opened \(No such file"):
        read_wav(tmp_path / "gone.wav", RATE)
    path = written(tmp_path, wav())
    for rate in (0, -8000, 8000.0, True):
        with pytest.raises(FusebenchError, match="Sound rate="):
            read_wav(path, rate)


# --- one tone in every coding, at the rate asked for and at twice that


CODINGS = ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


@pytest.mark.parametrize("pitch", [440.0, 1000.0])
def test_one_tone_is_one_wave_and_one_picture_in_every_coding_and_rate(tmp_path, pitch):
    expected, pictures = tone(seconds=1, pitch=pitch), []
    for rate in (RATE, 2 * RATE):
        for coding in CODINGS:
            path = written(tmp_path, saved(tone(rate, 1, pitch), "WAV", coding, rate))
            read = read_wav(path, RATE)
            np.testing.assert_allclose(read, expected, atol=1e-4 if rate == RATE else 0.02)
            pictures.append(log_mel(read, RATE, 32, 32))
    loud = pictures[0] > pictures[0].max() - np.log(1e4)  # 40 dB of power
    assert 32 <= loud.sum() < 400
    assert max(abs(picture - pictures[0])[loud].max() for picture in pictures) < 0.05


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 44101, 48000])
def test_another_rate_is_resampled_to_the_same_tone(tmp_path, rate):
    read = read_wav(written(tmp_path, saved(tone(rate, 1, 600), "WAV", "FLOAT", rate)), RATE)
    assert read.shape == (RATE,)
    np.testing.assert_allclose(read, tone(RATE, 1, 600), atol=0.02)


def test_tones_above_the_new_rates_reach_do_not_fold_back(tmp_path):
    read = read_wav(written(tmp_path, saved(tone(48_000, 1, 15_000), "WAV", "FLOAT", 48_000)), RATE)
    assert abs(read[200:-200]).max() < 0.01


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_few_samples_are_resampled_too(tmp_path, count):
    read = read_wav(written(tmp_path, saved(np.full(count, 0.5), "WAV", "FLOAT", 2 * RATE)), RATE)
    assert read.shape == ((count + 1) // 2,)
    np.testing.assert_allclose(read, 0.5, atol=0.01)


# --- pictures of sound


@pytest.mark.parametrize(
    ("rate", "bands", "frames", "seconds"),
    [(8000, 16, 14, 1.0), (16_000, 40, 101, 2.0), (22_050, 64, 96, 3.3), (44_100, 20, 7, 0.25), (8000, 8, 500, 1)],
)
def test_a_picture_has_the_size_asked_for(rate, bands, frames, seconds):
    for wave in (tone(rate, seconds * 2), tone(rate, seconds / 3), np.zeros(1)):
        picture = log_mel(wave.astype(np.float32), rate, bands, frames, seconds)
        assert picture.shape == (1, bands, frames) and picture.dtype == np.float32
        assert np.isfinite(picture).all()


def test_without_seconds_one_second_is_kept():
    wave = tone(seconds=1.7).astype(np.float32)
    np.testing.assert_array_equal(log_mel(wave, RATE, 32, 32), log_mel(wave, RATE, 32, 32, 1.0))
    middle = wave[int(0.35 * RATE) : int(1.35 * RATE)]
    np.testing.assert_array_equal(log_mel(wave, RATE, 32, 32), log_mel(middle, RATE, 32, 32))


def test_columns_are_moments_and_bands_are_pitches():
    silence = np.zeros(RATE)
    wave = np.concatenate([silence, tone(seconds=1, pitch=4000), silence])  # in the middle of 3 s
    picture = log_mel(wave.astype(np.float32), RATE, 32, 30, 3.0)[0]
    sounding = np.flatnonzero(picture.max(axis=0) > picture.max() - 3)
    assert sounding.min() in (10, 11) and sounding.max() in (19, 20)
    low = log_mel(tone(seconds=3, pitch=500).astype(np.float32), RATE, 32, 30, 3.0)[0]
    assert low.mean(axis=1).argmax() < picture[:, 15].argmax()


def test_unscaled_integers_would_show_as_a_shift():
    """What reading 16-bit integers without scaling does to the picture: 2 ln 32768."""
    wave = tone(seconds=1).astype(np.float32)
    picture, loud = log_mel(wave, RATE, 32, 32), log_mel(wave * 32768, RATE, 32, 32)
    held = picture > np.log(1e-8) + 1e-3
    np.testing.assert_allclose((loud - picture)[held], 2 * 10.397, atol=0.01)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 16, 16, 1.0), "rate=0"),
        ((8000, 0, 16, 1.0), "bands=0"),
        ((8000, 16, 2.5, 1.0), r"frames=2\.5"),
        ((8000, 16, 16, 0.0), r"seconds=0\.0"),
        ((8000, 16, 16, float("nan")), "seconds=nan"),
        ((8000, 16, 600, 1.0), "at most 500"),
    ],
)
def test_numbers_that_make_no_picture_are_refused(numbers, words):
    with pytest.raises(FusebenchError, match=words):
        log_mel(np.zeros(8000, np.float32), *numbers)
