"""The command line. Rooms are imported inside commands, so that help costs nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import __version__
from .cli_catalogue import Plugin
from .cli_catalogue import app as catalogue_app
from .cli_data import app as data_app
from .cli_report import Json, Out, SuiteArgument
from .cli_report import app as report_app
from .core.errors import FusebenchError
from .core.files import dumps

if TYPE_CHECKING:
    from .benchmarks.options import Options

app = typer.Typer(
    help="Which way of fusing modalities should I use? Run a suite, read its report, add your own variant.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")
app.add_typer(report_app)
app.add_typer(catalogue_app)

Data = Annotated[Path | None, typer.Option(help="A data card (TOML) whose rows stand in for the suite's.")]


def _version(shown: bool) -> None:
    if shown:
        print(f"fusebench {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    for stream in (sys.stdout, sys.stderr):  # names may hold any script; a narrow terminal must not end a run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@app.command()
def run(
    suite: SuiteArgument = "quick",
    variants: Annotated[
        list[str] | None, typer.Option(help="Names and globs to compute, comma-separated.")
    ] = None,
    datasets: Annotated[
        list[str] | None, typer.Option(help="Names and globs to compute, comma-separated.")
    ] = None,
    seeds: Annotated[list[str] | None, typer.Option(help="Seeds to compute, comma-separated.")] = None,
    jobs: Annotated[int | None, typer.Option(min=0, help="Worker processes; default: the usable cores.")] = None,
    device: Annotated[str, typer.Option(help="Torch device of training.")] = "cpu",
    retry: Annotated[str | None, typer.Option(help="'failed': compute failed cells again.")] = None,
    shard: Annotated[str | None, typer.Option(help="I/N: the I-th of N parts of the missing cells.")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Train on a Ray cluster: 'auto' (this machine's) or HOST:PORT.")
    ] = None,
    gpu_share: Annotated[float, typer.Option(help="With --cluster: the part of a card that a cell takes.")] = 1.0,
    until: Annotated[
        str | None, typer.Option(help="Start no cell that cannot end by then: 07:00, or a date with time.")
    ] = None,
    data: Data = None,
    plugin: Plugin = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would be computed.")] = False,
    report: Annotated[bool, typer.Option(help="Write tables and figures at the end.")] = True,
    out: Out = Path("."),
) -> None:
    """Compute what is missing of a suite, then write tables and figures."""
    from . import api

    summary = api.run(
        suite,
        variants=variants or (),
        datasets=datasets or (),
        seeds=_seeds(seeds or []),
        out=out,
        jobs=jobs,
        device=device,
        retry=retry,
        shard=shard,
        cluster=cluster,
        gpu_share=gpu_share,
        until=until,
        data=data,
        plugins=plugin or (),
        dry_run=dry_run,
        report=report,
    )
    for line in summary.lines:
        print(line)
    raise typer.Exit(summary.exit_code)


@app.command()
def recommend(
    card: Annotated[Path, typer.Argument(help="A data card (TOML).")],
    minutes: Annotated[float, typer.Option(min=0.1, help="What it may take; it says beforehand what fits.")] = 10,
    placebo: Annotated[bool, typer.Option(help="Shuffle the labels: nothing may be recommended.")] = False,
    jobs: Annotated[int | None, typer.Option(min=0, help="Worker processes; default: the usable cores.")] = None,
    device: Annotated[str, typer.Option(help="Torch device of training.")] = "cpu",
    plugin: Plugin = None,
    out: Out = Path("."),
    json: Json = False,
) -> None:
    """Answer which fusion your data call for, in words, with the table behind it."""
    from .own_check import warnings_of
    from .recommend import recommend as decide

    warnings = warnings_of(card)
    decision = decide(
        card, minutes, placebo, jobs, out, device, plugins=[str(p) for p in plugin or ()], warnings=warnings
    )
    if json:
        print(dumps(decision.json))
    else:
        print("\n".join(decision.lines))
    raise typer.Exit(decision.exit_code)


@app.command(name="time")
def time_again(
    suite: SuiteArgument = "quick",
    variants: Annotated[list[str] | None, typer.Option(help="Names and globs to time, comma-separated.")] = None,
    datasets: Annotated[list[str] | None, typer.Option(help="Names and globs to time, comma-separated.")] = None,
    elsewhere: Annotated[bool, typer.Option(help="Also what was timed on another machine.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Everything, however it was timed.")] = False,
    jobs: Annotated[int | None, typer.Option(min=0, help="0 = time in this process; else one worker.")] = None,
    device: Annotated[str, typer.Option(help="Torch device that answers.")] = "cpu",
    data: Data = None,
    plugin: Plugin = None,
    out: Out = Path("."),
) -> None:
    """Take latency and throughput again, alone, where they are missing or of a busy machine; trains no cell."""
    from .retiming import retime

    found = retime(
        suite,
        variants=variants or (),
        datasets=datasets or (),
        elsewhere=elsewhere,
        every=every,
        jobs=jobs,
        device=device,
        data=data,
        plugins=plugin or (),
        out=out,
    )
    for line in found.lines:
        print(line)
    raise typer.Exit(found.exit_code)


def _seeds(texts: list[str]) -> list[int]:
    pieces = [piece.strip() for text in texts for piece in text.split(",")]
    for piece in pieces:
        if not piece.isdigit():
            raise FusebenchError(f"--seeds {piece!r} is not a whole number from 0.")
    return [int(piece) for piece in pieces]


@app.command()
def status(
    suite: SuiteArgument = "quick",
    out: Out = Path("."),
    data: Data = None,
    plugin: Plugin = None,
    json: Json = False,
) -> None:
    """Count the cells of a suite: done, failed, stale, missing."""
    from .benchmarks.run import state

    store, found, remarks = state(suite, _reading(out, data, plugin))
    for line in remarks:
        print(line, file=sys.stderr)
    if json:
        print(dumps(found))
        return
    print(f"{store.root.name}: {found.pop('planned')} cells planned in {store.root}")
    for name, number in found.items():
        if number:
            print(f"  {number:5d} {name}")


@app.command()
def verify(
    suite: SuiteArgument = "quick",
    out: Out = Path("."),
    data: Data = None,
    plugin: Plugin = None,
    json: Json = False,
) -> None:
    """Check every record of a run and the files beside it; name what a rerun would compute again, and why."""
    from .benchmarks.verify import verify as judge

    verdict = judge(suite, _reading(out, data, plugin))
    print(dumps(verdict.json) if json else "\n".join(verdict.lines))
    raise typer.Exit(verdict.exit_code)


def _reading(out: Path, data: Path | None, plugin: list[Path] | None) -> Options:
    """Return the options of a command that looks at a run."""
    from . import api
    from .benchmarks.options import Options

    own = api.open_data(data)
    return Options(
        out=out, plugins=tuple(str(p.resolve()) for p in plugin or ()), own=() if own is None else (own,)
    )
