"""A recommendation under way: what fits is chosen, run whole, then on parts of the training rows."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from . import fusion
from .benchmarks import budget, run
from .benchmarks.budget import Share
from .benchmarks.describe import UNLIMITED
from .benchmarks.forecast import CURVE, Forecast
from .benchmarks.options import Options, Summary
from .benchmarks.progress import minutes as spoken
from .benchmarks.suite import Suite
from .datasets import DataSet
from .datasets.derived import Fewer
from .fusion.extractors import EXTRACTORS
from .reports.decision import decide

PARTS = (0.25, 0.5)  # of the training rows, for the learning curve
SMALLEST_PART = 20  # rows below which a part teaches nothing


class Budgeted:
    """Some minutes of work on one data set.

    Parameters
    ----------
    source
        The data set.
    suite
        Variants, settings and all seeds.
    options
        Of the run; `own` is the data set.
    minutes
        Wall time that may be spent from now on.
    """

    def __init__(self, source: DataSet, suite: Suite, options: Options, minutes: float):
        self.begin = time.monotonic()
        self.source, self.options, self.minutes = source, options, minutes
        self.suite = run.judged_for(suite, options.own)
        self.say = (lambda line: None) if options.quiet else partial(print, file=sys.stderr)
        self.left_out: list[str] = []
        self.word = "folds" if 1 < source.folds < UNLIMITED else "seeds"
        few = max(SMALLEST_PART, 2 * len(source.classes))
        parts = {part: Fewer(source, part) for part in PARTS}
        self.parts = parts if parts[PARTS[0]].rows["train"] >= few else {}

    def run(self) -> Summary:
        """Do what fits; what does not stands in `left_out`.

        Raises
        ------
        FusebenchError
            Where the least does not fit, before anything is trained.
        """
        forecast = self._forecast()
        share = budget.choose(self.minutes, len(self.suite.suite.seeds), forecast.seconds, self.word)
        self.left_out += share.left_out
        self.say(self._told(share))
        self.options = replace(self.options, expected=forecast.expected())
        suite = with_seeds(self.suite, self.suite.suite.seeds[: share.seeds])
        begin = time.monotonic()
        summary = run.run(suite, replace(self.options, probes=tuple(forecast.probes)))
        if not summary.complete or not share.curve:
            return summary
        if not self.parts:
            self.left_out.append("the learning curve: a quarter of the training rows is too few")
            return summary
        later = forecast.curve_seconds(share.seeds)
        pace = (time.monotonic() - begin) / max(share.seconds - later, 1.0)
        if time.monotonic() + max(1.0, pace) * later > self.begin + 60 * self.minutes:
            self.left_out.append("the learning curve: training took longer than was estimated")
            return summary
        return self._curve(suite)

    def _forecast(self) -> Forecast:
        plan, store, records = run.prepare(self.suite, self.options)
        todo = run.pending(plan, records, self.options)
        names = list(dict.fromkeys(cell.variant for cell in plan.cells if cell.hash in plan.wanted))
        forecast = Forecast(plan, store, records, todo, {}, self.options.jobs or 0, self._joint(names), self.parts)
        if not todo and not forecast.missing_parts(self.suite.suite.seeds):
            return forecast
        self.say(f"Timing {len(names)} variants on a few rows of {self.source.name}.")
        paces = budget.probe(self.source, self.suite.training, names, self.options.device)
        return replace(forecast, paces=paces)

    def _told(self, share: Share) -> str:
        curve = " and the learning curve at 1/4 and 1/2 of the training rows" if share.curve and self.parts else ""
        left = f" Left out: {'; '.join(share.left_out)}." if share.left_out else ""
        took = f"about {spoken(share.seconds)} of {self.minutes:g} min for what is not stored yet"
        return f"{share.seeds} {self.word} of every variant{curve}: {took}.{left}"

    def _joint(self, names: Sequence[str]) -> tuple[str, ...]:
        axes = {name: fusion.resolve(name)[0].axes for name in names}
        return tuple(n for n, a in axes.items() if a.training == "joint" and a.architecture != "unimodal")

    def _curve(self, suite: Suite) -> Summary:
        single = decide(run.prepare(suite, self.options)[1], self.source.name).best_single
        variants = tuple(dict.fromkeys([*([single] if single else []), *CURVE]))
        return run.run(suite, replace(self.options, own=(self.source, *self.parts.values()), variants=variants))

    def not_tried(self) -> tuple[str, ...]:
        """Return what no budget would have tried, in words."""
        tried = {fusion.resolve(name)[0].id for name in self.suite.suite.variants}
        others = sorted(set(fusion.REGISTRY.ids) - tried)
        training = self.suite.training
        settings = f"up to {training.epochs} epochs, learning rate {training.lr:g}, width {training.width}"
        chosen = ", ".join(f"{name}: {used}" for name, used in training.extractors.items()) or "the default"
        return (
            f"Tuning: untuned defaults, one setting for every variant ({settings}).",
            f"Extractors: {chosen} of {', '.join(sorted(EXTRACTORS.ids))}; no pretrained ones.",
            f"Variants: {len(others)} others of the register ({', '.join(others)}); `fusebench run` has them.",
        )


def with_seeds(suite: Suite, seeds: Sequence[int]) -> Suite:
    """Return a suite that runs other seeds."""
    return suite.model_copy(update={"suite": suite.suite.model_copy(update={"seeds": tuple(seeds)})})
