"""Sets of the best by group of data sets, critical differences, the spread of seeds, curves, regret."""

import runpy
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import Rectangle

from fusebench.reports.figures import FIGURES, draw_all
from fusebench.reports.figures.registry import Heading, opened
from fusebench.reports.run import load

HERE = Path(__file__).parent
STORED, DRAWN = (runpy.run_path(str(HERE / f"{file}.py")) for file in ("stored_runs", "test_figures"))
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]
drawn_texts, overlaps, outside = DRAWN["drawn_texts"], DRAWN["overlaps"], DRAWN["outside"]


def drawn(name, data, notes=""):
    """Draw a table; return its texts, checked for overlaps and cut ones, and what `look` sees of the figure."""
    spec = FIGURES[name]
    with opened(spec, data, Heading(spec.title, notes)) as figure:
        texts = drawn_texts(figure)
        assert overlaps(texts) == [] and outside(texts, figure) == []
        return [text for text, _ in texts], figure


# ---- the confidence set of the best

SETS = ["n0", "n1", "n2", "n3", "n4", "synthetic_redundant", "synthetic_synergy"]
#                      natural (5)            redundant        synergy
# concat_features      .80 .81 .82 .83 .84    .60 .62          .90 .91
# merge_sum            .10 lower everywhere; equal but for a hair on redundant
# film                 failed on the natural sets, behind on the others
BEST = {
    "concat_features": {d: [0.80 + 0.01 * i, 0.81 + 0.01 * i] for i, d in enumerate(SETS)},
    "merge_sum": {d: [0.70 + 0.012 * i, 0.71 + 0.012 * i] for i, d in enumerate(SETS)}
    | {"synthetic_redundant": [0.8501, 0.8599]},
    "film": {d: [0.60, 0.61] for d in SETS} | {d: ["failed"] * 2 for d in SETS[:5]},
}


@pytest.fixture(scope="module")
def best(tmp_path_factory):
    data = {name: {"source_family": "one"} for name in SETS}
    run = load(store_run(tmp_path_factory.mktemp("results") / "best", BEST, data=data))
    return FIGURES["best"].frame(run)


def test_sets_of_the_best_by_hand(best):
    """All five natural sets: only the unflipped pattern has so large a T for merge_sum, p = 1/32."""
    held = best.set_index(["group", "variant"])
    natural = held.loc["pairing:natural"]
    assert natural.loc["merge_sum", "p"] == pytest.approx(1 / 32)
    assert natural["p"]["concat_features"] == 1 and list(natural["able"]) == [True] * 3
    assert natural["inside"]["concat_features"] and not natural["inside"]["merge_sum"]
    assert pd.isna(natural.loc["film", "inside"])
    assert not natural.loc["film", "ranked"] and np.isnan(natural.loc["film", "p"])
    assert set(held.loc["pairing:synthetic", "able"]) == {False}
    assert set(held.loc["interaction:redundant", "able"]) == {True}  # its seeds can tell
    assert best.drop_duplicates("variant").set_index("variant")[["first", "of"]].to_numpy().tolist() == [
        [7, 7], [1, 7], [0, 2],
    ]  # fmt: skip


def test_groups_that_can_leave_nobody_out_are_hatched_and_say_so(best):
    stamped = []

    def keep(axis, x, y, texts, *rest, **more):
        stamped.extend(texts)

    with mock.patch("fusebench.reports.figures.best.stamp", keep):
        texts, figure = drawn("best", best, "best")
    assert "too few data sets to exclude anybody" in texts
    assert any(text.replace("\n", " ") == "synthetic data, 2\u00a0sets" for text in texts)
    assert any("1 of 3 variants stay nowhere and have no row" in text for text in texts)
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["concat_features", "merge_sum"]
    (hatched,) = [patch for patch in axis.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert hatched.get_height() == 2
    assert stamped.count("★") == 3  # both share redundant, one has synergy alone
    assert {"7 of 7", "1 of 7", "1.00"} <= set(stamped)


def test_where_nobody_can_be_left_out_no_set_is_drawn(tmp_path):
    run = load(
        store_run(tmp_path / "r", {n: {f"d{i}": [0.7 + 0.01 * i] for i in range(4)} for n in ("gmu", "film")})
    )
    (told,) = draw_all(run, tmp_path, ["best"])
    assert not told.paths
    assert told.reason == (
        "No group of data sets can leave anybody out: the largest holds 4, a sign-flip test at 5 % takes 5, and "
        "no single data set has two complete variants on two seeds."
    )


# ---- critical differences

#  data sets          0-7   8-11   mean rank
#  concat_features     1     1       1
#  merge_sum           2     3      (16 + 12)/12 = 2.333
#  film                3     2      (24 +  8)/12 = 2.667
# CD = 2.3437 sqrt(3 x 4 / (6 x 12)) = .957, under a third of 3: merge_sum and film are joined, the first is alone
RANKED = {
    "concat_features": {f"d{i:02d}": [0.9] for i in range(12)},
    "merge_sum": {f"d{i:02d}": [0.8 if i < 8 else 0.7] for i in range(12)},
    "film": {f"d{i:02d}": [0.7 if i < 8 else 0.8] for i in range(12)},
}


def test_a_critical_difference_by_hand(tmp_path):
    run = load(store_run(tmp_path / "r", RANKED))
    data = FIGURES["difference"].frame(run)
    assert list(data["variant"]) == ["concat_features", "merge_sum", "film"]
    assert data["mean_rank"].to_numpy() == pytest.approx([1, 28 / 12, 32 / 12])
    assert data["critical"].to_numpy() == pytest.approx(0.9569, abs=1e-4)
    assert set(zip(data["entries"], data["datasets"], strict=True)) == {(3, 12)}
    texts, figure = drawn("difference", data)
    (axis,) = figure.axes
    bars = next(c for c in axis.collections if isinstance(c, LineCollection))
    assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [pytest.approx([28 / 12, 32 / 12])]
    assert {"  critical difference 0.96 ranks", "mean rank (1 is best)", "concat_features  1.0"} <= set(texts)


def test_a_bar_joins_all_where_nothing_is_shown_to_differ(tmp_path):
    """Twelve data sets in which each of three orders comes four times: mean ranks are 2, F is 0."""
    names = ["concat_features", "merge_sum", "film"]
    values = {n: {f"d{i:02d}": [0.7 + 0.01 * ((i + j) % 3)] for i in range(12)} for j, n in enumerate(names)}
    values["film"]["d00"] = [0.75]
    data = FIGURES["difference"].frame(load(store_run(tmp_path / "r", values)))
    assert data["p"].min() > 0.05
    texts, figure = drawn("difference", data)
    assert any("not shown to differ at all" in text for text in texts)
    bars = next(c for c in figure.axes[0].collections if isinstance(c, LineCollection))
    assert len(bars.get_segments()) == 1


def test_too_large_a_critical_difference_is_told_in_place_of_drawn(tmp_path):
    values = planted(sorted(KNOWN)[:27], [f"d{i}" for i in range(8)], seeds=1)
    run = load(store_run(tmp_path / "r", values, packed=True))
    (told,) = draw_all(run, tmp_path, ["difference"])
    assert not told.paths
    assert told.reason.startswith("The critical difference is 14.7 ranks for 27 entries on 8 data sets")


def test_names_of_many_entries_do_not_overlap():
    """Thirty entries on sixty data sets, mean ranks in tight clusters."""
    ranks = np.sort(
        np.concatenate([np.linspace(3, 3.2, 10), np.linspace(15, 15.1, 10), np.linspace(27, 28.9, 10)])
    )
    data = pd.DataFrame(
        {"group": "all", "title": "all data sets", "datasets": 60, "entries": 30, "critical": 6.1, "f": 9.0,
         "p": 1e-9, "variant": [f"variant_{i:02d}(option={'x' * 16})" for i in range(30)], "architecture": "late",
         "data_fusion": "merge", "mean_rank": ranks, "metric": "accuracy"}
    )  # fmt: skip
    texts, figure = drawn("difference", data)
    assert sum(text.count("variant_") for text in texts) == 30
    bars = next(c for c in figure.axes[0].collections if isinstance(c, LineCollection))
    assert len(bars.get_segments()) == 3


# ---- the spread over seeds


def test_deviations_by_hand(tmp_path):
    """Two variants, two seeds, pooled.

    variant          seeds       mean   from the mean   the seed's level   deviation      own sd
    concat_features  .8   .6      .7     .1   -.1          .05  -.05        .05  -.05      .0707
    merge_sum        .7   .7      .7     0     0           .05  -.05       -.05   .05      .0707
    pooled: 4 x .0025 on 1 degree of freedom, sd .1
    """
    run = load(store_run(tmp_path / "r", {"concat_features": {"a": [0.8, 0.6]}, "merge_sum": {"a": [0.7, 0.7]}}))
    data = FIGURES["seeds"].frame(run)
    assert data["deviation"].to_numpy() == pytest.approx([0.05, -0.05, -0.05, 0.05])
    assert data["pooled"].to_numpy() == pytest.approx(0.1)
    assert data["own"].to_numpy() == pytest.approx(0.005**0.5)
    assert set(data["form"]) == {"pooled"}
    assert data["chance"].to_numpy() == pytest.approx(0.0455, abs=1e-4)  # chi² on 1 df above 4
    texts, _ = drawn("seeds", data)
    assert "a \nsd\u00a0.1000" in texts or "a sd\u00a0.1000" in texts
    assert "± 2 pooled sd (share of rows)" in texts


def test_a_restless_variant_is_filled_and_the_form_told(tmp_path):
    steady = {n: {"a": [0.70 + 0.001 * i, 0.72 - 0.001 * i]} for i, n in enumerate(sorted(KNOWN)[:9])}
    run = load(store_run(tmp_path / "r", steady | {"hybrid_early_late": {"a": [0.5, 0.9]}}))
    data = FIGURES["seeds"].frame(run)
    assert set(data["form"]) == {"moderated"}
    from_mean = np.array([values["a"] for values in steady.values()]) - 0.71
    level = np.sort(np.append(from_mean[:, 0], -0.2))[2:8].mean()  # the middle half of ten: two go at either end
    mine = data[data["variant"] == "hybrid_early_late"]
    assert mine["deviation"].to_numpy() == pytest.approx([-0.2 - level, 0.2 + level])
    texts, figure = drawn("seeds", data)
    assert any(text.endswith("\u00a0m") for text in texts) and "m: moderated" in " ".join(texts)
    filled = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection) and len(c.get_paths()) == 1]
    assert [int(c.get_paths()[0].vertices[0, 1]) for c in filled] == [9]  # the last row, the only hybrid


def test_one_seed_has_no_spread(tmp_path):
    run = load(store_run(tmp_path / "r", {"gmu": {"a": [0.8]}, "film": {"a": [0.7]}}))
    (told,) = draw_all(run, tmp_path, ["seeds"])
    assert told.reason.startswith("No data set of this run has two complete variants")


# ---- curves and regret


def test_curves_hold_the_training_loss_and_an_epoch_that_every_seed_reached(tmp_path):
    store = store_run(tmp_path / "r", {"concat_features": {"a": [0.8, 0.8]}})
    for record in list(store.records()):
        held = {"validation_loss": [1.0, 0.1, 0.3], "train_loss": [2.0, 1.0, 0.5]}
        store.put(replace(record, curves={name: each[: 3 - record.seed] for name, each in held.items()}))
    data = FIGURES["curves"].frame(load(store))
    assert data[["epoch", "loss", "train"]].to_numpy().tolist() == [[1, 1.0, 2.0], [2, 0.1, 1.0]]
    texts, figure = drawn("curves", data)
    assert "thin: training rows" in texts
    (axis,) = figure.axes
    assert axis.get_yscale() == "log"  # 1.0 over .1 is more than 8
    assert {"epoch (number)", "log-loss (nat)"} <= set(texts)


def test_an_interval_that_leaves_its_panel_is_marked():
    columns = ["dataset", "architecture", "data_fusion", "variant", "members", "value", "half"]
    rows = [("s", "late", "merge", "gmu", 1, 0.1, 0.5), ("s", "late", "merge", "", 1, 0.1, 0.5)]
    data = pd.DataFrame(rows, columns=columns).assign(interaction="mixed", chance=0.6, additive=np.nan)
    texts, figure = drawn("regret", data)
    assert "interval runs on" in texts
    (axis,) = figure.axes
    (mark,) = [line for line in axis.lines if line.get_marker() == ">" and len(line.get_xdata())]
    assert mark.get_xdata()[0] == axis.get_xlim()[1]
    near, _ = drawn("regret", data.assign(half=0.01))
    assert "interval runs on" not in near
