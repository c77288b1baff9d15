"""Synthetic data: what templates look like, and the law of symbols, inputs and noise."""

import numpy as np
import pytest

from fusebench.datasets import Modality
from fusebench.datasets.synthetic.dials import SHAPES, Dials
from fusebench.datasets.synthetic.generator import draw_inputs, draw_projections, draw_symbols, project
from fusebench.datasets.synthetic.posterior import log_posterior
from fusebench.datasets.synthetic.sets import Synthetic
from fusebench.datasets.synthetic.templates import shapes, templates


def of_kind(kind):
    return Modality(kind, kind, SHAPES[kind])


class TestTemplates:
    @pytest.mark.parametrize("kind", SHAPES)
    @pytest.mark.parametrize("in_use", [(True, True, True), (False, True, False), (True, False, True)])
    def test_orthonormal_over_the_cues_in_use(self, kind, in_use):
        made = templates(of_kind(kind), in_use, 5, seed=1)
        assert made.shape == (3, 5, *SHAPES[kind])
        flat = made.reshape(15, -1)
        np.testing.assert_allclose(flat @ flat.T, np.diag(np.repeat(in_use, 5)), atol=1e-12)

    def test_none_in_use(self):
        assert not templates(of_kind("image"), (False, False, False), 4, seed=0).any()

    @pytest.mark.parametrize("kind", ["image", "audio"])
    def test_stay_near_their_shapes(self, kind):
        for seed in range(5):
            made = templates(of_kind(kind), (True, True, True), 4, seed)
            drawn = np.stack([shapes(of_kind(kind), cue, 4, seed) for cue in range(3)])
            kept = (made * drawn).reshape(12, -1).sum(axis=1)
            assert kept.min() > 0.75
            assert kept.mean() > 0.9

    @pytest.mark.parametrize("seed", range(4))
    def test_shapes_look_like_what_they_are_called(self, seed):
        gratings, blobs, _ = (shapes(of_kind("image"), cue, 4, seed) for cue in range(3))
        for grating, blob in zip(gratings, blobs, strict=True):
            spectrum = (np.abs(np.fft.fft2(grating)) ** 2).sum(axis=0)
            assert np.sort(spectrum.ravel())[-8:].sum() > 0.6 * spectrum.sum()  # one direction and pitch
            energy = (blob**2).sum(axis=0)
            assert np.sort(energy.ravel())[-32:].sum() > 0.9 * energy.sum()  # an eighth of the picture
        slopes = []
        for cue in range(3):
            sounds = shapes(of_kind("audio"), cue, 4, seed)[:, 0]
            loud = [np.argwhere(s > 0.3 * s.max()) for s in sounds]  # mel band and frame of loud cells
            slopes.append([np.polyfit(cells[:, 1], cells[:, 0], 1)[0] for cells in loud])
        tones, rising, falling = np.array(slopes)
        assert np.abs(tones).max() < 0.1 and rising.min() > 0.4 and falling.max() < -0.4

    def test_shapes_depend_on_seed_modality_cue_and_symbol_alone(self):
        for kind in SHAPES:
            few, many = (shapes(of_kind(kind), 1, k, 0) for k in (3, 6))
            np.testing.assert_array_equal(few, many[:3])
            assert np.abs(shapes(of_kind(kind), 1, 3, 1) - few).max() > 0.01
            assert np.abs(shapes(Modality(f"{kind}_2", kind, SHAPES[kind]), 1, 3, 0) - few).max() > 0.01

    def test_same_templates_under_other_options(self):
        one = Synthetic(d_u=2, name="one").patterns()
        two = Synthetic(d_u=1, rows=400, clutter=1, imbalance=3, rho_u=0.5, name="two").patterns()
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


class TestDraws:
    DIALS = Dials(classes=3, d_r=1, d_u=1, d_s=1, rho_r=0.7, rho_u=[0.2, 0.5, 1], rho_s=0.4, imbalance=4)

    def test_channels_and_shares(self):
        labels, symbols = draw_symbols(self.DIALS, 40_000, np.random.default_rng(0))
        redundant, private, shares = symbols.transpose(1, 0, 2)
        assert (redundant == redundant[:, :1]).all()
        error = 4 * 0.5 / np.sqrt(40_000)

        def agrees(cue, rho):
            return abs((cue == labels).mean() - (rho + (1 - rho) / 3)) < error

        assert agrees(redundant[:, 0], 0.7)
        assert all(agrees(private[:, m], rho) for m, rho in enumerate((0.2, 0.5, 1)))
        assert agrees(shares.sum(axis=1) % 3, 0.4)
        for m in range(3):  # every share alone, and every pair's sum, is uniform for each label
            for part in (shares[:, m], (shares[:, m] + shares[:, m - 1]) % 3):
                for y in range(3):
                    counts = np.bincount(part[labels == y], minlength=3) / (labels == y).sum()
                    assert np.abs(counts - 1 / 3).max() < 4 * 0.48 / np.sqrt((labels == y).sum())
        frequencies = np.bincount(labels) / len(labels)
        assert np.abs(frequencies - self.DIALS.prior).max() < error

    def test_private_cues_are_drawn_apart(self):
        dials = Dials(d_u=1, rho_u=0.5)
        labels, symbols = draw_symbols(dials, 40_000, np.random.default_rng(1))
        wrong = symbols[:, 1] != labels[:, None]
        assert abs(np.corrcoef(wrong[:, 0], wrong[:, 1])[0, 1]) < 4 / np.sqrt(40_000)

    def test_noise_is_standard_inside_the_span_and_clutter_outside(self):
        made = Synthetic(modalities=["tabular"], d_u=2, clutter=0.3)
        rng = np.random.default_rng(2)
        _, symbols = draw_symbols(made.dials, 20_000, rng)
        pattern = made.patterns()[0]
        (x,) = draw_inputs(made.dials, [pattern], symbols, rng)
        noise = x - 2 * pattern[1, symbols[:, 1, 0]]
        inside = pattern[1].T @ pattern[1]
        expected = inside + 0.09 * (np.eye(16) - inside)
        np.testing.assert_allclose(np.cov(noise.T), expected, atol=0.05)

    def test_projections_of_inputs_follow_the_law_of_projections(self):
        made = Synthetic(classes=3, d_r=1, d_u=[2, 0, 1], d_s=3)
        rng = np.random.default_rng(3)
        _, symbols = draw_symbols(made.dials, 3_000, rng)
        z = project(draw_inputs(made.dials, made.patterns(), symbols, rng), made.patterns())
        off = z - made.dials.strengths[:, :, None] * (symbols[..., None] == np.arange(3))
        in_use = made.dials.strengths > 0
        assert not off[:, ~in_use].any()
        assert np.abs(off.mean(axis=0)).max() < 4.5 / np.sqrt(3_000)
        assert off.std(axis=0)[in_use] == pytest.approx(1, abs=4.5 / np.sqrt(6_000))
        labels, direct = draw_projections(made.dials, 3_000, rng)
        own = direct[np.arange(3_000), 1, 0, labels]  # certain private cue: its symbol is the label
        assert own.mean() == pytest.approx(2, abs=4 / np.sqrt(3_000))

    def test_clutter_changes_no_posterior(self):
        found = []
        for clutter in (0, 0.25, 2):
            made = Synthetic(d_u=1, d_s=2, clutter=clutter)
            rng = np.random.default_rng(4)
            _, symbols = draw_symbols(made.dials, 20, rng)
            inputs = draw_inputs(made.dials, made.patterns(), symbols, rng)
            found.append(log_posterior(project(inputs, made.patterns()), made.dials))
        np.testing.assert_allclose(found[0], found[1], atol=1e-10)
        np.testing.assert_allclose(found[0], found[2], atol=1e-10)
