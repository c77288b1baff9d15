"""The index of records: a saving, never the truth, and never in the way."""

import json
import os
import sqlite3
import subprocess
import sys
import time

import pytest

from fusebench.benchmarks import run as benchmark
from fusebench.results import index
from fusebench.results.record import Record
from fusebench.results.store import Store

CELLS = 12
HOUR = 3600 * 10**9


def record(number, **fields):
    values = dict(
        status="ok", metrics={"accuracy": 0.5, "log_loss": 1.0}, times={"wall_own": 1.5, "wall_predict": 0.5}
    )
    return Record(f"{number:032x}", f"v{number % 3}", "d", number, 0, **(values | fields))


def age(path, ns=-HOUR):
    """Set a file's time: what was written a moment ago is not taken in."""
    then = time.time_ns() + ns
    os.utime(path, ns=(then, then))
    return path


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A run of twelve records, for which an index is worth while."""
    monkeypatch.setattr(index, "FEW", 1)
    monkeypatch.setattr(index, "PATIENCE", 0.05)
    store = Store(tmp_path / "a run" / "s")
    for number in range(CELLS):
        store.put(record(number))
        age(store.path(record(number).cell))
    return store


@pytest.fixture
def look(store, tmp_path, monkeypatch):
    """Ask for the rows as another process would; return them, how many files were read, and what was said."""
    read = []
    reading = Store.read

    def counted(self, path):
        read.append(path.name)
        return reading(self, path)

    monkeypatch.setattr(Store, "read", counted)

    def go():
        read.clear()
        fresh = Store(store.root)
        rows = index.rows(fresh, lambda: tmp_path / "cache")
        return {row.cell: row for row in rows}, len(read), fresh

    return go


def place(store, tmp_path):
    return index.place_of(store, tmp_path / "cache")


def expected(store):
    return {each.cell: each.row for each in Store(store.root).records()}


def test_a_file_is_read_once_and_its_row_tells_the_same_afterwards(store, look, tmp_path):
    store.put(record(99, status="failed", reason="Traceback\n  here\nValueError: no", metrics={}, times={}))
    age(store.path(record(99).cell))
    truth = expected(store)
    assert look()[:2] == (truth, CELLS + 1)
    found, read, told = look()
    assert (found, read, told.remarks, told.broken) == (truth, 0, [], {})
    assert (found[record(99).cell].trouble, found[record(99).cell].spent) == ("ValueError: no", None)
    assert found[record(1).cell].spent == 2.0
    assert not list(store.root.rglob("*.sqlite3*"))


def test_few_records_need_no_index(store, look, tmp_path, monkeypatch):
    monkeypatch.setattr(index, "FEW", CELLS + 1)
    assert look()[1] == look()[1] == CELLS
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("shift", [0, -HOUR * 24 * 365, HOUR * 24 * 365])
def test_no_clock_hides_a_record_of_another_size(store, look, shift):
    """The file's time goes back, forward, or stays what it was."""
    look()
    path = store.path(record(3).cell)
    before = path.stat().st_mtime_ns
    store.put(record(3, status="failed", reason="later", metrics={}))
    os.utime(path, ns=(before + shift, before + shift))
    found, read, _ = look()
    assert (found[record(3).cell].status, read) == ("failed", 1)
    assert look()[1] == 0


def test_a_record_of_the_same_size_is_seen_by_its_time(store, look):
    look()
    path = store.path(record(3).cell)
    text = path.read_text()
    path.write_text(text.replace('"v0"', '"w0"'))
    assert path.stat().st_size == len(text)
    assert look()[0][record(3).cell].variant == "w0"


def test_what_was_written_a_moment_ago_is_read_again(store, look):
    """On a disk that counts time in steps of two seconds the next version may look the same."""
    store.put(record(3, status="failed", reason="x"))
    assert look()[1:2] == (CELLS,)
    assert look()[1] == 1
    age(store.path(record(3).cell), -HOUR)
    assert look()[1] == 1
    assert look()[1] == 0


def test_records_that_are_gone_are_forgotten_and_new_ones_taken_in(store, look, tmp_path):
    look()
    store.path(record(0).cell).unlink()
    store.put(record(50))
    age(store.path(record(50).cell))
    found, read, _ = look()
    assert set(found) == {record(n).cell for n in (*range(1, CELLS), 50)}
    assert read == 1
    with sqlite3.connect(place(store, tmp_path)) as held:
        assert held.execute("SELECT count(*) FROM records").fetchone() == (CELLS,)


def test_unreadable_records_are_in_no_index_and_named_each_time(store, look):
    """A half-written record, an empty one, one under another cell's name; an orphan is none."""
    cut, empty, other = (store.path(record(n).cell) for n in (1, 2, 3))
    cut.write_bytes(cut.read_bytes()[:100])
    empty.write_bytes(b"")
    other.write_bytes(store.path(record(4).cell).read_bytes())
    orphan = cut.with_name(".tmp-abc.json")
    orphan.write_text("{}")
    for path in (cut, empty, other, orphan):
        age(path)
    for read in (CELLS, 3, 3):
        found, n, told = look()
        assert (len(found), n, set(told.broken)) == (CELLS - 3, read, {cut, empty, other})


@pytest.mark.parametrize("damage", ["deleted", "emptied", "truncated", "overwritten", "foreign", "older"])
def test_a_damaged_index_is_made_anew_without_a_word(store, look, tmp_path, damage):
    truth = look()[0]
    file = place(store, tmp_path)
    whole = file.read_bytes()
    if damage == "deleted":
        file.unlink()
    elif damage in ("foreign", "older"):
        with sqlite3.connect(file) as held:
            held.execute("PRAGMA user_version = 7")
            if damage == "foreign":
                held.execute("DROP TABLE records")
                held.execute("CREATE TABLE records (other TEXT)")
    else:
        file.write_bytes(
            {"emptied": b"", "truncated": whole[: len(whole) // 2], "overwritten": b"x" * 9999}[damage]
        )
    found, read, told = look()
    assert (found, read, told.remarks) == (truth, CELLS, [])
    assert look()[:2] == (truth, 0)


def test_an_index_that_another_process_holds_costs_a_plain_scan_and_one_line(store, look, tmp_path):
    truth = look()[0]
    other = sqlite3.connect(place(store, tmp_path), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        found, read, told = look()
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert (found, read) == (truth, CELLS)
    (line,) = told.remarks
    assert "locked" in line
    assert "every record was read" in line
    assert look()[1] == 0


def test_an_index_that_may_be_read_and_not_written_is_read(store, look, tmp_path):
    look()
    store.put(record(50))
    age(store.path(record(50).cell))
    other = sqlite3.connect(place(store, tmp_path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # somebody else writes: reading goes on beside
    try:
        found, read, told = look()
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert (len(found), read) == (CELLS + 1, 1)
    assert f"1 of {CELLS + 1} records" in told.remarks[0]


def test_a_file_in_the_place_of_the_cache_folder_costs_a_plain_scan_and_one_line(store, look, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    found, read, told = look()
    assert (found, read, len(told.remarks)) == (expected(store), CELLS, 1)
    assert (tmp_path / "cache").read_text() == "not a folder"


def test_a_folder_in_the_place_of_the_index_costs_a_plain_scan_and_one_line(store, look, tmp_path):
    place(store, tmp_path).mkdir(parents=True)
    found, read, told = look()
    assert (found, read, len(told.remarks)) == (expected(store), CELLS, 1)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights do not bind this user")
def test_read_only_folders_of_results_and_cache(store, look, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    folders = [cache, store.root, *store.root.glob("cells"), *store.root.glob("cells/*")]
    for folder in folders:
        folder.chmod(0o555)
    try:
        found, read, told = look()
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert (len(found), read, len(told.remarks)) == (CELLS, CELLS, 1)


def test_nothing_is_written_into_the_results(store, look):
    def state():
        return {path: path.lstat().st_mtime_ns for path in [store.root, *store.root.rglob("*")]}

    before = state()
    look()
    look()
    assert state() == before


BUILD = """
import sys
from pathlib import Path
from fusebench.results import index
from fusebench.results.store import Store

index.FEW = 1
sys.stdin.readline()  # begin together
for turn in range(20):
    store = Store(Path(sys.argv[1]))
    rows = index.rows(store, lambda: Path(sys.argv[2], str(turn)))
    assert len(rows) == int(sys.argv[3]) and not store.broken and not store.remarks, (len(rows), store.remarks)
"""


def test_processes_that_build_at_once_agree(store, tmp_path, tools):
    command = [sys.executable, "-P", "-c", BUILD, str(store.root), str(tmp_path / "cache"), str(CELLS)]
    builders = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=tools.environment(),
            cwd=tmp_path,
        )
        for _ in range(2)
    ]
    for builder in builders:
        builder.stdin.write("\n")
        builder.stdin.flush()
    told = [builder.communicate(timeout=180)[1] for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0], told
    for turn in range(20):
        with sqlite3.connect(index.place_of(store, tmp_path / "cache" / str(turn))) as held:
            assert held.execute("SELECT count(*) FROM records").fetchone() == (CELLS,)


def test_of_two_records_of_one_cell_the_planned_one_counts(tmp_path):
    """A run was killed after it had stored a result and before it moved the superseded one away."""
    store = Store(tmp_path)
    for cell in ("a" * 32, "b" * 32):
        store.put(Record(cell, "v", "d", 0, 0, "ok"))
    rows = benchmark.stored_rows(store)
    for planned in ("a" * 32, "b" * 32):
        assert benchmark.keyed(rows, {planned})["v", "d", 0].cell == planned


# ---- through the command line


def test_runs_and_status_go_by_the_index_and_say_when_it_cannot_be_used(
    suite, stubs, door, stored, tmp_path, monkeypatch
):
    monkeypatch.setattr(index, "FEW", 1)
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    path = suite([f"stub(number={n})" for n in range(4)])
    options = ["--plugin", stubs, "--out", tmp_path]
    assert door("run", path, *options, "--jobs", 0, "--no-report")[0] == 0
    for file in stored.files:
        age(file)
    before = stored.bytes()
    for _ in range(2):
        code, out, err = door("status", path, *options, "--json")
        assert (code, json.loads(out)["ok"], err) == (0, 4, "")
    (held,) = (tmp_path / "cache" / "index").glob("*.sqlite3")
    held.unlink()
    held.mkdir()
    code, out, err = door("run", path, *options, "--jobs", 0, "--no-report")
    assert (code, stored.bytes()) == (0, before)
    assert err.count("the index of records could not be used") == 1
    assert "nothing to train" in err
