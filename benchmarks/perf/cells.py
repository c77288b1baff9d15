"""Part `cell`: the memo's model, our whole cell against a bare loop, beside what the processor could do."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ...core.machine import fingerprint
from ..worker import one_thread
from .alternate import Alternated, Side, alternate, timed
from .bare import Memo, tensors, train
from .data import memo
from .limit import Product, has_bf16, operations
from .measurement import Form, Measurement, Scale
from .measurement import Side as Told
from .ours import Cells

VARIANT = "concat_features"
WHOLE = "whole cell: data, training, validation, early-stopping check, predictions, model, record"
LOOP = "bare PyTorch loop: training alone, contiguous fp32, index slices, AdamW"
NO_BF16 = "this processor has no bf16 instructions"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TARGETS: dict[tuple[int, str], float] = {(16, "fp32"): 0.80, (28, "fp32"): 0.80, (28, "bf16"): 0.55}


def measure(scale: Scale) -> list[Measurement]:
    """Measure each size of pictures, with one thread, in float32 and, where the processor has it, bfloat16."""
    able = has_bf16(fingerprint())
    found = []
    for pixels in scale.sides:
        with tempfile.TemporaryDirectory(prefix="fusebench-perf-") as folder, one_thread():
            found += _Size(pixels, scale, Path(folder), list(DTYPES) if able else ["fp32"]).measure()
        if not able and (pixels, "bf16") in TARGETS:
            found.append(Measurement(*_row(pixels, "bf16"), reason=NO_BF16))
    return found


def _row(pixels: int, precision: str) -> tuple[str, str, Form, float | None]:
    what = f"one cell, {pixels}×{pixels} pictures, {precision}"
    return f"cell_{pixels}_{precision}", what, "share", TARGETS.get((pixels, precision))


@dataclass
class _Size:
    """One size of pictures: every precision, the bare loop and the matrix products take turns."""

    pixels: int
    scale: Scale
    folder: Path
    precisions: list[str]
    cells: dict[str, Cells] = field(default_factory=dict)

    def measure(self) -> list[Measurement]:
        data, epochs = memo(self.pixels, self.scale.rows), self.scale.epochs
        inputs, labels = tensors(data.bundle.train)
        loop = timed(lambda: train(Memo(data.modalities, len(data.classes)), inputs, labels, epochs))
        sides: dict[str, Side] = {"bare": loop}
        products = {name: Product(self.scale.product, DTYPES[name]) for name in self.precisions}
        for name in self.precisions:
            place = self.folder / name
            place.mkdir()
            self.cells[name] = Cells(place, VARIANT, data, epochs, precision=name)
            sides |= {name: self.cells[name], f"{name} product": products[name]}
        took = alternate(sides, self.scale.repetitions)
        flops = operations(Memo(data.modalities, len(data.classes)), inputs, labels) * len(labels) * epochs
        return [self._told(name, took, flops, products[name]) for name in self.precisions]

    def _told(self, precision: str, took: Alternated, flops: float, product: Product) -> Measurement:
        repetitions = self.scale.repetitions
        more = self.cells[precision].told(repetitions) | {
            "training_operations": flops,
            "product": product.told(took.seconds[f"{precision} product"]),
        }
        if precision != "fp32":
            more["accuracy_fp32"] = self.cells["fp32"].told(repetitions)["accuracy"]
        return Measurement(
            *_row(self.pixels, precision),
            ours=Told(WHOLE, took.seconds[precision]),
            other=Told(LOOP, took.seconds["bare"]),
            load=took.load,
            more=more,
        )
