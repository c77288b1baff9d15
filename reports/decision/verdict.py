"""The verdict on one data set: everything that is known about it, and whether anything is recommended."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ...results.store import Store
from .. import run as runs
from ..run import MISSING
from ..wording import why_absent
from .compare import JOINT, Comparison, Estimate
from .curve import Curve, curves
from .evidence import Evidence
from .guessing import Gate, gate
from .worth import Worth, worths

UNFINISHED = ("failed", "timeout", "out_of_memory")


@dataclass(frozen=True)
class Context:
    """What the caller knows and a results folder does not.

    Parameters
    ----------
    warnings
        What is wrong with the data, a sentence each.
    left_out
        What the time did not allow.
    not_tried
        What no budget would have tried.
    command
        What to type to have the same again.
    placebo
        Whether the labels are shuffled.
    """

    warnings: Sequence[str] = ()
    left_out: Sequence[str] = ()
    not_tried: Sequence[str] = ()
    command: str = ""
    placebo: bool = False


@dataclass(frozen=True)
class Interaction:
    """What a joint variant's accuracy owes to interaction, measured when it was timed."""

    variant: str
    accuracy: float
    share: Estimate
    rows: int
    draws: int


@dataclass(frozen=True)
class Verdict:
    """What is known about the variants on one data set.

    Parameters
    ----------
    evidence, comparison
        The stored results, and the differences between variants.
    context
        What the caller adds.
    """

    evidence: Evidence
    comparison: Comparison
    context: Context = Context()

    @cached_property
    def gate(self) -> Gate | None:
        """The variants against guessing; None where no variant is complete."""
        return gate(self.evidence) if self.evidence.names else None

    @cached_property
    def beating(self) -> tuple[str, ...]:
        """Variants that share the first place and beat guessing, where the leader does; else none."""
        held, leader = self.gate, self.comparison.leader
        if held is None or leader is None or not held.passed(leader):
            return ()
        return tuple(name for name in self.comparison.first if held.passed(name))

    @cached_property
    def recommended(self) -> str | None:
        """The cheapest of those; None where nothing can be recommended."""
        return self.comparison.cheapest(self.beating) if self.beating else None

    @cached_property
    def single(self) -> tuple[str, ...]:
        """The single modality that validates best, one a seed."""
        return self.comparison.chosen(self.comparison.of_kind("unimodal"))

    @property
    def best_single(self) -> str | None:
        """The one that is chosen on most seeds."""
        return commonest(self.single)

    @cached_property
    def joint(self) -> tuple[str, ...]:
        """The jointly trained fusion that validates best, one a seed."""
        return self.comparison.chosen(self.comparison.of_kind(JOINT))

    @property
    def singles_first(self) -> tuple[str, ...]:
        """Single modalities that share the first place."""
        return tuple(n for n in self.comparison.of_kind("unimodal") if n in self.comparison.first)

    @cached_property
    def interactions(self) -> dict[str, Interaction]:
        """What was measured of joint variants, by name."""
        found = {}
        for timing in self.evidence.store.timings():
            held = timing.get("emap") or {}
            if timing["dataset"] == self.evidence.dataset and "interaction" in held:
                error = math.nan if held["error"] is None else held["error"]
                share = Estimate(held["interaction"], 1.96 * error)
                found[timing["variant"]] = Interaction(
                    timing["variant"], held["accuracy"], share, held["rows"], held["draws"]
                )
        return found

    @cached_property
    def worths(self) -> list[Worth]:
        """What each modality is worth under late rules."""
        return worths(self.evidence)

    @cached_property
    def curves(self) -> list[Curve]:
        """Learning curves, of the variants that have one."""
        return curves(self.evidence)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a planned variant, the best first, those without a mean last.

        Columns: `variant, mean, half, first, beats_guessing, gain, gain_half` (over the best single modality),
        `seconds` (training with all that is shared), `latency_ms` (one row), `parameters`, `absent` (why there is
        no mean).
        """
        run, dataset = self.evidence.run, self.evidence.dataset
        names = [n for n in run.variants if run.statuses(n, dataset)]
        rows = pd.DataFrame([self._row(name) for name in names])
        order = rows["mean"] * -self.evidence.sign
        return rows.iloc[order.argsort(kind="stable").to_numpy()].reset_index(drop=True)

    def _row(self, name: str) -> dict[str, Any]:
        if name not in self.evidence.names:
            return {"variant": name, "mean": math.nan, "absent": self._absent(name), "first": False}
        compared, fuses = self.comparison, name not in self.comparison.of_kind("unimodal")
        mean = compared.mean(name)
        gain = compared.ahead(name, self.single) if self.single and fuses else Estimate(math.nan, math.nan)
        return {
            "variant": name,
            "mean": mean.value,
            "half": mean.half,
            "first": name in compared.first,
            "beats_guessing": self.gate is not None and self.gate.passed(name),
            "gain": gain.value,
            "gain_half": gain.half,
            "seconds": compared.seconds(name),
            "latency_ms": compared.latency(name),
            "parameters": compared.parameters(name),
            "absent": "",
        }

    def _absent(self, name: str) -> str:
        return why_absent(self.evidence.run, name, self.evidence.dataset)

    @cached_property
    def unfinished(self) -> dict[str, tuple[int, ...]]:
        """Variant and status → the seeds that ended so, on the data set or parts of it; no reasons, which may
        quote data."""
        cells = self.evidence.run.cells
        bad = cells[cells["status"].isin([*UNFINISHED, MISSING])]
        groups = bad.groupby(["variant", "dataset", "status"], sort=True)["seed"]
        return {
            f"{variant} on {dataset} ({str(status).replace('_', ' ')})": tuple(sorted(map(int, seeds)))
            for (variant, dataset, status), seeds in groups  # type: ignore[misc]
        }


def commonest(chosen: Sequence[str]) -> str | None:
    """Return the name that is chosen most often, the first of them where several are; None where there is none."""
    return Counter(chosen).most_common(1)[0][0] if chosen else None


def decide(store: Store, dataset: str, context: Context | None = None) -> Verdict:
    """Read a results folder and judge the variants on one of its data sets; nothing is written.

    Raises
    ------
    FusebenchError
        Where the folder holds no run.
    """
    evidence = Evidence(store, runs.load(store), dataset)
    return Verdict(evidence, Comparison(evidence), context or Context())
