"""What names, globs and comma lists choose: variants and data sets by their canonical names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase

from .. import datasets, fusion
from ..core.errors import FusebenchError, unknown
from ..core.names import Name, parse
from ..datasets import DataSet
from ..fusion.registry import TIERS
from .suite import Suite


def sources(
    suite: Suite, chosen: Collection[str], own: Collection[DataSet], stored: Collection[str]
) -> dict[str, DataSet]:
    """Return the data sets that a plan is about, by canonical name.

    Parameters
    ----------
    suite
        Its own are always among them.
    chosen
        Names and globs of those to compute.
    own
        The user's own, in place of the suite's; empty = the suite's.
    stored
        Names that have records; those that no longer exist are left out.

    Raises
    ------
    FusebenchError
        For a name that is none, for `own` beside `chosen`, and where no data set has the positive label.
    """
    datasets.load_all()
    if own:
        found = {source.name: source for source in own}
        if chosen:
            raise FusebenchError(
                f"The data set {min(found)!r} stands in for those of the suite: leave out --datasets, or the data."
            )
    else:
        listed = dataset_names(suite.suite.datasets)
        found = {name: datasets.get(name) for name in listed | dataset_names(chosen, listed)}
        for name in set(stored) - set(found):
            with suppress(FusebenchError):  # it was registered when it was run
                found[name] = datasets.get(name)
    _check_positive(suite, found)
    return dict(sorted(found.items()))


def _check_positive(suite: Suite, sources: Mapping[str, DataSet]) -> None:
    label = suite.suite.positive
    classes = {name for source in sources.values() for name in source.classes}
    if label is not None and label not in classes:
        raise unknown(f"positive label of suite {suite.name!r}", label, classes, "No data set has that class.")


def dataset_names(patterns: Iterable[str], listed: Collection[str] = ()) -> set[str]:
    """Return the canonical names that names and globs stand for; a glob means those of `listed` if any fit."""
    datasets.load_all()
    found: set[str] = set()
    for pattern in patterns:
        if any(sign in pattern for sign in "*?"):
            pool = {*listed, *datasets.REGISTRY.ids}
            matches = {name for name in pool if fnmatchcase(name, pattern)}
            if not matches:
                raise unknown("data set pattern", pattern, datasets.REGISTRY.ids, "See `fusebench list datasets`.")
            found |= matches & set(listed) or matches
        else:
            found.add(datasets.get(pattern).name)
    return found


def variant_names(patterns: Iterable[str], listed: Iterable[str] = ()) -> list[str]:
    """Return the canonical names that names, globs and `tier:NAME` stand for, each once, in order.

    A glob may carry options, `merge_*(width=matched)`: it then means the entries that have them.
    """
    fusion.load_all()
    found: dict[str, None] = {}
    for pattern in patterns:
        for name in _variants_of(pattern, list(listed)):
            found.setdefault(name)
    return list(found)


def _variants_of(pattern: str, listed: list[str]) -> list[str]:
    if pattern.startswith("tier:"):
        tier = pattern.removeprefix("tier:")
        if tier not in TIERS:
            raise unknown("tier", tier, TIERS)
        return [entry.id for entry in fusion.REGISTRY if entry.tier == tier]
    if not any(sign in pattern.partition("(")[0] for sign in "*?"):
        return [str(fusion.resolve(pattern)[1])]
    head, bracket, rest = pattern.partition("(")
    options = parse("any(" + rest).options if bracket else {}
    matches = [
        str(Name(entry.id, options))
        for entry in fusion.REGISTRY
        if fnmatchcase(entry.id, head) and set(options) <= set(entry.defaults)
    ]
    matches += [name for name in listed if not options and fnmatchcase(name, pattern)]
    if not matches:
        raise unknown("variant pattern", pattern, fusion.REGISTRY.ids, "See `fusebench list variants`.")
    return [str(fusion.resolve(name)[1]) for name in matches]
