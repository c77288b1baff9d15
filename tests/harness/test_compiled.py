"""librosa is readied by one process at a time, for data that hold sound and for no other."""

import sys

import pytest
from filelock import FileLock, Timeout

from fusebench import datasets
from fusebench.benchmarks import compiled


@pytest.fixture
def imports(monkeypatch, tmp_path):
    """Take note of what is imported, and of whether another process could do so at that moment."""
    told = []

    def note(name):
        try:
            with FileLock(tmp_path / "librosa.lock", timeout=0, is_singleton=False):
                told.append((name, "not locked"))
        except Timeout:
            told.append((name, "locked"))

    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(compiled, "import_module", note)
    monkeypatch.setattr(compiled, "_compiled", lambda: False)
    compiled._sound.cache_clear()
    yield told
    compiled._sound.cache_clear()


def test_sound_is_readied_once_under_a_lock(imports):
    datasets.load_all()
    compiled.ready(datasets.get("digits_trimodal"))
    compiled.ready(datasets.get("digits_trimodal"))
    assert imports == [(part, "locked") for part in compiled.PARTS]


@pytest.mark.parametrize("name", ["digits_sklearn", "synthetic_mixed"])
def test_data_without_recordings_wait_for_nobody(imports, name):
    datasets.load_all()
    compiled.ready(datasets.get(name))
    assert imports == []


def test_what_has_been_compiled_is_not_imported(imports, monkeypatch):
    monkeypatch.setattr(compiled, "_compiled", lambda: True)
    datasets.load_all()
    compiled.ready(datasets.get("digits_trimodal"))
    assert imports == []


def test_a_library_that_is_not_there_is_left_to_whoever_reads_sound(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "librosa", None)
    monkeypatch.setattr(compiled, "_compiled", lambda: False)
    compiled._sound.cache_clear()
    datasets.load_all()
    compiled.ready(datasets.get("digits_trimodal"))
    compiled._sound.cache_clear()
