"""What stages and cells share in a worker: the task of a job, statuses from exceptions, peak memory."""

from __future__ import annotations

import contextlib
import errno
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import fusion
from ..core.errors import DataUnavailableError, FusebenchError
from ..core.files import write_atomic
from ..datasets import Bundle, Modality, Rows
from ..fusion.variant import Settings
from ..results.record import trace, without_paths
from .job import Job

FULL = (errno.ENOSPC, errno.EDQUOT)


def warm_up() -> None:
    """Train a network for two steps and fit a pipeline, so that no cell pays for first calls of libraries."""
    modalities = (Modality("table", "tabular", (4,)), Modality("picture", "image", (1, 8, 8)))
    labels = np.arange(8) % 2
    inputs = {m.name: np.ones((8, *m.shape), dtype=np.float32) for m in modalities}
    rows = Rows(inputs, np.ones((8, 2), dtype=bool), labels, np.arange(8))
    task = fusion.make_task(modalities, ("a", "b"), Settings(epochs=2))
    for name in ("concat_features", "early_concat_logreg"):
        fusion.build(name, task).fit(rows, rows).predict_proba(rows)


def check_device(name: str) -> None:
    """Refuse a device that torch does not know or this machine does not have."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise FusebenchError(f"Device {name!r} is not known to torch; expected cpu, cuda or mps.") from None
    if device.type == "cpu":
        return
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    number = torch.accelerator.device_count() if found and found.type == device.type else 0
    if (device.index or 0) >= number:
        raise FusebenchError(
            f"Device {name!r} cannot be used: torch {torch.__version__} finds {number} of this kind here; leave "
            "--device out to train on the processor."
        )


def device_model(name: str) -> str:
    """Return a device with the name of its model: what its timings may be compared with."""
    return f"{name}: {torch.cuda.get_device_name(name)}" if name.startswith("cuda") else name


def make_task(job: Job, rows: Bundle) -> fusion.Task:
    """Return the task of a job's data."""
    chosen = dict(job.training)
    extractors = chosen.pop("extractors", {})
    return fusion.make_task(rows.modalities, rows.classes, Settings(**chosen), extractors, device=job.device)


class NotStoredError(Exception):
    """A result that could not be written: the fault of a disk or of rights, and of no variant."""


@contextlib.contextmanager
def storing() -> Iterator[None]:
    """Tell what cannot be written from what goes wrong in a variant."""
    try:
        yield
    except OSError as error:
        raise NotStoredError(without_paths(str(error))) from error


def store_state(path: Path, state: dict[str, Any]) -> None:
    """Store a fitted state as a whole.

    Raises
    ------
    NotStoredError
        Where it cannot be written; whatever torch raises where it cannot be pickled.
    """
    held = io.BytesIO()
    torch.save(state, held)
    with storing():
        write_atomic(path, lambda file: file.write(held.getbuffer()))


def status_of(error: BaseException) -> str:
    """Return the status that an exception means.

    Raises
    ------
    NotStoredError
        Where that is what went wrong, or a disk is full: no other variant would do better on it.
    """
    if isinstance(error, NotStoredError):
        raise error
    if isinstance(error, OSError) and error.errno in FULL:
        raise NotStoredError(without_paths(str(error))) from error
    if isinstance(error, DataUnavailableError):
        return "unavailable"
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or _allocator_failed(error):
        return "out_of_memory"
    return "failed"


def _allocator_failed(error: BaseException) -> bool:
    # torch's CPU allocator raises a plain RuntimeError
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def explain(error: BaseException) -> str:
    """Return one sentence for data that cannot be had, a traceback for anything else."""
    return without_paths(str(error)) if isinstance(error, DataUnavailableError) else trace(error)


def reset_peak(device: str) -> None:
    """Set the high-water mark of memory to what is in use now (a GPU's, or resident memory on Linux)."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: str) -> int | None:
    """Return the peak in bytes since `reset_peak`; None where it is not measured."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    if not sys.platform.startswith("linux"):
        return None
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    peak = next((line for line in lines if line.startswith("VmHWM")), None)
    return int(peak.split()[1]) * 1024 if peak else None
