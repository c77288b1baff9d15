"""Bilinear and tensor fusions, mixtures and trunks: published identities, values by hand, traps."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fusebench import fusion
from fusebench.core.errors import FusebenchError
from fusebench.core.seeding import Seeds, generator
from fusebench.fusion import REGISTRY, Batch, Settings, build, make_task
from fusebench.fusion.identities import MAPPINGS
from fusebench.fusion.late.bilinear import FactorPool, power_normalised
from fusebench.fusion.late.tensor import USUAL, outer_product, solved_size
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import QUICK, fit, fresh

fusion.load_all()

KINDS = ("tabular", "image", "audio")
CLASSES = ("a", "b", "c")
ROWS = 5
PRODUCTS = ("mlb", "mfb", "mutan")


def network(name, several=3, width=6):
    """An untrained network in evaluation mode, of `several` modalities."""
    kinds = (*KINDS, "embedding", *KINDS)[:several]
    made = build(name, make_task(modalities_of(kinds), CLASSES, Settings(width=width)))
    with torch.random.fork_rng():
        return made.build(Seeds(variant=name)).eval()


def vectors(several, size=6, rows=ROWS):
    return torch.from_numpy(generator("late", several=several).normal(size=(several, rows, size))).float()


def batch(several=3):
    rng, modalities = generator("late batch"), modalities_of((*KINDS, "embedding", *KINDS)[:several])
    inputs = {m.name: torch.from_numpy(rng.normal(size=(ROWS, *m.shape))).float() for m in modalities}
    return Batch(inputs, torch.ones(ROWS, several, dtype=torch.bool))


def close(one, other, tolerance=1e-5):
    """Whether the largest difference is small beside the largest value, or beside 1."""
    return one.shape == other.shape and (one - other).abs().max() <= tolerance * other.abs().max().clamp(min=1)


# ---- one function, several names: a mapping gives a member the weights with which it is the class's first
# everything before the product is copied; what stands after it, P, is folded into the head's first layer


def copied_factors(member, reference):
    member.extractors.load_state_dict(reference.extractors.state_dict())
    member.core.load_state_dict(reference.product.state_dict())


def with_an_identity_after_it(member, reference):
    copied_factors(member, reference)
    nn.init.eye_(member.out.weight)
    nn.init.zeros_(member.out.bias)
    member.head.load_state_dict(reference.head.state_dict())


def with_the_output_map_in_the_head(member, reference, factors):
    member.extractors.load_state_dict(reference.extractors.state_dict())
    factors.load_state_dict(reference.product.state_dict())
    member.head.load_state_dict(reference.head.state_dict())
    with torch.no_grad():
        first = reference.head[0]
        member.head[0].weight.copy_(first.weight @ reference.out.weight)
        member.head[0].bias.copy_(first.bias + first.weight @ reference.out.bias)


def mlb_as_mfb(member, reference):
    with_the_output_map_in_the_head(member, reference, member.product)


def mlb_as_mutan(member, reference):
    member.extractors.load_state_dict(reference.extractors.state_dict())
    member.core.load_state_dict(reference.product.state_dict())
    member.out.load_state_dict(reference.out.state_dict())
    member.head.load_state_dict(reference.head.state_dict())


LABELS = ("rank_one_product", "low_rank")
CASES = [(label, member) for label in LABELS for member in list(MAPPINGS[label])[1:]]


def scrambled(net):
    """The network with random weights wherever initial values are special (ones, zeros)."""
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.4)
    return net


@pytest.mark.parametrize("several", [2, 3])
@pytest.mark.parametrize(("label", "name"), CASES, ids=[f"{a}-{b}" for a, b in CASES])
def test_one_function_on_mapped_weights(label, name, several):
    reference = scrambled(network(next(iter(MAPPINGS[label])), several))
    member = network(name, several)
    MAPPINGS[label][name](member, reference)
    with torch.no_grad():
        expected, given = reference(batch(several)), member(batch(several))
    assert expected.std() > 0.01
    assert close(given, expected)


@pytest.mark.parametrize("name", [name for _, name in CASES])
def test_members_are_declared(name):
    base, options = name.rstrip(")").split("(")
    label = next(label for label in LABELS if name in MAPPINGS[label])
    assert REGISTRY.get(base).equivalence_by_options[options] == label


def test_mlb_is_a_rank_one_slice_of_mutan_with_identity_maps_alone():
    reference = scrambled(network("mlb(tanh=false)"))
    member, mapped = network("mutan(maps=identity,rank=1)"), network("mutan(rank=1)")
    for each in (member, mapped):
        mlb_as_mutan(each, reference)
    for layer, _ in mapped.maps:
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    with torch.no_grad():
        assert close(member(batch()), reference(batch()))
        assert (mapped(batch()) - reference(batch())).abs().max() > 1e-3  # the tanh of its maps stays


def test_mfb_of_rank_one_is_the_product_of_mlb():
    reference, member = scrambled(network("mlb(tanh=false)")), network("mfb(rank=1,normalise=false)")
    mlb_as_mfb(member, reference)
    with torch.no_grad():
        assert close(member(batch()), reference(batch()))
        assert close(reference.out(member.fuse(vectors(3))), reference.fuse(vectors(3)))


# ---- the layer of pooled products


def test_pooled_products_by_loops():
    layer, x = FactorPool([3, 4, 2], 5, rank=2), [torch.randn(ROWS, size) for size in (3, 4, 2)]
    expected = torch.zeros(ROWS, 5)
    for n, r, k in itertools.product(range(ROWS), range(2), range(5)):
        factors = [f.weight[5 * r + k] @ x[m][n] + f.bias[5 * r + k] for m, f in enumerate(layer.factors)]
        expected[n, k] += factors[0] * factors[1] * factors[2]
    assert close(layer(x), expected)


def test_at_full_rank_it_is_a_bilinear_layer():
    whole = nn.Bilinear(3, 4, 5)
    layer = FactorPool([3, 4], 5, rank=3 * 4)
    with torch.no_grad():
        for factor in layer.factors:
            nn.init.zeros_(factor.weight)
            nn.init.zeros_(factor.bias)
        for r, (i, j) in enumerate(itertools.product(range(3), range(4))):  # W_kij e_i ⊗ e_j
            layer.factors[0].weight[5 * r : 5 * r + 5, i] = whole.weight[:, i, j]
            layer.factors[1].weight[5 * r : 5 * r + 5, j] = 1
        one, other = torch.randn(ROWS, 3), torch.randn(ROWS, 4)
        assert close(layer([one, other]) + whole.bias, whole(one, other))
        assert close(layer([one, other]), torch.einsum("ni,kij,nj->nk", one, whole.weight, other))


@pytest.mark.parametrize("several", [2, 3])
def test_mlb_by_its_formula(several):
    net, h = scrambled(network("mlb", several)), vectors(several)
    with torch.no_grad():
        product = torch.ones(ROWS, 6)
        for factor, x in zip(net.product.factors, h, strict=True):
            product = product * torch.tanh(x @ factor.weight.T + factor.bias)
        assert close(net.fuse(h), product @ net.out.weight.T + net.out.bias)


def test_mutan_by_its_formula():
    net, (a, b) = scrambled(network("mutan(rank=3)", 2)), vectors(2)
    with torch.no_grad():
        q, v = (
            torch.tanh(x @ layer[0].weight.T + layer[0].bias) for layer, x in zip(net.maps, (a, b), strict=True)
        )
        m, n = (f.weight.view(3, 6, 6) for f in net.core.factors)
        for factor in net.core.factors:
            nn.init.zeros_(factor.bias)
        slices = torch.einsum("rki,rkj->kij", m, n)  # the core, a matrix of rank 3 for each k
        assert torch.linalg.matrix_rank(slices).tolist() == [3] * 6
        z = torch.einsum("ni,kij,nj->nk", q, slices, v)
        assert close(net.fuse(torch.stack([a, b])), z @ net.out.weight.T + net.out.bias)


def test_power_normalisation_by_hand():
    rows = torch.tensor([[4.0, -9.0, 0.0, 36.0], [1e-2, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[2 / 7, -3 / 7, 0, 6 / 7], [1.0, 0, 0, 0]])
    assert torch.allclose(power_normalised(rows), expected, atol=1e-4)
    flat = torch.zeros(1, 3, requires_grad=True)
    power_normalised(flat).sum().backward()
    assert flat.grad.isfinite().all()


def test_pooled_products_have_length_one():
    with torch.no_grad():
        assert close(network("mfb").fuse(vectors(3)).norm(dim=1), torch.ones(ROWS))


@pytest.mark.parametrize("name", [*PRODUCTS, "tensor_fusion", "bilinear_attention", "moe_fusion"])
def test_every_factor_is_a_parameter_and_gets_a_gradient(name):
    variant = fit(name, specimen(KINDS), replace(QUICK, epochs=1)).variant
    start = dict(fresh(variant).named_parameters())
    for key, parameter in variant.network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, key
        assert not torch.equal(parameter, start[key]), key


@pytest.mark.parametrize("name", [*PRODUCTS, "moe_fusion"])
def test_six_factors_neither_die_out_nor_blow_up(name):
    h = 0.3 * vectors(6)
    with torch.no_grad():
        fused = network(name, 6).fuse(h)
    assert 1e-2 < fused.std(0).mean() < 10


@pytest.mark.parametrize("name", ["mlb", "mfb", "mutan", "tensor_fusion", "moe_fusion", "token_transformer"])
def test_nothing_is_multiplied_across_the_batch(name):
    net, h = network(name), vectors(3)
    other = h.clone()
    other[:, 1:] += 1
    with torch.no_grad():
        assert close(net.fuse(other)[:1], net.fuse(h)[:1], 1e-6)
        assert close(net.fuse(h[:, :1]), net.fuse(h)[:1], 1e-6)
        assert not close(net.fuse(other)[1:], net.fuse(h)[1:], 1e-3)


@pytest.mark.parametrize(
    "name", ["mfb(rank=0)", "mutan(rank=0)", "mutan(maps=relu)", "bilinear_attention(glimpses=0)"]
)
def test_refused_options_of_bilinear_entries(name):
    with pytest.raises(FusebenchError, match="is n"):
        network(name)


# ---- bilinear attention


def test_bilinear_attention_by_its_formula():
    net = scrambled(network("bilinear_attention(glimpses=2)", 3, width=4))
    h = [torch.randn(ROWS, length, 4, generator=torch.Generator().manual_seed(length)) for length in (3, 2, 5)]
    with torch.no_grad():
        total = torch.zeros(ROWS, 2, 4)
        for (a, b), p in zip([(0, 1), (0, 2), (1, 2)], net.glimpse, strict=True):
            (va, vb), (ua, ub) = (
                [torch.relu(layers[m](h[m])) for m in (a, b)] for layers in (net.weigh, net.value)
            )
            scores = torch.einsum("nik,gk,njk->ngij", va, p, vb)
            attention = scores.exp() / scores.exp().sum((2, 3), keepdim=True)
            total += torch.einsum("ngij,nik,njk->ngk", attention, ua, ub)
        assert close(net.fuse(h), net.out(total.flatten(1)))


def test_bilinear_attention_weighs_all_pairs_of_tokens_once():
    net = network("bilinear_attention")
    with torch.no_grad():
        maps = net.maps(net.encode(batch()))
    lengths = net.tokens.lengths
    assert min(lengths) > 1
    shapes = [(ROWS, 2, lengths[a], lengths[b]) for a, b in [(0, 1), (0, 2), (1, 2)]]
    assert [tuple(m.shape) for m in maps] == shapes
    for attention in maps:
        assert close(attention.sum((2, 3)), torch.ones(ROWS, 2))


@pytest.mark.parametrize("place", range(3))
def test_bilinear_attention_changes_with_every_modality(place):
    net = scrambled(network("bilinear_attention"))
    with torch.no_grad():
        h = net.encode(batch())
        other = [t.flip(0) if m == place else t for m, t in enumerate(h)]
        before, after = net.maps(h), net.maps(other)
    moved = [(b - a).abs().max() > 1e-4 for a, b in zip(before, after, strict=True)]
    assert moved == [place in pair for pair in net.pairs]


# ---- tensor fusion


@pytest.mark.parametrize("several", [2, 3])
def test_outer_product_by_loops(several):
    x = [torch.randn(2, size) for size in (2, 3, 1)[:several]]
    for row, given in enumerate(outer_product(x)):
        with_ones = [[1.0, *each[row].tolist()] for each in x]
        expected = [float(np.prod(chosen)) for chosen in itertools.product(*with_ones)]
        assert given.tolist() == pytest.approx(expected, abs=1e-6)


def test_the_tensor_holds_every_order():
    a, b = torch.tensor([[2.0, 3.0]]), torch.tensor([[5.0]])
    assert outer_product([a, b]).tolist() == [[1, 5, 2, 10, 3, 15]]


@pytest.mark.parametrize("several", [2, 3])
def test_low_rank_fusion_at_full_rank_is_tensor_fusion_and_a_linear_layer(several):
    size, width = 2, 2
    numbers = (size + 1) ** several
    tensor = scrambled(network(f"tensor_fusion(size={size})", several, width=width))
    low = network(f"low_rank_fusion(rank={numbers})", several, width=width)
    with torch.no_grad():
        for layer in tensor.project:  # of identity projections: h is what enters the tensor
            nn.init.eye_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(low.factors)
        nn.init.ones_(low.weights)
        low.bias.copy_(tensor.out.bias)
        for rank, place in enumerate(itertools.product(range(size + 1), repeat=several)):
            for m, entry in enumerate(place):  # the tensor has its 1 first, the factors theirs last
                low.factors[m, rank, entry - 1 if entry else size] = 1.0
            low.factors[0, rank] *= tensor.out.weight[:, rank]
        h = vectors(several, size)
        assert close(low.fuse(h), tensor.fuse(h))


@pytest.mark.parametrize(("several", "size"), [(2, 16), (3, 9), (4, 4), (5, 3), (6, 2), (10, 1)])
def test_size_of_the_tensor_is_solved(several, size):
    assert solved_size(several) == size
    assert (size + 1) ** several <= USUAL
    assert size == 16 or (size + 2) ** several > USUAL


def test_tensors_that_would_be_too_large_are_refused():
    assert network("tensor_fusion(size=39)").out.in_features == 40**3
    with pytest.raises(FusebenchError, match="is a tensor of 68921 numbers, over 65536"):
        network("tensor_fusion(size=40)")
    with pytest.raises(FusebenchError, match="is not a positive"):
        network("tensor_fusion(size=-1)")
    reason = REGISTRY.get("tensor_fusion").requires.refuse(modalities_of(("tabular",) * 11), CLASSES)
    assert reason == "it takes at most 10 modalities, the data set has 11"


# ---- mixture of experts


def test_gate_weights_are_on_the_simplex():
    net = scrambled(network("moe_fusion"))
    with torch.no_grad():
        weights = net.weights(vectors(3))
    assert weights.shape == (ROWS, 5)
    assert weights.min() >= 0
    assert close(weights.sum(1), torch.ones(ROWS))
    assert weights.std(0).max() > 1e-3  # a row has weights of its own


@pytest.mark.parametrize("expert", range(5))
def test_a_gate_at_one_expert_gives_that_expert(expert):
    net, h = network("moe_fusion"), vectors(3)
    with torch.no_grad():
        net.gate[-1].bias.fill_(-1e4)[expert] = 1e4
        assert close(net.fuse(h), net.experts(h)[expert])
        if expert < 3:  # that of one modality reads no other
            other = h.roll(1, 1)
            other[expert] = h[expert]
            assert close(net.fuse(other), net.fuse(h))


def test_experts_by_their_formulas():
    net, h = scrambled(network("moe_fusion")), vectors(3)
    with torch.no_grad():
        experts = net.experts(h)
        assert close(experts[1], torch.relu(net.alone[1](h[1])))
        assert close(experts[3], torch.relu(net.together(torch.cat(list(h), 1))))
        factors = [torch.tanh(f(x)) for f, x in zip(net.product.factors, h, strict=True)]
        assert close(experts[4], factors[0] * factors[1] * factors[2])
        expected = torch.einsum("ne,end->nd", net.weights(h), experts)
        assert close(net.fuse(h), expected)


# ---- multimodal dynamics


def test_confidences_change_what_is_fused():
    net, h = network("mmdynamics"), vectors(3)
    with torch.no_grad():
        before = net.fuse(h).view(ROWS, 3, 6)
        logits = net.head(before.flatten(1))
        nn.init.zeros_(net.confidence[1].weight)
        net.confidence[1].bias.fill_(np.log(0.25 / 0.75))
        after = net.fuse(h).view(ROWS, 3, 6)
        v = net.informed(h, net.gates(h))
        assert close(after[:, 1], 0.25 * v[1])
        assert close(after[:, [0, 2]], before[:, [0, 2]])
        assert (net.head(after.flatten(1)) - logits).abs().max() > 1e-3
        net.confidence[1].bias.fill_(-1e4)  # trusted nowhere: the modality has no say
        other = h.clone()
        other[1] += 1
        assert close(net.fuse(other), net.fuse(h))


def test_dynamic_fusion_by_its_formula():
    net, h = scrambled(network("mmdynamics")), vectors(3)
    with torch.no_grad():
        parts = []
        for m in range(3):
            v = torch.relu(net.inner[m](torch.sigmoid(net.gate[m](h[m])) * h[m]))
            parts.append(torch.sigmoid(net.confidence[m](v)) * v)
        assert close(net.fuse(h), torch.cat(parts, 1))


def test_dynamic_loss_adds_gates_and_confidences():
    net, rows, labels = scrambled(network("mmdynamics")), batch(), torch.arange(ROWS) % 3
    with torch.no_grad():
        h = net.encode(rows)
        gates = net.gates(h)
        v = net.informed(h, gates)
        task = cross_entropy(net(rows), labels)
        sparse = sum(g.abs().sum() / g.numel() for g in gates)
        missed = 0.0
        for x, c, classify in zip(v, net.confidences(v), net.classify, strict=True):
            p = classify(x).softmax(1)[torch.arange(ROWS), labels]
            missed += ((c[:, 0] - p) ** 2).mean() - p.log().mean()
        for net.penalties in ((1.0, 1.0), (0.5, 2.0)):
            sparsity, confidence = net.penalties
            assert close(net.loss(rows, labels, None), task + sparsity * sparse + confidence * missed)


def test_true_class_probability_is_a_target():
    """The squared error moves the confidence, and leaves the classifier of the modality alone."""
    net, rows, labels = scrambled(network("mmdynamics")), batch(), torch.arange(ROWS) % 3
    net.penalties = (1.0, 1.0)
    net.loss(rows, labels, None).backward()
    given = net.classify[0].weight.grad.clone()
    v = net.informed(h := net.encode(rows), net.gates(h))
    net.zero_grad()
    cross_entropy(net.classify[0](v[0]), labels).backward()
    assert close(given, net.classify[0].weight.grad)


def test_penalised_gates_are_sparser():
    rows, labels, means = batch(), torch.arange(ROWS) % 3, []
    for sparsity in ("0.001", "5.0"):
        net = network(f"mmdynamics(sparsity={sparsity})")
        optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(20):
            optimiser.zero_grad()
            net.loss(rows, labels, None).backward()
            optimiser.step()
        means.append(torch.stack(net.gates(net.encode(rows))).mean())
    assert means[1] < 0.5 * means[0]


# ---- towers, tokens, trunk, mixed levels


@pytest.mark.parametrize(
    ("several", "members"),
    [(2, [[0, 1]]), (3, [[0, 1], [2]]), (4, [[0, 1], [2, 3]]), (5, [[0, 1], [2, 3], [4]])],
)
def test_towers_are_neighbours_and_the_last_stays_alone(several, members):
    net, h = network("two_tower", several), vectors(several)
    assert net.members == members
    with torch.no_grad():
        before = net.fuse(h).view(ROWS, len(members), 6)
        for m in range(several):
            other = h.clone()
            other[m] += 1
            moved = (net.fuse(other).view(ROWS, len(members), 6) - before).abs().amax((0, 2)) > 1e-4
            assert moved.tolist() == [m in own for own in members]


def test_towers_by_their_formula():
    net, h = network("two_tower"), vectors(3)
    with torch.no_grad():
        pair = torch.relu(torch.cat([h[0], h[1]], 1) @ net.towers[0].weight.T + net.towers[0].bias)
        alone = torch.relu(h[2] @ net.towers[1].weight.T + net.towers[1].bias)
        assert close(net.fuse(h), torch.cat([pair, alone], 1))


@pytest.mark.parametrize("tokens", [1, 3])
def test_tokens_are_modalities_of_one_row(tokens):
    net, h = network(f"token_transformer(tokens={tokens})", width=8), vectors(3, 8)
    with torch.no_grad():
        sequence = net.sequence(h)
        assert sequence.shape == (ROWS, 1 + 3 * tokens, 8)
        assert torch.equal(sequence[0, 0], net.start[0])
        assert close(sequence[:, 1:].unflatten(1, (3, tokens))[:, 1].flatten(1), net.embed[1](h[1]))
        assert net.fuse(h).shape == (ROWS, 8)


def test_the_class_token_reads_every_modality_through_attention():
    net, h = scrambled(network("token_transformer", width=8)), vectors(3, 8)
    with torch.no_grad():
        before = net.fuse(h)
        for m in range(3):
            other = h.clone()
            other[m] = other[m].roll(1, 0)
            assert (net.fuse(other) - before).abs().max() > 1e-3
        for block in net.blocks:  # deaf: whatever the modalities say, the class token stays
            nn.init.zeros_(block.attention.out.weight)
        assert close(net.fuse(h + 1), net.fuse(h))


def test_the_token_block_is_that_of_torch():
    """The same weights in torch's own encoder layer give the same class token."""
    net, h = scrambled(network("token_transformer(layers=1)", width=8)), vectors(3, 8)
    block, theirs = (
        net.blocks[0],
        nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True),
    )
    block.attention.heads = 2  # of a width of 8 the heads are 4; torch is to have the same
    weights = block.attention
    with torch.no_grad():
        parts = (weights.query, weights.key, weights.value)
        theirs.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([weights.query.bias, torch.zeros(8), weights.value.bias]))
        for mine, other in [
            (weights.out, theirs.self_attn.out_proj),
            (block.norms[0], theirs.norm1),
            (block.norms[1], theirs.norm2),
            (block.feed[0], theirs.linear1),
            (block.feed[2], theirs.linear2),
        ]:
            other.load_state_dict(mine.state_dict())
        expected = net.norm(theirs.train()(net.sequence(h))[:, 0])
        assert close(net.fuse(h), expected, 1e-4)


def test_the_trunk_is_one_set_of_weights():
    net, h = scrambled(network("shared_trunk", width=8)), vectors(3, 8)
    own = [key for key, _ in net.named_parameters() if not key.startswith(("extractors.", "head."))]
    assert all(key.startswith("trunk.") for key in own)
    more = network("shared_trunk", 6, width=8)
    sizes = [sum(p.numel() for p in each.trunk.parameters()) for each in (net, more)]
    assert sizes[0] == sizes[1]
    with torch.no_grad():
        same = net.fuse(torch.stack([h[0]] * 3)).view(ROWS, 3, 8)
        assert close(same[:, 0], same[:, 1]) and close(same[:, 0], same[:, 2])
        other = h.clone()
        other[1] += 1
        moved = (net.fuse(other) - net.fuse(h)).view(ROWS, 3, 8).abs().amax((0, 2)) > 1e-4
    assert moved.tolist() == [False, True, False]  # shared weights are no shared data


def test_the_trunk_learns_from_every_modality():
    net, rows = network("shared_trunk"), batch()
    h = net.encode(rows).detach()
    grads = []
    for m in range(3):
        net.zero_grad()
        net.fuse(h).view(ROWS, 3, 6)[:, m].square().sum().backward()
        grads.append(net.trunk[0].feed[0].weight.grad.clone())
    net.zero_grad()
    net.fuse(h).square().sum().backward()
    assert all(g.abs().max() > 0 for g in grads)
    assert close(net.trunk[0].feed[0].weight.grad, sum(grads), 1e-4)


@pytest.mark.parametrize(
    ("kinds", "raw"),
    [
        (("tabular", "image", "audio"), ["tabular"]),
        (("image", "tabular", "embedding"), ["tabular", "embedding"]),
        (("tabular", "embedding"), ["tabular"]),
        (("image", "audio"), ["image"]),
    ],
)
def test_raw_values_stand_beside_features(kinds, raw):
    modalities = modalities_of(kinds)
    variant = build("concat_mixed_level", make_task(modalities, CLASSES, Settings(width=6)))
    net = variant.build(Seeds(variant="concat_mixed_level")).eval()
    inputs = {m.name: torch.randn(ROWS, *m.shape) for m in modalities}
    rows = Batch(inputs, torch.ones(ROWS, len(kinds), dtype=torch.bool))
    with torch.no_grad():
        parts = dict(zip(kinds, net.encode(rows), strict=True))
        assert net.raw == raw
        for kind, part in parts.items():
            expected = inputs[kind].flatten(1) if kind in raw else net.extractors[kinds.index(kind)](inputs[kind])
            assert torch.equal(part, expected)
            assert part.shape[1] == (inputs[kind][0].numel() if kind in raw else 6)
        assert torch.equal(net.fuse(list(parts.values())), torch.cat(list(parts.values()), 1))


@pytest.mark.parametrize(
    "name", ["token_transformer(layers=0)", "shared_trunk(layers=0)", "mmdynamics(sparsity=0.0)"]
)
def test_refused_options_of_mixtures_and_trunks(name):
    with pytest.raises(FusebenchError, match="positive"):
        network(name)
