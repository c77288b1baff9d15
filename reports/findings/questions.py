"""Answers to what a suite was asked, from matched pairs; or the refusal of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import contrasts
from ..run import Run
from ..statistics import LEVEL, holm, least_sets, paired
from ..versus.amounts import estimate, interval, seen, size, units
from ..versus.measured import fixed_rows
from ..wording import counted, number, sentence
from .finding import Finding

# question → what stands on its left, on its right, and the condition that tells it from its neighbours
SIDES = {
    "concat_merge_fusion_width": ("concatenation", "merging", " at equal fusion width"),
    "concat_merge_head_width": ("concatenation", "merging", " at equal head width"),
    "early_late": ("early", "late", ""),
    "cross_modal_late": ("cross-modal", "late", ""),
    "nodes_features": ("joining network nodes", "joining finished vectors", ""),
    "features_decisions": ("joining finished vectors", "joining decisions", ""),
    "gates": ("merging with gates or a hidden layer", "merging without", ""),
    "multiple_single": ("sharing several times", "sharing once", ""),
    "joint_apart": ("joint training", "training apart", ""),
    "pretraining_shared": ("pre-training across modalities", "pre-training within each modality", ""),
    "pretrained_none": ("pre-training within each modality", "no pre-training", ""),
    "wrapped": ("training under a wrapper", "training without", ""),
}
# what a sentence is about → its opening, its questions
ASKED = {
    "concat_merge": ("Concatenate or merge?", ("concat_merge_fusion_width", "concat_merge_head_width")),
    "architecture": ("Early, late or cross-modal?", ("early_late", "cross_modal_late")),
    "level": ("Join nodes or finished vectors?", ("nodes_features",)),
    "decisions": ("Join finished vectors or decisions?", ("features_decisions",)),
    "gates": ("Gates or a hidden layer in a merge?", ("gates",)),
    "training": ("Train jointly or apart?", ("joint_apart",)),
    "sharing": ("Share information, or pre-train?", ("multiple_single", "pretraining_shared", "pretrained_none")),
    "wrappers": ("Train under a wrapper?", ("wrapped",)),
}
QUIET = {"features_decisions", "gates"}  # told only where the suite named them


def answers(run: Run) -> dict[str, Finding]:
    """Answer, or refuse to, what the run holds matched pairs for on two data sets: key of `ASKED` → finding.

    A question is answered where its sign-flip test rejects after Holm: among the questions that the suite
    named before it was run, or among all others.
    """
    rows = {row["question"]: row for row in _rows(run)}
    found = {}
    for key, (opening, questions) in ASKED.items():
        held = [row for row in map(rows.__getitem__, questions) if row["datasets"] > 1]
        held = [row for row in held if row["family"] == contrasts.ADJUSTED or row["question"] not in QUIET]
        if held:
            found[key] = _finding(run, key, opening, held)
    return found


def _rows(run: Run) -> list[dict[str, Any]]:
    data = contrasts.questions(run)
    asked = (data["family"] == contrasts.ADJUSTED).to_numpy()
    rest = holm(np.where(asked, np.nan, data["p"].to_numpy(dtype=float)))
    adjusted = np.where(asked, data["p_adjusted"].to_numpy(dtype=float), rest)
    known = data["p"].notna().to_numpy()
    tests = np.where(asked, (asked & known).sum(), (~asked & known).sum())
    data = data.assign(adjusted=adjusted, tests=tests, told=adjusted <= LEVEL)
    return [{str(name): value for name, value in row.items()} for row in data.to_dict("records")]


def _finding(run: Run, key: str, opening: str, rows: list[dict[str, Any]]) -> Finding:
    told = "; ".join(_part(run, row) for row in rows if row["told"])
    rest = "; ".join(_part(run, row) for row in rows if not row["told"])
    parts = [sentence(told)] if told else []
    parts += [f"Not told apart: {rest}"] if rest else []
    text = f"{opening} {'. '.join(parts)}. ({_how(run, rows)})"
    return Finding(text, "finding" if told else "refusal", key, "questions")


def _how(run: Run, rows: list[dict[str, Any]]) -> str:
    """Tell what was tested, and what so many data sets could have seen: nothing where they are too few."""
    pairs = " and ".join(str(row["pairs"]) for row in rows)
    tests = " and ".join(dict.fromkeys(_tests(row) for row in rows))
    few = [row for row in rows if row["units"] < least_sets(row["tests"])]
    text = f"Matched pairs: {pairs}. Sign-flip tests, Holm over {tests}"
    if len(few) == len(rows):
        have = units(max(row["units"] for row in few), few[0]["claim"])
        fewest = min(least_sets(row["tests"]) for row in few)
        return f"{text}: {have} can tell nothing, whatever the effect; it takes {fewest}."
    could = " and ".join(seen(row["detectable"], run.metric) for row in rows)
    return f"{text}. A t interval, looked at alone, shows {could} with a power of 80 %; these tests show no more."


def _tests(row: dict[str, Any]) -> str:
    kind = "question" if row["family"] == contrasts.ADJUSTED else "exploratory question"
    return counted(row["tests"], kind)


def _part(run: Run, row: dict[str, Any]) -> str:
    """Tell one question's effect, and by which data set it comes about where one outweighs the rest."""
    left, right, condition = SIDES[row["question"]]
    effect, low, high = (row[f"new_{end}" if row["claim"] else end] for end in ("effect", "low", "high"))
    over, heavy = f"over {units(row['units'], row['claim'])}", _heavy(run, row)
    if not row["told"]:
        return f"{left} − {right}{condition} is {estimate(effect, low, high, run.metric)} {over}{heavy}"
    ahead, behind, ends = (left, right, (low, high)) if effect > 0 else (right, left, (-high, -low))
    by = f"{size(effect, run.metric)} {interval(*ends, run.metric)}"
    p = f"p = {number(row['adjusted'], 3)}"
    if ends[0] > 0:
        return f"{ahead} is better than {behind}{condition} by {by} {over}, {p}{heavy}"
    won = row["wins"] if effect > 0 else row["losses"]
    text = f"{ahead} is ahead of {behind}{condition} on {won} of {row['datasets']} data sets, {p}"
    return f"{text}; by {by} {over}, an interval that holds zero{heavy}"


def _heavy(run: Run, row: dict[str, Any]) -> str:
    effects = contrasts.answer(run, row["question"]).effects
    name = max(effects, key=lambda dataset: abs(effects[dataset].value))
    rest = np.array([effect.value for dataset, effect in effects.items() if dataset != name])
    if len(rest) < 2 or abs(effects[name].value) <= np.abs(rest).sum():
        return ""
    value, half = effects[name].value, effects[name].half
    ends = (np.nan, np.nan) if fixed_rows(run, name) is not None else (value - half, value + half)
    others = paired(rest)
    rest_text = estimate(others.mean, others.low, others.high, run.metric)
    return f" ({estimate(value, *ends, run.metric)} on {name}, {rest_text} on the other {len(rest)})"
