"""Stages: units of training that several variants use (unimodal experts, pre-trainings).

A stage has a canonical name like a variant. Experts *are* the unimodal variants; pre-trainings are
registered here. A variant asks its `stages` for them by name; the harness hands out stored ones, and
outside the harness `LocalStages` trains them on the spot.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..core.names import Name, canonical, parse
from ..core.registry import Placed, Registry
from ..core.seeding import Seeds
from ..datasets.bundle import Rows
from .variant import Task


@dataclass(frozen=True)
class StageEntry(Placed):
    """A registered pre-training: a `FusionNetwork` whose loss is not the task's."""

    id: str
    definition: type
    other_names: tuple[str, ...] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and default values, read from the definition's signature."""
        parameters = list(inspect.signature(self.definition).parameters.values())[1:]
        return {p.name: (None if p.default is p.empty else p.default) for p in parameters}


STAGES: Registry[StageEntry] = Registry("stage")


def register_stage(id: str) -> Callable[[type], type]:
    """Register a `FusionNetwork` as a stage of training."""

    def add(definition: type) -> type:
        STAGES.add(StageEntry(id, definition))
        return definition

    return add


def resolve_stage(text: str) -> tuple[StageEntry, Name] | None:
    """Return a pre-training's entry and canonical name, or None where the name is a variant's."""
    name = parse(text)
    if name.base not in STAGES:
        return None
    entry = STAGES.get(name.base)
    return entry, canonical(Name(entry.id, name.options), entry.defaults, f"stage {entry.id!r}")


class LocalStages:
    """Trains what is asked for, once, on the rows at hand."""

    def __init__(self, task: Task, train: Rows, validation: Rows, seeds: Seeds):
        self.task, self.train, self.validation, self.seeds = task, train, validation, seeds
        self.fitted: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return the fitted stage of that name."""
        if name not in self.fitted:
            # looked up by name: the builder knows every entry, and no entry's source depends on the rest
            builder = import_module(".build", __package__)
            stage = builder.build_stage(name, self.task)
            stage.stages = self
            self.fitted[name] = stage.fit(self.train, self.validation, self.seeds.for_variant(name))
        return self.fitted[name]


class HeldStages:
    """Hands out stages that were fitted before."""

    def __init__(self, fitted: Mapping[str, Any]):
        self.fitted = dict(fitted)

    def get(self, name: str) -> Any:
        """Return the fitted stage of that name."""
        return self.fitted[name]
