"""Synthetic data: what templates look like, and the law of symbols, inputs and noise."""

import numpy as np
import pytest

from fusebench.datasets import Modality
from fusebench.datasets.synthetic.dials import SHAPES, Dials
from fusebench.datasets.synthetic.generator import draw_inputs, draw_projections, draw_symbols, project
from fusebench.datasets.synthetic.nuisances import draw_nuisances
from fusebench.datasets.synthetic.posterior import log_posterior
from fusebench.datasets.synthetic.sets import Synthetic
from fusebench.datasets.synthetic.templates import direction, patterns_of, shapes, templates


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


class TestNuisances:
    ROWS = 40_000

    def hidden(self, **options):
        dials = Dials(d_u=1, **options)
        labels, _ = draw_symbols(dials, self.ROWS, np.random.default_rng(0))
        return labels, draw_nuisances(dials, labels, np.random.default_rng(1))

    def test_none_by_default(self):
        labels, hidden = self.hidden()
        np.testing.assert_array_equal(hidden.given, labels)
        assert (hidden.levels == 1).all() and hidden.present.all()
        assert not hidden.factor.any() and not hidden.shifts.any()
        rng = np.random.default_rng(2)
        draw_nuisances(Dials(d_u=1), labels, rng)
        assert rng.random() == np.random.default_rng(2).random()  # nothing was drawn

    def test_misaligned_content_shares_a_label_of_its_own(self):
        dials = Dials(d_u=1, rho_r=0.8, rho_u=0.9, d_s=1, misaligned=[0, 0.4, 1], imbalance=4)
        labels, symbols = draw_symbols(dials, self.ROWS, np.random.default_rng(0))
        redundant, private, shares = symbols.transpose(1, 0, 2)
        error = 4 * 0.5 / np.sqrt(self.ROWS)
        chance = (dials.prior**2).sum()
        for m, eta in enumerate((0, 0.4, 1)):
            for cue, rho in ((redundant, 0.8), (private, 0.9)):
                hit = rho * ((1 - eta) + eta * chance) + (1 - rho) / 4
                assert (cue[:, m] == labels).mean() == pytest.approx(hit, abs=error)
        both = 0.8 * 0.9 + (1 - 0.8 * 0.9) / 4  # of one label, whichever: the stranger's as well
        for m in range(3):
            assert (redundant[:, m] == private[:, m]).mean() == pytest.approx(both, abs=error)
        other = np.where(redundant[:, 2] == private[:, 2], redundant[:, 2], -1)
        assert np.bincount(other[other >= 0], minlength=4)[0] > 1.5 * np.bincount(other[other >= 0])[3]
        assert ((shares.sum(axis=1) % 4) == labels).mean() == pytest.approx(0.25, abs=error)
        counts = np.bincount(shares[:, 2], minlength=4) / self.ROWS
        assert counts == pytest.approx([0.25] * 4, abs=error)

    def test_absent_by_class_and_apart(self):
        absence = [[0.1, 0.2, 0.3, 0.6], 0.2, 0]
        labels, hidden = self.hidden(missing=absence)
        for y in range(4):
            rows = ~hidden.present[labels == y]
            error = 4 * 0.5 / np.sqrt(len(rows))
            assert rows.mean(axis=0) == pytest.approx([absence[0][y], 0.2, 0], abs=error)
            assert rows[:, :2].all(axis=1).mean() == pytest.approx(absence[0][y] * 0.2, abs=error)

    def test_label_that_is_given(self):
        labels, hidden = self.hidden(label_noise=0.4)
        assert (hidden.given == labels).mean() == pytest.approx(0.6 + 0.4 / 4, abs=4 * 0.5 / np.sqrt(self.ROWS))

    def test_levels_factor_and_shifts(self):
        _, hidden = self.hidden(snr_levels=[[0.5, 0.3], [2, 0.7]], time_shift=3, correlated_noise=2)
        error = 4 / np.sqrt(self.ROWS)
        assert np.unique(hidden.levels).tolist() == [0.5, 2]
        assert (hidden.levels == 2).mean() == pytest.approx(0.7, abs=error)
        assert hidden.factor.mean() == pytest.approx(0, abs=error) and hidden.factor.std() == pytest.approx(
            1, abs=error
        )
        for m in range(3):
            assert np.bincount(hidden.shifts[:, m]) / self.ROWS == pytest.approx([0.25] * 4, abs=error)
        assert (hidden.shifts[:, 0] == hidden.shifts[:, 1]).mean() == pytest.approx(0.25, abs=error)

    def test_one_level_for_all_rows(self):
        assert (self.hidden(snr_levels=[[2, 1]])[1].levels == 2).all()

    def test_direction_of_shared_noise(self):
        dials = Dials(d_r=[1, 0, 2], d_u=1)
        v = direction(dials)
        assert np.linalg.norm(v) == pytest.approx(1)
        np.testing.assert_allclose(v.sum(axis=-1), 0, atol=1e-12)
        assert ((v != 0).any(axis=-1) == (dials.strengths > 0)).all()
        np.testing.assert_array_equal(v, direction(Dials(d_r=[3, 0, 1], d_u=2, rho_u=0.5, correlated_noise=4)))
        assert np.abs(v - direction(Dials(d_r=[1, 0, 2], d_u=1, templates=1))).max() > 0.01

    def test_inputs_are_scaled_moved_rolled_and_cut(self):
        """The same draw with and without nuisances: they act on x as they say, noise included."""
        options = {"d_r": 1, "d_u": [2, 0, 1], "d_s": 3}
        plain, dials = Dials(**options), Dials(**options, correlated_noise=2, time_shift=2, missing=0.3)
        labels, symbols = draw_symbols(plain, 60, np.random.default_rng(3))
        hidden = draw_nuisances(dials, labels, np.random.default_rng(4))
        bare, made = (
            draw_inputs(d, patterns_of(plain), symbols, np.random.default_rng(5), h)
            for d, h in ((plain, None), (dials, hidden))
        )
        for m, pattern in enumerate(patterns_of(plain)):
            moved = 2 * np.einsum("ck,ck...->...", direction(dials)[:, m], pattern)
            for row in range(60):
                expected = np.roll(bare[m][row] + hidden.factor[row] * moved, hidden.shifts[row, m], axis=-1)
                expected = expected * hidden.present[row, m]
                np.testing.assert_allclose(made[m][row], expected, atol=1e-12)

    @pytest.mark.parametrize("time_shift", [0, 2])
    def test_projections_follow_the_law_of_projections_of_inputs(self, time_shift):
        """Means and covariances over rows of one label, drawn directly and through whole inputs."""
        dials = Dials(
            modalities=2, classes=2, d_r=1, d_u=[2, 0], d_s=3, snr_levels=[[0.5, 0.5], [2, 0.5]],
            correlated_noise=2, misaligned=0.2, time_shift=time_shift,
        )  # fmt: skip
        labels, symbols = draw_symbols(dials, 20_000, np.random.default_rng(6))
        hidden = draw_nuisances(dials, labels, np.random.default_rng(7))
        inputs = draw_inputs(dials, patterns_of(dials), symbols, np.random.default_rng(8), hidden)
        z = project(inputs, patterns_of(dials), time_shift=time_shift)
        given, direct = draw_projections(dials, 20_000, np.random.default_rng(9))
        in_use = np.broadcast_to((dials.strengths > 0)[..., None], z.shape[1:]).ravel()
        one, two = (a[y == 1].reshape((y == 1).sum(), -1)[:, in_use] for a, y in ((z, labels), (direct, given)))
        scale = np.maximum(one.std(axis=0), 1)
        assert np.abs((one.mean(axis=0) - two.mean(axis=0)) / scale).max() < 4.5 * np.sqrt(2 / 10_000)
        assert np.abs((np.cov(one.T) - np.cov(two.T)) / np.outer(scale, scale)).max() < 0.12
