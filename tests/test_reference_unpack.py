"""A committed run is gone on from: what is current in it is not computed again."""

import runpy
import subprocess
import sys
from pathlib import Path

from fusebench.reference import pack
from fusebench.results.store import Store

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run = STORED["store_run"]


def test_records_timings_and_machines_are_taken_over_where_there_are_none(tmp_path):
    values = {"gmu": {"d": [0.8, 0.7]}, "film": {"d": [0.6, "failed"]}}
    packed = store_run(tmp_path / "reference" / "quick", values, packed=True)
    mine = store_run(tmp_path / "quick", {"gmu": {"d": [0.9]}}, environments={"mine": {"cores": 8}})
    assert mine.unpack(packed) == 3
    accuracy = {record.key: record.metrics.get("accuracy") for record in mine.records()}
    assert accuracy == {("gmu", "d", 0): 0.9, ("gmu", "d", 1): 0.7, ("film", "d", 0): 0.6, ("film", "d", 1): None}
    assert {timing["variant"] for timing in mine.timings()} == {"gmu", "film"}
    assert set(mine.suite()["environments"]) == {"mine", "0123456789ab"}
    assert mine.unpack(packed) == 0


def test_a_folder_without_a_run_takes_the_description_too(tmp_path):
    packed = store_run(tmp_path / "reference" / "quick", {"gmu": {"d": [0.8]}}, packed=True)
    mine = Store(tmp_path / "quick")
    assert mine.unpack(packed) == 1
    assert mine.suite() == packed.suite()


def test_a_run_of_some_seeds_is_packed_with_the_plan_of_these_alone(tmp_path):
    store = store_run(tmp_path / "run", {"gmu": {"d": [0.9, None]}, "film": {"d": [0.8, None]}})
    suite = store.suite()
    suite["plan"]["stages"] = [{"stage": "a", "name": "s", "seed": 0}, {"stage": "b", "name": "s", "seed": 1}]
    for cell in suite["plan"]["cells"]:
        cell["stages"] = ["ab"[cell["seed"]]]
    store.put_suite(suite)
    assert pack(store, tmp_path / "packed") == 2
    held = Store(tmp_path / "packed")
    assert {record.key for record in held.records()} == {("gmu", "d", 0), ("film", "d", 0)}
    plan = held.suite()["plan"]
    assert ([cell["seed"] for cell in plan["cells"]], plan["stages"]) == ([0, 0], suite["plan"]["stages"][:1])
    assert len(held.timings()) == 2


def test_an_unknown_suite_is_a_sentence():
    ended = subprocess.run([sys.executable, "-m", "fusebench.reference", "qick"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.startswith("fusebench: Unknown suite 'qick': did you mean 'quick'")
    assert "Traceback" not in ended.stderr
