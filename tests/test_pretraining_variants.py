"""Sharing in pre-training and its controls: identities, and what a stage may see and may not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA

from fusebench import fusion
from fusebench.core.errors import FusebenchError
from fusebench.core.seeding import Seeds, generator
from fusebench.fusion import Batch, Settings, build, build_stage, make_task, resolve
from fusebench.fusion.checks import CHECKS, applies
from fusebench.fusion.contrast import info_nce
from fusebench.fusion.cross_modal.correlation import CanonicalProjections, canonical_directions
from fusebench.fusion.cross_modal.deep_correlation import held_out_correlation, total_correlation
from fusebench.fusion.cross_modal.masked import hidden, hidden_error, without
from fusebench.fusion.decoders import mean_where
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import QUICK, fit

fusion.load_all()

PAIR, THREE = ("tabular", "image"), ("tabular", "image", "audio")
ROWS = 9
STAGED = {
    "deep_cca": PAIR,
    "multimodal_autoencoder": THREE,
    "masked_crossmodal_pretrain": THREE,
    "tip_pretrain": THREE,
    "denoising_pretrain_concat": THREE,
}
CANONICAL = {"cca_concat": PAIR, "gcca_concat": THREE}
EDITIONS = [
    "deep_cca(components=4)",
    "multimodal_autoencoder(shared=false)",
    "masked_crossmodal_pretrain(shared=false)",
    "denoising_pretrain_concat(widen=1)",
    "tip_pretrain(frozen=true)",
]
STRUCTURAL = ["trains_every_parameter", "keeps_rows_apart_in_training", "survives_storing"]


def batch(kinds, rows=ROWS, key="pretraining"):
    rng, modalities = generator(key), modalities_of(kinds)
    inputs = {m.name: torch.from_numpy(rng.normal(size=(rows, *m.shape)).astype(np.float32)) for m in modalities}
    return Batch(inputs, torch.ones(rows, len(kinds), dtype=torch.bool))


def stage(name, kinds, width=8):
    """An untrained stage's network, in training mode."""
    made = build_stage(name, make_task(modalities_of(kinds), ("a", "b", "c"), Settings(width=width)))
    with torch.random.fork_rng():
        return made.build(Seeds(variant=name)).train()


def views(rows=400, sizes=(4, 3), shared=2, noise=0.7):
    """Centred views that share some directions."""
    rng = generator("views", sizes=sizes)
    common = rng.normal(size=(rows, shared))
    made = [common @ rng.normal(size=(shared, size)) + noise * rng.normal(size=(rows, size)) for size in sizes]
    return [view - view.mean(0) for view in made]


def correlations(projected):
    x, y = projected
    return np.array([np.corrcoef(x[:, j], y[:, j])[0, 1] for j in range(x.shape[1])])


def projections(given, components, ridge, generalised):
    directions, values = canonical_directions(given, components, ridge, generalised)
    return [view @ w for view, w in zip(given, directions, strict=True)], values


# ---- canonical correlations


def test_of_single_columns_the_canonical_correlation_is_pearsons():
    x, y = views(sizes=(1, 1), shared=1)
    found, values = projections([x, -y], 1, 0.0, generalised=False)
    r = abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    assert values == pytest.approx([r], abs=1e-9)
    assert correlations(found) == pytest.approx([r], abs=1e-9)


def test_a_ridge_shrinks_a_single_columns_correlation_by_one_plus_the_ridge():
    x, y = views(sizes=(1, 1), shared=1)
    plain, shrunk = (canonical_directions([x, y], 1, ridge, False)[1] for ridge in (0.0, 0.25))
    assert shrunk * 1.25 == pytest.approx(plain, abs=1e-9)


def test_projections_correlate_as_the_eigenvalues_say_and_not_across_components():
    (x, y), values = projections(views(), 3, 0.0, generalised=False)
    assert correlations((x, y)) == pytest.approx(values, abs=1e-9)
    assert x.T @ x / len(x) == pytest.approx(np.eye(3), abs=1e-9)
    assert x.T @ y / len(x) == pytest.approx(np.diag(values), abs=1e-9)


def test_canonical_correlations_are_scikit_learns():
    x, y = views()
    reference = correlations(CCA(n_components=3, max_iter=5000, tol=1e-12).fit_transform(x, y))
    assert canonical_directions([x, y], 3, 0.0, False)[1] == pytest.approx(reference, abs=1e-6)


def test_of_two_views_the_generalised_analysis_becomes_the_plain_one_as_the_ridge_goes_to_zero():
    def furthest(ridge):
        (plain, values), (general, larger) = (projections(views(), 2, ridge, g) for g in (False, True))
        turned = [np.abs(np.abs((p * g).sum(0)) - (p * p).sum(0) ** 0.5 * (g * g).sum(0) ** 0.5).max()
                  for p, g in zip(plain, general, strict=True)]  # fmt: skip
        return np.abs(larger - 1 - values).max(), max(turned) / len(plain[0])

    exact, small, large = (furthest(ridge) for ridge in (0.0, 1e-3, 1.0))
    assert max(exact) < 1e-9
    assert max(small) < 1e-2
    assert large[0] > 0.1
    assert large[1] > small[1] > exact[1]


def test_the_generalised_analysis_finds_what_the_projectors_of_all_views_have_in_common():
    given = views(sizes=(4, 3, 2))
    projectors = sum(x @ np.linalg.solve(x.T @ x, x.T) for x in given)
    reference = np.linalg.eigvalsh(projectors)[::-1][:3]
    assert projections(given, 3, 0.0, generalised=True)[1] == pytest.approx(reference, abs=1e-9)


@pytest.mark.parametrize("generalised", [False, True])
def test_projections_stand_where_columns_are_copies_or_constant(generalised):
    x, y = views()
    columns = np.hstack([x, x[:, :1], y, np.zeros((len(y), 2))])
    made = CanonicalProjections((5, 5), 4, 0.0, generalised).fit(columns)
    p = made.transform(columns)
    assert np.isfinite(p).all()
    assert np.abs(p).max() < 100
    assert made.values_[:2] - generalised == pytest.approx(
        canonical_directions([x, y], 2, 0.0, False)[1], abs=1e-6
    )


@pytest.mark.parametrize(("name", "kinds"), CANONICAL.items())
def test_projections_are_those_of_training_rows_and_read_no_label(name, kinds):
    data = specimen(kinds)
    other = specimen(kinds, validation=30, test=7)
    blind = replace(data, train=data.train.with_labels(np.roll(data.train.labels, 1)))
    swapped = replace(data, validation=other.test, test=other.validation)
    plain, *rest = (fit(name, each).variant.model[0] for each in (data, blind, swapped))
    for moved in rest:
        for w, v in zip(plain.directions_, moved.directions_, strict=True):
            assert np.array_equal(w, v)
    # what other training rows there are does change them
    fewer = fit(name, replace(data, train=data.train.take(slice(0, 40)))).variant.model[0]
    assert not np.allclose(fewer.values_, plain.values_)


def test_cca_takes_two_modalities_and_the_generalised_one_any_number():
    task = make_task(modalities_of(THREE), ("a", "b"), QUICK)
    for name in ("cca_concat", "deep_cca"):
        with pytest.raises(FusebenchError, match="at most 2 modalities"):
            build(name, task)
    assert build("gcca_concat", task).read == THREE


@pytest.mark.parametrize("name", ["cca_concat(ridge=-1.0)", "gcca_concat(components=0)"])
def test_options_out_of_range_are_refused_in_a_sentence(name):
    with pytest.raises(FusebenchError, match=r"negative|positive whole number"):
        build(name, make_task(modalities_of(PAIR), ("a", "b"), QUICK))


# ---- deep canonical correlation analysis


def test_the_deep_objective_is_the_sum_of_linear_canonical_correlations():
    given = views()
    for ridge in (0.0, 0.1):
        x, y = (torch.from_numpy(view) for view in given)
        expected = canonical_directions(given, 3, ridge, False)[1].sum()
        assert float(total_correlation(x, y, ridge)) == pytest.approx(expected, abs=1e-5)
        turned = total_correlation(
            3 * x @ torch.from_numpy(np.linalg.qr(generator("turn").normal(size=(4, 4)))[0]), y, ridge
        )
        assert float(turned) == pytest.approx(expected, abs=1e-5)  # no rotation, shift or scale changes it
        assert float(total_correlation(x + 5, y, ridge)) == pytest.approx(expected, abs=1e-5)


def test_identical_views_correlate_in_every_component_and_independent_ones_hardly():
    rng = generator("identical")
    x, y = (torch.from_numpy(rng.normal(size=(5000, 4))) for _ in range(2))
    assert float(total_correlation(x, x, 0.0)) == pytest.approx(4, abs=1e-6)
    assert float(total_correlation(x, y, 0.0)) < 0.15
    few = [view[:8] for view in (x, y)]
    assert float(total_correlation(*few, 0.0)) > 2  # why a batch has to be large
    assert abs(float(held_out_correlation(torch.stack(few), torch.stack((x, y)), 0.0))) < 0.5


def test_held_out_correlations_of_the_known_rows_are_the_objective():
    x, y = (torch.from_numpy(view) for view in views(sizes=(3, 3)))
    known = torch.stack((x, y))
    expected = float(total_correlation(x, y, 0.0))
    assert float(held_out_correlation(known, known, 0.0)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_have_a_finite_objective_and_gradient(rows):
    net = stage("deep_cca_pretraining", PAIR)
    loss = net.objective(batch(PAIR, rows))
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert all(bool(p.grad.isfinite().all()) for p in net.parameters() if p.grad is not None)


def test_rows_before_stay_in_the_covariance_and_get_no_gradient():
    net = stage("deep_cca_pretraining(components=4)", PAIR)
    rows = batch(PAIR, 40)
    first, second = rows.take(slice(0, 24)), rows.take(slice(24, 40))
    net.begin_epoch(1, rows, torch.zeros(40))
    net.objective(first)
    assert not net.memory.requires_grad
    together = net.objective(second)
    alone = stage("deep_cca_pretraining(components=4)", PAIR).objective(rows)
    assert together.item() == pytest.approx(alone.item(), abs=1e-6)
    net.objective(first)
    assert net.memory.shape == (2, 40, 4)  # as many as there are training rows


def test_deep_cca_learns_what_two_modalities_share():
    data = specimen(PAIR, 96, 48, 12)
    trial = fit("deep_cca(components=2)", data, replace(QUICK, epochs=4, lr=3e-3))
    (held,) = trial.stages.fitted.values()
    losses = held.history.curves["validation_loss"]
    assert min(losses) < -1.5  # of at most 2: the classes, three means in each modality, span two dimensions
    assert losses[-1] < losses[0]


# ---- every stage: no labels, frozen parts stay, a single row


def pretrained(trial, part):
    """A part of a network as its stages left it: one stage for all, or one a modality."""
    networks = [held.network for held in trial.stages.fitted.values()]
    if len(networks) == 1:
        return getattr(networks[0], part).state_dict()
    return torch.nn.ModuleList(net.extractors[0] for net in networks).state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def parts_of(network):
    return getattr(network, "parts", ("extractors",))


@pytest.mark.parametrize("frozen", ["true", "false"])
@pytest.mark.parametrize(("name", "kinds"), STAGED.items())
def test_what_the_stage_trained_stays_where_frozen_and_moves_where_not(name, kinds, frozen):
    trial = fit(f"{name}(frozen={frozen})", specimen(kinds))
    network = trial.variant.network
    kept = {part: same(getattr(network, part).state_dict(), pretrained(trial, part)) for part in parts_of(network)}
    assert set(kept.values()) == {frozen == "true"}
    if frozen == "true":
        assert {key.split(".")[0] for key, p in network.named_parameters() if p.requires_grad} == {"head"}


@pytest.mark.parametrize(("name", "kinds"), STAGED.items())
def test_stages_read_no_label(name, kinds):
    data = specimen(kinds)
    turned = {
        split: getattr(data, split).with_labels(np.roll(getattr(data, split).labels, 1))
        for split in ("train", "validation")
    }
    one, other = fit(name, data), fit(name, replace(data, **turned))
    for part in parts_of(one.variant.network):
        assert same(pretrained(one, part), pretrained(other, part))
    assert not same(one.variant.network.head.state_dict(), other.variant.network.head.state_dict())


@pytest.mark.parametrize("name", EDITIONS)
@pytest.mark.parametrize("title", STRUCTURAL)
def test_editions_keep_the_contract(name, title):
    entry, canonical = resolve(name)
    if applies(title, name):
        CHECKS[title](entry, str(canonical))


# ---- reconstruction


def test_a_mean_counts_only_what_is_to_be_counted():
    error, counted = torch.tensor([[1.0, 3.0], [100.0, 100.0]]), torch.tensor([[True], [False]])
    assert float(mean_where(error, counted)) == 2
    assert float(mean_where(error, torch.zeros(2, 1, dtype=torch.bool))) == 0


@pytest.mark.parametrize("shared", [True, False])
def test_every_modality_is_told_from_all_and_from_each_alone_and_in_the_control_from_itself(shared):
    net, rows = stage(f"multimodal_autoencoding(shared={str(shared).lower()})", THREE), batch(THREE)
    losses, places = [], range(len(THREE))
    for kept in ([0], [1], [2], [0, 1, 2]) if shared else ([0], [1], [2]):
        mask = torch.tensor([[m in kept for m in places]] * ROWS)
        code = net.fuse(net.encode(rows.keep(mask)))
        for m in places if shared else kept:
            losses.append((net.decoders[m](code) - rows[THREE[m]].flatten(1)).square().mean())
    assert net.objective(rows).item() == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)


def test_an_absent_modality_is_no_target_of_the_shared_code():
    net, rows = stage("multimodal_autoencoding", PAIR), batch(PAIR)
    gone = rows.keep(torch.tensor([[True, False]] * ROWS))
    net.objective(gone).backward()
    assert not any(bool(p.grad.any()) for p in net.decoders[1].parameters() if p.grad is not None)
    assert any(bool(p.grad.any()) for p in net.decoders[0].parameters())


def test_denoising_hides_values_and_asks_for_what_they_were():
    net, rows = stage("denoising_pretraining(modality=tabular,noise=0.5)", PAIR), batch(PAIR)
    seen = []
    net.encode = lambda given: seen.append(given["tabular"]) or torch.zeros(1, ROWS, net.width)
    torch.nn.init.zeros_(net.decoder[2].weight)
    torch.nn.init.zeros_(net.decoder[2].bias)
    only = Batch({"tabular": rows["tabular"]}, rows.present[:, :1])
    with torch.random.fork_rng():
        loss = net.objective(only)
    assert loss.item() == pytest.approx(float(rows["tabular"].square().mean()), rel=1e-5)  # the clean input
    assert bool(((seen[0] == rows["tabular"]) | (seen[0] == 0)).all())
    assert 0 < int((seen[0] == 0).sum()) < seen[0].numel()


def test_denoising_widens_the_vectors_of_tables_alone_and_leaves_evaluation_fixed():
    trial = fit("denoising_pretrain_concat(widen=3)", specimen(THREE))
    assert [e.last.out_features for e in trial.variant.network.extractors] == [
        3 * QUICK.width,
        QUICK.width,
        QUICK.width,
    ]
    net = stage("denoising_pretraining(modality=image)", PAIR).eval()
    only = Batch({"image": batch(PAIR)["image"]}, torch.ones(ROWS, 1, dtype=torch.bool))
    assert torch.equal(net.objective(only), net.objective(only))


# ---- masked parts


@pytest.mark.parametrize("shared", ["true", "false"])
def test_what_is_hidden_changes_the_target_and_no_prediction(shared):
    net, rows = stage(f"masked_pretraining(shared={shared})", THREE), batch(THREE)
    masks = net.masks(rows)
    moved = {name: torch.where(masks[name], x + 7, x) for name, x in rows.inputs.items()}
    assert all(bool(mask.any()) for mask in masks.values())
    before, after = net.predict(rows, masks), net.predict(replace(rows, inputs=moved), masks)
    for m, name in enumerate(THREE):
        assert torch.equal(before[m], after[m])
        losses = [
            float(hidden_error(before[m], x[name], masks[name], rows.present[:, m : m + 1]))
            for x in (rows.inputs, moved)
        ]
        assert losses[0] != losses[1]
        # what stays visible is no target
        seen = torch.where(masks[name], rows[name], rows[name] + 7)
        assert float(hidden_error(before[m], seen, masks[name], rows.present[:, m : m + 1])) == losses[0]


def test_of_a_row_one_modality_is_hidden_in_part_and_an_absent_one_is_no_target():
    net, rows = stage("masked_pretraining", THREE), batch(THREE, 60)
    masks = net.masks(rows)
    touched = torch.stack([mask.flatten(1).any(1) for mask in masks.values()])
    assert int(touched.sum(0).max()) == 1
    assert all(bool(each.any()) for each in touched)
    picture = hidden(rows["image"], 0.5, None)
    assert torch.equal(picture[:, 0], picture[:, 1])  # all channels of a place
    assert torch.equal(picture[:, :, ::2, ::2], picture[:, :, 1::2, 1::2])  # 8×8 in 4×4 patches
    gone = replace(rows, present=rows.present & torch.tensor([False, True, True]))
    error = hidden_error(torch.zeros(60, 5), rows["tabular"], masks["tabular"], gone.present[:, :1])
    assert float(error) == 0


@pytest.mark.parametrize(("shared", "told"), [("true", True), ("false", False)])
def test_the_control_of_masking_lets_no_modality_see_another(shared, told):
    net, rows = stage(f"masked_pretraining(shared={shared})", THREE), batch(THREE)
    masks = {name: torch.zeros_like(x, dtype=torch.bool) for name, x in rows.inputs.items()}
    other = replace(rows, inputs={**rows.inputs, "audio": rows["audio"].flip(0)})
    before, after = net.predict(rows, masks), net.predict(other, masks)
    assert torch.equal(before[0], after[0]) is not told
    assert not torch.equal(before[2], after[2])


def test_masks_are_drawn_anew_in_training_and_are_the_same_at_each_validation():
    net, rows = stage("masked_pretraining", THREE), batch(THREE)
    with torch.random.fork_rng():
        drawn = [net.masks(rows)["image"] for _ in range(2)]
    assert not torch.equal(*drawn)
    net.eval()
    assert torch.equal(net.masks(rows)["image"], net.masks(rows)["image"])
    assert torch.equal(net.objective(rows), net.objective(rows))


# ---- contrast, matching, masked columns


def test_contrast_is_that_of_the_stage_it_is_named_after():
    net, rows = stage("contrastive_pretraining(temperature=0.5)", THREE), batch(THREE)
    projected = [g(x) for g, x in zip(net.project, net.encode(rows), strict=True)]
    assert float(info_nce(projected, 0.5)) == pytest.approx(float(net.objective(rows)), rel=1e-6)


@pytest.mark.parametrize("rows", [2, 3, 7])
def test_a_row_is_matched_with_another_row_of_the_batch(rows):
    net = stage("tip_pretraining", PAIR)
    with torch.random.fork_rng():
        for _ in range(20):
            drawn = net.others(rows)
            assert sorted(drawn.tolist()) == list(range(rows))
            assert not bool((drawn == torch.arange(rows)).any())
    net.eval()
    assert torch.equal(net.others(rows), net.others(rows))


def test_a_single_row_has_no_other_and_a_finite_loss():
    net, one = stage("tip_pretraining", PAIR), batch(PAIR, 1)
    tables, pictures = net.sequences(one, 0), net.sequences(one, 1)
    assert float(net.matching(tables, pictures)) == 0
    assert bool(torch.isfinite(net.objective(one)))


def test_matching_tells_rows_by_their_own_pictures():
    net, rows = stage("tip_pretraining", PAIR), batch(PAIR)
    net.eval()
    mixed, scores = torch.arange(ROWS).roll(-1), []
    net.match = torch.nn.Identity()
    net.meet = lambda tables, pictures: scores.append(pictures[0]) or torch.zeros(ROWS, 1)
    tables, pictures = net.sequences(rows, 0), net.sequences(rows, 1)
    assert float(net.matching(tables, pictures)) == pytest.approx(np.log(2), rel=1e-6)
    assert torch.equal(scores[0], pictures[0])
    assert torch.equal(scores[1], pictures[0][mixed])


def test_the_loss_of_three_objectives_is_their_sum():
    net, rows = stage("tip_pretraining", PAIR), batch(PAIR)
    net.eval()
    tables, pictures = net.sequences(rows, 0), net.sequences(rows, 1)
    projected = [g(x) for g, x in zip(net.project, net.own(tables, pictures), strict=True)]
    parts = [info_nce(projected, 0.1), net.matching(tables, pictures), net.masked(rows, pictures)]
    assert float(net.objective(rows)) == pytest.approx(float(sum(parts)), rel=1e-6)


def test_hidden_columns_are_told_from_the_picture_and_never_seen():
    net, rows = stage("tip_pretraining", PAIR), batch(PAIR)
    mask = hidden(rows["tabular"], 0.5, torch.Generator().manual_seed(3))
    moved = replace(
        rows, inputs={**rows.inputs, "tabular": torch.where(mask, rows["tabular"] + 7, rows["tabular"])}
    )

    def told(given, pictures):
        tables = net.sequences(without(given, {"tabular": mask}), 0)
        return net.meet(tables, [t[pictures] for t in net.sequences(given, 1)])

    order = torch.arange(ROWS)
    assert torch.equal(told(rows, order), told(moved, order))
    assert not torch.equal(told(rows, order), told(rows, order.flip(0)))


@pytest.mark.parametrize(
    ("kinds", "tables"),
    [
        (("image", "tabular", "audio"), [1]),
        (("tabular", "image", "embedding"), [0, 2]),
        (("tabular", "embedding"), [0]),
        (("image", "audio", "image"), [0]),
    ],
)
def test_vectors_are_tables_and_where_all_are_alike_the_first_reads_the_others(kinds, tables):
    net = stage("tip_pretraining", kinds)
    assert net.tables == tables
    assert sorted([*net.tables, *net.pictures]) == list(range(len(kinds)))
    assert len(net.decoders) == len(tables)
    h = net.encode(batch(kinds))
    assert h.shape[0] == len(kinds) + 1
    assert len(net.vectors(h)) == len(kinds)
    # a modality's own vector stands at its own place
    for place, name in enumerate(net.names):
        other = batch(kinds)
        moved = net.encode(replace(other, inputs={**other.inputs, name: other[name].flip(0)}))
        assert [bool((a != b).any()) for a, b in zip(h[:-1], moved[:-1], strict=True)].index(True) == place
