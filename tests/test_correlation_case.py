"""A case that users had (S13): canonical correlations that were squared, unsorted, or perfect on noise."""

import numpy as np
import pytest

from fusebench.fusion.cross_modal.correlation import canonical_directions


def centred(x):
    x = np.asarray(x, dtype=float)
    return x - x.mean(0)


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def two_views(rows=200, seed=0):
    """Five columns each, of which three share a signal, ever weaker."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(rows, 3))
    noise = (0.3, 1.0, 3.0)
    views = [np.hstack([shared + rng.normal(size=(rows, 3)) * noise, rng.normal(size=(rows, 2))]) for _ in "xy"]
    return [centred(view) for view in views]


@pytest.mark.parametrize("generalised", [False, True])
def test_the_correlation_of_one_column_each_is_not_its_square(generalised):
    x, y = centred([[1], [2], [3], [4], [5]]), centred([[2], [1], [4], [3], [5]])
    (a, b), values = canonical_directions([x, y], 1, 0.0, generalised)
    assert abs(correlation(x @ a[:, 0], y @ b[:, 0])) == pytest.approx(0.8, abs=1e-6)
    assert values[0] - generalised == pytest.approx(0.8, abs=1e-6)


def test_components_come_in_falling_order_of_correlation():
    x, y = two_views()
    (a, b), values = canonical_directions([x, y], 5, 0.0, False)
    found = [correlation(x @ a[:, k], y @ b[:, k]) for k in range(5)]
    assert found == pytest.approx(list(values), abs=1e-6)
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.85 > found[2]


def test_two_view_generalised_analysis_is_the_plain_one_up_to_sign():
    views = two_views()
    plain, _ = canonical_directions(views, 3, 0.0, False)
    general, _ = canonical_directions(views, 3, 0.0, True)
    for view, one, other in zip(views, plain, general, strict=True):
        for k in range(3):
            assert abs(correlation(view @ one[:, k], view @ other[:, k])) == pytest.approx(1, abs=1e-6)


def test_with_more_columns_than_rows_noise_does_not_correlate_on_held_out_rows():
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=(400, 120)) for _ in "xy")
    (a, b), values = canonical_directions([centred(x[:80]), centred(y[:80])], 1, 0.1, False)
    assert values[0] < 1  # the ridge keeps noise from correlating perfectly
    held_out = correlation(x[80:] @ a[:, 0], y[80:] @ b[:, 0])
    assert abs(held_out) < 4 / 320**0.5
