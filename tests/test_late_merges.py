"""Late merges and gates: by hand, by their identities, and without the faults of published code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from fusebench import fusion
from fusebench.core.errors import FusebenchError
from fusebench.core.seeding import Seeds, generator
from fusebench.fusion import Batch, Settings, build, expand, make_task
from fusebench.fusion.late import means, merge
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import fit, fresh

fusion.load_all()

KINDS = ("tabular", "image", "audio")
ROWS = 5


def network(name, kinds=KINDS, width=4):
    """An untrained network in evaluation mode, every weight away from its special start."""
    made = build(name, make_task(modalities_of(kinds), ("a", "b", "c"), Settings(width=width)))
    with torch.random.fork_rng():
        net = made.build(Seeds(variant=name)).eval()
        own = [p for key, p in net.named_parameters() if not key.startswith(("extractors", "head"))]
        for parameter in own:
            nn.init.normal_(parameter, std=0.5)
    return net


def features(several, width=4, rows=ROWS):
    h = generator("late merges", several=several, width=width).normal(size=(several, rows, width))
    return torch.from_numpy(h.astype(np.float32))


def batch(kinds=KINDS):
    rng, modalities = generator("late merges"), modalities_of(kinds)
    inputs = {m.name: torch.from_numpy(rng.normal(size=(ROWS, *m.shape)).astype(np.float32)) for m in modalities}
    return Batch(inputs, torch.ones(ROWS, len(kinds), dtype=torch.bool))


def close(given, expected, tolerance=1e-5):
    return np.allclose(np.asarray(given.detach()), np.asarray(expected), atol=tolerance)


def through(layer, x):
    """A Linear layer on one vector, in numpy."""
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()
    return layer.weight.detach().numpy() @ np.asarray(x) + bias


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def fill(layer, weight, bias=0.0):
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.as_tensor(bias).expand_as(layer.bias))


# ---- arithmetic means


def positive(*values):
    """Vectors whose positive parts are these."""
    parts = torch.tensor(values, dtype=torch.float64).unsqueeze(1)
    return torch.log(torch.expm1(parts - merge.POSITIVE))


def test_smallest_and_middle_values_by_hand():
    h = torch.tensor([[[1.0, -4.0]], [[3.0, -2.0]], [[-5.0, 0.0]]])
    assert means.merge_min(h).tolist() == [[-5.0, -4.0]]
    assert means.merge_median(h).tolist() == [[1.0, -2.0]]
    four = torch.cat([h, torch.tensor([[[2.0, 8.0]]])])
    assert means.merge_median(four).tolist() == [[1.5, -1.0]]  # not the lower of the middle two


def test_the_smallest_is_the_largest_of_the_negatives():
    h = features(3)
    assert torch.equal(means.merge_min(h), -merge.merge_max(-h))


def test_merging_by_the_smallest_is_merging_by_the_largest_on_mapped_weights():
    largest, smallest = network("merge_max"), network("merge_min")
    smallest.load_state_dict(largest.state_dict())
    with torch.no_grad():
        for extractor in smallest.extractors:
            extractor.last.weight *= -1
            extractor.last.bias *= -1
        smallest.head[0].weight *= -1
        expected = largest(batch())
        assert expected.abs().max() > 0.01
        assert torch.allclose(smallest(batch()), expected, atol=1e-6)


def test_median_of_two_is_the_mean_and_of_three_is_not():
    assert torch.equal(means.merge_median(features(2)), merge.merge_mean(features(2)))
    assert (means.merge_median(features(3)) - merge.merge_mean(features(3))).abs().max() > 0.1


def test_geometric_mean_by_hand():
    h = positive([1.0, 2.0], [4.0, 2.0])
    assert close(means.merge_geometric_mean(h), [[2.0, 2.0]])
    assert close(means.merge_geometric_mean(positive([1.0], [3.0], [9.0])), [[3.0]])


@pytest.mark.parametrize("several", [2, 3, 6])
def test_geometric_mean_lies_between_harmonic_and_arithmetic(several):
    h = features(several)
    arithmetic = (softplus(h) + merge.POSITIVE).mean(0)
    geometric, harmonic = means.merge_geometric_mean(h), merge.merge_harmonic_mean(h)
    assert (harmonic < geometric).all()
    assert (geometric < arithmetic).all()
    assert torch.allclose(means.merge_geometric_mean(h[:1]), softplus(h[0]) + merge.POSITIVE)


def test_geometric_mean_is_finite_however_negative_its_input():
    h = torch.tensor([[[-200.0]], [[5.0]]], requires_grad=True)
    means.merge_geometric_mean(h).sum().backward()
    assert torch.isfinite(means.merge_geometric_mean(h)).all() and torch.isfinite(h.grad).all()


@pytest.mark.parametrize("rule", [means.merge_min, means.merge_median, means.merge_geometric_mean])
def test_order_of_modalities_is_irrelevant(rule):
    h = features(3)
    for order in ([1, 2, 0], [2, 1, 0]):
        assert torch.allclose(rule(h[order]), rule(h), atol=1e-6)


# ---- a network on a set


def test_set_network_by_hand():
    net, h = network("deepset", KINDS[:2], width=2), torch.tensor([[[3.0, 4.0]], [[0.0, -5.0]]])
    fill(net.phi, [[1.0, 0.0], [0.0, -1.0]], [0.0, 0.5])
    # of length one: (.6, .8) and (0, −1); through φ: (.6, 0) and (0, 1.5)
    expected = {"sum": [[0.6, 1.5]], "mean": [[0.3, 0.75]], "max": [[0.6, 1.5]]}
    for net.pool, value in expected.items():
        assert close(net.fuse(h), value)


@pytest.mark.parametrize("pool", fusion.late.means.POOLS)
def test_set_network_takes_modalities_in_any_order_and_of_any_length(pool):
    net, h = network(f"deepset(pool={pool})"), features(3)
    fused = net.fuse(h)
    assert torch.allclose(net.fuse(h[[2, 0, 1]]), fused, atol=1e-6)
    assert torch.allclose(net.fuse(h * torch.tensor([5.0, 0.1, 30.0]).view(3, 1, 1)), fused, atol=1e-6)
    assert (net.fuse(-h) - fused).abs().max() > 0.01


# ---- weights by row


def test_attention_weights_by_hand():
    net, h = network("attention_sum", KINDS[:2], width=1), torch.tensor([[[2.0], [0.0]], [[1.0], [1.0]]])
    fill(net.scores, [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.5])
    first, second = np.exp(2) / (np.exp(2) + np.exp(1.5)), 1 / (1 + np.exp(1.5))
    assert close(net.weights(h), [[first, 1 - first], [second, 1 - second]])
    assert close(net.fuse(h), [[2 * first + (1 - first)], [1 - second]])


def test_attention_weights_sum_to_one_and_differ_by_row():
    weights = network("attention_sum").weights(features(3))
    assert weights.shape == (ROWS, 3)
    assert torch.allclose(weights.sum(1), torch.ones(ROWS))
    assert (weights > 0).all()
    assert weights.std(0).min() > 0.01


def test_equal_attention_is_the_mean_and_constant_attention_the_static_weights():
    net, static, h = network("attention_sum"), network("merge_weighted_sum"), features(3)
    fill(net.scores, torch.zeros(3, 12))
    assert torch.allclose(net.fuse(h), merge.merge_mean(h), atol=1e-6)
    fill(net.scores, torch.zeros(3, 12), static.weight.detach())
    assert static.weight.abs().min() > 0.01
    assert torch.allclose(net.fuse(h), static.fuse(h), atol=1e-6)


# ---- one main modality against the rest

MAIN = ["mag", "activation_product", "activation_attention", "mi_vector", "mi_scalar"]


def test_a_gate_opens_and_closes_the_main_modality_by_its_formula():
    net, h = network("gated(main=image)"), features(3)
    for row in range(ROWS):
        gate = sigmoid(through(net.gate, np.concatenate([h[0, row], h[2, row]])))
        assert close(net.fuse(h)[row], gate * through(net.value, h[1, row]))


def test_gate_of_two_by_hand():
    net, h = network("gated(main=tabular)", KINDS[:2], width=1), torch.tensor([[[3.0]], [[0.0]]])
    fill(net.gate, [[7.0]], [np.log(3.0)])  # σ(log 3) = 3/4
    fill(net.value, [[2.0]], [1.0])
    assert close(net.fuse(h), [[0.75 * 7]])


def test_every_modality_in_turn_is_the_main_one_of_a_gate():
    names = ["gated(main=tabular)", "gated(main=image)", "gated(main=audio)"]
    assert expand("gated", modalities_of(KINDS)) == names
    assert [network(name).place for name in names] == [0, 1, 2]


@pytest.mark.parametrize("name", MAIN)
def test_the_main_modality_is_the_first_unless_named(name):
    assert network(name).place == 0
    assert network(f"{name}(main=audio)").place == 2
    assert expand(name, modalities_of(KINDS)) == [name]
    with pytest.raises(FusebenchError, match="main='text' is not one of tabular, image, audio"):
        network(f"{name}(main=text)")


def test_a_modality_called_first_is_meant_by_its_name():
    table, picture = modalities_of(KINDS[:2])
    task = make_task((table, replace(picture, name="first")), ("a", "b"), Settings(width=4))
    assert build("mag", task).build(Seeds(variant="mag")).place == 1


@pytest.mark.parametrize("name", [*MAIN, "gated(main=audio)"])
def test_main_and_others_play_different_parts(name):
    net, h = network(name), features(3)
    net.place = 2
    third = net.fuse(h)
    net.place = 0
    assert torch.allclose(net.fuse(h[[2, 0, 1]]), third, atol=1e-6)
    assert (net.fuse(h) - third).abs().max() > 1e-3


# ---- displacement


def test_displacement_by_its_formula():
    net, h = network("mag(main=image)"), features(3)
    for row in range(ROWS):
        main, delta = h[1, row].numpy(), net.bias.detach().numpy()
        for m, gate, value in zip((0, 2), net.gates, net.values, strict=True):
            opened = np.maximum(through(gate, np.concatenate([h[m, row], main])), 0)
            delta = delta + opened * through(value, h[m, row])
        scale = min(1, np.linalg.norm(main) / np.linalg.norm(delta))
        assert close(net.fuse(h)[row], main + scale * delta)


def test_closed_gates_leave_the_main_modality_alone():
    net, alone = network("mag(main=image)"), network("unimodal(modality=image)")
    for gate in net.gates:
        fill(gate, torch.zeros(4, 8), -1.0)
    nn.init.zeros_(net.bias)
    assert torch.equal(net.fuse(features(3)), features(3)[1])
    alone.extractors[0].load_state_dict(net.extractors[1].state_dict())
    alone.head.load_state_dict(net.head.state_dict())
    with torch.no_grad():
        assert torch.allclose(net(batch()), alone(batch()), atol=1e-6)


@pytest.mark.parametrize("beta", [0.1, 1.0, 2.5])
def test_displacement_is_no_longer_than_allowed(beta):
    net, h = network(f"mag(beta={beta})", width=8), features(3, width=8)
    limit = beta * h[0].norm(dim=1)
    nn.init.normal_(net.bias, std=100.0)
    assert torch.allclose(net.displacement(h).norm(dim=1), limit, rtol=1e-4)  # cut to the limit
    for gate in net.gates:
        nn.init.zeros_(gate.weight)
    with torch.no_grad():
        net.bias *= 1e-6
        for value in net.values:
            value.weight *= 1e-6
    short = net.displacement(h).norm(dim=1)
    assert ((short > 0) & (short < limit)).all()  # a short one stays as it is
    assert torch.allclose(net.displacement(h)[0], net.displacement(h[:, :1])[0], rtol=1e-4)


def test_no_displacement_is_divided_by_nothing():
    net, h = network("mag"), torch.zeros(3, 2, 4, requires_grad=True)
    nn.init.zeros_(net.bias)
    net.fuse(h).sum().backward()
    assert torch.isfinite(h.grad).all()


# ---- squashed products


def test_squashed_product_by_hand():
    net, h = network("activation_product", width=2), torch.tensor([[[1.0, -2.0]], [[3.0, 0.0]], [[0.5, 4.0]]])
    expected = [sigmoid(np.tanh(1.5)), 0.5, 1.0, -2.0]  # of 1·3·½ and of (−2)·0·4, then the main modality
    assert close(net.fuse(h), [expected])
    net.place = 2
    assert close(net.fuse(h), [[*expected[:2], 0.5, 4.0]])


def test_weighed_product_by_its_formula():
    net, h = network("activation_attention(main=image,reduction=2)"), features(3)
    assert [layer.out_features for layer in net.weigh[0] if isinstance(layer, nn.Linear)] == [2, 4]
    for row in range(ROWS):
        product = h[1, row].numpy()
        for m, (down, _, up, _) in zip((0, 2), net.weigh, strict=True):
            weights = sigmoid(through(up, np.maximum(through(down, h[m, row]), 0)))
            product = product * h[m, row].numpy() * weights
        assert close(net.fuse(h)[row], np.concatenate([sigmoid(np.tanh(product)), h[1, row]]))


def test_weighed_product_of_open_weights_is_the_product():
    net, plain, h = network("activation_attention"), network("activation_product"), features(3)
    for weigh in net.weigh:
        fill(weigh[2], torch.zeros(4, 1), 50.0)
    assert torch.allclose(net.fuse(h), plain.fuse(h), atol=1e-6)


def test_weights_of_the_product_are_trained():
    variant = fit("activation_attention", specimen(KINDS)).variant
    start = dict(fresh(variant).named_parameters())
    weights = {key: p for key, p in variant.network.named_parameters() if key.startswith("weigh")}
    assert len(weights) == 8
    assert not any(torch.equal(p, start[key]) for key, p in weights.items())


# ---- multiplicative interactions


@pytest.mark.parametrize("several", [2, 3])
def test_multiplicative_interaction_by_loops(several):
    net, h = network("multiplicative_interaction(nodes=3,width=2)", KINDS[:several]), features(several, 2, 2)
    assert net.products.shape == (several * (several - 1) // 2, 2, 2, 3)
    pairs = [(0, 1), (0, 2), (1, 2)][: len(net.products)]
    fused = net.fuse(h)
    for row in range(2):  # no product of one row with another stands in these loops
        for k in range(3):
            value = net.linear.bias[k].item()
            for m in range(several):
                value += sum((net.linear.weight[k, 2 * m + d] * h[m, row, d]).item() for d in range(2))
            for p, (i, j) in enumerate(pairs):
                for d in range(2):
                    for e in range(2):
                        value += (h[i, row, d] * net.products[p, d, e, k] * h[j, row, e]).item()
            assert fused[row, k].item() == pytest.approx(value, abs=1e-5)


def test_multiplicative_interaction_of_two_is_the_bilinear_layer_of_torch_and_a_linear_one():
    net, h = network("multiplicative_interaction(nodes=5,width=4)", KINDS[:2]), features(2)
    layer = nn.Bilinear(4, 4, 5, bias=False)
    with torch.no_grad():
        layer.weight.copy_(net.products[0].permute(2, 0, 1))
        expected = layer(h[0], h[1]) + net.linear(torch.cat([h[0], h[1]], 1))
    assert torch.allclose(net.fuse(h), expected, atol=1e-5)


def test_multiplicative_interaction_without_products_is_concatenation_and_a_linear_layer():
    net, h = network("multiplicative_interaction(nodes=5,width=4)"), features(3)
    nn.init.zeros_(net.products)
    assert torch.equal(net.fuse(h), net.linear(torch.cat(list(h), 1)))


def test_multiplicative_interaction_counts_its_weights():
    task = make_task(modalities_of(KINDS), ("a", "b", "c"))
    net = build("multiplicative_interaction", task).build(Seeds(variant="multiplicative_interaction"))
    assert net.products.numel() + net.linear.weight.numel() + 64 == 3 * 32 * 32 * 64 + 3 * 32 * 64 + 64


@pytest.mark.parametrize("name", ["multiplicative_interaction", "mi_vector", "mi_scalar", "mag", "attention_sum"])
def test_a_row_fuses_alone_as_among_others(name):
    net = network(name)
    h = features(3, width=net.width)
    alone = torch.cat([net.fuse(h[:, [row]]) for row in range(ROWS)])
    assert alone.shape == net.fuse(h).shape
    assert torch.allclose(alone, net.fuse(h), atol=1e-5)


def film(x, gamma, beta):
    """FiLM on vectors: each node scaled and shifted."""
    return gamma * x + beta


def test_generated_diagonal_is_film_on_vectors():
    net, h = network("mi_vector(main=audio)"), features(3)
    generate = nn.Linear(8, 8)  # γ and β from one layer, as FiLM is written
    with torch.no_grad():
        generate.weight.copy_(torch.cat([net.scale.weight, net.shift.weight]))
        generate.bias.copy_(torch.cat([net.scale.bias, net.shift.bias]))
    gamma, beta = generate(torch.cat([h[0], h[1]], 1)).chunk(2, 1)
    assert torch.allclose(net.fuse(h), film(h[2], gamma, beta), atol=1e-6)


def test_generated_diagonal_is_a_multiplicative_interaction_with_diagonal_slices():
    vector, h = network("mi_vector", KINDS[:2]), features(2)
    whole = network("multiplicative_interaction(nodes=4,width=4)", KINDS[:2])
    nn.init.zeros_(whole.products)
    with torch.no_grad():
        for k in range(4):  # x_k (W z)_k: of x the node k alone, of z all
            whole.products[0, k, :, k] = vector.scale.weight[k]
        whole.linear.weight.copy_(torch.cat([torch.diag(vector.scale.bias), vector.shift.weight], 1))
        whole.linear.bias.copy_(vector.shift.bias)
    assert torch.allclose(whole.fuse(h), vector.fuse(h), atol=1e-5)


def test_generated_scalar_is_a_generated_diagonal_of_equal_rows():
    scalar, vector, h = network("mi_scalar"), network("mi_vector"), features(3)
    for one, many in ((scalar.scale, vector.scale), (scalar.shift, vector.shift)):
        fill(many, one.weight.detach().expand(4, -1), one.bias.detach())
    assert scalar.scale.weight.shape == (1, 8)
    assert torch.allclose(scalar.fuse(h), vector.fuse(h), atol=1e-6)


@pytest.mark.parametrize("name", ["mi_vector", "mi_scalar"])
def test_neutral_interaction_leaves_the_main_modality_alone(name):
    net, h = network(name), features(3)
    fill(net.scale, torch.zeros_like(net.scale.weight), 1.0)
    fill(net.shift, torch.zeros_like(net.shift.weight), 0.0)
    assert torch.equal(net.fuse(h), h[0])


# ---- EmbraceNet


def docked(net, vectors):
    return torch.stack([torch.relu(dock(x)) for dock, x in zip(net.docking, vectors, strict=True)])


def there(*rows):
    """Who is present in each row, as EmbraceNet is told."""
    return torch.tensor(rows, dtype=torch.bool).T.unsqueeze(-1)


def draws(net, h, present, times=4000):
    net.train()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.stack([net.fuse((h, present)) for _ in range(times)])


PRESENT = there([1, 1, 1], [1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0])


def test_expectation_is_the_mean_of_many_draws():
    net, h = network("embracenet"), features(3)
    with torch.no_grad():
        expected, parts = net.fuse((h, PRESENT)), docked(net, h)
    drawn = draws(net, h, PRESENT)
    for row, count in enumerate([3, 3, 2, 1, 0]):
        own = parts[PRESENT[:, row, 0], row]
        tolerance = 5 * own.std(0, correction=0) / len(drawn) ** 0.5 if count else torch.zeros(4)
        assert ((drawn[:, row].mean(0) - expected[row]).abs() <= tolerance + 1e-5).all()
        assert torch.allclose(expected[row], own.mean(0) if count else torch.zeros(4), atol=1e-6)


def test_each_node_is_taken_from_one_modality_with_equal_chances():
    net, h = network("embracenet"), features(3)
    for m, dock in enumerate(net.docking):
        fill(dock, torch.zeros(4, 4), m + 1.0)  # docked to 1, 2 and 3, so that a node tells whose it is
    drawn = draws(net, h, PRESENT)
    assert set(drawn[:, :2].unique().tolist()) == {1.0, 2.0, 3.0}
    for source in (1.0, 2.0, 3.0):
        share = (drawn[:, 0] == source).float().mean(0)
        assert ((share - 1 / 3).abs() < 5 * (2 / 9 / len(drawn)) ** 0.5).all()
    together = (drawn[:, 0, 0] == drawn[:, 0, 1]).float().mean()  # nodes are drawn one by one
    assert abs(together - 1 / 3) < 5 * (2 / 9 / len(drawn)) ** 0.5
    assert set(drawn[:, 2].unique().tolist()) == {1.0, 3.0}
    assert set(drawn[:, 3].unique().tolist()) == {2.0}
    assert set(drawn[:, 4].unique().tolist()) == {0.0}


def test_prediction_draws_nothing():
    net, rows = network("embracenet"), batch()
    with torch.no_grad():
        before = torch.get_rng_state()
        assert torch.equal(net(rows), net(rows))
        assert torch.equal(torch.get_rng_state(), before)
        net.train()
        assert not torch.equal(net.fuse(net.encode(rows)), net.fuse(net.encode(rows)))


@pytest.mark.parametrize("training", [False, True])
def test_an_absent_modality_is_never_asked(training):
    net, rows = network("embracenet").train(training), batch()
    present = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=torch.bool)
    stirred = {n: torch.where(present[:, m].view(-1, *[1] * (x.ndim - 1)), x, x + 9.0)
               for m, (n, x) in enumerate(rows.inputs.items())}  # fmt: skip
    fused = []
    for inputs in (rows.inputs, stirred):
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(0)
            fused.append(net.fuse(net.encode(Batch(dict(inputs), present))))
    assert torch.allclose(fused[0], fused[1], atol=1e-6)
    assert (net.fuse(net.encode(Batch(stirred, torch.ones_like(present))))[1] - fused[0][1]).abs().max() > 0.01
    assert not fused[0][4].any()


def test_a_lone_modality_speaks_for_itself():
    net, h = network("embracenet"), features(3)
    for m in range(3):
        only = torch.zeros(3, ROWS, 1, dtype=torch.bool)
        only[m] = True
        for training in (False, True):
            assert torch.allclose(net.train(training).fuse((h, only)), docked(net, h)[m], atol=1e-6)


# ---- options


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("deepset(pool=median)", "pool='median' is not one of sum, mean, max"),
        ("mag(beta=0)", "beta=0 is not above 0"),
        ("activation_attention(reduction=0)", "reduction=0 is not a positive whole number"),
        ("multiplicative_interaction(nodes=0)", "nodes=0 is not a positive whole number"),
        ("gated(main=text)", "main=text is not one of tabular, image, audio"),
    ],
)
def test_a_bad_option_is_told_in_a_sentence(name, words):
    with pytest.raises(FusebenchError, match=words):
        network(name)
