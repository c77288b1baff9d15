"""Families chosen on validation rows, and the two figures of runs that sweep dials."""

import runpy
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from fusebench.reports.families import Family, compared, families, standings
from fusebench.reports.figures import FIGURES, OCCASIONAL, draw_all
from fusebench.reports.figures.registry import Heading, opened, without_sweeps
from fusebench.reports.run import load
from fusebench.reports.statistics import within

HERE = Path(__file__).parent
STORED, DRAWN, NAMES = (
    runpy.run_path(str(HERE / f"{file}.py")) for file in ("stored_runs", "test_figures", "test_sweeps")
)
store_run, planted = STORED["store_run"], STORED["planted"]
drawn_texts, overlaps, outside = DRAWN["drawn_texts"], DRAWN["overlaps"], DRAWN["outside"]
BASE, name, around = NAMES["BASE"], NAMES["name"], NAMES["around"]

ENTRIES = {  # name → architecture, training
    "unimodal(modality=image)": ("unimodal", "apart"),
    "early_concat_mlp": ("early", "joint"),
    "late_mean": ("late", "apart"),
    "late_product": ("late", "apart"),
    "concat_features": ("late", "joint"),
    "autoencoder_pretrain_concat": ("late", "staged_finetuned"),
    "cross_attention": ("cross_modal", "joint"),
    "hybrid_early_late": ("hybrid", "joint"),
}


def measured(cell):
    if not isinstance(cell, tuple):
        return cell
    return {"regret": cell[0], "accuracy": 0.8 - cell[0], "validation_log_loss": cell[1]}


def stored(folder, regrets):
    """Store regrets: entry → data set → one (regret, validation log-loss) or status a seed."""
    told = {
        entry: {"architecture": ENTRIES[entry][0], "training": ENTRIES[entry][1], "data_fusion": "merge"}
        for entry in regrets
    }
    values = {
        entry: {dataset: [measured(cell) for cell in cells] for dataset, cells in by.items()}
        for entry, by in regrets.items()
    }
    ceiling = {"tabular+image+audio": 0.8, "tabular": 0.5, "image": 0.5, "audio": 0.5, "none": 0.25}
    bayes = {"subsets": {key: {"accuracy": value} for key, value in ceiling.items()}}
    data = {d: {"pairing": "synthetic", "bayes": bayes, "folds": None} for by in values.values() for d in by}
    return load(store_run(folder / "interactions", values, data=data, variants=told, packed=True))


@pytest.fixture
def hand(tmp_path):
    """One data set: late_mean has the better test rows, late_product validates better on two of three seeds."""
    return stored(tmp_path, {
        "late_mean": {"s": [(0.10, 1.0), (0.11, 1.2), (0.12, 1.2)]},
        "late_product": {"s": [(0.20, 1.1), (0.21, 1.1), (0.25, 1.1)]},
        "concat_features": {"s": [(0.01, 0.5), "failed", (0.01, 0.5)]},
        "autoencoder_pretrain_concat": {"s": [(0.05, 0.9), (0.07, 0.9), (0.06, 0.9)]},
        "cross_attention": {"s": ["timeout"] * 3},
        "hybrid_early_late": {"s": [(0.06, 1.0), (0.06, 1.0), (0.08, 1.0)]},
        "early_concat_mlp": {"s": ["failed", "failed", (0.1, 1.0)]},
    })  # fmt: skip


def test_staged_training_is_joint_and_one_modality_is_neither():
    assert Family("late", "apart").code == "La"
    assert Family("unimodal", "").name == "unimodal"


def test_the_entry_is_chosen_on_validation_rows_seed_by_seed(hand):
    assert list(families(hand)) == [
        Family("early", "joint"), Family("late", "apart"), Family("late", "joint"), Family("cross_modal", "joint"),
        Family("hybrid", "joint"),
    ]  # fmt: skip
    told = standings(hand, "s").set_index("code")
    assert told.loc["La", "chosen"] == "late_mean, late_product"
    assert told.loc["La", "value"] == pytest.approx((0.10 + 0.21 + 0.25) / 3)
    values = np.array([[0.10, 0.21, 0.25], [0.05, 0.07, 0.06], [0.06, 0.06, 0.08]])
    expected = within(values, larger=False)
    assert compared(hand, "s").within.df == 4
    assert told.loc["Lj", "half"] == pytest.approx(expected.halves[1])
    assert list(told["first"]) == [False, False, True, False, True]
    assert list(told["best"]) == [False, False, True, False, False]


def test_what_is_not_ok_is_told_and_never_filled_in(hand):
    told = standings(hand, "s").set_index("code")
    assert told.loc["Lj", "absent"] == "concat_features: ok 2/3, failed 1/3"
    assert told.loc["Lj", "chosen"] == "autoencoder_pretrain_concat"
    assert told.loc["Xj", "absent"] == "timeout 3/3"
    assert told.loc["Ej", "absent"] == "ok 1/3, failed 2/3"
    assert told["value"].isna().tolist() == [True, False, False, True, False]


# ---- figures

SWEPT = {
    "d_r": [0, 0.75, 3], "d_u": [0, 4, [4, 0, 0]], "rows": [250, 500, 2000, 4000, 8000], "imbalance": [3, 10],
    "modalities": [2, ["image", "audio"]], "misaligned": [0.1, 0.2, [0.3, 0, 0]], "label_noise": [0.1, 0.4],
    "missing": [0.1, [[0.1, 0.2, 0.3, 0.6], 0.2, 0]], "time_shift": [1, 2, 8], "correlated_noise": [0.5, 2],
    "snr_levels": [[[0.5, 0.5], [1.5, 0.5]]],
}  # fmt: skip
GRID = {(a, b): name(d_r=a, d_s=b) for a, b in product([0, 0.5, 1, 1.5, 2, 2.5, 3, 4], [0, 1, 2, 3, 4, 5, 6, 8])}
NONE = name(d_r=4, d_s=8)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A run of realistic size: eleven dials, a grid of 8 x 8, eight entries, three seeds, some not ok."""
    rng, datasets = np.random.default_rng(0), sorted(around(BASE, **SWEPT) | set(GRID.values()))
    regrets = {entry: {d: [(r, r) for r in 0.05 + 0.01 * rng.random(3)] for d in datasets} for entry in ENTRIES}
    for entry in ENTRIES:
        regrets[entry][NONE] = ["failed"] * 3
    regrets["cross_attention"][name(label_noise=0.4)] = ["timeout"] * 3
    regrets["late_mean"][name()] = ["failed"] * 3
    regrets["late_product"][name()] = [(0.01, 0.01)] * 3
    return stored(tmp_path_factory.mktemp("results"), regrets)


@pytest.fixture(scope="module")
def frames(wide):
    return {figure: spec.frame(wide) for figure, spec in OCCASIONAL.items()}


def test_a_point_a_family_and_data_set_of_every_sweep(frames):
    frame = frames["dials"]
    assert set(frame["dial"]) == {*SWEPT, "d_s"}  # the grid holds a sweep of d_s
    assert set(frame["base_name"]) == {name()}
    rows = frame[frame["dial"] == "rows"]
    assert rows.groupby("family").size().to_dict() == dict.fromkeys(rows["family"].unique(), 6)
    assert sorted(rows["x"].unique()) == [250, 500, 1000, 2000, 4000, 8000]
    assert rows.loc[rows["x"] == 1000, "at_base"].all() and rows["at_base"].sum() == 6
    lists = frame[(frame["dial"] == "d_u") & (frame["setting"] == "[4,0,0]")]
    assert lists["x"].isna().all() and set(lists["place"]) == {3}
    gone = frame[(frame["setting"] == "0.4") & (frame["dial"] == "label_noise") & frame["value"].isna()]
    assert gone[["code", "absent"]].to_numpy().tolist() == [["Xj", "timeout 3/3"]]
    assert frame["guessing"].to_numpy() == pytest.approx(0.55)


@pytest.mark.parametrize("figure", sorted(OCCASIONAL))
def test_labels_do_not_overlap(frames, figure):
    spec = OCCASIONAL[figure]
    with opened(spec, frames[figure], Heading(spec.title, "interactions")) as made:
        drawn = drawn_texts(made)
        assert overlaps(drawn) == []
        assert outside(drawn, made) == []
        looks = {(h.get_label(), str(h)) for h in made.legends[0].legend_handles}
        assert len(looks) == len(made.legends[0].legend_handles)


def test_every_line_of_a_panel_looks_its_own_way(frames):
    spec = OCCASIONAL["dials"]
    with opened(spec, frames["dials"], Heading(spec.title, "")) as made:
        handles = made.legends[0].legend_handles
        looks = {(str(h.get_color()), h.get_marker(), str(h._dash_pattern)) for h in handles}
        assert len(looks) == len(handles)
        words = [h.get_label() for h in handles]
        assert "no entry of the family is ok" in words
        assert "hollow: some entries of the family are not ok there" in words
        assert words[:3] == ["unimodal", "early, joint", "late, apart"]
        (rows,) = [axis for axis in made.axes if axis.get_title(loc="left") == "training rows (rows)"]
        assert rows.get_xscale() == "log"


def test_a_cell_has_a_strip_for_each_family_that_shares_the_first_place(frames):
    spec, frame = OCCASIONAL["phase"], frames["phase"]
    assert frame.groupby(["x_setting", "y_setting"]).ngroups == 64
    with opened(spec, frame, Heading(spec.title, "")) as made:
        made.canvas.draw()
        (axis,) = made.axes
        strips = [p for p in axis.patches if isinstance(p, Rectangle) and p.get_fill() and p.get_hatch() != "xxx"]
        assert len(strips) == frame["first"].sum()
        said = {tuple(np.floor(text.get_position()).astype(int)): text for text in axis.texts}
        for (x, y), cell in frame.groupby(["x_place", "y_place"]):
            text = said[x, y].get_text()
            box = axis.transData.inverted().transform_bbox(said[x, y].get_window_extent())
            assert x < box.x0 and box.x1 < x + 1 and y < box.y0 and box.y1 < y + 1
            first = cell[cell["first"]]
            codes = first["code"] + np.where(first["absent"] == "", "", "*")
            said_first = text.split("without")[0].split("regret")[0].split()
            assert sorted(said_first) == sorted(codes) or (x, y) == (7, 7)
        assert said[7, 7].get_text() == "nothing is ok\nceiling .800"
        assert "La*" in said[3, 4].get_text()


def test_labels_of_axes_are_broken_late_and_stand_beside_their_cells(tmp_path):
    """A grid of 4 x 4 has room for its labels in one line; one of 2 x 3 leaves its panel half empty."""
    large = [name(d_r=a, d_s=b) for a, b in product([0, 1, 2, 3], [0, 2, 4, 6])]
    small = [name(d_u=a, imbalance=b) for a, b in product([0, 4], [1, 3, 10])]
    run = stored(tmp_path, {e: {d: [(0.1, 1.0)] for d in large + small} for e in ("late_mean", "concat_features")})
    spec = OCCASIONAL["phase"]
    with opened(spec, spec.frame(run), Heading(spec.title, "")) as made:
        drawn = drawn_texts(made)
        assert overlaps(drawn) == [] and outside(drawn, made) == []
        whole, half = made.axes
        assert whole.get_xlabel() == "redundant cue d_r: strength d, standard deviations of the noise"
        assert whole.get_ylabel() == "synergistic cue d_s: strength d, standard deviations of the noise"
        box, label = half.get_window_extent(), half.xaxis.label.get_window_extent()
        assert label.x0 == pytest.approx(box.x0, abs=3)
        assert half.yaxis.label.get_window_extent().y0 == pytest.approx(box.y0, abs=3)
        assert half.get_xlim() == whole.get_xlim()


def test_one_seed_supports_no_claim(tmp_path):
    names = [name(d_r=a, d_s=b) for a, b in product([0, 1], [0, 1])]
    run = stored(tmp_path, {
        "late_mean": {d: [(0.1, 1.0)] for d in names}, "concat_features": {d: [(0.05, 1.0)] for d in names},
    })  # fmt: skip
    spec = OCCASIONAL["phase"]
    with opened(spec, spec.frame(run), Heading(spec.title, "")) as made:
        assert {text.get_text().split("\n")[0] for text in made.axes[0].texts} == {"(Lj)"}
        assert "in brackets" in made.legends[0].legend_handles[-1].get_label()


def test_nothing_run_yet_is_shown_as_such(tmp_path):
    names = [name(d_r=a, d_s=b) for a, b in product([0, 1], [0, 1])]
    base = NAMES["bases"](names)[0]
    run = stored(tmp_path, {"late_mean": {d: [None] * 3 for d in names}, "early_concat_mlp": {base: [None] * 3}})
    frame = OCCASIONAL["dials"].frame(replace(run, shown=("early_concat_mlp",)))
    assert frame["absent"].tolist() == ["missing 3/3"] * len(frame)
    assert set(frame["dataset"]) == {base}  # nothing else was planned of what is shown
    for figure, spec in OCCASIONAL.items():
        drawn = draw_all(replace(run, shown=("early_concat_mlp",)), tmp_path, [figure])
        assert drawn[0].paths
        with opened(spec, spec.frame(run), Heading(spec.title, "")) as made:
            assert "no entry" in made.legends[0].legend_handles[-1].get_label()


def test_figures_are_their_frames(wide, frames, tmp_path):
    for each in draw_all(wide, tmp_path, sorted(OCCASIONAL)):
        kept, frame = pd.read_csv(tmp_path / f"{each.name}.csv"), frames[each.name]
        assert list(kept.columns) == list(frame.columns)
        assert len(kept) == len(frame)
        assert {path.suffix for path in each.paths} == {".csv", ".png", ".svg"}


def test_a_run_without_sweeps_is_not_told_of_them(tmp_path):
    run = load(store_run(tmp_path / "r", planted(["gmu", "late_mean"], ["rosmap", "synthetic_synergy"])))
    (tmp_path / "dials.png").write_bytes(b"of an earlier report")
    assert {each.name for each in draw_all(run, tmp_path)} == set(FIGURES)
    assert not (tmp_path / "dials.png").exists()
    (drawn,) = draw_all(run, tmp_path, ["phase"])
    assert "grid" in drawn.reason and not drawn.paths


def test_other_figures_leave_swept_settings_out_and_say_so(wide, tmp_path):
    settled = without_sweeps(wide)
    assert settled.datasets == (name(),)
    assert set(settled.cells["dataset"]) == {name()}
    assert settled.note == f"1 of {len(wide.datasets)} data sets: the swept settings are in figures of their own"
    (drawn,) = draw_all(wide, tmp_path, ["accuracy"])
    assert drawn.width < 12


def test_a_few_settings_side_by_side_are_no_sweep_to_leave_out(tmp_path):
    sets = [name(d_u=value) for value in (1, 2, 3)]
    few = stored(tmp_path, {"late_mean": {dataset: [(0.1, 0.1)] for dataset in sets}})
    assert without_sweeps(few) is few
