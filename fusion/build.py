"""From a name to a variant ready to fit: the one place that joins definitions to their base classes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..core.errors import FusebenchError
from ..core.names import Name
from ..core.seeding import Seeds
from ..datasets.bundle import Modality
from .extractors import choose
from .matching import matched_width
from .network import FunctionNetwork, FusionNetwork
from .neural import NeuralVariant
from .registry import REGISTRY, Entry, resolve
from .stages import resolve_stage
from .variant import Settings, Task, Variant
from .wrappers import wrapped, written


@cache
def load_all() -> None:
    """Import every file of this package once; what is broken stands in `REGISTRY.broken`."""
    REGISTRY.discover(sys.modules[__name__.rpartition(".")[0]])


def load_plugins(files: tuple[str, ...]) -> None:
    """Run files outside the package that register variants of their own."""
    for file in files:
        REGISTRY.load_file(Path(file))


def make_task(
    modalities: tuple[Modality, ...],
    classes: tuple[str, ...],
    settings: Settings | None = None,
    extractors: Mapping[str, str] | None = None,
    seeds: Seeds | None = None,
    device: str = "cpu",
) -> Task:
    """Return a task with its extractors chosen.

    Parameters
    ----------
    modalities, classes
        Of the data set.
    settings
        Training settings; the defaults where None.
    extractors
        Modality name or kind → extractor id, where not the default.
    seeds, device
        As in `Task`.
    """
    chosen = choose(modalities, dict(extractors or {}))
    return Task(modalities, classes, settings or Settings(), chosen, seeds or Seeds(), device)


def build(text: str, task: Task) -> Variant:
    """Return the untrained variant that a name stands for.

    Raises
    ------
    UnknownNameError
        For an unknown variant or option.
    FusebenchError
        For data that the variant does not take, or an option value that it refuses.
    """
    load_all()
    entry, name = resolve(text)
    reason = refusal(text, task.modalities, task.classes)
    if reason is not None:
        raise FusebenchError(f"Variant {text!r} cannot take this data: {reason}.")
    try:
        variant = _make(entry, task, name)
        if isinstance(variant, NeuralVariant) and (name.options or name.wrappers):
            variant.try_out()
        return variant
    except (TypeError, ValueError) as error:
        raise FusebenchError(f"Variant {text!r}: {error}") from error


def build_stage(text: str, task: Task) -> Any:
    """Return the untrained stage of a name: a pre-training, or a variant serving as an expert."""
    load_all()
    found = resolve_stage(text)
    if found is None:
        return build(text, task)
    entry, name = found
    return NeuralVariant(task, entry.definition, str(name), **name.options)


def _make(entry: Entry, task: Task, name: Name) -> Variant:
    definition, options = entry.definition, dict(name.options)
    if isinstance(definition, type) and issubclass(definition, Variant):
        made = definition(task, **options)
        made.name = str(name)
        return made
    if entry.is_function and entry.axes.level == "decisions":
        from .late.decisions import FunctionRule

        made = FunctionRule(task, rule=definition, **options)
        made.name = str(name)
        return made
    network = _network(entry)
    if task.settings.capacity == "matched" and "width" in entry.defaults and "width" not in options:
        options["width"] = matched_width(partial(network, **options), task)
    return NeuralVariant(task, wrapped(network, name.wrappers), str(name), **options)


def _network(entry: Entry) -> Callable[..., FusionNetwork]:
    if entry.is_function:
        return partial(FunctionNetwork, rule=entry.definition)
    if not (isinstance(entry.definition, type) and issubclass(entry.definition, FusionNetwork)):
        raise FusebenchError(
            f"Variant {entry.id!r} at {entry.place}: {entry.definition.__name__} is neither a function, "
            "a FusionNetwork nor a Variant."
        )
    return entry.definition


def refusal(text: str, modalities: tuple[Modality, ...], classes: tuple[str, ...]) -> str | None:
    """Return why a variant cannot take such data, in one sentence, or None where it can."""
    entry, name = resolve(text)
    reason = entry.requires.refuse(modalities, classes)
    if reason is None and entry.per_modality:
        wanted = name.options.get(entry.per_modality)
        names = [m.name for m in modalities]
        if wanted not in names:
            reason = f"{entry.per_modality}={wanted} is not one of {', '.join(names)}"
    return reason


def expand(text: str, modalities: tuple[Modality, ...]) -> list[str]:
    """Return the canonical names that a name stands for on a data set: a baseline is one a modality."""
    entry, name = resolve(text)
    option = entry.per_modality
    if option is None or option in name.options:
        return [str(name)]
    return [str(replace(name, options={**name.options, option: m.name})) for m in modalities]


def definitions(text: str, task: Task) -> list[Callable[..., Any]]:
    """Return every definition that decides a variant's or stage's result, for its source hash."""
    variant = build_stage(text, task)
    definition = (resolve_stage(text) or resolve(text))[0].definition
    own: list[Callable[..., Any]] = [definition, type(variant)]
    if isinstance(variant, NeuralVariant):
        own.extend(written(variant.kind))
        own.extend(sorted({task.extractors[name] for name in variant.used}, key=lambda d: d.__qualname__))
        if task.settings.capacity == "matched":
            own.append(matched_width)
    return own
