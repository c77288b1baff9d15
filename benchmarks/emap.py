"""What a fitted joint model owes to interaction: its empirical multimodally-additive projection (EMAP).

Hessel & Lee 2020, arXiv 2010.06572: the best approximation of a model's logits by a sum of one function a
modality. What the projection predicts as well as the model itself needs no interaction between modalities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..core.seeding import generator
from ..datasets import Inputs, Rows

Predict = Callable[[Inputs], np.ndarray]  # as `Variant.predict_proba`

SMALLEST = 1e-12
CHUNK = 1024  # rows predicted at once
ROWS, FEWEST_ROWS = 200, 40  # test rows projected
DRAWS = 64  # of the other modalities, where there are two or more of them


@dataclass(frozen=True)
class Interaction:
    """How much of a model's accuracy needs interaction between modalities.

    Parameters
    ----------
    accuracy, additive
        Of the model and of its projection, on the same rows.
    interaction
        Their difference.
    error
        Standard error of the difference over test rows, paired.
    log_loss, additive_log_loss
        The same by log-loss (nats).
    rows, draws
        Rows projected, and draws of the other modalities for each; 0 where every reference row is taken.
    """

    accuracy: float
    additive: float
    interaction: float
    error: float
    log_loss: float
    additive_log_loss: float
    rows: int
    draws: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def emap(
    predict: Predict, inputs: Inputs, reference: Inputs, rng: np.random.Generator, draws: int = DRAWS
) -> np.ndarray:
    """Project a model's logits onto sums of one function a modality.

    With f the centred log probabilities log p_k − mean_k log p_k and X a draw from the reference law,

        f̂(x) = Σ_m E f(x_m, X_{−m}) − (M − 1) E f(X).

    The reference law is the product of the empirical marginals: each modality is drawn from the reference
    rows independently of the others. Under it f̂ is the orthogonal projection onto additive functions. For
    two modalities both expectations are exact, a mean over all reference rows and over all pairs of them, and
    nothing is drawn. For three or more, where N^M combinations are out of reach, E f(x_m, X_{−m}) is a mean
    over `draws` combinations, the same for every row and modality, and E f(X) over as many for each row.

    Parameters
    ----------
    predict
        Class probabilities (n, K) of n rows.
    inputs
        The rows to project; rows and reference may be the same.
    reference
        What stands in for the other modalities. Presence is drawn with its modality.
    rng
        Draws the combinations.
    draws
        Number of combinations for three or more modalities.

    Returns
    -------
    numpy.ndarray
        Centred logits of the projection, (n, K); their softmax is its prediction.
    """
    names = list(inputs.inputs)
    if len(names) == 1:
        return logits(predict, inputs)
    if len(names) == 2:
        return _of_pairs(predict, inputs, reference, names)
    return _of_draws(predict, inputs, reference, names, rng, draws)


def _of_pairs(predict: Predict, inputs: Inputs, reference: Inputs, names: list[str]) -> np.ndarray:
    whole = _grid(predict, reference, reference, names)
    if inputs is reference:
        first, second = whole, whole
    else:
        first, second = _grid(predict, inputs, reference, names), _grid(predict, reference, inputs, names)
    return first.mean(1) + second.mean(0) - whole.mean((0, 1))


def _grid(predict: Predict, left: Inputs, right: Inputs, names: list[str]) -> np.ndarray:
    """Return the logits of every row of one modality with every row of the other, (left, right, K)."""
    pairs = list(np.divmod(np.arange(len(left) * len(right)), len(right)))
    return _logits_of(predict, [left, right], names, pairs).reshape(len(left), len(right), -1)


def _of_draws(
    predict: Predict, inputs: Inputs, reference: Inputs, names: list[str], rng: np.random.Generator, draws: int
) -> np.ndarray:
    n, size, many = len(inputs), len(reference), len(names)
    partners = rng.integers(size, size=(many, draws))
    total = np.zeros(())
    for place in range(many):
        chosen = [np.tile(partner, n) for partner in partners]
        chosen[place] = np.repeat(np.arange(n), draws)
        tables = [inputs if m == place else reference for m in range(many)]
        total = total + _logits_of(predict, tables, names, chosen).reshape(n, draws, -1).mean(1)
    law = list(rng.integers(size, size=(many, n * draws)))
    return total - (many - 1) * _logits_of(predict, [reference] * many, names, law).mean(0)


def _logits_of(predict: Predict, tables: list[Inputs], names: list[str], chosen: list[np.ndarray]) -> np.ndarray:
    """Return the logits of rows whose modality m is row `chosen[m]` of `tables[m]`."""
    return np.concatenate([logits(predict, part) for part in _composed(tables, names, chosen)])


def _composed(tables: list[Inputs], names: list[str], chosen: list[np.ndarray]) -> Iterator[Inputs]:
    for start in range(0, len(chosen[0]), CHUNK):
        index = [rows[start : start + CHUNK] for rows in chosen]
        picked = zip(names, tables, index, strict=True)
        present = [table.present[rows, m] for m, (table, rows) in enumerate(zip(tables, index, strict=True))]
        yield Inputs({name: table.inputs[name][rows] for name, table, rows in picked}, np.column_stack(present))


def logits(predict: Predict, inputs: Inputs) -> np.ndarray:
    """Return log probabilities centred over classes, (n, K)."""
    log_p = np.log(np.maximum(np.asarray(predict(inputs), dtype=np.float64), SMALLEST))
    return log_p - log_p.mean(1, keepdims=True)


def interaction(predict: Predict, rows: Rows, projected: np.ndarray, draws: int = 0) -> Interaction:
    """Compare a model with its projection (n, K) on labelled rows."""
    own = logits(predict, rows.unlabelled())
    hits = [(values.argmax(1) == rows.labels).astype(float) for values in (own, projected)]
    difference = hits[0] - hits[1]
    error = float(difference.std(ddof=1) / np.sqrt(len(rows))) if len(rows) > 1 else float("nan")
    return Interaction(
        accuracy=float(hits[0].mean()),
        additive=float(hits[1].mean()),
        interaction=float(difference.mean()),
        error=error,
        log_loss=_log_loss(own, rows.labels),
        additive_log_loss=_log_loss(projected, rows.labels),
        rows=len(rows),
        draws=draws,
    )


def _log_loss(values: np.ndarray, labels: np.ndarray) -> float:
    log_p = values - np.logaddexp.reduce(values, axis=1, keepdims=True)
    return float(-log_p[np.arange(len(labels)), labels].mean())


def probe(predict: Predict, test: Rows, name: str, rows_a_second: float, seconds: float) -> Interaction:
    """Measure the interaction of a fitted variant on a bounded number of its test rows.

    Parameters
    ----------
    predict
        As in `emap`.
    test
        Labelled test rows; a fixed draw of at most 200 serves as rows and as reference.
    name
        The data set's name, from which rows and combinations are drawn: the same for every variant.
    rows_a_second
        How fast the variant predicts.
    seconds
        Time that may be spent; fewer rows are projected where the 200 would take longer, never under 40.
    """
    rng = generator("emap", dataset=name)
    many = len(test.inputs)
    affordable = rows_a_second * seconds
    count = next((n for n in range(ROWS, FEWEST_ROWS, -10) if predictions(n, many) <= affordable), FEWEST_ROWS)
    chosen = np.sort(rng.permutation(len(test))[:count])
    rows = test.take(chosen)
    inputs = rows.unlabelled()
    return interaction(predict, rows, emap(predict, inputs, inputs, rng), DRAWS if many > 2 else 0)


def predictions(rows: int, modalities: int) -> int:
    """Return how many rows a model predicts for the projection of `rows` rows."""
    return rows * rows if modalities == 2 else (modalities + 1) * rows * DRAWS
