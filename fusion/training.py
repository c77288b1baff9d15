"""The one trainer: AdamW, cosine schedule, best epoch by validation log-loss, patient early stopping.

Tensors stay on the device and batches are slices of rows permuted once an epoch; pictures are kept
channels-last. The last batch of an epoch keeps whatever rows are left, be it one: no entry normalises
over the batch, so a single row is a batch like any other.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from .network import Batch, FusionNetwork, Training
from .variant import History, Settings, Task

EVALUATION_BATCH = 256


class TrainingError(RuntimeError):
    """Training that cannot go on, such as a loss that is no longer a number."""


def train_network(
    network: FusionNetwork,
    train: tuple[Batch, Tensor],
    validation: tuple[Batch, Tensor],
    task: Task,
    evaluation_batch: int = EVALUATION_BATCH,
) -> History:
    """Train a network in place and leave it with the weights of its best epoch.

    Parameters
    ----------
    network
        On the task's device.
    train, validation
        Batch and labels (n,).
    task
        Settings and seeds; the order of batches depends on (data set, fold, seed) alone.
    evaluation_batch
        Rows a validation pass takes at once; it changes no result.

    Returns
    -------
    History
        Curves, the epoch kept (from 1), seconds by phase, rows seen in each epoch.

    Raises
    ------
    TrainingError
        Where the loss becomes NaN or infinite.
    """
    settings, clock, history = task.settings, network.clock, History()
    precision = partial(autocast, settings, train[1].device)
    training = Training(network.make_optimiser(settings), precision, 0, settings.epochs)
    order = torch.Generator().manual_seed(task.seeds.order())
    weight = class_weights(train[1], len(task.classes), settings)
    keeper = _Keeper(network)
    schedule = _Cosine(settings, len(train[1]))
    clock.start()
    for epoch in range(1, settings.epochs + 1):
        network.train()
        permutation = torch.randperm(len(train[1]), generator=order).to(train[1].device)
        batch, labels = replace(train[0].take(permutation), rows=permutation), train[1][permutation]
        clock.lap("load")
        training.epoch = epoch
        network.begin_epoch(epoch, batch, labels)
        loss, seen = _epoch(network, batch, labels, training, schedule, weight, settings.batch)
        history.rows_seen.append(seen)
        if not math.isfinite(loss):
            raise TrainingError(f"the training loss became {loss} in epoch {epoch}; a smaller lr may help")
        with clock.whole("validate"):
            held_out = evaluate(network, validation, evaluation_batch, settings)
        _note(history, loss, held_out)
        keeper.offer(epoch, held_out[0])
        if epoch >= settings.min_epochs and epoch - keeper.epoch >= settings.patience:
            break
    clock.stop()
    keeper.give_back()
    history.epoch, history.phases = keeper.epoch, dict(clock.seconds)
    return history


def _epoch(
    network: FusionNetwork,
    batch: Batch,
    labels: Tensor,
    training: Training,
    schedule: _Cosine,
    weight: Tensor | None,
    size: int,
) -> tuple[float, int]:
    total, seen = torch.zeros((), dtype=torch.float64, device=labels.device), 0
    for start in range(0, len(labels), size):
        rows = slice(start, start + size)
        part, truth = batch.take(rows), labels[rows]
        schedule.step(training.optimiser)
        loss = network.step(part, truth, weight, training)
        network.clock.lap("optimise")
        total += loss.double() * len(truth)
        seen += len(truth)
    return float(total) / seen, seen


@torch.no_grad()
def evaluate(
    network: FusionNetwork, data: tuple[Batch, Tensor], size: int, settings: Settings
) -> tuple[float, float]:
    """Return (log-loss, accuracy) over all rows, pooled: never a mean of batch means."""
    network.eval()
    batch, labels = data
    losses, hits = [], []
    for start in range(0, len(labels), size):
        with autocast(settings, labels.device):
            loss, hit = network.score(batch.take(slice(start, start + size)), labels[start : start + size])
        losses.append(loss.double())
        hits.append(hit)
    return float(torch.stack(losses).sum()) / len(labels), float(torch.stack(hits).sum()) / len(labels)


def _note(history: History, loss: float, held_out: tuple[float, float]) -> None:
    values = {"train_loss": loss, "validation_loss": held_out[0], "validation_accuracy": held_out[1]}
    for name, value in values.items():
        history.curves.setdefault(name, []).append(round(value, 6))


def class_weights(labels: Tensor, classes: int, settings: Settings) -> Tensor | None:
    """Return inverse class frequencies n / (K n_k) of training rows, or None where all count the same."""
    if settings.class_weight == "none":
        return None
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    return len(labels) / (classes * counts.float())


def autocast(settings: Settings, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a forward pass runs at the suite's precision."""
    if settings.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


class _Cosine:
    """Learning rate from a group's own to zero along half a cosine, a value for every step."""

    def __init__(self, settings: Settings, rows: int):
        self.taken = 0
        self.steps = settings.epochs * math.ceil(rows / settings.batch)

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        factor = 0.5 * (1 + math.cos(math.pi * self.taken / self.steps))
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("full_lr", group["lr"]) * factor * group.get("scale", 1.0)
        self.taken += 1


class _Keeper:
    """Holds the weights of the epoch with the lowest validation log-loss."""

    def __init__(self, network: FusionNetwork):
        self.tensors = list(network.state_dict(keep_vars=False).values())
        self.kept = [tensor.clone() for tensor in self.tensors]
        self.epoch, self.best = 0, math.inf

    def offer(self, epoch: int, loss: float) -> None:
        if loss < self.best or self.epoch == 0:
            self.epoch, self.best = epoch, math.inf if math.isnan(loss) else loss
            torch._foreach_copy_(self.kept, self.tensors)  # type: ignore[reportPrivateImportUsage]

    def give_back(self) -> None:
        torch._foreach_copy_(self.tensors, self.kept)  # type: ignore[reportPrivateImportUsage]
