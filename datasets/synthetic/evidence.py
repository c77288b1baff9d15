"""What cues say about the label: log-likelihoods given y, over that of noise alone.

With ℓ_c = d z_c − d²/2 for symbol c, a cue contributes one factor:

- redundant: Σ_r P(r|y) Π_m e^{ℓ_{m,r}};
- private: Π_m Σ_u P(u|y) e^{ℓ_{m,u}};
- synergistic: Σ_t P(t|y) K^{1−M} (⊛_m e^{ℓ_m})(t), with ⊛ the circular convolution over Z_K; constant in y
  as soon as a share is missing.

All of it is computed on logarithms with maxima subtracted, the convolution as a plain double sum: nothing
under- or overflows, and no entry comes out negative as it does by fast Fourier transform.

Where a modality may be misaligned or shifted its cues share that fate, so they do not factorise. Each
modality then has one likelihood of label, redundant symbol and share at once,

W_m(y, r, a) = (1−η) Σ_τ f_τ e^{ℓ_{τ,r}} e^{ℓ_{τ,a}} Σ_u P(u|y) e^{ℓ_{τ,u}}  +  η Σ_{y′} π_{y′} Σ_τ f_τ (…),

where τ goes over the shifts, f_τ is the likelihood of x rolled back by τ under noise alone, and the second
sum, over the labels of a stranger with a uniform share, is the same for every y, r and a. The modalities meet
as before: Σ_r P(r|y) Σ_t P(t|y) K^{1−M} (⊛_m W_m(y, r, ·))(t).
"""

from __future__ import annotations

import numpy as np

from .dials import PRIVATE, REDUNDANT, SYNERGISTIC, Dials

BLOCK = 500_000  # numbers in the largest array of entangled cues


def cue_evidence(scores: np.ndarray, noise: np.ndarray, dials: Dials, seen: list[int]) -> np.ndarray:
    """Return the log-likelihood of the modalities seen for every label, (n, K).

    Parameters
    ----------
    scores
        ℓ of every template, (n, T, 3, |S|, K); T is 1 without a time shift. Zero where a modality is absent.
    noise
        Log-likelihood of the projections under noise alone, (n, T, |S|), against a common reference.
    dials, seen
        The setting and the modalities S.
    """
    if not (dials.time_shift or dials.misalignment[seen].any()):
        return _factorised(scores[:, 0], dials, seen) + noise[:, 0].sum(axis=-1, keepdims=True)
    rows = max(1, BLOCK // cells(dials, seen))
    blocks = [slice(start, start + rows) for start in range(0, len(scores), rows)]
    return np.concatenate([_entangled(scores[block], noise[block], dials, seen) for block in blocks])


def cells(dials: Dials, seen: list[int]) -> int:
    """Return how many numbers `cue_evidence` goes through for a row: what its time and memory grow with."""
    k = dials.classes
    if not (dials.time_shift or dials.misalignment[seen].any()):
        return 12 * len(seen) * k + k * k * (len(seen) if _whole(dials, seen) else 1)
    symbols, shares = k if _common(dials, seen) else 1, k if _whole(dials, seen) else 1
    modality = (dials.time_shift + 2) * k * symbols * shares + 8 * (dials.time_shift + 1) * k
    return len(seen) * (modality + k * symbols * shares * shares)


def _factorised(scores: np.ndarray, dials: Dials, seen: list[int]) -> np.ndarray:
    return (
        redundant_evidence(scores[:, REDUNDANT], dials.rho_r)
        + private_evidence(scores[:, PRIVATE], dials.private_rho[seen])
        + synergistic_evidence(scores[:, SYNERGISTIC], dials.rho_s, len(dials.inputs))
    )


def redundant_evidence(scores: np.ndarray, rho: float) -> np.ndarray:
    """Return the log factor, (n, K), of one symbol written into every modality; scores (n, |S|, K)."""
    return through_channel(scores.sum(axis=1), rho)


def private_evidence(scores: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Return the log factor, (n, K), of a symbol of its own in each modality; ρ per modality."""
    return through_channel(scores, rho[:, None]).sum(axis=1)


def synergistic_evidence(scores: np.ndarray, rho: float, shares: int) -> np.ndarray:
    """Return the log factor, (n, K), of a symbol in additive shares, of which |S| of `shares` are seen."""
    rows, seen, classes = scores.shape
    if seen < shares:
        constant = (log_sum(scores) - np.log(classes)).sum(axis=1)
        return np.broadcast_to(constant[:, None], (rows, classes))
    total = scores[:, 0]
    for share in range(1, shares):
        total = _log_convolution(total, scores[:, share])
    return through_channel(total - (shares - 1) * np.log(classes), rho)


def _whole(dials: Dials, seen: list[int]) -> bool:
    """Say whether all shares are seen, without which none of them says anything."""
    return len(seen) == len(dials.inputs) and bool(dials.strengths[SYNERGISTIC].all())


def _common(dials: Dials, seen: list[int]) -> bool:
    """Say whether any modality seen holds the redundant cue."""
    return bool(dials.strengths[REDUNDANT, seen].any())


def _entangled(scores: np.ndarray, noise: np.ndarray, dials: Dials, seen: list[int]) -> np.ndarray:
    parts = [_modality(scores[:, :, :, i], noise[:, :, i], dials, seen, m) for i, m in enumerate(seen)]
    total = parts[0]
    if _whole(dials, seen):
        for part in parts[1:]:
            total = _log_convolution(total, part)
        total = _of_the_label(total - (len(seen) - 1) * np.log(dials.classes), dials.rho_s)
    else:
        total = np.sum(parts, axis=0)[..., 0]
    return _of_the_label(total, dials.rho_r) if _common(dials, seen) else total[..., 0]


def _modality(scores: np.ndarray, noise: np.ndarray, dials: Dials, seen: list[int], m: int) -> np.ndarray:
    """Return log W_m(y, r, a), (n, K, K, K), from scores (n, T, 3, K) and noise (n, T).

    The axis of r has length 1 where no redundant cue is seen, that of a where not all shares are.
    """
    redundant, private, share = (scores[:, :, cue] for cue in (REDUNDANT, PRIVATE, SYNERGISTIC))
    weight = noise[:, :, None] - np.log(noise.shape[1])
    private = through_channel(private, dials.private_rho[m])
    loose = log_sum(share)[:, :, None] - np.log(dials.classes)  # a share on its own is uniform
    symbols = redundant if _common(dials, seen) else np.zeros_like(weight)
    shares = share if _whole(dials, seen) else loose
    own = (private + weight)[..., None, None] + symbols[:, :, None, :, None] + shares[:, :, None, None, :]
    own = own[:, 0] if own.shape[1] == 1 else log_sum(np.moveaxis(own, 1, -1))
    if not dials.misalignment[m]:
        return own
    stranger = np.log(dials.prior) + through_channel(redundant, dials.rho_r) + private + weight + loose
    stranger = log_sum(log_sum(stranger))[:, None, None, None]
    with np.errstate(divide="ignore"):  # log 0 = −∞ is meant where a modality always is a stranger
        kept = np.log1p(-dials.misalignment[m])
    return np.logaddexp(kept + own, np.log(dials.misalignment[m]) + stranger)


def through_channel(scores: np.ndarray, rho: float | np.ndarray) -> np.ndarray:
    """Return log Σ_c P_ρ(c|y) e^{score_c} for every y along the last axis."""
    kept, replaced = _channel(rho)
    uniform = log_sum(scores)[..., None] - np.log(scores.shape[-1])
    return np.logaddexp(kept + scores, replaced + uniform)


def _of_the_label(scores: np.ndarray, rho: float) -> np.ndarray:
    """Return log Σ_c P_ρ(c|y) e^{score_{y,…,c}}, (n, K, …), from scores of shape (n, K, …, K)."""
    kept, replaced = _channel(rho)
    uniform = log_sum(scores) - np.log(scores.shape[-1])
    return np.logaddexp(kept + np.einsum("ny...y->ny...", scores), replaced + uniform)


def _channel(rho: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore"):  # log 0 = −∞ is meant: ρ of 0 or 1 closes one of the two ways
        return np.log(rho), np.log1p(-np.asarray(rho))


def _log_convolution(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return log Σ_a e^{left_a + right_{t−a}} for every t in Z_K; arrays of shape (…, K)."""
    symbols = np.arange(left.shape[-1])
    other = (symbols[:, None] - symbols) % len(symbols)
    return log_sum(left[..., None, :] + right[..., other])


def log_sum(values: np.ndarray) -> np.ndarray:
    """Return log Σ e^value over the last axis."""
    top = values.max(axis=-1, keepdims=True)
    return np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]
