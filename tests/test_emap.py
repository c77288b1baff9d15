"""The additive projection of a model's logits: exact where the answer is known."""

import numpy as np
import pytest
from scipy.special import softmax

from fusebench.benchmarks.emap import emap, interaction, logits, predictions, probe
from fusebench.datasets import Inputs, Rows


def rows(*columns, labels=None):
    """Rows of one-column modalities named a, b, c …"""
    inputs = {name: np.asarray(c, dtype=np.float32)[:, None] for name, c in zip("abcd", columns, strict=False)}
    n = len(columns[0])
    present = np.ones((n, len(columns)), dtype=bool)
    return Rows(inputs, present, np.zeros(n, dtype=int) if labels is None else labels, np.arange(n))


def model(score):
    """Three classes whose logits are `score` of the columns, times 1, -0.5 and 0.2."""
    weights = np.array([1.0, -0.5, 0.2])

    def predict(inputs):
        columns = [np.asarray(inputs.inputs[name][:, 0], dtype=float) for name in inputs.inputs]
        return softmax(score(*columns)[:, None] * weights, axis=1)

    return predict


@pytest.mark.parametrize("modalities", [1, 2, 3, 4])
def test_an_additive_model_is_its_own_projection(modalities):
    rng = np.random.default_rng(modalities)
    columns = rng.normal(size=(modalities, 60))
    predict = model(lambda *x: sum(np.sin((m + 1) * column) for m, column in enumerate(x)))
    inputs = rows(*columns).unlabelled()
    found = emap(predict, inputs, inputs, rng, draws=4000)
    exact = modalities <= 2  # three and more draw the others; the rest of the error is the same for all rows
    apart = found - logits(predict, inputs)
    assert np.abs(apart).max() < (1e-9 if exact else 0.1)
    assert np.abs(apart - apart.mean(0)).max() < 1e-9


def test_two_modalities_agree_with_the_double_mean_written_out():
    rng = np.random.default_rng(0)
    predict = model(lambda x, y: x * y + np.tanh(x - 2 * y))
    inputs, reference = rows(*rng.normal(size=(2, 7))).unlabelled(), rows(*rng.normal(size=(2, 11))).unlabelled()

    def f(i, a, j, b):
        pair = {"a": a.inputs["a"][[i]], "b": b.inputs["b"][[j]]}
        return logits(predict, Inputs(pair, np.ones((1, 2), dtype=bool)))[0]

    grand = np.mean([f(i, reference, j, reference) for i in range(11) for j in range(11)], axis=0)
    expected = [
        np.mean([f(i, inputs, j, reference) for j in range(11)], axis=0)
        + np.mean([f(j, reference, i, inputs) for j in range(11)], axis=0)
        - grand
        for i in range(7)
    ]
    np.testing.assert_allclose(emap(predict, inputs, reference, rng), expected, atol=1e-9)
    same = emap(predict, reference, reference, rng)
    again = emap(predict, reference, Inputs(reference.inputs, reference.present), rng)
    np.testing.assert_allclose(same, again, atol=1e-9)


def xor(a, b):
    """Two classes: whether two binary columns differ, said with confidence."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return softmax(np.stack([-(2 * a - 1) * (2 * b - 1), (2 * a - 1) * (2 * b - 1)], 1) * 4.0, axis=1)


def test_the_projection_of_exclusive_or_is_at_chance():
    a, b = np.tile([0, 0, 1, 1], 25), np.tile([0, 1, 0, 1], 25)
    truth = rows(a, b, labels=np.where(a != b, 0, 1))
    predict = lambda inputs: xor(inputs.inputs["a"][:, 0], inputs.inputs["b"][:, 0])  # noqa: E731
    inputs = truth.unlabelled()
    projected = emap(predict, inputs, inputs, np.random.default_rng(0))
    np.testing.assert_allclose(projected, 0, atol=1e-9)
    found = interaction(predict, truth, projected + np.array([1e-6, 0.0]))  # ties go to one class: half the rows
    assert (found.accuracy, found.additive, found.interaction) == (1.0, 0.5, 0.5)
    assert found.error == pytest.approx(0.5 / np.sqrt(99), rel=1e-6)
    assert found.additive_log_loss == pytest.approx(np.log(2), abs=1e-5)
    assert found.log_loss < 0.001


def test_absence_is_drawn_with_its_modality():
    seen = []

    def predict(inputs):
        seen.append((inputs.inputs["a"][:, 0], inputs.present[:, 0]))
        return np.full((len(inputs), 2), 0.5)

    held = rows([0, 1, 2, 3], [5, 6, 7, 8])
    gone = Inputs(held.inputs, held.inputs["a"] != 2)
    gone = Inputs(held.inputs, np.column_stack([gone.present, np.ones(4, dtype=bool)]))
    emap(predict, gone, gone, np.random.default_rng(0))
    assert sum(len(values) for values, _ in seen) == predictions(4, 2) == 16
    for values, present in seen:
        assert (present == (values != 2)).all()


@pytest.mark.parametrize(("speed", "expected"), [(1e9, 200), (10.0, 40)])
def test_a_slow_model_is_probed_on_fewer_rows_and_the_same_rows_every_time(speed, expected):
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 2, size=(2, 400))
    test = rows(a, b, labels=np.where(a != b, 0, 1))
    predict = lambda inputs: xor(inputs.inputs["a"][:, 0], inputs.inputs["b"][:, 0])  # noqa: E731
    first, again = (probe(predict, test, "mine", speed, 1.0) for _ in range(2))
    assert first == again
    assert (first.rows, first.draws) == (expected, 0)
    assert first.interaction > 3 * first.error > 0
