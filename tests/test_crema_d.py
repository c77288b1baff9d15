"""CREMA-D: frames of videos whose grey levels count, and the loader on a small tree in the published form."""

import struct
import sys
from dataclasses import replace

import numpy as np
import pytest

from fusebench.core.errors import DataUnavailableError, FusebenchError, UnreadableFileError
from fusebench.datasets import crema_d, get, load_all
from fusebench.datasets.frames import FramesDecoder, evenly, read_frames
from fusebench.datasets.splits import fold_split

load_all()
av = pytest.importorskip("av")
soundfile = pytest.importorskip("soundfile")
STEP = 5  # grey levels between frames: more than a lossy codec blurs


def write_video(path, greys, codec="flv", width=48, height=36, colour=None):
    """Write one flat frame a grey level; a colour picks the frame's channel instead."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 4_000_000
        for grey in greys:
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[..., slice(None) if colour is None else colour] = grey
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def counted(frames):
    """Return the frame numbers that grey levels stand for."""
    return np.rint((frames.reshape(len(frames), -1).mean(axis=1) - 20) / STEP).astype(int).tolist()


def test_frames_are_the_middle_of_equal_parts_in_time_order():
    assert evenly(40, 4).tolist() == [5, 15, 25, 35]
    assert evenly(5, 1).tolist() == [2]
    assert evenly(3, 6).tolist() == [0, 0, 1, 1, 2, 2]
    for count in range(1, 40):
        for wanted in range(1, 9):
            places = evenly(count, wanted)
            assert (np.diff(places) >= 0).all() and places.min() >= 0 and places.max() < count
            if count >= wanted:
                assert len(set(places.tolist())) == wanted


@pytest.mark.parametrize(("suffix", "codec"), [(".flv", "flv"), (".avi", "mpeg4"), (".mp4", "mpeg4")])
@pytest.mark.parametrize("count", [40, 7])
def test_the_frames_that_were_asked_for_come_in_order(tmp_path, suffix, codec, count):
    path = write_video(tmp_path / f"clip{suffix}", [20 + STEP * number for number in range(count)], codec)
    for wanted in (1, 3, 4):
        frames = read_frames(path, wanted, 12, 1)
        assert frames.shape == (wanted, 12, 12) and frames.dtype == np.uint8
        assert counted(frames) == evenly(count, wanted).tolist()


@pytest.mark.parametrize("stated", [0.0, 0.1, 3600.0])
def test_what_the_container_says_about_its_duration_is_not_believed(tmp_path, stated):
    path = write_video(tmp_path / "clip.flv", [20 + STEP * number for number in range(30)])
    content = path.read_bytes()
    place = content.index(b"duration\x00") + len(b"duration\x00")
    assert struct.unpack(">d", content[place : place + 8])[0] == pytest.approx(1, abs=0.1)
    path.write_bytes(content[:place] + struct.pack(">d", stated) + content[place + 8 :])
    assert counted(read_frames(path, 5, 8, 1)) == evenly(30, 5).tolist()


def test_short_clips_repeat_frames_and_colours_are_red_green_blue(tmp_path):
    path = write_video(tmp_path / "short.avi", [20, 20 + STEP], "mpeg4")
    assert counted(read_frames(path, 4, 8, 1)) == [0, 0, 1, 1]
    blue = read_frames(write_video(tmp_path / "blue.avi", [200] * 3, "mpeg4", colour=2), 2, 8, 3)
    means = blue.reshape(2, 3, -1).mean(axis=2)
    assert blue.shape == (6, 8, 8) and (means[:, 2] > 150).all() and (means[:, :2] < 60).all()


def test_the_largest_centred_square_is_kept(tmp_path):
    with av.open(str(tmp_path / "wide.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 32, "yuv420p", 4_000_000
        pixels = np.zeros((32, 64, 3), np.uint8)
        pixels[:, 16:48] = 220  # the middle square; the sides are black
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")), *stream.encode(None)]:
            container.mux(packet)
    square = read_frames(tmp_path / "wide.avi", 1, 16, 1)[0]
    assert square[:, 2:14].min() > 180


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "text.flv").write_text("nothing of the kind")
    (tmp_path / "pointer.flv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    soundfile.write(tmp_path / "sound.wav", np.zeros(800, np.float32), 16_000)
    with pytest.raises(UnreadableFileError, match=r"'text\.flv' cannot be decoded as video"):
        read_frames(tmp_path / "text.flv", 2, 8, 1)
    with pytest.raises(UnreadableFileError, match="Git LFS pointer, run `git lfs pull`"):
        read_frames(tmp_path / "pointer.flv", 2, 8, 1)
    with pytest.raises(UnreadableFileError, match="holds no video stream"):
        read_frames(tmp_path / "sound.wav", 2, 8, 1)
    with pytest.raises(UnreadableFileError, match=r"'absent\.flv' cannot be opened"):
        read_frames(tmp_path / "absent.flv", 2, 8, 1)
    with pytest.raises(FusebenchError, match="channels=2"):
        read_frames(tmp_path / "text.flv", 2, 8, 2)


def test_without_the_video_library_video_is_unavailable(tmp_path, monkeypatch):
    path = write_video(tmp_path / "clip.flv", [20, 30])
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataUnavailableError, match=r"fusebench\[video\]"):
        read_frames(path, 1, 8, 1)


def test_decoders_of_other_options_have_other_keys():
    keys = {FramesDecoder(*options).key for options in [(2, 8, 1), (3, 8, 1), (2, 9, 1), (2, 8, 3)]}
    assert len(keys) == 4 and FramesDecoder(3, 8, 3).shape == (9, 8, 8)


def test_the_clips_are_the_published_ones():
    """7,442: 91 actors, 82 clips each but for what was never recorded."""
    clips = crema_d.CLIPS
    assert len(clips) == len(set(clips)) == 7442 and list(clips) == sorted(clips)
    counts = {code: sum(f"_{code}_" in clip for clip in clips) for code in crema_d.EMOTIONS}
    assert counts == {"ANG": 1271, "DIS": 1271, "FEA": 1271, "HAP": 1271, "NEU": 1087, "SAD": 1271}
    levels = {level: sum(clip.endswith(level) for clip in clips) for level in ("HI", "LO", "MD", "XX")}
    assert levels == {"HI": 455, "LO": 455, "MD": 455, "XX": 6077}
    assert "1001_DFA_ANG_XX" in clips and "1002_TIE_NEU_XX" not in clips


CLIPS = tuple(clip for clip in crema_d.CLIPS if clip.split("_")[1] == "DFA" and int(clip[:4]) <= 1010)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the published layout: 60 clips of ten actors, each emotion at a grey level of its own."""
    folder = tmp_path_factory.mktemp("data") / "crema_d"
    (folder / "AudioWAV").mkdir(parents=True)
    (folder / "VideoFlash").mkdir()
    for number, clip in enumerate(CLIPS):
        tone = np.sin(np.arange(8000) * (0.1 + 0.2 * (number % 6)))
        soundfile.write(folder / "AudioWAV" / f"{clip}.wav", (0.5 * tone).astype(np.float32), 16_000)
        level = 20 + 30 * (number % 6)
        write_video(folder / "VideoFlash" / f"{clip}.flv", [level, level + 10, level + 20], width=32, height=24)
    lines = ['"ActorID","Age","Sex","Race","Ethnicity"']
    for actor in range(1001, 1011):
        sex = "Male" if actor % 2 else "Female"
        lines.append(f'{actor},{20 + actor % 100},"{sex}","Caucasian","Not Hispanic"')
    (folder / "VideoDemographics.csv").write_text("\n".join(lines) + "\n")
    return folder.parent


@pytest.fixture
def small(published, tmp_path, monkeypatch):
    """The loader told that only these clips were published."""
    monkeypatch.setenv("FUSEBENCH_DATA", str(published))
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("SOUNDS", "VIDEOS"):
        source = getattr(crema_d, name)
        suffix = source.names[0][-4:]
        monkeypatch.setattr(crema_d, name, replace(source, checksum="", names=tuple(c + suffix for c in CLIPS)))
    monkeypatch.setattr(crema_d, "DEMOGRAPHICS", replace(crema_d.DEMOGRAPHICS, checksum=""))
    return get("crema_d(frames=3,mel=16,size=8)")


def test_voice_face_and_actor_belong_to_one_clip(small):
    bundle = small.load(0)
    assert bundle.modalities == small.modalities
    emotions = list(crema_d.EMOTIONS)
    for rows in bundle.splits.values():
        for place, clip in enumerate(rows.ids.tolist()):
            code = clip.split("_")[2]
            assert rows.labels[place] == emotions.index(code)
            frames = rows.inputs["image"][place].reshape(3, -1).mean(axis=1) * 255
            first = 20 + 30 * (CLIPS.index(clip) % 6)
            np.testing.assert_allclose(frames, [first, first + 10, first + 20], atol=4)
            assert rows.inputs["actor"][place, 0] == 20 + int(clip[:4]) % 100
            assert set(rows.inputs["actor"][place].tolist()).isdisjoint({float(clip[:4])})
    by_emotion = [bundle.train.inputs["audio"][bundle.train.labels == k].mean(axis=0) for k in range(6)]
    peaks = [sound[0].mean(axis=1).argmax() for sound in by_emotion]
    assert peaks == sorted(peaks) and len(set(peaks)) == 6  # the tones rise with the emotion's number


def test_no_actor_is_in_two_splits_and_every_clip_is_tested_once(small):
    tested = []
    for seed in range(5):
        bundle = small.load(seed)
        held = [set(rows.groups.tolist()) for rows in bundle.splits.values()]
        assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]
        assert all({clip[:4] for clip in rows.ids} == set(rows.groups) for rows in bundle.splits.values())
        tested += bundle.test.ids.tolist()
    assert sorted(tested) == sorted(CLIPS)


def test_a_clone_without_lfs_is_told_apart_from_damage(published, tmp_path, monkeypatch):
    folder = tmp_path / "crema_d" / "AudioWAV"
    folder.mkdir(parents=True)
    for clip in CLIPS[:2]:
        (folder / f"{clip}.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    names = tuple(f"{clip}.wav" for clip in CLIPS[:2])
    monkeypatch.setattr(crema_d, "SOUNDS", replace(crema_d.SOUNDS, names=names))
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path))
    with pytest.raises(FusebenchError, match="run `git lfs pull`"):
        get("crema_d").load(0)


def test_a_lacking_clip_is_named(small, published, tmp_path, monkeypatch):
    folder = tmp_path / "copy" / "crema_d"
    folder.mkdir(parents=True)
    for path in (published / "crema_d").iterdir():
        if path.name != "VideoFlash":
            (folder / path.name).symlink_to(path)
    (folder / "VideoFlash").mkdir()
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "copy"))
    with pytest.raises(FusebenchError, match=r"VideoFlash' .*lacks 60 of 60 files, first '1001_DFA_ANG_XX\.flv'"):
        small.load(0)


def test_without_files_the_error_says_how_to_have_them(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataUnavailableError, match="git lfs clone"):
        get("crema_d").load(0)


def test_planning_needs_no_file_and_options_are_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path))
    data = get("crema_d(frames=2,channels=3,size=32,mel=32)")
    assert [m.shape for m in data.modalities] == [(1, 32, 32), (6, 32, 32), (10,)]
    assert sum(data.rows.values()) == 7438 and len(data.classes) == 6
    assert not data.card.verified
    for wrong in ("frames=0", "channels=2", "size=4", "mel=1000", "frames=3.0", "channels=true"):
        with pytest.raises(FusebenchError, match="of data set 'crema_d': expected"):
            get(f"crema_d({wrong})")


def test_rows_that_are_planned_are_those_of_the_first_fold():
    parts = [clip.split("_") for clip in crema_d.CLIPS if clip not in crema_d.MISTAKEN]
    labels = np.array([list(crema_d.EMOTIONS).index(emotion) for _, _, emotion, _ in parts])
    cuts = fold_split(labels, 0, "crema_d", 5, np.array([actor for actor, *_ in parts]))
    assert list(get("crema_d").rows.values()) == [len(rows) for rows in cuts]
    assert len(crema_d.MISTAKEN) == 4 and set(crema_d.CLIPS) > crema_d.MISTAKEN


def test_clips_that_the_publishers_call_wrong_are_not_read(small, published, tmp_path, monkeypatch):
    folder = tmp_path / "copy" / "crema_d"
    (folder / "VideoFlash").mkdir(parents=True)
    for path in [*(published / "crema_d").iterdir(), *(published / "crema_d" / "VideoFlash").iterdir()]:
        if path.name != "VideoFlash":
            (folder / path.relative_to(published / "crema_d")).symlink_to(path)
    wrong = folder / "VideoFlash" / f"{CLIPS[7]}.flv"
    wrong.unlink()
    wrong.write_text("no video at all")
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "copy"))
    with pytest.raises(FusebenchError, match=f"{CLIPS[7]}.*cannot be decoded as video"):
        small.load(0)
    monkeypatch.setattr(crema_d, "MISTAKEN", frozenset((CLIPS[7],)))
    ids = [clip for rows in small.load(0).splits.values() for clip in rows.ids.tolist()]
    assert sorted(ids) == sorted({*CLIPS} - {CLIPS[7]})
