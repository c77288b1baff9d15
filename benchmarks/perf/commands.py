"""Whole commands, as a user types them: a process of their own, one thread a worker, folders that vanish."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.files import write_text

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def fusebench(*arguments: str | Path) -> list[str]:
    """Return the command that runs `fusebench` with this interpreter."""
    return [sys.executable, "-P", "-m", "fusebench", *map(str, arguments)]


def seconds(command: Sequence[str], cache: Path | None = None) -> float:
    """Run a command to its end; return the wall seconds.

    Raises
    ------
    RuntimeError
        Where it fails; the last line that it wrote is told.
    """
    settings: dict[str, str] = dict.fromkeys(THREADS, "1")
    if cache is not None:
        settings["FUSEBENCH_CACHE"] = str(cache)
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings)
    took = time.perf_counter() - begin
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
        raise RuntimeError(f"{' '.join(command[-4:])} ended with exit code {done.returncode}: {last}")
    return took


def write_suite(
    folder: Path, name: str, variants: Sequence[str], datasets: Sequence[str], seeds: Sequence[int],
    training: Mapping[str, int],
) -> Path:  # fmt: skip
    """Write a suite as TOML; return the file."""
    listed = {"variants": list(variants), "datasets": list(datasets), "seeds": list(seeds)}
    lines = ["[suite]", f'name = "{name}"', *(f"{key} = {_toml(value)}" for key, value in listed.items())]
    lines += ["", "[training]", *(f"{key} = {value}" for key, value in training.items())]
    path = folder / f"{name}.toml"
    write_text(path, "\n".join(lines) + "\n")
    return path


def _toml(values: Sequence[object]) -> str:
    return "[" + ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values) + "]"
