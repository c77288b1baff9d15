"""Draw a run: tables, figures and the page. A pure function of the results folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..results.frames import find
from . import contents, page, run, tables
from .figures import Drawn, draw_all
from .wording import first_line, title_notes


@dataclass(frozen=True)
class Built:
    """What a report consists of.

    Parameters
    ----------
    name
        The run's path below `results/`.
    tables, figures
        The files written; `left_out` says why a figure was not drawn (name → reason).
    page
        The page to open.
    first
        Data set → variants that share the first place (none where nothing can be claimed).
    lines
        What to print at the end of a run: a line a data set.
    """

    name: str
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    left_out: dict[str, str]
    page: Path
    first: dict[str, tuple[str, ...]]
    lines: tuple[str, ...]


def build(
    suite: str | Path, out: str | Path = ".", variants: Iterable[str] | None = None, note: str = ""
) -> Built:
    """Write the tables, figures and page of a run, whole or partial.

    Parameters
    ----------
    suite
        A suite's name, its TOML file, or a folder holding suite.json.
    out
        Base folder: `OUT/reports/NAME/` and `OUT/results/NAME/tables/`, NAME the run's path below its
        last `results/`.
    variants
        Names or globs of the variants to show; statistics still use all, and titles say how many are shown.
    note
        Added to every title (`"seed 0 of 3"`).

    Raises
    ------
    FusebenchError
        Where no such run is stored, or a name in `variants` fits none of its variants.
    """
    store = find(suite, out)
    name = name_of(store.root)
    loaded = run.load(store, variants, note)
    made = contents.tables(loaded)
    heading = " · ".join(title_notes(loaded))
    written = tables.write(made, Path(out) / "results" / name / "tables", heading)
    folder = Path(out) / "reports" / name
    drawn = draw_all(loaded, folder / "figures")
    opened = page.write(loaded, made, drawn, folder / "index.html")
    return Built(
        name=name,
        tables=tuple(written),
        figures=_paths(drawn),
        left_out={each.name: each.reason for each in drawn if each.reason},
        page=opened,
        first={dataset: loaded.scores(dataset).first for dataset in loaded.datasets},
        lines=tuple(first_line(loaded, dataset) for dataset in loaded.datasets),
    )


def figures(suite: str | Path, out: str | Path = ".", names: Iterable[str] | None = None) -> list[Drawn]:
    """Draw figures alone, into `OUT/reports/NAME/figures/`.

    Raises
    ------
    FusebenchError
        Where no such run is stored, or for a name that no figure has.
    """
    store = find(suite, out)
    return draw_all(run.load(store), Path(out) / "reports" / name_of(store.root) / "figures", names)


def name_of(root: Path) -> str:
    """Return a results folder's path below its last `results/`; its own name where there is none."""
    parts = Path(os.path.abspath(root)).parts
    if "results" in parts[:-1]:
        last = len(parts) - 2 - parts[:-1][::-1].index("results")
        return "/".join(parts[last + 1 :])
    return parts[-1]


def _paths(drawn: Iterable[Drawn]) -> tuple[Path, ...]:
    return tuple(path for each in drawn for path in each.paths)
