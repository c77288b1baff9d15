"""The commands about what is registered: list, explain, check, try."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_report import Json
from .core.errors import unknown

app = typer.Typer()

Plugin = Annotated[list[Path] | None, typer.Option(help="File that registers variants of your own; repeatable.")]


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="variants, datasets or suites")],
    architecture: Annotated[str | None, typer.Option(help="Only this architecture.")] = None,
    verbose: Annotated[
        bool, typer.Option(help="Variants with formula, source, options, cost, peers' names.")
    ] = False,
    coverage: Annotated[bool, typer.Option(help="Peer libraries method by method: ours, or why not.")] = False,
    plugin: Plugin = None,
    json: Json = False,
) -> None:
    """List what is registered."""
    from . import listing

    kinds = {"variants": None, "datasets": listing.data_sets, "suites": listing.suites}
    if what not in kinds:
        raise unknown("kind of list", what, kinds)
    if what != "variants":
        listing.print_list(what, kinds[what](), json)  # type: ignore[misc]
        return
    if coverage:
        listing.print_list("coverage", listing.coverage(), json, places=listing.places())
        return
    rows = listing.variants(tuple(str(p.resolve()) for p in plugin or ()), architecture)
    listing.print_variants(rows, listing.wrappers(), json, verbose)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="A variant, a wrapper, a data set or a word such as intermediate.")],
) -> None:
    """Say what a name means: formula, drawing, place in the taxonomy, source, same function as, file and line."""
    from . import explaining

    print(explaining.explain(name))


@app.command()
def check(name: Annotated[str, typer.Argument(help="A variant.")], plugin: Plugin = None) -> None:
    """Run the contract on one variant: what every entry of the register must keep."""
    from . import listing

    raise typer.Exit(listing.check(name, tuple(str(p.resolve()) for p in plugin or ())))


@app.command("try")
def try_(
    formula: Annotated[
        str, typer.Argument(help="Of h (modalities, rows, width), such as 'h.prod(0) + h.sum(0)'.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    jobs: Annotated[int | None, typer.Option(min=0, help="Worker processes; default: the usable cores.")] = None,
    out: Annotated[Path, typer.Option(help="Base folder of results/.")] = Path("."),
) -> None:
    """Run a formula beside sum, product and concatenation, and print the file to keep."""
    from .trying import attempt

    lines, code = attempt(formula, name, out, jobs, quiet=False)
    for line in lines:
        print(line)
    raise typer.Exit(code)
