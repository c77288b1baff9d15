"""The Python door to `fusebench time`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .api import open_data
from .core.machine import usable_cores

if TYPE_CHECKING:
    from .benchmarks.retime import Retimed
    from .datasets import DataSet


def retime(
    suite: str | Path = "quick",
    *,
    variants: Sequence[str] = (),
    datasets: Sequence[str] = (),
    elsewhere: bool = False,
    every: bool = False,
    jobs: int | None = None,
    device: str = "cpu",
    data: DataSet | str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    out: str | Path = ".",
    quiet: bool = False,
) -> Retimed:
    """Take exclusive timings again that are missing or of a busy machine.

    Parameters
    ----------
    suite, variants, datasets, jobs, device, data, plugins, out, quiet
        As in `fusebench.run`; one worker times, or this process where jobs is 0.
    elsewhere
        Also those of another machine.
    every
        All of them.

    Returns
    -------
    Retimed
        What was done, `lines` to print, `exit_code`.

    Raises
    ------
    FusebenchError
        For a mistake in names, settings or data, before anything is timed.
    """
    from .benchmarks.options import Options
    from .benchmarks.retime import retime as again

    source = open_data(data, quiet)
    options = Options(
        variants=tuple(variants),
        datasets=tuple(datasets),
        jobs=usable_cores() if jobs is None else jobs,
        device=device,
        plugins=tuple(str(Path(p).resolve()) for p in plugins),
        out=Path(out),
        own=() if source is None else (source,),
        quiet=quiet,
    )
    return again(suite, options, every, elsewhere)
