"""What `make docs` writes: `docs/variants.md` from the register, `docs/published.md` from a reference run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import listing
from .reports.reproduction import reproduction
from .reports.run import load
from .reports.tables import pipes
from .results.store import Store

HEAD = """# Variants

Written by `make docs` from the register: each entry holds what is known about it. `fusebench explain NAME` shows
one whole, with a drawing of where the modalities meet; `fusebench list variants --verbose` shows all of this in a
terminal.

In formulas x is a modality's standardised input, n its network's inner nodes, h its finished vector of width d, p
its class probabilities, z its logits, π the class prior on training rows, M the number of modalities, K of
classes; ⊙ is the product node by node and `head` the common classifier. The placement rule stands in
`fusion/taxonomy.py`.
"""
TITLES = {
    "unimodal": "Baselines of one modality",
    "early": "Early fusion",
    "late": "Late fusion",
    "cross_modal": "Cross-modal fusion",
    "hybrid": "Hybrid fusion",
}
WRAPPERS = "Put behind the name of any network that is trained jointly, `concat_features+ogm_ge`; they compose."
PUBLISHED = """# Published figures, run again

Written by `make docs` from `results/reference/published`, which `make reference SUITE=published` makes anew: what
others have printed stands beside what comes out here, with what is known to differ. `fusebench run published` runs
it on your machine, and a suite of your own may hold figures too: a `[[published]]` table names variant, data set,
value and source, with `spread` and `repeats` where they are printed.
"""
PEERS = "`fusebench list variants --coverage` prints this table; names are those of the peers' code."


def page() -> str:
    """Return the page as Markdown."""
    rows, parts = listing.variants(), [HEAD]
    for architecture, title in TITLES.items():
        inside = [row for row in rows if row["architecture"] == architecture]
        table = [(_code(r), _place(r), r["definition"], r["complexity"], r["reference"]) for r in inside]
        heads = ("id", "place", "what it is", "cost", "source")
        parts.append(f"## {title} ({len(inside)})\n\n{_table(heads, table)}")
    wrapping = [(_code(row), row["definition"], row["reference"]) for row in listing.wrappers()]
    parts.append(f"## Training wrappers\n\n{WRAPPERS}\n\n{_table(('id', 'what it is', 'source'), wrapping)}")
    places = [(row["place"], row["here"]) for row in listing.places()]
    parts.append(f"## Places of the taxonomy\n\n{_table(('architecture, data fusion, level', 'entries'), places)}")
    peers = [(row["peer"], f"`{row['method']}`", row["here"]) for row in listing.coverage()]
    table = _table(("library", "method", "here"), peers)
    parts.append(f"## Peer libraries, method by method\n\n{PEERS}\n\n{table}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def published(folder: Path) -> str:
    """Return the page of published figures beside those of a run's folder as Markdown."""
    table = reproduction(load(Store(folder)))
    shown = table.sections[0][1]
    rows = ([str(cell) for cell in row] for row in shown.itertuples(index=False))
    notes = "\n".join(f"- {note}" for note in table.notes)
    return f"{PUBLISHED}\n{_table([str(column) for column in shown.columns], rows)}\n\n{notes}\n"


def _code(row: dict[str, Any]) -> str:
    return f"`{row['id']}`"


def _place(row: dict[str, Any]) -> str:
    told = [row["data_fusion"], row["level"], row["training"].replace("_", ", ")]
    told += [f"sharing {row['sharing']}"] if row["sharing"] != "none" else []
    return ", ".join([*told, *(["classical"] if row["learner"] == "classical" else [])])


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return pipes(heads, ([_plain(cell) for cell in row] for row in rows))


def _plain(text: str) -> str:
    """Return a cell whose signs are taken literally; code in backticks stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    escaped = [p if p.startswith("`") else re.sub(r"([*_<\[\]])", r"\\\1", p) for p in parts]
    return "".join(escaped).replace("|", r"\|")


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    (root / "docs" / "variants.md").write_text(page(), encoding="utf-8")
    told = published(root / "results" / "reference" / "published")
    (root / "docs" / "published.md").write_text(told, encoding="utf-8")
