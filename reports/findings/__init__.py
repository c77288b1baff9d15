"""Headline findings, written from the numbers; and refusals, where the numbers support none."""

from __future__ import annotations

from ..run import Run
from .cost import cost
from .finding import Finding, refusal
from .gains import gains
from .interactions import private, synergy
from .limits import claims, noise
from .places import indistinct, places
from .questions import ASKED, answers
from .reproduced import reproduced

__all__ = ["Finding", "findings"]


def findings(run: Run) -> tuple[Finding, ...]:
    """Write the headline sentences of a run, the most important first.

    A sentence appears only where the run holds what it needs; one seed, or one variant, supports none.
    """
    complete = [dataset for dataset in run.datasets if run.scores(dataset).names]
    if not complete:
        return ()
    if not any(run.scores(dataset).within.df > 0 for dataset in complete):
        text = "No finding: an interval takes two seeds, and two variants that are complete on them."
        return (refusal(text, "seeds", run.metric),)
    told = answers(run)
    asked = {key: [told[key]] if key in told else [] for key in ASKED}
    return (
        *synergy(run),
        *gains(run),
        *asked["concat_merge"],
        *asked["architecture"],
        *asked["level"],
        *asked["decisions"],
        *asked["gates"],
        *places(run),
        *private(run),
        *asked["training"],
        *asked["sharing"],
        *asked["wrappers"],
        *reproduced(run),
        *cost(run),
        *noise(run),
        *claims(run),
        *indistinct(run),
    )
