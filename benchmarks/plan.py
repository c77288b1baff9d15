"""The plan: every cell and stage of a suite as frozen data, checked whole before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from .. import fusion
from ..core.collecting import uncollected
from ..core.errors import FusebenchError
from ..core.fingerprint import source_hash
from ..datasets import DataSet, Modality
from ..datasets.splits import fold_of
from ..results.record import Key
from .choose import dataset_names, sources, variant_names
from .hashing import STAGES, Hashed, hash_of
from .published import published
from .suite import PublishedFigure, Suite
from .traits import Trait, Traits, ours

PROTOCOL = 1  # raised when splitting, scoring or seeding changes what a cell means
_NONE: Mapping[str, Stage] = {}


@dataclass(frozen=True, slots=True)
class Stage:
    """A unit of training that several cells use, on one data set and seed."""

    hash: str
    name: str
    dataset: str
    seed: int
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
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


@uncollected
def make(
    suite: Suite,
    variants: Collection[str] = (),
    chosen: Collection[str] = (),
    seeds: Iterable[int] = (),
    own: Sequence[DataSet] = (),
    stored: Collection[Key] = (),
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
    wanted = planner.cells(frozenset(wanted_sets), tuple(wanted_variants), frozenset(wanted_seeds))
    shown = planner.cells(frozenset(listed), tuple(listed_variants), frozenset(suite.suite.seeds))
    planner.keep(stored)
    planner.traits.save()
    ordered = sorted(planner.made.values(), key=lambda c: (c.dataset, c.variant, c.seed))
    shown_sets = {cell.dataset for cell in ordered}
    return Plan(
        suite,
        tuple(ordered),
        frozenset(c.hash for c in wanted),
        {name: source for name, source in found.items() if name in shown_sets},
        frozenset(source.name for source in own),
        () if own else published(suite, {(cell.variant, cell.dataset) for cell in shown}),
    )


@dataclass(frozen=True)
class _Pair:
    """What the cells of one variant on one data set have in common, whatever the seed."""

    hashed: Hashed
    needs: tuple[str, ...]
    incompatible: str | None


class _Planner:
    """Makes cells; what seeds, data sets of one shape or variants have in common is computed once."""

    def __init__(self, suite: Suite, sources: Mapping[str, DataSet]):
        self.suite, self.sources = suite, sources
        self.training = suite.training.model_dump(mode="json")
        self.made: dict[Key, Cell] = {}
        self.traits = Traits(self.training, all(ours(type(source)) for source in sources.values()))
        self.cells, self.stage = cache(self._cells), cache(self._stage)
        self.pair, self.stage_hash = cache(self._pair), cache(self._stage_hash)
        self.trait, self.task = cache(self._trait), cache(self._task)
        self.names, self.identity = cache(fusion.expand), cache(self._identity)
        self.source = cache(lambda definitions: source_hash(*definitions))

    def _cells(self, chosen: frozenset[str], variants: tuple[str, ...], seeds: frozenset[int]) -> list[Cell]:
        ordered = sorted(seeds)
        pairs = [
            (name, dataset)
            for dataset in sorted(chosen)
            for variant in variants
            for name in self.names(variant, self.sources[dataset].modalities)
        ]
        return [self.cell(*pair, seed) for pair in pairs for seed in ordered]

    def keep(self, stored: Iterable[Key]) -> None:
        """Make the cells of stored records whose variant and data set still exist."""
        gone: set[tuple[str, str]] = set()
        for variant, dataset, seed in set(stored) - self.made.keys():
            if dataset in self.sources and (variant, dataset) not in gone:
                try:
                    self.cell(variant, dataset, seed)
                except FusebenchError:
                    gone.add((variant, dataset))

    def cell(self, variant: str, dataset: str, seed: int) -> Cell:
        """Return a cell, made when it is first asked for."""
        key = variant, dataset, seed
        if key not in self.made:
            self.made[key] = self._cell(variant, dataset, seed)
        return self.made[key]

    def _task(self, modalities: tuple[Modality, ...], classes: tuple[str, ...]) -> fusion.Task:
        settings, chosen = self.suite.training.settings(), self.suite.training.extractors
        return fusion.make_task(modalities, classes, settings, chosen)

    def _identity(self, dataset: str) -> str:
        source = self.sources[dataset]
        return hash_of({"name": source.name, "source": self._loader(type(source)), "raw": source.identity()})

    def _loader(self, kind: type[DataSet]) -> str:
        return self.traits.known(
            lambda: Trait(source=source_hash(kind)), "data set", f"{kind.__module__}.{kind.__qualname__}"
        ).source

    def _trait(self, kind: str, name: str, modalities: tuple[Modality, ...], classes: tuple[str, ...]) -> Trait:
        task = self.task(modalities, classes)
        return self.traits.known(lambda: self._found(kind, name, task), kind, name, modalities, classes)

    def _found(self, kind: str, name: str, task: fusion.Task) -> Trait:
        needs: tuple[str, ...] = ()
        if kind == "cell":
            entry, _ = fusion.resolve(name)
            reason = fusion.refusal(name, task.modalities, task.classes)
            if reason is not None:
                return Trait(reason)
            # the expert is the baseline's own training
            needs = (name,) if entry.axes.architecture == "unimodal" else fusion.build(name, task).needs()
        return Trait(None, needs, self.source(tuple(fusion.definitions(name, task))))

    def _hashed(self, kind: str, name: str, dataset: str, source: str) -> Hashed:
        values = {
            "kind": kind,
            "protocol": PROTOCOL,
            "name": name,
            "source": source,
            "dataset": self.identity(dataset),
            "training": self.training,
            "stages": STAGES,
        }
        return Hashed(values)

    def _of(self, kind: str, name: str, dataset: str) -> Trait:
        source = self.sources[dataset]
        return self.trait(kind, name, source.modalities, tuple(source.classes))

    def _stage_hash(self, name: str, dataset: str) -> Hashed:
        return self._hashed("stage", name, dataset, self._of("stage", name, dataset).source)

    def _stage(self, name: str, dataset: str, seed: int) -> Stage:
        return Stage(self.stage_hash(name, dataset)(seed), name, dataset, seed)

    def _pair(self, variant: str, dataset: str) -> _Pair:
        trait = self._of("cell", variant, dataset)
        if trait.incompatible is not None:
            values = {"kind": "incompatible", "name": variant, "reason": trait.incompatible, "dataset": dataset}
            return _Pair(Hashed(values), (), trait.incompatible)
        return _Pair(self._hashed("cell", variant, dataset, trait.source), trait.needs, None)

    def _cell(self, variant: str, dataset: str, seed: int) -> Cell:
        pair = self.pair(variant, dataset)
        stages = {name: self.stage(name, dataset, seed) for name in pair.needs} if pair.needs else _NONE
        hash = pair.hashed(seed, [stage.hash for stage in stages.values()])
        return Cell(hash, variant, dataset, seed, stages, pair.incompatible)


def fold(source: DataSet, seed: int) -> int:
    """Return the fold whose rows a seed tests."""
    return fold_of(seed, source.folds)[0]
