"""Generative objectives as an earlier, unlabelled stage: the joint editions stand in `late/generative.py`.

There the loss stands beside the task and places nothing; here it is a stage in which modalities see each other,
hence sharing in pre-training. Decoders stay behind with the stage.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from ..late.factorised import FactorisedCode
from ..late.generative import Generative, RefinerCode
from ..late.translation import TranslatingCode
from ..late.variational import VariationalCode
from ..network import Batch
from ..pretraining import Pretraining
from ..registry import register
from ..stages import register_stage
from ..variant import Stages, Task

STAGED: dict[str, Any] = dict(
    tier="full", architecture="cross_modal", sharing="pretraining", training="staged_finetuned"
)


class CodePretraining(Generative, Pretraining):
    """The loss beside the task, without the task."""

    def __init__(self, task: Task):
        super().__init__(task)
        self.add_code()
        self.add_decoders()

    def objective(self, batch: Batch) -> Tensor:
        """Return the generative loss of a batch."""
        h = self.encode(batch)
        self.clock.lap("encode")
        loss = self.aside(batch, h, self.fuse(h))
        self.clock.lap("fuse")
        return loss


class Staged(Generative):
    """Base of classifiers whose extractors and code an earlier stage trained; `frozen=true` keeps both."""

    stage: ClassVar[str]

    def __init__(self, task: Task, frozen: bool = False):
        super().__init__(task)
        self.add_code()
        self.requires_grad_(not frozen)

    @classmethod
    def needs(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the one pre-training."""
        return (cls.stage,)

    def start_from(self, stages: Stages) -> None:
        """Take over all weights but those of the head."""
        trained = stages.get(self.stage).network.state_dict()
        own = [key for key in self.state_dict() if not key.startswith("head.")]
        self.load_state_dict({key: trained[key] for key in own}, strict=False)


@register_stage("refiner_pretraining")
class RefinerPretraining(RefinerCode, CodePretraining):
    """mean over inputs of 1 − cos(D_m(c), x_m), c = ReLU(Σ_m W_m h_m + b): the loss of `refiner` alone."""


@register(
    "refiner_staged",
    **STAGED,
    data_fusion="merge",
    level="nodes",
    operator="merge_layer",
    reference="Sankaran, Yang & Lim 2021, arXiv 2104.03435",
    complexity="O(M d²)",
)
class RefinerStaged(RefinerCode, Staged):
    """head(c), c = ReLU(Σ_m W_m h_m + b) from a stage in which c gave every input back: `refiner` in two steps.

    The paper proposes this as pre-training on rows without labels; here both stages see the same rows.
    """

    stage = "refiner_pretraining"


@register_stage("mvae_pretraining")
class MvaePretraining(VariationalCode, CodePretraining):
    """−ELBO / d of all modalities together and of each alone: the loss of `mvae_poe` beside its task."""


@register(
    "mvae_poe_staged",
    **STAGED,
    data_fusion="merge",
    level="nodes",
    operator="product_of_experts",
    reference="Wu & Goodman 2018, arXiv 1802.05335",
    complexity="O(M d²)",
)
class MvaePoeStaged(VariationalCode, Staged):
    """head(μ), μ the mean of N(0, I) Π_m N(μ_m, σ_m²) from a stage that knew the evidence bounds alone.

    Nothing but the bounds keeps the code in use in that stage: values that share little are coded by few nodes.
    """

    stage = "mvae_pretraining"


@register_stage("mfm_pretraining")
class MfmPretraining(FactorisedCode, CodePretraining):
    """mean (D_m([f_m; f_y]) − x_m)² + MMD(z, N(0, I)): the loss of `mfm` beside its task."""


@register(
    "mfm_staged",
    **STAGED,
    data_fusion="merge",
    level="nodes",
    operator="merge_layer",
    reference="Tsai, Liang, Zadeh, Morency & Salakhutdinov 2019, arXiv 1806.06176",
    complexity="O(M d²)",
)
class MfmStaged(FactorisedCode, Staged):
    """head(f_y), f_y = ReLU(Σ_m W_m h_m + b) from a stage that rebuilt each input from [f_m; f_y].

    Without the label nothing says what belongs into the shared factor rather than into f_m: in that stage it is
    shared because every decoder reads it. The factors of one modality stay behind with the decoders.
    """

    stage = "mfm_pretraining"


@register_stage("translation_pretraining")
class TranslationPretraining(TranslatingCode, CodePretraining):
    """½ mean (T_ab(h_a) − x_b)² + ½ mean (T_ba(h_b(x̂_b)) − x_a)²: the loss of `cyclic_translation` alone."""


@register(
    "cyclic_translation_staged",
    **STAGED,
    data_fusion="concat",
    level="features",
    operator="concat",
    reference="Pham, Liang, Manzini, Morency & Póczos 2019, arXiv 1812.07809",
    complexity="O(M d)",
)
class CyclicTranslationStaged(TranslatingCode, Staged):
    """head([h_1; …; h_M]) on extractors from a stage that translated each modality into the next and back."""

    stage = "translation_pretraining"
