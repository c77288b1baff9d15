"""Fusions with a generative loss beside the task or before it: formulas by hand, and what they must not do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import cosine_similarity, cross_entropy, mse_loss

from fusebench import fusion
from fusebench.core.errors import FusebenchError
from fusebench.core.seeding import Seeds, generator
from fusebench.fusion import Batch, Settings, build, build_stage, make_task
from fusebench.fusion.decoders import over_present, squared_error
from fusebench.fusion.late.factorised import discrepancy_from_prior
from fusebench.fusion.late.variational import divergence, product_with_prior
from fusebench.fusion.specimens import modalities_of, specimen
from fusebench.fusion.trials import fit

fusion.load_all()

KINDS = ("tabular", "image", "audio")
ROWS = 7
JOINT = ("refiner", "mvae_poe", "mfm", "cyclic_translation")
STAGES = ("refiner_pretraining", "mvae_pretraining", "mfm_pretraining", "translation_pretraining")
STAGED = tuple(f"{name}_staged" for name in JOINT)


def network(name, kinds=KINDS, width=6, make=build):
    """An untrained network in evaluation mode."""
    task = make_task(modalities_of(kinds), ("a", "b", "c"), Settings(width=width))
    with torch.random.fork_rng():
        return make(name, task).build(Seeds(variant=name)).eval()


def batch(kinds=KINDS, present=None):
    rng, modalities = generator("generative"), modalities_of(kinds)
    inputs = {m.name: torch.from_numpy(rng.normal(size=(ROWS, *m.shape)).astype(np.float32)) for m in modalities}
    there = torch.ones(ROWS, len(kinds), dtype=torch.bool) if present is None else present
    return Batch(inputs, there).keep(there)


def labels():
    return torch.arange(ROWS) % 3


def draws(*shape):
    return torch.from_numpy(generator("draws").normal(size=shape)).float()


# ---- what a reconstruction costs


def test_a_large_modality_weighs_as_a_small_one():
    assert squared_error(torch.ones(2, 3), torch.zeros(2, 3)).tolist() == [1, 1]
    assert squared_error(torch.ones(2, 48), torch.zeros(2, 3, 4, 4)).tolist() == [1, 1]


def test_absent_inputs_need_not_be_reconstructed():
    losses = torch.tensor([[1.0, 3.0], [100.0, 5.0]])
    present = torch.tensor([[True, False], [True, True]])
    assert over_present(losses, present) == pytest.approx((1 + 3 + 5) / 3)
    assert over_present(losses, torch.zeros(2, 2, dtype=torch.bool)) == 0


@pytest.mark.parametrize("name", JOINT)
def test_the_loss_does_not_ask_for_what_is_absent(name):
    """Whatever decodes a modality that no row has learns nothing from the batch; the others do."""
    present = torch.ones(ROWS, 3, dtype=torch.bool)
    present[:, 2] = False
    net = network(name)
    net.loss(batch(present=present), labels(), None).backward()
    parts = net.translators if name == "cyclic_translation" else net.decoders
    for label, part in parts.named_children():
        learns = {bool(p.grad.any()) for p in part.parameters()}
        assert learns == {"2" not in label}


# ---- the product of experts


def test_one_expert_and_the_prior_by_hand():
    mean, variance = product_with_prior(torch.tensor([[[3.0]]]), torch.tensor([[[0.25]]]).log())
    # precision 1 + 4, mean 4 · 3 / 5
    assert mean.item() == pytest.approx(2.4)
    assert variance.exp().item() == pytest.approx(0.2)


def test_a_product_is_the_normalised_product_of_densities():
    means, variances = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.5, 2.0, 1.5])
    mean, log_variance = product_with_prior(means.view(3, 1, 1), variances.log().view(3, 1, 1))
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    density = Normal(0.0, 1.0).log_prob(x)
    for m, v in zip(means, variances, strict=True):
        density = density + Normal(m.double(), v.double().sqrt()).log_prob(x)
    weights = density.softmax(0)
    assert mean.item() == pytest.approx((weights * x).sum().item(), abs=1e-5)
    assert log_variance.exp().item() == pytest.approx((weights * (x - mean.item()) ** 2).sum().item(), abs=1e-5)


def test_the_product_does_not_care_about_order():
    mean, log_variance = draws(4, 5, 3), draws(4, 5, 3).flip(0)
    order = torch.tensor([2, 0, 3, 1])
    one, other = product_with_prior(mean, log_variance), product_with_prior(mean[order], log_variance[order])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))


def test_without_experts_the_prior_is_left_and_one_without_opinion_adds_nothing():
    mean, log_variance = product_with_prior(torch.zeros(0, 2, 3), torch.zeros(0, 2, 3))
    assert mean.shape == (2, 3) and not mean.any() and not log_variance.any()
    said = draws(2, 5, 3), draws(2, 5, 3)
    silent = torch.cat([said[0], torch.full((1, 5, 3), 7.0)]), torch.cat([said[1], torch.full((1, 5, 3), 80.0)])
    for a, b in zip(product_with_prior(*said), product_with_prior(*silent), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_certain_expert_overflows_nothing():
    mean, log_variance = product_with_prior(
        torch.tensor([[[5.0]], [[1.0]]]), torch.tensor([[[-200.0]], [[200.0]]])
    )
    assert mean.item() == pytest.approx(5)
    assert log_variance.item() == pytest.approx(-200)


def test_divergence_is_the_closed_form():
    assert not divergence(torch.zeros(3), torch.zeros(3)).any()
    mean, log_variance = draws(4, 3), draws(4, 3).flip(0)
    known = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    assert torch.allclose(divergence(mean, log_variance), known, atol=1e-6)


@pytest.mark.parametrize("name", ["mvae_poe", "mvae_poe_staged"])
def test_the_classifier_reads_the_mean_of_the_product(name):
    net, rows = network(name), batch()
    with torch.no_grad():
        h = net.encode(rows)
        mean, _ = product_with_prior(*net.believe(h))
        assert torch.equal(net.fuse(h), mean)
        assert torch.equal(net.train().fuse(h), mean)


def test_decoders_read_draws_in_training_and_the_mean_in_evaluation():
    net, (mean, log_variance) = network("mvae_poe"), (draws(ROWS, 6), draws(ROWS, 6).flip(0))
    assert torch.equal(net.draw(mean, log_variance), mean)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net.train()
        codes = torch.stack([net.draw(mean, log_variance) for _ in range(1500)])
    spread = (0.5 * log_variance).exp()
    assert ((codes.mean(0) - mean).abs() < 5 * spread / 1500**0.5).all()
    assert torch.allclose(codes.std(0), spread, rtol=0.15)


def test_the_bounds_are_those_of_all_modalities_and_of_each_alone():
    present = torch.ones(ROWS, 3, dtype=torch.bool)
    present[0, 1] = present[4, 2] = False
    net, rows = network("mvae_poe"), batch(present=present)
    with torch.no_grad():
        h = net.encode(rows)
        told = [expert(x).chunk(2, -1) for expert, x in zip(net.experts, h, strict=True)]

        def bound(row, members, decoded):
            """−ELBO/d of one row: posterior from `members`, likelihood of `decoded`."""
            precision = 1 + sum((-told[m][1][row]).exp() for m in members)
            mean = sum((-told[m][1][row]).exp() * told[m][0][row] for m in members) / precision
            total = kl_divergence(Normal(mean, precision**-0.5), Normal(0.0, 1.0)).mean()
            for m in (m for m in decoded if present[row, m]):
                total = total + 0.5 * mse_loss(net.decoders[m](mean), rows[net.names[m]][row].flatten())
            return total

        bounds = [bound(i, range(3), range(3)) for i in range(ROWS)]
        bounds += [bound(i, [m], [m]) for i in range(ROWS) for m in range(3) if present[i, m]]
        assert net.aside(rows, h, net.fuse(h)).item() == pytest.approx(sum(bounds).item() / (4 * ROWS), rel=1e-5)


# ---- the factors


def test_the_discrepancy_is_that_of_a_drawn_prior():
    z = draws(20, 5) * 1.5 + 0.5
    prior = torch.from_numpy(generator("prior").normal(size=(2500, 5))).float()

    def kernel(a, b):
        return (-torch.cdist(a, b).square() / (2 * 5)).exp()

    drawn = kernel(z, z).mean() - 2 * kernel(z, prior).mean() + kernel(prior, prior).mean()
    assert discrepancy_from_prior(z).item() == pytest.approx(drawn.item(), abs=5e-3)


def test_the_discrepancy_is_small_for_the_prior_and_grows_with_the_distance_from_it():
    rng = generator("far")
    near = torch.from_numpy(rng.normal(size=(1500, 4))).float()
    assert 0 <= discrepancy_from_prior(near) < 4e-3
    assert discrepancy_from_prior(near + 1) > 0.05
    assert discrepancy_from_prior(near * 3) > 0.05


def test_an_own_factor_reaches_its_own_decoder_alone():
    """With one modality there to be rebuilt, and no discrepancy asked, the others' factors learn nothing."""
    net, h = network("mfm"), network("mfm").encode(batch()).detach()
    for m in range(3):
        present = torch.zeros(ROWS, 3, dtype=torch.bool)
        present[:, m] = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("fusebench.fusion.late.factorised.discrepancy_from_prior", lambda z: 0)
            net.zero_grad()
            net.aside(replace(batch(), present=present), h, net.fuse(h)).backward()
        learns = [bool(factor.weight.grad.any()) for factor in net.factors]
        assert learns == [k == m for k in range(3)]
        assert net.join.bias.grad.any()  # the shared factor serves them all


# ---- beside the task


@pytest.mark.parametrize("name", JOINT)
def test_at_weight_zero_it_is_the_plain_classifier_on_the_same_code(name):
    plain, rows = network(f"{name}(weight=0.0)"), batch()
    logits = plain.head(plain.fuse(plain.encode(rows)))
    wanted = torch.autograd.grad(cross_entropy(logits, labels()), list(plain.head.parameters()))
    loss = plain.loss(rows, labels(), None)
    assert loss.item() == pytest.approx(cross_entropy(logits, labels()).item())
    loss.backward()
    for parameter, gradient in zip(plain.head.parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-7)
    assert not any(p.grad.any() for k, p in plain.named_parameters() if k.startswith(("decoders", "translators")))


def test_cyclic_translation_at_weight_zero_is_plain_concatenation():
    one, other = network("cyclic_translation(weight=0.0)"), network("concat_features")
    other.load_state_dict({k: v for k, v in one.state_dict().items() if not k.startswith("translators")})
    losses = [net.loss(batch(), labels(), None) for net in (one, other)]
    assert losses[0].item() == pytest.approx(losses[1].item())
    for loss in losses:
        loss.backward()
    gradients = dict(one.named_parameters())
    assert all(torch.allclose(p.grad, gradients[k].grad, atol=1e-7) for k, p in other.named_parameters())


def test_the_refiner_s_code_is_a_linear_on_the_concatenation():
    net, rows = network("refiner"), batch()
    with torch.no_grad():
        h = net.encode(rows)
        weight = torch.cat(list(net.join.weights), 1)
        plain = torch.relu(torch.cat(list(h), 1) @ weight.T + net.join.bias)
        assert torch.allclose(net.fuse(h), plain, atol=1e-6)
        told = net.aside(rows, h, plain)
        cosines = [
            cosine_similarity(d(plain), rows[n].flatten(1)) for d, n in zip(net.decoders, net.names, strict=True)
        ]
        assert told.item() == pytest.approx(1 - torch.stack(cosines).mean().item(), rel=1e-5)


@pytest.mark.parametrize(("several", "translators"), [(2, 2), (3, 6), (4, 8)])
def test_two_modalities_share_their_translators_and_more_stand_on_a_ring(several, translators):
    kinds = (*KINDS, "embedding")[:several]
    net = network("cyclic_translation", kinds)
    assert len(net.translators) == translators
    net.loss(batch(kinds), labels(), None).backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_a_cycle_goes_there_and_back():
    kinds = ("tabular", "image")
    net, rows = network("cyclic_translation", kinds), batch(kinds)
    tabular, image = rows["tabular"], rows["image"]
    with torch.no_grad():
        h, (see, read) = net.encode(rows), (net.extractors[1], net.extractors[0])
        seen, written = net.translators["0_1"](h[0]), net.translators["1_0"](h[1])
        there = mse_loss(seen, image.flatten(1)) + mse_loss(written, tabular)
        home = mse_loss(net.translators["1_0"](see(seen.view(ROWS, 2, 8, 8))), tabular)
        home = home + mse_loss(net.translators["0_1"](read(written)), image.flatten(1))
        assert net.aside(rows, h, net.fuse(h)).item() == pytest.approx(((there + home) / 4).item(), rel=1e-5)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_a_weight_is_a_number_from_zero_on(bad):
    with pytest.raises(ValueError, match="weight"):
        fusion.REGISTRY.get("refiner").definition(make_task(modalities_of(KINDS), ("a", "b")), weight=bad)
    with pytest.raises(FusebenchError, match="weight"):
        build("mfm(weight=-1.0)", make_task(modalities_of(KINDS), ("a", "b")))


# ---- an earlier stage


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_learns_to_give_inputs_back(name):
    data = specimen(KINDS)
    task = make_task(data.modalities, data.classes, Settings(epochs=8, batch=16, width=16, lr=3e-3))
    history = build_stage(name, task).fit(data.train, data.validation).history
    curve = history.curves["train_loss"]
    assert curve[-1] < 0.9 * curve[0]


@pytest.mark.parametrize("name", STAGED)
def test_pretraining_reads_no_label(name):
    data = specimen(KINDS)
    turned = replace(
        data,
        train=data.train.with_labels(np.roll(data.train.labels, 1)),
        validation=data.validation.with_labels(np.roll(data.validation.labels, 1)),
    )
    one, other = (fit(name, each) for each in (data, turned))
    left = [stage.network.state_dict() for trial in (one, other) for stage in trial.stages.fitted.values()]
    assert all(torch.equal(value, left[1][key]) for key, value in left[0].items())
    # the classifiers after it do read them
    heads = [trial.variant.network.head.state_dict() for trial in (one, other)]
    assert not all(torch.equal(value, heads[1][key]) for key, value in heads[0].items())


@pytest.mark.parametrize("name", STAGED)
def test_a_classifier_starts_from_exactly_what_its_stage_left(name):
    trial = fit(f"{name}(frozen=true)", specimen(KINDS))
    net = trial.variant.network
    (stage,) = (each.network for each in trial.stages.fitted.values())
    kept = stage.state_dict()
    own = {key: value for key, value in net.state_dict().items() if not key.startswith("head.")}
    assert own and all(torch.equal(value, kept[key]) for key, value in own.items())
    assert not any(key.startswith(("decoders", "translators", "factors")) for key in own)
    trainable = [key for key, p in net.named_parameters() if p.requires_grad]
    assert trainable and all(key.startswith("head.") for key in trainable)
    tuned = fit(name, specimen(KINDS)).variant.network.state_dict()
    assert not all(torch.equal(value, tuned[key]) for key, value in own.items())


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_of_no_prediction_is_deterministic_in_evaluation(name):
    net, rows = network(name, make=build_stage), batch()
    with torch.no_grad():
        assert torch.equal(net.objective(rows), net.objective(rows))
        one = net.objective(rows.take(slice(0, 1)))
    assert torch.isfinite(one)
