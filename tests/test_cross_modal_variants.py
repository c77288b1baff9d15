"""Networks that share data while they learn: their identities, values computed by hand, and traps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fusebench import fusion
from fusebench.core.errors import FusebenchError
from fusebench.core.seeding import Seeds, generator
from fusebench.datasets.bundle import Rows
from fusebench.fusion import Batch, Settings, build, make_task
from fusebench.fusion.contrast import info_nce
from fusebench.fusion.cross_modal.searched import Join, JoinedDepths, deepest, search, split
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import QUICK, fit

fusion.load_all()

KINDS = ("tabular", "image", "audio")
TABLES = ("tabular", "tabular")
ROWS = 5
EXCHANGES = ("film", "daft", "mmtm", "cross_stitch", "channelwise_product", "progressive_fusion")
TRANSFORMERS = ("mult", "bottleneck_transformer")


def task_of(kinds=KINDS, width=6, **settings):
    return make_task(modalities_of(kinds), ("a", "b", "c"), Settings(width=width, **settings))


def network(name, kinds=KINDS, **settings):
    """An untrained network in evaluation mode; extractors of one width are equal in all of them."""
    variant = build(name, task_of(kinds, **settings))
    with torch.random.fork_rng():
        return variant.build(Seeds(variant=name)).eval()


def batch(kinds=KINDS):
    rng, modalities = generator("cross-modal"), modalities_of(kinds)
    inputs = {m.name: torch.from_numpy(rng.normal(size=(ROWS, *m.shape)).astype(np.float32)) for m in modalities}
    return Batch(inputs, torch.ones(ROWS, len(kinds), dtype=torch.bool))


def logits_as_concat(made, kinds=KINDS):
    """Return logits of a network and of `concat_features` with its extractors and its head."""
    plain = network("concat_features", kinds)
    made.extractors.load_state_dict(plain.extractors.state_dict())
    made.head.load_state_dict(plain.head.state_dict())
    with torch.no_grad():
        return made(batch(kinds)), plain(batch(kinds))


@torch.no_grad()
def fill(layers, weight, bias):
    for layer in layers.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.fill_(weight)
            layer.bias.fill_(bias)


def nodes_at(made, depth, rows=2):
    """Return random nodes of a depth: maps of 2 × 3 places, but vectors of tables and at the end."""
    rng = torch.Generator().manual_seed(depth)
    flat = {m for m, name in enumerate(made.names) if name.startswith("tabular")}
    shapes = {
        m: (c,) if m in flat or depth == made.depths - 1 else (c, 2, 3) for m, c in made.sizes(depth).items()
    }
    return {m: torch.randn(rows, *shape, generator=rng) for m, shape in shapes.items()}


# ---- exchanges that change nothing are independent networks


def without_exchange(made, name):
    if name == "mmtm":
        fill(made.excite, 0.0, 0.0)
    elif name == "cross_stitch":
        with torch.no_grad():
            for matrix in made.stitch.values():
                matrix.copy_(torch.eye(len(matrix)))
    elif name == "channelwise_product":
        fill(made.scale, 0.0, 1.0)
    elif name == "daft":
        with torch.no_grad():
            for layers in made.generate.values():
                layers[-1].weight.zero_()
                layers[-1].bias.zero_()


@pytest.mark.parametrize("kinds", [KINDS, TABLES], ids=["memo", "tables"])
@pytest.mark.parametrize("name", ["film", "daft", "mmtm", "cross_stitch", "channelwise_product"])
def test_an_exchange_that_changes_nothing_gives_independent_networks(name, kinds):
    made = network(name, kinds)
    if name != "film":  # which starts there
        given, expected = logits_as_concat(made, kinds)
        assert not torch.equal(given, expected)
        without_exchange(made, name)
    given, expected = logits_as_concat(made, kinds)
    assert torch.equal(given, expected)


def test_no_rounds_of_progressive_fusion_are_late_fusion():
    made = network("progressive_fusion(rounds=0)")
    given, expected = logits_as_concat(made)
    assert torch.equal(given, expected)
    assert made.state_dict().keys() == network("concat_features").state_dict().keys()
    assert not torch.equal(*logits_as_concat(network("progressive_fusion(rounds=1)")))


def reads(made, a, b):
    """Whether the finished vector of modality a depends on the input of modality b."""
    rows = batch()
    x = rows.inputs[made.names[b]].requires_grad_()
    (gradient,) = torch.autograd.grad(made.encode(rows)[a].square().sum(), x, allow_unused=True)
    return gradient is not None and bool(gradient.any())


@pytest.mark.parametrize("name", EXCHANGES)
def test_finished_vectors_hold_what_the_others_sent(name):
    made = network(name)
    if name == "film":
        torch.nn.init.normal_(made.generate["0"].weight, generator=torch.Generator().manual_seed(0))
        assert [reads(made, a, 1) for a in range(3)] == [True, True, False]
        return
    assert all(reads(made, a, b) for a in range(3) for b in range(3))
    assert not any(reads(network("concat_features"), a, b) for a in range(3) for b in range(3) if a != b)


# ---- conditioning


def test_film_scales_and_shifts_channels_by_hand():
    made = network("film")
    depth, nodes = made.where, nodes_at(made, made.where)
    layer, own = made.generate["1"], nodes[1].shape[1]
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        layer.weight.normal_(generator=rng)
        layer.bias.normal_(generator=rng)
        changed = made.exchange(depth, nodes)
        told = torch.cat([nodes[0], nodes[2].mean((2, 3))], 1)
        scale, shift = (told @ layer.weight.T + layer.bias).split(own, 1)
        expected = (1 + scale)[:, :, None, None] * nodes[1] + shift[:, :, None, None]
    assert nodes[1].ndim == 4
    torch.testing.assert_close(changed[1], expected)
    assert changed.keys() == nodes.keys()


@pytest.mark.parametrize("name", ["film", "daft"])
def test_conditioning_happens_at_one_depth_before_the_last_layer(name):
    made = network(name)
    torch.nn.init.normal_(made.generate["1"][-1].weight if name == "daft" else made.generate["1"].weight)
    moved = []
    for depth in made.shared_depths():
        nodes = nodes_at(made, depth)
        after = made.exchange(depth, nodes)
        moved.append(any(not torch.equal(after[m], nodes[m]) for m in nodes))
    assert moved == [False, True, False]


def test_daft_looks_at_both_sides_and_film_at_the_others():
    for name, expected in {"film": False, "daft": True}.items():
        made = network(name)
        torch.nn.init.normal_(made.generate["1"][-1].weight if name == "daft" else made.generate["1"].weight)
        nodes = nodes_at(made, made.where)
        condition = made.condition(1, nodes)
        assert torch.equal(condition, made.condition(1, {**nodes, 1: nodes[1] + 1})) is not expected
        assert not torch.equal(condition, made.condition(1, {**nodes, 0: nodes[0] + 1}))


def test_main_is_the_one_that_is_conditioned():
    made = network("film(main=image)")
    assert list(made.generate) == ["1"]
    nn.init.ones_(made.generate["1"].weight)
    nodes = nodes_at(made, made.where)
    after = made.exchange(made.where, nodes)
    assert [torch.equal(after[m], nodes[m]) for m in nodes] == [True, False, True]


# ---- exchanges


def test_mmtm_squeezes_to_a_quarter_and_gates_by_hand():
    made = network("mmtm")
    for depth in made.shared_depths():
        total = sum(made.sizes(depth).values())
        assert (made.joint[str(depth)].in_features, made.joint[str(depth)].out_features) == (total, total // 4)
    depth = made.shared_depths()[0]
    nodes = nodes_at(made, depth)
    joint, gate = made.joint[str(depth)], made.excite[str(depth)]["2"]
    with torch.no_grad():
        seen = torch.cat([x.mean((2, 3)) for x in nodes.values()], 1)
        logits = (seen @ joint.weight.T + joint.bias).clamp(min=0) @ gate.weight.T + gate.bias
        expected = nodes[2] * (2 / (1 + (-logits).exp()))[:, :, None, None]
        torch.testing.assert_close(made.exchange(depth, nodes)[2], expected)


def test_cross_stitch_mixes_finished_vectors_as_published():
    made = network("cross_stitch")
    nodes = nodes_at(made, made.depths - 1)
    matrix = torch.tensor([[1.0, 2.0, 0.0], [0.0, -1.0, 0.5], [0.25, 0.0, 3.0]])
    with torch.no_grad():
        made.stitch[str(made.depths - 1)].copy_(matrix)
        mixed = torch.stack(list(made.exchange(made.depths - 1, nodes).values()))
    torch.testing.assert_close(mixed, torch.einsum("ab,bnc->anc", matrix, torch.stack(list(nodes.values()))))


def test_cross_stitch_starts_convex_and_keeps_shapes():
    made = network("cross_stitch")
    for depth in made.shared_depths():
        matrix = made.stitch[str(depth)].detach()
        torch.testing.assert_close(matrix.sum(1), torch.ones(len(matrix)))
        torch.testing.assert_close(matrix.diagonal(), torch.full((len(matrix),), 0.9))
        nodes = nodes_at(made, depth)
        after = made.exchange(depth, nodes)
        assert {m: x.shape for m, x in after.items()} == {m: x.shape for m, x in nodes.items()}
    inner = made.depths - 2
    nodes = nodes_at(made, inner)
    expected = 0.9 * nodes[1]
    for b, seen in ((0, nodes[0]), (2, nodes[2].mean((2, 3)))):
        expected = expected + 0.05 * (seen @ made.project[str(inner)][f"1-{b}"].weight.T)[:, :, None, None]
    torch.testing.assert_close(made.exchange(inner, nodes)[1], expected)


def test_channelwise_product_of_two_is_the_projection_times_the_nodes():
    made = network("channelwise_product", TABLES)
    for depth in made.shared_depths():
        layer, nodes = made.scale[str(depth)]["1"], nodes_at(made, depth)
        assert torch.equal(layer.bias, torch.ones_like(layer.bias))
        expected = nodes[1] * (nodes[0] @ layer.weight.T + layer.bias)
        torch.testing.assert_close(made.exchange(depth, nodes)[1], expected)


@pytest.mark.parametrize("name", ["mmtm", "cross_stitch", "channelwise_product"])
@pytest.mark.parametrize("kinds", [KINDS, TABLES], ids=["memo", "tables"])
def test_several_exchanges_at_several_depths(name, kinds):
    made = network(name, kinds)
    changed = 0
    for depth in made.shared_depths():
        nodes = nodes_at(made, depth)
        after = made.exchange(depth, nodes)
        changed += all(not torch.equal(after[m], nodes[m]) for m in nodes)
    assert changed == len(made.shared_depths()) >= 2


# ---- progressive fusion


def test_progressive_fusion_unrolled_by_hand():
    made, rows = network("progressive_fusion(rounds=2)"), batch()
    table, image, audio = made.extractors
    with torch.no_grad():
        start = [table.stage(0, rows["tabular"]), image.stage(0, rows["image"]), audio.stage(0, rows["audio"])]
        z = torch.zeros(ROWS, 6)
        for step in range(3):
            fed = [z @ back.weight.T + back.bias if step else torch.zeros(ROWS, 1) for back in made.back]
            first = table.last(start[0] + fed[0])
            deep = [
                e.last(e.stage(1, n + f[:, :, None, None]).flatten(1))
                for e, n, f in zip((image, audio), start[1:], fed[1:], strict=True)
            ]
            h = torch.cat([first, *deep], 1)
            z = torch.tanh(h @ made.join.weight.T + made.join.bias)
        torch.testing.assert_close(made.fuse(made.encode(rows)), h)


# ---- transformers


def tokens_for(made, rows=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, length, made.size, generator=rng) for length in made.tokens.lengths]


def made_of(tokens, h):
    """Say of which inputs some tokens are made."""
    found = torch.autograd.grad(tokens.square().sum(), h, retain_graph=True, allow_unused=True)
    return [g is not None and bool(g.any()) for g in found]


def test_mult_answers_change_with_the_query():
    made = network("mult")
    h, other = tokens_for(made), tokens_for(made, seed=1)
    assert min(made.tokens.lengths) > 1
    block = made.cross[0][0][0]
    with torch.no_grad():
        context = block.norms[1](h[1])
        answers = [block.attention(block.norms[0](query), context) for query in (h[0], other[0])]
    assert (answers[0] - answers[1]).abs().max() > 1e-3


def test_every_layer_of_mult_asks_the_tokens_as_they_came():
    made = network("mult(layers=3)")
    h = tokens_for(made)
    with torch.no_grad():
        parts = []
        for b, stack in zip((0, 2), made.cross[1], strict=True):
            tokens = h[1]
            for block in stack:
                asked = block.norms[1](h[b])
                tokens = tokens + block.attention(block.norms[0](tokens), asked)
                tokens = tokens + block.feed(block.norms[2](tokens))
            parts.append(tokens)
        torch.testing.assert_close(made.read(1, h), torch.cat(parts, 2))


def test_mult_has_a_stack_for_each_ordered_pair():
    made = network("mult", ("tabular",) * 4, width=48)
    assert [len(stacks) for stacks in made.cross] == [3] * 4
    assert made.size == 8
    h = [x.requires_grad_() for x in tokens_for(made)]
    first = made.read(0, h)[:, :, :8]
    assert made_of(first, h) == [True, True, False, False]


def test_bottleneck_is_the_only_way_between_modalities():
    made = network("bottleneck_transformer")
    h = [x.requires_grad_() for x in tokens_for(made)]
    z = made.bottleneck.expand(2, -1, -1)
    tokens, z = made.exchange(0, h, z)
    assert made_of(tokens[0], h) == [True, False, False]
    assert made_of(z, h) == [True] * 3
    after, _ = made.exchange(1, tokens, z)
    assert made_of(after[0], h) == [True] * 3
    cut, _ = made.exchange(1, tokens, z.detach())
    assert made_of(cut[0], h) == [True, False, False]


def test_bottleneck_tokens_are_the_mean_of_all_copies():
    made = network("bottleneck_transformer(bottlenecks=2)")
    h, z = tokens_for(made), torch.randn(2, 2, made.size, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        tokens, shared = made.exchange(0, h, z)
        whole = [block(torch.cat([t, z], 1)) for block, t in zip(made.blocks[0], h, strict=True)]
        torch.testing.assert_close(shared, sum(each[:, -2:] for each in whole) / 3)
        for own, each, t in zip(tokens, whole, h, strict=True):
            torch.testing.assert_close(own, each[:, : t.shape[1]])
        made.blocks[0] = nn.ModuleList(list(made.blocks[0])[::-1])
        turned, again = made.exchange(0, h[::-1], z)
    torch.testing.assert_close(again, shared)
    torch.testing.assert_close(turned[::-1], tokens)


def test_bottleneck_head_is_the_mean_of_the_class_tokens_logits():
    made, rows = network("bottleneck_transformer"), batch()
    seen = []
    made.norm.register_forward_hook(lambda layer, given, result: seen.append(result))
    with torch.no_grad():
        logits = made(rows)
        torch.testing.assert_close(torch.stack([made.head(c) for c in seen]).mean(0), logits)
    assert [tuple(c.shape) for c in seen] == [(ROWS, made.size)] * 3


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_attention_runs_over_tokens_and_never_over_rows(name):
    made = network(name)
    h = [x.requires_grad_() for x in tokens_for(made, rows=3)]
    for g in torch.autograd.grad(made.fuse(h)[0].square().sum(), h):
        assert bool(g[0].any())
        assert not bool(g[1:].any())


# ---- alignment beside the task


def test_alignment_of_two_rows_by_hand():
    x = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    y = torch.tensor([[3.0, 0.0], [4.0, 4.0]])
    half = 0.5**0.5
    scores = np.array([[1.0, half], [0.0, half]]) / 0.5
    rows = -np.log(np.exp(scores.diagonal()) / np.exp(scores).sum(1)).mean()
    columns = -np.log(np.exp(scores.diagonal()) / np.exp(scores).sum(0)).mean()
    found = info_nce([x, y], 0.5, torch.ones(2, 2, dtype=torch.bool))
    assert found.item() == pytest.approx((rows + columns) / 2, rel=1e-6)


def test_alignment_of_a_single_row_is_nothing_and_leaves_out_absent_ones():
    vectors = [torch.randn(4, 3, generator=torch.Generator().manual_seed(m), requires_grad=True) for m in range(3)]
    everyone = torch.ones(4, 3, dtype=torch.bool)
    assert info_nce([v[:1] for v in vectors], 0.1, everyone[:1]).item() == 0
    present = everyone.clone()
    present[2:, 1] = False
    pairs = {
        (a, b): [v[:2] if 1 in (a, b) else v for v in (vectors[a], vectors[b])]
        for a, b in ((0, 1), (0, 2), (1, 2))
    }
    expected = torch.stack([info_nce(pair, 0.1, everyone[: len(pair[0]), :2]) for pair in pairs.values()]).mean()
    found = info_nce(vectors, 0.1, present)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert vectors[1].grad is not None
    assert not bool(vectors[1].grad[2:].any())
    none = info_nce(vectors, 0.1, torch.zeros(4, 3, dtype=torch.bool))
    assert none.item() == 0


def test_alignment_stands_beside_cross_attention():
    made, rows, labels = network("align_then_fuse(weight=0)"), batch(), torch.arange(ROWS) % 3
    plain = network("cross_attention")
    made.load_state_dict({**made.state_dict(), **plain.state_dict()})
    with torch.no_grad():
        assert torch.equal(made(rows), plain(rows))
        assert made.loss(rows, labels, None).item() == pytest.approx(
            plain.loss(rows, labels, None).item(), rel=1e-6
        )
        task = cross_entropy(made(rows), labels)
        pooled = [g(t.mean(1)) for g, t in zip(made.project, made.encode(rows), strict=True)]
        made.weight = 2.0
        expected = task + 2 * info_nce(pooled, 0.1, rows.present)
        assert made.loss(rows, labels, None).item() == pytest.approx(expected.item(), rel=1e-6)


# ---- search


def planted(plan):
    """Lowest where the first modality is read at its shallow nodes, the second at its last, through ReLU."""
    return (
        1.0
        - 0.2 * any(join.depths[0] == 0 for join in plan)
        - 0.1 * all(join.depths[1] == 2 for join in plan)
        + 0.1 * any(join.activation == "sigmoid" for join in plan)
    )


@pytest.mark.parametrize("seed", range(3))
def test_search_finds_a_planted_depth_within_its_budget(seed):
    tried = search(planted, 2, 12, np.random.default_rng(seed))
    assert len(tried) == 12
    assert next(iter(tried)) == deepest(2)
    best = min(tried, key=lambda plan: tried[plan])
    assert tried[best] == pytest.approx(0.7)
    assert {len(plan) for plan in tried} == {1, 2}
    drawn = [planted((Join((a, b), c),)) for a in range(3) for b in range(3) for c in ("relu", "sigmoid")]
    assert np.mean(np.array(drawn) < 0.71) < 0.06  # one plan of 18: hardly drawn by chance


def test_search_draws_from_its_generator_alone():
    one, again, other = (search(planted, 3, 8, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one == again
    assert list(one) == list(again)
    assert list(one) != list(other)
    assert list(search(planted, 3, 1, np.random.default_rng(0))) == [deepest(3)]


def test_searched_fusion_chooses_on_training_rows_alone():
    data = specimen(("tabular", "image"))
    turned = replace(data, validation=data.validation.with_labels(np.roll(data.validation.labels, 1)))
    name = "searched_fusion(budget=4,epochs=1)"
    one, other = (fit(name, each, replace(QUICK, epochs=1)).variant for each in (data, turned))
    assert one.tried == other.tried
    assert len(one.tried) == 4
    assert one.plan == min(one.tried, key=lambda plan: one.tried[plan]) == one.network.plan
    assert one.history.curves["train_loss"] == other.history.curves["train_loss"]
    again = build(name, one.task).restore(one.state())
    assert again.plan == one.plan


def test_search_holds_out_a_fifth_and_keeps_groups_together():
    keys = np.arange(50)
    rows = Rows({"t": keys[:, None].astype(np.float32)}, np.ones((50, 1), bool), keys % 3, keys.astype(str))
    part, held = split(rows, np.random.default_rng(0))
    assert (len(part), len(held)) == (40, 10)
    assert set(part.ids) | set(held.ids) == set(rows.ids)
    part, held = split(replace(rows, groups=keys // 5), np.random.default_rng(0))
    assert len(held) == 10
    assert not set(held.groups) & set(part.groups)
    part, held = split(replace(rows, groups=keys // 25), np.random.default_rng(0))
    assert len(held) == 10


def test_joins_read_the_depths_that_they_name():
    task, rows = task_of(), batch()
    plan = (Join((0, 1, 2), "relu"), Join((2, 0, 1), "sigmoid"))
    torch.manual_seed(0)
    made = JoinedDepths(task, plan).finish().eval()
    table, image, audio = made.extractors
    with torch.no_grad():
        inner = {m: e.body(rows[m]) for m, e in zip(KINDS, made.extractors, strict=True)}
        first, second = made.layers
        read = [rows["tabular"].flatten(1), inner["image"], audio.last(inner["audio"])]
        c = first(torch.cat(read, 1)).clamp(min=0)
        read = [table.last(inner["tabular"]), image.stage(0, rows["image"]).mean((2, 3)), inner["audio"], c]
        expected = 1 / (1 + (-second(torch.cat(read, 1))).exp())
        torch.testing.assert_close(made.fuse(made.encode(rows)), expected)


@pytest.mark.parametrize("plan", [deepest(3), (Join((0, 0, 0)),), (Join((0, 1, 2)), Join((1, 1, 1)))])
def test_no_layer_is_idle_whichever_depths_are_read(plan):
    torch.manual_seed(0)
    made = JoinedDepths(task_of(), plan).finish()
    made.loss(batch(), torch.arange(ROWS) % 3, None).backward()
    assert [key for key, p in made.named_parameters() if p.grad is None or not bool(p.grad.any())] == []


def test_searched_fusion_is_matched_after_the_search():
    data = specimen(("tabular", "image"))
    settings = replace(QUICK, epochs=1, width=64, capacity="matched")
    sizes = [
        fit(name, data, settings).variant.parameters() for name in ("searched_fusion(budget=2)", "concat_features")
    ]
    assert abs(sizes[0] - sizes[1]) < 0.05 * sizes[1]


# ---- options


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("film(main=taste)", "main=taste is not one of all, tabular, image, audio"),
        ("daft(ratio=0)", "ratio=0"),
        ("mmtm(ratio=0)", "ratio=0"),
        ("progressive_fusion(rounds=-1)", "rounds=-1 is negative"),
        ("mult(layers=0)", "layers=0"),
        ("bottleneck_transformer(layers=1)", "layers=1 shares nothing"),
        ("bottleneck_transformer(bottlenecks=0)", "bottlenecks=0"),
        ("align_then_fuse(temperature=0)", "temperature=0"),
        ("align_then_fuse(weight=-1)", "weight=-1"),
        ("searched_fusion(budget=0)", "budget=0"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(name, told):
    with pytest.raises(FusebenchError, match="Variant") as caught:
        build(name, task_of())
    assert told in str(caught.value)
