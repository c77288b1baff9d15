"""Draws of labels, cues and inputs.

The label y ~ π. A cue c is seen through the channel P_ρ(c|y) = ρ·1[c = y] + (1−ρ)/K, and modality m holds
x_m = d_R t_R + d_U t_{U_m} + d_S t_{A_m} + e_m with orthonormal templates t: the redundant symbol R is the
same in every modality, the private ones U_m are drawn apart, and the shares A_m add up to the synergistic
symbol T modulo K.
"""

from __future__ import annotations

import numpy as np

from .dials import CUES, PRIVATE, REDUNDANT, SYNERGISTIC, Dials


def draw_symbols(dials: Dials, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels and the symbols that are written into the modalities.

    Returns
    -------
    labels of shape (rows,) and symbols of shape (rows, 3, M): cues in the order of `CUES`.
    """
    several = len(dials.inputs)
    labels = rng.choice(dials.classes, size=rows, p=dials.prior)
    symbols = np.empty((rows, len(CUES), several), dtype=np.int64)
    symbols[:, REDUNDANT] = _channel(labels[:, None], dials.rho_r, dials.classes, rng)
    private = np.repeat(labels[:, None], several, axis=1)
    symbols[:, PRIVATE] = _channel(private, dials.private_rho, dials.classes, rng)
    target = _channel(labels[:, None], dials.rho_s, dials.classes, rng)
    shares = rng.integers(dials.classes, size=(rows, several))
    shares[:, -1:] = (target - shares[:, :-1].sum(axis=1, keepdims=True)) % dials.classes
    symbols[:, SYNERGISTIC] = shares
    return labels, symbols


def _channel(labels: np.ndarray, rho: float | np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    kept = rng.random(labels.shape) < rho
    return np.where(kept, labels, rng.integers(classes, size=labels.shape))


def draw_inputs(
    dials: Dials, patterns: list[np.ndarray], symbols: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw the inputs that hold given symbols.

    Parameters
    ----------
    patterns
        The `templates` of each modality, (3, K, *shape).
    symbols
        Array of shape (n, 3, M).

    Returns
    -------
    One float64 array of shape (n, *shape) a modality: the noise is standard normal inside the span of its
    templates and `clutter` times that outside.
    """
    made = []
    for m, pattern in enumerate(patterns):
        flat = pattern.reshape(*pattern.shape[:2], -1)
        content = sum(d * flat[cue, symbols[:, cue, m]] for cue, d in enumerate(dials.strengths[:, m]))
        noise = rng.standard_normal((len(symbols), flat.shape[-1]))
        basis = flat.reshape(-1, flat.shape[-1])
        inside = noise @ basis.T @ basis
        x = content + inside + dials.clutter * (noise - inside)
        made.append(x.reshape(-1, *pattern.shape[2:]))
    return made


def project(inputs: list[np.ndarray], patterns: list[np.ndarray]) -> np.ndarray:
    """Return z = ⟨t, x⟩ for every template, (n, 3, M, K), zero for cues that a modality lacks.

    These numbers are sufficient: nothing else of x depends on the label.
    """
    seen = [
        np.einsum("nd,ckd->nck", x.reshape(len(x), -1).astype(float), t.reshape(*t.shape[:2], -1))
        for x, t in zip(inputs, patterns, strict=True)
    ]
    return np.stack(seen, axis=2)


def draw_projections(dials: Dials, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels (rows,) and projections z (rows, 3, M, K) without the inputs around them.

    By orthonormality z is d at the symbol and 0 elsewhere, plus standard normal noise.
    """
    labels, symbols = draw_symbols(dials, rows, rng)
    z = rng.standard_normal((*symbols.shape, dials.classes))
    written = symbols[..., None] == np.arange(dials.classes)
    return labels, z + dials.strengths[:, :, None] * written
