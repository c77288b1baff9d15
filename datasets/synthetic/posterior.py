"""The exact posterior of synthetic data for any subset of modalities, and the ceilings that follow.

Every cue contributes one factor to p(y|x): the likelihood of its projections given y, over that of noise
alone. With ℓ_c = d z_c − d²/2 for symbol c, the factors are

- redundant: Σ_r P(r|y) Π_m e^{ℓ_{m,r}};
- private: Π_m Σ_u P(u|y) e^{ℓ_{m,u}};
- synergistic: Σ_t P(t|y) K^{1−M} (⊛_m e^{ℓ_m})(t), with ⊛ the circular convolution over Z_K; constant in y
  as soon as a share is missing.

All of it is computed on logarithms with maxima subtracted, the convolution as a plain double sum: nothing
under- or overflows, and no entry comes out negative as it does by fast Fourier transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from .dials import PRIVATE, REDUNDANT, SYNERGISTIC, Dials
from .generator import draw_projections

GAMES = ("accuracy", "mutual_information")


def log_posterior(z: np.ndarray, dials: Dials, subset: Sequence[int] | None = None) -> np.ndarray:
    """Return the exact log p(y | x_S).

    Parameters
    ----------
    z
        Projections of shape (n, 3, M, K), as `project` returns them.
    subset
        Indexes of the modalities S that are seen; all by default, none of them is allowed.

    Returns
    -------
    Array of shape (n, K), finite, natural logarithms.
    """
    seen = list(range(len(dials.inputs)) if subset is None else subset)
    joint = np.log(dials.prior) + log_likelihood(z, dials, seen)
    return joint - _log_sum(joint)[:, None]


def log_likelihood(z: np.ndarray, dials: Dials, seen: list[int]) -> np.ndarray:
    """Return log p(z_S | y) − log p(z_S | noise alone), (n, K): the sum of the cues' evidence."""
    strengths = dials.strengths[:, seen, None]
    scores = strengths * z[:, :, seen] - strengths**2 / 2
    return (
        redundant_evidence(scores[:, REDUNDANT], dials.rho_r)
        + private_evidence(scores[:, PRIVATE], dials.private_rho[seen])
        + synergistic_evidence(scores[:, SYNERGISTIC], dials.rho_s, len(dials.inputs))
    )


def redundant_evidence(scores: np.ndarray, rho: float) -> np.ndarray:
    """Return the log factor, (n, K), of one symbol written into every modality; scores (n, |S|, K)."""
    return _through_channel(scores.sum(axis=1), rho)


def private_evidence(scores: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Return the log factor, (n, K), of a symbol of its own in each modality; ρ per modality."""
    return _through_channel(scores, rho[:, None]).sum(axis=1)


def synergistic_evidence(scores: np.ndarray, rho: float, shares: int) -> np.ndarray:
    """Return the log factor, (n, K), of a symbol in additive shares, of which |S| of `shares` are seen."""
    rows, seen, classes = scores.shape
    if seen < shares:
        constant = (_log_sum(scores) - np.log(classes)).sum(axis=1)
        return np.broadcast_to(constant[:, None], (rows, classes))
    total = scores[:, 0]
    for share in range(1, shares):
        total = _log_convolution(total, scores[:, share])
    return _through_channel(total - (shares - 1) * np.log(classes), rho)


def _through_channel(scores: np.ndarray, rho: float | np.ndarray) -> np.ndarray:
    """Return log Σ_c P_ρ(c|y) e^{score_c} for every y along the last axis."""
    with np.errstate(divide="ignore"):  # log 0 = −∞ is meant: ρ of 0 or 1 closes one of the two ways
        kept, replaced = np.log(rho), np.log1p(-np.asarray(rho))
    uniform = _log_sum(scores)[..., None] - np.log(scores.shape[-1])
    return np.logaddexp(kept + scores, replaced + uniform)


def _log_convolution(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return log Σ_a e^{left_a + right_{t−a}} for every t in Z_K; arrays of shape (n, K)."""
    symbols = np.arange(left.shape[-1])
    other = (symbols[:, None] - symbols) % len(symbols)
    return _log_sum(left[:, None, :] + right[:, other])


def _log_sum(values: np.ndarray) -> np.ndarray:
    """Return log Σ e^value over the last axis."""
    top = values.max(axis=-1, keepdims=True)
    return np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]


def subsets_of(several: int) -> list[tuple[int, ...]]:
    """Return all subsets of `several` modalities as index tuples, the small ones first."""
    return [s for size in range(several + 1) for s in combinations(range(several), size)]


def shapley_weights(several: int) -> np.ndarray:
    """Return the (M, 2^M) matrix that turns the values of `subsets_of` into Shapley values."""
    subsets = subsets_of(several)
    weights = np.zeros((several, len(subsets)))
    for column, subset in enumerate(subsets):
        for m in range(several):
            others = len(subset) - (m in subset)
            share = 1 / (several * comb(several - 1, others))
            weights[m, column] = share if m in subset else -share
    return weights


def ceilings(dials: Dials, rng: np.random.Generator, draws: int) -> dict[str, Any]:
    """Return Bayes accuracy, mutual information (nats) and Shapley values, with standard errors.

    Averages over `draws` rows of max_y p(y|x_S), never of hits, and of Σ_y p(y|x_S) log p(y|x_S)/π_y, which
    have the right mean and less noise. The empty set is worth the largest prior, and 0 nats.

    Returns
    -------
    `subsets` (names joined by `+`, or `none` → means and errors), `shapley` and its errors `shapley_se`
    (game → modality → value), and the number of `draws`.
    """
    names = [modality.name for modality in dials.inputs]
    subsets, weights = subsets_of(len(names)), shapley_weights(len(names))
    gains, gains_se, shares, shares_se = _averages(dials, rng, draws, subsets, weights)
    start = {"accuracy": float(dials.prior.max()), "mutual_information": 0.0}
    table: dict[str, dict[str, float]] = {}
    for s, subset in enumerate(subsets):
        row = table["+".join(names[m] for m in subset) or "none"] = {}
        for g, game in enumerate(GAMES):
            row[game] = start[game] + float(gains[g, s])
            row[f"{game}_se"] = float(gains_se[g, s])
    shapley, shapley_se = (
        {game: dict(zip(names, values[g].tolist(), strict=True)) for g, game in enumerate(GAMES)}
        for values in (shares, shares_se)
    )
    return {"subsets": table, "shapley": shapley, "shapley_se": shapley_se, "draws": draws}


def _averages(
    dials: Dials, rng: np.random.Generator, draws: int, subsets: list[tuple[int, ...]], weights: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Average, in chunks of bounded memory, what every subset and every modality gains over knowing nothing.

    Returns
    -------
    Means and standard errors over subsets, (2, 2^M), then over modalities, (2, M).
    """
    cells = dials.classes * (3 * len(dials.inputs) + dials.classes) + 4 * len(subsets)
    chunk = max(1, 2_000_000 // cells)
    total = square = np.zeros((len(GAMES), len(subsets) + len(weights)))
    for done in range(0, draws, chunk):
        _, z = draw_projections(dials, min(chunk, draws - done), rng)
        gains = np.stack([_gains(z, dials, subset) for subset in subsets], axis=-1)
        values = np.concatenate([gains, gains @ weights.T], axis=-1)
        total = total + values.sum(axis=1)
        square = square + (values**2).sum(axis=1)
    mean = total / draws
    error = np.sqrt(np.maximum(square / draws - mean**2, 0) / draws)
    cut = len(subsets)
    return mean[:, :cut], error[:, :cut], mean[:, cut:], error[:, cut:]


def _gains(z: np.ndarray, dials: Dials, subset: tuple[int, ...]) -> np.ndarray:
    """Return (2, n): the gain in accuracy and the information that each row of a subset carries."""
    if not subset:
        return np.zeros((len(GAMES), len(z)))
    log_p = log_posterior(z, dials, subset)
    p = np.exp(log_p)
    information = (p * (log_p - np.log(dials.prior))).sum(axis=1)
    return np.stack([p.max(axis=1) - dials.prior.max(), np.maximum(information, 0)])  # rounding may dip below
