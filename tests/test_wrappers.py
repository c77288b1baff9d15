"""Training wrappers: their formulas by hand, what they do to updates, how they compose, and the contract."""

import math
import re
from contextlib import nullcontext
from dataclasses import replace
from itertools import permutations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from fusebench import fusion
from fusebench.core.errors import FusebenchError
from fusebench.core.seeding import Seeds
from fusebench.fusion import REGISTRY, Batch, Settings, build, expand, make_task, resolve
from fusebench.fusion.batch import Training
from fusebench.fusion.specimens import modalities_of, specimen, usual_kinds
from fusebench.fusion.stages import LocalStages
from fusebench.fusion.training import train_network
from fusebench.fusion.trials import CHECKS, QUICK, applies, fit, run_check
from fusebench.fusion.variant import as_seeds
from fusebench.fusion.wrappers import WRAPPERS
from fusebench.fusion.wrapping import alternating, augmentation, heads, modulation, pareto, prototypes

fusion.load_all()

WRAPPED = sorted(WRAPPERS.ids)
PEERS = {"MultiBench", "fusilli", "BalanceBenchmark", "torchmultimodal", "MultiBench++"}


class Made:
    """A network of a name with its rows, ready to take steps."""

    def __init__(self, name, kinds=("tabular", "image"), rows=24, **settings):
        data = specimen(kinds, rows, 6)
        given = Settings(**{"epochs": 4, "batch": 8, "width": 6, **settings})
        self.task = make_task(data.modalities, data.classes, given)
        variant = build(name, self.task)
        variant.scaler.fit(data.train)
        with torch.random.fork_rng():
            self.network = variant.build(Seeds(variant="equal weights")).train()
            stages = LocalStages(self.task, data.train, data.validation, as_seeds(0, name))
            self.network.start_from(stages)
        self.stages = stages
        self.batch, self.labels = variant.batch(data.train), torch.from_numpy(data.train.labels)
        self.validation = (variant.batch(data.validation), torch.from_numpy(data.validation.labels))

    def training(self, epoch=1, epochs=4):
        return Training(self.network.make_optimiser(self.task.settings), nullcontext, epoch, epochs)

    def seeded(self, act):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return act()

    def step(self, training=None):
        training = training or self.training()
        return self.seeded(lambda: self.network.step(self.batch, self.labels, None, training))

    def gradients(self, training=None):
        """The gradients before any update, by parameter name."""
        training = training or self.training()
        self.seeded(lambda: self.network.gradients(self.batch, self.labels, None, training))
        return {k: p.grad.clone() for k, p in self.network.named_parameters() if p.grad is not None}

    def loss(self):
        return self.seeded(lambda: self.network.loss(self.batch, self.labels, None))

    def moved(self, training=None):
        """How far one step moves each parameter, by name."""
        before = {k: p.detach().clone() for k, p in self.network.named_parameters()}
        self.step(training)
        return {k: p.detach() - before[k] for k, p in self.network.named_parameters()}

    def train(self):
        return self.seeded(
            lambda: train_network(self.network, (self.batch, self.labels), self.validation, self.task)
        )


def of_extractor(moved, m):
    own = [x.flatten() for k, x in moved.items() if k.startswith(f"extractors.{m}.")]
    return torch.cat(own).norm()


# ---- what is registered, and what is refused


@pytest.mark.parametrize("id", WRAPPED)
def test_a_wrapper_is_documented(id):
    entry = WRAPPERS.get(id)
    assert re.search(r"[Σ∏⊙=‖(←+]", entry.doc.split("\n\n")[0]), "its docstring begins without a formula"
    assert not entry.reference or re.search(r"\b(19|20)\d\d\b", entry.reference)
    assert set(entry.also_known_as) <= PEERS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("late_mean+ogm_ge", "late_mean is no network"),
        ("early_concat_mlp+ogm_ge", "early_concat_mlp has none"),
        ("unimodal+pmr", "trained apart"),
        ("concat_features+ogm_gee", "ogm_ge"),
        ("concat_features+sgd+sgd", "named twice"),
        ("concat_features+ogm_ge(alfa=1)", "alpha"),
        ("concat_features+ogm_ge(alpha=high)", "expected a number"),
    ],
)
def test_what_makes_no_sense_is_refused(name, said):
    with pytest.raises(FusebenchError, match=re.escape(said)):
        resolve(name)


@pytest.mark.parametrize(
    "name",
    [
        "concat_features+ogm_ge(since=0.5,until=0.5)",
        "concat_features+gblend(held_out=1)",
        "concat_features+mla(ridge=0)",
        "concat_features+modality_dropout(p=1)",
        "concat_features+pmr(entropy_until=2)",
        "concat_features+aux_reconstruction(hidden=0)",
        "concat_features+lemda(latent=0)",
        "late_joint_mean+mmcosine",
    ],
)
def test_options_that_cannot_be_are_told_before_anything_runs(name):
    with pytest.raises(FusebenchError, match=r"Variant"):
        Made(name)


# ---- the contract

HEAVY = {"takes_every_number_and_kind", "takes_every_setting", "learns_an_easy_set", "keeps_the_last_batch"}
REPEATED = {  # they train several times
    "keeps_its_word_on_absent_modalities",
    "leaves_inputs_alone",
    "repeats_itself",
    "selects_by_validation_alone",
    "takes_absent_modalities",
}
PLAIN = {
    "is_documented",
    "selects_by_validation_alone",
    "builds_with_its_defaults",
    "does_not_care_about_order",
    "leaves_inputs_alone",
}


def checked():
    for network, left_out in (("concat_features", set()), ("merge_sum", HEAVY | PLAIN)):
        for name in (f"{network}+{id}" for id in WRAPPED):
            for title in CHECKS:
                if title not in left_out and applies(title, name):
                    marks = [pytest.mark.nightly] if title in HEAVY | REPEATED or network == "merge_sum" else []
                    yield pytest.param(name, title, id=f"{name}-{title}", marks=marks)


@pytest.mark.parametrize(("name", "title"), list(checked()))
def test_a_wrapped_network_keeps_the_contract(name, title):
    assert run_check(title, name) is None


ON = [("gmu", ("tabular", "image", "audio") * 2), ("late_joint_mean", ("tabular", "image", "audio"))]
ON += [("centralnet", ("tabular", "image", "audio")), ("cross_attention", ("tabular", "image"))]


@pytest.mark.parametrize("id", WRAPPED)
@pytest.mark.parametrize(("network", "kinds"), ON, ids=[network for network, _ in ON])
def test_wrappers_train_networks_of_any_form(network, kinds, id):
    if (network, id) == ("late_joint_mean", "mmcosine"):
        return  # no head: refused, see above
    data = specimen(kinds, 17, 6, 5)
    trial = fit(f"{network}+{id}", data, replace(QUICK, epochs=1))
    assert torch.from_numpy(trial.predict()).isfinite().all()
    assert trial.variant.parameters() == sum(
        p.numel() for p in trial.variant.network.parameters() if p.requires_grad
    )


JOINT = [e.id for e in REGISTRY if WRAPPERS.get("unimodal_aux_loss").refuse(e) is None]


@pytest.mark.parametrize("id", JOINT)
def test_every_network_that_wrappers_take_hands_over_a_vector_a_modality(id):
    kinds = usual_kinds(resolve(id)[0].requires)
    made = Made(expand(id, modalities_of(kinds))[0], kinds, rows=5)
    with torch.no_grad():
        vectors = made.network.vectors(made.network.encode(made.batch))
    assert len(vectors) == len(made.network.names)
    assert all(x.ndim == 2 and len(x) == 5 for x in vectors)


# ---- composition


IN_TURN = list(zip(WRAPPED, [*WRAPPED[1:], *WRAPPED[:1]], strict=True))  # each inside one and outside another
PAIRS = [p if p in IN_TURN else pytest.param(p, marks=pytest.mark.nightly) for p in permutations(WRAPPED, 2)]


@pytest.mark.parametrize("pair", PAIRS, ids=map("+".join, permutations(WRAPPED, 2)))
def test_two_wrappers_together_train_every_parameter_once(pair):
    made = Made("merge_sum+" + "+".join(pair), ("tabular", "embedding"), rows=6, batch=6)
    training = made.training()
    held = [id(p) for group in training.optimiser.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in made.network.parameters() if p.requires_grad)
    rates = [group["lr"] for group in training.optimiser.param_groups]
    moved = made.moved(training)
    assert all(x.isfinite().all() for x in moved.values())
    assert min(of_extractor(moved, 0), of_extractor(moved, 1)) > 0
    assert [group["lr"] for group in training.optimiser.param_groups] == rates  # a factor lasts one update


def test_each_extractor_has_a_group_however_many_wrappers_ask():
    groups = Made("concat_features+ogm_ge+agm+pmr").network.parameter_groups()
    assert [group.get("part") for group in groups] == [0, 1, None]


def test_the_optimiser_of_an_inner_wrapper_is_kept():
    optimiser = Made("concat_features+sgd+ogm_ge").training().optimiser
    assert isinstance(optimiser, torch.optim.SGD)
    assert optimiser.param_groups[0]["part"] == 0


# ---- factors act on the update


@pytest.mark.parametrize("network", ["concat_features", "concat_features+sgd"])
def test_a_factor_shortens_the_step_under_adamw_and_under_sgd(network, monkeypatch):
    lengths = []
    for factor in (1.0, 0.1):
        monkeypatch.setattr(modulation, "ogm_factors", lambda scores, alpha, f=factor: [f, 1.0])
        moved = Made(f"{network}+ogm_ge(noise=false)", weight_decay=0.0).moved()
        lengths.append((of_extractor(moved, 0), of_extractor(moved, 1)))
    assert float(lengths[1][0] / lengths[0][0]) == pytest.approx(0.1, rel=1e-3)
    assert float(lengths[1][1]) == pytest.approx(float(lengths[0][1]), rel=1e-6)


def test_every_parameter_of_a_table_is_modulated(monkeypatch):
    """Published code looks for gradients of four dimensions, of which a table has none."""
    monkeypatch.setattr(modulation, "ogm_factors", lambda scores, alpha: [0.25, 0.5])
    kinds = ("tabular", "embedding")
    plain = Made("concat_features+sgd", kinds).gradients()
    modulated = Made("concat_features+sgd+ogm_ge(noise=false)", kinds).gradients()
    for m, factor in enumerate((0.25, 0.5)):
        own = [k for k in plain if k.startswith(f"extractors.{m}.")]
        assert len(own) == 4
        assert all(torch.allclose(modulated[k], factor * plain[k], atol=1e-8) for k in own)
    assert all(torch.equal(modulated[k], plain[k]) for k in plain if k.startswith("head."))


# ---- OGM-GE


def test_ogm_factors_by_hand():
    assert modulation.ogm_factors([3.0, 1.0], 0.5) == pytest.approx([1 - math.tanh(1.5), 1.0])
    assert modulation.ogm_factors([4.0, 2.0, 2.0], 1.0) == pytest.approx([1 - math.tanh(2.0), 1.0, 1.0])
    assert modulation.ogm_factors([2.0, 2.0], 1.0) == [1.0, 1.0]


def test_label_scores_by_hand():
    z = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, math.log(4)], [0.0, 0.0]]])
    assert modulation.label_scores(z, torch.tensor([0, 0])) == pytest.approx([0.5 + 0.75, 0.2 + 0.5])


def test_of_a_linear_head_on_a_concat_a_modality_alone_says_its_share():
    made = Made("concat_features+ogm_ge", ("tabular", "image", "audio"))
    network = made.network
    network.head = nn.Linear(18, 3)
    h = network.encode(made.batch)
    expected = [x @ w.T + network.head.bias / 3 for x, w in zip(h, network.head.weight.split(6, 1), strict=True)]
    said = network.alone_logits(made.batch)
    assert torch.allclose(said, torch.stack(expected), atol=1e-5)
    assert torch.allclose(said.sum(0), network(made.batch), atol=1e-5)
    assert network.training


def test_a_join_that_says_nothing_of_one_vector_is_asked_with_masked_inputs():
    assert Made("concat_features+ogm_ge").network.masks_vectors()
    product = Made("merge_product+ogm_ge")
    assert not product.network.masks_vectors()
    z = product.network.alone_logits(product.batch)
    assert (z[0] - z[1]).abs().max() > 1e-3


def test_noise_has_the_spread_of_the_gradient(monkeypatch):
    monkeypatch.setattr(modulation, "ogm_factors", lambda scores, alpha: [1.0, 1.0])
    plain = Made("concat_features+ogm_ge(noise=false)").gradients()
    noisy = Made("concat_features+ogm_ge").gradients()
    key = "extractors.1.second.weight"
    added = noisy[key] - plain[key]
    assert float(added.std() / plain[key].std()) == pytest.approx(1, abs=0.05)
    assert abs(float(added.mean() / plain[key].std())) < 0.05
    assert torch.equal(noisy["head.0.weight"], plain["head.0.weight"])


def test_modulation_keeps_to_its_epochs():
    def acts(epoch, since, until):
        training = Training(None, nullcontext, epoch, 10)
        return modulation.in_window(training, since, until)

    assert [acts(e, 0.0, 0.5) for e in (1, 5, 6, 10)] == [True, True, False, False]
    assert [acts(e, 0.2, 1.0) for e in (1, 2, 3, 10)] == [False, False, True, True]
    plain = Made("concat_features").gradients()
    late = Made("concat_features+ogm_ge")
    assert all(torch.equal(x, plain[k]) for k, x in late.gradients(late.training(epoch=3)).items())


# ---- AGM


def test_shapley_weights_by_hand():
    first = modulation.all_subsets(3)[0]
    assert first[(0, 1, 2)] == pytest.approx(1 / 3)
    assert first[(1, 2)] == pytest.approx(-1 / 3)
    assert first[(0, 1)] == first[(0, 2)] == pytest.approx(1 / 6)
    assert first[(1,)] == first[(2,)] == pytest.approx(-1 / 6)
    assert first[(0,)] == pytest.approx(1 / 3)
    assert modulation.order_and_reverse([1, 0]) == modulation.all_subsets(2)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_shapley_shares_sum_to_the_logits(count):
    made = Made("concat_features+agm", usual_kinds(resolve("concat_features")[0].requires, count))
    shares = made.seeded(lambda: made.network.shapley_logits(made.batch))
    made.network.eval()
    assert shares.shape[0] == count
    assert torch.allclose(shares.sum(0), made.network(made.batch), atol=1e-5)


def test_agm_slows_what_is_further_ahead_than_usual_and_doubles_no_step():
    even = modulation.agm_factors([1.0, 1.0], [1.0, 1.0], 1.0)
    assert even == [1.0, 1.0]
    ahead = modulation.agm_factors([0.5, 1.0], [0.0, 0.0], 1.0)
    assert ahead[0] == pytest.approx(math.exp(1 - math.exp(0.5)))
    assert ahead[1] == pytest.approx(math.exp(1 - math.exp(-0.5)))
    assert max(modulation.agm_factors([9.0, 0.0], [0.0, 9.0], 1.0)) == pytest.approx(2.0)


def test_agm_keeps_running_means():
    made = Made("concat_features+agm")
    training = made.training()
    seen = []
    for _ in range(3):
        made.network.eval()
        shares = made.network.shapley_logits(made.batch)
        seen.append([float(cross_entropy(x, made.labels)) for x in shares])
        made.network.train()
        made.step(training)
    assert made.network.agm["means"] == pytest.approx(torch.tensor(seen).mean(0).tolist(), rel=1e-4)


# ---- PMR


def test_prototypes_are_the_classes_means():
    x = torch.tensor([[0.0, 2.0], [2.0, 4.0], [7.0, 0.0]])
    means = prototypes.class_means(x, torch.tensor([0, 0, 2]), 3)
    assert torch.equal(means, torch.tensor([[1.0, 3.0], [3.0, 2.0], [7.0, 0.0]]))
    assert prototypes.distances(torch.tensor([[4.0, 7.0]]), means)[0, 0] == pytest.approx(5.0)


def test_who_lags_and_who_leads_by_hand():
    assert prototypes.lags_and_leads([2.0, 3.0]) == (pytest.approx([0.5, 0.0]), pytest.approx([0.0, 0.5]))
    assert prototypes.lags_and_leads([1.0, 5.0]) == ([1.0, 0.0], [0.0, 1.0])
    lag, lead = prototypes.lags_and_leads([2.0, 2.0, 5.0])
    assert lag == pytest.approx([0.75, 0.75, 0.0])
    assert lead == pytest.approx([0.0, 0.0, 1.0])


def test_the_prototype_loss_by_hand():
    made = Made("concat_features+pmr(alpha=2,mu=0)")
    plain = made.loss()
    made.network.begin_epoch(1, made.batch, made.labels)
    h = made.network.encode(made.batch).detach()
    near = [-torch.cdist(x, prototypes.class_means(x, made.labels, 3)) for x in h]
    scores = [float(x.softmax(1)[torch.arange(24), made.labels].sum()) for x in near]
    lag = [max(0.0, scores[1] / scores[0] - 1), max(0.0, scores[0] / scores[1] - 1)]
    drawn = sum(2 * b * cross_entropy(x, made.labels) for b, x in zip(lag, near, strict=True))
    assert max(lag) > 0.01
    assert (made.loss() - plain).item() == pytest.approx(drawn.item(), rel=1e-3)
    assert made.network.pmr_lag == pytest.approx(lag, rel=1e-3)


def test_what_leads_keeps_its_entropy_up_in_the_first_epochs_alone():
    made = Made("concat_features+pmr(alpha=0,mu=1)")
    made.network.begin_epoch(1, made.batch, made.labels)
    made.gradients(made.training(epoch=1))
    with_entropy = made.loss()
    made.gradients(made.training(epoch=2))
    assert float(with_entropy) < float(made.loss())


def test_the_extractor_that_lags_makes_longer_steps_under_adamw():
    made = Made("concat_features+pmr", weight_decay=0.0)
    made.network.begin_epoch(1, made.batch, made.labels)
    moved = made.moved()
    slow = max(range(2), key=lambda m: made.network.pmr_lag[m])
    key = f"extractors.{slow}.last.bias"  # AdamW's first step is as long as the learning rate
    expected = 1e-3 * (1 + made.network.pmr_lag[slow])
    assert made.network.pmr_lag[slow] > 0.01
    assert moved[key].abs().max() == pytest.approx(expected, rel=1e-3)


# ---- MMPareto


def test_pareto_weights_by_hand():
    def weight(joint, own):
        return pareto.joint_weight([torch.tensor(joint)], [torch.tensor(own)])

    assert weight([1.0, 1.0], [3.0, 0.0]) == 0.5
    assert weight([1.0, 0.0], [-2.0, 0.0]) == pytest.approx(2 / 3)  # 2/3 · 1 − 1/3 · 2 = 0
    a = weight([1.0, 0.0], [-1.0, 2.0])
    assert a == pytest.approx(6 / 8)
    shortest = a * torch.tensor([1.0, 0.0]) + (1 - a) * torch.tensor([-1.0, 2.0])
    assert float(shortest @ torch.tensor([2.0, -2.0])) == pytest.approx(0, abs=1e-6)


def test_enlarged_by_hand():
    assert pareto.enlarged(torch.tensor([3.0]), torch.tensor([6.0]), 1.5).item() == pytest.approx(9.0)
    assert pareto.enlarged(torch.tensor([3.0]), torch.tensor([1.0]), 1.5).item() == pytest.approx(4.5)


@pytest.mark.parametrize("a", [0.5, 0.25])
def test_pareto_gradients_are_integrated_tensor_by_tensor_and_heads_are_left_alone(a, monkeypatch):
    made = Made("concat_features+sgd+mmpareto")
    made.network.head.eval()  # no dropout: the losses can be taken one by one
    monkeypatch.setattr(pareto, "joint_weight", lambda joint, own: a)
    network, labels = made.network, made.labels
    h = network.encode(made.batch)
    joint = cross_entropy(network.head(network.fuse(h)), labels)
    own = heads.head_losses(network.mmpareto_heads, list(h), labels, None)
    key, p = "extractors.0.hidden.weight", network.extractors[0].hidden.weight
    g_joint, g_own = (torch.autograd.grad(x, p, retain_graph=True)[0] for x in (joint, own[0]))
    (head,) = torch.autograd.grad(joint, network.head[0].weight, retain_graph=True)
    grads = made.gradients()
    new = 2 * a * g_joint + 2 * (1 - a) * g_own
    longer = new * 1.5 * max(1.0, float((g_joint + g_own).norm() / new.norm()))
    assert torch.allclose(grads[key], longer, atol=1e-6)
    assert torch.allclose(grads["head.0.weight"], head, atol=1e-7)


def test_pareto_lengthens_the_update_under_adamw():
    plain = Made("concat_features+unimodal_aux_loss", weight_decay=0.0).moved()
    longer = Made("concat_features+mmpareto", weight_decay=0.0).moved()
    for m in (0, 1):
        assert float(of_extractor(longer, m) / of_extractor(plain, m)) > 1.4
    assert longer["head.3.bias"].norm().item() == pytest.approx(plain["head.3.bias"].norm().item(), rel=1e-3)


# ---- gradient blending


def test_blend_weights_by_hand():
    weights = heads.blend_weights([0.4, 0.2, 0.4], [0.2, 0.1, 0.4], 0.05)
    raw = [0.4 / 0.04, 0.2 / 0.01, 0.4 / 0.16]
    assert weights == pytest.approx([w / sum(raw) for w in raw])
    assert heads.blend_weights([-1.0, 0.5, 0.5], [0.1, -3.0, 0.05], 0.05) == pytest.approx([0, 0.5, 0.5])
    assert heads.blend_weights([-1.0, -1.0], [0.1, 0.1], 0.05) == [0.5, 0.5]
    assert heads.blend_weights([1.0, -1.0], [0.1, 0.1], 0.05) == pytest.approx([0.99, 0.01])
    assert heads.blend_weights([-1.0, 1.0], [0.1, 0.1], 0.05) == [0.0, 1.0]


def test_blending_reads_the_fall_of_the_held_out_loss_and_not_the_loss(monkeypatch):
    made = Made("concat_features+gblend")
    before = (torch.tensor([9.0, 2.0, 2.0]), torch.tensor([9.0, 2.0, 2.0]))  # training, held out
    after = (torch.tensor([8.9, 1.0, 1.0]), torch.tensor([8.9, 1.5, 1.2]))
    told = iter([*before, *after, *before, *after])
    monkeypatch.setattr(heads.GBlend, "mean_losses", lambda self, batch, labels: next(told))
    monkeypatch.setattr(heads.GBlend, "train_alone", lambda self, which, batch, labels: None)
    raw = [0.1 / 0.05**2, 0.5 / 0.5**2, 0.8 / 0.2**2]
    expected = [w / sum(raw) for w in raw]
    assert made.network.estimate(made.batch, made.labels) == pytest.approx(expected, rel=1e-4)


def test_an_estimate_trains_copies_on_the_rows_that_are_not_held_out(monkeypatch):
    made = Made("concat_features+gblend(held_out=0.25)")
    seen = []
    blended = heads.GBlend.blended

    def watched(self, batch, labels, weight):
        if torch.is_grad_enabled():
            seen.append(len(labels))
        return blended(self, batch, labels, weight)

    monkeypatch.setattr(heads.GBlend, "blended", watched)
    before = {k: x.clone() for k, x in made.network.state_dict().items()}
    weights = made.seeded(lambda: made.network.estimate(made.batch, made.labels))
    assert sum(seen) == 2 * 3 * 18  # two copies, three epochs, 18 of 24 rows
    assert sum(weights) == pytest.approx(1)
    assert all(torch.equal(x, before[k]) for k, x in made.network.state_dict().items())


def test_the_blend_is_the_weighted_sum():
    made = Made("concat_features+gblend")
    losses = made.seeded(lambda: made.network.blended(made.batch, made.labels, None))
    made.network.gblend_weights = [0.2, 0.5, 0.3]
    assert float(made.loss()) == pytest.approx(float((losses * torch.tensor([0.2, 0.5, 0.3])).sum()), rel=1e-5)


# ---- heads and their losses


def test_auxiliary_losses_by_hand():
    made = Made("merge_sum+unimodal_aux_loss(weight=0.5)")
    h, heads_ = made.network.encode(made.batch), made.network.aux_heads
    own = sum(cross_entropy(head(x), made.labels) for head, x in zip(heads_, h, strict=True))
    plain = Made("merge_sum").loss()
    assert float(made.loss()) == pytest.approx(float(plain + 0.5 * own), rel=1e-5)


def test_nothing_is_encoded_twice():
    made = Made("concat_features+unimodal_aux_loss+aux_reconstruction+pmr+lemda")
    made.network.begin_epoch(1, made.batch, made.labels)
    calls = []
    made.network.extractors[0].register_forward_hook(lambda *_: calls.append(1))
    made.gradients()
    assert len(calls) == 1


def test_reconstruction_leaves_out_what_is_absent():
    made = Made("concat_features+aux_reconstruction(weight=1)")
    plain = Made("concat_features").loss()
    network, present = made.network, made.batch.present.clone()
    present[:10, 0] = False
    made.batch = Batch(made.batch.inputs, present)
    h = network.encode(made.batch)
    there = [present[:, m] for m in range(2)]
    errors = [
        mse_loss(network.aux_decoders[m](h[m])[there[m]], made.batch[name].flatten(1)[there[m]])
        for m, name in enumerate(network.names)
    ]
    assert float(made.loss()) == pytest.approx(float(plain + sum(errors) / 2), rel=1e-4)


# ---- normalised heads


def test_of_a_linear_head_on_a_concat_the_logits_are_sums_of_cosines():
    made = Made("concat_features+mmcosine")
    network = made.network
    linear = nn.Linear(12, 3)
    network.head = linear
    network.attach(scale=4.0)
    h = network.encode(made.batch)
    cosines = [
        torch.nn.functional.cosine_similarity(x[:, None], w, dim=-1)
        for x, w in zip(h, linear.weight.split(6, 1), strict=True)
    ]
    assert torch.allclose(network(made.batch), 4 * (cosines[0] + cosines[1]), atol=1e-5)


def test_no_modality_weighs_more_by_the_length_of_its_vector():
    network = Made("concat_features+mmcosine").network.eval()
    h = torch.randn(2, 5, 6)
    longer = torch.stack([h[0] * 100, h[1]])
    assert torch.allclose(network.head(network.fuse(h)), network.head(network.fuse(longer)), atol=1e-5)
    merged = Made("merge_sum+mmcosine").network
    assert merged.head[0].sizes == [6]
    assert network.head[0].sizes == [6, 6]


# ---- alternation


def test_test_weights_sum_to_one_and_the_surer_weighs_more():
    z = torch.tensor([[[9.0, 0.0, 0.0]], [[0.1, 0.0, 0.0]], [[0.0, 3.0, 0.0]]])
    weights = alternating.sureness(z)
    assert weights.sum(0).item() == pytest.approx(1)
    assert weights[0] > weights[2] > weights[1]
    even = alternating.sureness(torch.zeros(2, 4, 3))
    assert torch.allclose(even, torch.full((2, 4), 0.5))


def test_of_a_sum_the_head_is_the_one_that_all_extractors_share():
    made = Made("merge_sum+mla", ("tabular", "image", "audio"))
    network = made.network.eval()
    z = torch.stack([network.head(x) for x in network.encode(made.batch)])
    expected = (alternating.sureness(z)[..., None] * z).sum(0)
    assert torch.allclose(network(made.batch), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["merge_sum+mla", "merge_product+mla"])
def test_a_turn_moves_one_extractor_and_what_is_shared(name):
    made = Made(name)
    network, training = made.network, made.training()
    network.mla_turn = 1
    grads = made.gradients(training)
    assert not any(k.startswith("extractors.0.") for k in grads)
    assert all(grads[k].any() for k in ("extractors.1.last.weight", "head.0.weight"))


def test_the_head_moves_at_right_angles_to_what_it_was_shown():
    made = Made("merge_sum+mla(ridge=1e-9)")
    network = made.network
    network.head.eval()
    network.mla_turn = 0
    first = made.gradients()["head.0.weight"]
    shown = network.mla["input"]
    network.zero_grad()
    network.mla_turn = 1
    second = made.gradients()["head.0.weight"]
    assert (first @ shown).abs().max() > 1e-4
    assert (second @ shown).abs().max() < 1e-5
    assert second.abs().max() > 1e-5


def test_the_projection_is_the_recursion_of_the_paper():
    rows, used, p = torch.randn(3, 5), [], torch.eye(5)
    for r in torch.randn(4, 5):
        k = p @ r
        p = p - torch.outer(k, k) / (0.1 + r @ k)
        own = alternating.projected(r[None], used)[0]
        used.append(own / (0.1 + r @ own).sqrt())
    assert torch.allclose(alternating.projected(rows, used), rows @ p, atol=1e-5)


# ---- teachers


def test_the_experts_are_stages():
    made = Made("concat_features+unimodal_teacher")
    assert set(made.stages.fitted) == {"unimodal(modality=tabular)", "unimodal(modality=image)"}
    assert sorted(type(made.network).needs(made.task)) == sorted(made.stages.fitted)
    late = build("autoencoder_pretrain_concat+unimodal_teacher", made.task)
    assert len(late.needs()) == 4


def test_the_distance_from_an_expert_is_zero_at_its_weights():
    made = Made("concat_features+unimodal_teacher(weight=3)")
    network = made.network
    for m, name in enumerate(network.names):
        expert = made.stages.get(f"unimodal(modality={name})").network
        network.extractors[m].load_state_dict(expert.extractors[0].state_dict())
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    whole = replace(made.batch.take(order), rows=order)
    network.begin_epoch(1, whole, made.labels[order])
    few = torch.tensor([5, 2, 11])
    made.batch, made.labels = whole.take(few), made.labels[order][few]
    plain = Made("concat_features").network
    plain.load_state_dict(network.state_dict(), strict=False)
    same = made.seeded(lambda: plain.loss(made.batch, made.labels, None))
    assert float(made.loss()) == pytest.approx(float(same), abs=1e-6)
    made.batch = replace(made.batch, rows=made.batch.rows.flip(0))
    assert float(made.loss()) > float(same) + 1e-3


# ---- learned augmentation


def test_the_task_never_follows_the_aim_of_the_augmenter():
    lenient, strict = (Made(f"concat_features+lemda(consistency={w},confidence=0)").gradients() for w in (0, 100))
    for key, x in lenient.items():
        same = torch.allclose(x, strict[key], atol=1e-6)
        assert same != key.startswith("lemda_augmenter"), key


def test_the_augmenter_climbs_the_loss_of_what_it_augments():
    made = Made("concat_features+lemda(consistency=0,divergence=0)")
    network = made.network
    network.head.eval()
    grads = made.gradients()
    h = network.encode(made.batch)
    parts = augmentation.pieces(h)

    def augmented():
        delta, _ = network.lemda_augmenter(torch.cat([x.detach() for x in parts], 1))
        shifted = augmentation.shifted(parts, delta)
        return cross_entropy(network.join(augmentation.put_back(h, shifted)), made.labels)

    loss = made.seeded(augmented)
    weight = network.lemda_augmenter.decoder[2].weight
    (up,) = torch.autograd.grad(loss, weight)
    assert torch.allclose(grads["lemda_augmenter.decoder.2.weight"], -up, atol=1e-7)


def test_pieces_are_put_back_where_they_were():
    x = [torch.randn(3, n) for n in (2, 4, 5)]
    nested = [[x[0], x[1]], [x[2]]]
    back = augmentation.put_back(nested, [2 * each for each in augmentation.pieces(nested)])
    assert torch.equal(back[0][1], 2 * x[1])
    assert torch.equal(back[1][0], 2 * x[2])
    stack = torch.randn(2, 3, 4)
    assert torch.equal(augmentation.put_back(stack, augmentation.pieces(stack)), stack)


# ---- plain wrappers


def test_masking_never_empties_a_row(monkeypatch):
    made = Made("concat_features+modality_dropout(p=0.5)", ("tabular", "image", "audio"), rows=96)
    kept = []
    forward = type(made.network).forward

    def watched(self, batch):
        kept.append(batch.present)
        return forward(self, batch)

    monkeypatch.setattr(type(made.network), "forward", watched)
    made.gradients()
    assert kept[0].any(1).all()
    assert 0.4 < kept[0].float().mean() < 0.7


def test_sgd_is_sgd():
    made = Made("concat_features+sgd(lr=0.5,momentum=0.5)", weight_decay=0.0)
    training, key = made.training(), "head.3.weight"
    first = made.gradients(training)[key]
    assert torch.allclose(made.moved(training)[key], -0.5 * first, atol=1e-7)
    before = training.optimiser.state[made.network.head[3].weight]["momentum_buffer"].clone()
    moved = made.moved(training)[key]
    grad = made.network.head[3].weight.grad
    assert torch.allclose(moved, -0.5 * (0.5 * before + grad), atol=1e-6)


@pytest.mark.parametrize("id", WRAPPED)
def test_the_trainer_takes_every_wrapper(id):
    made = Made(f"merge_sum+{id}", ("tabular", "embedding"), rows=9, epochs=2, min_epochs=1)
    history = made.train()
    assert history.rows_seen == [9, 9]
    assert set(history.phases) <= {"load", "encode", "fuse", "head", "optimise", "validate"}
