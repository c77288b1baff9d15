"""The plan: every cell and stage of a suite as frozen data, checked whole before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from .. import datasets, fusion
from ..core.errors import FusebenchError, unknown
from ..core.files import dumps
from ..core.fingerprint import source_hash
from ..core.names import Name, parse, split_outside
from ..datasets import DataSet
from ..datasets.splits import fold_of
from ..fusion.registry import TIERS
from .suite import Suite

PROTOCOL = 1  # raised when splitting, scoring or seeding changes what a cell means


@dataclass(frozen=True)
class Stage:
    """A unit of training that several cells use, on one data set and seed."""

    hash: str
    name: str
    dataset: str
    seed: int
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One (variant, data set, seed).

    Parameters
    ----------
    hash
        Of everything that can change its result.
    variant, dataset, seed
        Canonical names, and the suite's seed.
    stages
        The stages it uses, by name.
    incompatible
        Why the variant cannot take the data set, or None.
    """

    hash: str
    variant: str
    dataset: str
    seed: int
    stages: Mapping[str, Stage] = field(default_factory=dict)
    incompatible: str | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What has one current record."""
        return self.variant, self.dataset, self.seed


@dataclass(frozen=True)
class Plan:
    """What a run is to compute and what its folder shows.

    Parameters
    ----------
    suite
        The suite it comes from.
    cells
        Every cell of the folder, in the order of data set, variant, seed.
    wanted
        Hashes of the cells this run computes; the rest are only shown.
    sources
        The data sets by canonical name.
    """

    suite: Suite
    cells: tuple[Cell, ...]
    wanted: frozenset[str]
    sources: Mapping[str, DataSet]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that wanted cells use, each once."""
        used = {s.hash: s for c in self.cells if c.hash in self.wanted for s in c.stages.values()}
        return tuple(used.values())


def make(
    suite: Suite,
    variants: Iterable[str] = (),
    chosen: Iterable[str] = (),
    seeds: Iterable[int] = (),
    own: DataSet | None = None,
    stored: Iterable[tuple[str, str, int]] = (),
) -> Plan:
    """Plan a suite.

    Parameters
    ----------
    suite
        What the folder belongs to.
    variants, chosen, seeds
        Names and globs of variants and data sets, and seeds, that this run computes; empty = the suite's.
        Any registered name may be given, also one that the suite does not list.
    own
        A data set of the user's that stands in for the suite's.
    stored
        Keys of records in the folder, so that those the suite does not list keep their place.

    Raises
    ------
    FusebenchError
        For any name, option or setting that does not exist or fit; nothing has run then.
    """
    sources = _sources(suite, chosen, own)
    listed = {own.name} if own else {str(name) for name in _dataset_names(suite.suite.datasets)}
    wanted_sets = _dataset_names(chosen, listed) if chosen else listed
    listed_variants = variant_names(suite.suite.variants)
    wanted_variants = variant_names(variants, listed_variants) if variants else listed_variants
    wanted_seeds = set(seeds) or set(suite.suite.seeds)
    planner = _Planner(suite, sources)
    wanted = [
        planner.cell(name, dataset, seed)
        for dataset in sorted(wanted_sets)
        for variant in wanted_variants
        for name in fusion.expand(variant, sources[dataset].modalities)
        for seed in sorted(wanted_seeds)
    ]
    shown = [
        planner.cell(name, dataset, seed)
        for dataset in sorted(listed & set(sources))
        for variant in listed_variants
        for name in fusion.expand(variant, sources[dataset].modalities)
        for seed in suite.suite.seeds
    ]
    kept = [planner.cell(*key) for key in stored if planner.knows(key)]
    cells = {cell.key: cell for cell in [*shown, *kept, *wanted]}
    ordered = sorted(cells.values(), key=lambda c: (c.dataset, c.variant, c.seed))
    return Plan(suite, tuple(ordered), frozenset(c.hash for c in wanted), sources)


def _sources(suite: Suite, chosen: Iterable[str], own: DataSet | None) -> dict[str, DataSet]:
    datasets.load_all()
    if own is not None:
        return {own.name: own}
    listed = _dataset_names(suite.suite.datasets)
    names = listed | (_dataset_names(chosen, listed) if chosen else set())
    return {name: datasets.get(name) for name in sorted(names)}


def _dataset_names(patterns: Iterable[str], listed: set[str] | None = None) -> set[str]:
    datasets.load_all()
    found: set[str] = set()
    for pattern in patterns:
        if any(sign in pattern for sign in "*?"):
            pool = (listed or set()) | set(datasets.REGISTRY.ids)
            matches = {name for name in pool if fnmatchcase(name, pattern)}
            if not matches:
                raise unknown("data set pattern", pattern, datasets.REGISTRY.ids, "See `fusebench list datasets`.")
            in_suite = matches & (listed or set())
            found |= in_suite or matches
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


def split_list(texts: Iterable[str]) -> list[str]:
    """Split comma lists outside brackets: `a,b(c=1,d=2)` holds two names."""
    return [piece for text in texts for piece in split_outside(text, ",") if piece]


class _Planner:
    """Makes cells; hashes of sources and tasks are computed once."""

    def __init__(self, suite: Suite, sources: Mapping[str, DataSet]):
        self.suite, self.sources = suite, sources
        self.training = suite.training.model_dump(mode="json")
        self.cell = cache(self._cell)
        self.task = cache(self._task)
        self.stage = cache(self._stage)
        self.identity = cache(self._identity)

    def knows(self, key: tuple[str, str, int]) -> bool:
        """Return whether a stored record's variant and data set still exist."""
        try:
            fusion.resolve(key[0])
            return key[1] in self.sources
        except FusebenchError:
            return False

    def _task(self, dataset: str) -> fusion.Task:
        source = self.sources[dataset]
        settings, chosen = self.suite.training.settings(), self.suite.training.extractors
        return fusion.make_task(source.modalities, source.classes, settings, chosen)

    def _identity(self, dataset: str) -> str:
        source = self.sources[dataset]
        return _hash({"name": source.name, "source": source_hash(type(source)), "raw": source.identity()})

    def _common(self, name: str, dataset: str, seed: int, needs: list[str]) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "name": name,
            "source": source_hash(*fusion.definitions(name, self.task(dataset))),
            "dataset": self.identity(dataset),
            "training": self.training,
            "seed": seed,
            "stages": sorted(needs),
        }

    def _stage(self, name: str, dataset: str, seed: int) -> Stage:
        return Stage(_hash({"kind": "stage"} | self._common(name, dataset, seed, [])), name, dataset, seed)

    def _cell(self, variant: str, dataset: str, seed: int) -> Cell:
        source = self.sources[dataset]
        entry, _ = fusion.resolve(variant)
        reason = fusion.refusal(variant, source.modalities, source.classes)
        if reason is not None:
            values = {"kind": "incompatible", "name": variant, "reason": reason, "seed": seed}
            return Cell(_hash(values | {"dataset": dataset}), variant, dataset, seed, {}, reason)
        if entry.axes.architecture == "unimodal":  # the expert is the baseline's own training
            names: tuple[str, ...] = (variant,)
        else:
            names = fusion.build(variant, self.task(dataset)).needs()
        stages = {name: self.stage(name, dataset, seed) for name in names}
        needs = [stage.hash for stage in stages.values()]
        values = {"kind": "cell"} | self._common(variant, dataset, seed, needs)
        return Cell(_hash(values), variant, dataset, seed, stages)


def _hash(value: dict[str, Any]) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()[:32]


def fold(source: DataSet, seed: int) -> int:
    """Return the fold whose rows a seed tests."""
    return fold_of(seed, source.folds)[0]
