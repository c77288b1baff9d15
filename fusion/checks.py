"""The contract as small named checks, chosen by what an entry declares, never by its name.

`run_check(title, name)` tells in a sentence what does not hold; `fusebench check` and the tests run the same
checks, on entries of this package and on those of a plugin.
"""

from __future__ import annotations

import io
import pickle
import random
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from ..core.names import Name
from ..datasets.bundle import Bundle
from . import absence_checks as absence_checks  # enters its checks
from . import learning_checks as learning_checks
from . import network_checks as network_checks
from .build import build, expand, make_task
from .neural import NeuralVariant
from .registry import Entry, resolve
from .specimens import modalities_of, specimen, usual_kinds
from .trials import (
    CHECKS,
    QUICK,
    applies,
    check,
    classes_of,
    fit,
    fresh,
    fuses,
    is_symmetric,
    need,
    run_check,
    selects_only,
    usual,
)

__all__ = ["CHECKS", "applies", "run_check"]

MOST_MODALITIES = 6


@check()
def is_documented(entry: Entry, name: str) -> None:
    """Its docstring begins with a formula; a reference names a year."""
    first = entry.doc.split("\n\n")[0]
    need(bool(first), "it has no docstring; begin it with the formula, such as head(Σ_m h_m)")
    formula = re.search(r"[Σ∏⊙=‖(\[]", first)
    need(formula is not None, f"its docstring begins without a formula: {first!r}")
    dated = re.search(r"\b(19|20)\d\d\b", entry.reference)
    need(dated is not None or not entry.reference, f"its reference {entry.reference!r} names no year")


@check()
def builds_with_its_defaults(entry: Entry, name: str) -> None:
    """Every default, written out, is the name without it."""
    _, parsed = resolve(name)
    modalities, classes = modalities_of(usual_kinds(entry.requires)), tuple(map(str, range(classes_of(entry))))
    for option, default in entry.defaults.items():
        if option in parsed.options or option == entry.per_modality:
            continue
        written = Name(entry.id, {**parsed.options, option: default}, parsed.wrappers)
        need(str(resolve(str(written))[1]) == name, f"{written} is not the same name as {name}")
    variant = build(expand(name, modalities)[0], make_task(modalities, classes, QUICK))
    if isinstance(variant, NeuralVariant):
        fresh(variant)


@check()
def gives_probabilities(entry: Entry, name: str) -> None:
    """predict_proba gives finite float64 numbers of shape (n, classes) whose rows sum to 1."""
    trial = usual(entry, name)
    _check_probabilities(trial.predict(), len(trial.data.test), len(trial.data.classes), "on the usual data")


def _check_probabilities(p: np.ndarray, rows: int, classes: int, where: str) -> None:
    need(isinstance(p, np.ndarray) and p.dtype == np.float64, f"{where}: predict_proba gave no float64 array")
    need(p.shape == (rows, classes), f"{where}: predict_proba gave shape {p.shape}, expected {(rows, classes)}")
    need(np.isfinite(p).all() and p.min() >= 0, f"{where}: a probability is negative, infinite or NaN")
    need(np.abs(p.sum(1) - 1).max() < 1e-6, f"{where}: probabilities of a row sum to {p.sum(1).max()}")


@check()
def repeats_itself(entry: Entry, name: str) -> None:
    """The same seed gives the same bits, another seed of a network does not."""
    trial = usual(entry, name)
    again = fit(name, trial.data).predict()
    need(np.array_equal(trial.predict(), again), "two fits under one seed predict differently")
    other = fit(name, trial.data, seed=1).predict()
    asked = getattr(trial.variant, "asked", trial.networks.values())  # a rule may have chosen among its experts
    drawn = entry.axes.learner == "neural" and any(isinstance(part, NeuralVariant) for part in asked)
    moved = not drawn or not np.array_equal(again, other)
    need(moved, "fits under two seeds predict the same bits: its random state is not taken from the seed")


@check(fuses)
def reads_every_modality(entry: Entry, name: str) -> None:
    """The prediction changes when one modality, whichever, is exchanged for that of other rows."""
    trial = usual(entry, name)
    before, test = trial.predict(), trial.data.test.unlabelled()
    for modality in trial.data.modalities:
        exchanged = {**test.inputs, modality.name: np.roll(test.inputs[modality.name], 1, axis=0)}
        after = trial.predict(replace(test, inputs=exchanged))
        need(not np.allclose(before, after, atol=1e-9), f"the modality {modality.name!r} changes no prediction")


@check()
def keeps_rows_apart(entry: Entry, name: str) -> None:
    """A row's prediction is the same alone, among others, in another order, and the second time."""
    trial = usual(entry, name)
    test = trial.data.test.unlabelled()
    whole, order = trial.predict(test), np.random.default_rng(0).permutation(len(test))
    alone = np.concatenate([trial.predict(test.take(slice(i, i + 1))) for i in range(len(test))])
    shuffled = np.empty_like(whole)
    shuffled[order] = trial.predict(test.take(order))
    for how, p in {"one by one": alone, "shuffled": shuffled, "a second time": trial.predict(test)}.items():
        furthest = np.abs(p - whole).max()
        need(furthest < 1e-5, f"rows predicted {how} differ by {furthest:.1e} from rows predicted together")


@check()
def takes_every_number_and_kind(entry: Entry, name: str) -> None:
    """It runs on each number of modalities that it declares, up to six, each kind, several of one, two classes."""
    for kinds in _declared(entry):
        data = specimen(kinds, 24, 6, 4, classes=2)
        for text in expand(name, data.modalities):
            p = fit(text, data, replace(QUICK, epochs=1)).predict()
            _check_probabilities(p, 4, 2, f"{text} on {', '.join(kinds)}")


def _declared(entry: Entry) -> Iterator[tuple[str, ...]]:
    least, most = entry.requires.modalities
    for count in range(least, min(most or MOST_MODALITIES, MOST_MODALITIES) + 1):
        yield usual_kinds(entry.requires, count)
    for kind in entry.requires.kinds:
        yield (kind,) * max(least, min(2, most or 2))


@check()
def takes_absent_modalities(entry: Entry, name: str) -> None:
    """Absent inputs are never read, and a row without any has a prediction."""
    data = specimen(usual_kinds(entry.requires), classes=classes_of(entry), absent=0.3)
    trial = fit(name, data)
    test = data.test.unlabelled()
    p = trial.predict(test)
    _check_probabilities(p, len(test), len(data.classes), "with absent modalities")
    blank = {k: np.where(np.abs(x) > 100, np.float32(0), x) for k, x in test.inputs.items()}
    same = np.array_equal(p, trial.predict(replace(test, inputs=blank)))
    need(same, "what stands in the place of an absent modality changes the prediction")


@check()
def takes_every_setting(entry: Entry, name: str) -> None:
    """It runs at bf16, with balanced classes, and at matched capacity."""
    data = usual(entry, name).data
    for chosen in ({"precision": "bf16"}, {"class_weight": "balanced"}, {"capacity": "matched"}):
        p = fit(name, data, replace(QUICK, epochs=1, **chosen)).predict()
        _check_probabilities(p, len(data.test), len(data.classes), f"with {chosen}")


@check()
def leaves_inputs_alone(entry: Entry, name: str) -> None:
    """Neither fit nor predict_proba writes into the arrays it is given."""
    kinds, classes = usual_kinds(entry.requires), classes_of(entry)
    data, twin = specimen(kinds, classes=classes, absent=0.2), specimen(kinds, classes=classes, absent=0.2)
    fit(name, data, replace(QUICK, epochs=1)).predict()
    for split, rows in data.splits.items():
        kept = twin.splits[split]
        changed = [k for k, x in rows.inputs.items() if not np.array_equal(x, kept.inputs[k])]
        same = np.array_equal(rows.present, kept.present) and np.array_equal(rows.labels, kept.labels)
        need(not changed and same, f"{split} rows were written to: {', '.join(changed) or 'presence or labels'}")


@check(is_symmetric)
def does_not_care_about_order(entry: Entry, name: str) -> None:
    """An entry that declares to know no order gives the same whichever modality comes first."""
    trial = usual(entry, name)
    data = trial.data
    turned = {
        split: replace(rows, inputs=dict(list(rows.inputs.items())[::-1]), present=rows.present[:, ::-1].copy())
        for split, rows in data.splits.items()
    }
    p = fit(name, Bundle(data.modalities[::-1], data.classes, **turned)).predict()
    furthest = np.abs(p - trial.predict()).max()
    need(furthest < 1e-3, f"with the modalities in reverse order predictions differ by {furthest:.1e}")


@check(selects_only)
def selects_by_validation_alone(entry: Entry, name: str) -> None:
    """Other validation labels leave the optimisation on training rows as it is."""
    data = usual(entry, name).data
    turned = replace(data, validation=data.validation.with_labels(np.roll(data.validation.labels, 1)))
    one, other = (fit(name, each, replace(QUICK, epochs=1)).predict() for each in (data, turned))
    need(np.array_equal(one, other), "after one epoch, predictions depend on the validation labels")
    losses = [fit(name, each).variant.history.curves.get("train_loss") for each in (data, turned)]
    need(losses[0] == losses[1], "training losses depend on the validation labels")


@check()
def leaves_random_state_alone(entry: Entry, name: str) -> None:
    """The caller's random numbers (torch, numpy, Python) go on as if nothing had been fitted."""
    data = usual(entry, name).data
    states = []
    for act in (lambda: None, lambda: fit(name, data, replace(QUICK, epochs=1)).predict()):
        act()
        numbers = pickle.dumps(np.random.get_state())
        states.append((torch.get_rng_state().tolist(), numbers, random.getstate()))
    for library, before, after in zip(("torch", "numpy", "Python"), *states, strict=True):
        need(before == after, f"fitting moves the caller's random state of {library}")


@check()
def survives_storing(entry: Entry, name: str) -> None:
    """`restore(state())` gives a variant that predicts the same bits."""
    trial = fit(name, usual(entry, name).data, seed=1)  # not the seed with which a variant is restored
    held = io.BytesIO()
    torch.save(trial.variant.state(), held)
    held.seek(0)
    twin = build(trial.variant.name, trial.variant.task)
    twin.stages = trial.stages
    twin.restore(torch.load(held, weights_only=False))
    need(np.array_equal(trial.predict(), twin.predict_proba(trial.data.test)), "restored, it predicts differently")
