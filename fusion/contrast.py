"""InfoNCE between modalities: in a batch, the vectors of one row find each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def info_nce(vectors: Sequence[Tensor], temperature: float, present: Tensor | None = None) -> Tensor:
    """Return ½ CE(S, i) + ½ CE(Sᵀ, i), S_ij = cos(v_a^i, v_b^j) / τ, averaged over pairs a < b of modalities.

    Source: van den Oord et al. 2018, arXiv 1807.03748, symmetric as in Radford et al. 2021, arXiv 2103.00020.

    Parameters
    ----------
    vectors
        One (n, size) a modality.
    temperature
        τ.
    present
        (n, M) bool: a pair's loss is over the rows that have both; over all where None.
    """
    z = [normalize(x, dim=-1) for x in vectors]
    losses = []
    for a, b in combinations(range(len(z)), 2):
        x, y = z[a], z[b]
        if present is not None:
            both = present[:, a] & present[:, b]
            x, y = x[both], y[both]
        if len(x) == 0:
            losses += [z[a].sum() * 0, z[b].sum() * 0]  # nothing to find, and still a gradient
            continue
        scores, own = x @ y.T / temperature, torch.arange(len(x), device=x.device)
        losses += [cross_entropy(scores, own), cross_entropy(scores.T, own)]
    return torch.stack(losses).mean()
