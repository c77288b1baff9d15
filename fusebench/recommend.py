"""Which fusion for my data: few variants within some minutes, and a verdict in words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import api
from .core.errors import FusebenchError
from .core.machine import usable_cores

if TYPE_CHECKING:
    from .benchmarks.options import Options, Summary
    from .benchmarks.suite import Suite
    from .datasets import DataSet
    from .reports.decision import Verdict


@dataclass(frozen=True)
class Decision:
    """What a recommendation ended with.

    Parameters
    ----------
    lines
        The verdict, and where its page is.
    exit_code
        0 all well, 1 some cells gave no result, 130 interrupted.
    json
        Everything that the page tells, as plain values.
    page
        The page; None where the run was interrupted.
    """

    lines: tuple[str, ...]
    exit_code: int
    json: dict[str, Any] = field(default_factory=dict)
    page: Path | None = None


def recommend(
    card: DataSet | str | Path,
    minutes: float = 10,
    placebo: bool = False,
    jobs: int | None = None,
    out: str | Path = ".",
    device: str = "cpu",
    quiet: bool = False,
    plugins: Sequence[str | Path] = (),
    warnings: Sequence[str] = (),
    suite: str | Path = "recommend",
) -> Decision:
    """Run a small fixed set of variants on a data set, as much as fits, and judge them.

    Every variant is timed on a few rows first; what does not fit is left out and named: the learning curve, then
    folds. A second call goes on from what is stored. Nothing is recommended that is not shown to beat guessing.

    Parameters
    ----------
    card
        A data card's path, or a data set such as `from_arrays` makes.
    minutes
        Wall time that may be spent.
    placebo
        Shuffle the labels within each split: then nothing may be recommended.
    jobs
        Worker processes; None = the cores this process may use, 0 = work in this process.
    out
        Base folder: results go to `results/recommend-NAME`, the page to `reports/recommend-NAME`.
    device
        Torch device of training.
    quiet
        Say nothing on stderr.
    plugins
        Files that register variants of your own; they are compared where a suite of your own names them.
    warnings
        What is wrong with the data, a sentence each, for the page.
    suite
        The variants and the training settings, as in `fusebench run`.

    Raises
    ------
    FusebenchError
        For a mistake in the card or the settings, and where the least that can be judged does not fit into the
        minutes; nothing has been trained then.
    """
    from .benchmarks.work import check_device
    from .budgeted import Budgeted
    from .reports import build, decision

    check_device(device)
    if not minutes > 0:
        raise FusebenchError(f"--minutes {minutes!r} is no time; give a number above 0, such as 10.")
    opened = _source(card, placebo, quiet)
    work = Budgeted(opened, _suite(suite, opened), _options(opened, jobs, out, device, quiet, plugins), minutes)
    summary = work.run()
    if not summary.complete:
        return Decision(tuple(summary.lines), summary.exit_code)
    command = _command(card, minutes, placebo, out)
    context = decision.Context(tuple(warnings), tuple(work.left_out), work.not_tried(), command, placebo)
    verdict = decision.decide(summary.store, opened.name, context)
    page = decision.write(verdict, Path(out) / "reports" / build.name_of(summary.store.root))
    return _decision(verdict, summary, page)


def _decision(verdict: Verdict, summary: Summary, page: Path) -> Decision:
    from .reports import decision

    lines = [*decision.sentences(verdict), *(f"Data: {line}" for line in verdict.context.warnings)]
    lines += [*summary.trouble, f"Open {page} (decision.md, decision.json and the figure beside it)."]
    return Decision(tuple(lines), summary.exit_code, decision.to_json(verdict), page)


def _source(card: DataSet | str | Path, placebo: bool, quiet: bool) -> DataSet:
    from .datasets.derived import Placebo

    opened = api.open_data(card, quiet)
    assert opened is not None
    names = [modality.name for modality in opened.modalities]
    if len(names) < 2:
        raise FusebenchError(
            f"Data set {opened.name!r} has one modality, {names[0]!r}: there is nothing to fuse; add a second to "
            "the card."
        )
    return Placebo(opened) if placebo else opened


def _suite(suite: str | Path, source: DataSet) -> Suite:
    """Return the suite with as many seeds as there are folds, at most its own."""
    from .benchmarks.suite import load
    from .budgeted import with_seeds

    loaded = load(suite)
    seeds = loaded.suite.seeds
    return with_seeds(loaded, seeds if source.folds == 1 else seeds[: source.folds])


def _options(
    source: DataSet,
    jobs: int | None,
    out: str | Path,
    device: str,
    quiet: bool,
    plugins: Sequence[str | Path],
) -> Options:
    from .benchmarks.options import Options

    return Options(
        jobs=usable_cores() if jobs is None else jobs,
        device=device,
        plugins=tuple(str(Path(p).resolve()) for p in plugins),
        out=Path(out),
        own=(source,),
        quiet=quiet,
    )


def _command(card: DataSet | str | Path, minutes: float, placebo: bool, out: str | Path) -> str:
    """Return what to type to go on or have the same again; a folder of the user's is not told."""
    if not isinstance(card, str | Path):
        call = f"recommend(data, minutes={minutes:g}{', placebo=True' * placebo})"
        return f"from fusebench.recommend import recommend; {call}"
    where = [] if Path(out) == Path() else ["--out", Path(out).name]
    words = ["fusebench", "recommend", Path(card).name, "--minutes", f"{minutes:g}"]
    return " ".join(map(shlex.quote, [*words, *["--placebo"] * placebo, *where]))
