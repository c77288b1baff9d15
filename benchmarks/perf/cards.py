"""Part `device`: the same cells on a GPU, where torch finds one."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import torch

from ..work import device_model
from ..worker import one_thread
from .alternate import Side, alternate, timed
from .bare import Memo, tensors, train
from .commands import fusebench, seconds, write_suite
from .data import memo
from .measurement import Measurement, Scale
from .measurement import Side as Told
from .ours import Cells
from .suites import CELLS, DATA, SEEDS

DEVICE = "cuda"
SEVERAL = 4  # cells that share the card


def measure(scale: Scale) -> list[Measurement]:
    """Measure a cell in float32 and bfloat16 against a bare loop, and several on one card; nothing without."""
    if not torch.cuda.is_available():
        return []
    return [*_one(scale), _several(scale)]


def _one(scale: Scale) -> list[Measurement]:
    pixels = scale.sides[-1]
    data = memo(pixels, scale.rows)
    inputs, labels = tensors(data.bundle.train, DEVICE)
    make = partial(Memo, data.modalities, len(data.classes))
    sides: dict[str, Side] = {
        "bare": timed(lambda: train(make().to(DEVICE), inputs, labels, scale.epochs)),
    }
    cells = {}
    with tempfile.TemporaryDirectory(prefix="fusebench-perf-") as folder, one_thread():
        for precision in ("fp32", "bf16"):
            place = Path(folder) / precision
            place.mkdir()
            cells[precision] = Cells(place, "concat_features", data, scale.epochs, DEVICE, precision=precision)
        took = alternate(sides | cells, scale.repetitions)
    card = device_model(DEVICE)
    return [
        Measurement(
            f"device_{precision}",
            f"one cell on a GPU, {pixels}×{pixels} pictures, {precision}",
            "share",
            None,
            Told("whole cell of ours", took.seconds[precision]),
            Told("bare PyTorch loop, fp32", took.seconds["bare"]),
            took.load,
            notes=[f"On {card}."],
            more=cell.told(scale.repetitions),
        )
        for precision, cell in cells.items()
    ]


def _several(scale: Scale) -> Measurement:
    """Run the same cells one after another and several at once on the one card."""
    data = DATA.format(rows=scale.suite_rows)

    def whole(jobs: int) -> float:
        with tempfile.TemporaryDirectory(prefix="fusebench-perf-") as place:
            suite = write_suite(Path(place), "measured", CELLS, [data], SEEDS, {"epochs": scale.suite_epochs})
            options = ("--jobs", str(jobs), "--device", DEVICE, "--no-report", "--out", place)
            return seconds(fusebench("run", suite, *options))

    took = alternate({"several": partial(whole, SEVERAL), "one": partial(whole, 1)}, scale.repetitions)
    return Measurement(
        "device_shared",
        f"{len(CELLS) * len(SEEDS)} cells on one GPU, {SEVERAL} at once",
        "times",
        None,
        Told(f"whole command, {SEVERAL} workers", took.seconds["several"]),
        Told("whole command, 1 worker", took.seconds["one"]),
        took.load,
        notes=[f"On {device_model(DEVICE)}, {data}, {scale.suite_epochs} epochs."],
    )
