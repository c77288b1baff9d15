"""A joint Gaussian code: the product of what each modality believes, and the prior."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..decoders import squared_error
from ..network import Batch
from ..registry import register
from .generative import Generative, Joint


def product_with_prior(mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of N(0, I) Π_m N(mean_m, variance_m), the experts along the first axis.

    Precision 1 + Σ 1/σ_m²; mean (Σ μ_m/σ_m²) / precision. Precisions are shares of a softmax over
    (0, −log σ_1², …), so that none overflows. Without experts it is the prior.
    """
    prior = mean.new_zeros(1, *mean.shape[1:])
    log_precision = torch.cat([prior, -log_variance])
    return (log_precision.softmax(0)[1:] * mean).sum(0), -log_precision.logsumexp(0)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) ‖ N(0, 1)) = ½ (variance + mean² − 1 − log variance), node by node."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance)


class VariationalCode(Generative):
    """The mean of N(0, I) Π_m N(μ_m, σ_m²), (μ_m, log σ_m²) = E_m h_m; decoders read draws around it."""

    def add_code(self) -> None:
        """Make one expert a modality."""
        self.experts = nn.ModuleList(nn.Linear(self.width, 2 * self.width) for _ in self.names)

    def believe(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each expert says, means and log variances (M, n, width)."""
        said = torch.stack([expert(x) for expert, x in zip(self.experts, h, strict=True)])
        mean, log_variance = said.chunk(2, -1)
        return mean, log_variance

    def fuse(self, h: Tensor) -> Tensor:
        """Return the joint mean, (n, width)."""
        return product_with_prior(*self.believe(h))[0]

    def draw(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return one draw in training, the mean in evaluation."""
        if not self.training:
            return mean
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)

    def misfits(self, batch: Batch, codes: list[Tensor]) -> Tensor:
        """Return ½ mean (D_m(z_m) − x_m)² of each input, (M, n), 0 where it is absent."""
        parts = zip(self.decoders, codes, self.names, strict=True)
        errors = torch.stack([squared_error(decode(z), batch[name]) for decode, z, name in parts])
        return 0.5 * errors * batch.present.T

    def aside(self, batch: Batch, h: Tensor, code: Tensor) -> Tensor:
        """Return the mean of the 1 + M negative evidence bounds: all modalities together, and each alone."""
        mean, log_variance = self.believe(h)
        joint = product_with_prior(mean, log_variance)
        together = self.misfits(batch, [self.draw(*joint)] * len(self.names)).sum(0)
        together = together + divergence(*joint).mean(-1)
        lone = product_with_prior(mean[None], log_variance[None])  # one expert and the prior, for each modality
        apart = self.misfits(batch, list(self.draw(*lone)))
        apart = apart + divergence(*lone).mean(-1) * batch.present.T
        return (together + apart.sum(0)).mean() / (1 + len(self.names))


@register(
    "mvae_poe",
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="nodes",
    operator="product_of_experts",
    reference="Wu & Goodman 2018, arXiv 1802.05335",
    also_known_as={"MultiBench": "ProductOfExperts, MVAE_objective, SensorFusion"},
    words=(
        "mvae",
        "poe",
        "variational autoencoder",
        "elbo",
    ),
    complexity="O(M d²); in training O(d Σ s_m) more, s_m values of input m",
    weak_on=("synergy",),
)
class MvaePoe(VariationalCode, Joint):
    """head(μ), N(μ, σ²) ∝ N(0, I) Π_m N(μ_m, σ_m²): 1/σ² = 1 + Σ 1/σ_m², μ = σ² Σ μ_m/σ_m².

    (μ_m, log σ_m²) is a Linear of h_m. The prior is one of the experts, in the joint code and in that of one
    modality alone; MultiBench's code leaves it out of the latter, the paper has it, and a modality without
    opinion then says N(0, I). Beside the task stand the evidence bounds of all modalities together and of each
    alone, which for two modalities are all subsets; the paper's random subsets of three or more are left out.
    Likelihoods are Gaussian of unit variance with the paper's λ_m = d/s_m, so every modality weighs like d
    values, and the bound is divided by d: ½ mean (D_m(z) − x_m)² + KL/d. The paper lets the KL's weight grow
    from 0; here it is 1 throughout, since the classifier keeps the code in use. Decoders read a draw z in
    training; the classifier, which the paper does not have, reads the mean in training as in prediction. An
    absent modality's expert reads the training mean; its likelihood is left out.
    """
