"""The commands that read a run: report, figures, compare, methods, memo, serve, show. None needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .core.files import dumps

app = typer.Typer()

SuiteArgument = Annotated[str, typer.Argument(help="A suite's name, a path ending in .toml, or a run's folder.")]
Out = Annotated[Path, typer.Option(help="Base folder of results/ and reports/.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, all else on stderr.")]


Style = Annotated[str | None, typer.Option(help="Of figures: paper or slides.")]
Width = Annotated[float | None, typer.Option(help="Of figures, in columns: 1, 2 …; default: as wide as needed.")]
Config = Annotated[Path | None, typer.Option(help="A figures.toml: which figures, in which order, how large.")]


@app.command()
def report(
    suite: SuiteArgument = "quick",
    out: Annotated[Path | None, typer.Option(help="Base folder of reports/ and of the tables.")] = None,
    variants: Annotated[list[str] | None, typer.Option(help="Show only these; captions say so.")] = None,
    style: Style = None,
    width: Width = None,
    config: Config = None,
    paper: Annotated[Path | None, typer.Option(help="A paper.toml: tables and figures for LaTeX.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Draw tables, figures and the page from the records alone; nothing is trained."""
    from .core.names import split_list
    from .reports.build import build
    from .reports.paper.spec import load as load_paper

    chosen = tuple(split_list(variants or ()))
    asked = None if paper is None else load_paper(paper)
    built = build(suite, out or Path("."), chosen or None, paper=asked, **_figures(style, width, config))
    for line in built.lines:
        print(line)
    for path in built.paper:
        print(path)
    if open_page:
        typer.launch(str(built.page.resolve().as_uri()))


@app.command()
def figures(
    suite: SuiteArgument = "quick",
    name: Annotated[str | None, typer.Argument(help="One figure; default: all.")] = None,
    style: Style = None,
    width: Width = None,
    config: Config = None,
    out: Out = Path("."),
) -> None:
    """Redraw the figures of a run, or one of them."""
    from .reports.build import figures as draw

    for path in draw(suite, out, [name] if name else None, **_figures(style, width, config)):
        print(path)


def _figures(style: str | None, width: float | None, config: Path | None) -> dict[str, Any]:
    """Return how figures are drawn: an option given here counts more than the file's."""
    from .reports.figures.choice import Choice, load
    from .reports.figures.looks import Look

    choice: Choice | None = None if config is None else load(config)
    asked: Look | None = None
    if style is not None or width is not None:
        held = choice or Choice()
        asked = Look(style or held.style or "paper", held.width if width is None else width)
    return {"look": asked, "choice": choice}


@app.command()
def show(
    cell: Annotated[str, typer.Argument(help="A unique start of a cell's hash.")], out: Out = Path(".")
) -> None:
    """Print one cell's record, its traceback if it failed."""
    from .results.frames import find_cell

    record = find_cell(cell, out).to_json()
    reason = record.pop("reason")
    print(dumps(record, indent=2))
    if reason:
        print(reason)


@app.command()
def compare(
    left: Annotated[str, typer.Argument(help="A variant.")],
    right: Annotated[str, typer.Argument(help="The variant to compare it with; best_single: the best modality.")],
    suite: Annotated[
        str, typer.Option(help="A suite's name, a path ending in .toml, or a run's folder.")
    ] = "quick",
    out: Out = Path("."),
    json: Json = False,
) -> None:
    """Say how two variants differ: effect, interval, wins, cost, and whether the suite could have told."""
    from .reports.run import load
    from .reports.versus import compare as judge
    from .results.frames import find

    found = judge(load(find(suite, out)), left, right)
    print(dumps(found.json) if json else "\n".join(found.lines))


@app.command()
def methods(suite: SuiteArgument = "quick", out: Out = Path(".")) -> None:
    """Write the paragraph on the experimental set-up, and a BibTeX file of exactly what it used."""
    from .reports.build import name_of
    from .reports.paper.methods import methods as describe
    from .reports.paper.methods import write
    from .results.frames import find

    store = find(suite, out)
    told = describe(store.suite())
    print(told.text)
    for path in write(told, out / "reports" / name_of(store.root) / "paper"):
        print(path)


@app.command()
def memo(
    suite: SuiteArgument = "results/reference/quick",
    out: Annotated[Path, typer.Option(help="Folder of the pages and of memo/, their figures.")] = Path("docs"),
) -> None:
    """Answer the memo's open questions from a run's records: memo.md, memo.ja.md and figures."""
    from .reports.memo import write
    from .results.frames import find

    for path in write(find(suite), out):
        print(path)


@app.command()
def serve(
    suite: SuiteArgument = "quick",
    out: Out = Path("."),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 = any that is free.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Loopback unless you say otherwise; others can then read it.")
    ] = "127.0.0.1",
    opened: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve a run's page on this machine, with live progress while the run is on."""
    from .serve import serve as go

    go(suite, out, host, port, opened)
