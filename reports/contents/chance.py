"""Tables of differences that are none: one function under several names, one entry under several seeds."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .. import comparisons, placebos
from ..run import Run, records
from ..tables import Table
from ..versus.amounts import percent
from ..wording import number
from .cell_text import per, with_half


def equivalence(run: Run) -> Table:
    """Tabulate classes of entries that are one function under several names."""
    data = comparisons.equivalence(run)
    known = data["beyond_noise"].notna()
    shown = pd.DataFrame(
        {
            "class": data["equivalence_class"],
            "data set": data["dataset"],
            "members": data["members"],
            "largest difference": [number(value, 3) for value in data["largest_difference"]],
            "between": data["between"],
            "spread of one seed (sd)": [number(value, 3) for value in data["seed_spread"]],
            "pairs beyond noise": [
                f"{int(row.beyond_noise)} of {row.pairs}" if ok else "no interval"
                for ok, row in zip(known, records(data), strict=True)
            ],
        }
    )
    notes = ["Members of a class can represent the same functions: a difference is optimisation or noise."]
    if known.any():
        total, beyond = int(data.loc[known, "pairs"].sum()), int(data.loc[known, "beyond_noise"].sum())
        notes.append(f"Beyond noise: {beyond} of {total} pairs ({beyond / total:.0%}); 5 % would be by chance.")
    return Table("equivalence", "One function, several names", data, (("", shown),), tuple(notes))


def placebo_table(run: Run) -> Table:
    """Tabulate how often an interval calls two copies of one entry different."""
    data, found = placebos.rates(run), placebos.pairs(run)
    rows = [
        {
            "what": row.kind,
            "pairs × data sets": "" if pd.isna(row.pairs) else str(int(row.pairs)),
            "interval leaves out zero": "" if pd.isna(row.pairs) else str(int(row.beyond_noise)),
            "rate": percent(row.rate),
            "95 % interval of the rate": "" if pd.isna(row.low) else f"{percent(row.low)} to {percent(row.high)}",
        }
        for row in records(data)
    ]
    sections = [("", pd.DataFrame(rows))]
    if len(found):
        sections.append((f"Copies, in {per(run.metric)}", pd.DataFrame(map(_copies(run), records(found)))))
    notes = [
        "How often a 95 % interval over seeds, each looked at alone, calls two things different that are not. "
        "Copies of one entry differ in their seed alone: their rate is that of false alarms. One function under "
        "several names may be optimised differently too.",
        "The interval of a rate takes pairs to be independent; those that share a member are not, so it is too "
        "short.",
    ]
    if not len(found):
        notes.insert(0, "This run holds no two copies of an entry that differ in their seed alone.")
    return Table("placebos", "How often chance is called a difference", data, tuple(sections), tuple(notes))


def _copies(run: Run) -> Any:
    def row(found: Any) -> dict[str, str]:
        return {
            "entry": found.entry,
            "pair": f"{found.left} − {found.right}",
            "data set": found.dataset,
            "difference": with_half(found.effect, found.half, run.metric, found.beyond_noise),
        }

    return row
