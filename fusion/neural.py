"""The neural variant: scales inputs, builds its network, trains it, predicts with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from time import perf_counter
from typing import Any, Self

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ..core.seeding import Seeds
from ..datasets.bundle import Inputs, Rows
from .batch import channels_last
from .network import Batch, FusionNetwork
from .preprocess import Standardiser, select
from .stages import LocalStages
from .training import EVALUATION_BATCH, autocast, train_network
from .variant import Task, Variant, as_seeds


class NeuralVariant(Variant):
    """A `FusionNetwork` under the contract.

    Parameters
    ----------
    task
        What it is built for.
    network
        The network class.
    name
        Canonical name: what is random and its own derives from it.
    options
        The network's options.
    """

    network: FusionNetwork

    def __init__(self, task: Task, network: Callable[..., FusionNetwork], name: str, **options: Any):
        super().__init__(task)
        self.name, self.options = name, options
        self.make, self.kind = partial(network, **options), network_class(network)
        self.used = self.kind.uses(task, **options)
        kept = tuple(m for m in task.modalities if m.name in self.used)
        self.scaler = Standardiser(kept)

    def needs(self) -> tuple[str, ...]:
        """Names of the stages that its network starts from."""
        return self.kind.needs(self.task, **self.options)

    def try_out(self) -> None:
        """Make the network without its numbers, so that a refused option is told before anything runs."""
        with torch.device("meta"), suppress(RuntimeError):  # not every layer can be made without numbers
            self.make(self.task).finish()

    def build(self, seeds: Seeds) -> FusionNetwork:
        """Return the untrained network: equal seeds give equal weights; torch is left seeded by its own."""
        torch.manual_seed(seeds.own())
        return self.make(self.task.seeded(seeds)).finish().to(self.task.device)

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Scale by training rows, train, keep the best epoch; the caller's random state stays as it is."""
        begin, seeds = perf_counter(), as_seeds(seed, self.name)
        stages = self.stages or LocalStages(self.task, train, validation, seeds)
        self.scaler.fit(self._select(train))
        data = [(self.batch(rows), self._labels(rows)) for rows in (train, validation)]
        with own_random_state(self.task.device):
            self.network = self.build(seeds)
            self.network.start_from(stages)
            ready = perf_counter() - begin
            self.history = train_network(self.network, data[0], data[1], self.task.seeded(seeds))
        self.history.phases["load"] = self.history.phases.get("load", 0.0) + ready
        return self

    @torch.inference_mode()
    def predict_proba(self, inputs: Inputs) -> np.ndarray:
        """Return softmax of the logits in evaluation mode, float64 (n, classes)."""
        self.network.eval()
        batch, parts = self.batch(inputs), []
        for start in range(0, len(inputs), EVALUATION_BATCH):
            with autocast(self.task.settings, batch.present.device):
                logits = self.network(batch.take(slice(start, start + EVALUATION_BATCH)))
            parts.append(torch.softmax(logits.double(), 1).cpu())
        return torch.cat(parts).numpy()

    def parameters(self) -> int | None:
        """Trainable parameters that hold a gradient after training, or all trainable ones if restored."""
        trainable = [p for p in self.network.parameters() if p.requires_grad]
        with_gradient = [p for p in trainable if p.grad is not None]
        return sum(p.numel() for p in with_gradient or trainable)

    @torch.no_grad()
    def flops(self, inputs: Inputs) -> int | None:
        """Operations of one row's forward pass by torch's counter; None where it counts nothing."""
        self.network.eval()
        with FlopCounterMode(display=False) as counter:
            self.network(self.batch(inputs.take(slice(0, 1))))
        return counter.get_total_flops() or None

    def batch(self, inputs: Inputs) -> Batch:
        """Return scaled tensors on the device, pictures channels-last."""
        chosen, device = self._select(inputs), self.task.device
        scaled = self.scaler.transform(chosen)
        tensors = {name: channels_last(torch.from_numpy(x).to(device)) for name, x in scaled.items()}
        return Batch(tensors, torch.from_numpy(np.ascontiguousarray(chosen.present)).to(device))

    def _select(self, inputs: Inputs) -> Inputs:
        return select(inputs, self.task.names, self.used)

    def _labels(self, rows: Rows) -> torch.Tensor:
        return torch.from_numpy(np.asarray(rows.labels, dtype=np.int64)).to(self.task.device)

    def state(self) -> dict[str, Any]:
        """Return weights and scaling."""
        return {"network": self.network.state_dict(), "scaler": self.scaler.state()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Rebuild the network and load weights and scaling."""
        self.scaler.restore(state["scaler"])
        with own_random_state(self.task.device):
            self.network = self.build(Seeds().for_variant(self.name))
        self.network.load_state_dict(state["network"])
        return self


def own_random_state(device: str) -> AbstractContextManager[None]:
    """Return the context in which torch may be seeded without its user noticing."""
    return torch.random.fork_rng(devices=[device] if device.startswith("cuda") else [])


def network_class(network: Callable[..., FusionNetwork]) -> type[FusionNetwork]:
    """Return the class behind a network or a partial application of one."""
    inner = network.func if isinstance(network, partial) else network
    assert isinstance(inner, type)
    return inner
