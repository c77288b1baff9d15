"""What a second core brings by itself: bare loops at once, for two workers are judged by what a machine gives."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, wait
from multiprocessing import get_context

import torch
from torch import Tensor

from ...datasets import Modality
from .alternate import alternate, timed
from .bare import Memo, tensors, train
from .data import CLASSES, memo
from .measurement import Measurement, Scale, Side

PIXELS = 16

_held: list[tuple[tuple[Modality, ...], list[Tensor], Tensor]] = []  # of a process that trains


def measure(scale: Scale) -> Measurement:
    """Compare two bare loops, one in each of two processes, with the same two loops in one."""
    with ProcessPoolExecutor(2, get_context("spawn"), _prepare, (scale.suite_rows,)) as processes:

        def loops(*each: int) -> None:
            for future in wait([processes.submit(_loops, number, scale.suite_epochs) for number in each]).done:
                future.result()

        took = alternate({"two": timed(loops, 1, 1), "one": timed(loops, 2)}, scale.repetitions)
    return Measurement(
        "cores",
        "the machine alone: bare loops, 2 processes against 1",
        "times",
        None,
        Side("two processes, a bare PyTorch loop each", took.seconds["two"]),
        Side("one process, both loops", took.seconds["one"]),
        took.load,
        notes=["Nothing is shared, scheduled or stored here: this is what two cores of the machine give."],
    )


def _prepare(rows: int) -> None:
    torch.set_num_threads(1)
    data = memo(PIXELS, rows)
    _held.append((data.modalities, *tensors(data.bundle.train)))


def _loops(number: int, epochs: int) -> None:
    modalities, inputs, labels = _held[0]
    for _ in range(number):
        train(Memo(modalities, len(CLASSES)), inputs, labels, epochs)
