"""What a plan finds out about variants is kept between runs, and never outlives the code it was found with."""

import json
import os
import time
from pathlib import Path

import pytest

import fusebench
from fusebench import datasets, fusion
from fusebench.benchmarks import plan, traits
from fusebench.benchmarks.suite import check
from fusebench.core import sources
from fusebench.core.fingerprint import closure
from fusebench.fusion.extractors import EXTRACTORS

SETS = ["synthetic_private(rows=60,test_rows=50)", "synthetic_private(rows=80,test_rows=50)", "digits_sklearn"]
SUITE = check(
    {
        "suite": {
            "name": "s", "variants": ["merge_sum", "late_mean", "unimodal", "merge_sum(width=8)+ogm_ge"],
            "datasets": SETS, "seeds": [0, 1],
        }
    },
    "s",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of what is kept, in a process that knows no plugin and whose code is older."""
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(traits, "foreign", lambda: False)
    monkeypatch.setattr(traits, "code", lambda: "state")
    return tmp_path / "traits"


@pytest.fixture
def asked(monkeypatch):
    """Names whose definitions are looked at."""
    names = []
    found = fusion.definitions

    def definitions(name, task):
        names.append(name)
        return found(name, task)

    monkeypatch.setattr(fusion, "definitions", definitions)
    return names


def test_a_second_plan_asks_nothing_and_is_the_same(folder, asked):
    first = plan.make(SUITE)
    assert asked.count("merge_sum") == 2  # two of the three sets are of one shape
    asked.clear()
    assert plan.make(SUITE).cells == first.cells
    assert asked == []


def test_other_settings_and_other_code_are_asked_again(folder, asked, monkeypatch):
    plan.make(SUITE)
    asked.clear()
    plan.make(check(SUITE.model_dump(mode="json") | {"training": {"lr": 0.002}}, "s"))
    assert asked
    asked.clear()
    monkeypatch.setattr(traits, "code", lambda: "edited")
    plan.make(SUITE)
    assert asked
    assert {path.stem for path in folder.iterdir()} == {"state", "edited"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', '{"a": {"needs": null}}'])
def test_what_is_damaged_is_found_out_again(folder, text):
    first = plan.make(SUITE)
    (held,) = folder.iterdir()
    whole = json.loads(held.read_text())
    held.write_text(text)
    assert plan.make(SUITE).cells == first.cells
    assert json.loads(held.read_text()) == whole


def test_a_folder_that_cannot_be_written_costs_time_alone(folder):
    first = plan.make(SUITE)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    assert plan.make(SUITE).cells == first.cells


def test_few_states_of_the_code_are_kept(folder, monkeypatch):
    for number in range(traits.KEPT + 3):
        monkeypatch.setattr(traits, "code", lambda number=number: f"{number:02d}")
        plan.make(SUITE)
        os.utime(folder / f"{number:02d}.json", (number, number))
    assert sorted(path.stem for path in folder.iterdir())[-1] == f"{traits.KEPT + 2:02d}"
    assert len(list(folder.iterdir())) == traits.KEPT


def test_with_a_plugin_nothing_is_kept(stubs, tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path))
    assert traits.foreign()
    plan.make(SUITE)
    assert not (tmp_path / "traits").exists()


def test_code_that_is_younger_than_the_process_is_not_vouched_for(tmp_path, monkeypatch):
    file = tmp_path / "core" / "some.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")

    class Started:
        def __init__(self, ago):
            self.ago = ago

        def create_time(self):
            return time.time() - self.ago

    monkeypatch.setattr(sources, "folders", lambda room: [file.parent])
    monkeypatch.setattr(sources.psutil, "Process", lambda: Started(3600))
    assert traits.code() is None
    monkeypatch.setattr(sources.psutil, "Process", lambda: Started(-3600))
    before = traits.code()
    assert before is not None
    assert traits.code() == before
    file.write_text("x = 2\n")
    assert traits.code() != before


def test_the_hash_covers_every_file_that_a_source_hash_can_reach():
    fusion.load_all()
    datasets.load_all()
    registries = (fusion.REGISTRY, datasets.REGISTRY, EXTRACTORS)
    ours = [e.definition for r in registries for e in r if traits.ours(e.definition)]
    modules = {module for module, _, _ in closure(*ours)}
    assert len(modules) > 50
    root = Path(fusebench.__file__).parent.name
    assert {module.split(".")[1] for module in modules if module.split(".")[0] == root} <= set(traits.ROOMS)
