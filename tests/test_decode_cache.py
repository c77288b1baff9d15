"""Files are decoded once by their contents; what is damaged is told in full and never cached by chance."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.datasets.own import files
from fusebench.datasets.own.contents import each
from fusebench.datasets.own.files import decoded, fingerprint


@dataclass
class Reader:
    """Decodes a file of text numbers; counts how often."""

    shape: tuple = (2,)
    key: str = "reader 1"
    dtype: ClassVar = np.dtype(np.float32)
    calls: list = field(default_factory=list)

    def __call__(self, path):
        self.calls.append(path)
        return np.array([float(word) for word in path.read_text().split()], dtype=np.float32)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def written(folder, *texts):
    """Write one file a text, an hour old: a file just written is read again to be sure."""
    folder.mkdir(exist_ok=True)
    paths = []
    for place, text in enumerate(texts):
        paths.append(folder / f"{place}.txt")
        paths[-1].write_text(text)
        aged(paths[-1])
    return paths


def aged(path):
    os.utime(path, (time.time() - 3600, time.time() - 3600))


def test_second_call_opens_no_file(tmp_path, cache, monkeypatch):
    paths = [*written(tmp_path / "d", "1 2", "3 4"), None]
    reader = Reader()
    first = decoded(paths, reader, "numbers")
    assert first.array.tolist() == [[1, 2], [3, 4], [0, 0]] and first.array.dtype == np.float32
    assert first.present.tolist() == [True, True, False] and first.faults == ()
    assert isinstance(first.array, np.memmap) and len(reader.calls) == 2
    whole, real = fingerprint(paths), Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: _only_cache(self, cache) or real(self, *a, **k))
    again = decoded(paths, reader, "numbers")
    assert again.array.tolist() == first.array.tolist() and len(reader.calls) == 2
    assert fingerprint(paths) == whole


def _only_cache(path, cache):
    assert cache in path.parents, f"{path} was opened"


def test_names_do_not_matter_and_contents_do(tmp_path, cache):
    reader = Reader()
    one, two = written(tmp_path / "d", "1 2", "3 4")
    decoded([one, two], reader, "n")
    moved = [one.rename(tmp_path / "d" / "other.txt"), two]
    assert decoded(moved, reader, "n").array.tolist() == [[1, 2], [3, 4]] and len(reader.calls) == 2
    two.write_text("5 6")  # the same length; only the time tells
    assert decoded(moved, reader, "n").array.tolist() == [[1, 2], [5, 6]]
    assert decoded(moved[::-1], reader, "n").array.tolist() == [[5, 6], [1, 2]]


def test_files_just_written_are_read_again(tmp_path, cache):
    """On a coarse clock a second write could leave size and time as they were."""
    path = tmp_path / "a.txt"
    seen = set()
    for text in ("1 2", "3 4", "5 6"):
        path.write_text(text)
        seen.add(fingerprint([path]))
    assert len(seen) == 3
    assert not list(cache.rglob("*.json"))
    aged(path)
    assert fingerprint([path]) in seen
    (index,) = cache.rglob("*.json")
    assert list(json.loads(index.read_text())) == [str(path)]


def test_options_of_the_decoder_make_another_array(tmp_path, cache):
    paths = written(tmp_path / "d", "1 2")
    decoded(paths, Reader(), "n")
    other = Reader(key="reader 2")
    decoded(paths, other, "n")
    assert len(other.calls) == 1 and len(list((cache / "decoded").glob("*.npy"))) == 2


def test_all_faults_are_told_and_kept(tmp_path, cache):
    paths = written(tmp_path / "d", "1 2", "one two", "1 2 3", "nan 1", "5 6")
    paths.insert(1, tmp_path / "d" / "gone.txt")
    for _ in range(2):
        reader = Reader()
        got = decoded(paths, reader, "n")
        assert got.present.tolist() == [True, False, False, False, False, True]
        assert got.array.tolist()[-1] == [5, 6] and not got.array[1:5].any()
        assert [(fault.row, fault.file.name) for fault in got.faults] == [
            (2, "gone.txt"),
            (3, "1.txt"),
            (4, "2.txt"),
            (5, "3.txt"),
        ]
        reasons = [fault.reason for fault in got.faults]
        assert reasons[0] == f"does not exist in {str(tmp_path / 'd')!r}" and "could not convert" in reasons[1]
        assert "(3,), expected (2,)" in reasons[2] and "NaN" in reasons[3]
    assert not reader.calls
    assert str(got.faults[0]).startswith("row 2: 'gone.txt' does not exist in ")
    written(tmp_path / "d", "1 2")[0].rename(paths[1])
    assert decoded(paths, reader, "n").present[1]


def test_fault_of_the_system_is_not_kept(tmp_path, cache):
    paths = written(tmp_path / "d", "1 2")

    class Refused(Reader):
        def __call__(self, path):
            try:
                raise PermissionError(13, "Permission denied", str(path))
            except OSError as error:
                raise FusebenchError(f"File {path.name!r} cannot be read.") from error

    assert len(decoded(paths, Refused(), "n").faults) == 1
    assert decoded(paths, Reader(), "n").array.tolist() == [[1, 2]]


def test_a_folder_in_place_of_a_file_is_looked_at_once(tmp_path, cache):
    paths = written(tmp_path / "d", "1 2", "3 4")
    paths[1].unlink()
    paths[1].mkdir()
    for calls in (2, 0):
        reader = Reader()
        assert [fault.row for fault in decoded(paths, reader, "n").faults] == [2]
        assert len(reader.calls) == calls
    paths[1].rmdir()
    written(tmp_path / "d", "1 2", "5 6")
    assert decoded(paths, Reader(), "n").array.tolist() == [[1, 2], [5, 6]]


def test_what_no_path_can_be_is_a_fault_of_its_row(tmp_path, cache):
    paths = [*written(tmp_path / "d", "1 2"), tmp_path / "d" / "a\0b", tmp_path / "d" / ("x" * 300)]
    assert [fault.row for fault in decoded(paths, Reader(), "n").faults] == [2, 3]


def test_missing_library_is_no_fault_of_a_file(tmp_path, cache):
    class Lacking(Reader):
        def __call__(self, path):
            raise DataUnavailableError("Sound cannot be read here.")

    paths = written(tmp_path / "d", "1 2", "3 4")
    with pytest.raises(DataUnavailableError):
        decoded(paths, Lacking(), "n")
    assert not list((cache / "decoded").iterdir())
    assert decoded(paths, Reader(), "n").present.all()


@pytest.mark.parametrize("damage", ["array cut", "array gone", "faults cut", "faults gone", "index cut"])
def test_damaged_cache_is_made_again(tmp_path, cache, damage):
    paths = written(tmp_path / "d", *["1 2"] * 50)
    decoded(paths, Reader(), "n")
    what, how = damage.split()
    pattern = {"index": "checksums/*.json", "array": "decoded/*.npy", "faults": "decoded/*.json"}[what]
    place = next(cache.glob(pattern))
    if how == "gone":
        place.unlink()
    else:
        place.write_bytes(place.read_bytes()[:-1] if what == "index" else place.read_bytes()[:1])
    reader = Reader()
    assert decoded(paths, reader, "n").array.tolist() == [[1, 2]] * 50
    assert len(reader.calls) == (0 if what == "index" else 50)
    assert all(json.loads(held.read_text()) is not None for held in cache.rglob("*.json"))


def test_killed_decode_leaves_a_file_that_is_ignored_and_removed(tmp_path, cache):
    paths = written(tmp_path / "d", *["1 2"] * 20)
    script = """
import os, sys
from pathlib import Path
from typing import ClassVar
import numpy as np
from fusebench.datasets.own.files import decoded
class Killed:
    shape, dtype, key = (2,), np.dtype(np.float32), "reader 1"
    def __call__(self, path):
        if path.name == "9.txt":
            os.kill(os.getpid(), 9)
        return np.ones(2)
decoded([Path(p) for p in sys.argv[1:]], Killed(), "n", workers=1)
"""
    ended = subprocess.run([sys.executable, "-P", "-c", script, *map(str, paths)], check=False)
    assert ended.returncode != 0
    (orphan,) = (cache / "decoded").iterdir()
    assert decoded(paths, Reader(), "n").array.tolist() == [[1, 2]] * 20
    assert orphan.exists()  # it might be another process at work
    os.utime(orphan, (time.time() - 7200, time.time() - 7200))
    decoded(paths, Reader(key="other"), "n")
    assert not orphan.exists()


def test_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "file" / "below"))
    got = decoded(written(tmp_path / "d", "1 2", "x", "3 4"), Reader(), "n")
    assert got.array.tolist() == [[1, 2], [0, 0], [3, 4]] and isinstance(got.array, np.memmap)
    assert got.present.tolist() == [True, False, True]


def test_full_disk_falls_back_and_is_told_where_nothing_is_left(tmp_path, cache, monkeypatch):
    def full(place, write):
        raise OSError(28, "No space left on device")

    paths = written(tmp_path / "d", "1 2")
    monkeypatch.setattr(files, "write_atomic", full)
    assert decoded(paths, Reader(), "n").array.tolist() == [[1, 2]]
    monkeypatch.setattr(files.tempfile, "TemporaryFile", lambda **_: full(None, None))
    with pytest.raises(FusebenchError, match="FUSEBENCH_CACHE to a folder with room"):
        decoded(paths, Reader(), "n")


def test_rows_under_way_are_bounded_and_in_order():
    under_way, most = set(), []
    lock = threading.Lock()

    def work(item):
        with lock:
            under_way.add(item)
            most.append(len(under_way))
        return item

    with ThreadPoolExecutor(4) as pool:
        got = []
        for item in each(pool, work, range(200), ahead=8):
            with lock:
                under_way.discard(item)
            got.append(item)
    assert got == list(range(200)) and max(most) <= 9


def test_say_is_called_once(tmp_path, cache):
    said = []
    paths = written(tmp_path / "d", "1 2")
    decoded(paths, Reader(), "photo", say=said.append)
    decoded(paths, Reader(), "photo", say=said.append)
    assert len(said) == 1 and "1 files of 'photo'" in said[0]
