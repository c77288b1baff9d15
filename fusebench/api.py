"""The Python door: what a script or a notebook calls."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .core.errors import FusebenchError
from .core.machine import usable_cores

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .benchmarks.options import Summary
    from .datasets import DataSet
    from .results.store import Store

MOST_VERDICTS = 6  # beyond that the folder was extended, not given an entry


def run(
    suite: str | Path = "quick",
    *,
    variants: Sequence[str] = (),
    datasets: Sequence[str] = (),
    seeds: Sequence[int] = (),
    data: DataSet | str | Path | None = None,
    out: str | Path = ".",
    jobs: int | None = None,
    device: str = "cpu",
    retry: str | None = None,
    shard: str | None = None,
    cluster: str | None = None,
    gpu_share: float = 1.0,
    until: str | None = None,
    plugins: Sequence[str | Path] = (),
    dry_run: bool = False,
    report: bool = True,
    quiet: bool = False,
) -> Summary:
    """Compute what is missing of a suite, then draw its tables and figures.

    Parameters
    ----------
    suite
        Name of a shipped suite, path of a TOML file, or folder of a run.
    variants, datasets
        Names and globs that choose what is computed; empty = the suite's.
    seeds
        Seeds to compute; empty = the suite's.
    data
        A data set of your own in place of the suite's: the path of a data card, or what `from_arrays` made.
    out
        Base folder of `results/` and `reports/`.
    jobs
        Worker processes; None = the cores this process may use, 0 = work in this process.
    device
        Torch device of training.
    retry
        `"failed"` computes failed, timed-out and out-of-memory cells again.
    shard
        `"I/N"`: the I-th of N parts of the missing cells.
    cluster
        Address of a Ray cluster whose nodes train: `"auto"` or `"HOST:PORT"`; needs `fusebench[cluster]`.
    gpu_share
        The part of a card that one cell takes on a cluster's node.
    until
        A time of day (`"07:00"`) or an ISO date with time: no cell is started that cannot end by then.
    plugins
        Files that register variants of your own.
    dry_run
        Plan and announce only.
    report
        Whether tables and figures are written.
    quiet
        Say nothing on stderr.

    Returns
    -------
    Summary
        Counts by status, the lines to print, `exit_code` and the store.

    Raises
    ------
    FusebenchError
        For a mistake in names, settings or data, before anything is trained.
    """
    from .benchmarks.deadline import again, left_words
    from .benchmarks.deadline import until as deadline
    from .benchmarks.options import Options, shard_of
    from .benchmarks.run import run as compute

    source = open_data(data, quiet)
    if retry not in (None, "failed"):
        raise FusebenchError(f"retry={retry!r} is not 'failed'.")
    if not 0 < gpu_share <= 1:
        raise FusebenchError(f"--gpu-share {gpu_share:g} is not above 0 and at most 1 (0.25: four cells a card).")
    options = Options(
        variants=tuple(variants),
        datasets=tuple(datasets),
        seeds=tuple(seeds),
        jobs=usable_cores() if jobs is None and cluster is None else jobs,
        device=device,
        retry=retry,
        shard=shard_of(shard) if shard else (1, 1),
        cluster=cluster,
        gpu_share=gpu_share,
        until=None if until is None else deadline(until),
        plugins=tuple(str(Path(p).resolve()) for p in plugins),
        out=Path(out),
        own=() if source is None else (source,),
        dry_run=dry_run,
        quiet=quiet,
    )
    summary = compute(suite, options, partial(_draw_aside, options.out) if report else None)
    if report and summary.complete and not dry_run:
        summary.lines += _report_lines(summary, Path(out))
        summary.lines += _verdicts(summary, Path(out))
    if not dry_run:
        summary.lines += summary.trouble
        if summary.left:
            summary.lines.append(
                f"{left_words(summary.left, until)} Go on: {_command()} {again(suite, options, data)}"
            )
        summary.lines.append(_next_commands(summary.store.root, options.plugins))
    return summary


def _draw_aside(out: Path, store: Store, note: str) -> subprocess.Popen[bytes]:
    """Draw the first seed's figures in a process of their own while the run goes on."""
    # in one process: the run goes on beside it
    call = "build(*sys.argv[1:3], note=sys.argv[3], processes=1)"
    code = f"import sys; from fusebench.reports.build import build; {call}"
    command = [sys.executable, "-P", "-c", code, str(store.root), str(out), note]
    with (store.root / "run.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _report_lines(summary: Summary, out: Path) -> list[str]:
    """Draw tables and figures and return what they say; what is drawn already is not drawn again."""
    from . import drawn
    from .results.store import name_of

    store = summary.store
    page = out / "reports" / name_of(store.root) / "index.html"
    if not summary.trained and (said := drawn.kept(store, page)) is not None:
        return said
    from .reports.build import build

    try:
        built = build(store.root, out)
    except Exception as error:  # what was computed is stored and told, whatever becomes of its drawing
        summary.drawn = False
        return [f"Tables and figures could not be drawn: {type(error).__name__}: {error}"]
    tables = out / "results" / built.name / "tables"
    lines = [f"Open {built.page} (figures beside it, tables in {tables}).", *built.lines]
    drawn.keep(store, page, lines)
    return lines


def _verdicts(summary: Summary, out: Path) -> list[str]:
    """Return what this folder can say of each entry that it met for the first time."""
    if not summary.met or not summary.drawn:
        return []
    from .reports.run import load
    from .reports.versus import verdict

    loaded = load(summary.store)
    return [verdict(loaded, name) for name in summary.met[:MOST_VERDICTS] if name in loaded.variants]


def _next_commands(root: Path, plugins: Sequence[str]) -> str:
    """Return the commands that look at a run, as they work from here."""
    by_name = root.parent.name == "results"
    name, base = (root.name, root.parent.parent) if by_name else (str(root), Path())
    out = [] if base == Path() else ["--out", shlex.quote(str(base))]
    name = shlex.quote(name)
    needed = [word for plugin in plugins for word in ("--plugin", shlex.quote(plugin))]
    look = {"report": [name, *out, "--open"], "status": [name, *out, *needed], "show": ["CELL", *out]}
    return "Look again: " + " · ".join(" ".join([_command(), verb, *rest]) for verb, rest in look.items())


def _command() -> str:
    """Return the command that reaches this installation from here."""
    found = shutil.which("fusebench", path=str(Path(sys.executable).parent))  # fusebench.exe on Windows
    if found is None:
        return "python -m fusebench"
    script = Path(found)
    if script.is_relative_to(Path.cwd()):
        return shlex.quote(str(script.relative_to(Path.cwd())))
    return "fusebench" if shutil.which("fusebench") == found else shlex.quote(found)


def open_data(data: DataSet | str | Path | None, quiet: bool = False) -> DataSet | None:
    """Return the data set that a card describes, or the one that was given."""
    if not isinstance(data, str | Path):
        return data
    from .datasets.own import open_card

    return open_card(data, say=(lambda line: None) if quiet else partial(print, file=sys.stderr))


def load_results(suite: str | Path, out: str | Path = ".") -> pd.DataFrame:
    """Read a run as a tidy frame, one row a cell; see `fusebench.results.frames.load_results`."""
    from .results.frames import load_results as load

    return load(suite, out)


def from_arrays(
    name: str,
    modalities: Mapping[str, Any],
    labels: np.ndarray | Sequence[Any],
    groups: np.ndarray | Sequence[Any] | None = None,
    kinds: Mapping[str, str] | None = None,
    missing: str = "refuse",
    folds: int = 5,
) -> DataSet:
    """Make a data set of arrays aligned by row; see `fusebench.datasets.own.from_arrays`."""
    from .datasets.own import from_arrays as make

    return make(name, modalities, labels, groups=groups, kinds=kinds, missing=missing, folds=folds)
