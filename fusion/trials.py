"""The register of checks, and what they share: a variant fitted on a specimen, and which entry a check is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core.names import parse
from ..core.seeding import Seeds
from ..datasets.bundle import Bundle, Inputs
from .build import build, build_stage, expand, make_task
from .network import FusionNetwork
from .neural import NeuralVariant, own_random_state
from .registry import REGISTRY, Entry, resolve
from .specimens import modalities_of, specimen, usual_kinds
from .stages import LocalStages
from .variant import Settings, Variant, as_seeds

QUICK = Settings(epochs=2, batch=16, width=8)

Check = Callable[[Entry, str], None]
CHECKS: dict[str, Check] = {}
APPLIES: dict[str, Callable[[Entry, str], bool]] = {}


class BrokenContractError(Exception):
    """The contract does not hold; the text says where."""


def run_check(title: str, name: str) -> str | None:
    """Run one check on a variant.

    Parameters
    ----------
    title
        A key of `CHECKS`.
    name
        Name of a variant, options included.

    Returns
    -------
    None where the check holds or is not meant for such an entry, else a sentence.
    """
    entry, canonical = resolve(name)
    try:
        if applies(title, name):
            CHECKS[title](entry, str(canonical))
    except BrokenContractError as error:
        return str(error)
    except Exception as error:  # whatever an entry raises is what it breaks
        return f"{type(error).__name__}: {error}"
    return None


def applies(title: str, name: str) -> bool:
    """Return whether a check is meant for such an entry; where it cannot even be built, all are."""
    entry, canonical = resolve(name)
    try:
        return APPLIES[title](entry, str(canonical))
    except Exception:  # the check itself will say it
        return True


def need(holds: bool | np.bool_, sentence: str) -> None:
    """Raise the sentence unless it holds.

    Raises
    ------
    BrokenContractError
        With the sentence.
    """
    if not holds:
        raise BrokenContractError(sentence)


@dataclass(frozen=True)
class Trial:
    """A fitted variant, the data it was fitted on and the stages that it used."""

    variant: Variant
    data: Bundle
    stages: LocalStages

    def predict(self, inputs: Inputs | None = None) -> np.ndarray:
        """Return probabilities of some rows, of the test rows by default."""
        return self.variant.predict_proba(self.data.test.unlabelled() if inputs is None else inputs)

    @property
    def networks(self) -> dict[str, NeuralVariant]:
        """Itself and its stages by name, as far as they are networks."""
        fitted = {self.variant.name: self.variant, **self.stages.fitted}
        return {name: each for name, each in fitted.items() if isinstance(each, NeuralVariant)}


def fit(name: str, data: Bundle, settings: Settings = QUICK, seed: int = 0) -> Trial:
    """Fit the variant that a name stands for; of a baseline, the one of the first modality."""
    task = make_task(data.modalities, data.classes, settings)
    text = expand(name, data.modalities)[0]
    variant = build(text, task)
    stages = LocalStages(task, data.train, data.validation, as_seeds(seed, text))
    variant.stages = stages
    return Trial(variant.fit(data.train, data.validation, seed), data, stages)


def usual(entry: Entry, name: str) -> Trial:
    """Return the variant fitted on the usual specimen; many checks share it."""
    return _usual(entry.definition, name, usual_kinds(entry.requires), classes_of(entry))


@lru_cache(maxsize=4)  # the definition is asked for since one name may get another in a session
def _usual(definition: object, name: str, kinds: tuple[str, ...], classes: int) -> Trial:
    return fit(name, specimen(kinds, classes=classes))


def classes_of(entry: Entry) -> int:
    """Return the usual number of classes, three, or the most that an entry takes."""
    return min(3, entry.requires.max_classes or 3)


def fresh(variant: NeuralVariant) -> FusionNetwork:
    """Return a fitted variant's network as it was before training, in training mode."""
    with own_random_state("cpu"):
        return variant.build(Seeds(variant=variant.name)).train()


# ---- which entries a check is for, read from what they declare and are built of


def every(entry: Entry, name: str) -> bool:
    """All of them."""
    return True


def has_network(entry: Entry, name: str) -> bool:
    """Those that are a network, or have one among their stages."""
    return any(isinstance(part, NeuralVariant) for part in _built(entry, name))


def selects_only(entry: Entry, name: str) -> bool:
    """Those that fit nothing to validation rows: networks and classical learners, not rules with weights.

    A network that learns from experts is left out: which epoch of theirs it is given, validation rows choose.
    """
    if entry.axes.learner == "classical":
        return True
    built = _built(entry, name)[0]
    return isinstance(built, NeuralVariant) and not any(parse(stage).base in REGISTRY for stage in built.needs())


def fuses(entry: Entry, name: str) -> bool:
    """All but the baselines."""
    return entry.axes.data_fusion != "none"


def is_symmetric(entry: Entry, name: str) -> bool:
    """Those that declare that they know no order of modalities."""
    return entry.order_free


def _built(entry: Entry, name: str) -> list[Variant]:
    modalities = modalities_of(usual_kinds(entry.requires))
    task = make_task(modalities, tuple(map(str, range(classes_of(entry)))), QUICK)
    variant = build(expand(name, modalities)[0], task)
    return [variant, *(build_stage(stage, task) for stage in variant.needs())]


def check(when: Callable[[Entry, str], bool] = every) -> Callable[[Check], Check]:
    """Enter a function into `CHECKS` under its name, for the entries of which `when` is true."""

    def add(function: Check) -> Check:
        CHECKS[function.__name__], APPLIES[function.__name__] = function, when
        return function

    return add
