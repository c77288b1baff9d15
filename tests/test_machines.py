"""Times of several machines are never mixed, and those of a busy one say so: every place that shows times."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusebench.reports import contents, machines, tables
from fusebench.reports.figures import FIGURES
from fusebench.reports.figures.registry import Heading, opened
from fusebench.reports.page.data import data as page_data
from fusebench.reports.paper import boards, captions, singles
from fusebench.reports.paper.spec import Selection
from fusebench.reports.run import load
from fusebench.reports.timing import train_seconds
from fusebench.reports.versus import costs
from fusebench.results.frames import load_results

HERE = Path(__file__).parent
STORED, DRAWN = (runpy.run_path(str(HERE / f"{file}.py")) for file in ("stored_runs", "test_figures"))
store_run, MACHINE, drawn_texts = STORED["store_run"], STORED["MACHINE"], DRAWN["drawn_texts"]

HOME, AWAY = "0123456789ab", "ffffffffffff"
VALUES = {"gmu": [0.7, 0.8], "film": [0.6, 0.7], "late_mean": [0.5, 0.6]}


def change(store, *keys, **changes):
    """Change stored records of these (variant, seed)."""
    for record in list(store.records()):
        if (record.variant, record.seed) in keys:
            store.put(replace(record, **changes))


def retimed(store, variant, **changes):
    for timing in store.timings():
        if timing["variant"] == variant:
            store.put_timing(timing["cell"], timing | changes)


def selection(run):
    return Selection(run, {name: name for name in run.shown}, 1.0, "")


def times(own, shared=0.0):
    return {"times": {"wall_own": own, "wall_shared": shared, "cpu_own": own, "cpu_shared": shared}}


@pytest.fixture
def stored(tmp_path):
    """Three variants on one data set, two seeds, on one machine; film trains in 4 s, others in 2 s."""
    store = store_run(
        tmp_path / "results" / "r", {name: {"mfeat": list(values)} for name, values in VALUES.items()},
        environments={HOME: MACHINE, AWAY: MACHINE | {"processor": "another"}},
    )  # fmt: skip
    for name in VALUES:
        change(store, (name, 0), (name, 1), **times(4.0 if name == "film" else 2.0))
    return store


@pytest.fixture
def mixed(stored):
    """One cell of gmu trained elsewhere, a hundred times as fast; film timed elsewhere, at a thousandth."""
    change(stored, ("gmu", 1), environment=AWAY, **times(0.02))
    retimed(stored, "film", environment=AWAY, latency_ms=[0.001] * 3)
    return load(stored)


@pytest.fixture
def loaded(stored):
    """One cell of gmu and the latency of film taken on a busy machine; the others not, or not known."""
    change(stored, ("gmu", 1), load=1.25)
    change(stored, ("gmu", 0), load=0.1)
    change(stored, ("late_mean", 0), load=0.0)
    retimed(stored, "film", load=0.4)
    retimed(stored, "gmu", load=0.02)
    return load(stored)


# ---- machines


def test_the_table_of_times_has_a_section_for_each_machine(mixed):
    table = contents.timing_table(mixed)
    home, away = [caption for caption, _ in table.sections]
    assert home == f"a processor, 1 thread a cell (machine {HOME}): 5 cells"
    assert away == f"another, 1 thread a cell (machine {AWAY}): 1 cell"
    at_home, elsewhere = [shown.set_index("variant") for _, shown in table.sections]
    assert at_home["train wall, own (s)"].to_dict() == {"film": "4.00", "gmu": "2.00", "late_mean": "2.00"}
    assert at_home.loc["film", "latency p50 (ms)"] == "not measured"
    assert elsewhere["train wall, own (s)"].to_dict() == {"film": "", "gmu": "0.02"}
    assert elsewhere["latency p50 (ms)"].to_dict() == {"film": "0.001", "gmu": "not measured"}
    assert set(elsewhere["parameters"]) == {"12,345,678"}


def test_the_data_of_that_table_hold_one_machine_a_row(mixed):
    data = contents.timing_table(mixed).data.set_index(["variant", "environment"])
    assert data["cells"].to_dict() == {
        ("film", HOME): 2, ("film", AWAY): 0, ("gmu", HOME): 1, ("gmu", AWAY): 1, ("late_mean", HOME): 2,
    }  # fmt: skip
    timed = data["latency_p50"].notna()
    assert (data.loc[timed, "timing_environment"] == data.index.get_level_values(1)[timed]).all()
    assert (data.loc[~timed, "timing_environment"] == "").all()


def test_with_one_machine_nothing_is_told_of_machines(stored):
    table = contents.timing_table(load(stored))
    ((caption, shown),) = table.sections
    assert caption == "" and "remark" not in shown and "load" not in table.data
    assert "load" not in contents.long(load(stored)).data
    assert machines.note(load(stored)) == ""


def test_mean_training_seconds_are_of_one_machine(mixed):
    names = ("gmu", "film", "late_mean")
    assert train_seconds(mixed, "mfeat", names) == pytest.approx([2.0, 4.0, 2.0])
    seconds = FIGURES["pareto"].frame(mixed).set_index("variant")["seconds"]
    assert seconds.to_dict() == {"gmu": 2.0, "film": 4.0, "late_mean": 2.0}
    assert costs.shares(mixed, ["gmu", "film"], ["mfeat"]) == {"gmu": 1.0, "film": 2.0}
    assert costs.training(mixed, "film", "gmu", ["mfeat"]).median == 2.0
    assert costs.latency(mixed, "film", "gmu", ["mfeat"]) is None
    totals = FIGURES["phases"].frame(mixed).groupby("variant")["total"].first()
    assert totals.to_dict() == {"gmu": 2.0, "film": 4.0, "late_mean": 2.0}


def test_two_that_ran_on_two_machines_are_compared_on_one(stored):
    change(stored, *[(name, 1) for name in VALUES], environment=AWAY, **times(0.5))
    run = load(stored)  # seed 0 here and seed 1 there: as many, so the first by name counts
    assert costs.training(run, "film", "gmu", ["mfeat"]).median == 2.0
    assert train_seconds(run, "mfeat", ("gmu", "film")) == pytest.approx([2.0, 4.0])


def test_a_paper_tells_times_of_one_machine(mixed):
    board = boards.seconds(mixed)
    assert board["film", "mfeat"].value == 4.0
    assert board["gmu", "mfeat"].text() == "other machine"  # not on every seed in use
    (table,) = singles.single_tables(mixed)
    shown = table.sections[0][1].set_index("variant")["training (s)"]
    assert shown.to_dict() == {"film": "4.00", "gmu": "other machine", "late_mean": "2.00"}
    assert "1 cell of other machines is left out." in captions.time(selection(mixed))


def test_the_page_shows_times_of_one_machine_and_says_what_is_left_out(mixed):
    (held,) = page_data(mixed)["costs"]
    found = dict(zip(mixed.shown, held["train"], strict=True))
    assert found == {"gmu": 2, "film": 4, "late_mean": 2}
    latency = dict(zip(mixed.shown, held["latency_p50"], strict=True))
    assert latency["film"] is None and latency["gmu"] > 0.2
    assert held["busy"] == {"train": [], "latency_p50": []}
    assert machines.note(mixed) == (
        "Training times are of one machine: 1 cell of other machines is left out. "
        "Latency is of one machine: 1 row of other machines left out."
    )


@pytest.mark.parametrize("name", ["phases", "pareto"])
def test_figures_of_times_say_what_is_left_out(mixed, name):
    assert "1 cell of other machines is left out" in told(mixed, name)


def told(run, name):
    spec = FIGURES[name]
    with opened(spec, spec.frame(run), Heading(spec.title, "notes")) as figure:
        return " ".join(text for text, _ in drawn_texts(figure))


# ---- busy machines


def test_a_row_of_a_busy_machine_says_so(loaded):
    table = contents.timing_table(loaded)
    ((_, shown),) = table.sections
    assert shown.set_index("variant")["remark"].to_dict() == {
        "film": "busy machine (latency 0.40 cores)", "gmu": "busy machine (training 1.25 cores)", "late_mean": "",
    }  # fmt: skip
    assert machines.BUSY_NOTE in table.notes
    data = table.data.set_index("variant")
    assert data["load"].to_dict() == pytest.approx({"film": np.nan, "gmu": 1.25, "late_mean": 0.0}, nan_ok=True)
    assert data.loc["film", "timing_load"] == 0.4
    text = tables.markdown(table, "r")
    assert text.count("busy machine (") == 2


@pytest.mark.parametrize("name", ["phases", "pareto"])
def test_figures_of_times_say_what_is_of_a_busy_machine(loaded, name):
    assert "busy machine: 1 of 6 cells trained beside other load" in told(loaded, name)


def test_the_page_marks_what_is_of_a_busy_machine(loaded):
    (held,) = page_data(loaded)["costs"]
    assert {key: [loaded.shown[place] for place in places] for key, places in held["busy"].items()} == {
        "train": ["gmu"], "latency_p50": ["film"],
    }  # fmt: skip
    assert machines.note(loaded) == machines.BUSY_NOTE


def test_a_paper_says_what_is_of_a_busy_machine(loaded):
    assert "Busy machine: 1 of 6 cells trained beside other load." in captions.time(selection(loaded))
    (table,) = singles.single_tables(loaded)
    assert "Trained beside other load (busy machine): gmu." in table.notes


def test_results_and_the_long_table_hold_the_load(loaded, tmp_path):
    results = load_results("r", tmp_path).set_index(["variant", "seed"])
    assert results.loc[("gmu", 1), "load"] == 1.25 and np.isnan(results.loc[("film", 0), "load"])
    assert results.loc[("film", 1), "timing_load"] == 0.4
    assert {"load", "timing_load"} <= set(contents.long(loaded).data)


def test_records_of_before_have_no_load(stored):
    (path,) = list(stored.root.glob("cells/*/*.json"))[:1]
    held = json.loads(path.read_bytes())
    del held["load"]
    path.write_text(json.dumps(held))
    assert stored.get(held["cell"]).load is None
