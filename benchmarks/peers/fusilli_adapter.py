"""Runs inside fusilli's own environment, where nothing of ours is: its model, its data module, its trainer.

The first line of stdin holds settings: rows, validation rows, columns, classes, batch, epochs. Each further line
is a turn, `user`, `trainer` or `bare`, and is answered by a line of JSON. Reading tables is never timed,
checkpoints are off, and the progress bar goes nowhere. `user` is the call of fusilli's manual, which always logs
its losses and draws them once; `trainer` is its trainer and Lightning module without logger, the least it allows.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def tables(settings: dict[str, Any]) -> dict[str, str]:
    """Write two CSV tables of noise with a cue, as fusilli reads them; return their paths."""
    numpy, pandas = importlib.import_module("numpy"), importlib.import_module("pandas")
    random, count = numpy.random.default_rng(0), settings["rows"] + settings["validation"]
    labels = random.integers(0, settings["classes"], count)
    paths = {}
    for number in (1, 2):
        values = random.normal(size=(count, settings["columns"])) + 0.05 * labels[:, None]
        table = pandas.DataFrame(values, columns=[f"x{column}" for column in range(settings["columns"])])
        path = Path(f"table_{number}.csv")
        table.assign(ID=range(count), prediction_label=labels).to_csv(path, index=False)
        paths[f"tabular{number}"] = str(path)
    return paths


class Fusilli:
    """`ConcatTabularFeatureMaps` on the tables, by fusilli's trainer and by a bare loop."""

    def __init__(self, settings: dict[str, Any]):
        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(1)
        self.settings = settings
        module = importlib.import_module("fusilli.fusionmodels.tabularfusion.concat_feature_maps")
        self.model = module.ConcatTabularFeatureMaps
        self.outputs = {name: name for name in ("checkpoints", "losses", "figures")}
        self.data = self._data()
        rows = [self.data.train_dataset[place] for place in range(len(self.data.train_dataset))]
        *self.inputs, self.labels = (self.torch.stack(column) for column in zip(*rows))  # noqa: B905

    def _data(self) -> Any:
        prepare = importlib.import_module("fusilli.data").prepare_fusion_data
        rows, validation = self.settings["rows"], self.settings["validation"]
        return prepare(
            prediction_task="multiclass",
            fusion_model=self.model,
            data_paths=tables(self.settings),
            output_paths=self.outputs,
            batch_size=self.settings["batch"],
            multiclass_dimensions=self.settings["classes"],
            test_indices=list(range(rows, rows + validation)),
        )

    def network(self) -> Any:
        """Return the untrained module."""
        return self.model("multiclass", self.data.data_dims, self.settings["classes"])

    def user(self) -> Callable[[], Any]:
        """Return a training as the manual has it."""
        train = importlib.import_module("fusilli.train").train_and_save_models
        epochs = self.settings["epochs"]
        return lambda: train(self.data, self.model, max_epochs=epochs, enable_checkpointing=False)

    def trainer(self) -> Callable[[], Any]:
        """Return a training by fusilli's trainer and Lightning module; making both is not timed."""
        base = importlib.import_module("fusilli.fusionmodels.base_model").BaseModel
        init = importlib.import_module("fusilli.utils.training_utils").init_trainer
        trainer = init(None, self.outputs, max_epochs=self.settings["epochs"], enable_checkpointing=False)
        model, loaders = base(self.network()), (self.data.train_dataloader(), self.data.val_dataloader())
        return lambda: trainer.fit(model, train_dataloaders=loaders[0], val_dataloaders=loaders[1])

    def bare(self) -> Callable[[], Any]:
        """Return a training by a loop over slices of tensors."""
        return lambda: self._loop(self.network())

    def _loop(self, network: Any) -> None:
        torch, batch = self.torch, self.settings["batch"]
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
        network.train()
        for _ in range(self.settings["epochs"]):
            order = torch.randperm(len(self.labels))
            for start in range(0, len(self.labels), batch):
                chosen = order[start : start + batch]
                logits = network(*(x[chosen] for x in self.inputs))
                loss = torch.nn.functional.cross_entropy(logits, self.labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

    def about(self) -> dict[str, Any]:
        """Return the size of the module and versions."""
        count = sum(p.numel() for p in self.network().parameters())
        return {"parameters": count, "torch": self.torch.__version__, "rows": len(self.labels)}


def main() -> None:
    """Answer turns until stdin ends."""
    warnings.simplefilter("ignore")
    answers = sys.stdout
    with redirect_stdout(sys.stderr):  # fusilli and Lightning print; answers alone go to stdout
        peer = Fusilli(json.loads(sys.stdin.readline()))
        print(json.dumps(peer.about()), file=answers, flush=True)
        for line in sys.stdin:
            work = {"user": peer.user, "trainer": peer.trainer, "bare": peer.bare}[line.strip()]()
            begin = time.perf_counter()
            work()
            print(json.dumps({"seconds": time.perf_counter() - begin}), file=answers, flush=True)


if __name__ == "__main__":
    main()
