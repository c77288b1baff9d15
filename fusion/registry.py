"""The register of variants: `@register(id, …axes…)` on a class or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from ..core.errors import FusebenchError, unknown
from ..core.names import Name, canonical, parse, spell
from ..core.registry import Placed, Registry
from .taxonomy import ABSENT, AXES, SYMMETRIC, WEAKNESSES, Axes
from .variant import Requires

TIERS = ("core", "full")
VALUES = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
Definition = TypeVar("Definition", bound=Callable[..., Any])

# Options that the shared base gives to an entry written as a function: of decisions, or of features.
FUNCTION_OPTIONS: Mapping[bool, Mapping[str, Any]] = {True: {"experts": "unimodal"}, False: {"width": None}}


@dataclass(frozen=True)
class Entry(Placed):
    """A registered variant: its definition and everything that is known about it.

    Parameters
    ----------
    id, definition
        The name and the class or function.
    axes
        Its place in the taxonomy.
    tier
        `core` runs in the suite `quick`, `full` in the suite `full` alone.
    requires
        Data it can take.
    reference
        Authors, year and arXiv id or venue.
    also_known_as
        Peer library → its name there; several are separated by commas.
    words
        Other words that people search for.
    equivalence_class
        Entries of one class are the same function on mapped weights (at default options).
    placebo_of
        The entry that this one is again, under another seed: reports rank it nowhere.
    equivalence_by_options
        Options as spelt in a name (`linear=true`) → the class they put the entry into.
    complexity
        What the join costs a row, in modalities M, width d and what else it depends on: `O(M d)`.
    contestable
        Axis → the value that others would argue for.
    absent
        What it does with a modality that is absent in a row: a key of `taxonomy.ABSENT`.
    weak_on
        What it is known to be weak on: keys of `taxonomy.WEAKNESSES`.
    per_modality
        The option that a data set's modality names fill, one cell each (baselines).
    """

    id: str
    definition: Callable[..., Any]
    axes: Axes
    tier: str = "core"
    requires: Requires = field(default_factory=Requires)
    reference: str = ""
    also_known_as: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    equivalence_class: str | None = None
    equivalence_by_options: Mapping[str, str] = field(default_factory=dict)
    placebo_of: str | None = None
    complexity: str = ""
    contestable: Mapping[str, str] | None = None
    absent: str = "training_mean"
    weak_on: tuple[str, ...] = ()
    per_modality: str | None = None

    @property
    def other_names(self) -> tuple[str, ...]:
        """Names under which it is looked up beside its id."""
        return (*known_names(*self.also_known_as.values()), *self.words)

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and default values, read from the definition's signature."""
        parameters = list(inspect.signature(self.definition).parameters.values())[1:]
        own = {p.name: (None if p.default is p.empty else p.default) for p in parameters}
        return {**FUNCTION_OPTIONS[self.axes.level == "decisions"], **own} if self.is_function else own

    @property
    def is_function(self) -> bool:
        """Whether the definition is a bare rule that a shared base completes."""
        return not isinstance(self.definition, type)

    @property
    def order_free(self) -> bool:
        """Whether the order of modalities is of no account: a symmetric operator, no weights drawn in an order."""
        rule = self.is_function or (self.axes.on_experts and self.axes.architecture == "late")
        return rule and self.axes.operator in SYMMETRIC

    def equivalence(self, options: Mapping[str, Any]) -> str | None:
        """Return the equivalence class at some options; options that are not listed leave the class."""
        spelt = ",".join(f"{key}={spell(options[key])}" for key in sorted(options))
        return self.equivalence_by_options.get(spelt) if spelt else self.equivalence_class

    @property
    def doc(self) -> str:
        """The definition's docstring."""
        return inspect.getdoc(self.definition) or ""

    def metadata(self, options: Mapping[str, Any], wrappers: tuple[Name, ...] = ()) -> dict[str, Any]:
        """Describe the entry in JSON values, as suite.json and `list variants --json` tell it.

        Under a wrapper it is neither one of its equivalence class nor a placebo.
        """
        return {
            "id": self.id,
            "entry": self.id,
            "options": dict(options),
            **asdict(self.axes),
            "figure5": self.axes.figure5,
            "aliases": list(self.axes.aliases),
            "tier": self.tier,
            "wrappers": [str(wrapper) for wrapper in wrappers],
            "equivalence_class": None if wrappers else self.equivalence(options),
            "placebo_of": None if wrappers else self.placebo_of,
            "complexity": self.complexity,
            "also_known_as": dict(self.also_known_as),
            "absent": self.absent,
            "weak_on": list(self.weak_on),
            "contestable": dict(self.contestable) if self.contestable else None,
            "reference": self.reference,
            "definition": self.doc.split("\n\n")[0].replace("\n", " "),
            "place": short_place(self.place),
        }


REGISTRY: Registry[Entry] = Registry("variant", "See `fusebench list variants`.")


def register(id: str, *, tier: str = "core", **about: Any) -> Callable[[Definition], Definition]:
    """Register a class or function as a variant.

    A function with `level="decisions"` receives the experts' decisions, any other receives the stacked
    features h of shape (M, n, width) and returns the fused (n, anything); a class is a `FusionNetwork`
    or a `Variant`.

    Parameters
    ----------
    id
        The name, in small letters and underscores.
    tier
        `core` (in the next `make bench`) or `full`.
    **about
        The axes `architecture`, `data_fusion`, `level`, `operator` and, where not the default, `sharing`,
        `training`, `learner`; any other field of `Entry`.

    Raises
    ------
    DuplicateNameError
        Where the id is taken by another definition.
    FusebenchError
        For an unknown axis, value, field or tier.
    """
    axis_names = {*AXES, "operator"}
    if tier not in TIERS:
        raise unknown(f"tier of variant {id!r}", tier, TIERS)
    fields_known = set(Entry.__dataclass_fields__) - {"id", "definition", "axes", "tier"}
    for key in set(about) - axis_names - fields_known:
        raise unknown(f"argument of register({id!r})", key, axis_names | fields_known)
    missing = {"architecture", "data_fusion", "level", "operator"} - set(about)
    if missing:
        raise FusebenchError(f"register({id!r}) lacks the axis {min(missing)!r}; see fusion/taxonomy.py.")
    for weakness in set(about.get("weak_on", ())) - set(WEAKNESSES):
        raise unknown(f"weakness of variant {id!r}", weakness, WEAKNESSES)
    if about.get("absent", "training_mean") not in ABSENT:
        raise unknown(f"way with absent modalities of variant {id!r}", about["absent"], ABSENT)
    axes = Axes(**{key: about.pop(key) for key in list(about) if key in axis_names})

    def add(definition: Definition) -> Definition:
        REGISTRY.add(Entry(id, definition, axes, tier, **about))
        return definition

    return add


def known_names(*texts: str) -> tuple[str, ...]:
    """Return the names in texts of names separated by commas."""
    return tuple(name.strip() for text in texts for name in text.split(","))


def short_place(place: str) -> str:
    """Return the place from the room on (`fusion/late/merge.py:40`), or the bare file name of a plugin."""
    parts = Path(place).parts
    if "fusion" in parts:
        return "/".join(parts[len(parts) - 1 - parts[::-1].index("fusion") :])
    return parts[-1]


def resolve(text: str) -> tuple[Entry, Name]:
    """Return the entry and the canonical name that a user's name stands for.

    Raises
    ------
    UnknownNameError
        For an unknown variant or option; the nearest is suggested.
    FusebenchError
        For an option value of another kind than its default, such as a word for a number.
    """
    name = Name(text.strip()) if REGISTRY.knows(text.strip()) else parse(text)
    entry = REGISTRY.get(name.base)
    known = canonical(Name(entry.id, name.options), entry.defaults, f"variant {entry.id!r}")
    check_options(entry.defaults, known.options, f"variant {entry.id!r}")
    # looked up by name: entries' sources depend on this file, and must not depend on wrappers
    wrappers = import_module(".wrappers", __package__).resolve_wrappers(entry, name) if name.wrappers else ()
    return entry, replace(known, wrappers=wrappers)


def check_options(defaults: Mapping[str, Any], options: Mapping[str, Any], owner: str) -> None:
    """Refuse an option value of another kind than its default, such as a word for a number.

    Raises
    ------
    FusebenchError
        Naming the owner (`"variant 'gmu'"`), the option, its value and what was expected.
    """
    for key, value in options.items():
        default = defaults[key]
        taken = int | float if type(default) is float else type(default)
        boolean = isinstance(value, bool) and taken is not bool  # a bool is an int to Python
        if type(default) in VALUES and (boolean or not isinstance(value, taken)):
            raise FusebenchError(
                f"{owner[0].upper()}{owner[1:]}: option {key}={spell(value)} was given, expected "
                f"{VALUES[type(default)]} as in {key}={spell(default)}."
            )
