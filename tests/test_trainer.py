"""The one trainer: what it sees, when it stops, what it keeps, and what is the same for every variant."""

import io
import math
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
import torch
from torch import nn

from fusebench import fusion
from fusebench.core.seeding import Seeds
from fusebench.fusion import REGISTRY, Batch, Settings, build, build_stage, expand, make_task, phases, refusal
from fusebench.fusion.neural import NeuralVariant
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.stages import HeldStages
from fusebench.fusion.training import TrainingError, class_weights, evaluate, train_network
from fusebench.fusion.trials import QUICK, fit

fusion.load_all()

KINDS = ("tabular", "image")
PHASES = {"load", "encode", "fuse", "head", "optimise", "validate"}


class Training:
    """A network about to be trained on a specimen; what it is given is noted."""

    def __init__(self, name="concat_features", seeds=None, rows=(48, 12), **settings):
        data = specimen(KINDS, *rows)
        self.seeds = seeds or Seeds(dataset="specimen", variant=name)
        task = make_task(
            data.modalities, data.classes, Settings(**{"epochs": 2, "batch": 16, "width": 8, **settings})
        )
        variant = build(name, task)
        variant.scaler.fit(data.train)
        with torch.random.fork_rng():
            self.network = variant.build(self.seeds)
        self.task = task.seeded(self.seeds)
        self.train, self.validation = (
            (variant.batch(rows), torch.from_numpy(rows.labels)) for rows in (data.train, data.validation)
        )
        self.batches, self.modes, self.weights = [], [], []
        self._loss, self.network.loss = self.network.loss, self.loss

    def loss(self, batch, labels, class_weight):
        self.batches.append(labels.tolist())
        self.modes.append(all(module.training for module in self.network.modules()))
        self.weights.append(class_weight)
        return self._loss(batch, labels, class_weight)

    def run(self, **options):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return train_network(self.network, self.train, self.validation, self.task, **options)

    def script(self, losses):
        """Let validation say these losses, an epoch each; return the weights at the end of each epoch."""
        self.states = []

        def score(batch, labels):
            self.states.append({key: value.clone() for key, value in self.network.state_dict().items()})
            return torch.tensor(losses[len(self.states) - 1]) * len(labels), torch.tensor(0)

        self.network.score = score
        return self


# ---- rows


@pytest.mark.parametrize(("rows", "sizes"), [(64, [64]), (65, [64, 1]), (129, [64, 64, 1]), (1, [1])])
def test_the_last_batch_keeps_the_rows_that_are_left(rows, sizes):
    training = Training(rows=(rows, 1), batch=64)
    history = training.run()
    assert [len(labels) for labels in training.batches] == sizes * 2
    assert history.rows_seen == [rows, rows]


def test_every_row_is_seen_once_an_epoch_in_another_order():
    training = Training(epochs=2)
    training.train = (training.train[0], torch.arange(48))
    training._loss = lambda batch, labels, weight: training.network(batch).sum() * 0
    training.run()
    first, second = np.concatenate(training.batches[:3]), np.concatenate(training.batches[3:])
    assert sorted(first) == sorted(second) == list(range(48))
    assert not np.array_equal(first, second)


def test_pictures_stay_channels_last_in_every_batch():
    training = Training()
    x = training.train[0].take(torch.tensor([5, 1, 3])).inputs["image"]
    assert x.shape == (3, 2, 8, 8)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(x, training.train[0].inputs["image"][torch.tensor([5, 1, 3])])


# ---- validation


class Answers(nn.Module):
    """A network whose hits and losses are written in its input."""

    def score(self, batch, labels):
        return batch["loss"].sum(), batch["hit"].sum()


def answers():
    """522 rows of which batches of 256, 256 and 10 hold 179, 205 and 9 hits."""
    hit = torch.cat([torch.arange(n) < hits for n, hits in ((256, 179), (256, 205), (10, 9))]).double()
    inputs = {"hit": hit, "loss": torch.linspace(0, 3, 522, dtype=torch.float64) ** 2}
    return Batch(inputs, torch.ones(522, 1, dtype=torch.bool)), torch.zeros(522, dtype=torch.int64)


@pytest.mark.parametrize("size", [1, 32, 256, 522, 1024])
def test_validation_is_pooled_over_rows(size):
    data = answers()
    loss, accuracy = evaluate(Answers(), data, size, Settings())
    assert accuracy == pytest.approx(393 / 522, abs=1e-12)
    assert accuracy == pytest.approx(0.752874, abs=1e-6)
    assert loss == pytest.approx(data[0]["loss"].mean().item(), abs=1e-12)


def test_the_chosen_epoch_does_not_depend_on_the_evaluation_batch():
    one, other = (Training(rows=(60, 522), epochs=6, lr=0.01).run(evaluation_batch=size) for size in (32, 522))
    assert one.epoch == other.epoch
    assert one.curves["train_loss"] == other.curves["train_loss"]
    for name in ("validation_loss", "validation_accuracy"):
        assert one.curves[name] == pytest.approx(other.curves[name], abs=2e-6)


def test_training_goes_on_in_training_mode_after_validation():
    training = Training(epochs=3)
    training.run()
    assert len(training.modes) == 9
    assert all(training.modes)


def test_the_training_loss_is_pooled_over_rows():
    training = Training(rows=(65, 4), batch=64, epochs=1)

    def loss(batch, labels, weight):  # 1 over 64 rows, 66 over the single one
        return training.network(batch).sum() * 0 + (1.0 if len(labels) == 64 else 66.0)

    training._loss = loss
    assert training.run().curves["train_loss"] == [2.0]


# ---- when it stops, what it keeps


@pytest.mark.parametrize(
    ("settings", "stopped"),
    [
        ({"patience": 3, "min_epochs": 1}, 5),
        ({"patience": 3, "min_epochs": 7}, 7),
        ({"patience": 5, "min_epochs": 1}, 7),
        ({"patience": 30, "min_epochs": 1}, 9),
        ({"patience": 1, "min_epochs": 15}, 9),
    ],
)
def test_it_stops_after_patience_never_before_the_least_epochs(settings, stopped):
    training = Training(epochs=9, **settings).script([3.0, 1.0, *[2.0] * 7])
    history = training.run()
    assert len(history.curves["validation_loss"]) == stopped
    assert history.epoch == 2


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([3.0, 1.0, 2.0, 4.0], 2),
        ([3.0, 2.0, 1.0, 0.5], 4),
        ([1.0, 1.0, 1.0, 1.0], 1),
        ([math.nan, 9.0, math.nan, 10.0], 2),
        ([math.nan] * 4, 1),
    ],
)
def test_the_weights_of_the_best_epoch_are_given_back(losses, best):
    training = Training(epochs=4).script(losses)
    history = training.run()
    assert history.epoch == best
    kept, states = training.network.state_dict(), training.states
    assert all(torch.equal(value, states[best - 1][key]) for key, value in kept.items())
    assert not all(torch.equal(value, states[best % 4][key]) for key, value in kept.items())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_training(value):
    training = Training(epochs=5)
    loss = training._loss
    training._loss = lambda *given: loss(*given) * (value if len(training.batches) == 6 else 1.0)
    with pytest.raises(TrainingError, match=rf"became {value} in epoch 2"):
        training.run()


# ---- settings


def test_the_learning_rate_falls_along_half_a_cosine_to_zero(monkeypatch):
    rates = []

    class Noting(torch.optim.AdamW):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            assert self.param_groups[0]["weight_decay"] == 0.3
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Noting)
    Training(rows=(50, 4), epochs=10, lr=0.02, weight_decay=0.3).run()
    assert len(rates) == 10 * math.ceil(50 / 16)
    expected = [0.01 * (1 + math.cos(math.pi * step / 40)) for step in range(40)]
    assert rates == pytest.approx(expected)
    assert rates[0] == 0.02
    assert rates[-1] < 0.02 * 0.002


def test_class_weights_are_inverse_frequencies():
    labels = torch.tensor([0, 0, 0, 1])
    assert class_weights(labels, 2, Settings()) is None
    balanced = Settings(class_weight="balanced")
    assert class_weights(labels, 2, balanced).tolist() == pytest.approx([4 / 6, 4 / 2])
    assert class_weights(labels, 3, balanced).isfinite().all()


def test_class_weights_reach_the_loss_of_every_batch():
    plain, balanced = Training(), Training(class_weight="balanced", rows=(47, 4))
    plain.run()
    balanced.run()
    assert plain.weights == [None] * 6
    assert all(weight.tolist() == pytest.approx([47 / 48, 47 / 48, 47 / 45]) for weight in balanced.weights)


def test_weighted_loss_favours_the_rare_class():
    data = specimen(KINDS, 90, 12, 60)
    kept = np.r_[np.flatnonzero(data.train.labels != 2), np.flatnonzero(data.train.labels == 2)[:4]]
    uneven = replace(data, train=data.train.take(kept))
    share = {
        w: fit("concat_features", uneven, replace(QUICK, class_weight=w)).predict() for w in ("none", "balanced")
    }
    assert share["balanced"][:, 2].mean() > share["none"][:, 2].mean() + 0.05


def test_bf16_computes_in_half_and_keeps_weights_whole():
    training, dtypes = Training(precision="bf16"), set()
    training.network.head.register_forward_hook(lambda module, given, logits: dtypes.add(logits.dtype))
    history = training.run()
    assert dtypes == {torch.bfloat16}
    assert {p.dtype for p in training.network.parameters()} == {torch.float32}
    assert all(map(math.isfinite, history.curves["validation_loss"]))


# ---- time


def test_phases_are_parts_of_the_training():
    begin = perf_counter()
    history = Training().run()
    wall = perf_counter() - begin
    assert history.phases.keys() == PHASES
    assert min(history.phases.values()) > 0
    assert sum(history.phases.values()) < wall


def test_the_clock_counts_laps_between_start_and_stop(monkeypatch):
    times = iter([10.0, 11.0, 13.0, 20.0, 25.0, 30.0, 31.0])
    monkeypatch.setattr(phases, "perf_counter", lambda: next(times))
    clock = phases.Clock()
    clock.lap("encode")  # not started: asks no time
    clock.start()  # 10
    clock.lap("encode")  # 11
    clock.lap("fuse")  # 13
    with clock.whole("validate"):  # 20 … 25, started again at 30
        clock.lap("encode")
    clock.lap("encode")  # 31
    clock.stop()
    clock.lap("encode")
    assert clock.seconds == {"encode": 2.0, "fuse": 2.0, "validate": 5.0}


# ---- what is the same for every variant, and what is not


def networks():
    modalities = modalities_of(KINDS)
    task = make_task(modalities, ("a", "b", "c"), QUICK)
    for entry in REGISTRY:
        for name in expand(entry.id, modalities):
            if refusal(name, modalities, ("a", "b", "c")) is not None:
                continue
            variant = build(name, task)
            if isinstance(variant, NeuralVariant):
                yield name, variant


def first_weights(seeds):
    """Variant → modality → weights of its extractor before training, the last layer aside."""
    found = {}
    for name, variant in networks():
        with torch.random.fork_rng():
            network = variant.build(seeds.for_variant(name))
        for modality, extractor in zip(network.names, network.extractors, strict=False):
            own = {key: value for key, value in extractor.state_dict().items() if not key.startswith("last")}
            if own:  # raw values have no extractor
                found.setdefault(modality, {})[name] = torch.cat([value.flatten() for value in own.values()])
    return found


def test_extractors_start_with_the_same_weights_in_every_variant():
    start, other_seed = first_weights(Seeds("set", 0)), first_weights(Seeds("set", 1))
    other_set, other_fold = first_weights(Seeds("other", 0)), first_weights(Seeds("set", 0, fold=1))
    for modality, weights in start.items():
        assert len(weights) > 10
        one = weights["merge_sum"]
        assert all(torch.equal(one, each) for each in weights.values())
        for other in (other_seed, other_set, other_fold):
            assert not torch.equal(one, other[modality]["merge_sum"])


def test_what_is_a_variant_s_own_differs():
    one, other = (Training(name).network for name in ("merge_sum", "merge_mean"))
    assert not torch.equal(one.head[0].weight, other.head[0].weight)


@pytest.mark.parametrize("name", ["merge_sum", "gmu", "cross_attention", "early_concat_mlp"])
def test_the_order_of_batches_is_the_same_for_every_variant(name):
    def order(name, **axes):
        training = Training(name, Seeds(variant=name, **{"dataset": "set", **axes}), epochs=2)
        training.run()
        return training.batches

    assert order(name) == order("concat_features")
    assert order(name, seed=1) == order("concat_features", seed=1) != order(name)
    assert order(name, dataset="other") != order(name)


@pytest.mark.parametrize(
    "name", ["contrastive_pretrain_concat", "autoencoder_pretrain_concat", "late_mean", "late_stacking"]
)
def test_stages_trained_on_the_spot_and_stored_ones_give_the_same_bits(name):
    data = specimen(KINDS)
    local = fit(name, data)
    held = {}
    for stage, fitted in local.stages.fitted.items():
        file = io.BytesIO()
        torch.save(fitted.state(), file)
        file.seek(0)
        held[stage] = build_stage(stage, local.variant.task).restore(torch.load(file, weights_only=False))
    again = build(name, local.variant.task)
    again.stages = HeldStages(held)
    again.fit(data.train, data.validation)
    assert np.array_equal(local.predict(), again.predict_proba(data.test))


def test_what_others_draw_changes_nothing():
    data = specimen(KINDS)
    before = fit("gmu", data).predict()
    torch.manual_seed(99)
    torch.rand(10)
    assert np.array_equal(fit("gmu", data).predict(), before)
