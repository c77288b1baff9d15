"""A shared factor for the label and every input, and one factor of its own for each input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..decoders import Decoder, over_present, squared_error
from ..network import Batch
from ..registry import register
from .generative import Joint, MergedCode


def discrepancy_from_prior(z: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy between rows z (n, D) and N(0, I), a scalar.

    1/n² Σ_ij k(z_i, z_j) − 2/n Σ_i E k(z_i, p) + E k(p, p'), k a Gaussian kernel of variance D. Both
    expectations are known in closed form, so nothing is drawn and evaluation is deterministic.
    """
    z, size = z.float(), z.shape[1]
    norms = z.square().sum(1)
    distances = (norms[:, None] + norms - 2 * z @ z.T).clamp(min=0)
    among = (-distances / (2 * size)).exp().mean()
    across = (size / (size + 1)) ** (size / 2) * (-norms / (2 * (size + 1))).exp().mean()
    return among - 2 * across + (size / (size + 2)) ** (size / 2)


class FactorisedCode(MergedCode):
    """mean (D_m([f_m; f_y]) − x_m)² and MMD([z_1; …; z_M; z_y], N(0, I)), f = ReLU(z), z_m = U_m h_m."""

    def add_decoders(self) -> None:
        """Make the factors of one modality, and decoders that read one of them and the shared one."""
        self.factors = nn.ModuleList(nn.Linear(self.width, self.width) for _ in self.names)
        self.decoders = nn.ModuleList(Decoder(m, 2 * self.width, self.width) for m in self.task.modalities)

    def aside(self, batch: Batch, h: Tensor, code: Tensor) -> Tensor:
        """Return the error of the reconstruction and the factors' discrepancy from the prior."""
        own = [factor(x) for factor, x in zip(self.factors, h, strict=True)]
        decoded = [decode(torch.cat([z.relu(), code], 1)) for decode, z in zip(self.decoders, own, strict=True)]
        errors = [squared_error(x, batch[name]) for x, name in zip(decoded, self.names, strict=True)]
        factors = torch.cat([*own, self.join(list(h))], 1)
        return over_present(torch.stack(errors), batch.present) + discrepancy_from_prior(factors)


@register(
    "mfm",
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="nodes",
    operator="merge_layer",
    reference="Tsai, Liang, Zadeh, Morency & Salakhutdinov 2019, arXiv 1806.06176",
    also_known_as={"MultiBench": "MFM_objective"},
    words=(
        "multimodal factorization model",
        "mmd",
    ),
    complexity="O(M d²); in training O(M d² + d Σ s_m + n M d) more, s_m values of input m, n rows of a batch",
)
class Mfm(FactorisedCode, Joint):
    """head(f_y), f_y = ReLU(Σ_m W_m h_m + b), with x̂_m = D_m([f_m; f_y]) and MMD(z, N(0, I)) beside the task.

    f_m = ReLU(U_m h_m) are generative factors that only modality m's decoder reads; f_y is shared, and alone
    feeds the classifier: what tells of an input but not of the label need not crowd it. Beside the task stand
    the mean squared error of the reconstructions and the maximum mean discrepancy of all factors together,
    before ReLU, from N(0, I), which keeps them independent. MultiBench's code leaves the latter out; the paper
    has it, and the paper decides. Encoders of sequences become one layer each. Any number of modalities.
    """
