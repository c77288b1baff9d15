"""Raw files: the user's folder, downloads from a server on this machine, checks, and the array cache."""

import gzip
import http.server
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from functools import partial

import numpy as np
import pytest

try:
    import soundfile
except (ImportError, OSError):  # no C library: the tests that write sound are skipped
    soundfile = None

from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.datasets import download, get, load_all
from fusebench.datasets.audio import log_mel, read_wav
from fusebench.datasets.cache import cached_array
from fusebench.datasets.fetch import Raw, file_sha256, folder_sha256, raw
from fusebench.datasets.image import area_average, read_idx

NOWHERE = "http://127.0.0.1:9/absent"  # the discard port: refused at once, no network needed


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FUSEBENCH_DATA", raising=False)
    monkeypatch.setattr(download, "PAUSES", (0, 0))


@pytest.fixture
def server(tmp_path):
    """Serve `tmp_path/site` over HTTP; a file `x.cut` is promised whole and sent by half."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def copyfile(self, source, outputfile):
            content = source.read()
            outputfile.write(content[: len(content) // 2] if self.path.endswith(".cut") else content)

        def log_message(self, *_):
            pass

    (tmp_path / "site").mkdir()
    held = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "site")))
    threading.Thread(target=held.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{held.server_address[1]}"
    held.shutdown()
    held.server_close()


def given_file(folder, path, content=b"1 2 3\n"):
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def source_of(place, path, home=NOWHERE, **more):
    return Raw(path, file_sha256(place), home, **more)


def test_the_users_folder_serves_first(tmp_path, monkeypatch):
    place = given_file(tmp_path / "data", "set/a.csv")
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    assert raw(source_of(place, "set/a.csv")) == place


def test_a_wrong_checksum_names_the_file(tmp_path, monkeypatch):
    place = given_file(tmp_path / "data", "set/a.csv")
    source = source_of(place, "set/a.csv")
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    raw(source)
    place.write_bytes(b"1 2 4\n")
    with pytest.raises(FusebenchError, match=r"'set/a\.csv' in FUSEBENCH_DATA has sha256") as caught:
        raw(source)
    assert not isinstance(caught.value, DataUnavailableError)
    assert str(tmp_path) not in str(caught.value)


def test_a_folder_is_checked_whole(tmp_path, monkeypatch):
    names = ("a.txt", "b.txt")
    for name in names:
        given_file(tmp_path / "data", f"set/{name}", name.encode())
    digest = partial(folder_sha256, names=names)
    source = Raw("set", digest(tmp_path / "data/set"), NOWHERE, names=names, digest=digest)
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    given_file(tmp_path / "data", "set/.DS_Store")
    assert raw(source) == tmp_path / "data/set"
    (tmp_path / "data/set/b.txt").unlink()
    with pytest.raises(FusebenchError, match=r"lacks 1 of 2 files, first 'b\.txt'"):
        raw(source)


def test_what_cannot_be_had_is_unavailable_with_a_next_step(tmp_path, monkeypatch):
    source = Raw("set/a.csv", "0" * 64, NOWHERE)
    with pytest.raises(DataUnavailableError, match=r"'set/a\.csv'.*set FUSEBENCH_DATA"):
        raw(source)
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    with pytest.raises(DataUnavailableError, match="is not in FUSEBENCH_DATA"):
        raw(source)
    assert not (tmp_path / "cache/raw/set/a.csv").exists()


def test_a_download_is_checked_and_kept(tmp_path, server, capfd):
    place = given_file(tmp_path / "site", "a.csv")
    source = source_of(place, "set/a.csv", f"{server}/a.csv")
    got = raw(source)
    assert got == tmp_path / "cache/raw/set/a.csv" and got.read_bytes() == b"1 2 3\n"
    place.unlink()
    assert raw(source) == got
    told = capfd.readouterr().err  # one line, and no bar where nobody watches
    assert told == f"Downloading set/a.csv, 6 B, from {server.removeprefix('http://')}\n"


@pytest.mark.parametrize(("name", "reason"), [("a.csv", "has sha256"), ("gone.csv", "HTTP 404")])
def test_a_download_that_is_not_the_published_file_is_not_kept(tmp_path, server, name, reason):
    given_file(tmp_path / "site", "a.csv", b"<html>sign in first</html>")
    with pytest.raises(DataUnavailableError, match=reason):
        raw(Raw("set/a.csv", "0" * 64, f"{server}/{name}"))
    assert [p for p in (tmp_path / "cache/raw").rglob("*") if p.is_file()] == []


def test_half_a_download_is_not_kept(tmp_path, server):
    place = given_file(tmp_path / "site", "a.cut", bytes(range(256)) * 400)
    with pytest.raises(DataUnavailableError, match=r"set/a\.csv"):
        raw(source_of(place, "set/a.csv", f"{server}/a.cut"))
    assert [p for p in (tmp_path / "cache/raw").rglob("*") if p.is_file()] == []


def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path, server):
    place = given_file(tmp_path / "site", "a.csv")
    source = source_of(place, "set/a.csv", f"{server}/a.csv")
    raw(source).write_bytes(b"1 2")
    assert raw(source).read_bytes() == b"1 2 3\n"


def test_a_base_url_serves_files_and_folders(tmp_path, server, monkeypatch):
    names = ("a.txt", "b.txt")
    for name in names:
        given_file(tmp_path / "site", f"mirror/set/{name}", name.encode())
    digest = partial(folder_sha256, names=names)
    folder = Raw("set", digest(tmp_path / "site/mirror/set"), NOWHERE, names=names, digest=digest)
    monkeypatch.setenv("FUSEBENCH_DATA", f"{server}/mirror/")
    assert sorted(p.name for p in raw(folder).iterdir()) == ["a.txt", "b.txt"]
    one = source_of(tmp_path / "site/mirror/set/a.txt", "set/a.txt")
    (tmp_path / "site/mirror/set/a.txt").write_bytes(b"other")
    (tmp_path / "cache/raw/set/a.txt").unlink()
    with pytest.raises(FusebenchError, match=r"'set/a\.txt' in FUSEBENCH_DATA has sha256"):
        raw(one)


@pytest.mark.parametrize("nested", [False, True])
def test_archives_are_checked_by_what_comes_out(tmp_path, server, nested):
    given_file(tmp_path, "views/mfeat-a", b"1 2\n")
    archive = tmp_path / "site/views.zip"
    with zipfile.ZipFile(archive, "w") as outer:
        if nested:
            held = io.BytesIO()
            with tarfile.open(fileobj=held, mode="w") as inner:
                inner.add(tmp_path / "views/mfeat-a", "mfeat-a")
            outer.writestr("views.tar", held.getvalue())
        else:
            outer.write(tmp_path / "views/mfeat-a", "some-folder/mfeat-a")
    source = source_of(tmp_path / "views/mfeat-a", "views/mfeat-a", f"{server}/views.zip", archive=True)
    assert raw(source).read_bytes() == b"1 2\n"


def test_a_cut_archive_is_not_kept(tmp_path, server):
    source = Raw("views/a", "0" * 64, f"{server}/views.zip", archive=True)
    given_file(tmp_path / "site", "views.zip", b"PK\x03\x04 and no more")
    with pytest.raises(DataUnavailableError, match="neither a zip nor a tar file"):
        raw(source)
    assert list((tmp_path / "cache/archives").iterdir()) == []


def test_an_array_is_made_once_and_mapped():
    made = []

    def make():
        made.append(1)
        return np.arange(6.0).reshape(2, 3)

    first, second = cached_array("thing|abc|v1", make), cached_array("thing|abc|v1", make)
    assert len(made) == 1 and isinstance(second, np.memmap) and not second.flags.writeable
    np.testing.assert_array_equal(first, second)
    cached_array("thing|abd|v1", make)
    assert len(made) == 2


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached_array("thing|abc", lambda: np.zeros(3))
    assert list((tmp_path / "cache/arrays").iterdir()) == []
    np.testing.assert_array_equal(cached_array("thing|abc", lambda: np.ones(3)), np.ones(3))


def test_a_cut_array_is_made_again(tmp_path):
    cached_array("thing|abc", lambda: np.ones(1000))
    (place,) = (tmp_path / "cache/arrays").iterdir()
    for size in (place.stat().st_size // 2, 20, 0):
        place.write_bytes(place.read_bytes()[:size])
        assert cached_array("thing|abc", lambda: np.ones(1000)).sum() == 1000
    assert len(list((tmp_path / "cache/arrays").iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_no_run(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "file"))
    assert cached_array("thing|abc", lambda: np.ones(3)).sum() == 3


def _make_slowly(folder, barrier):
    os.environ["FUSEBENCH_CACHE"] = folder
    barrier.wait()
    array = cached_array("thing|shared", lambda: np.full(200_000, 7.0))
    assert array.sum() == 1_400_000


def test_several_processes_may_make_one_array(tmp_path):
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    barrier = context.Barrier(4)
    workers = [context.Process(target=_make_slowly, args=(str(tmp_path / "c"), barrier)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(list((tmp_path / "c/arrays").iterdir())) == 1


def idx_bytes(array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype("u1").tobytes()


def test_idx_files_are_read_packed_or_not(tmp_path):
    array = np.arange(24).reshape(2, 3, 4)
    plain = given_file(tmp_path, "a", idx_bytes(array))
    packed = given_file(tmp_path, "a.gz", gzip.compress(idx_bytes(array), mtime=0))
    for place in (plain, packed):
        np.testing.assert_array_equal(read_idx(place), array)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n", "begins with 89 50 4e 47"),
        (b"", "begins with nothing"),
        (b"\0\0\x07\x01\0\0\0\0", "begins with 00 00 07 01"),
        (idx_bytes(np.zeros((2, 3)))[:-1], "holds 17 bytes where its header promises 18"),
        (idx_bytes(np.zeros((2, 3)))[:9], "its header promises"),
        (gzip.compress(idx_bytes(np.zeros((2, 3))), mtime=0)[:-9], "cannot be unpacked"),
    ],
)
def test_a_file_that_is_no_idx_file_is_named(tmp_path, content, words):
    with pytest.raises(FusebenchError, match=words) as caught:
        read_idx(given_file(tmp_path, "t10k", content))
    assert "'t10k'" in str(caught.value)


def test_area_average_is_the_mean_of_blocks():
    images = np.arange(16).reshape(1, 4, 4)
    np.testing.assert_array_equal(area_average(images, 2), [[[2.5, 4.5], [10.5, 12.5]]])
    with pytest.raises(FusebenchError, match="not a divisor"):
        area_average(images, 3)


needs_sound = pytest.mark.skipif(soundfile is None, reason="soundfile cannot be imported")


def tone(rate):
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)


@needs_sound
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_integer_samples_are_scaled(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", tone(8000), 8000, subtype)
    soundfile.write(tmp_path / "b.wav", tone(16000), 16000, subtype)
    wave, resampled = read_wav(tmp_path / "a.wav", 8000), read_wav(tmp_path / "b.wav", 8000)
    assert wave.dtype == resampled.dtype == np.float32 and len(wave) == len(resampled) == 8000
    assert np.abs(wave - tone(8000)).max() < 1e-4
    assert np.abs(resampled - tone(8000))[100:-100].max() < 0.02
    picture, expected = log_mel(wave, 8000, 16, 16), log_mel(tone(8000), 8000, 16, 16)
    loud = expected > expected.max() - np.log(1e4)  # 40 dB
    assert np.abs(picture - expected)[loud].max() < 0.05


@needs_sound
def test_log_mel_has_one_size_and_keeps_the_middle():
    for seconds in (0.1, 1.0, 2.3):
        picture = log_mel(np.ones(int(seconds * 8000), np.float32), 8000, 12, 20)
        assert picture.shape == (1, 12, 20) and picture.dtype == np.float32
    short = log_mel(tone(8000)[:1600], 8000, 16, 16)[0].max(axis=0)
    assert short.argmax() in (7, 8) and short[0] == short[-1] == np.log(np.float32(1e-8))


@needs_sound
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-500], "is cut short"),
        (lambda content: b"not a sound at all, but long enough to look at", "cannot be read|begins with"),
        (lambda content: b"", "cannot be read|is empty"),
    ],
)
def test_a_corrupt_wav_is_named(tmp_path, damage, words):
    soundfile.write(tmp_path / "7_theo_3.wav", tone(8000), 8000)
    content = (tmp_path / "7_theo_3.wav").read_bytes()
    (tmp_path / "7_theo_3.wav").write_bytes(damage(content))
    with pytest.raises(FusebenchError, match=words) as caught:
        read_wav(tmp_path / "7_theo_3.wav", 8000)
    assert "'7_theo_3.wav'" in str(caught.value) and str(tmp_path) not in str(caught.value)


@needs_sound
def test_samples_that_are_no_numbers_are_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.0, np.nan, 0.1]), 8000, "FLOAT")
    with pytest.raises(FusebenchError, match=r"'a\.wav' holds samples that are not finite"):
        read_wav(tmp_path / "a.wav", 8000)


def test_without_a_sound_library_audio_is_unavailable(tmp_path, monkeypatch):
    (tmp_path / "soundfile.py").write_text("raise OSError('sndfile library not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [n for n in sys.modules if n == "soundfile" or n.startswith("librosa")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(DataUnavailableError, match=r"OSError: sndfile library.*install"):
        read_wav(given_file(tmp_path, "a.wav"), 8000)


def test_planning_imports_nothing_heavy_and_reads_no_raw_data(tmp_path):
    """A fresh interpreter: what this process imported before must not hide an import."""
    code = """
import json, sys
from fusebench.datasets import REGISTRY, get, load_all
load_all()
names = sys.argv[1:]
sets = [get(name) for name in names]
facts = [[d.name, d.identity(), d.rows, len(d.modalities), d.classes, d.folds, d.card.title] for d in sets]
heavy = [m for m in ("torch", "librosa", "soundfile", "ray", "pooch") if m in sys.modules]
print(json.dumps({"heavy": heavy, "broken": REGISTRY.broken, "facts": facts}))
"""
    environment = os.environ | {"FUSEBENCH_DATA": str(tmp_path / "nothing"), "PYTHONSAFEPATH": "1"}
    names = ["digits_trimodal", "digits_trimodal_clean", "digits_trimodal_full", "mfeat", "rosmap", "brca"]
    names += ["digits_sklearn", "avmnist_fsdd", "avmnist_fsdd_full", "fsdd_digit", "fsdd_speaker", "mnist_svhn"]
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["heavy"] == [] and told["broken"] == {}
    assert [fact[0] for fact in told["facts"]] == names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits_trimodal(size=20)", "the side is 14 or 28"),
        ("digits_trimodal(mel=99)", "from 8 to 32"),
        ("digits_trimodal(noise=-1)", "a number from 0 on"),
        ("digits_trimodal(speakers=heldout)", "did you mean 'held_out'"),
        ("digits_trimodal(mels=16)", "did you mean 'mel'"),
    ],
)
def test_options_that_mean_nothing_are_refused(name, words):
    load_all()
    with pytest.raises(FusebenchError, match=words):
        get(name)
