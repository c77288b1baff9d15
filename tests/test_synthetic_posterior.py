"""The exact posterior: against closed forms, enumeration of every latent, calibration."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import binom, norm

from fusebench.core.seeding import generator
from fusebench.datasets import get
from fusebench.datasets.synthetic import evidence
from fusebench.datasets.synthetic.ceilings import subsets_of
from fusebench.datasets.synthetic.dials import PRIVATE, Dials
from fusebench.datasets.synthetic.generator import draw_inputs, draw_projections, draw_symbols, project
from fusebench.datasets.synthetic.nuisances import draw_nuisances
from fusebench.datasets.synthetic.posterior import log_likelihood, log_posterior
from fusebench.datasets.synthetic.sets import Synthetic
from fusebench.datasets.synthetic.templates import direction, patterns_of


def k_ary(d, classes):
    """P(the symbol's projection is the largest of K), ∫ φ(z−d) Φ(z)^{K−1} dz."""
    return quad(lambda z: norm.pdf(z - d) * norm.cdf(z) ** (classes - 1), -10, d + 10)[0]


def ceiling(draws=40_000, seen=None, **options):
    """Mean and standard error of the largest posterior of the input, or of a subset."""
    dials = Dials(**options)
    _, z = draw_projections(dials, draws, generator("test", options=str(options)))
    top = np.exp(log_posterior(z, dials, seen)).max(axis=1)
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

    def test_misaligned(self):
        """Alone, the content of a stranger says nothing: (1−η)·a + η/K."""
        truth = 0.7 * k_ary(2, 4) + 0.3 / 4
        assert_within(ceiling(modalities=1, d_u=2, misaligned=0.3), truth)

    @pytest.mark.parametrize("dial", ["d_r", "d_u"])
    def test_missing_completely_at_random(self, dial):
        """Certain cues of strength d: Σ over how many are present of P(n)·a(√n·d)."""
        present, truth = binom.pmf(range(4), 3, 0.6), 0
        for several, p in enumerate(present):
            truth += p * (k_ary(np.sqrt(several) * 1.5, 4) if several else 1 / 4)
        assert_within(ceiling(**{dial: 1.5}, missing=0.4), truth)

    def test_missing_share(self):
        xor = (1 + (2 * norm.cdf(3 / np.sqrt(2)) - 1) ** 2) / 2
        truth = 0.9 * 0.7 * xor + (1 - 0.9 * 0.7) / 2
        assert_within(ceiling(modalities=2, classes=2, d_s=3, missing=[0.1, 0.3]), truth)

    def test_label_noise(self):
        """What is given is the label's symbol with probability 1−ν: (1−ν)·a + ν/K."""
        assert_within(ceiling(d_r=1.5, label_noise=0.4), 0.6 * 0.91870 + 0.4 / 4, rounding=6e-6)

    def test_levels(self):
        """The largest projection is the best guess at every level: Σ w·a(s·d)."""
        levels = [[0, 0.2], [1, 0.5], [1.5, 0.3]]
        truth = 0.2 / 4 + 0.5 * k_ary(2, 4) + 0.3 * k_ary(3, 4)
        assert_within(ceiling(modalities=1, d_u=2, snr_levels=levels), truth)

    @pytest.mark.parametrize("c", [0.5, 2, 50])
    def test_correlated_noise(self, c):
        """Two normal classes of one covariance I + c²vvᵀ: Φ(√(ΔᵀΣ⁻¹Δ)/2), for one modality and for all."""
        options = {"modalities": 2, "classes": 2, "d_u": 1.5, "correlated_noise": c}
        dials = Dials(**options)
        apart = np.array([1.5, -1.5])
        for seen in [(0,), (1,), (0, 1)]:
            v = c * direction(dials)[PRIVATE, list(seen)].ravel()
            gap = np.tile(apart, len(seen))
            distance = np.sqrt(gap @ np.linalg.solve(np.eye(len(v)) + np.outer(v, v), gap))
            assert_within(ceiling(seen=seen, **options), norm.cdf(distance / 2))

    def test_shift_that_shows_costs_nothing(self):
        """With hardly any noise around the templates the row's shift is known."""
        made = ceiling(draws=5_000, modalities=["audio"], d_u=1.5, time_shift=3, clutter=0.01)
        assert_within(made, k_ary(1.5, 4))

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


THREE_CUES = {"d_r": 1, "d_u": [2, 1, 1.5], "d_s": 3, "rho_r": 0.6, "rho_u": 0.7, "rho_s": 0.9}
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
    "misaligned": THREE_CUES | {"misaligned": [0.5, 0.2, 0], "imbalance": 3},
    "missing": THREE_CUES | {"missing": [[0.1, 0.2, 0.3, 0.6], 0.2, [0, 0.5, 0, 0.5]]},
    "label noise": THREE_CUES | {"label_noise": 0.3, "imbalance": 3},
    "levels": THREE_CUES | {"snr_levels": [[0.3, 0.4], [1, 0.3], [2, 0.3]]},
    "shifted": THREE_CUES | {"time_shift": 2},
    "shared noise": THREE_CUES | {"correlated_noise": 4},
    "every dial": THREE_CUES | {
        "misaligned": 0.2, "missing": [[0.1, 0.2, 0.3, 0.6], 0.2, 0], "label_noise": 0.2, "time_shift": 1,
        "snr_levels": [[0.5, 0.5], [2, 0.5]], "correlated_noise": 2, "imbalance": 2,
    },
    "five modalities": {
        "modalities": 5, "classes": 3, "d_r": 0.5, "d_u": 1, "d_s": 4, "misaligned": 0.1, "missing": 0.2,
    },
}  # fmt: skip
FEWER = {"shifted": 8_000, "shared noise": 8_000, "every dial": 1_000, "five modalities": 8_000}


@pytest.mark.parametrize("name", CALIBRATED)
def test_calibrated_for_every_subset(name):
    dials = get(name).dials if CALIBRATED[name] is None else Dials(**CALIBRATED[name])
    labels, z = draw_projections(dials, FEWER.get(name, 20_000), generator("calibration", of=name))
    for seen in subsets_of(len(dials.inputs)):
        p = np.exp(log_posterior(z, dials, seen))
        off = (p.argmax(axis=1) == labels) - p.max(axis=1)
        assert abs(off.mean()) <= 4 * off.std() / np.sqrt(len(off)) + 1e-12, seen


class TestLimits:
    """A dial near 0, or without effect on a row, leaves the posterior without the dial."""

    @pytest.mark.parametrize(
        "dial",
        [
            {"misaligned": 1e-13}, {"missing": 0.3}, {"label_noise": 1e-13}, {"correlated_noise": 1e-7},
            {"snr_levels": [[1, 0.4], [1, 0.6]]}, {"snr_levels": [[1, 1 - 1e-13], [2, 1e-13]]},
        ],
        ids=str,
    )  # fmt: skip
    def test_of_no_effect(self, dial):
        base = Dials(**THREE_CUES, imbalance=2)
        _, z = draw_projections(base, 200, np.random.default_rng(0))
        with_dial = Dials(**THREE_CUES, imbalance=2, **dial)
        for seen in subsets_of(3):
            found, expected = (log_posterior(z, dials, seen) for dials in (with_dial, base))
            np.testing.assert_allclose(found, expected, atol=1e-7)

    def test_likelihoods_are_on_one_scale(self):
        """Cues that may be entangled and cues that are not: the same ratio to noise alone, K^{1−M} and all."""
        base, entangled = Dials(**THREE_CUES), Dials(**THREE_CUES, misaligned=1e-13)
        _, z = draw_projections(base, 200, np.random.default_rng(0))
        for seen in map(list, subsets_of(3)):
            found, expected = (log_likelihood(z, dials, seen) for dials in (entangled, base))
            np.testing.assert_allclose(found, expected, atol=1e-7)

    def test_of_a_shift_that_is_known(self):
        shifted, base = (Dials(**THREE_CUES, clutter=0.005, time_shift=k) for k in (3, 0))
        labels, symbols = draw_symbols(shifted, 100, np.random.default_rng(1))
        hidden = draw_nuisances(shifted, labels, np.random.default_rng(2))
        unrolled = replace(hidden, shifts=np.zeros_like(hidden.shifts))
        found = []
        for dials, how in ((shifted, hidden), (base, unrolled)):
            inputs = draw_inputs(dials, patterns_of(dials), symbols, np.random.default_rng(3), how)
            z = project(inputs, patterns_of(dials), time_shift=dials.time_shift)
            found.append([log_posterior(z, dials, seen) for seen in subsets_of(3)])
        np.testing.assert_allclose(found[0], found[1], atol=1e-9)

    def test_of_what_is_missing_completely_at_random(self):
        """Absence that does not depend on the label leaves the posterior of what is there."""
        base, missing = Dials(**THREE_CUES), Dials(**THREE_CUES, missing=[0.2, 0.5, 0.9])
        _, z = draw_projections(base, 100, np.random.default_rng(4))
        for there in subsets_of(3):
            gone = np.isin(np.arange(3), there, invert=True)
            cut = np.where(gone[:, None], np.nan, z)
            np.testing.assert_allclose(log_posterior(cut, missing), log_posterior(z, base, there), atol=1e-10)

    def test_absence_that_one_class_alone_knows(self):
        dials = Dials(modalities=2, classes=2, d_u=2, missing=[[0, 0.5], 0.2])
        _, z = draw_projections(dials, 400, np.random.default_rng(5))
        log_p = log_posterior(z, dials)
        gone = np.isnan(z[:, 0, 0, 0])
        assert gone.any() and np.isfinite(log_p).all()
        np.testing.assert_allclose(np.exp(log_p[gone]), [[0, 1]] * gone.sum(), atol=1e-200)

    def test_presence_of_others_is_not_read(self):
        dials = Dials(**THREE_CUES, missing=[[0.1, 0.2, 0.3, 0.6]] * 3)
        _, z = draw_projections(dials, 100, np.random.default_rng(6))
        cut = z.copy()
        cut[:, :, 2] = np.nan
        np.testing.assert_array_equal(log_posterior(z, dials, (0, 1)), log_posterior(cut, dials, (0, 1)))
        assert np.abs(log_posterior(z, dials) - log_posterior(cut, dials)).max() > 0.1


class TestNumerics:
    def test_strong_cues_stay_finite_under_every_dial(self):
        dials = Dials(
            d_r=30, d_u=30, d_s=30, rho_r=0.9, misaligned=0.1, missing=0.2, time_shift=1, correlated_noise=20,
            snr_levels=[[1, 0.5], [2, 0.5]],
        )  # fmt: skip
        _, z = draw_projections(dials, 8, np.random.default_rng(0))
        for seen in subsets_of(3):
            log_p = log_posterior(z, dials, seen)
            assert np.isfinite(log_p).all()
            np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, atol=1e-12)

    def test_blocks_join(self, monkeypatch):
        dials = Dials(**THREE_CUES, misaligned=0.2)
        _, z = draw_projections(dials, 50, np.random.default_rng(0))
        whole = log_posterior(z, dials)
        monkeypatch.setattr(evidence, "BLOCK", 3 * evidence.cells(dials, [0, 1, 2]))
        np.testing.assert_allclose(log_posterior(z, dials), whole, rtol=0, atol=1e-12)

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
