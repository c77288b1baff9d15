"""Our side: a whole cell as a worker computes it, into an empty folder."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ...results.record import Record
from ...results.store import Store
from ..job import Job
from ..suite import TrainingTable
from ..worker import execute
from .data import Held, pickled

CELL = "0" * 32


class Cells:
    """Whole cells of one variant on rows in memory: data, training, validation, predictions, model and record.

    Repetition r trains with seed r, so that what is learnt can be compared as well as what it costs.

    Parameters
    ----------
    folder
        For what a run would write.
    variant
        Its name.
    data
        The rows.
    epochs
        How many; the early-stopping check is made after each and never stops.
    training
        Further settings of the suite's `[training]` table.
    """

    def __init__(self, folder: Path, variant: str, data: Held, epochs: int, device: str = "cpu", **training: Any):
        self.folder, self.variant, self.data, self.device = folder, variant, data, device
        # as patient as the training is long, and asked from the first epoch on
        table = TrainingTable(epochs=epochs, patience=epochs, min_epochs=1, **training)
        self.training = table.model_dump(mode="json")
        self.own = pickled(data, folder)
        self.records: list[Record] = []

    def __call__(self) -> float:
        """Compute and store a cell; return the seconds."""
        with tempfile.TemporaryDirectory(dir=self.folder) as root:
            job = self._job(Path(root), len(self.records))
            begin = time.perf_counter()
            outcome = execute(job)
            seconds = time.perf_counter() - begin
            if outcome.status != "ok":
                raise RuntimeError(f"The measured cell of {self.variant} {outcome.status}: {outcome.reason}")
            record = Store(job.root).get(CELL)
        assert record is not None
        self.records.append(record)
        return seconds

    def _job(self, root: Path, seed: int) -> Job:
        return Job(
            kind="cell",
            hash=CELL,
            name=self.variant,
            dataset=self.data.name,
            seed=seed,
            fold=0,
            root=root,
            training=self.training,
            device=self.device,
            keep_model=True,
            own=self.own,
        )

    def told(self, repetitions: int) -> dict[str, Any]:
        """Return phases and the time of predicting in seconds, and test accuracies, of the last repetitions."""
        last = self.records[-repetitions:]
        return {
            "phases": [dict(record.phases) for record in last],
            "predict": [record.times["wall_predict"] for record in last],
            "accuracy": [record.metrics["accuracy"] for record in last],
            "epochs": [len(record.curves["validation_loss"]) for record in last],
        }
