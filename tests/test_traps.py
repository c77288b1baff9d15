"""Traps seen in published code: what an entry must not do, beyond the contract that all of them keep."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fusebench import fusion
from fusebench.core.seeding import Seeds, generator
from fusebench.datasets import Inputs, Modality
from fusebench.fusion import REGISTRY, Batch, build, expand, make_task, refusal
from fusebench.fusion.extractors import EXTRACTORS, choose
from fusebench.fusion.late.decisions import Decisions
from fusebench.fusion.late.merge import merge_harmonic_mean, merge_inner_product
from fusebench.fusion.late.rules import LateWeighted, late_product
from fusebench.fusion.neural import NeuralVariant
from fusebench.fusion.preprocess import Standardiser, select
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import QUICK, fit, fresh

fusion.load_all()

KINDS = ("tabular", "image", "audio")
MEMO = (
    Modality("tabular", "tabular", (16,)),
    Modality("image", "image", (3, 16, 16)),
    Modality("audio", "audio", (1, 16, 16)),
)


def task_of(modalities=None, **settings):
    return make_task(modalities or modalities_of(KINDS), ("a", "b", "c"), replace(QUICK, **settings))


def names_of_networks():
    for entry in REGISTRY:
        for name in expand(entry.id, MEMO):
            if refusal(name, MEMO, ("a", "b", "c")) is not None:
                continue
            if isinstance(build(name, task_of(MEMO)), NeuralVariant):
                yield name


NETWORKS = list(names_of_networks())


def beyond(name):
    """A parameter of a test: entries beyond the tier core run at night, their contract runs always."""
    tier = REGISTRY.get(name.split("(")[0]).tier
    return pytest.param(name, marks=[] if tier == "core" else [pytest.mark.nightly])


# ---- weights that do nothing


@pytest.mark.parametrize("name", map(beyond, NETWORKS))
def test_every_parameter_changes_the_loss(name):
    data = specimen(KINDS)
    variant = build(name, task_of(data.modalities))
    variant.scaler.fit(select(data.train, variant.task.names, variant.used))
    network, rows = fresh(variant).eval().double(), variant.batch(data.train)
    # float32 rounds small effects away
    rows = Batch({k: x.double() for k, x in rows.inputs.items()}, rows.present)
    labels = torch.from_numpy(data.train.labels)
    with torch.no_grad():
        before = network.loss(rows, labels, None)
        for key, parameter in network.named_parameters():
            kept = parameter.clone()
            parameter += torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
            assert not torch.equal(network.loss(rows, labels, None), before), f"{key} changes nothing"
            parameter.copy_(kept)


def test_factors_of_low_rank_fusion_are_parameters_and_move():
    variant = fit("low_rank_fusion(rank=2)", specimen(KINDS)).variant
    start = dict(fresh(variant).named_parameters())
    own = {key: p for key, p in variant.network.named_parameters() if "." not in key}
    shapes = {key: tuple(p.shape) for key, p in own.items()}
    assert shapes == {"factors": (3, 2, 9, 8), "weights": (2,), "bias": (8,)}
    assert not any(torch.equal(p, start[key]) for key, p in own.items())


def test_inner_products_do_not_starve_the_head():
    for several in (2, 3, 6):
        h = torch.zeros(several, 4, 8)
        assert merge_inner_product(h).shape == (4, 8 + several * (several - 1) // 2)


# ---- attention


def test_attention_changes_with_its_query():
    network = fresh(build("cross_attention", task_of())).eval()
    lengths = [len(place) for place in network.tokens.position]
    rng = torch.Generator().manual_seed(0)
    h, other = ([torch.randn(4, n, network.size, generator=rng) for n in lengths] for _ in range(2))
    with torch.no_grad():
        for a, length in enumerate(lengths):
            start = sum(lengths[:a]) * network.size
            part = slice(start, start + length * network.size)
            answers = []
            for query in (h[a], other[a]):
                fused = network.fuse([*h[:a], query, *h[a + 1 :]])[:, part]
                answers.append(fused - query.flatten(1))
            assert (answers[0] - answers[1]).abs().max() > 1e-3


SMALL = [
    Modality("t", "tabular", (1,)),
    Modality("t", "tabular", (40,)),
    Modality("e", "embedding", (7,)),
    Modality("i", "image", (1, 4, 4)),
    Modality("i", "image", (3, 9, 13)),
    Modality("a", "audio", (1, 16, 5)),
]


@pytest.mark.parametrize("modality", SMALL, ids=lambda m: f"{m.kind}{m.shape}")
def test_default_extractors_give_more_than_one_token(modality):
    extractor = choose((modality,), {})[modality.name](modality, 8)
    tokens = extractor.tokens(torch.zeros(2, *modality.shape))
    assert tokens.shape[0] == 2
    assert tokens.shape[1] > 1
    assert tokens.shape[2] == extractor.token_size


@pytest.mark.parametrize("columns", range(2, 20))
def test_linear_extractor_gives_more_than_one_token(columns):
    extractor = EXTRACTORS.get("linear").definition(Modality("e", "embedding", (columns,)), 8)
    tokens = extractor.tokens(torch.arange(2.0 * columns).reshape(2, columns))
    assert tokens.shape[1] > 1
    assert tokens.flatten(1).shape == (2, columns)


TAKEN = [(entry, m) for entry in EXTRACTORS for m in SMALL if m.kind in entry.kinds]


@pytest.mark.parametrize(("entry", "modality"), TAKEN, ids=[f"{e.id}-{m.kind}{m.shape}" for e, m in TAKEN])
def test_levels_have_the_declared_sizes(entry, modality):
    extractor = entry.definition(modality, 8)
    x = torch.zeros(2, *modality.shape)
    assert tuple(level.shape[1] for level in extractor.levels(x)) == extractor.level_sizes
    assert extractor.body(x).shape == (2, extractor.inner)
    assert extractor(x).shape == (2, 8)


# ---- scaling


def inputs_of(x, present=None):
    there = np.ones((len(x), 1), dtype=bool) if present is None else np.array(present)[:, None]
    return Inputs({"x": np.asarray(x, dtype=np.float32)}, there)


def test_scaling_is_fitted_on_training_rows_alone():
    scaler = Standardiser((Modality("x", "tabular", (2,)),)).fit(inputs_of([[0, 5], [2, 5], [4, 5]]))
    test = inputs_of([[2, 5], [100, 7]])
    scaled = scaler.transform(test)["x"]
    assert np.allclose(scaled, [[0, 0], [98 / np.sqrt(8 / 3), 2]])  # a constant column keeps its scale
    assert np.array_equal(scaler.transform(test.take(slice(0, 1)))["x"], scaled[:1])


def test_absent_rows_do_not_enter_the_mean_and_become_it():
    scaler = Standardiser((Modality("x", "tabular", (1,)),))
    scaler.fit(inputs_of([[1], [3], [1000]], [True, True, False]))
    assert scaler.mean["x"].item() == 2
    assert scaler.transform(inputs_of([[3], [77]], [True, False]))["x"].tolist() == [[1], [0]]


def test_pictures_are_scaled_by_channel():
    x = generator("pictures").normal([[[3.0]], [[-2.0]]], [[[1.0]], [[5.0]]], size=(50, 2, 4, 4))
    scaled = Standardiser((Modality("x", "image", (2, 4, 4)),)).fit(inputs_of(x)).transform(inputs_of(x))["x"]
    assert np.allclose(scaled.mean((0, 2, 3)), 0, atol=1e-5)
    assert np.allclose(scaled.std((0, 2, 3)), 1, atol=1e-4)
    assert np.ptp(scaled.mean((0, 3)), axis=1).min() > 0  # places are not scaled apart


def test_a_shift_of_the_test_rows_is_seen():
    data = specimen(("tabular", "embedding"))
    trial = fit("early_concat_logreg", data)
    shifted = {k: x + 3 for k, x in data.test.inputs.items()}
    moved = trial.predict(replace(data.test.unlabelled(), inputs=shifted))
    assert np.abs(moved - trial.predict()).max() > 0.1


# ---- rules on decisions


def test_product_divides_by_the_prior_of_the_training_rows():
    data = specimen(("tabular", "embedding"))
    kept = np.r_[np.flatnonzero(data.train.labels != 2), np.flatnonzero(data.train.labels == 2)[:2]]
    uneven = replace(data, train=data.train.take(kept))
    rule = fit("late_product", uneven).variant
    assert rule.prior == pytest.approx([16 / 34, 16 / 34, 2 / 34])
    experts = [expert.predict_proba(data.test) for expert in rule.experts]
    expected = experts[0] * experts[1] / rule.prior
    assert np.allclose(rule.predict_proba(data.test), expected / expected.sum(1, keepdims=True), atol=1e-9)
    balanced = fit("late_product", uneven, replace(QUICK, class_weight="balanced")).variant
    assert balanced.prior == pytest.approx([1 / 3] * 3)


def test_product_of_a_row_without_modalities_is_the_prior():
    prior = np.array([0.7, 0.2, 0.1])
    d = Decisions(np.full((2, 1, 3), 1 / 3), np.zeros((2, 1, 1)), prior)
    assert late_product(d)[0] == pytest.approx(prior)


def test_product_survives_an_expert_that_is_sure_and_wrong():
    d = Decisions(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]), np.ones((2, 1, 1)), np.array([0.5, 0.5]))
    assert late_product(d)[0] == pytest.approx([0.5, 0.5])


def test_weights_lie_on_the_simplex_and_favour_the_best():
    rng = generator("simplex")
    labels = rng.integers(0, 4, 200)
    told = [np.where(rng.random(200) < skill, labels, rng.integers(0, 4, 200)) for skill in (0.2, 0.9, 0.5)]
    d = Decisions(np.stack([np.eye(4)[k] * 0.8 + 0.05 for k in told]), np.ones((3, 200, 1)), np.full(4, 0.25))
    rule = LateWeighted(task_of())
    rule.learn(d, labels, Seeds(variant="late_weighted"))
    assert rule.weights.min() >= 0
    assert rule.weights.sum() == pytest.approx(1)
    assert rule.weights.argmax() == 1
    assert rule.weights.argmin() == 0


def test_rules_with_weights_learn_them_on_validation_rows():
    data = specimen(KINDS)
    turned = replace(data, validation=data.validation.with_labels((data.validation.labels + 1) % 3))
    for name in ("late_weighted", "late_stacking"):
        one, other = (fit(name, each).variant for each in (data, turned))
        assert np.abs(one.predict_proba(data.test) - other.predict_proba(data.test)).max() > 1e-3


def test_harmonic_mean_stays_positive_and_finite():
    h = torch.tensor([[[-1e4, -30.0, 0.0, 1e4]], [[-1e4, 30.0, 0.0, 1e4]]], requires_grad=True)
    mean = merge_harmonic_mean(h)
    mean.sum().backward()
    assert bool((mean > 0).all() and mean.isfinite().all() and h.grad.isfinite().all())


# ---- widths


def test_matched_widths_are_those_of_the_other_data_fusion():
    task = make_task(MEMO, ("a", "b"))
    widths = {
        name: fresh(build(f"{name}(width=matched)", task)).width
        for name in ("concat_features", "merge_sum", "merge_max", "merge_weighted_sum", "gmu", "low_rank_fusion")
    }
    assert widths.pop("concat_features") == 22  # ⌈64/3⌉
    assert set(widths.values()) == {192}  # 3 · 64


@pytest.mark.parametrize(("one", "other"), [("merge_sum", "concat_features"), ("concat_features", "merge_sum")])
def test_a_matched_head_is_as_wide_as_that_of_the_other(one, other):
    task = make_task(MEMO, ("a", "b"))
    widths = [fresh(build(name, task)).head[0].in_features for name in (f"{one}(width=matched)", other)]
    assert abs(widths[0] - widths[1]) < len(MEMO)


WITH_WIDTH = [name for name in NETWORKS if "width" in REGISTRY.get(name.split("(")[0]).defaults]


@pytest.mark.parametrize("name", map(beyond, WITH_WIDTH))
def test_matched_capacity_is_that_of_concatenation(name):
    def count(name, task):
        return sum(p.numel() for p in fresh(build(name, task)).parameters() if p.requires_grad)

    target = count("concat_features", task_of(MEMO, width=64))
    assert count(name, task_of(MEMO, width=64, capacity="matched")) == pytest.approx(target, rel=0.05)


def test_a_width_of_its_own_stays_under_matched_capacity():
    assert fresh(build("merge_sum(width=10)", task_of(MEMO, capacity="matched"))).width == 10


# ---- pre-training


def pretrained(trial):
    """The extractors of all modalities as their stages left them: one stage for all, or one a modality."""
    networks = [stage.network for stage in trial.stages.fitted.values()]
    return list(networks[0].extractors) if len(networks) == 1 else [n.extractors[0] for n in networks]


@pytest.mark.parametrize("frozen", ["true", "false"])
@pytest.mark.parametrize("name", ["contrastive_pretrain_concat", "autoencoder_pretrain_concat"])
def test_frozen_extractors_are_those_of_the_stage(name, frozen):
    trial = fit(f"{name}(frozen={frozen})", specimen(KINDS))
    network = trial.variant.network
    for extractor, before in zip(network.extractors, pretrained(trial), strict=True):
        kept = before.state_dict()
        same = {torch.equal(value, kept[key]) for key, value in extractor.state_dict().items()}
        assert same == {frozen == "true"}
    trainable = network.head.parameters() if frozen == "true" else network.parameters()
    assert trial.variant.parameters() == sum(p.numel() for p in trainable)


@pytest.mark.parametrize("name", ["contrastive_pretrain_concat", "autoencoder_pretrain_concat"])
def test_pretraining_reads_no_label(name):
    data = specimen(KINDS)
    blind = replace(data, train=data.train.with_labels(np.zeros_like(data.train.labels)))
    for one, other in zip(pretrained(fit(name, data)), pretrained(fit(name, blind)), strict=True):
        kept = other.state_dict()
        assert all(torch.equal(value, kept[key]) for key, value in one.state_dict().items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_move_to_a_gpu_and_are_trained_there(name):
    data = specimen(KINDS)
    task = make_task(data.modalities, data.classes, replace(QUICK, epochs=1), device="cuda")
    variant = build(name, task).fit(data.train, data.validation)
    trainable = [p for p in variant.network.parameters() if p.requires_grad]
    assert all(p.is_cuda and p.grad is not None for p in trainable)
    on_cpu = fit(name, data, replace(QUICK, epochs=1)).predict()
    assert np.allclose(variant.predict_proba(data.test), on_cpu, atol=0.05)
