"""Times of one machine: phases of training, the front of accuracy against time, and that against size."""

import runpy
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from fusebench.reports.figures import FIGURES, Look, draw_all
from fusebench.reports.figures.registry import Heading, opened
from fusebench.reports.figures.size import written
from fusebench.reports.machines import timed
from fusebench.reports.run import load
from fusebench.results.frames import load_results

HERE = Path(__file__).parent
STORED, DRAWN = (runpy.run_path(str(HERE / f"{file}.py")) for file in ("stored_runs", "test_figures"))
store_run, MACHINE = STORED["store_run"], STORED["MACHINE"]
drawn_texts, overlaps, outside = DRAWN["drawn_texts"], DRAWN["overlaps"], DRAWN["outside"]

SPLIT = {"load": 0.5, "encode": 1.0, "fuse": 0.0, "head": 0.5, "optimise": 1.5, "validate": 0.5}


def measured(store, told):
    """Store other measurements: {(variant, dataset): changes to the record, a seed or all}."""
    for record in list(store.records()):
        for change in (told.get((record.variant, record.dataset)), told.get(record.key)):
            if change:
                store.put(replace(record, **change))
    return load(store)


def cost(own, shared=0.0, **phases):
    return {"times": {"wall_own": own, "wall_shared": shared}, "phases": phases}


@pytest.fixture
def hand(tmp_path):
    """Two data sets, two seeds.

    gmu on a: 5 s of which 4 are phases, no shared stage; on b: 10 s, of which encode 5, rest 5.
    late_mean on a: own 1 s, no phase, shared 3 s. A classical learner on b: 2 s, load 0.5.
    """
    values = {"gmu": {"a": [0.7, 0.8], "b": [0.6, 0.6]}, "late_mean": {"a": [0.6, 0.7]},
              "unimodal_classical(modality=tabular)": {"b": [0.5, 0.6]}}  # fmt: skip
    store = store_run(tmp_path / "results" / "times", values)
    return measured(store, {
        ("gmu", "a"): cost(5.0, **SPLIT) | {"parameters": 2000},
        ("gmu", "b"): cost(10.0, encode=5.0) | {"parameters": 3000},
        ("late_mean", "a"): cost(1.0, 3.0) | {"parameters": 1000},
        ("unimodal_classical(modality=tabular)", "b"): cost(2.0, load=0.5),
    })  # fmt: skip


def test_results_hold_the_phases(hand, tmp_path):
    results = load_results("times", tmp_path).set_index(["variant", "dataset", "seed"])
    row = results.loc[("gmu", "a", 0)]
    assert {name: row[f"phase_{name}"] for name in SPLIT} == SPLIT
    assert np.isnan(results.loc[("gmu", "b", 1), "phase_head"])


#              load  encode  fuse  head  optimise  validate  rest  shared   total
# gmu on a      .1     .2     0     .1      .3        .1      .2     0        5
# gmu on b       0     .5     0      0       0         0      .5     0       10
# mean          .05    .35    0     .05     .15       .05     .35    0      median 7.5
# late_mean on a 0      0     0      0       0         0      .25   .75       4
# classical on b .25    0     0      0       0         0      .75    0        2
SHARES = {
    "gmu": ([0.05, 0.35, 0, 0.05, 0.15, 0.05, 0.35, 0], 7.5, 2),
    "late_mean": ([0, 0, 0, 0, 0, 0, 0.25, 0.75], 4.0, 1),
    "unimodal_classical(modality=tabular)": ([0.25, 0, 0, 0, 0, 0, 0.75, 0], 2.0, 1),
}


def test_phases_by_hand(hand):
    frame = FIGURES["phases"].frame(hand)
    assert list(frame["part"][:8]) == [*SPLIT, "rest", "shared"]
    for name, (shares, total, n) in SHARES.items():
        mine = frame[frame["variant"] == name]
        assert mine["share"].to_numpy() == pytest.approx(np.array(shares))
        assert mine["seconds"].to_numpy() == pytest.approx(total * np.array(shares))
        assert set(mine["total"]) == {total} and set(mine["datasets"]) == {n} and set(mine["of"]) == {2}


def test_a_row_a_variant_with_its_seconds_and_shared_stages_hatched(hand):
    spec, lengths = FIGURES["phases"], []

    def keep(axis, x, y, texts, *rest, **more):
        lengths.extend(texts)

    stamped = mock.patch("fusebench.reports.figures.phases.stamp", keep)
    with stamped, opened(spec, spec.frame(hand), Heading(spec.title, "times")) as figure:
        drawn = drawn_texts(figure)
        assert overlaps(drawn) == [] and outside(drawn, figure) == []
        assert lengths == ["2.00 s, 1 of 2", "7.50 s", "4.00 s, 1 of 2"]
        assert "training time (s, own + shared)" in [text for text, _ in drawn]
        seconds, shares = figure.axes
        order = ["unimodal_classical(modality=tabular)", "gmu", "late_mean"]
        assert [label.get_text() for label in seconds.get_yticklabels()] == order
        for axis, end in ((seconds, 4.0), (shares, 100.0)):
            (hatched,) = [c for c in axis.collections if isinstance(c, PolyCollection) and c.get_hatch()]
            (box,) = [path.vertices for path in hatched.get_paths()]
            assert (box[:, 0].min(), box[:, 0].max()) == pytest.approx((end / 4, end))
            assert int(box[0, 1]) == order.index("late_mean")


def test_times_of_another_machine_are_left_out_and_counted(tmp_path):
    store = store_run(
        tmp_path / "r", {"gmu": {"a": [0.7, 0.8]}, "late_mean": {"a": [0.6, 0.7]}},
        environments={"0123456789ab": MACHINE, "ffff": MACHINE | {"processor": "another"}},
    )  # fmt: skip
    run = measured(store, {
        ("gmu", "a", 0): cost(2.0), ("gmu", "a", 1): cost(100.0) | {"environment": "ffff"},
        ("late_mean", "a"): cost(1.0),
    })  # fmt: skip
    held = timed(run)
    assert (len(held.cells), held.machine, held.elsewhere) == (3, "a processor, 1 thread a cell", 1)
    seconds = FIGURES["pareto"].frame(run).set_index("variant")["seconds"]
    assert seconds.to_dict() == {"gmu": 2.0, "late_mean": 1.0}
    spec = FIGURES["phases"]
    with opened(spec, spec.frame(run), Heading(spec.title, "")) as figure:
        assert "1 cell of other machines is left out" in " ".join(text for text, _ in drawn_texts(figure))


def test_the_front_against_time_and_size(hand):
    time = FIGURES["pareto"].frame(hand).set_index(["dataset", "variant"])
    assert time.loc["a", "seconds"].to_dict() == {"gmu": 5.0, "late_mean": 4.0}
    assert time.loc["b", "seconds"].to_dict() == {"unimodal_classical(modality=tabular)": 2.0, "gmu": 10.0}
    assert time["front"].all()  # the slower one is better on both data sets
    size = FIGURES["size"].frame(hand).set_index(["dataset", "variant"])
    assert size["parameters"].dropna().to_dict() == {
        ("a", "gmu"): 2000,
        ("a", "late_mean"): 1000,
        ("b", "gmu"): 3000,
    }
    classical = size.loc[("b", "unimodal_classical(modality=tabular)")]
    assert np.isnan(classical["parameters"]) and not classical["front"]


def test_classical_learners_stand_apart_and_are_counted(hand):
    spec = FIGURES["size"]
    with opened(spec, spec.frame(hand), Heading(spec.title, "")) as figure:
        ticks = [[tick.get_text() for tick in axis.get_xticklabels()] for axis in figure.axes]
        assert ticks[0] == ["1k", "2k"]
        assert ticks[1][0] == "none\n(1)"
        assert "1  gmu" in [text for text, _ in drawn_texts(figure)]


def test_numbers_of_parameters_are_written_briefly():
    assert [written(n) for n in (500, 20_000, 1_500_000, 2e9)] == ["500", "20k", "1.5M", "2G"]


def test_a_crowded_front_is_numbered_inside_its_panel_and_far_points_are_told(tmp_path):
    """Thirty variants on one front, so near each other that numbers have to give way, and one far below."""
    names = [f"variant_{i:02d}(option={'x' * 14})" for i in range(30)]
    store = store_run(
        tmp_path / "r", {n: {"a": [0.9 + 0.001 * i] * 2} for i, n in enumerate(names)} | {"far": {"a": [0.2] * 2}}
    )
    told = {(n, "a"): cost(1.0 + 0.01 * i) for i, n in enumerate(names)} | {("far", "a"): cost(1.1)}
    run = measured(store, told)
    spec = FIGURES["pareto"]
    data = spec.frame(run)
    assert data["front"].sum() == 30
    with opened(spec, data, Heading(spec.title, "")) as figure:
        drawn = drawn_texts(figure)
        assert outside(drawn, figure) == []
        (axis,) = figure.axes
        box = axis.get_window_extent()
        numbers = [text.get_window_extent() for text in axis.texts if text.get_text().isdigit()]
        assert len(numbers) == 30
        assert all(box.x0 <= n.x0 and n.x1 <= box.x1 and box.y0 <= n.y0 and n.y1 <= box.y1 for n in numbers)
        assert overlaps(drawn) == []
        words = [text for text, _ in drawn]
        assert "\n".join(f"{i}  {n}" for i, n in enumerate(names, start=1)) in words
        assert "beyond the dotted line:\n1, at .20" in words
        assert axis.get_ylim()[0] > 0.85


def test_names_stand_below_where_there_is_no_room_beside(hand):
    spec = FIGURES["pareto"]
    with opened(spec, spec.frame(hand), Heading(spec.title, ""), Look("paper", 1)) as figure:
        drawn = drawn_texts(figure)
        assert overlaps(drawn) == [] and outside(drawn, figure) == []
        (names,) = [box for text, box in drawn if text == "1  late_mean\n2  gmu"]
        assert names.y1 < figure.axes[0].get_window_extent().y0


def test_without_times_there_is_a_reason(tmp_path):
    run = load(store_run(tmp_path / "r", {"gmu": {"a": ["failed", "failed"]}}))
    reasons = {each.name: each.reason for each in draw_all(run, tmp_path, ["phases", "pareto", "size"])}
    assert reasons == {
        "phases": "No ok cell of this run has a training time.",
        "pareto": "No complete variant has a training time.",
        "size": "No complete variant has a number of parameters.",
    }
