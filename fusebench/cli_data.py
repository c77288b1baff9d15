"""`fusebench data …`: the data sets that there are, and yours: written, checked, embedded."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from .core.files import dumps

app = typer.Typer(help="Data sets: those that there are, and your own.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, all else on stderr.")]
Names = Annotated[list[str] | None, typer.Argument(help="Default: every public set.")]
Card = Annotated[Path, typer.Argument(help="A data card (TOML).")]


@app.command("list")
def list_(json: Json = False) -> None:
    """List the data sets, and whether what they read has been verified."""
    from . import listing

    listing.print_list("datasets", listing.data_sets(), json)


@app.command()
def show(name: Annotated[str, typer.Argument(help="A data set, such as rosmap.")], json: Json = False) -> None:
    """Print a data set's card, rows and, on synthetic sets, exact ceilings."""
    from . import listing

    shown = listing.data_card(name)
    print(dumps(shown) if json else listing.card_text(shown))


@app.command()
def fetch(names: Names = None) -> None:
    """Fetch public data into the cache and check it; say what cannot be had here."""
    from . import public

    raise typer.Exit(public.fetch(tuple(names or ())))


@app.command()
def verify(names: Names = None, json: Json = False) -> None:
    """Compare the raw files that lie here with their published checksums; nothing is downloaded."""
    from . import public

    found = public.verify(tuple(names or ()))
    if json:
        print(dumps({"files": found}))
    for row in found:
        print(f"{row['state']:8} {row['file']}  ({row['dataset']})", file=sys.stderr if json else sys.stdout)
    raise typer.Exit(int(any(row["state"] not in ("ok", "absent") for row in found)))


@app.command()
def path(name: Annotated[str | None, typer.Argument(help="Default: the cache folder alone.")] = None) -> None:
    """Print where downloads go, or where a data set's raw files lie."""
    from . import public

    for line in public.paths(name):
        print(line)


@app.command()
def init(
    table: Annotated[Path, typer.Argument(help="A table: CSV, TSV or Parquet.")],
    label: Annotated[str, typer.Option(help="The column to predict.")],
    out: Annotated[Path | None, typer.Option(help="The card; default: the table's name with .toml.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite a card that is there.")] = False,
) -> None:
    """Write a commented data card for a table of your own."""
    from .datasets.own.propose import write_card

    written = write_card(table, label, out, force)
    print(f"Wrote {written}. Read it, then: fusebench data check {_spelt(written)}")


@app.command()
def example(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or is empty.")],
) -> None:
    """Write a small folder of pictures, sounds, a table and embeddings that runs as it stands."""
    from .datasets.own.example import write_example

    card = write_example(folder)
    spelt = _spelt(card)
    print(
        f"Wrote {card} and what it names. Next: fusebench data check {spelt}; fusebench run smoke --data {spelt}"
    )


@app.command()
def check(
    card: Card,
    preview: Annotated[
        Path | None, typer.Option(help="The figure of samples; default: beside the card, NAME-preview.png.")
    ] = None,
    figure: Annotated[bool, typer.Option(help="Whether to draw that figure.")] = True,
    json: Json = False,
) -> None:
    """Read every row and file of your data before anything is trained; name all that is wrong."""
    from . import own_check

    found = own_check.check(card, preview, figure)
    print(dumps(found.json()) if json else found.text())
    raise typer.Exit(found.exit_code)


@app.command()
def embed(
    card: Card,
    modality: Annotated[str, typer.Argument(help="The modality to embed.")],
    function: Annotated[str, typer.Option("--with", help="FILE.py:function, decoded batch -> (n, d).")],
    out: Annotated[Path | None, typer.Option(help="The second card; default: beside the first.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite what is there.")] = False,
) -> None:
    """Store embeddings of one modality, aligned by row, and write a second card that uses them."""
    from .datasets.own.embed import embed as compute

    written = compute(card, modality, function, out, force, lambda line: print(line, file=sys.stderr))
    print(f"Wrote {written}. Next: fusebench run quick --data {_spelt(written)}")


def _spelt(path: Path) -> str:
    """Return a path as a command line takes it: quoted where it holds a space."""
    return shlex.quote(str(path))
