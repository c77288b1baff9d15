"""Early fusion beyond the core: kernels, designed statistics, frozen features, projections and raw tokens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.gaussian_process.kernels import RBF
from sklearn.svm import SVC

from fusebench import fusion
from fusebench.core.errors import FusebenchError
from fusebench.core.seeding import generator
from fusebench.datasets import Modality
from fusebench.fusion import Batch, build, make_task
from fusebench.fusion.early import kernels, statistics
from fusebench.fusion.early.kernels import KernelMachine
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import QUICK, fit, fresh

fusion.load_all()

KINDS = ("tabular", "image", "audio")
MACHINES = ("early_concat_svm", "early_kernel_sum", "early_mkl")
CLASSICAL = (*MACHINES, "early_concat_stats", "early_frozen_concat")
TOKENS = ("early_transformer", "perceiver_io")


def columns(rows=40, size=3, classes=3, name="columns"):
    """Rows of which the labels can be told, and their labels."""
    rng, y = generator(name), np.arange(rows) % classes
    return rng.normal(size=(rows, size)) + y[:, None], y


def network(name, **settings):
    task = make_task(modalities_of(KINDS), ("a", "b", "c"), replace(QUICK, **settings))
    return fresh(build(name, task)).eval()


def batch(rows=5, name="batch"):
    rng = generator(name)
    shapes = {m.name: m.shape for m in modalities_of(KINDS)}
    inputs = {k: torch.from_numpy(rng.normal(size=(rows, *s)).astype(np.float32)) for k, s in shapes.items()}
    return Batch(inputs, torch.ones(rows, len(KINDS), dtype=torch.bool))


# ---- kernels


def test_alignment_of_three_rows_by_hand():
    # rows 0 and 1 are of one class; centred, T is the outer product of (1, 1, −2)/3 with itself, twice
    labels = np.array([0, 0, 1])
    apart = np.eye(3)  # centred: I − 1/3, whose product with T is its trace 4/3, lengths √2 and 4/3
    assert kernels.alignment(apart, labels) == pytest.approx(1 / np.sqrt(2))
    told = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert kernels.alignment(told, labels) == pytest.approx(1)
    across = np.array(
        [[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]
    )  # centred: v vᵀ · 2, v = (1, −2, 1)/3; (v · w)² / (|v|²|w|²)
    assert kernels.alignment(across, labels) == pytest.approx(1 / 4)
    assert kernels.alignment(np.ones((3, 3)), labels) == 0


def test_alignment_is_that_with_the_outer_product_of_signs_and_knows_no_scale():
    x, y = columns(classes=2)
    gram = RBF(2.0)(x)
    signs = np.where(y == 0, -1.0, 1.0)
    centre = np.eye(len(y)) - 1 / len(y)
    one, other = centre @ gram @ centre, centre @ np.outer(signs, signs) @ centre
    expected = (one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other)
    assert kernels.alignment(gram, y) == pytest.approx(expected)
    assert kernels.alignment(7 * gram + 3, y) == pytest.approx(expected)


def test_the_median_is_of_the_distances_between_rows_that_differ():
    assert kernels.median_distance(np.array([[0.0], [1.0], [3.0]])) == 4  # 1, 4, 9
    assert kernels.median_distance(np.array([[0.0], [0.0], [0.0], [1.0], [3.0]])) == 4  # and 3 × 0, 1 and 9 again
    assert kernels.median_distance(np.zeros((3, 2))) == 1


def test_one_kernel_is_scikit_learns_machine():
    x, y = columns()
    held, _ = columns(rows=9, name="held")
    ours = KernelMachine((3,), C=2.0).fit(x, y)
    theirs = SVC(C=2.0, gamma=2 / kernels.median_distance(x)).fit(x, y)
    assert np.allclose(ours.machine_.decision_function(ours.gram(held)), theirs.decision_function(held), atol=1e-3)
    assert np.array_equal(ours.predict_proba(held).argmax(1), theirs.predict(held))
    expected = softmax(ours.sharpness_ * theirs.decision_function(held), 1)
    assert np.allclose(ours.predict_proba(held), expected, atol=1e-3)


def test_two_classes_give_the_logistic_curve_of_the_one_score():
    x, y = columns(classes=2)
    ours = KernelMachine((3,)).fit(x, y)
    score = ours.machine_.decision_function(ours.gram(x))
    assert np.allclose(ours.predict_proba(x)[:, 1], 1 / (1 + np.exp(-ours.sharpness_ * score)))


@pytest.mark.parametrize("aligned", [False, True])
def test_one_modality_repeated_is_its_own_kernel(aligned):
    x, y = columns()
    held, _ = columns(rows=9, name="held")
    one, thrice = KernelMachine((3,)).fit(x, y), KernelMachine((3, 3, 3), aligned=aligned).fit(np.tile(x, 3), y)
    assert thrice.weights_ == pytest.approx([1 / 3] * 3)
    assert np.allclose(thrice.gram(np.tile(held, 3)), one.gram(held))
    assert np.allclose(
        thrice.predict_proba(np.tile(held, 3)), one.predict_proba(held), atol=1e-3
    )  # libsvm's tolerance


def test_equal_alignments_are_the_uniform_sum():
    x, y = columns()
    turned = np.hstack([x, x @ np.linalg.qr(generator("turn").normal(size=(3, 3)))[0]])  # distances stay
    machines = [KernelMachine((3, 3), aligned=aligned).fit(turned, y) for aligned in (False, True)]
    assert np.allclose(machines[0].weights_, machines[1].weights_)
    assert np.allclose(machines[0].predict_proba(turned), machines[1].predict_proba(turned), atol=1e-3)


def test_alignment_weighs_a_modality_that_tells_the_class_above_noise():
    x, y = columns(90)
    both = np.hstack([generator("noise").normal(size=x.shape), x])
    weights = KernelMachine((3, 3), aligned=True).fit(both, y).weights_
    assert weights.sum() == pytest.approx(1)
    assert weights[1] > 2 * weights[0] > 0


def test_a_kernel_of_joined_columns_is_the_product_and_a_sum_the_mean():
    x, y = columns(size=4)
    joined, added = KernelMachine((4,)).fit(x, y), KernelMachine((1, 3)).fit(x, y)
    width = np.sqrt(1 / (2 * joined.gammas_[0]))
    assert np.allclose(joined.gram(x), RBF(width)(x[:, :1]) * RBF(width)(x[:, 1:]))
    parts = [
        RBF(np.sqrt(1 / (2 * g)))(block) for g, block in zip(added.gammas_, (x[:, :1], x[:, 1:]), strict=True)
    ]
    assert np.allclose(added.gram(x), (parts[0] + parts[1]) / 2)


def test_kernels_are_made_in_pieces_to_the_same_result(monkeypatch):
    x, y = columns(50)
    whole = KernelMachine((1, 2), aligned=True).fit(x, y).predict_proba(x)
    monkeypatch.setattr(kernels, "CHUNK", 7)
    assert np.allclose(KernelMachine((1, 2), aligned=True).fit(x, y).predict_proba(x), whole)


def test_the_median_of_many_rows_is_that_of_rows_across_the_set(monkeypatch):
    monkeypatch.setattr(kernels, "MOST", 3)
    rows = np.array([[0.0], [50.0], [1.0], [60.0], [3.0], [70.0]])
    assert kernels.median_distance(rows) == 4  # of rows 0, 2 and 4


# ---- probabilities of a machine


def test_sharpness_by_hand():
    # two rows right with margin 1, one wrong with margin 1, ε = 1/5: a share of (2·4/5 + 1/5)/3 = 3/5 is right
    scores, labels = np.array([[1.0, 0], [0, 1.0], [1.0, 0]]), np.array([0, 1, 1])
    assert kernels.sharpness(scores, labels, np.ones(3)) == pytest.approx(np.log(3 / 2), rel=1e-3)
    # weights: the wrong row counts for nothing, 4/5 is right
    assert kernels.sharpness(scores, labels, np.array([1.0, 1, 0])) == pytest.approx(np.log(4), rel=1e-3)


def test_a_small_set_without_errors_leaves_no_certainty():
    scores = np.eye(3)[np.arange(24) % 3]
    tau = kernels.sharpness(scores, np.arange(24) % 3, np.ones(24))
    assert 0.9 < softmax(tau * scores, 1).max() < 0.99


def test_inner_folds_hold_every_row_out_once_and_know_every_class():
    labels = np.array([0] * 10 + [1] * 3 + [2] * 7)
    folds = kernels.inner_folds(labels, None)
    assert len(folds) == 3  # as many as the smallest class has rows
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(20))
    for kept, held in folds:
        assert not np.intersect1d(kept, held).size
        assert set(labels[kept]) == {0, 1, 2}


def test_inner_folds_keep_groups_together():
    labels, groups = np.arange(24) % 2, np.repeat(np.arange(6), 4)
    folds = kernels.inner_folds(labels, groups)
    assert len(folds) == 5
    assert not any(np.intersect1d(groups[kept], groups[held]).size for kept, held in folds)


@pytest.mark.parametrize(
    ("labels", "groups"),
    [([0, 0, 0, 1], None), ([0, 0, 1, 1], [0, 0, 1, 1]), ([0, 0, 1, 1], [0, 0, 0, 0])],
    ids=["a class of one row", "a class of one group", "one group"],
)
def test_without_a_cut_rows_are_scored_by_a_machine_that_saw_them(labels, groups):
    groups = None if groups is None else np.array(groups)
    ((kept, held),) = kernels.inner_folds(np.array(labels), groups)
    assert kept.tolist() == held.tolist() == [0, 1, 2, 3]
    p = KernelMachine((1,), groups=groups).fit(np.arange(4.0)[:, None], np.array(labels)).predict_proba([[9.0]])
    assert p.shape == (1, 2) and np.isfinite(p).all()


def test_machines_are_told_the_groups_and_store_none():
    data = specimen(KINDS)
    grouped = replace(data, train=replace(data.train, groups=np.repeat(np.arange(8), 6)))
    one, other = (fit("early_kernel_sum", each) for each in (data, grouped))
    assert one.variant.model.sharpness_ != other.variant.model.sharpness_
    assert other.variant.model.groups is None
    assert np.array_equal(one.variant.model.machine_.dual_coef_, other.variant.model.machine_.dual_coef_)


@pytest.mark.parametrize("name", MACHINES)
def test_balanced_classes_raise_the_rare_one(name):
    data = specimen(("tabular", "embedding"), train=60, classes=2)
    noisy = {k: x + 6 * generator("blur", k=k).normal(size=x.shape) for k, x in data.train.inputs.items()}
    kept = np.r_[np.flatnonzero(data.train.labels == 0), np.flatnonzero(data.train.labels == 1)[:6]]
    uneven = replace(data, train=replace(data.train, inputs=noisy).take(kept))
    plain, balanced = (
        fit(name, uneven, replace(QUICK, class_weight=how)).predict()[:, 1].mean() for how in ("none", "balanced")
    )
    assert balanced > plain + 0.1


# ---- what is fitted is fitted on training rows


@pytest.mark.parametrize("name", CLASSICAL)
def test_only_training_rows_are_learned_from(name):
    data = specimen(KINDS)
    order = generator("order").permutation(len(data.validation))
    turned = data.validation.take(order).with_labels(np.roll(data.validation.labels, 1))
    before = fit(name, data).predict()
    assert np.array_equal(before, fit(name, replace(data, validation=turned)).predict())
    fewer = fit(name, replace(data, train=data.train.take(slice(0, 36)))).predict()
    assert not np.allclose(before, fewer, atol=1e-6)


@pytest.mark.parametrize("name", CLASSICAL)
def test_scales_and_widths_are_not_those_of_the_rows_predicted(name):
    data = specimen(KINDS)
    trial, rows = fit(name, data), data.test.unlabelled()
    far = {k: np.concatenate([x, 50 * x]) for k, x in rows.inputs.items()}
    both = replace(rows, inputs=far, present=np.concatenate([rows.present, rows.present]))
    assert np.allclose(trial.predict(both)[: len(rows)], trial.predict(rows), atol=1e-9)


# ---- designed statistics


def test_zoning_by_hand():
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    means = statistics.zoning(x).reshape(4, 4)
    assert means[0, 0] == (0 + 1 + 8 + 9) / 4
    assert means[1, 3] == (22 + 23 + 30 + 31) / 4
    assert statistics.zoning(np.ones((2, 3, 7, 5))).tolist() == [[1.0] * 48] * 2  # uneven zones are means too
    assert statistics.zoning(np.zeros((1, 1, 2, 3))).shape == (1, 6)  # a zone has a place at least


def test_edges_by_hand():
    ramp = np.broadcast_to(np.arange(8.0), (8, 8))
    falling = np.add.outer(np.arange(8.0), np.arange(8.0))
    # slope, the direction in which it climbs: 0 = to the right, then a turn by π/8 a step
    for picture, direction in ((ramp, 0), (-ramp, 0), (ramp.T, 4), (falling, 2), (falling[::-1], 6)):
        histogram = statistics.edges(picture[None, None]).reshape(8, 4, 4)
        assert histogram[direction].min() > 0
        inner = np.delete(histogram[:, 1:3, 1:3], direction, axis=0)  # at a border the slope is cut
        assert np.abs(inner).max() == 0
        assert np.linalg.norm(histogram) == pytest.approx(1, abs=1e-3)
    # left and right border slopes are half: zones of two columns hold (1/2 + 1)/2 and (1 + 1)/2
    row = statistics.edges(ramp[None, None]).reshape(8, 4, 4)[0, 0]
    assert row / row[1] == pytest.approx([0.75, 1, 1, 0.75])


def test_edges_take_the_steepest_channel_and_know_no_contrast():
    ramp = np.broadcast_to(np.arange(8.0), (8, 8))
    two = np.stack([ramp, 3 * ramp.T])[None]
    assert np.allclose(statistics.edges(two), statistics.edges(ramp.T[None, None]), atol=2e-3)
    assert not np.allclose(statistics.edges(two), statistics.edges(ramp[None, None]), atol=0.1)


def test_a_flat_picture_has_no_edges_whatever_rounding_leaves():
    flat = 1e-8 * generator("rounding").normal(size=(3, 2, 8, 8))
    assert np.abs(statistics.edges(flat)).max() < 1e-4
    assert not statistics.edges(np.ones((2, 1, 8, 8))).any()


def test_band_statistics_by_hand():
    x = np.array([[[[0.0, 2, 1], [5, 5, 5]]]])  # one row, one channel, two bands, three frames
    means, spreads, changes, uneven = statistics.band_statistics(x).reshape(4, 2)
    assert means == pytest.approx([1, 5])
    assert spreads == pytest.approx([np.sqrt(2 / 3), 0])
    assert changes == pytest.approx([0.5, 0])  # +2 and −1
    assert uneven == pytest.approx([1.5, 0])
    assert statistics.band_statistics(x[..., :1]).reshape(4, 2)[2:].tolist() == [[0, 0], [0, 0]]


def test_a_rising_band_and_its_reverse_differ_in_the_mean_change_alone():
    x = generator("sound").normal(size=(1, 1, 3, 9))
    ahead, back = (statistics.band_statistics(y).reshape(4, 3) for y in (x, x[..., ::-1]))
    assert np.allclose(ahead[[0, 1, 3]], back[[0, 1, 3]])
    assert np.allclose(ahead[2], -back[2])


@pytest.mark.parametrize("kind", ["tabular", "embedding"])
def test_tables_stay_as_they_are(kind):
    x = generator("table").normal(size=(4, 5))
    assert np.array_equal(statistics.statistics(Modality("x", kind, (5,)), x), x)


# ---- frozen features


def test_extractors_stay_as_pretraining_left_them():
    data = specimen(KINDS)
    trial = fit("early_frozen_concat", data)
    control = fit("autoencoder_pretrain_concat(frozen=true)", data)  # its stages are the same trainings
    assert trial.stages.fitted.keys() == control.stages.fitted.keys()
    for name, stage in trial.stages.fitted.items():
        twin = control.stages.fitted[name].network.state_dict()
        assert all(torch.equal(value, twin[key]) for key, value in stage.network.state_dict().items())
    h = control.variant.network.encode(control.variant.batch(data.test)).detach()
    assert np.allclose(trial.variant.columns(data.test), torch.cat(list(h), 1).numpy(), atol=1e-5)


def test_no_label_reaches_the_frozen_features():
    data = specimen(KINDS)
    blind = replace(data, train=data.train.with_labels(np.roll(data.train.labels, 1)))
    one, other = (fit("early_frozen_concat", each).variant for each in (data, blind))
    assert np.array_equal(one.columns(data.test), other.columns(data.test))


# ---- projections


def test_products_by_hand():
    made = network("early_merge_product")
    with torch.no_grad():
        for m in range(3):
            getattr(made, f"projection_{m}").zero_()[0, 0] = 3**0.5  # reads the first value into the first node
        h = made.encode(batch())
        first = torch.stack([x[:, 0] for x in h])
        assert torch.allclose(made.fuse(h)[:, 0], (1 + first).prod(0))
        assert torch.equal(made.fuse(h)[:, 1:], torch.ones(5, made.width - 1))


def test_a_modality_that_is_absent_leaves_the_product_of_the_others():
    made, rows = network("early_merge_product"), batch()
    kept = rows.present.clone()
    kept[:, 1] = False
    with torch.no_grad():
        h = made.encode(rows.keep(kept))
        parts = [1 + x @ getattr(made, f"projection_{m}") / 3**0.5 for m, x in enumerate(h)]
        assert torch.allclose(made.fuse(h), parts[0] * parts[2])


def test_projections_are_fixed():
    trial = fit("early_merge_product", specimen(KINDS))
    before, after = fresh(trial.variant), trial.variant.network
    assert [name for name, _ in after.named_parameters() if not name.startswith("head.")] == []
    for m in range(3):
        assert torch.equal(getattr(before, f"projection_{m}"), getattr(after, f"projection_{m}"))


# ---- raw tokens


@pytest.mark.parametrize("name", TOKENS)
def test_every_token_of_every_modality_is_attended_to(name):
    made = network(name)
    with torch.no_grad():
        h = made.encode(batch())
    h = [x.requires_grad_() for x in h]
    made.fuse(h)[0].square().sum().backward()
    for x in h:
        assert x.shape[1] > 1
        assert bool((x.grad[0].abs().amax(1) > 0).all())
        assert not bool(x.grad[1:].any())  # and of this row alone


@pytest.mark.parametrize("name", TOKENS)
def test_tokens_know_their_place_and_their_modality(name):
    made = network(name)
    with torch.no_grad():
        h = made.tokens(batch())
        x = batch()["image"]
        turned = {**batch().inputs, "image": x.roll((2, 2), (2, 3))}  # whole patches change places
        assert torch.allclose(made.fuse([t.roll(1, 1) for t in h]), made.fuse(h), atol=1e-5)  # places go along
        assert not torch.allclose(made(Batch(turned, batch().present)), made(batch()), atol=1e-4)


def test_a_transformer_token_reads_other_modalities_within_the_blocks():
    made = network("early_transformer")
    with torch.no_grad():
        h, other = made.encode(batch()), made.encode(batch(name="other"))
        alone = [made.fuse([*h[:m], other[m], *h[m + 1 :]]) - made.fuse(h) for m in range(2)]
        together = made.fuse([*other[:2], h[2]]) - made.fuse(h)
    assert (together - sum(alone)).abs().max() > 1e-3  # no sum of functions of one modality each


def test_latents_decouple_the_output_from_the_number_of_tokens():
    for latents in (2, 5):
        made = network(f"perceiver_io(latents={latents})")
        seen = []
        made.write.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[1].shape))
        with torch.no_grad():
            made(batch())
        assert seen == [(5, latents, made.width)]


@pytest.mark.parametrize("name", TOKENS)
def test_operations_of_token_networks_are_counted(name):
    trial = fit(name, specimen(KINDS))
    assert trial.variant.flops(trial.data.test) > 0


# ---- options


@pytest.mark.parametrize(
    "name",
    [*(f"{each}(C=0.0)" for each in CLASSICAL), "early_transformer(layers=0)", "perceiver_io(latents=1)"],
)
def test_options_that_make_no_sense_are_refused(name):
    option = name.split("(")[1].rstrip(")")
    with pytest.raises(FusebenchError, match=f"{option} is"):
        build(name, make_task(modalities_of(KINDS), ("a", "b", "c"), QUICK))
