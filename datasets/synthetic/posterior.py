"""The exact posterior of synthetic data for any subset of modalities.

What is not seen is summed out, level by level:

- the label y itself under `label_noise`, Σ_y P(given|y) p(y|x);
- presence, P(absent|y) or P(present|y) of each modality in the subset, beside the density of those present;
- the level s, one sum over p(x|y, s), each with strengths s·d;
- the factor g of the noise that modalities share, ∫ N(g; 0, 1) p(x|y, s, g) dg;
- shifts, strangers' labels and symbols, as `evidence` says.

Given symbols and shifts, the factor is normal with precision λ = 1 + c²|v_S|², whatever they are, and mean
c⟨v_S, x − h⟩/λ, which depends on them through the content h. So the integral is a mixture of normal
densities of one width, and equally spaced nodes over all of their means give each of them with a relative
error of 2 exp(−2π²/STEP²): 5·10⁻¹¹, however strong the cues. (Gauss–Hermite nodes around one mean lose those
far from it.) v_S are the coordinates of v in the modalities that are seen and present.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from .dials import Dials
from .evidence import cue_evidence, log_sum, through_channel
from .templates import direction

STEP, TAIL = 0.9, 6.5  # of the factor's nodes, in its standard deviations: 10⁻¹⁰ lies beyond the tails


def log_posterior(z: np.ndarray, dials: Dials, subset: Sequence[int] | None = None) -> np.ndarray:
    """Return the exact log p(label | x_S).

    Parameters
    ----------
    z
        Projections of shape (n, 3, M, K), or (n, k + 1, 3, M, K) under `time_shift`, as `project` returns
        them: NaN where a modality is absent.
    subset
        Indexes of the modalities S that are seen; all by default, none of them is allowed.

    Returns
    -------
    Array of shape (n, K), finite, natural logarithms; the label is the one that is given.
    """
    seen = list(range(len(dials.inputs)) if subset is None else subset)
    joint = np.log(dials.prior) + log_likelihood(z, dials, seen)
    if dials.label_noise:
        joint = through_channel(joint, 1 - dials.label_noise)
    return joint - log_sum(joint)[:, None]


def log_likelihood(z: np.ndarray, dials: Dials, seen: list[int]) -> np.ndarray:
    """Return log p(x_S, presence | y) for every y before `label_noise`, (n, K).

    It is the log ratio to noise alone without a shared factor; under `time_shift` the reference is a
    density that no shift changes, exp(−|x|²/2σ⊥²).
    """
    if not seen:
        return np.zeros((len(z), dials.classes))
    z = (z if dials.time_shift else z[:, None])[..., seen, :]
    absent = np.isnan(z[:, 0, 0, :, 0])
    if absent.any():
        z = np.where(absent[:, None, None, :, None], 0, z)
    parts = [np.log(weight) + _given_level(z, absent, dials, seen, level) for level, weight in dials.levels]
    return reduce(np.logaddexp, parts) + _presence_evidence(absent, dials, seen)


def _presence_evidence(absent: np.ndarray, dials: Dials, seen: list[int]) -> np.ndarray:
    """Return Σ_m log P(presence of m | y), (n, K); an impossible label gets 10⁻³⁰⁰ so that logs stay finite."""
    p = dials.absence[seen]
    if not p.any():
        return np.zeros((len(absent), dials.classes))
    gone, here = np.log(np.maximum(p, 1e-300)), np.log(np.maximum(1 - p, 1e-300))
    return np.where(absent[:, :, None], gone, here).sum(axis=1)


def _given_level(z: np.ndarray, absent: np.ndarray, dials: Dials, seen: list[int], level: float) -> np.ndarray:
    if not dials.correlated_noise:
        return _given_noise(z, z, absent, dials, seen, level)
    shared = dials.correlated_noise * direction(dials)[:, seen]
    nodes, weights = _nodes(z, absent, shared, level * dials.strengths[:, seen])
    total = np.full((len(z), dials.classes), -np.inf)
    for node, weight in zip(nodes.T, weights.T, strict=True):
        moved = z - node[:, None, None, None, None] * shared
        given = _given_noise(z, moved, absent, dials, seen, level)
        total = np.logaddexp(total, weight[:, None] + given)
    return total


def _given_noise(
    z: np.ndarray, moved: np.ndarray, absent: np.ndarray, dials: Dials, seen: list[int], level: float
) -> np.ndarray:
    """Return the evidence where the shared noise is known; `moved` is z without it."""
    strengths = level * dials.strengths[:, seen, None]
    scores = strengths * moved - strengths**2 / 2
    noise = np.zeros((*z.shape[:2], len(seen)))
    if dials.time_shift or dials.correlated_noise:
        outside = dials.clutter if dials.time_shift else 1
        noise = ((z / outside) ** 2 - moved**2).sum(axis=(2, 4)) / 2
    if absent.any():
        scores = np.where(absent[:, None, None, :, None], 0, scores)
        noise = np.where(absent[:, None, :], 0, noise)
    return cue_evidence(scores, noise, dials, seen)


def _nodes(
    z: np.ndarray, absent: np.ndarray, shared: np.ndarray, strengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes of the shared factor and the logs of their weights, both (n, nodes).

    Parameters
    ----------
    z
        Projections of the modalities seen, (n, T, 3, |S|, K).
    absent
        Bool array of shape (n, |S|).
    shared
        c·v of these modalities, (3, |S|, K).
    strengths
        s·d of these modalities, (3, |S|).
    """
    present = ~absent
    precision = 1 + present @ (shared**2).sum(axis=(0, 2))
    along = np.einsum("ntcmk,cmk->ntm", z, shared)
    written = strengths[..., None] * shared  # ⟨cv, h⟩ by symbol
    low = along.min(axis=1) - written.max(axis=2).sum(axis=0)
    high = along.max(axis=1) - written.min(axis=2).sum(axis=0)
    width = 1 / np.sqrt(precision)
    first = (low * present).sum(axis=1) / precision - TAIL * width
    last = (high * present).sum(axis=1) / precision + TAIL * width
    count = int(np.ceil(((last - first) / width).max() / STEP)) + 1
    nodes = first[:, None] + STEP * width[:, None] * np.arange(count)
    return nodes, np.log(STEP * width / np.sqrt(2 * np.pi))[:, None] - nodes**2 / 2
