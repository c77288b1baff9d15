"""Identities between entries, on mapped weights, and values computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fusebench import fusion
from fusebench.core.seeding import Seeds, generator
from fusebench.datasets import Modality
from fusebench.datasets.synthetic.dials import Dials
from fusebench.datasets.synthetic.generator import draw_projections
from fusebench.datasets.synthetic.posterior import log_posterior
from fusebench.fusion import REGISTRY, Settings, build_stage, make_task
from fusebench.fusion.extractors import CNN
from fusebench.fusion.identities import MAPPINGS, prove, random_rows, untrained
from fusebench.fusion.late import merge
from fusebench.fusion.late.decisions import Decisions
from fusebench.fusion.late.nodes import MergeLayer
from fusebench.fusion.late.rules import LateWeighted, late_mean, late_product, late_vote
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import fit

fusion.load_all()

KINDS = ("tabular", "image", "audio")
ROWS = 7


def network(name, kinds=KINDS, width=6):
    return untrained(name, kinds, width)


def batch(kinds=KINDS):
    return random_rows(ROWS, kinds)


def copy_of(tensors):
    return {key: value.detach().clone() for key, value in tensors.items()}


# ---- one function, several names: each class of the register with its mappings


def declared():
    classes = {}
    for entry in REGISTRY:
        options = {f"{entry.id}({spelt})": name for spelt, name in entry.equivalence_by_options.items()}
        for name, label in ({entry.id: entry.equivalence_class} | options).items():
            if label is not None:
                classes.setdefault(label, set()).add(name)
    return classes


def test_every_declared_class_has_its_mappings_tested():
    assert declared() == {label: set(members) for label, members in MAPPINGS.items()}


PROOFS = [proof for label in MAPPINGS for proof in prove(label)]


@pytest.mark.parametrize("proof", PROOFS, ids=[f"{p.member}-as-{p.reference}" for p in PROOFS])
def test_one_function_on_mapped_weights(proof):
    print(f"{proof.member} as {proof.reference}: largest difference of logits {proof.difference:.1e}")
    assert proof.largest > 0.01
    assert proof.difference < 1e-5


def test_options_leave_a_class():
    assert REGISTRY.get("merge_network").equivalence({"gates": True}) is None
    assert REGISTRY.get("merge_sum").equivalence({"width": "matched"}) is None


def test_merge_layer_is_a_linear_layer_on_the_concatenation():
    torch.manual_seed(0)
    sizes, parts = [3, 5, 4], [torch.randn(ROWS, size) for size in (3, 5, 4)]
    layer, linear = MergeLayer(sizes, 6), nn.Linear(12, 6)
    with torch.no_grad():
        linear.weight.copy_(torch.cat(list(layer.weights), 1))
        linear.bias.copy_(layer.bias)
        difference = (layer(parts) - linear(torch.cat(parts, 1))).abs().max().item()
    print(f"merge layer against Linear on the concatenation: largest difference {difference:.1e}")
    assert difference < 1e-5


# ---- weights that leave one modality


@pytest.mark.parametrize("place", range(3))
def test_a_weight_of_one_leaves_the_single_modality(place):
    name = modalities_of(KINDS)[place].name
    both, alone = network("merge_weighted_sum"), network(f"unimodal(modality={name})")
    alone.extractors[0].load_state_dict(both.extractors[place].state_dict())
    alone.head.load_state_dict(both.head.state_dict())
    with torch.no_grad():
        both.weight.fill_(-200.0)[place] = 200.0
        assert torch.allclose(both(batch()), alone(batch()), atol=1e-6)


def test_extractors_start_equal_alone_and_fused():
    both, alone = network("merge_sum"), network("unimodal(modality=image)")
    for key, value in alone.extractors[0].state_dict().items():
        assert torch.equal(value, both.extractors[1].state_dict()[key])


@pytest.mark.parametrize("name", ["merge_sum", "merge_mean", "merge_max", "merge_product", "merge_harmonic_mean"])
def test_order_of_modalities_is_irrelevant(name):
    forward, backward = network(name), network(name, KINDS[::-1])
    backward.head.load_state_dict(forward.head.state_dict())
    with torch.no_grad():
        assert torch.allclose(forward(batch()), backward(batch()), atol=1e-6)


# ---- operators on features, by hand


def test_harmonic_mean_of_one_and_three():
    positive = torch.tensor([[[1.0, 2.0]], [[3.0, 2.0]]])
    h = torch.log(torch.expm1(positive - merge.POSITIVE))  # softplus(h) + 1e-3 is `positive`
    assert torch.allclose(merge.merge_harmonic_mean(h), torch.tensor([[1.5, 2.0]]), atol=1e-5)


def test_inner_products_stand_beside_the_sum():
    h = torch.tensor([[[1.0, 2.0, 0.0, 1.0]], [[0.0, 1.0, 3.0, 1.0]], [[2.0, 0.0, 1.0, -1.0]]])
    products = [[3.0 / 2, 1.0 / 2, 2.0 / 2]]  # ⟨1,2⟩, ⟨1,3⟩, ⟨2,3⟩ over √4
    assert merge.merge_inner_product(h).tolist() == [[3.0, 3.0, 4.0, 1.0, *products[0]]]


def test_product_and_normalised_sum_of_normalised_vectors():
    h = torch.tensor([[[1.0, 3.0]], [[5.0, 1.0]]])  # normalised: (−1, 1) and (1, −1)
    assert torch.allclose(merge.merge_product(h), torch.tensor([[-1.0, -1.0]]), atol=1e-4)
    assert torch.allclose(merge.merge_sum_normalised(h), torch.zeros(1, 2), atol=1e-4)


# ---- layers that merge nodes, by their formulas


def linear(layer, x):
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def features(several, width, rows=ROWS):
    return generator("features", several=several).normal(size=(several, rows, width)).astype(np.float32)


def test_gated_unit_of_two_ties_its_gates():
    net, h = network("gmu", KINDS[:2]), features(2, 6)
    z = sigmoid(linear(net.gate, np.hstack(h)))
    tanh = [np.tanh(linear(layer, x)) for layer, x in zip(net.values, h, strict=True)]
    with torch.no_grad():
        assert np.allclose(net.fuse(torch.from_numpy(h)), z * tanh[0] + (1 - z) * tanh[1], atol=1e-5)


def test_gated_unit_of_three_has_independent_gates():
    net, h = network("gmu"), features(3, 6)
    gates = np.split(sigmoid(linear(net.gate, np.hstack(h))), 3, axis=1)
    tanh = [np.tanh(linear(layer, x)) for layer, x in zip(net.values, h, strict=True)]
    with torch.no_grad():
        assert np.allclose(net.fuse(torch.from_numpy(h)), sum(map(np.multiply, gates, tanh)), atol=1e-5)


@pytest.mark.parametrize("several", [2, 3])
def test_low_rank_fusion_is_tensor_fusion_and_a_linear_layer(several):
    net, h = network("low_rank_fusion(rank=2)", KINDS[:several], width=3), features(several, 3)
    with torch.no_grad():
        nn.init.normal_(net.factors)
        nn.init.normal_(net.bias)
        given = net.fuse(torch.from_numpy(h)).numpy()
    factors, weights = net.factors.detach().numpy(), net.weights.detach().numpy()
    ones = np.concatenate([h, np.ones((several, ROWS, 1))], -1)
    tensor, weight = ones[0], np.einsum("r,rio->rio", weights, factors[0])
    for m in range(1, several):  # the full tensor ⊗_m [h_m; 1], and its weight summed over ranks at the end
        tensor = np.einsum("ni,nj->nij", tensor, ones[m]).reshape(ROWS, -1)
        weight = np.einsum("rio,rjo->rijo", weight, factors[m]).reshape(2, -1, 3)
    assert tensor.shape[1] == 4**several
    assert np.allclose(given, tensor @ weight.sum(0) + net.bias.detach().numpy(), rtol=1e-4, atol=1e-4)


def test_central_network_by_its_formula():
    net = network("centralnet", width=4)
    with torch.no_grad():
        nn.init.normal_(net.alpha)
        nn.init.normal_(net.carry)
        levels = net.encode(batch())
        central = torch.zeros(ROWS, 4)
        for depth, vectors in enumerate(levels):
            carried = net.carry[depth - 1] * central if depth else 0.0
            shares = [net.alpha[depth, m] * net.project[depth][m](x) for m, x in enumerate(vectors)]
            central = torch.relu(carried + sum(shares))
        assert len(levels) == 3
        assert torch.allclose(net.fuse(levels), central, atol=1e-5)


def test_central_loss_adds_every_modality_s_own():
    net, rows, labels = network("centralnet"), batch(), torch.arange(ROWS) % 3
    with torch.no_grad():
        own = sum(cross_entropy(h(x), labels) for h, x in zip(net.heads, net.encode(rows)[-1], strict=True))
        central = cross_entropy(net(rows), labels)
        for beta in (0.0, 1.0, 2.5):
            net.beta = beta
            assert torch.allclose(net.loss(rows, labels, None), central + beta * own, atol=1e-6)


def test_cross_attention_on_two_tokens():
    net = network("cross_attention", KINDS[:2], width=4)  # tokens of two numbers
    with torch.no_grad():
        for layer in (*net.query, *net.key, *net.value):
            layer.weight.copy_(torch.eye(2))
            if layer.bias is not None:
                layer.bias.zero_()
        a, b = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]), torch.tensor([[[2.0, 0.0], [0.0, 1.0]]])
        fused = net.fuse([a, b])[0].tolist()
    # a's first token scores (2, 0)/√2 → weights (.80443, .19557), its second weighs both keys alike;
    # b's first scores (2, 0)/√2 against a, its second (0, 0)
    assert fused == pytest.approx([1 + 2 * 0.80443, 0.19557, 1, 0.5, 2 + 0.80443, 0, 0.5, 1], abs=1e-4)


def test_early_sum_projects_by_fixed_matrices():
    net = network("early_merge_sum", width=5)
    flat = [batch()[m.name].flatten(1) for m in modalities_of(KINDS)]
    projections = [getattr(net, f"projection_{i}") for i in range(3)]
    expected = sum(x @ r / x.shape[1] ** 0.5 for x, r in zip(flat, projections, strict=True))
    with torch.no_grad():
        assert torch.allclose(net.fuse(net.encode(batch())), expected, atol=1e-5)
    assert not any("projection" in name for name, _ in net.named_parameters())
    again = network("early_merge_sum", width=5)
    assert all(torch.equal(r, s) for r, s in zip(projections, again.buffers(), strict=True))


def test_early_sum_keeps_its_projections_in_training():
    data = specimen(KINDS)
    one, other = (fit("early_merge_sum", data, Settings(epochs=e, batch=16, width=5)) for e in (1, 3))
    for r, s in zip(one.variant.network.buffers(), other.variant.network.buffers(), strict=True):
        assert torch.equal(r, s)


def test_joint_mean_is_the_log_of_the_mean_probability():
    net = network("late_joint_mean")
    with torch.no_grad():
        h = net.encode(batch())
        p = torch.stack([head(x).softmax(1) for head, x in zip(net.heads, h, strict=True)]).mean(0)
        assert torch.allclose(net(batch()), p.log(), atol=1e-5)


# ---- objectives of pre-training, by hand


def stage(name, kinds, width=2):
    made = build_stage(name, make_task(modalities_of(kinds), ("a", "b", "c"), Settings(width=width)))
    return made.build(Seeds(variant=name)).eval()


def test_contrastive_loss_of_two_rows():
    net, other = stage("contrastive_pretraining(temperature=1)", KINDS[:2]), torch.eye(2)
    for layer in net.project:
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    other[1] = other[0]  # the second modality sends both rows to one place
    net.encode = lambda rows: torch.stack([3 * torch.eye(2), 5 * other])
    scores_by_row, scores_by_column = np.log(2), (np.log1p(np.exp(-1)) + np.log1p(np.exp(1))) / 2
    expected = (scores_by_row + scores_by_column) / 2
    assert expected == pytest.approx(0.753204, abs=1e-6)
    assert net.objective(batch().take(slice(0, 2))).item() == pytest.approx(expected, abs=1e-6)


def test_contrastive_loss_averages_over_pairs():
    net = stage("contrastive_pretraining(temperature=1)", KINDS)
    for layer in net.project:
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    same, flat = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    net.encode = lambda rows: torch.stack([same, same, flat])
    expected = (np.log1p(np.exp(-1)) + 2 * 0.753204) / 3
    assert net.objective(batch().take(slice(0, 2))).item() == pytest.approx(expected, abs=1e-6)


def test_autoencoder_loss_is_the_mean_squared_error():
    net = stage("autoencoder_pretraining(modality=image)", KINDS)
    x = batch()["image"]
    with torch.no_grad():
        nn.init.zeros_(net.decoder[-1].weight)
        net.decoder[-1].bias.fill_(0.5)
        assert net.objective(batch()).item() == pytest.approx(((x - 0.5) ** 2).mean().item(), abs=1e-6)


# ---- rules on decisions


def decisions(p, prior=None, present=None):
    p = np.asarray(p, dtype=float)
    several, rows, classes = p.shape
    there = np.ones((several, rows, 1)) if present is None else np.asarray(present, dtype=float)
    return Decisions(p, there, np.full(classes, 1 / classes) if prior is None else np.asarray(prior))


def random_decisions(several=3, rows=ROWS, classes=3, prior=(0.5, 0.3, 0.2)):
    return decisions(generator("decisions").dirichlet(np.ones(classes), (several, rows)), prior)


def test_product_leaves_out_the_expert_that_returns_the_prior():
    prior = np.array([0.6, 0.3, 0.1])
    p = generator("experts").dirichlet(np.ones(3), (2, ROWS))
    silent = np.broadcast_to(prior, (1, ROWS, 3))
    flat = np.full((1, ROWS, 3), 1 / 3)
    alone = late_product(decisions(p, prior))
    assert np.allclose(late_product(decisions(np.concatenate([p, silent]), prior)), alone)
    assert np.abs(late_product(decisions(np.concatenate([p, flat]), prior)) - alone).max() > 0.05
    assert np.allclose(late_product(decisions(np.concatenate([p[:1], silent]), prior)), p[0])


def test_product_of_exact_posteriors_is_bayes_where_modalities_are_independent_given_the_label():
    dials = Dials(d_u=2, rho_u=0.6, imbalance=4)
    _, z = draw_projections(dials, 500, generator("bayes"))
    experts = np.exp([log_posterior(z, dials, [m]) for m in range(3)])
    bayes = np.exp(log_posterior(z, dials))
    assert np.allclose(late_product(decisions(experts, dials.prior)), bayes, atol=1e-9)
    assert np.abs(late_mean(decisions(experts, dials.prior)) - bayes).max() > 0.1


def test_vote_is_the_majority_and_the_mean_breaks_ties():
    majority = [[[0.4, 0.3, 0.3]], [[0.4, 0.3, 0.3]], [[0.0, 1.0, 0.0]]]
    tie = [[[0.5, 0.2, 0.3]], [[0.1, 0.8, 0.1]]]
    assert late_vote(decisions(majority))[0] == pytest.approx([(2 + 0.8 / 3) / 4, (1 + 1.6 / 3) / 4, 0.2 / 4])
    assert late_mean(decisions(majority))[0].argmax() == 1
    assert late_vote(decisions(tie))[0] == pytest.approx([(1 + 0.3) / 3, (1 + 0.5) / 3, 0.2 / 3])


def test_weight_of_one_is_the_expert():
    d, task = random_decisions(), make_task(modalities_of(KINDS), ("a", "b", "c"))
    rule = LateWeighted(task)
    for place in range(3):
        rule.weights = np.eye(3)[place]
        assert np.allclose(rule.combine(d), d.p[place])


def labelled(several, absent=0.0):
    """Experts of falling skill on 60 rows, each right about its share of them, and who is present."""
    rng = generator("skill", several=several)
    labels = rng.integers(0, 3, 60)
    skills = (0.8, 0.6, 0.3)[:several]
    told = [np.where(rng.random(60) < skill, labels, rng.integers(0, 3, 60)) for skill in skills]
    p = np.stack([np.eye(3)[k] * 0.7 + 0.1 for k in told])
    present = rng.random((several, 60, 1)) >= absent
    return decisions(p, present=present), labels


def log_likelihood(weights, d, labels):
    there = d.present[:, :, 0]
    mixed = (np.asarray(weights) @ (d.p[:, np.arange(len(labels)), labels] * there)) / (weights @ there + 1e-300)
    return np.log(mixed[there.any(0)]).sum()


def weights_after(steps, d, labels):
    task = make_task(modalities_of(KINDS[: len(d.p)]), ("a", "b", "c"))
    rule = LateWeighted(task, steps=steps)
    rule.learn(d, labels, Seeds(variant="late_weighted"))
    return rule.weights


@pytest.mark.parametrize("several", [2, 3])
@pytest.mark.parametrize("absent", [0.0, 0.4])
def test_no_step_lowers_the_likelihood(several, absent):
    d, labels = labelled(several, absent)
    path = [log_likelihood(weights_after(steps, d, labels), d, labels) for steps in range(12)]
    assert np.diff(path).min() > -1e-9
    assert path[-1] > path[0] + 0.1


@pytest.mark.parametrize("absent", [0.0, 0.4])
def test_weights_are_those_of_a_search_over_a_grid(absent):
    d, labels = labelled(2, absent)
    grid = np.linspace(1e-4, 1 - 1e-4, 2001)
    values = [log_likelihood(np.array([w, 1 - w]), d, labels) for w in grid]
    found = weights_after(2000, d, labels)
    assert log_likelihood(found, d, labels) >= max(values) - 1e-6
    assert found[0] == pytest.approx(grid[np.argmax(values)], abs=1e-2)


def test_stacking_reads_every_expert_s_log_probabilities():
    trial = fit("late_stacking", specimen(KINDS))
    assert trial.variant.model.coef_.shape == (3, 3 * 3)  # classes × (modalities · classes)


def test_pooling_before_relu_is_the_memos_extractor():
    torch.manual_seed(0)
    extractor = CNN(Modality("picture", "image", (3, 9, 10)), 5)
    x = torch.randn(4, 3, 9, 10)
    shallow = torch.max_pool2d(torch.relu(extractor.first(x)), 2)
    deep = torch.max_pool2d(torch.relu(extractor.second(shallow)), 2)
    torch.testing.assert_close(extractor(x), extractor.last(deep.flatten(1)), rtol=0, atol=0)


def test_stacking_takes_the_experts_mean_for_a_class_that_validation_lacks():
    whole = specimen(KINDS)
    seen = np.flatnonzero(whole.validation.labels != 2)
    lacking = replace(whole, validation=whole.validation.take(seen))
    trial = fit("late_stacking", lacking)
    p = trial.variant.predict_proba(whole.test.unlabelled())
    mean = late_mean(trial.variant.decisions(whole.test))
    np.testing.assert_allclose(p[:, 2], mean[:, 2])
    np.testing.assert_allclose(p.sum(1), 1)
