"""The page as a whole: words and tables in plain HTML, the same numbers again for the scripts, figures inside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from ...core.files import write_text
from .. import machines
from ..figures import Drawn
from ..findings import Finding
from ..run import Run
from ..tables import Table
from ..wording import first_line, label, title_notes
from . import words
from .curves import curves
from .data import data, embedded
from .pictures import pictures
from .policy import FOLDER, policy, scripts, styles


def write(run: Run, tables: list[Table], drawn: list[Drawn], found: Sequence[Finding], path: Path) -> Path:
    """Write the page to `path`. Figures are inside, smaller; the files to print from lie beside it in `figures/`.

    Every name is escaped, and what scripts read is strict JSON. The same run gives the same bytes.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "html"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    first, vendor, own = map(Markup, scripts())
    with ThreadPoolExecutor(1) as beside:  # Pillow works outside of the interpreter's lock
        made = beside.submit(pictures, {each.name: p for each in drawn for p in each.paths if p.suffix == ".png"})
        told = data(run)
        embeds = {"data": Markup(embedded(told)), "curves": Markup(embedded(curves(run)))}
        text = environment.get_template("page.html").render(
            policy=Markup(policy()),
            styles=Markup(styles()),
            scripts={"first": first, "vendor": vendor, "own": own},
            overall=(told["overall"] or {}).get("note", ""),
            times=machines.note(run),
            **embeds,
            **content(run, tables, drawn, found),
            pictures=made.result(),
        )
    write_text(path, text)
    return path


def content(run: Run, tables: list[Table], drawn: list[Drawn], found: Sequence[Finding]) -> dict[str, Any]:
    """Return what the page tells without scripts."""
    shown = [table for table in tables if table.sections]
    return {
        "name": run.suite.get("name", ""),
        "notes": title_notes(run)[1:],
        "metric": label(run.metric),
        "facts": words.facts(run),
        "findings": [(each, target(each.see, shown, drawn)) for each in found],
        "first": [(first_line(run, dataset), run.scores(dataset).first) for dataset in run.datasets],
        "board": leaderboard(run, shown),
        "tables": [(slug(table.name), table) for table in shown],
        "drawn": drawn,
        "failures": words.failures(run),
        "datasets": [words.dataset(run, name) for name in run.datasets],
        "entries": words.entries(run),
        "settings": words.flat(run.suite.get("training", {}))
        | {"seeds": words.flat_value(run.suite.get("seeds", []))},
        "environments": {
            key: words.flat(value) for key, value in sorted(run.suite.get("environments", {}).items())
        },
    }


def leaderboard(run: Run, tables: list[Table]) -> pd.DataFrame:
    """Return the run's main table as text, variant by data set: what a reader without scripts sees."""
    main = next((table for table in tables if table.name == run.metric), None)
    if main is None:
        return pd.DataFrame({"variant": list(run.shown)})
    return main.sections[0][1].drop(columns="also called", errors="ignore")  # the list of variants has them


def target(see: str, tables: list[Table], drawn: list[Drawn]) -> str:
    """Return the anchor of the figure or table that a finding is read from; empty where it is not on the page."""
    if see in {each.name for each in drawn if each.paths}:
        return f"figure-{see}"
    return f"table-{slug(see)}" if see in {table.name for table in tables} else ""


def slug(name: str) -> str:
    """Return a table's name as an anchor."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
