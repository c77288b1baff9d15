"""Rules on decisions, evidence and jointly trained decisions: identities, traps and small cases by hand."""

from dataclasses import replace
from functools import reduce
from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch import nn
from torch.distributions import Dirichlet, kl_divergence
from torch.nn.functional import cross_entropy, softplus

from fusebench.core.seeding import Seeds, generator
from fusebench.datasets import Modality
from fusebench.fusion import build, make_task, refusal, resolve
from fusebench.fusion.late import folds
from fusebench.fusion.late.confidence import late_confidence, late_max
from fusebench.fusion.late.decisions import Decisions
from fusebench.fusion.late.evidence import LateDempsterShafer, dempster
from fusebench.fusion.late.evidential import combined, evidential_loss, kl_to_uniform
from fusebench.fusion.late.folds import fold_of_rows
from fusebench.fusion.late.joint_decisions import outer
from fusebench.fusion.late.quality import rank_loss
from fusebench.fusion.late.rules import late_mean, late_product
from fusebench.fusion.late.selection import BREEDS, LateBestOfBreed, LateEnsembleSelection
from fusebench.fusion.network import Batch
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import QUICK, fit, fresh

KINDS = ("tabular", "image", "audio")
TASK = make_task(modalities_of(KINDS), ("a", "b", "c"), QUICK)
ROWS = 6


def decisions(p, prior=None, present=None):
    p = np.asarray(p, dtype=float)
    several, rows, classes = p.shape
    there = np.ones((several, rows, 1)) if present is None else np.asarray(present, dtype=float)
    return Decisions(p, there, np.full(classes, 1 / classes) if prior is None else np.asarray(prior))


def random_decisions(several=3, rows=ROWS, present=None):
    p = generator("decisions").dirichlet(np.ones(3), (several, rows))
    return decisions(p, [0.5, 0.3, 0.2], present)


def network(name):
    return fresh(build(name, TASK)).eval()


def batch(rows=5, **about):
    rng = torch.Generator().manual_seed(0)
    inputs = {m.name: torch.randn(rows, *m.shape, generator=rng) for m in TASK.modalities}
    return Batch(inputs, torch.ones(rows, len(inputs)) > 0, **about)


def scaled(scores):
    return scores / scores.sum(1, keepdims=True)


# ---- the surest


def test_max_takes_the_largest_probability_of_those_present():
    p = [[[0.7, 0.2, 0.1]], [[0.1, 0.5, 0.4]], [[0.0, 0.0, 1.0]]]
    present = [[[1]], [[1]], [[0]]]
    assert late_max(decisions(p, present=present))[0] == pytest.approx([0.7, 0.5, 0.4])


def test_confidence_weighs_by_the_exponential_of_minus_the_entropy():
    d = random_decisions()
    weights = np.exp(-entropy(d.p, axis=2))
    expected = sum(w[:, None] * p for w, p in zip(weights, d.p, strict=True)) / weights.sum(0)[:, None]
    assert np.allclose(late_confidence(d), expected)


def test_a_sure_expert_weighs_as_many_times_a_flat_one_as_there_are_classes():
    flat, sure = np.full(4, 1 / 4), np.array([1.0, 0, 0, 0])
    assert late_confidence(decisions([[flat], [sure]]))[0] == pytest.approx((flat + 4 * sure) / 5)


def test_a_flat_expert_gets_the_least_weight():
    others = random_decisions().p
    flat = np.full((1, ROWS, 3), 1 / 3)
    fused = late_confidence(decisions(np.concatenate([others, flat])))
    without = late_confidence(decisions(others)) - 1 / 3
    share = 1 - ((fused - 1 / 3) * without).sum(1) / (without**2).sum(1)  # the flat expert's weight, row by row
    assert np.allclose(fused - 1 / 3, (1 - share)[:, None] * without)
    assert (share < 1 / 4).all()


@pytest.mark.parametrize("rule", [late_max, late_confidence])
def test_an_absent_modality_has_no_say(rule):
    present = np.ones((3, ROWS, 1))
    present[1] = 0
    d = random_decisions(present=present)
    garbage = d.p.copy()
    garbage[1] = [0.99, 0.005, 0.005]
    assert np.array_equal(rule(d), rule(decisions(garbage, d.prior, present)))
    assert np.allclose(rule(d), rule(decisions(d.p[[0, 2]], d.prior)))


# ---- Dempster's rule


def opinions(several=3, classes=3):
    masses = generator("opinions").dirichlet(np.ones(classes + 1), (several, ROWS))
    return [(m[:, :-1], m[:, -1:]) for m in masses]


def test_dempster_by_sets():
    """For every pair of focal sets the product of masses goes to the intersection; the empty one is dropped."""
    (first, second) = opinions(2)
    sets = [{0}, {1}, {2}, {0, 1, 2}]
    masses = [np.hstack(opinion) for opinion in (first, second)]
    found = np.zeros((ROWS, 4))
    for (i, a), (j, b) in product(enumerate(sets), enumerate(sets)):
        if a & b:
            found[:, sets.index(a & b)] += masses[0][:, i] * masses[1][:, j]
    assert np.allclose(np.hstack(dempster(first, second)), scaled(found))


def test_dempster_is_commutative_and_associative():
    a, b, c = opinions()
    assert np.allclose(np.hstack(dempster(a, b)), np.hstack(dempster(b, a)))
    left, right = dempster(dempster(a, b), c), dempster(a, dempster(b, c))
    assert np.allclose(np.hstack(left), np.hstack(right))


def test_an_opinion_without_belief_changes_nothing():
    (known,) = opinions(1)
    assert np.allclose(np.hstack(dempster(known, (np.zeros(3), np.ones(1)))), np.hstack(known))


def shafer(doubt, several=3):
    rule = LateDempsterShafer(make_task(modalities_of(KINDS[:several]), ("a", "b", "c"), QUICK))
    rule.doubt = np.asarray(doubt, dtype=float)
    return rule


def test_without_doubt_it_is_the_plain_product():
    d = random_decisions()
    assert np.allclose(shafer([0, 0, 0]).combine(d), scaled(d.p.prod(0)))
    assert np.abs(shafer([0.3, 0.3, 0.3]).combine(d) - scaled(d.p.prod(0))).max() > 0.01


def test_an_expert_in_full_doubt_changes_nothing():
    d = random_decisions()
    assert np.allclose(shafer([0.2, 0.4, 1]).combine(d), shafer([0.2, 0.4], 2).combine(replace_p(d, d.p[:2])))


def replace_p(d, p):
    return Decisions(p, d.present[: len(p)], d.prior)


def test_dempster_shafer_in_any_order():
    d, doubt = random_decisions(), np.array([0.1, 0.3, 0.6])
    expected = shafer(doubt).combine(d)
    for order in permutations(range(3)):
        turned = Decisions(d.p[list(order)], d.present, d.prior)
        assert np.allclose(shafer(doubt[list(order)]).combine(turned), expected)


def test_an_absent_modality_is_an_expert_in_full_doubt():
    present = np.ones((3, ROWS, 1))
    present[1, :3] = 0
    d = random_decisions(present=present)
    fused = shafer([0.1, 0.2, 0.3]).combine(d)
    assert np.allclose(fused[:3], shafer([0.1, 1, 0.3]).combine(random_decisions())[:3])
    assert np.allclose(fused[3:], shafer([0.1, 0.2, 0.3]).combine(random_decisions())[3:])


def test_doubt_is_the_error_on_validation_rows_that_have_the_modality():
    labels = np.array([0, 1, 2, 0])
    p = np.stack([np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[0, 2, 1, 0]], np.eye(3)[[1, 2, 0, 1]]])
    present = np.ones((3, 4, 1))
    present[1, 1] = present[2, :2] = 0
    rule = shafer([0, 0, 0])
    rule.learn(decisions(p, present=present), labels, Seeds())
    assert rule.doubt == pytest.approx([1 / 6, 2 / 5, 3 / 4])


def test_experts_who_exclude_each_other_s_classes_still_answer():
    d = decisions([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
    assert shafer([0, 0], 2).combine(d)[0] == pytest.approx([0.5, 0.5, 0], abs=1e-9)


# ---- evidence


def random_evidence(several=3, classes=3):
    return 5 * torch.rand(several, ROWS, classes, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def opinion_of(evidence):
    strength = evidence.sum(-1, keepdim=True) + evidence.shape[-1]
    return evidence / strength, evidence.shape[-1] / strength


def evidence_of(opinion):
    belief, doubt = opinion
    return belief * belief.shape[-1] / doubt


@pytest.mark.parametrize("several", [1, 2, 3, 6])
@pytest.mark.parametrize("classes", [2, 5])
def test_the_product_of_evidence_is_dempster_s_rule_pair_by_pair(several, classes):
    evidence = random_evidence(several, classes)
    for order in list(permutations(range(several)))[:6]:
        pairwise = reduce(dempster, [opinion_of(evidence[v]) for v in order])
        torch.testing.assert_close(combined(evidence), evidence_of(pairwise))


def test_evidence_of_all_views_counts_alike():
    """Averaged pair by pair in sequence the last of three would have half the weight."""
    evidence = torch.zeros(3, 1, 2, dtype=torch.float64)
    gains = []
    for view in range(3):
        one = evidence.clone()
        one[view, 0, 0] = 4.0
        gains.append(combined(one))
    for gain in gains:
        torch.testing.assert_close(gain, torch.tensor([[4.0, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(combined(random_evidence()), combined(random_evidence()[[2, 0, 1]]))


def test_a_view_without_evidence_changes_nothing():
    evidence = random_evidence()
    none = torch.cat([evidence, torch.zeros_like(evidence[:1])])
    torch.testing.assert_close(combined(none), combined(evidence))


def test_tmc_predicts_the_mean_of_the_fused_dirichlet():
    net, rows = network("tmc"), batch()
    with torch.no_grad():
        h = net.encode(rows)
        views = torch.stack([softplus(head(x)) for head, x in zip(net.heads, h, strict=True)]).double()
        opinion = reduce(dempster, map(opinion_of, views))
        belief, doubt = opinion
        said = torch.softmax(net(rows).double(), 1)
    torch.testing.assert_close(said, belief + doubt / 3, atol=1e-6, rtol=1e-6)


def test_expected_cross_entropy_by_hand():
    alpha = torch.tensor([[3.0, 2.0, 1.0]], dtype=torch.float64)
    # ψ(n) = −γ + Σ_{k<n} 1/k: ψ(6) − ψ(3) = 1/3 + 1/4 + 1/5, ψ(6) − ψ(1) = 1 + … + 1/5
    assert evidential_loss(alpha, torch.tensor([0]), 0.0).item() == pytest.approx(1 / 3 + 1 / 4 + 1 / 5)
    assert evidential_loss(alpha, torch.tensor([2]), 0.0).item() == pytest.approx(
        1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5
    )


def test_expected_cross_entropy_is_that_of_draws():
    torch.manual_seed(0)
    alpha = torch.tensor([4.0, 2.0, 1.5])
    draws = -Dirichlet(alpha).sample((40_000,))[:, 1].log()
    assert evidential_loss(alpha[None], torch.tensor([1]), 0.0).item() == pytest.approx(
        draws.mean().item(), abs=0.02
    )


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_kl_is_that_of_torch(classes):
    alpha = 1 + random_evidence(1, classes)[0]
    torch.testing.assert_close(
        kl_to_uniform(alpha), kl_divergence(Dirichlet(alpha), Dirichlet(torch.ones_like(alpha)))
    )
    assert kl_to_uniform(torch.ones(classes)).item() == pytest.approx(0, abs=1e-6)


def test_evidence_for_the_true_class_costs_no_kl():
    right, wrong = torch.tensor([[9.0, 1, 1]]), torch.tensor([[1.0, 9, 1]])
    label = torch.tensor([0])
    assert evidential_loss(right, label, 1.0).item() == pytest.approx(evidential_loss(right, label, 0.0).item())
    grown = evidential_loss(wrong, label, 1.0) - evidential_loss(wrong, label, 0.0)
    assert grown.item() == pytest.approx(kl_to_uniform(wrong).item(), rel=1e-5)


@pytest.mark.parametrize(("name", "views"), [("tmc", 3), ("etmc", 4)])
def test_the_loss_is_every_view_s_and_the_fused_one_s(name, views):
    net, rows, labels = network(name), batch(), torch.tensor([0, 1, 2, 0, 1])
    net.begin_epoch(4, rows, labels)
    with torch.no_grad():
        evidence = net.evidence(net.encode(rows))
        parts = [*evidence, combined(evidence)]
        expected = sum(evidential_loss(1 + e, labels, 0.4).mean() for e in parts)
        assert len(parts) == views + 1
        torch.testing.assert_close(net.loss(rows, labels, None), expected)
        net.begin_epoch(30, rows, labels)
        full = sum(evidential_loss(1 + e, labels, 1.0).mean() for e in parts)
        torch.testing.assert_close(net.loss(rows, labels, None), full)


def test_class_weights_weigh_rows_as_cross_entropy_does():
    net, rows, labels = network("tmc"), batch(), torch.tensor([0, 1, 2, 0, 1])
    weight = torch.tensor([1.0, 3.0, 0.5])
    with torch.no_grad():
        each = torch.stack([net.loss(rows.take(slice(i, i + 1)), labels[i : i + 1], None) for i in range(5)])
        expected = (weight[labels] * each).sum() / weight[labels].sum()
        torch.testing.assert_close(net.loss(rows, labels, weight), expected)
        torch.testing.assert_close(net.loss(rows, labels, torch.ones(3)), net.loss(rows, labels, None))


def test_etmc_is_tmc_with_the_concatenation_as_one_more_view():
    net, rows = network("etmc"), batch()
    with torch.no_grad():
        h = net.encode(rows)
        views = net.views(h)
        assert torch.equal(views[-1], torch.cat(list(h), 1))
        nn.init.zeros_(net.heads[-1][-1].weight)
        nn.init.constant_(net.heads[-1][-1].bias, -200.0)  # no evidence from the pseudo-view: what TMC says
        torch.testing.assert_close(net.fuse(h), torch.log1p(combined(net.evidence(h)[:3])))


# ---- decisions trained together


def test_a_shared_head_is_one_set_of_parameters():
    net, rows = network("shared_head"), batch()
    outside = {key: p.shape for key, p in net.named_parameters() if not key.startswith("extractors")}
    assert {key: tuple(shape) for key, shape in outside.items()} == {
        "shared.0.weight": (256, 8), "shared.0.bias": (256,), "shared.3.weight": (3, 256), "shared.3.bias": (3,),
    }  # fmt: skip
    with torch.no_grad():
        h = net.encode(rows)
        torch.testing.assert_close(net(rows), sum(net.shared(x) for x in h) / 3)


def test_the_outer_product_by_loops():
    p = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0))
    flat = outer(p)
    for row, (i, j, k) in product(range(2), product(range(4), repeat=3)):
        expected = p[0, row, i] * p[1, row, j] * p[2, row, k]
        torch.testing.assert_close(flat[row, 16 * i + 4 * j + k], expected)
    torch.testing.assert_close(outer(p.softmax(-1)).sum(1), torch.ones(2))


def test_vcdn_learns_from_the_fused_and_every_own_decision():
    net, rows, labels = network("late_vcdn"), batch(), torch.tensor([0, 1, 2, 0, 1])
    assert net.head[0].in_features == 3**3
    with torch.no_grad():
        own = [head(x) for head, x in zip(net.heads, net.encode(rows), strict=True)]
        expected = cross_entropy(net(rows), labels) + sum(cross_entropy(z, labels) for z in own)
        torch.testing.assert_close(net.loss(rows, labels, None), expected)


@pytest.mark.parametrize(
    ("classes", "several", "taken"), [(10, 3, True), (10, 4, False), (2, 10, True), (33, 2, False)]
)
def test_vcdn_refuses_products_that_are_too_wide(classes, several, taken):
    modalities = tuple(Modality(f"view {i}", "tabular", (4,)) for i in range(several))
    reason = refusal("late_vcdn", modalities, tuple(map(str, range(classes))))
    assert (reason is None) == taken
    assert taken or str(classes**several) in reason


# ---- quality


def test_qmf_weighs_logits_by_their_energy():
    net, rows = network("qmf"), batch()
    with torch.no_grad():
        own = [head(x) for head, x in zip(net.heads, net.encode(rows), strict=True)]
        expected = sum(z * z.exp().sum(1, keepdim=True).log() / 10 for z in own)
        torch.testing.assert_close(net(rows), expected)


def test_no_gradient_passes_through_the_weights():
    net = network("qmf")
    z = torch.randn(3, 4, 3, requires_grad=True)
    net.weighted(z).sum().backward()
    expected = (z.detach().logsumexp(-1) / 10)[..., None].expand_as(z)
    torch.testing.assert_close(z.grad, expected)


def test_the_rank_loss_is_zero_where_the_order_agrees():
    history = torch.tensor([[0.0, 0.4, 1.0]])
    assert rank_loss(1 - history, history).item() == pytest.approx(0, abs=1e-7)  # by exactly the margin
    assert rank_loss(5 - 3 * history, history).item() == 0  # by more
    assert rank_loss(torch.rand(1, 3), torch.full((1, 3), 0.5)).item() == 0  # nothing to rank
    assert rank_loss(torch.tensor([[3.0]]), torch.tensor([[0.7]])).item() == 0  # a single row


def test_the_rank_loss_by_hand():
    confidence, history = torch.tensor([[0.5, 0.1, 0.3]]), torch.tensor([[0.9, 0.2, 0.2]])
    # rows (1, 2): 0.4 + 0.7; (2, 3): equal; (3, 1): −(0.3 − 0.5) + 0.7
    assert rank_loss(confidence, history).item() == pytest.approx((1.1 + 0 + 0.9) / 3)


def test_qmf_ranks_by_the_epochs_before():
    net, labels = network("qmf"), torch.tensor([0, 1, 2, 0, 1])
    rows = torch.tensor([4, 2, 0, 3, 1])
    plain, ranked = batch(), batch(rows=5)
    ranked = Batch(plain.inputs, plain.present, rows)
    with torch.no_grad():
        own = torch.stack([head(x) for head, x in zip(net.heads, net.encode(plain), strict=True)])
        net.begin_epoch(1, ranked, labels)
        torch.testing.assert_close(net.loss(ranked, labels, None), net.loss(plain, labels, None))
        lost = torch.stack([cross_entropy(z, labels, reduction="none") for z in own])
        torch.testing.assert_close(net.losses[:, rows], lost)
        net.begin_epoch(2, ranked, labels)
        low, high = lost.min(1, keepdim=True).values, lost.max(1, keepdim=True).values
        torch.testing.assert_close(net.history[:, rows], (lost - low) / (high - low))
        added = 0.1 * rank_loss(own.logsumexp(-1) / 10, (lost - low) / (high - low))
        assert added > 0
        torch.testing.assert_close(net.loss(ranked, labels, None), net.loss(plain, labels, None) + added)
        torch.testing.assert_close(net.losses[:, rows], 2 * lost)


def test_the_history_of_rows_is_not_stored():
    trial = fit("qmf", specimen(KINDS))
    net = trial.variant.network
    assert net.losses.shape == (3, 48)
    assert bool((net.losses > 0).all())  # every training row was met
    assert not {"losses", "history"} & net.state_dict().keys()
    twin = build("qmf", TASK).restore(trial.variant.state())
    assert np.array_equal(trial.predict(), twin.predict_proba(trial.data.test))


# ---- several algorithms a modality


def library(skills, rows=80):
    """Decisions of a library (M, B, n, K) whose members know the label in a share of rows; and the labels."""
    rng = generator("library")
    labels = rng.integers(0, 3, rows)
    told = [[np.where(rng.random(rows) < s, labels, rng.integers(0, 3, rows)) for s in row] for row in skills]
    return np.eye(3)[np.array(told)] * 0.85 + 0.05, labels


def test_the_library_is_every_algorithm_of_every_modality():
    names = build("late_best_of_breed", TASK).needs()
    assert len(names) == 3 * len(BREEDS)
    assert all(str(resolve(name)[1]) == name for name in names)
    assert names[:3] == (
        "unimodal(modality=tabular)",
        "unimodal_classical(modality=tabular)",
        "unimodal_classical(learner=logreg,modality=tabular)",
    )


def test_best_of_breed_takes_the_planted_best_of_each_modality():
    p, labels = library([[0.3, 0.9, 0.4], [0.95, 0.2, 0.5], [0.1, 0.3, 0.7]])
    rule = LateBestOfBreed(TASK)
    rule.choose(p, np.ones((3, 80)), labels)
    assert rule.share.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_best_of_breed_judges_a_breed_on_rows_that_have_its_modality():
    p, labels = library([[0.9, 0.3, 0.3]] * 3)
    p[0, 0, 40:] = [0.98, 0.01, 0.01]  # what is said about an absent modality
    present = np.ones((3, 80))
    present[0, 40:] = 0
    rule = LateBestOfBreed(TASK)
    rule.choose(p, present, labels)
    assert rule.share[0].tolist() == [1, 0, 0]


def test_best_of_breed_is_the_product_of_the_chosen():
    data = specimen(KINDS)
    trial = fit("late_best_of_breed", data)
    rule = trial.variant
    assert sorted(rule.share.sum(1)) == [1, 1, 1]
    chosen = [trial.stages.get(rule.needs()[3 * m + rule.share[m].argmax()]) for m in range(3)]
    assert rule.asked == chosen  # the others are not asked any more
    p = np.stack([expert.predict_proba(data.test) for expert in chosen])
    assert np.allclose(trial.predict(), late_product(decisions(p, rule.prior)))


def ensemble(p, labels, steps=50, present=None):
    rule = LateEnsembleSelection(TASK, steps=steps)
    rule.choose(p, np.ones((3, p.shape[2])) if present is None else present, labels)
    return rule


def members_mean(rule, p):
    return np.einsum("mb,mbnk->nk", rule.weights[:, None] * rule.share, p)


def test_ensemble_selection_finds_the_planted_best():
    p, labels = library([[0.2, 0.1, 0.1], [0.1, 0.1, 0.98], [0.2, 0.1, 0.2]])
    rule = ensemble(p, labels)
    assert rule.weights.argmax() == 1
    assert rule.share[1].argmax() == 2
    assert rule.weights[1] > 0.8


def test_ensemble_selection_without_a_round_is_the_mean_of_the_networks():
    p, labels = library([[0.5, 0.6, 0.7]] * 3)
    rule = ensemble(p, labels, steps=0)
    assert np.allclose(members_mean(rule, p), p[:, 0].mean(0))


def test_each_round_of_ensemble_selection_adds_the_best_member():
    p, labels = library([[0.5, 0.6, 0.7], [0.4, 0.8, 0.3], [0.6, 0.2, 0.5]])
    flat, counts = p.reshape(9, *p.shape[2:]), np.zeros(9)
    counts[::3] = 1

    def loss(members):
        mean = np.tensordot(members, flat, 1) / members.sum()
        return -np.log(mean[np.arange(len(labels)), labels]).mean()

    losses = [loss(counts)]
    for _ in range(6):
        tried = [loss(counts + np.eye(9)[i]) for i in range(9)]
        counts, losses = counts + np.eye(9)[int(np.argmin(tried))], [*losses, min(tried)]
    assert losses == sorted(losses, reverse=True)  # so that the last round is the one kept
    rule = ensemble(p, labels, steps=6)
    assert np.allclose((rule.weights[:, None] * rule.share).ravel(), counts / counts.sum())


def test_more_rounds_never_cost_on_validation_rows():
    p, labels = library([[0.5, 0.6, 0.7], [0.4, 0.8, 0.3], [0.6, 0.2, 0.5]], rows=12)
    said = [members_mean(ensemble(p, labels, steps), p)[np.arange(12), labels] for steps in (0, 1, 5, 20, 50)]
    losses = [-np.log(x).mean() for x in said]
    assert np.diff(losses).max() < 1e-12


def test_ensemble_selection_shares_the_weights_out_among_those_present():
    data = specimen(KINDS, absent=0.4)
    trial = fit("late_ensemble_selection", data)
    rule, present = trial.variant, data.test.present
    p = rule.decisions(data.test.unlabelled()).p
    some = present.any(1)
    there = rule.weights[:, None] * present.T
    expected = np.einsum("mn,mnk->nk", there[:, some], p[:, some]) / there[:, some].sum(0)[:, None]
    assert np.allclose(trial.predict()[some], expected)


def test_rules_choose_on_validation_rows():
    data = specimen(("tabular", "embedding"))
    turned = replace(data, validation=data.validation.with_labels((data.validation.labels + 1) % 3))
    for name in ("late_ensemble_selection", "late_dempster_shafer", "hybrid_early_late"):
        one, other = (fit(name, each).predict() for each in (data, turned))
        assert np.abs(one - other).max() > 1e-3, name


# ---- out of fold


def test_folds_are_even_in_every_class():
    data = specimen(("tabular",), train=90)
    fold = fold_of_rows(data.train, 3, np.random.default_rng(0))
    for label in range(3):
        assert np.bincount(fold[data.train.labels == label]).tolist() == [10, 10, 10]


def test_a_group_stays_in_one_fold():
    data = specimen(("tabular",), train=60)
    groups = np.array([f"speaker {i // 5}" for i in range(60)])
    grouped = replace(data.train, groups=groups)
    fold = fold_of_rows(grouped, 3, np.random.default_rng(0))
    assert all(len(np.unique(fold[groups == group])) == 1 for group in groups)
    assert np.bincount(fold).tolist() == [20, 20, 20]


def test_no_expert_predicts_a_row_that_it_saw(monkeypatch):
    data, asked = specimen(("tabular", "embedding"), train=30), []

    class Spy:
        """An expert that answers with the label's place in `told`, and remembers what it was fitted to."""

        def __init__(self, task, train, validation, seeds):
            self.seen = {x.tobytes() for x in train.inputs["tabular"]}
            assert validation is data.validation

        def get(self, name):
            return self

        def predict_proba(self, inputs):
            rows = [x.tobytes() for x in inputs.inputs["tabular"]]
            assert not self.seen & set(rows)
            assert len(self.seen) + len(rows) == 30
            asked.extend(rows)
            return np.full((len(rows), 3), 1 / 3)

    monkeypatch.setattr(folds, "LocalStages", Spy)
    fit("late_stacking_oof", data)
    wanted = sorted(2 * [x.tobytes() for x in data.train.inputs["tabular"]])  # by either modality's expert
    assert sorted(asked) == wanted


def test_the_second_learner_reads_training_rows_alone():
    data = specimen(("tabular", "embedding"))
    turned = replace(data, validation=data.validation.with_labels((data.validation.labels + 1) % 3))
    one, other = (fit("late_stacking_oof", each, replace(QUICK, epochs=1)).predict() for each in (data, turned))
    assert np.array_equal(one, other)  # after one epoch validation rows have chosen nothing
    before, after = (fit("late_stacking", each, replace(QUICK, epochs=1)).predict() for each in (data, turned))
    assert np.abs(before - after).max() > 1e-2


def test_two_folds_at_least():
    with pytest.raises(Exception, match="folds=1 is not a whole number from 2"):
        build("late_stacking_oof(folds=1)", TASK)


# ---- hybrid


@pytest.mark.parametrize("late", ["product", "mean"])
def test_hybrid_weighs_an_early_a_joint_and_a_late_decision(late):
    data = specimen(("tabular", "embedding"))
    trial = fit(f"hybrid_early_late(late={late})", data)
    rule = trial.variant
    assert rule.needs()[:2] == ("early_concat_logreg", "concat_features")
    assert rule.weights.sum() == pytest.approx(1)
    assert rule.weights.shape == (3,)
    early, joint, *experts = (trial.stages.get(name).predict_proba(data.test) for name in rule.needs())
    combine = {"product": late_product, "mean": late_mean}[late]
    parts = np.stack([early, joint, scaled(combine(decisions(experts, rule.prior)))])
    assert np.allclose(trial.predict(), np.tensordot(rule.weights, parts, 1))


def test_the_joint_part_of_the_hybrid_is_the_entry_of_that_name():
    data = specimen(("tabular", "embedding"))
    joint = fit("hybrid_early_late", data).stages.get("concat_features")
    assert np.array_equal(joint.predict_proba(data.test), fit("concat_features", data).predict())
