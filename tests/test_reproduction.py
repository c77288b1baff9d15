"""Published figures beside the run's own: hand-computed intervals, and what is said where there is none."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fusebench.reports.contents import tables
from fusebench.reports.findings.reproduced import reproduced
from fusebench.reports.reproduction import figures, reproduction
from fusebench.reports.run import load

store_run = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))["store_run"]
OURS = [0.97, 0.98, 0.99, 0.98, 0.98]


def figure(variant="merge_sum", dataset="mfeat", value=0.985, **more):
    told = {"spread": None, "repeats": 5, "metric": "accuracy", "source": "A paper 2020", "differs": "the rows"}
    return {"variant": variant, "dataset": dataset, "value": value} | told | more


def run_of(tmp_path, told, scores=None, **more):
    made = {"merge_sum": {"mfeat": OURS}} if scores is None else scores
    return load(store_run(tmp_path / "results" / "s", made, published=[told], **more))


def test_the_interval_is_welch_s_where_both_sides_have_a_spread(tmp_path):
    row = figures(run_of(tmp_path, figure(spread=0.004))).iloc[0]
    theirs = stats.norm(0.985, 1).rvs(5, random_state=0)
    theirs = 0.985 + 0.004 * (theirs - theirs.mean()) / theirs.std(ddof=1)  # any five with that mean and deviation
    ends = stats.ttest_ind(OURS, theirs, equal_var=False).confidence_interval(0.95)
    assert row.difference == pytest.approx(np.mean(OURS) - 0.985)
    assert row.half == pytest.approx((ends.high - ends.low) / 2)
    assert bool(row.inside)


def test_without_a_printed_spread_it_is_student_s_of_our_splits(tmp_path):
    row = figures(run_of(tmp_path, figure(value=0.995))).iloc[0]
    ends = stats.ttest_1samp(OURS, 0).confidence_interval(0.95)
    assert row.half == pytest.approx((ends.high - ends.low) / 2)
    assert not row.inside  # 0.98 ± 0.0088


def test_on_a_published_split_the_test_rows_have_an_error_of_their_own(tmp_path):
    data = {"rosmap": {"folds": 1, "pairing": "natural", "rows": {"train": 196, "validation": 49, "test": 106}}}
    run = run_of(tmp_path, figure(dataset="rosmap", value=0.85), {"merge_sum": {"rosmap": [0.8] * 5}}, data=data)
    row = figures(run).iloc[0]
    assert row.half == pytest.approx(1.959964 * np.sqrt(0.8 * 0.2 / 106), rel=1e-5)
    assert bool(row.inside)
    log_loss = figure(dataset="rosmap", value=0.1, metric="log_loss")
    scores = {"merge_sum": {"rosmap": [{"log_loss": x, "accuracy": 0.8} for x in (0.4, 0.5, 0.6)]}}
    assert figures(run_of(tmp_path / "b", log_loss, scores, data=data)).iloc[0].half == pytest.approx(
        4.302653 * 0.1 / np.sqrt(3), rel=1e-5
    )


def test_what_differs_is_said_where_a_figure_does_not_come_out_again(tmp_path):
    for value, said, why in ((0.981, "yes", ""), (0.9, "no", "the rows")):
        table = reproduction(run_of(tmp_path / said, figure(value=value)))
        shown = table.sections[0][1].iloc[0]
        assert (shown["inside"], shown["what differs"]) == (said, why)
        assert table.notes[0] == f"Inside: {int(said == 'yes')} of 1 figure."
    unknown = reproduction(run_of(tmp_path / "unknown", figure(value=0.9, differs=""))).sections[0][1].iloc[0]
    assert unknown["what differs"] == "not known"


def test_one_seed_and_failed_cells_give_no_interval(tmp_path):
    one = reproduction(run_of(tmp_path / "one", figure(), {"merge_sum": {"mfeat": [0.98]}})).sections[0][1].iloc[0]
    assert one["inside"] == "no interval"
    failed = run_of(tmp_path / "failed", figure(), {"merge_sum": {"mfeat": ["failed", 0.98]}})
    shown = reproduction(failed).sections[0][1].iloc[0]
    assert (shown["ours"], shown["inside"]) == ("ok 1/2, failed 1/2", "no interval")


def test_a_run_without_published_figures_has_no_such_table(tmp_path):
    run = load(store_run(tmp_path / "results" / "s", {"merge_sum": {"mfeat": OURS}}))
    assert "published" not in [table.name for table in tables(run)]
    assert "published" in [table.name for table in tables(run_of(tmp_path, figure()))]


def test_a_finding_counts_what_comes_out_again_and_names_the_rest(tmp_path):
    told = [figure(value=0.981), figure(value=0.9)]
    run = load(store_run(tmp_path / "results" / "s", {"merge_sum": {"mfeat": OURS}}, published=told))
    assert [found.text for found in reproduced(run)] == [
        "Of 2 published figures 1 lies inside the interval of ours: not merge_sum on mfeat (98.0 % here, 90.0 % "
        "there)."
    ]
    plain = load(store_run(tmp_path / "results" / "t", {"merge_sum": {"mfeat": OURS}}))
    assert list(reproduced(plain)) == []
