"""`python -m fusebench.perf [PART …]`: measure speed side by side, store the raw seconds, draw table and figure.

Parts: `cell` (one cell against a bare loop), `peers` (against fusilli on its own module), `suite` (whole runs
and workers), `stored` (what a complete suite takes to look at), `device` (on a GPU), and `outside`, which looks at
a run that is named by `--run`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from .__main__ import in_a_sentence
from .core.errors import FusebenchError, unknown

FOLDER = Path("results") / "perf"


def measure(parts: list[str], folder: Path, repetitions: int, quick: bool, run: Path | None) -> None:
    """Measure the parts, or all, and store each when it is done; both sides are printed.

    `outside` is measured where it is asked for or a run is named.

    Raises
    ------
    FusebenchError
        For a part that is none, or `outside` without a run.
    """
    from .benchmarks.perf import outside
    from .benchmarks.perf.measurement import Scale, store
    from .benchmarks.perf.parts import PARTS
    from .benchmarks.work import device_model
    from .reports.perf.build import lines

    parts = [*(parts or PARTS), *(["outside"] if run is not None and "outside" not in parts else [])]
    for part in parts:
        if part not in {*PARTS, "outside"}:
            raise unknown("part of perf", part, {*PARTS, "outside"})
    if ("outside" in parts) and run is None:
        raise FusebenchError("The part 'outside' looks at a run: name its folder by --run FOLDER.")
    scale = Scale.small(repetitions) if quick else Scale(repetitions)
    for part in parts:
        print(f"{part}: measuring", file=sys.stderr)
        found = outside.measure(run) if part == "outside" and run is not None else PARTS[part](scale)
        store(folder, part, found, scale, device_model("cuda") if part == "device" and found else "cpu")
        print("\n".join(lines(folder, part)), flush=True)


def main(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts to measure; default: all but outside.")] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Of each side, after a warm-up.")] = 5,
    quick: Annotated[bool, typer.Option(help="Tiny sizes: does it work here? Not for publishing.")] = False,
    run: Annotated[Path | None, typer.Option(help="Folder of a run that part 'outside' looks at.")] = None,
    out: Annotated[Path, typer.Option(help="Where measurements are stored.")] = FOLDER,
    draw: Annotated[bool, typer.Option(help="Measure nothing: draw what is stored.")] = False,
) -> None:
    """Measure, then write the table and the figure."""
    from .reports.perf.build import build

    with in_a_sentence():
        if not draw:
            measure(parts or [], out, repetitions, quick, run)
        for path in build(out):
            print(path)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported
    typer.run(main)
