"""Questions and pairs over data sets: one by one, by kind, and all together with a family of tests adjusted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..across import Versus, groups, summarise
from ..comparisons import contrast
from ..matched import PAIRS, QUESTIONS
from ..run import Run
from ..statistics import holm, least_sets, wilcoxon
from .answers import Answer, answer, name_of, why_left_out

ADJUSTED, EXPLORATORY = "F1", "exploratory"


def family(run: Run) -> tuple[str, ...]:
    """Return the questions that the suite named before it was run: F1."""
    named = run.suite.get("definition", {}).get("suite", {}).get("contrasts") or ()
    return tuple(key for key in named if key in QUESTIONS)


def effects(run: Run, alternative: bool = False) -> pd.DataFrame:
    """Return a question's effect on every data set.

    Columns: `question, family, dataset, pairing, interaction, pairs` (how many), `effect, half, low, high`
    (95 % interval by the seeds, looked at alone), `beyond_noise`.
    """
    rows = []
    for key in _order(run):
        found = answer(run, key, alternative)
        for dataset, effect in found.effects.items():
            data, ends = run.data(dataset), (effect.value - effect.half, effect.value + effect.half)
            head = (key, _family(run, key), dataset, data.get("pairing"), data.get("interaction"))
            rows.append((*head, len(found.pairs), effect.value, effect.half, *ends, effect.beyond_noise))
    columns = ["question", "family", "dataset", "pairing", "interaction", "pairs", "effect", "half", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "beyond_noise"])


def _order(run: Run) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*family(run), *QUESTIONS)))


def _family(run: Run, key: str) -> str:
    return ADJUSTED if key in family(run) else EXPLORATORY


def questions(run: Run) -> pd.DataFrame:
    """Return every question's effect over data sets, those of F1 first and adjusted.

    Columns: `question, family` (`F1` or `exploratory`), `title, positive, axis, pairs`, those of `_summary`,
    `p_adjusted` (Holm over F1; NaN elsewhere), `least_sets` (from how many on F1 can reject anything),
    `wilcoxon_p, wilcoxon_method`, `left_out` (pairs and data sets, why), `alternative_effect,
    alternative_low, alternative_high, alternative_pairs` and `alternative` (the effect, its t interval and
    the pairs under the other placement of contestable entries, and what moved).
    """
    rows: list[dict[str, Any]] = []
    for key in _order(run):
        found, other = answer(run, key), answer(run, key, alternative=True)
        over, moved = found.over(run), other.over(run).paired
        question, test = QUESTIONS[key], wilcoxon(over.effects)
        rows.append(
            {"question": key, "family": _family(run, key), "title": question.title, "positive": question.positive,
             "axis": question.axis, "pairs": len(found.pairs)}
            | _summary(over)
            | {"wilcoxon_p": test[1], "wilcoxon_method": test[2]}
            | {"left_out": "; ".join(f"{name}: {why}" for name, why in found.left_out.items())}
            | {"alternative_effect": moved.mean, "alternative_low": moved.low, "alternative_high": moved.high,
               "alternative_pairs": len(other.pairs), "alternative": _moved(run, found, other)}
        )  # fmt: skip
    data = pd.DataFrame(rows)
    asked = (data["family"] == ADJUSTED).to_numpy()
    adjusted = np.full(len(data), np.nan)
    adjusted[asked] = holm(data.loc[asked, "p"].to_numpy(dtype=float))
    tests = int(data.loc[asked, "p"].notna().sum())
    return data.assign(p_adjusted=adjusted, least_sets=np.where(asked, least_sets(max(tests, 1)), np.nan))


def _summary(over: Versus) -> dict[str, Any]:
    """Return a row's statistics.

    `datasets` (how many), `families`, `effect` (mean over data sets), `fixed_low, fixed_high` (its interval on
    these data sets: rows and seeds), `low, high` (t interval over data sets as if each were a draw), `units, unit,
    p` (sign-flip test; over source families where `claim`), `new_effect, new_low, new_high` (on a new data
    set; NaN without a claim), `wins, ties, losses, sd, detectable, claim, why`.
    """
    paired, tested = over.paired, over.tested
    new = (over.new.mean, over.new.low, over.new.high) if over.new else (np.nan,) * 3
    return {
        "datasets": paired.n,
        "families": over.families,
        "effect": paired.mean,
        "fixed_low": over.fixed.low,
        "fixed_high": over.fixed.high,
        "low": paired.low,
        "high": paired.high,
        "units": tested.n,
        "unit": "source family" if over.claim else "data set",
        "p": tested.p,
        **dict(zip(("new_effect", "new_low", "new_high"), new, strict=True)),
        "wins": paired.wins,
        "ties": paired.ties,
        "losses": paired.losses,
        "sd": tested.sd,
        "detectable": tested.detectable,
        "claim": over.claim,
        "why": over.why,
    }


def _moved(run: Run, found: Answer, other: Answer) -> str:
    """Say what the other placement of contestable entries changes."""
    names = dict.fromkeys(name for pair in found.pairs for name in (pair.left, pair.right))
    contestable = [name for name in names if run.variant(name).get("contestable")]
    if not contestable:
        return "no entry of its pairs is contestable"
    gone = [
        f"{name_of(pair)} drops out: {why}" for pair in found.pairs if (why := other.left_out.get(name_of(pair)))
    ]
    return f"‡ {', '.join(contestable)}: " + ("; ".join(gone) or "its pairs stay")


def question_groups(run: Run) -> pd.DataFrame:
    """Return the effect of every question, over its pairs, on every group of data sets.

    Columns: `question, group, title` (`across.groups`), and those of `_summary`.
    """
    rows = []
    for key in _order(run):
        whole = answer(run, key)
        for group in groups(run):
            if (over := whole.over(run, group.datasets)).datasets:
                rows.append({"question": key, "group": group.key, "title": group.title} | _summary(over))
    return pd.DataFrame(rows, columns=["question", "group", "title", *_nothing(run)])


def pair_groups(run: Run) -> pd.DataFrame:
    """Return the effect of every pair that is shown, on every group of data sets.

    Columns: `question, left, right, equal, counts` (why it is left out of its question's mean, or empty),
    `group, title`, and those of `_summary`.
    """
    rows = []
    for pair in PAIRS:
        if not {pair.left, pair.right} <= {*run.shown}:
            continue
        head = {"question": pair.question, "left": pair.left, "right": pair.right, "equal": pair.equal}
        head["counts"] = why_left_out(run, pair)
        each = {d: e for d in run.datasets if (e := contrast(run, d, pair.weights)) is not None}
        for group in groups(run):
            if found := {d: each[d] for d in group.datasets if d in each}:
                over = summarise(run, pair.left, pair.right, found)
                rows.append(head | {"group": group.key, "title": group.title} | _summary(over))
    columns = ["question", "left", "right", "equal", "counts", "group", "title", *_nothing(run)]
    return pd.DataFrame(rows, columns=columns)


def _nothing(run: Run) -> list[str]:
    return list(_summary(summarise(run, "", "", {})))
