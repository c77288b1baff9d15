"""The register of data sets: `@register(id, card)` on a `DataSet`, look-ups by canonical name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..core.errors import FusebenchError
from ..core.names import Name, canonical, parse
from ..core.registry import Placed, Registry
from .card import Card, DataSet

Kind = TypeVar("Kind", bound=type[DataSet])


@dataclass(frozen=True)
class DataEntry(Placed):
    """A registered data set: the class, the card, and the options a preset fixes as its defaults."""

    id: str
    card: Card
    definition: type[DataSet]
    preset: Mapping[str, Any] = field(default_factory=dict)
    other_names: tuple[str, ...] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and default values, the preset's in place of the class's."""
        return self.definition.defaults() | dict(self.preset)


REGISTRY: Registry[DataEntry] = Registry("data set", "See `fusebench list datasets`.")


def register(
    id: str, card: Card, preset: Mapping[str, Any] | None = None, aliases: tuple[str, ...] = ()
) -> Callable[[Kind], Kind]:
    """Register a `DataSet` class under an id; called again with a preset, the same class serves twice."""

    def add(definition: Kind) -> Kind:
        REGISTRY.add(DataEntry(id, card, definition, dict(preset or {}), aliases))
        return definition

    return add


def get(text: str) -> DataSet:
    """Build the data set that a name such as `synthetic(d_s=4,classes=3)` stands for.

    Raises
    ------
    UnknownNameError
        For an unknown data set or option; the nearest is suggested.
    FusebenchError
        For an option value that the data set refuses.
    """
    name = parse(text)
    if name.wrappers:
        raise FusebenchError(f"Data set {text!r}: wrappers (+…) belong to variants.")
    entry = REGISTRY.get(name.base)
    spelt = canonical(Name(entry.id, name.options), entry.defaults, f"data set {entry.id!r}")
    try:
        made = entry.definition(**(dict(entry.preset) | dict(spelt.options)), name=str(spelt))
    except (TypeError, ValueError) as error:
        raise FusebenchError(f"Data set {text!r}: {error}") from error
    object.__setattr__(made, "card", entry.card)
    return made
