"""The register of training wrappers: `concat_features+ogm_ge` is a network trained another way.

A wrapper is a class that comes before the network's own in the order of inheritance, so that it overrides
what the trainer calls (`loss`, `gradients`, `step`, `begin_epoch`, …) and adds what it needs in `attach`.
Several compose, the last outermost: `concat_features+sgd+ogm_ge`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

from ..core.errors import FusebenchError, unknown
from ..core.names import Name, canonical
from ..core.registry import Placed, Registry
from .network import FusionNetwork
from .registry import Entry, check_options, known_names

PARTS = ("late", "cross_modal", "hybrid")


class TrainingWrapper(FusionNetwork):
    """Base of wrappers.

    A subclass may override any method of `FusionNetwork` that the trainer calls, and calls `super()`'s where
    it adds to it. Layers and state of its own are made in `attach`, whose keywords are its options; they are
    kept under one attribute with the wrapper's name, for the network below has attributes too.
    """

    chosen: ClassVar[Mapping[type, Mapping[str, Any]]] = {}

    def finish(self) -> Self:
        """Finish the network below, then attach what the wrapper adds, each from the innermost on."""
        super().finish()
        for wrapper in reversed(type(self).__mro__):
            if wrapper in self.chosen:
                wrapper.attach(self, **self.chosen[wrapper])  # type: ignore[attr-defined]
        return self

    def attach(self) -> None:
        """Add layers and state; the head and all parts of the network stand by now."""


@dataclass(frozen=True)
class WrapperEntry(Placed):
    """A registered wrapper.

    Parameters
    ----------
    id, definition
        The name and the class.
    reference
        Authors, year and arXiv id or venue.
    also_known_as, words
        Peer library → its name there; other words that people search for.
    parts
        Whether it acts on the modalities' own parts, which networks of joined inputs do not have.
    """

    id: str
    definition: type[TrainingWrapper]
    reference: str = ""
    also_known_as: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    parts: bool = True

    @property
    def other_names(self) -> tuple[str, ...]:
        """Names under which it is looked up beside its id."""
        return (*known_names(*self.also_known_as.values()), *self.words)

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and default values, read from the signature of `attach`."""
        parameters = list(inspect.signature(self.definition.attach).parameters.values())[1:]
        return {p.name: (None if p.default is p.empty else p.default) for p in parameters}

    @property
    def doc(self) -> str:
        """The definition's docstring."""
        return inspect.getdoc(self.definition) or ""

    def refuse(self, entry: Entry) -> str | None:
        """Return why an entry cannot be trained this way, in one sentence, or None."""
        axes = entry.axes
        if not (isinstance(entry.definition, type) and issubclass(entry.definition, FusionNetwork)):
            network = entry.is_function and axes.level != "decisions"
            if not network:
                return f"+{self.id} changes how a network is trained, and {entry.id} is no network"
        if axes.training == "apart":
            return f"+{self.id} changes joint training, and the modalities of {entry.id} are trained apart"
        if self.parts and axes.architecture not in PARTS:
            return (
                f"+{self.id} acts on each modality's own part, and {entry.id} has none: it is {axes.architecture}"
            )
        return None


WRAPPERS: Registry[WrapperEntry] = Registry("training wrapper", "See `fusebench list variants`.")


def register_wrapper(id: str, **about: Any) -> Callable[[type[TrainingWrapper]], type[TrainingWrapper]]:
    """Register a `TrainingWrapper` class; `about` are fields of `WrapperEntry`.

    Raises
    ------
    FusebenchError
        For an unknown field.
    """
    fields = set(WrapperEntry.__dataclass_fields__) - {"id", "definition"}
    for key in set(about) - fields:
        raise unknown(f"argument of register_wrapper({id!r})", key, fields)

    def add(definition: type[TrainingWrapper]) -> type[TrainingWrapper]:
        WRAPPERS.add(WrapperEntry(id, definition, **about))
        return definition

    return add


def resolve_wrappers(entry: Entry, name: Name) -> tuple[Name, ...]:
    """Return the canonical names of a name's wrappers.

    Raises
    ------
    UnknownNameError
        For an unknown wrapper or option.
    FusebenchError
        For one named twice, or one that the entry cannot be trained by.
    """
    known: list[Name] = []
    for asked in name.wrappers:
        wrapper = WRAPPERS.get(asked.base)
        reason = wrapper.refuse(entry)
        if wrapper.id in (each.base for each in known):
            reason = f"+{wrapper.id} is named twice"
        if reason is not None:
            raise FusebenchError(f"Variant {str(name)!r}: {reason}.")
        owner = f"wrapper {wrapper.id!r}"
        chosen = canonical(Name(wrapper.id, asked.options), wrapper.defaults, owner)
        check_options(wrapper.defaults, chosen.options, owner)
        known.append(chosen)
    return tuple(known)


def wrapped(network: Callable[..., FusionNetwork], names: tuple[Name, ...]) -> Callable[..., FusionNetwork]:
    """Return the network class, or partial application of one, with wrappers around it, innermost first."""
    fixed = network.keywords if isinstance(network, partial) else {}
    kind: Any = network.func if isinstance(network, partial) else network
    for name in names:
        wrapper = WRAPPERS.get(name.base).definition
        chosen = {**getattr(kind, "chosen", {}), wrapper: dict(name.options)}
        kind = type(f"{wrapper.__name__}{kind.__name__}", (wrapper, kind), {"chosen": chosen, "joined": True})
    return partial(kind, **fixed) if fixed else kind


def written(kind: type) -> list[type]:
    """Return the classes, as they are written in files, that a network class is joined of."""
    return [part for base in kind.__bases__ for part in written(base)] if vars(kind).get("joined") else [kind]
