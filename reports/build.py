"""Draw a run: tables, figures and the page. A pure function of the results folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from ..results.frames import find
from ..results.store import name_of as name_of
from . import contents, page, run, tables
from .figures import Drawn, draw_all
from .figures.aside import drawing
from .figures.choice import Choice
from .figures.looks import Look
from .findings import Finding, findings
from .paper.captions import made_from
from .paper.singles import single_tables
from .paper.spec import Spec
from .paper.write import write as write_paper
from .tables import Table
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
    paper
        What a paper.toml asked for; none where none was given.
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
    paper: tuple[Path, ...]
    first: dict[str, tuple[str, ...]]
    lines: tuple[str, ...]


def build(
    suite: str | Path,
    out: str | Path = ".",
    variants: Iterable[str] | None = None,
    note: str = "",
    look: Look | None = None,
    choice: Choice | None = None,
    paper: Spec | None = None,
    processes: int | None = None,
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
    look, choice
        Style and width of figures, and what a figures.toml chooses; as in `figures.draw_all`.
    paper
        What a paper.toml asks for: it goes to `OUT/reports/NAME/paper/`.
    processes
        That draw figures: 1, or 2; None takes two where two cores may be used.

    Raises
    ------
    FusebenchError
        Where no such run is stored, or a name in `variants`, `choice` or `paper` fits nothing in it.
    """
    store = find(suite, out)
    name = name_of(store.root)
    loaded = run.load(store, variants, note)
    heading = " · ".join(title_notes(loaded))
    folder = Path(out) / "reports" / name
    with drawing(loaded, folder / "figures", None, look, choice, processes) as begun:  # half beside the tables
        made, told = contents.tables(loaded), findings(loaded)
        whole = [*made, *single_tables(loaded), _told(told)]
        written = tables.write(whole, Path(out) / "results" / name / "tables", heading, made_from(loaded))
        drawn = begun.finish()
    opened = page.write(loaded, made, drawn, told, folder / "index.html")
    return Built(
        name=name,
        tables=tuple(written),
        figures=_paths(drawn),
        left_out={each.name: each.reason for each in drawn if each.reason},
        page=opened,
        paper=tuple(write_paper(loaded, paper, folder / "paper") if paper else ()),
        first={dataset: loaded.scores(dataset).first for dataset in loaded.datasets},
        lines=tuple(first_line(loaded, dataset) for dataset in loaded.datasets),
    )


def figures(
    suite: str | Path,
    out: str | Path = ".",
    names: Iterable[str] | None = None,
    look: Look | None = None,
    choice: Choice | None = None,
) -> list[Drawn]:
    """Draw figures alone, into `OUT/reports/NAME/figures/`; parameters as of `build` and `figures.draw_all`.

    Raises
    ------
    FusebenchError
        Where no such run is stored, or for a name that no figure has.
    """
    store = find(suite, out)
    folder = Path(out) / "reports" / name_of(store.root) / "figures"
    return draw_all(run.load(store), folder, names, look, choice)


def _told(found: Iterable[Finding]) -> Table:
    columns = [each.name for each in fields(Finding)]
    data = pd.DataFrame([astuple(each) for each in found], columns=columns)
    return Table("findings", "Findings", data, notes=tuple(data["text"]))


def _paths(drawn: Iterable[Drawn]) -> tuple[Path, ...]:
    return tuple(path for each in drawn for path in each.paths)
