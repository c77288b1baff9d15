"""Comparisons over data sets of a stored run, against tables small enough to compute by hand."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fusebench.reports import across
from fusebench.reports.across.best import OVER_FAMILIES, OVER_SEEDS, OVER_SETS
from fusebench.reports.comparisons import SINGLE
from fusebench.reports.run import load
from fusebench.reports.statistics import confidence_set, detectable_best, tau

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, KNOWN = STORED["store_run"], STORED["KNOWN"]


def stored(path, table, families=None, **about):
    """Store {variant: [value a data set, or a list of one a seed]} on data sets d1, d2 …"""
    scores = {
        name: {f"d{i}": value if isinstance(value, list) else [value] for i, value in enumerate(line, start=1)}
        for name, line in table.items()
    }
    told = {f"d{i}": {"source_family": family} for i, family in enumerate(families or (), start=1)}
    return load(store_run(path, scores, data=told, **about))


# A failed cell is not a zero: see test_statistics.py
#        d1  d2  d3      d4
# A     .9  .6  .9      .5
# B     .8  .7  failed  .6
# C     .7  .8  .8      .4
FAILED = {"A": [0.9, 0.6, 0.9, 0.5], "B": [0.8, 0.7, "failed", 0.6], "C": [0.7, 0.8, 0.8, 0.4]}


def test_a_block_leaves_out_what_is_incomplete_and_says_why(tmp_path):
    held = across.block(stored(tmp_path, FAILED))
    assert (held.names, held.datasets) == (("A", "B", "C"), ("d1", "d2", "d4"))
    assert held.values == pytest.approx(np.array([[0.9, 0.8, 0.7], [0.6, 0.7, 0.8], [0.5, 0.6, 0.4]]))
    assert held.left_out == {"d3": "B: failed 1/1"}


# 5 variants on 4 data sets hold 5³ x 4 = 500, 6 variants on 2 data sets 6³ x 2 = 432
def test_a_block_drops_a_variant_that_costs_too_many_data_sets(tmp_path):
    table = {name: [0.1, 0.2, 0.3, 0.4] for name in "ACDEF"} | {"B": [0.8, "timeout", "failed", 0.6]}
    held = across.block(stored(tmp_path, table))
    assert (held.names, len(held.datasets)) == (tuple("ACDEF"), 4)
    assert held.left_out == {"B": "timeout 1/1 on d2, failed 1/1 on d3"}


def test_a_block_of_nothing_is_empty(tmp_path):
    held = across.block(stored(tmp_path, {"A": ["failed"], "B": ["failed"]}))
    assert held.values.shape == (0, 0)
    assert set(held.left_out) == {"d1", "A", "B"}


def test_a_block_turns_a_metric_of_which_less_is_better(tmp_path):
    table = {name: [{"log_loss": value}] for name, value in (("A", 0.5), ("B", 0.7))}
    assert across.block(stored(tmp_path, table), metric="log_loss").values.tolist() == [[-0.5, -0.7]]


# validation chooses image on d1 (.70 over .60) and audio on d2; test rows give .50 and .45
def test_a_block_may_hold_the_best_single_modality(tmp_path):
    def cell(accuracy, validation):
        return [{"accuracy": accuracy, "validation_accuracy": validation}]

    table = {
        "unimodal(modality=image)": [cell(0.50, 0.70), cell(0.60, 0.40)],
        "unimodal(modality=audio)": [cell(0.55, 0.60), cell(0.45, 0.65)],
        "gmu": [cell(0.8, 0.8), cell(0.7, 0.7)],
    }
    run = stored(tmp_path, table)
    held = across.block(run, names=["gmu"], single=True)
    assert held.names == ("gmu", SINGLE)
    assert held.values == pytest.approx(np.array([[0.8, 0.50], [0.7, 0.45]]))
    assert across.versus(run, "gmu", SINGLE).effects == pytest.approx([0.30, 0.25])


# d1, seeds 0, 1: A .80 .84, B .70 .78: difference .08, standard error .02 on 1 df (test_statistics.py)
# d2             A .60 .70, B .60 .62: difference .04; residual of A on seed 0: .60 - .65 - .60 + .63 = -.02,
#                RSS = 4 x .0004, s² = 2 RSS / 1 = .0032, standard error sqrt(.0032 / 2) = .04 on 1 df
# mean .06; on these data sets: error sqrt(.0004 + .0016) / 2 = .02236,
#           df = .002² / (.0004² + .0016²) = 1.470588 (Satterthwaite)
# over data sets: sd = .04 / sqrt(2), half = t(1 df) .02
def test_two_variants_by_hand(tmp_path):
    found = across.versus(
        stored(tmp_path, {"A": [[0.80, 0.84], [0.60, 0.70]], "B": [[0.70, 0.78], [0.60, 0.62]]}), "A", "B"
    )
    assert found.effects == pytest.approx([0.08, 0.04])
    point = stats.t.ppf(0.975, 1)
    assert found.halves == pytest.approx([0.02 * point, 0.04 * point])
    half = stats.t.ppf(0.975, 1.470588) * 0.02236068
    assert (found.fixed.mean, found.fixed.low) == pytest.approx((0.06, 0.06 - half), rel=1e-5)
    assert (found.paired.low, found.paired.high) == pytest.approx((0.06 - 0.02 * point, 0.06 + 0.02 * point))
    assert (found.paired.wins, found.paired.ties, found.paired.losses) == (2, 0, 0)


def test_two_variants_count_where_both_are_complete(tmp_path):
    found = across.versus(stored(tmp_path, FAILED), "A", "B")
    assert found.datasets == ("d1", "d2", "d4")
    assert found.effects == pytest.approx([0.1, -0.1, -0.1])
    assert found.left_out == {"d3": "B: failed 1/1"}
    assert np.isnan(found.fixed.low)  # one seed says nothing of its own error
    nothing = across.versus(stored(tmp_path / "two", {"A": [0.5], "B": ["failed"]}), "A", "B")
    assert (nothing.paired.n, nothing.claim) == (0, False)


# effects  .00 .04 | .06 .02 .05 .03 .08 in families p p | q r s t u: the family p counts once, with .02
# data sets: mean .28 / 7 = .04; new data: (.02 + .06 + .02 + .05 + .03 + .08) / 6 = .26 / 6
EFFECTS = [0.00, 0.04, 0.06, 0.02, 0.05, 0.03, 0.08]


@pytest.mark.parametrize("enough", [True, False])
def test_new_data_take_six_source_families(tmp_path, enough):
    table = {"A": [round(0.5 + effect, 6) for effect in EFFECTS], "B": [0.5] * 7}
    found = across.versus(stored(tmp_path, table, "ppqrstu" if enough else "ppqrstt"), "A", "B")
    assert found.paired.mean == pytest.approx(0.04)
    assert found.claim == enough
    if enough:
        assert (found.new.n, found.new.mean) == (6, pytest.approx(0.26 / 6))
        assert (found.why, found.tested.p) == ("", found.new.p)
    else:
        assert found.new is None
        assert found.why == "5 source families; a claim about a new data set takes 6"
        assert found.tested.n == 7


def test_data_sets_of_unknown_source_are_one_family(tmp_path):
    table = {"A": [0.6] * 7, "B": [0.5] * 7}
    found = across.versus(stored(tmp_path, table, [None] * 7), "A", "B")
    assert (found.families, found.claim) == (1, False)


def test_groups_of_data_sets(tmp_path):
    names = ["digits_trimodal", "mfeat", "rosmap", "synthetic_mixed", "synthetic_synergy"]
    run = load(store_run(tmp_path, {"A": {name: [0.5] for name in names}}))
    assert [(group.key, len(group.datasets)) for group in across.groups(run)] == [
        ("all", 5), ("pairing:natural", 2), ("pairing:by_label", 1), ("pairing:synthetic", 2),
        ("interaction:mixed", 1), ("interaction:synergy", 1), ("kind:real", 3),
    ]  # fmt: skip
    few = load(store_run(tmp_path / "few", {"A": {name: [0.5] for name in names[1:3]}}))
    assert [group.key for group in across.groups(few)] == ["all"]  # the others hold the same


# A is ahead of B on every data set: of the 32 sign patterns only the one seen has a T as large, p = 1/32
# for B; nothing is above A on average, p = 1. C is ahead of A twice and behind three times, by as much.
def test_sets_of_the_best_by_hand(tmp_path):
    table = {
        "A": [0.60, 0.70, 0.80, 0.65, 0.75],
        "B": [0.59, 0.68, 0.79, 0.62, 0.73],
        "C": [0.65, 0.75, 0.75, 0.60, 0.70],
    }
    run = stored(tmp_path, table, "aabbc")
    found = across.best(run).set_index("variant")
    expected = confidence_set(np.array(list(table.values())).T)
    assert found["group"].unique().tolist() == ["all"]
    assert found["p"].tolist() == pytest.approx(expected.p)
    assert found.loc["B", "p"] <= 2 / 32
    assert found["inside"].tolist() == expected.inside.tolist()
    assert found.loc["A", ["mean", "leader", "basis"]].tolist() == [pytest.approx(0.7), True, OVER_SETS]
    # against the leader: B .01 .02 .01 .03 .02, C -.05 -.05 .05 .05 .05; the median of two is their mean
    sd = (np.std([0.01, 0.02, 0.01, 0.03, 0.02], ddof=1) + np.std([-0.05, -0.05, 0.05, 0.05, 0.05], ddof=1)) / 2
    assert found.loc["A", "detectable"] == pytest.approx(detectable_best(sd, 5, expected.point))
    assert found.loc["A", "why"].startswith("3 source families")


def test_four_data_sets_can_leave_nobody_out_of_the_best(tmp_path):
    run = stored(tmp_path, {"A": [0.9, 0.9, 0.8, 0.9], "B": [0.1, 0.2, 0.1, 0.1]}, "abcd")
    found = across.best(run)
    assert found["inside"].tolist() == [True, True]
    assert found["detectable"].isna().all()
    assert found["why"].iloc[0].startswith("4 data sets can leave nobody out, it takes 5")


def test_one_variant_has_no_rival(tmp_path):
    found = across.best(stored(tmp_path, {"A": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]}, "abcdef"))
    assert found["inside"].tolist() == [None]
    assert found["why"].tolist() == ["one variant has no rival"]


def test_the_best_over_enough_families_counts_each_once(tmp_path):
    table = {"A": [0.6] * 8, "B": [0.5, 0.5, 0.5, 0.51, 0.52, 0.53, 0.54, 0.55]}
    found = across.best(stored(tmp_path, table, "aaabcdef")).set_index("variant")
    assert found.loc["B", ["units", "unit", "basis", "claim"]].tolist() == [
        6,
        "source family",
        OVER_FAMILIES,
        True,
    ]
    assert found.loc["B", "mean"] == pytest.approx((0.5 + 0.51 + 0.52 + 0.53 + 0.54 + 0.55) / 6)
    assert found["why"].tolist() == ["", ""]


def test_the_best_on_one_data_set_is_that_of_its_seeds(tmp_path):
    table = {"A": [[0.9, 0.91, 0.9]], "B": [[0.5, 0.51, 0.5]], "C": [[0.5, 0.51, 0.51]]}
    found = across.best(stored(tmp_path, table))
    assert found["inside"].tolist() == [True, False, False]
    assert found["basis"].unique().tolist() == [OVER_SEEDS]
    alone = across.best(stored(tmp_path / "one", {name: [line[0][:1]] for name, line in table.items()}))
    assert alone["inside"].isna().all()
    assert "its seeds support no claim" in alone["why"].iloc[0]


# gmu - concat on six data sets: all above zero, so 2 of 64 patterns reach it; film: twice above, a tie
def test_each_entry_against_one_by_hand(tmp_path):
    table = {
        "concat_features": [0.5] * 6,
        "gmu": [0.52, 0.53, 0.51, 0.54, 0.52, 0.53],
        "film": [0.52, 0.5, 0.45, 0.44, 0.51, 0.48],
    }
    found = across.against(stored(tmp_path, table, "aabbcc")).set_index("variant")
    assert found.index.tolist() == ["gmu", "film"]
    assert found.loc["gmu", "effect"] == pytest.approx(0.15 / 6)
    assert found.loc["gmu", "p"] == pytest.approx(2 / 64)
    assert found.loc["film", ["wins", "ties", "losses"]].tolist() == [2, 1, 3]
    sd = np.std([0.02, 0.03, 0.01, 0.04, 0.02, 0.03], ddof=1)
    assert found.loc["gmu", "detectable"] == pytest.approx(sd * tau(6))
    assert across.against(stored(tmp_path / "none", {"gmu": [0.5], "film": [0.6]})).empty


# against concat_features: gmu .1 .3, film .2 .2 .. sd sqrt(.02) and 0; their median sqrt(.02) / 2
def test_what_a_suite_could_have_seen_by_hand(tmp_path):
    table = {"concat_features": [0.5, 0.5], "gmu": [0.6, 0.8], "film": [0.7, 0.7]}
    run = stored(tmp_path, table)
    found = across.seen(run, across.block(run))
    assert (found.anchor, found.n, found.unit) == ("concat_features", 2, "data set")
    assert found.sd == pytest.approx(np.sqrt(0.02) / 2)
    assert found.delta == pytest.approx(np.sqrt(0.02) / 2 * tau(2))
    without = across.seen(run, across.block(run, names=["gmu", "film"]))
    assert without.anchor == "gmu"  # both average .7: the first
    assert np.isnan(across.seen(run, across.block(run, ["d1"])).delta)


def test_ranks_come_with_what_they_show(tmp_path):
    found = across.ranks(stored(tmp_path, FAILED)).set_index("variant")
    assert found["mean_rank"].tolist() == pytest.approx([2, 5 / 3, 7 / 3])
    assert found.loc["A", ["ranked_on", "datasets", "names", "compared"]].tolist() == [3, 4, "d1, d2, d4", 3]
    # 2.343 sqrt(3 x 4 / (6 x 3)) for three entries on three data sets (Demšar 2006, table 5)
    assert found.loc["A", "critical_difference"] == pytest.approx(2.343 * np.sqrt(12 / 18), abs=1e-3)
    # Friedman: rank sums 6, 5, 7 of 6 on average: chi² = 12 / (3 x 3 x 4) x 2 = 2/3; F = 2 x 2/3 / (6 - 2/3) = 1/4
    assert found.loc["A", "f"] == pytest.approx(0.25)
