"""How long the rest of a recommendation will take: what is not stored yet, at the pace that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .. import fusion
from ..datasets import DataSet
from ..results.record import Key, Row
from ..results.store import Store
from . import stages as stage_files
from .budget import Pace, timing_seconds, wall_seconds
from .cost import RULE_SECONDS
from .plan import Cell, Plan

CURVE = ("late_mean", "concat_features")  # with the best single modality, which is known after the whole


@dataclass(frozen=True)
class Forecast:
    """Expected seconds of a plan, by how much of it is run.

    Parameters
    ----------
    plan
        Of the whole data set, every seed.
    store, records
        What is stored.
    todo
        The cells of the plan that are not.
    paces
        Variant → how long it takes on the whole.
    jobs
        Worker processes.
    probes
        Variants whose interaction is measured.
    parts
        The data sets of the learning curve: share of the training rows → data set.
    """

    plan: Plan
    store: Store
    records: Mapping[Key, Row]
    todo: Sequence[Cell]
    paces: Mapping[str, Pace]
    jobs: int
    probes: Sequence[str]
    parts: Mapping[float, DataSet]

    @property
    def source(self) -> DataSet:
        """The data set."""
        return next(iter(self.plan.sources.values()))

    def seconds(self, seeds: int, curve: bool) -> float:
        """Return the expected wall seconds of the first `seeds` seeds, and of the learning curve if wanted."""
        chosen = self.plan.suite.suite.seeds[:seeds]
        work = self._training(chosen) + (self._curve(chosen) if curve else [])
        untimed = {name: self.paces[name] for name in self._untimed(chosen[0]) if name in self.paces}
        timing = timing_seconds(
            untimed, [name for name in self.probes if name in untimed], len(self.source.modalities)
        )
        return wall_seconds(work, self.jobs) + timing

    def curve_seconds(self, seeds: int) -> float:
        """Return the expected wall seconds of the learning curve alone."""
        return wall_seconds(self._curve(self.plan.suite.suite.seeds[:seeds]), self.jobs)

    def _training(self, seeds: Sequence[int]) -> list[float]:
        cells = [cell for cell in self.todo if cell.seed in seeds and cell.incompatible is None]
        stages = {stage.hash: stage for cell in cells for stage in cell.stages.values()}
        missing = [s for s in stages.values() if stage_files.read(self.store.stage_path(s.hash)) is None]
        own = [RULE_SECONDS if cell.variant in cell.stages else self._fit(cell.variant) for cell in cells]
        return own + [self._fit(stage.name) for stage in missing]

    def _fit(self, name: str) -> float:
        return self.paces[name].fit if name in self.paces else RULE_SECONDS

    def _curve(self, seeds: Sequence[int]) -> list[float]:
        """Assume the slowest classical learner to be the best single modality: it is not known yet."""
        singles = [n for n in self.paces if fusion.resolve(n)[0].axes.architecture == "unimodal"]
        neural = [n for n in singles if fusion.resolve(n)[0].axes.learner == "neural"]
        slowest = max((self._fit(n) for n in singles if n not in neural), default=0.0)
        whole = [*map(self._fit, neural), self._fit(CURVE[1]), slowest, RULE_SECONDS]
        return [part * seconds for part, _ in self.missing_parts(seeds) for seconds in whole]

    def missing_parts(self, seeds: Sequence[int]) -> list[tuple[float, int]]:
        """Return the points of the learning curve, (share of the training rows, seed), that are not stored."""
        stored = {(key[1], key[2]) for key in self.records if key[0] == CURVE[0]}
        return [(part, seed) for part, s in self.parts.items() for seed in seeds if (s.name, seed) not in stored]

    def _untimed(self, seed: int) -> list[str]:
        cells = [cell for cell in self.plan.cells if cell.seed == seed and cell.dataset == self.source.name]
        return [cell.variant for cell in cells if not self.store.timing_done(cell.hash)]

    def expected(self) -> dict[tuple[str, str], float]:
        """Return seconds of training by (variant, data set), of the whole and of its parts."""
        name = self.source.name
        whole = {(variant, name): pace.fit for variant, pace in self.paces.items()}
        parts = {
            (variant, source.name): part * pace.fit
            for variant, pace in self.paces.items()
            for part, source in self.parts.items()
        }
        return whole | parts
