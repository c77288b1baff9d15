"""Statistics across data sets, each against a table small enough to compute by hand."""

import itertools

import numpy as np
import pytest
from scipy import special, stats

from fusebench.reports.statistics import (
    cd_readable,
    confidence_set,
    critical_difference,
    detectable,
    detectable_best,
    dunnett_point,
    holm,
    iman_davenport,
    interquartile_mean,
    least_sets,
    max_t,
    paired,
    sign_flip,
    sign_patterns,
    tau,
    wilcoxon,
)


# data set      1    2    3    4    mean 3, deviations -2 -1 0 3, sum of squares 14, sd = sqrt(14/3) = 2.1602
# difference    1    2    3    6    se = sd/2 = 1.0801, t(.975, 3) = 3.18245, half = 3.43743
# of 16 patterns only none flipped and all flipped have |mean| >= 3: p = 2/16
def test_paired_by_hand():
    found = paired(np.array([1.0, 2.0, 3.0, 6.0]))
    assert (found.n, found.mean, found.p) == (4, 3.0, 0.125)
    assert found.sd == pytest.approx(2.160247)
    assert (found.low, found.high) == pytest.approx((-0.43743, 6.43743), abs=1e-5)
    assert (found.wins, found.ties, found.losses) == (4, 0, 0)
    assert found.detectable == pytest.approx(found.sd * tau(4))


# a win, two ties (0 and 1e-13, under 1e-12), a loss and one more (2e-12 is over 1e-12)
def test_ties_are_equal_within_1e_12():
    found = paired(np.array([0.2, 0.0, 1e-13, -0.1, -2e-12]))
    assert (found.wins, found.ties, found.losses) == (1, 2, 2)


def test_paired_at_another_level():
    differences = np.array([1.0, 2.0, 3.0, 6.0])
    low, high = stats.t.interval(0.9, 3, loc=3.0, scale=stats.sem(differences))
    found = paired(differences, level=0.1)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.detectable < paired(differences).detectable


@pytest.mark.parametrize(("values", "mean"), [([], np.nan), ([0.3], 0.3)])
def test_nothing_is_claimed_on_one_data_set(values, mean):
    found = paired(np.array(values))
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert np.isnan([found.sd, found.low, found.high, found.p, found.detectable]).all()
    assert found.wins == len(values)


def test_an_alias_differs_by_nothing():
    found = paired(np.zeros(8))
    assert (found.mean, found.low, found.high, found.p, found.ties, found.detectable) == (0, 0, 0, 1, 8, 0)


def test_a_constant_difference_has_no_spread():
    assert paired(np.full(6, 0.1)).sd == 0
    assert paired(np.full(6, 0.1)).p == 2 / 64


# differences 3, 1, -1: |3 ± 1 ± 1| is 5, 3, 3, 1 and again with all signs turned; seen |sum| = 3: 6 of 8
def test_sign_flip_by_hand():
    assert sign_flip(np.array([3.0, 1.0, -1.0])) == 0.75


@pytest.mark.parametrize("n", [5, 9, 13])
def test_sign_flip_is_scipys_exact_permutation_test(n):
    differences = np.random.default_rng(n).normal(0.4, 1, n)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    assert sign_flip(differences) == pytest.approx(expected.pvalue)


def test_sign_flip_on_many_data_sets_is_a_sample_and_never_zero():
    differences = np.random.default_rng(0).normal(0.5, 1, 16)
    exact = np.abs(np.array(list(itertools.product([-1, 1], repeat=16))) @ differences)
    expected = (exact >= abs(differences.sum()) - 1e-9).mean()
    assert sign_flip(differences) == pytest.approx(expected, abs=3 * np.sqrt(expected / 10_000))
    assert sign_flip(np.ones(40)) == 1 / 10_000


@pytest.mark.parametrize(("n", "rows"), [(1, 2), (3, 8), (13, 8192), (14, 10_000), (30, 10_000)])
def test_sign_patterns_hold_the_identity_and_are_fixed(n, rows):
    patterns = sign_patterns(n)
    assert patterns.shape == (rows, n)
    assert (patterns[0] == 1).all()
    assert (np.abs(patterns) == 1).all()
    if rows == 2**n:
        assert len(np.unique(patterns, axis=0)) == rows
    sign_patterns.cache_clear()
    assert (sign_patterns(n) == patterns).all()


@pytest.mark.parametrize("function", [paired, sign_flip, wilcoxon, interquartile_mean])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_incomplete_row_of_differences_is_refused(function, bad):
    with pytest.raises(ValueError, match="leave incomplete data sets out"):
        function(np.array([0.1, bad, 0.2]))


@pytest.mark.parametrize("function", [confidence_set, max_t])
def test_an_incomplete_table_is_refused(function):
    with pytest.raises(ValueError, match="leave incomplete data sets out"):
        function(np.array([[0.1, np.nan], [0.1, 0.2]]))


# data set   A  B  C     t(A-B) = 1.5/.5 = 3, t(C-B) = -3; t(A-C) infinite, t(B-C) = 3
#    1       4  2  1     signs ++  T_B 3,  T_C inf       T_A <= 0: p_A = 1
#    2       4  3  1           +-  A-B is 2 -1, C-B is -1 2: T_B = .5/1.5 = 1/3; A-C is 3 -3, B-C 1 -2: T_C 0
#                              -+  T_B < 0; A-C is -3 3, B-C -1 2: T_C = 1/3
#                              --  C-B is 1 2: T_B 3; T_C < 0          p_B = 2/4, p_C = 1/4
def test_confidence_set_by_hand():
    found = confidence_set(np.array([[4.0, 2.0, 1.0], [4.0, 3.0, 1.0]]))
    assert found.p.tolist() == [1.0, 0.5, 0.25]
    assert found.inside.all()
    assert not found.able  # 1/4 is the smallest p there can be
    assert found.point == np.inf


# A - B is 1 2 3 4 5: only the pattern that flips nothing has so large a mean, p_B = 1/32
# from their mean -2 -1 0 1 2: the second largest sum is 6 (that of 0 counts twice), as 1/32 may reach it
# mean 6/5, mean square 2: t = 1.2 / sqrt((2 - 1.44)/4) = 3.2071
def test_confidence_set_leaves_out_a_loser_from_five_data_sets_on():
    scores = np.column_stack([np.arange(1, 6.0), np.zeros(5)])
    found = confidence_set(scores)
    assert found.p.tolist() == [1.0, 1 / 32]
    assert found.inside.tolist() == [True, False]
    assert found.able
    assert found.point == pytest.approx(3.2071, abs=1e-4)
    assert confidence_set(scores[:4]).inside.all()
    assert not confidence_set(scores[:4]).able


def test_confidence_set_agrees_with_a_plain_loop():
    x = np.random.default_rng(3).normal(size=(6, 4))
    x[:, 0] += 1
    expected = []
    for i in range(4):
        others = np.delete(x, i, axis=1) - x[:, [i]]
        largest = [
            stats.ttest_1samp(np.array(signs)[:, None] * others, 0).statistic.max()
            for signs in itertools.product([1, -1], repeat=6)
        ]
        expected.append(np.mean(np.array(largest) >= largest[0] - 1e-9) if largest[0] > 0 else 1.0)
    assert confidence_set(x).p == pytest.approx(expected)


def test_a_constant_lead_is_an_infinite_t_and_equal_columns_share_the_place():
    x = np.random.default_rng(4).normal(size=(8, 1)) + np.array([0.1, 0.1, 0.0])
    found = confidence_set(x)
    assert found.inside.tolist() == [True, True, False]
    assert found.p[2] == 1 / 256
    assert confidence_set(np.ones((8, 3))).inside.all()


@pytest.mark.parametrize("shape", [(0, 3), (8, 1), (8, 0)])
def test_no_best_is_claimed_without_a_rival_or_a_data_set(shape):
    found = confidence_set(np.ones(shape))
    assert np.isnan(found.p).all()
    assert found.inside.tolist() == [False] * shape[1]
    assert np.isnan(found.point)


def test_confidence_set_does_not_see_scale_order_or_what_moves_all():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(9, 6)) + np.linspace(0, 1.5, 6)
    found, order, rows = confidence_set(x), rng.permutation(6), rng.permutation(9)
    moved = confidence_set(1e3 + 1e-3 * (x + 5 * rng.normal(size=(9, 1)))[rows][:, order])
    assert (moved.p == found.p[order]).all()
    assert moved.point == pytest.approx(found.point)
    assert 0 < found.inside.sum() < 6


# p       .01  .04  .03  .005     ascending .005 x 4 = .02, .01 x 3 = .03, .03 x 2 = .06, .04 x 1 < .06
# Holm    .03  .06  .06  .02
def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).size == 0


def test_holm_leaves_out_a_test_that_could_not_be_made():
    adjusted = holm(np.array([np.nan, 0.01, 0.04]))
    assert np.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.02, 0.04])


# 2/2^n <= .05/6 = .00833: 2/128 = .0156 no, 2/256 = .0078 yes
@pytest.mark.parametrize(("tests", "sets"), [(1, 6), (6, 8), (26, 11), (351, 14)])
def test_least_sets_by_hand(tests, sets):
    assert least_sets(tests) == sets
    assert tests * sign_flip(np.ones(sets)) <= 0.05 < tests * sign_flip(np.ones(sets - 1))


def test_a_set_of_the_best_needs_five_data_sets():
    assert least_sets(1, sides=1) == 5


# data set   d1   d2     mean over root mean square: d1 2/sqrt(14/3), d2 0
#    1        1    1     |sums| of d1 under +++ 6, ++- 0, +-+ 2, -++ 4, of d2 0, 2, 4, 2
#    2        2    1     |r| = |sum|/3 over 2.160 or 1.414:
#    3        3   -2         +++ .926 0 | ++- 0 .943 | +-+ .309 .471 | -++ .617 .471, the rest the same again
def test_max_t_by_hand():
    found = max_t(np.array([[1.0, 1.0], [2.0, 1.0], [3.0, -2.0]]))
    assert found.t == pytest.approx([2 / (1 / np.sqrt(3)), 0])
    assert found.p.tolist() == [0.5, 1.0]  # alone d1 has 2/8, but d2 passes .926 at .943
    assert found.point == np.inf
    assert np.isnan(found.low).all()


# d 1 3 5 7 9 11, mean 6; from it -5 -3 -1 1 3 5: |sum| 18 twice, then 16 four times (1 or -1 turned)
# 3 of 64 patterns may reach it, so the point is that of 16: mean 8/3, mean square 35/3
# t = 2.6667 / sqrt((11.6667 - 7.1111)/5) = 2.7937; se = sqrt(14/6) = 1.5275; half = 4.2675
def test_max_t_of_one_difference_by_hand():
    differences = np.arange(1, 12, 2.0)
    found = max_t(differences[:, None])
    assert found.point == pytest.approx(2.7937, abs=1e-4)
    assert (found.low[0], found.high[0]) == pytest.approx((6 - 4.2675, 6 + 4.2675), abs=1e-3)
    assert found.p[0] == sign_flip(differences) == 2 / 64
    assert found.t[0] == pytest.approx(stats.ttest_1samp(differences, 0).statistic)


def test_max_t_with_ties_and_a_constant_column():
    found = max_t(np.column_stack([np.zeros(8), np.full(8, 0.1), np.arange(8) - 3.0]))
    assert found.t[:2].tolist() == [0.0, np.inf]
    assert found.p[:2].tolist() == [1.0, 2 / 256]
    assert found.low[0] == found.high[0] == 0


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (8, 0)])
def test_max_t_claims_nothing_without_data(shape):
    found = max_t(np.ones(shape))
    assert np.isnan(found.p).all()
    assert found.p.shape == found.low.shape == (shape[1],)
    assert np.isnan(found.point)


@pytest.mark.parametrize(("n", "expected"), [(6, 1.44), (8, 1.16), (12, 0.89), (20, 0.66)])
def test_tau_is_the_protocols(n, expected):
    assert tau(n) == pytest.approx(expected, abs=0.006)  # 1.4345 at 6
    assert detectable(0.02, n) == pytest.approx(0.02 * tau(n))


# P(t' > c) is the mean over s = sqrt(chi2/df) of Phi(effect sqrt(n) - c s); the other tail on top of it
@pytest.mark.parametrize("n", [2, 3, 8, 40])
def test_tau_has_its_power(n):
    s = np.sqrt(stats.chi2.ppf((np.arange(100_000) + 0.5) / 100_000, n - 1) / (n - 1))
    point, centre = stats.t.ppf(0.975, n - 1), tau(n) * np.sqrt(n)
    power = special.ndtr(centre - point * s) + special.ndtr(-centre - point * s)
    assert power.mean() == pytest.approx(0.8, abs=1e-4)
    one_sided = detectable_best(1.0, n, point) * np.sqrt(n)
    assert special.ndtr(one_sided - point * s).mean() == pytest.approx(0.8, abs=1e-4)


def test_detectable_best_asks_for_more_with_more_rivals():
    few, many = (detectable_best(0.02, 8, dunnett_point(rivals, 7)) for rivals in (1, 26))
    assert few < many
    assert few < detectable(0.02, 8) < many


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_is_detectable_on_one_data_set(n):
    assert np.isnan(tau(n))
    assert np.isnan(detectable_best(0.1, n, 2.0))
    assert np.isnan(detectable_best(0.1, 4, np.inf))
    assert np.isnan(detectable(np.nan, 8))


# ranks  1 2 3    R = 4 5 9, n (k+1)/2 = 6, squares 4 + 1 + 9 = 14; sum of squared ranks 42, less 36: 6
#        2 1 3    chi² = 2 x 14/6 = 14/3, F = 2 x 14/3 / (6 - 14/3) = 7
#        1 2 3    p on 2 and 4 df = (1 + 2 x 7/4)^-2 = .04938
def test_iman_davenport_by_hand():
    f, p = iman_davenport(np.array([[1, 2, 3], [2, 1, 3], [1, 2, 3.0]]))
    assert f == pytest.approx(7)
    assert p == pytest.approx(4.5**-2)


# ranks  1 2.5 2.5    R = 2 4.5 5.5, n (k+1)/2 = 4, squares 6.5; squared ranks 13.5 + 14 = 27.5, less 24: 3.5
#        1  2   3     chi² = 2 x 6.5/3.5 = 26/7, F = (26/7)/(4 - 26/7) = 13; p on 2 and 2 df = 1/(1 + 13)
def test_iman_davenport_with_ties_by_hand():
    ranks = np.array([[1, 2.5, 2.5], [1, 2, 3]])
    f, p = iman_davenport(ranks)
    assert f == pytest.approx(13)
    assert p == pytest.approx(1 / 14)
    assert stats.friedmanchisquare(*ranks.T).statistic == pytest.approx(26 / 7)


# all three agree: the other two repeat the first one's order by chance with (1/3!)², one tie (2/3!)²
def test_iman_davenport_where_all_agree_or_all_is_tied():
    assert iman_davenport(np.array([[1, 2, 3.0]] * 3)) == (np.inf, pytest.approx(1 / 36))
    assert iman_davenport(np.array([[1, 2.5, 2.5]] * 3)) == (np.inf, pytest.approx(1 / 9))
    assert iman_davenport(np.full((3, 4), 2.5)) == (0.0, 1.0)
    assert np.isnan(iman_davenport(np.array([[1, 2, 3.0]]))).all()


# q(.05; 5, inf)/sqrt(2) = 2.728, sqrt(5 x 6 / (6 x 30)) = .4082: 1.1136, and 1.5749 without the root of two
@pytest.mark.parametrize(("k", "n", "expected"), [(5, 30, 1.1136), (24, 12, 10.4998), (27, 8, 14.6697)])
def test_critical_difference(k, n, expected):
    assert critical_difference(k, n) == pytest.approx(expected, abs=1e-3)


# a third of 5 is 1.667 > 1.114; of 24 it is 8 < 10.5; of 27 it is 9 < 14.7
def test_a_diagram_is_drawn_only_where_it_tells_something():
    assert [cd_readable(5, 30), cd_readable(24, 12), cd_readable(27, 8)] == [True, False, False]
    assert not cd_readable(1, 8)
    assert not cd_readable(4, 0)


# differences 1 -2 3 4 5: W- = 2, W+ = 13; sums of ranks up to 2 are {}, {1}, {2}: p = 2 x 3/32
def test_wilcoxon_by_hand():
    assert wilcoxon(np.array([0.01, -0.02, 0.03, 0.04, 0.05])) == (2.0, 2 * 3 / 32, "wilcoxon")


# a zero or two of one size: the sign-flip test; 2 0 1 has |sum| 3 in 4 of 8 patterns, 2 -2 1 has >= 1 in all
@pytest.mark.parametrize(("values", "p"), [([2.0, 0.0, 1.0], 0.5), ([2.0, -2.0, 1.0], 1.0)])
def test_wilcoxon_gives_way_where_sizes_tie(values, p):
    assert wilcoxon(np.array(values)) == (pytest.approx(np.mean(values)), p, "sign flip")


def test_wilcoxon_of_one_difference_is_none():
    statistic, p, method = wilcoxon(np.array([0.1]))
    assert np.isnan([statistic, p]).all()
    assert method == "none"


# 0 1 | 2 3 4 5 | 6 100: the middle half has mean 3.5; of five values one is left out at either end
def test_interquartile_mean_by_hand():
    assert interquartile_mean(np.array([100, 3, 0, 5, 1, 4, 2, 6.0])) == 3.5
    assert interquartile_mean(np.array([9, 1, 2, 3, 0.0])) == 2.0
    assert np.isnan(interquartile_mean(np.array([])))
