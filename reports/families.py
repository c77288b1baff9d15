"""Families of entries, and how each does on a data set when its entry is chosen on validation rows.

A family is an architecture and whether its experts are trained apart or with the fusion. On every seed it
is represented by the entry with the lowest validation log-loss, as somebody would choose who had to use it:
what test rows say of that entry is not the luck of having been picked by them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .run import ARCHITECTURES, Run, Scores
from .statistics import within
from .wording import label, status_words, why_absent

METRIC = "regret"
CHOOSER = "validation_log_loss"
LETTERS = {"unimodal": "U", "early": "E", "late": "L", "cross_modal": "X", "hybrid": "H"}
COLUMNS = ["family", "code", "architecture", "training", "chosen", "value", "half", "first", "best", "absent"]


@dataclass(frozen=True)
class Family:
    """Entries of one architecture, trained `apart`, `joint`, or no matter how (empty)."""

    architecture: str
    training: str

    @property
    def name(self) -> str:
        """What it is called in a legend."""
        words = self.architecture.replace("_", "-") or "unknown"
        return f"{words}, {self.training}" if self.training else words

    @property
    def code(self) -> str:
        """What it is called in a cell: `Lj` is late and joint."""
        return LETTERS.get(self.architecture, self.architecture[:2].title() or "?") + self.training[:1]


def families(run: Run) -> dict[Family, tuple[str, ...]]:
    """Return the families of the variants shown, in the order of architectures, apart before joint.

    Staged training ends with training through the fusion, or its head, and is `joint`. One modality alone
    has nothing to train jointly.
    """
    found: dict[Family, list[str]] = {}
    for name in run.shown:
        found.setdefault(_family(run, name), []).append(name)
    return {family: tuple(found[family]) for family in sorted(found, key=_place)}


def listed(data: pd.DataFrame) -> list[Family]:
    """Return the families that a table of standings holds, in the order of `families`."""
    held = dict.fromkeys(zip(data["architecture"], data["training"], strict=True))
    return sorted((Family(*pair) for pair in held), key=_place)


def _family(run: Run, name: str) -> Family:
    entry = run.variant(name)
    architecture, training = entry.get("architecture") or "", entry.get("training") or ""
    if architecture == "unimodal" or not training:
        return Family(architecture, "")
    return Family(architecture, "apart" if training == "apart" else "joint")


def _place(family: Family) -> tuple[int, str, str]:
    order = (*ARCHITECTURES, family.architecture)
    return order.index(family.architecture), family.architecture, family.training


def compared(run: Run, dataset: str) -> Scores:
    """Return the regret of every family that has a complete entry, as if each were one variant.

    Its within-data-set statistics are of families: residuals of family × seed are pooled, which holds what
    choosing another entry on another seed adds, and the first place is among families.
    """
    regret, chooser = run.scores(dataset, METRIC), run.scores(dataset, CHOOSER)
    names, values = [], []
    for family, members in families(run).items():
        if picks := _picks(chooser, [name for name in members if name in regret and name in chooser]):
            names.append(family.name)
            values.append([regret.values[regret.names.index(n), s] for s, n in enumerate(picks)])
    table = np.array(values, dtype=float).reshape(len(names), len(regret.seeds))
    return Scores(tuple(names), regret.seeds, table, within(table, larger=False))


def _picks(chooser: Scores, members: list[str]) -> list[str]:
    """Return the member that validates best on each seed, the first in order where several do."""
    if not members:
        return []
    table = chooser.values[[chooser.names.index(name) for name in members]]
    return [members[place] for place in table.argmin(axis=0)]


def standings(run: Run, dataset: str) -> pd.DataFrame:
    """Return one row a family that was planned on a data set.

    Columns: `family, code, architecture, training`; `chosen` (the entries, each once), `value` (mean regret
    over seeds), `half` (of its 95 % interval), `first` (shares the first place), `best` (lowest mean),
    `absent` (entries that could not be chosen and why, or why there is no value).
    """
    scores, chooser = compared(run, dataset), run.scores(dataset, CHOOSER)
    rows = []
    for family, members in families(run).items():
        planned = [name for name in members if run.statuses(name, dataset)]
        eligible = [name for name in planned if name in run.scores(dataset, METRIC) and name in chooser]
        if not planned:
            continue
        name, chosen = family.name, ", ".join(dict.fromkeys(_picks(chooser, eligible)))
        standing = (scores.mean(name), scores.half(name), name in scores.first, name == scores.best)
        absent = _absent(run, dataset, planned, eligible)
        rows.append((name, family.code, family.architecture, family.training, chosen, *standing, absent))
    return pd.DataFrame(rows, columns=COLUMNS)


def _absent(run: Run, dataset: str, planned: list[str], eligible: list[str]) -> str:
    out = [name for name in planned if name not in eligible]
    if eligible:
        never = {name for name in out if set(run.statuses(name, dataset)) == {"incompatible"}}
        return "; ".join(f"{name}: {_why(run, dataset, name)}" for name in out if name not in never)
    total: Counter[str] = Counter()
    for name in out:
        total.update(run.statuses(name, dataset))
    return f"{label(METRIC)} undefined" if set(total) == {"ok"} else status_words(total)


def _why(run: Run, dataset: str, name: str) -> str:
    return why_absent(run, name, dataset, METRIC if name not in run.scores(dataset, METRIC) else CHOOSER)
