"""Statistics within a data set, against tables small enough to compute by hand and against simulation."""

import numpy as np
import pytest
from scipy import stats

from fusebench.reports.statistics import dunnett_point, largest_block, mean_ranks, pareto_front, within


@pytest.mark.parametrize(("k", "point"), [(8, 2.59), (30, 2.82)])
def test_dunnett_point_at_three_seeds(k, point):
    assert dunnett_point(k - 1, (k - 1) * 2) == pytest.approx(point, abs=0.005)


def test_dunnett_point_of_one_comparison_is_the_one_sided_t():
    assert dunnett_point(1, 14) == pytest.approx(stats.t.ppf(0.95, 14), abs=1e-3)


def test_dunnett_point_of_independent_comparisons_is_sidaks():
    expected = stats.norm.ppf(0.95 ** (1 / 9))
    assert dunnett_point(9, 1e6, correlation=0.0) == pytest.approx(expected, abs=1e-3)


# seed       0     1    mean        residual = value - mean of variant - mean of seed + grand mean
# A        .80   .84    .82        .80 - .82 - .75 + .78 = +.01   and -.01
# B        .70   .78    .74        .70 - .74 - .75 + .78 = -.01   and +.01
# mean     .75   .81    .78        RSS = 4e-4, df = 1, s² = 2 RSS / df = 8e-4, se = sqrt(s²/2) = .02
def test_pooled_error_of_a_difference_by_hand():
    found = within(np.array([[0.80, 0.84], [0.70, 0.78]]))
    assert (found.form, found.df) == ("pooled", 1.0)
    assert found.means == pytest.approx([0.82, 0.74])
    assert found.errors[0, 1] == pytest.approx(0.02)
    assert found.halves == pytest.approx([12.7062 * 0.02 / np.sqrt(2)] * 2, rel=1e-4)
    assert found.first.tolist() == [True, True]  # .08 is 4 se, the one-sided point on 1 df is 6.3


def test_a_clear_leader_stands_alone_and_a_lower_metric_is_turned_round():
    scores = 0.7 + 0.001 * np.random.default_rng(0).normal(size=(6, 3))
    scores[2] += 0.1
    assert within(scores).first.tolist() == [False, False, True, False, False, False]
    assert within(-scores, larger=False).first.tolist() == [False, False, True, False, False, False]
    assert not within(scores, larger=False).first[2]


@pytest.mark.parametrize("shape", [(5, 1), (1, 5), (1, 1), (0, 0), (0, 3)])
def test_nothing_is_claimed_on_one_seed_or_of_one_variant(shape):
    found = within(np.full(shape, 0.5))
    assert found.form == "none"
    assert not found.first.any()
    assert np.isnan(found.halves).all()


def test_equal_scores_share_the_first_place_without_spread():
    scores = np.array([[0.8, 0.9, 0.7], [0.8, 0.9, 0.7], [0.5, 0.6, 0.4]])
    assert within(scores).first.tolist() == [True, True, False]


def test_seeds_that_share_rows_widen_the_interval():
    scores = np.random.default_rng(1).normal(size=(4, 6))
    plain, wide = within(scores), within(scores, shared_rows=0.25)
    assert wide.halves / plain.halves == pytest.approx(np.sqrt((1 / 6 + 0.25) * 6))


def test_moderated_form_gives_steady_variants_narrower_intervals():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(20, 3)) * np.where(np.arange(20) < 10, 0.001, 0.05)[:, None]
    found = within(scores)
    assert found.form == "moderated"
    pooled = found.quantile * np.sqrt(found.variances.mean() * found.factor)
    assert found.halves[:10].max() < pooled < np.median(found.halves[10:])


def _suite(rng, k, seeds, spread):
    return rng.normal(size=(k, seeds)) * spread[:, None] + 0.03 * rng.normal(size=seeds)


@pytest.mark.parametrize("k", [6, 30])
def test_intervals_of_differences_cover(k):
    rng, suites, hits = np.random.default_rng(3), 1500, 0
    for _ in range(suites):
        found = within(_suite(rng, k, 3, np.full(k, 0.02)))
        hits += abs(found.means[0] - found.means[1]) <= found.quantile * found.errors[0, 1]
    assert hits / suites == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / suites))


def test_intervals_of_means_cover_the_level_of_the_seeds():
    rng, suites, hits = np.random.default_rng(4), 1500, 0
    for _ in range(suites):
        level = 0.1 * rng.normal(size=3)
        found = within(0.02 * rng.normal(size=(12, 3)) + level)
        hits += abs(found.means[5] - level.mean()) <= found.halves[5]
    assert hits / suites == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / suites))


@pytest.mark.parametrize(("k", "uneven"), [(5, False), (30, False), (30, True)])
def test_a_true_best_is_seldom_excluded_where_nothing_differs(k, uneven):
    rng, suites, excluded = np.random.default_rng(5), 800, np.zeros(k)
    for _ in range(suites):
        spread = 0.02 * np.sqrt(4 / rng.chisquare(4, k)) if uneven else np.full(k, 0.02)
        excluded += ~within(_suite(rng, k, 3, spread)).first
    assert excluded.mean() / suites <= 0.07


# A failed cell is not a zero. Ranks on data sets 1, 2 and 4:
#        1   2   3       4        ranks 1, 2, 4      mean
# A     .9  .6  .9      .5        1     3    2       2
# B     .8  .7  failed  .6        2     2    1       1.667
# C     .7  .8  .8      .4        3     1    3       2.333
def test_mean_ranks_on_complete_data_sets_only():
    means = np.array([[0.9, 0.6, 0.9, 0.5], [0.8, 0.7, np.nan, 0.6], [0.7, 0.8, 0.8, 0.4]])
    ranks, used = mean_ranks(means)
    assert ranks == pytest.approx([2, 5 / 3, 7 / 3])
    assert used.tolist() == [True, True, False, True]
    filled = mean_ranks(np.nan_to_num(means))[0]
    assert np.argmin(filled) == 0 and filled[0] == 1.75  # filled with zero, A would lead


def test_mean_ranks_leave_out_a_variant_that_fails_everywhere():
    means = np.array([[0.9, 0.8], [np.nan, np.nan], [0.7, 0.9]])
    ranks, used = mean_ranks(means)
    assert used.all()
    assert ranks[[0, 2]] == pytest.approx([1.5, 1.5])
    assert np.isnan(ranks[1])
    assert not mean_ranks(np.full((2, 2), np.nan))[1].any()


# columns hold 5, 4 and 1 rows: 5³x1 = 125, 4³x2 = 128 (the most), 1³x3 = 3; with 4, 3 and 1: 64, 54, 3
def test_largest_block_by_hand():
    present = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0], [1, 1, 0], [1, 0, 0]], dtype=bool)
    assert largest_block(present).tolist() == [True, True, False]
    assert largest_block(present[1:]).tolist() == [True, False, False]
    assert not largest_block(np.zeros((3, 2), dtype=bool)).any()


# cost    1    2    2    3    4    3
# score  .5   .7   .6   .7   .9   NaN     on the front: (1, .5), (2, .7), (4, .9)
def test_pareto_front_by_hand():
    cost = np.array([1, 2, 2, 3, 4, 3.0])
    score = np.array([0.5, 0.7, 0.6, 0.7, 0.9, np.nan])
    assert pareto_front(cost, score).tolist() == [True, True, False, False, True, False]
