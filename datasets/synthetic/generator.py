"""Draws of labels, cues and inputs.

The label y ~ π. A cue c is seen through the channel P_ρ(c|y) = ρ·1[c = y] + (1−ρ)/K, and modality m holds
x_m = s (d_R t_R + d_U t_{U_m} + d_S t_{A_m}) + e_m with orthonormal templates t: the redundant symbol R is
the same in every modality, the private ones U_m are drawn apart, and the shares A_m add up to the
synergistic symbol T modulo K. Where a modality is misaligned its symbols are drawn for another label.

What else the dials ask for is in `nuisances`: the level s, the shared noise c·g·v_m that is added to e_m, the
shift by which x_m is rolled, whether it is there at all, and the label that is given in place of y.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .dials import CUES, PRIVATE, REDUNDANT, SYNERGISTIC, Dials
from .nuisances import Nuisances, draw_nuisances, through_channel
from .templates import direction, patterns_of


def draw_symbols(dials: Dials, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels and the symbols that are written into the modalities.

    Returns
    -------
    labels of shape (rows,) and symbols of shape (rows, 3, M): cues in the order of `CUES`.
    """
    several = len(dials.inputs)
    labels = rng.choice(dials.classes, size=rows, p=dials.prior)
    symbols = np.empty((rows, len(CUES), several), dtype=np.int64)
    symbols[:, REDUNDANT] = through_channel(labels[:, None], dials.rho_r, dials.classes, rng)
    private = np.repeat(labels[:, None], several, axis=1)
    symbols[:, PRIVATE] = through_channel(private, dials.private_rho, dials.classes, rng)
    target = through_channel(labels[:, None], dials.rho_s, dials.classes, rng)
    shares = rng.integers(dials.classes, size=(rows, several))
    shares[:, -1:] = (target - shares[:, :-1].sum(axis=1, keepdims=True)) % dials.classes
    symbols[:, SYNERGISTIC] = shares
    if dials.misalignment.any():
        off = rng.random((rows, several)) < dials.misalignment
        symbols = np.where(off[:, None], _symbols_of_other_labels(dials, rows, rng), symbols)
    return labels, symbols


def _symbols_of_other_labels(dials: Dials, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Draw symbols (rows, 3, M) for a label of its own in every modality; the shares add up to nothing."""
    others = rng.choice(dials.classes, size=(rows, len(dials.inputs)), p=dials.prior)
    return np.stack(
        [
            through_channel(others, dials.rho_r, dials.classes, rng),
            through_channel(others, dials.private_rho, dials.classes, rng),
            rng.integers(dials.classes, size=others.shape),
        ],
        axis=1,
    )


def draw_inputs(
    dials: Dials,
    patterns: Sequence[np.ndarray],
    symbols: np.ndarray,
    rng: np.random.Generator,
    hidden: Nuisances | None = None,
) -> list[np.ndarray]:
    """Draw the inputs that hold given symbols.

    Parameters
    ----------
    patterns
        The `templates` of each modality, (3, K, *shape).
    symbols
        Array of shape (n, 3, M).
    hidden
        The nuisances of these rows; none of them by default.

    Returns
    -------
    One float64 array of shape (n, *shape) a modality: the noise is standard normal inside the span of its
    templates and `clutter` times that outside. Zero in rows where the modality is absent.
    """
    made = []
    for m, pattern in enumerate(patterns):
        flat = pattern.reshape(*pattern.shape[:2], -1)
        content = sum(d * flat[cue, symbols[:, cue, m]] for cue, d in enumerate(dials.strengths[:, m]))
        noise = rng.standard_normal((len(symbols), flat.shape[-1]))
        basis = flat.reshape(-1, flat.shape[-1])
        inside = noise @ basis.T @ basis
        if hidden is not None:
            content = hidden.levels[:, None] * content
        x = content + inside + dials.clutter * (noise - inside)
        if hidden is not None and dials.correlated_noise:
            x += hidden.factor[:, None] * (dials.correlated_noise * direction(dials)[:, m].ravel() @ basis)
        x = x.reshape(-1, *pattern.shape[2:])
        made.append(x if hidden is None else hidden.seen_through(x, m))
    return made


def project(
    inputs: Sequence[np.ndarray],
    patterns: Sequence[np.ndarray],
    present: np.ndarray | None = None,
    time_shift: int | None = None,
) -> np.ndarray:
    """Return z = ⟨t, x⟩ for every template, (n, 3, M, K), zero for cues that a modality lacks.

    These numbers are sufficient: nothing else of x depends on the label.

    Parameters
    ----------
    inputs, patterns
        One array of shape (n, *shape), and one of (3, K, *shape), a modality.
    present
        Bool array of shape (n, M); z is NaN where a modality is absent. All are present by default.
    time_shift
        The dial, if it is not 0: z then are the projections of x rolled back by 0 … k cells,
        (n, k + 1, 3, M, K).
    """
    if time_shift:
        rolled = [[np.roll(t, shift, axis=-1) for t in patterns] for shift in range(time_shift + 1)]
        return np.stack([project(inputs, each, present) for each in rolled], axis=1)
    seen = [
        np.einsum("nd,ckd->nck", x.reshape(len(x), -1).astype(float), t.reshape(*t.shape[:2], -1))
        for x, t in zip(inputs, patterns, strict=True)
    ]
    z = np.stack(seen, axis=2)
    return z if present is None else _only(z, present)


def draw_projections(dials: Dials, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the labels that are given, (rows,), and projections z as `project` returns them.

    By orthonormality z is s·d at the symbol and 0 elsewhere, plus c·g·v and standard normal noise: no input
    is drawn around it, except under `time_shift`, where templates overlap with those rolled.
    """
    labels, symbols = draw_symbols(dials, rows, rng)
    hidden = draw_nuisances(dials, labels, rng)
    if dials.time_shift:
        inputs = draw_inputs(dials, patterns_of(dials), symbols, rng, hidden)
        return hidden.given, project(inputs, patterns_of(dials), hidden.present, dials.time_shift)
    z = rng.standard_normal((*symbols.shape, dials.classes))
    written = symbols[..., None] == np.arange(dials.classes)
    z = z + hidden.levels[:, None, None, None] * dials.strengths[:, :, None] * written
    if dials.correlated_noise:
        z += dials.correlated_noise * hidden.factor[:, None, None, None] * direction(dials)
    return hidden.given, _only(z, hidden.present)


def _only(z: np.ndarray, present: np.ndarray) -> np.ndarray:
    return z if present.all() else np.where(present[:, None, :, None], z, np.nan)
