"""How networks were trained and on what machine, in sentences: each from values of suite.json."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..wording import counted
from .prose import Part, Text, cite, series
from .setup import Told

LIBRARIES = {"torch": "paszke2019pytorch", "scikit-learn": "pedregosa2011scikit"}
# What schema 1 means by `lr`, `weight_decay` and `epochs`; a suite.json that names them itself is believed.
TRAINER: dict[int, dict[str, Any]] = {1: {"optimiser": "AdamW", "schedule": "cosine"}}
OPTIMISERS = {"AdamW": "loshchilov2019decoupled"}
SCHEDULES = {"cosine": ("falls to zero along half a cosine", "loshchilov2017sgdr")}


def training(suite: Told) -> list[Text]:
    """Say how networks are trained, by the settings that all share."""
    told = {**TRAINER.get(suite.get("schema") or 0, {}), **suite.get("training", {})}
    return [_fitted(told), *_stopped(told), *_weighed(told), *_tuned(suite), *_limits(suite)]


def _fitted(told: Told) -> Text:
    epochs, batch, lr, decay = (told.get(key) for key in ("epochs", "batch", "lr", "weight_decay"))
    parts: list[Part] = ["Networks are trained under one setting"]
    parts += [f" for at most {counted(epochs, 'epoch')}"] if epochs is not None else []
    parts += [f", in batches of {counted(batch, 'row')}"] if batch is not None else []
    if name := told.get("optimiser"):
        parts += [f", with {name}", *([cite(OPTIMISERS[name])] if name in OPTIMISERS else [])]
    if lr is not None:
        falls, key = SCHEDULES.get(told.get("schedule") or "", ("", ""))
        parts += [f", a learning rate of {lr:g}", *([f" that {falls}", cite(key)] if key else [])]
    parts += [f" and a weight decay of {decay:g}"] if decay is not None else []
    unknown = " and ".join(key for key in ("optimiser", "schedule") if not told.get(key))
    return (*parts, f"; {unknown} not recorded." if unknown else ".")


def _stopped(told: Told) -> list[Text]:
    patience, least = told.get("patience"), told.get("min_epochs")
    if patience is None:
        return []
    tail = f", never before epoch {least}" if least is not None else ""
    return [
        (f"The weights of the epoch with the lowest validation log-loss are kept; training stops early after "
         f"{counted(patience, 'epoch')} without a lower one{tail}.",)
    ]  # fmt: skip


def _weighed(told: Told) -> list[Text]:
    weights = {
        "none": "All classes have the same weight in the loss.",
        "balanced": "Classes are weighted by their inverse frequency among training rows.",
    }
    precision = {
        "fp32": "Training is in 32-bit floating point.",
        "bf16": "Forward passes run in bfloat16 (autocast).",
    }
    found = (weights.get(told.get("class_weight") or ""), precision.get(told.get("precision") or ""))
    return [(sentence,) for sentence in found if sentence]


def _tuned(suite: Told) -> list[Text]:
    sentences = {
        True: "Hyper-parameters were tuned.",
        False: "Hyper-parameters are untuned defaults.",
        None: "Whether hyper-parameters were tuned is not recorded.",
    }
    return [(sentences[suite.get("tuned")],)]


def _limits(suite: Told) -> list[Text]:
    limits = suite.get("definition", {}).get("limits", {})
    words = [f"{limits['timeout']:g} s"] if limits.get("timeout") else []
    words += [f"{limits['memory']:g} MB of memory"] if limits.get("memory") else []
    stopped = f"A training that takes more than {' or '.join(words)} is stopped and counts as not done."
    return [(stopped,)] if words else []


def machine(suite: Told) -> list[Text]:
    """Say on what and with which libraries the results were computed."""
    found = [told for _, told in sorted(suite.get("environments", {}).items())]
    if not found:
        return [("The machine is not recorded.",)]
    if len(found) == 1:
        return [("Everything was computed on one kind of machine: ", *_environment(found[0]), ".")]
    items = series([(f"({place}) ", *_environment(told)) for place, told in enumerate(found, 1)], "; ")
    tail = "times are compared only within one."
    return [(f"Results come from {len(found)} kinds of machine or installation: ", *items, f"; {tail}")]


def _environment(told: Told) -> Text:
    number = {key: told.get(key) for key in ("cores", "workers", "threads")}
    words = [str(told[key]) for key in ("processor", "system") if told.get(key)]
    words += [counted(number["cores"], "core")] if number["cores"] else []
    words += [counted(number["workers"], "worker process", "worker processes")] if number["workers"] else []
    words += [f"{counted(number['threads'], 'thread')} each"] if number["threads"] else []
    words += [f"device {told['device']}"] if told.get("device") else []
    words += [f"Python {told['python']}"] if told.get("python") else []
    return tuple(_spread([(word,) for word in words] + _versions(told.get("libraries") or {})))


def _versions(libraries: Told) -> list[Text]:
    ordered = sorted(libraries, key=lambda name: (list(LIBRARIES).index(name) if name in LIBRARIES else 9, name))
    present = [name for name in ordered if libraries[name] != "absent"]
    return [(f"{n} {libraries[n]}", *([cite(LIBRARIES[n])] if n in LIBRARIES else [])) for n in present]


def _spread(items: Iterable[Text]) -> Iterable[Part]:
    for place, item in enumerate(items):
        yield from ((", ",) if place else ())
        yield from item
