"""The exact posterior: against closed forms, enumeration of every latent, calibration."""

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm

from fusebench.core.seeding import generator
from fusebench.datasets import get
from fusebench.datasets.synthetic.dials import Dials
from fusebench.datasets.synthetic.generator import draw_inputs, draw_projections, draw_symbols, project
from fusebench.datasets.synthetic.posterior import log_likelihood, log_posterior, subsets_of
from fusebench.datasets.synthetic.sets import Synthetic


def k_ary(d, classes):
    """P(the symbol's projection is the largest of K), ∫ φ(z−d) Φ(z)^{K−1} dz."""
    return quad(lambda z: norm.pdf(z - d) * norm.cdf(z) ** (classes - 1), -10, d + 10)[0]


def ceiling(draws=40_000, **options):
    """Mean and standard error of the largest posterior of the full input."""
    dials = Dials(**options)
    _, z = draw_projections(dials, draws, generator("test", options=str(options)))
    top = np.exp(log_posterior(z, dials)).max(axis=1)
    return top.mean(), top.std() / np.sqrt(draws)


def assert_within(estimate, truth, rounding=0.0):
    mean, se = estimate
    assert abs(mean - truth) <= 4 * se + rounding, f"{mean} ± {se} is not {truth}"


class TestClosedForms:
    @pytest.mark.parametrize(("several", "value"), [(1, 0.70186), (2, 0.84656), (3, 0.91870)])
    def test_redundant_cue_of_several_modalities(self, several, value):
        truth = k_ary(np.sqrt(several) * 1.5, 4)
        assert truth == pytest.approx(value, abs=6e-6)
        assert_within(ceiling(modalities=several, d_r=1.5), truth)

    def test_redundant_strengths_add_up_by_squares(self):
        assert_within(ceiling(classes=3, d_r=[1, 0, 2]), k_ary(np.sqrt(5), 3))

    def test_certain_private_cue_equals_a_redundant_one(self):
        assert_within(ceiling(d_u=1.5), 0.91870, rounding=6e-6)

    @pytest.mark.parametrize("strengths", [[3, 3], [1, 2, 3]])
    def test_xor(self, strengths):
        truth = (1 + np.prod(2 * norm.cdf(np.array(strengths) / np.sqrt(2)) - 1)) / 2
        if strengths == [3, 3]:
            assert truth == pytest.approx(0.96668, abs=6e-6)
        assert_within(ceiling(modalities=len(strengths), classes=2, d_s=strengths), truth)

    def test_uncertain_cue(self):
        truth = 0.6 * k_ary(2, 4) + 0.4 / 4
        assert truth == pytest.approx(0.59368, abs=6e-6)
        assert_within(ceiling(modalities=1, d_u=2, rho_u=0.6), truth)
        assert_within(ceiling(modalities=2, d_u=[2, 0], rho_u=[0.6, 0.1]), truth)

    def test_uncertain_xor(self):
        truth = 0.7 * (1 + (2 * norm.cdf(3 / np.sqrt(2)) - 1) ** 2) / 2 + 0.3 / 2
        assert_within(ceiling(modalities=2, classes=2, d_s=3, rho_s=0.7), truth)

    def test_a_cue_that_never_is_the_label_is_worth_nothing(self):
        assert ceiling(draws=200, d_r=3, d_u=2, d_s=4, rho_r=0, rho_u=0, rho_s=0)[0] == pytest.approx(0.25)


def gaussian_log_density(x, pattern, clutter, means):
    """log N(x; mean, Σ) for every mean, up to the constant of Σ, with Σ = P + clutter²(1 − P) written out."""
    basis = pattern.reshape(-1, x.shape[-1])
    inside = basis.T @ basis
    covariance = inside + clutter**2 * (np.eye(x.shape[-1]) - inside)
    inverse = np.linalg.inv(covariance)
    off = x[:, None] - means[None]
    return -0.5 * np.einsum("nad,de,nae->na", off, inverse, off)


def by_enumeration(inputs, patterns, dials, seen):
    """log p(y, x_S) / p(x_S | noise alone) by summing the density over every value of every latent symbol."""
    classes, several, rows = dials.classes, len(inputs), len(inputs[0])
    symbols = list(product(range(classes), repeat=3))
    density = []
    for m, (x, pattern) in enumerate(zip(inputs, patterns, strict=True)):
        means = [sum(dials.strengths[c, m] * pattern[c, s[c]].ravel() for c in range(3)) for s in symbols]
        log_d = gaussian_log_density(x.reshape(rows, -1), pattern, dials.clutter, np.array(means))
        density.append(log_d.reshape(rows, classes, classes, classes))

    def channel(cue, y, rho):
        return rho * (cue == y) + (1 - rho) / classes

    joint = np.full((rows, classes), -np.inf)
    for y, r in product(range(classes), repeat=2):
        for private in product(range(classes), repeat=several):
            for shares in product(range(classes), repeat=several):
                weight = dials.prior[y] * channel(r, y, dials.rho_r) / classes ** (several - 1)
                weight *= np.prod([channel(u, y, p) for u, p in zip(private, dials.private_rho, strict=True)])
                weight *= channel(sum(shares) % classes, y, dials.rho_s)
                if weight > 0:
                    terms = sum((density[m][:, r, private[m], shares[m]] for m in seen), np.zeros(rows))
                    joint[:, y] = np.logaddexp(joint[:, y], np.log(weight) + terms)
    noise = [
        gaussian_log_density(x.reshape(rows, -1), pattern, dials.clutter, np.zeros((1, pattern[0, 0].size)))
        for x, pattern in zip(inputs, patterns, strict=True)
    ]
    return joint - sum((noise[m] for m in seen), np.zeros((rows, 1)))


TINY = {
    "all cues, uncertain, imbalanced": {
        "modalities": ["tabular", "embedding"], "classes": 3, "imbalance": 3, "clutter": 0.5,
        "d_r": [1, 0.5], "d_u": [0.7, 2], "d_s": [2, 1.5], "rho_r": 0.7, "rho_u": [0.5, 0.9], "rho_s": 0.8,
    },
    "three modalities, some without a cue": {
        "modalities": ["tabular"] * 3, "classes": 2, "imbalance": 2,
        "d_r": [1, 0, 2], "d_u": [0, 1, 0], "d_s": [2, 1, 1.5], "rho_r": 0.6, "rho_u": 0.8, "rho_s": 0.9,
    },
    "certain cues": {"modalities": ["tabular"] * 3, "classes": 2, "d_u": [1, 0, 0], "d_s": 1.2},
    "an image and a sound": {
        "modalities": ["image", "audio"], "classes": 2,
        "d_r": 1, "d_u": 1.5, "d_s": 2, "rho_r": 0.6, "rho_u": 0.7, "rho_s": 0.8,
    },
}  # fmt: skip


@pytest.mark.parametrize("options", TINY.values(), ids=TINY.keys())
def test_posterior_equals_enumeration_of_every_latent(options):
    made = Synthetic(**options)
    rng = np.random.default_rng(3)
    _, symbols = draw_symbols(made.dials, 6, rng)
    patterns = made.patterns()
    inputs = draw_inputs(made.dials, patterns, symbols, rng)
    z = project(inputs, patterns)
    for seen in subsets_of(len(inputs)):
        joint = by_enumeration(inputs, patterns, made.dials, seen)
        evidence = joint - np.log(made.dials.prior)
        np.testing.assert_allclose(log_likelihood(z, made.dials, list(seen)), evidence, rtol=0, atol=1e-10)
        expected = joint - logsumexp(joint, axis=1, keepdims=True)
        np.testing.assert_allclose(log_posterior(z, made.dials, seen), expected, rtol=0, atol=1e-10)


CALIBRATED = {
    "synthetic_redundant": None,
    "synthetic_private": None,
    "synthetic_mixed": None,
    "synthetic_synergy": None,
    "synthetic_mixed_synergy": None,
    "imbalanced": {
        "d_r": 1, "d_u": [2, 1, 0], "d_s": 3, "rho_r": 0.5, "rho_u": [0.9, 0.4, 1], "rho_s": 0.8,
        "imbalance": 8,
    },
    "four modalities": {
        "modalities": 4, "classes": 3, "d_r": 0.5, "d_u": 0.5, "d_s": 4, "rho_s": 0.9, "rho_r": 0.8,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CALIBRATED)
def test_calibrated_for_every_subset(name):
    dials = get(name).dials if CALIBRATED[name] is None else Dials(**CALIBRATED[name])
    labels, z = draw_projections(dials, 20_000, generator("calibration", of=name))
    for seen in subsets_of(len(dials.inputs)):
        p = np.exp(log_posterior(z, dials, seen))
        off = (p.argmax(axis=1) == labels) - p.max(axis=1)
        assert abs(off.mean()) <= 4 * off.std() / np.sqrt(len(off)) + 1e-12, seen


class TestNumerics:
    @pytest.mark.parametrize("d", [8, 60])
    def test_strong_cues_stay_finite(self, d):
        dials = Dials(d_r=d, d_u=d, d_s=d, rho_r=0.9, rho_s=1)
        _, z = draw_projections(dials, 2_000, np.random.default_rng(0))
        for seen in subsets_of(3):
            log_p = log_posterior(z, dials, seen)
            assert np.isfinite(log_p).all()
            np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, atol=1e-12)

    def test_strong_synergy_far_from_its_symbols(self):
        dials = Dials(d_s=8)
        z = 12 * np.random.default_rng(1).standard_normal((2_000, 3, 3, 4))
        assert np.isfinite(log_posterior(z, dials)).all()
