"""The verdict as plain values, for a program that reads it."""

from __future__ import annotations

from typing import Any

from .compare import Estimate
from .verdict import Verdict
from .words import sentences


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Return everything that the page tells, unrounded; NaN stands for what is undefined."""
    compared, evidence, context = verdict.comparison, verdict.evidence, verdict.context
    table = verdict.table.astype(object)
    return {
        "dataset": evidence.dataset,
        "metric": evidence.metric,
        "seeds": list(evidence.seeds),
        "placebo": context.placebo,
        "recommended": verdict.recommended,
        "first_place": list(compared.first),
        "leader": compared.leader,
        "best_single": list(verdict.single),
        "guess": None if verdict.gate is None else verdict.gate.guess,
        "variants": table.where(table.notna(), None).to_dict("records"),
        "modalities": [
            {"modality": w.modality, "rule": w.rule, "shapley": _pair(w.shapley), "removal": _pair(w.removal)}
            for w in verdict.worths
        ],
        "interaction": {name: _pair(i.share) | {"rows": i.rows} for name, i in verdict.interactions.items()},
        "curves": [
            {"variant": c.variant, "rows": list(c.rows), "means": list(c.means), "doubling": _pair(c.doubling)}
            for c in verdict.curves
        ],
        "unfinished": {name: list(seeds) for name, seeds in verdict.unfinished.items()},
        "warnings": list(context.warnings),
        "left_out": list(context.left_out),
        "not_tried": list(context.not_tried),
        "command": context.command,
        "verdict": list(sentences(verdict)),
    }


def _pair(found: Estimate) -> dict[str, float]:
    return {"value": found.value, "half": found.half}
