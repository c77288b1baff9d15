"""The plan: every cell and stage of a suite as frozen data, checked whole before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .. import fusion
from ..core.errors import FusebenchError
from ..core.files import dumps
from ..core.fingerprint import source_hash
from ..datasets import DataSet
from ..datasets.splits import fold_of
from .choose import dataset_names, sources, variant_names
from .published import published
from .suite import PublishedFigure, Suite

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
    own
        Names of those that are the user's own.
    published
        Figures of others that stand beside the suite's cells.
    """

    suite: Suite
    cells: tuple[Cell, ...]
    wanted: frozenset[str]
    sources: Mapping[str, DataSet]
    own: frozenset[str] = frozenset()
    published: tuple[PublishedFigure, ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that wanted cells use, each once."""
        used = {s.hash: s for c in self.cells if c.hash in self.wanted for s in c.stages.values()}
        return tuple(used.values())


def make(
    suite: Suite,
    variants: Collection[str] = (),
    chosen: Collection[str] = (),
    seeds: Iterable[int] = (),
    own: Sequence[DataSet] = (),
    stored: Collection[tuple[str, str, int]] = (),
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
        Data sets of the user's: the first stands in for the suite's, the others are computed beside it, by the
        variants of this run alone.
    stored
        Keys of records in the folder, so that those the suite does not list keep their place.

    Raises
    ------
    FusebenchError
        For any name, option or setting that does not exist or fit; nothing has run then.
    """
    found = sources(suite, chosen, own, {key[1] for key in stored})
    listed = {own[0].name} if own else dataset_names(suite.suite.datasets)
    wanted_sets = set(found) if own else dataset_names(chosen, listed) if chosen else listed
    listed_variants = variant_names(suite.suite.variants)
    wanted_variants = variant_names(variants, listed_variants) if variants else listed_variants
    wanted_seeds = set(seeds) or set(suite.suite.seeds)
    planner = _Planner(suite, found)
    wanted = [
        planner.cell(name, dataset, seed)
        for dataset in sorted(wanted_sets)
        for variant in wanted_variants
        for name in fusion.expand(variant, found[dataset].modalities)
        for seed in sorted(wanted_seeds)
    ]
    shown = [
        planner.cell(name, dataset, seed)
        for dataset in sorted(listed)
        for variant in listed_variants
        for name in fusion.expand(variant, found[dataset].modalities)
        for seed in suite.suite.seeds
    ]
    cells = {cell.key: cell for cell in [*shown, *planner.kept(stored), *wanted]}
    ordered = sorted(cells.values(), key=lambda c: (c.dataset, c.variant, c.seed))
    shown_sets = {cell.dataset for cell in ordered}
    return Plan(
        suite,
        tuple(ordered),
        frozenset(c.hash for c in wanted),
        {name: source for name, source in found.items() if name in shown_sets},
        frozenset(source.name for source in own),
        () if own else published(suite, {(cell.variant, cell.dataset) for cell in shown}),
    )


class _Planner:
    """Makes cells; hashes of sources and tasks are computed once."""

    def __init__(self, suite: Suite, sources: Mapping[str, DataSet]):
        self.suite, self.sources = suite, sources
        self.training = suite.training.model_dump(mode="json")
        self.cell = cache(self._cell)
        self.task = cache(self._task)
        self.stage = cache(self._stage)
        self.identity = cache(self._identity)

    def kept(self, stored: Iterable[tuple[str, str, int]]) -> Iterator[Cell]:
        """Yield the cells of stored records whose variant and data set still exist."""
        for key in stored:
            if key[1] in self.sources:
                with suppress(FusebenchError):
                    yield self.cell(*key)

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
