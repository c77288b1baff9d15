"""Rows that workers share: decoded once, equal, private to whoever writes into them."""

import multiprocessing
import os
import pickle

import numpy as np
import pytest

from fusebench import datasets
from fusebench.benchmarks import shared as module
from fusebench.benchmarks.shared import ALIGNMENT, drop, read, shared

NAME = "synthetic_private(rows=60,test_rows=50)"


@pytest.fixture
def rows():
    datasets.load_all()
    return datasets.get(NAME).load(0)


def never():
    raise AssertionError("decoded again")


def arrays(bundle):
    for split, part in bundle.splits.items():
        yield from ((f"{split}/{name}", x) for name, x in part.inputs.items())
        for name in ("present", "labels", "ids", "log_posterior"):
            yield f"{split}/{name}", getattr(part, name)


def test_what_comes_back_is_what_went_in_to_the_bit(rows, tmp_path):
    first = shared(tmp_path, NAME, 0, lambda: rows)
    again = shared(tmp_path, NAME, 0, never)
    for found in (first, again):
        assert (found.modalities, found.classes) == (rows.modalities, rows.classes)
        for (name, ours), (_, theirs) in zip(arrays(found), arrays(rows), strict=True):
            assert ours.dtype == theirs.dtype, name
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_what_one_writes_nobody_else_sees(rows, tmp_path):
    mine, yours = (shared(tmp_path, NAME, 0, lambda: rows) for _ in range(2))
    name = next(iter(mine.train.inputs))
    before = yours.train.inputs[name].copy()
    mine.train.inputs[name][:] = np.nan
    np.testing.assert_array_equal(yours.train.inputs[name], before)
    np.testing.assert_array_equal(shared(tmp_path, NAME, 0, never).train.inputs[name], before)


def test_arrays_begin_where_vectors_do(rows, tmp_path):
    found = shared(tmp_path, NAME, 0, lambda: rows)
    assert all(x.ctypes.data % ALIGNMENT == 0 for x in found.train.inputs.values())


def _decode(folder, counted, gate, answer):
    def load():
        with open(counted, "a") as file:
            file.write("x")
        datasets.load_all()
        return datasets.get(NAME).load(0)

    gate.wait()
    answer.put(float(shared(folder, NAME, 0, load).train.labels.sum()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forked processes share the gate")
def test_of_many_workers_one_decodes(rows, tmp_path):
    context = multiprocessing.get_context("fork")
    gate, answer = context.Barrier(4), context.Queue()
    counted = tmp_path / "counted"
    workers = [context.Process(target=_decode, args=(tmp_path, counted, gate, answer)) for _ in range(4)]
    [worker.start() for worker in workers]
    sums = [answer.get(timeout=180) for _ in workers]
    [worker.join() for worker in workers]
    assert counted.read_text() == "x"
    assert set(sums) == {float(rows.train.labels.sum())}


def test_without_room_each_holds_rows_of_its_own(rows, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write", full)
    assert shared(tmp_path, NAME, 0, lambda: rows) is rows


def test_rows_nobody_needs_are_removed_and_mapped_ones_stay_readable(rows, tmp_path):
    held = shared(tmp_path, NAME, 0, lambda: rows)
    drop(tmp_path, NAME, 0)
    drop(tmp_path, NAME, 0)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    np.testing.assert_array_equal(held.test.labels, rows.test.labels)


def test_a_file_holds_each_array_once(rows, tmp_path):
    shared(tmp_path, NAME, 0, lambda: rows)
    (place,) = (path for path in tmp_path.iterdir() if not path.suffix)
    size = sum(x.nbytes for _, x in arrays(rows))
    assert size <= place.stat().st_size <= size + 20_000
    assert len(pickle.dumps(read(place).classes)) < 1000
