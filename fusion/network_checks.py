"""The contract of networks: every check is made on a variant's own network and on those of its stages."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from .network import Batch
from .neural import own_random_state
from .registry import Entry
from .specimens import specimen, usual_kinds
from .trials import QUICK, check, classes_of, fit, fresh, has_network, need, usual


@check(has_network)
def keeps_rows_apart_in_training(entry: Entry, name: str) -> None:
    """In training mode too the logits of a row depend on that row alone, and a single row is a batch."""
    trial = usual(entry, name)
    for label, variant in trial.networks.items():
        network, batch = fresh(variant), variant.batch(trial.data.test)
        leaves = {k: x.detach().clone().requires_grad_() for k, x in batch.inputs.items()}
        with own_random_state("cpu"):
            network(Batch(leaves, batch.present))[0].square().sum().backward()
            one = network.loss(batch.take(slice(0, 1)), torch.zeros(1, dtype=torch.int64), None)
        mixed = [k for k, x in leaves.items() if x.grad is not None and bool(x.grad[1:].any())]
        need(not mixed, f"{label}: the first row's logits depend on other rows through {', '.join(mixed)}")
        need(bool(torch.isfinite(one)), f"{label}: the loss of a single row is {float(one.detach())}")


@check(has_network)
def keeps_the_last_batch(entry: Entry, name: str) -> None:
    """With 64, 65 or 129 rows in batches of 64, and one validation row, every row is seen once an epoch."""
    for rows in (64, 65, 129):
        data = specimen(usual_kinds(entry.requires), rows, 1, 4, classes_of(entry))
        trial = fit(name, data, replace(QUICK, epochs=1, batch=64))
        for label, variant in trial.networks.items():
            seen = variant.history.rows_seen
            need(seen == [rows], f"{label}: of {rows} training rows {seen} were seen in an epoch")


@check(has_network)
def trains_every_parameter(entry: Entry, name: str) -> None:
    """Every trainable parameter, of its stages too, receives a gradient that is finite and not zero."""
    trial = usual(entry, name)
    labels = torch.from_numpy(trial.data.train.labels)
    for label, variant in trial.networks.items():
        network = fresh(variant)
        with own_random_state("cpu"):
            network.loss(variant.batch(trial.data.train), labels, None).backward()
        grads = {k: p.grad for k, p in network.named_parameters() if p.requires_grad}
        idle = [k for k, grad in grads.items() if grad is None or not bool(grad.any())]
        need(not idle, f"{label}: no gradient reaches {', '.join(idle)}")
        wild = [k for k, grad in grads.items() if grad is not None and not bool(grad.isfinite().all())]
        need(not wild, f"{label}: the gradient of {', '.join(wild)} is not finite")


@check(has_network)
def registers_its_layers_at_construction(entry: Entry, name: str) -> None:
    """Training adds no parameter, buffer or layer: none is made in forward."""
    for label, variant in usual(entry, name).networks.items():
        before, after = fresh(variant), variant.network
        need(before.state_dict().keys() == after.state_dict().keys(), f"{label}: training changes what is stored")
        need(len(list(before.modules())) == len(list(after.modules())), f"{label}: training adds layers")


@check(has_network)
def counts_its_operations(entry: Entry, name: str) -> None:
    """The operations of one row are counted, and they are some."""
    trial = usual(entry, name)
    for label, variant in trial.networks.items():
        flops = variant.flops(trial.data.test.unlabelled())
        need(flops is None or flops > 0, f"{label}: {flops} operations are counted in a row")


@check(has_network)
def normalises_no_batch(entry: Entry, name: str) -> None:
    """It holds no layer that normalises over a batch (LayerNorm and GroupNorm keep rows apart)."""
    for label, variant in usual(entry, name).networks.items():
        held = [type(layer).__name__ for layer in variant.network.modules() if isinstance(layer, _BatchNorm)]
        need(not held, f"{label}: it holds {', '.join(held)}")
