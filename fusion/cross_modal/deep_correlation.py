"""Deep canonical correlation analysis: two networks whose outputs correlate, then the label."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.linalg import cholesky, solve_triangular, svd, svdvals

from ..late.concat import ConcatFeatures
from ..network import Batch
from ..pretraining import Pretraining
from ..registry import register
from ..stages import register_stage
from ..variant import Requires, Stages, Task

COMPONENTS = 16
FLOOR = 1e-9  # of a covariance's diagonal: a single row has no variance


def total_correlation(x: Tensor, y: Tensor, ridge: float = 1e-3) -> Tensor:
    """Return Σ_j ρ_j, the sum of the canonical correlations of two views (n, size), in float64.

    It is the sum of the singular values of L_x⁻¹ S_xy L_y⁻ᵀ, L Lᵀ = S + (r·mean(diag S))·I: a Cholesky factor
    differs from the symmetric root of the paper by a rotation, which no singular value sees.
    """
    return svdvals(_whitened(_centred(x), _centred(y), ridge)[0]).sum()


def held_out_correlation(known: Tensor, fresh: Tensor, ridge: float = 1e-3) -> Tensor:
    """Return Σ_j corr(a_jᵀx, b_jᵀy) of fresh rows along the directions of known rows; both (2, rows, size).

    Correlations found and measured on the same few rows are large whatever the rows.
    """
    t, left, right = _whitened(_centred(known[0]), _centred(known[1]), ridge)
    u, _, v = svd(t, full_matrices=False)
    a = _centred(fresh[0]) @ solve_triangular(left.T, u, upper=True)
    b = _centred(fresh[1]) @ solve_triangular(right.T, v.T, upper=True)
    return ((a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp(min=FLOOR)).sum()


def _centred(x: Tensor) -> Tensor:
    x = x.double()
    return x - x.mean(0)


def _whitened(x: Tensor, y: Tensor, ridge: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return L_x⁻¹ S_xy L_y⁻ᵀ, L_x and L_y of centred views."""
    factors = []
    for view in (x, y):
        s = view.T @ view / len(view)
        extra = ridge * s.diagonal().mean() + FLOOR
        factors.append(cholesky(s + extra * torch.eye(len(s), dtype=s.dtype, device=s.device)))
    left, right = factors
    t = solve_triangular(left, x.T @ y / len(x), upper=False)
    return solve_triangular(right, t.T, upper=False).T, left, right


@register_stage("deep_cca_pretraining")
class DeepCcaPretraining(Pretraining):
    """−Σ_j ρ_j(f(x), g(y)): extractors that end in `components` numbers each, as correlated as can be.

    A batch of 64 rows correlates in sixteen dimensions whatever it holds. So the rows of the steps before stay in
    the covariances, without gradient: the last 1,024 or as many as there are training rows. Their vectors are a
    few steps old, which the published remedy, large batches, would avoid at many times the cost a step.
    Validation rows are measured along the directions of training rows.
    """

    most = 1024

    def __init__(self, task: Task, components: int = COMPONENTS, ridge: float = 1e-3):
        super().__init__(task, components)
        self.ridge, self.room = ridge, self.most
        self.memory = torch.zeros(2, 0, components, dtype=torch.float64)
        for extractor in self.extractors:  # a shift changes no correlation: it would never receive a gradient
            extractor.last.bias.requires_grad_(False)

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Learn how many rows there are, so that none is remembered twice over."""
        self.room = min(self.most, len(batch))

    def objective(self, batch: Batch) -> Tensor:
        """Return minus the total correlation, in training of these rows and those remembered."""
        h = self.encode(batch)
        self.clock.lap("encode")
        if self.training:
            rows = torch.cat([self.memory.to(h.device), h.double()], 1)
            self.memory = rows.detach()[:, -self.room :]
            found = total_correlation(rows[0], rows[1], self.ridge)
        else:
            found = held_out_correlation(self.memory if self.memory.shape[1] else h, h, self.ridge)
        self.clock.lap("fuse")
        return -found


@register(
    "deep_cca",
    tier="full",
    architecture="cross_modal",
    data_fusion="concat",
    level="features",
    operator="cca",
    sharing="pretraining",
    training="staged_finetuned",
    requires=Requires(modalities=(2, 2)),
    reference="Andrew, Arora, Bilmes & Livescu 2013, Deep canonical correlation analysis",
    also_known_as={"MultiBench": "CCA_objective"},
    words=("dcca",),
    complexity="O(M d), d components",
)
class DeepCca(ConcatFeatures):
    """head([f(x); g(y)]) on extractors that first maximised the canonical correlations of f(x) and g(y).

    Two modalities, as in the paper. The stage reads no label; then the extractors are tuned with the head, or
    kept where `frozen=true`. Sixteen components: what two modalities share is small, and correlations found by
    chance grow with the number of components over that of rows. What one modality does not tell of the other
    earns nothing in the stage: frozen, the head sees pure synergy only as far as chance left it in f and g.
    """

    def __init__(self, task: Task, frozen: bool = False, components: int = COMPONENTS):
        super().__init__(task, components)
        self.frozen = frozen
        self.extractors.requires_grad_(not frozen)

    @classmethod
    def needs(cls, task: Task, components: int = COMPONENTS, **options: Any) -> tuple[str, ...]:
        """Return the one pre-training of both extractors."""
        chosen = "" if components == COMPONENTS else f"(components={components})"
        return ("deep_cca_pretraining" + chosen,)

    def start_from(self, stages: Stages) -> None:
        """Take the extractors' weights over."""
        (name,) = self.needs(self.task, self.width)
        self.extractors.load_state_dict(stages.get(name).network.extractors.state_dict())
