"""What a cue looks like: orthonormal templates in the shape of a modality.

Images carry oriented gratings (redundant and, finer, synergistic cues) and blobs (private); audio carries
tones (redundant) and rising or falling chirps (private, synergistic); tables and embeddings carry random
directions. A shape depends on the seed, the modality, the cue and the symbol alone; making the shapes
orthonormal then moves each as little as possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from ...core.seeding import generator
from ..bundle import Modality
from .dials import CUES, PRIVATE, REDUNDANT, SYNERGISTIC, Dials

# Multiples of these modulo 1 stay apart however many are taken, so symbols need not know K.
_STEP = 0.6180339887
_STEPS_2D = np.array([0.7548776662, 0.5698402910])


@lru_cache(maxsize=8)
def patterns_of(dials: Dials) -> tuple[np.ndarray, ...]:
    """Return the `templates` of every modality of a setting; shared, so not to be written to."""
    in_use = dials.strengths > 0
    return tuple(
        templates(modality, in_use[:, m].tolist(), dials.classes, dials.templates)
        for m, modality in enumerate(dials.inputs)
    )


@lru_cache(maxsize=32)
def direction(dials: Dials) -> np.ndarray:
    """Return the unit vector v of the noise that modalities share, (3, M, K): one number per template.

    Drawn from a normal distribution by the seed of the templates, the modality and the cue, less the mean
    over the symbols: what moves all symbols alike misleads nobody. Zero for cues that a modality lacks.
    Shared, so not to be written to.
    """
    drawn = np.zeros((len(CUES), len(dials.inputs), dials.classes))
    for cue, m in np.argwhere(dials.strengths > 0):
        name = dials.inputs[m].name
        rng = generator("correlated_noise", templates=dials.templates, modality=name, cue=CUES[cue])
        drawn[cue, m] = rng.standard_normal(dials.classes)
        drawn[cue, m] -= drawn[cue, m].mean()
    return drawn / np.linalg.norm(drawn)


def templates(modality: Modality, in_use: Sequence[bool], classes: int, seed: int) -> np.ndarray:
    """Return the templates of a modality.

    Parameters
    ----------
    modality
        Its name seeds the shapes, its kind and shape decide them.
    in_use
        Per cue, in the order of `CUES`, whether this modality carries it.
    classes, seed
        Number of symbols K, and the seed of the templates.

    Returns
    -------
    Array of shape (3, K, *modality.shape): orthonormal over the cues in use, zero for the others.
    """
    made = np.zeros((len(CUES), classes, *modality.shape))
    used = [cue for cue, carried in enumerate(in_use) if carried]
    if used:
        raw = np.stack([shapes(modality, cue, classes, seed) for cue in used])
        flat = raw.reshape(len(used) * classes, modality.size)
        made[used] = orthonormal(flat).reshape(raw.shape)
    return made


def shapes(modality: Modality, cue: int, classes: int, seed: int) -> np.ndarray:
    """Return the unit-norm shapes of one cue before they are made orthonormal, (K, *modality.shape)."""
    rng = generator("templates", templates=seed, modality=modality.name, cue=CUES[cue])
    drawn = _DRAWN[modality.kind](modality.shape, cue, classes, rng)
    norms = np.sqrt((drawn.reshape(classes, -1) ** 2).sum(axis=1))
    return drawn / norms.reshape(-1, *[1] * len(modality.shape))


def orthonormal(rows: np.ndarray) -> np.ndarray:
    """Return the orthonormal rows nearest to `rows`: the polar factor of their singular values.

    Gram–Schmidt would keep the first shape whole and bend the later ones ever more; the polar factor
    shares the correction between all.
    """
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    return left @ right


def _vectors(shape: tuple[int, ...], cue: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((classes, *shape))


def _images(shape: tuple[int, ...], cue: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    channels, height, width = shape
    down, across = np.meshgrid(_centres(height), _centres(width), indexing="ij")
    start = rng.random(2)
    made = np.empty((classes, *shape))
    for symbol in range(classes):
        colour, phase = rng.standard_normal(channels), rng.random()
        if cue == PRIVATE:
            pattern = _blob(down, across, (start + symbol * _STEPS_2D) % 1)
        else:
            cycles = {REDUNDANT: 2.0, SYNERGISTIC: 3.0}[cue]
            pattern = _grating(down, across, (start[0] + symbol * _STEP) % 1, cycles, phase)
        made[symbol] = colour[:, None, None] / np.linalg.norm(colour) * pattern
    return made


def _grating(down: np.ndarray, across: np.ndarray, turn: float, cycles: float, phase: float) -> np.ndarray:
    along = np.cos(np.pi * turn) * across + np.sin(np.pi * turn) * down
    return np.sin(2 * np.pi * (cycles * along + phase))


def _blob(down: np.ndarray, across: np.ndarray, place: np.ndarray) -> np.ndarray:
    centre = 0.15 + 0.7 * place  # whole blobs: none is cut off at an edge
    distance = (down - centre[0]) ** 2 + (across - centre[1]) ** 2
    return np.exp(-distance / (2 * 0.1**2))


def _sounds(shape: tuple[int, ...], cue: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    channels, bands, frames = shape
    pitch, time = np.meshgrid(_centres(bands), _centres(frames), indexing="ij")
    start = rng.random(2)
    made = np.empty((classes, *shape))
    for symbol in range(classes):
        place = (start + symbol * _STEPS_2D) % 1
        gain = rng.uniform(0.5, 1.0, channels)
        slope = {REDUNDANT: 0.0, PRIVATE: 0.8, SYNERGISTIC: -0.8}[cue]
        made[symbol] = gain[:, None, None] * _ridge(pitch, time, place, slope)
    return made


def _ridge(pitch: np.ndarray, time: np.ndarray, place: np.ndarray, slope: float) -> np.ndarray:
    """Draw a line of energy in the mel × time plane: a tone where the slope is 0, a chirp otherwise."""
    reach = 0.08 + abs(slope) / 4  # whole lines: pitch stays inside the plane
    pitch_at, time_at = reach + (1 - 2 * reach) * place[0], 0.25 + 0.5 * place[1]
    swell = np.exp(-((time - time_at) ** 2) / (2 * 0.18**2))
    return swell * np.exp(-((pitch - pitch_at - slope * (time - time_at)) ** 2) / (2 * 0.04**2))


def _centres(cells: int) -> np.ndarray:
    return (np.arange(cells) + 0.5) / cells


_DRAWN: dict[str, Callable[[tuple[int, ...], int, int, np.random.Generator], np.ndarray]] = {
    "tabular": _vectors,
    "embedding": _vectors,
    "image": _images,
    "audio": _sounds,
}
