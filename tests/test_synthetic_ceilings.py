"""Ceilings of synthetic data: Bayes accuracy, information and Shapley values of every subset."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm

from fusebench.core.seeding import generator
from fusebench.datasets import get
from fusebench.datasets.synthetic.ceilings import affordable, ceilings
from fusebench.datasets.synthetic.dials import Dials
from fusebench.datasets.synthetic.generator import draw_projections
from fusebench.datasets.synthetic.posterior import log_posterior
from fusebench.datasets.synthetic.sets import Synthetic

DEFAULT_SETS = {
    "synthetic_redundant": 0.651,
    "synthetic_private": 0.746,
    "synthetic_mixed": 0.841,
    "synthetic_synergy": 0.9999,
    "synthetic_mixed_synergy": 0.905,
}


def assert_within(estimate, truth, rounding=0.0):
    mean, se = estimate
    assert abs(mean - truth) <= 4 * se + rounding, f"{mean} ± {se} is not {truth}"


class TestCeilings:
    @pytest.mark.parametrize(("name", "value"), DEFAULT_SETS.items())
    def test_of_the_default_sets(self, name, value):
        full = get(name).bayes(draws=60_000)["subsets"]["tabular+image+audio"]
        rounding = 0.5e-4 if name == "synthetic_synergy" else 0.5e-3
        assert_within((full["accuracy"], full["accuracy_se"]), value, rounding=rounding)

    def test_without_the_third_modality_synergy_is_lost(self):
        pair = get("synthetic_mixed_synergy").bayes(draws=60_000)["subsets"]["tabular+image"]
        assert_within((pair["accuracy"], pair["accuracy_se"]), 0.780, rounding=0.5e-3)

    def test_proper_subsets_of_synergy_are_at_chance(self):
        table = Synthetic(d_s=6).bayes(draws=500)["subsets"]
        for key in ("none", "tabular", "image", "audio", "tabular+image", "tabular+audio", "image+audio"):
            assert table[key]["accuracy"] == pytest.approx(0.25, abs=1e-12)
            assert table[key]["mutual_information"] == pytest.approx(0, abs=1e-12)
        assert table["tabular+image+audio"]["mutual_information"] > 1.3

    def test_information_of_one_cue_by_quadrature(self):
        """K = 2, one modality: information of a binary signal of distance √2·d in unit noise."""
        row = Synthetic(modalities=1, classes=2, d_u=1.5).bayes(draws=40_000)["subsets"]["tabular"]

        def entropy(z):  # of the label, at log odds √2·d·z, weighted by the density of z given class 0
            p = 1 / (1 + np.exp(-np.sqrt(2) * 1.5 * z))
            return norm.pdf(z - 1.5 / np.sqrt(2)) * -np.log(p)

        truth = np.log(2) - quad(entropy, -12, 14)[0]
        assert_within((row["mutual_information"], row["mutual_information_se"]), truth)

    def test_rules_on_single_posteriors_lose_what_the_cards_say(self):
        """Exact posteriors: expected accuracy and log-loss of the mean and product, beside the optimum."""
        rows = {}
        for name in ("synthetic_redundant", "synthetic_private", "synthetic_mixed"):
            dials = get(name).dials
            _, z = draw_projections(dials, 40_000, generator("rules", of=name))
            single = [log_posterior(z, dials, (m,)) for m in range(3)]
            product_rule = sum(single) - 2 * np.log(dials.prior)
            product_rule = product_rule - logsumexp(product_rule, axis=1, keepdims=True)
            truth = log_posterior(z, dials)
            mean_rule = np.log(np.mean(np.exp(single), axis=0))
            p = np.exp(truth)
            for rule, log_q in {"all": truth, "product": product_rule, "mean": mean_rule}.items():
                hit = np.take_along_axis(p, log_q.argmax(axis=1)[:, None], axis=1)
                rows[name, rule] = hit.mean(), -(p * log_q).sum(axis=1).mean()
            if name == "synthetic_private":
                np.testing.assert_allclose(product_rule, truth, atol=1e-10)
        accuracy = [rows["synthetic_redundant", rule][0] for rule in ("all", "product", "mean")]
        assert accuracy == pytest.approx([0.651, 0.647, 0.642], abs=0.003)
        log_loss = [rows["synthetic_redundant", rule][1] for rule in ("all", "product", "mean")]
        assert log_loss == pytest.approx([1.006, 1.194, 1.099], abs=0.01)
        accuracy = [rows["synthetic_mixed", rule][0] for rule in ("all", "product", "mean")]
        assert accuracy == pytest.approx([0.841, 0.809, 0.806], abs=0.004)

    def test_chunks_join(self):
        dials = Dials(modalities=2, classes=8, d_u=1)
        made = ceilings(dials, np.random.default_rng(0), 40_000)  # more than one chunk
        once = ceilings(dials, np.random.default_rng(1), 5_000)
        one, two = (b["subsets"]["tabular+image"] for b in (once, made))
        assert_within((one["accuracy"], np.hypot(one["accuracy_se"], two["accuracy_se"])), two["accuracy"])

    def test_presence_alone_tells_what_it_tells(self):
        """A modality without a cue, absent with P(absent|y): two rows of a table, in closed form."""
        absence = np.array([0.1, 0.2, 0.3, 0.6])
        made = Synthetic(d_u=[2, 0], modalities=2, missing=[0, absence.tolist()]).bayes(draws=40_000)
        joint = np.stack([absence, 1 - absence]) / 4
        row = made["subsets"]["image"]
        assert_within((row["accuracy"], row["accuracy_se"]), joint.max(axis=1).sum())
        truth = (joint * np.log(joint / joint.sum(axis=1, keepdims=True) * 4)).sum()
        assert_within((row["mutual_information"], row["mutual_information_se"]), truth)

    def test_games_are_those_of_the_label_that_is_given(self):
        clean = Synthetic(d_u=2, rho_u=0.6, imbalance=3, name="one")
        noisy = Synthetic(d_u=2, rho_u=0.6, imbalance=3, label_noise=0.4, name="one")
        one, two = clean.bayes(draws=20_000), noisy.bayes(draws=20_000)
        assert two["subsets"]["none"]["accuracy"] == pytest.approx(0.6 * clean.dials.prior.max() + 0.1)
        assert two["subsets"]["none"]["mutual_information"] == 0
        for key, row in two["subsets"].items():
            clean_row = one["subsets"][key]
            errors = np.hypot(0.6 * clean_row["accuracy_se"], row["accuracy_se"])
            assert_within((0.6 * clean_row["accuracy"] + 0.1, errors), row["accuracy"], rounding=1e-12)
            assert row["mutual_information"] <= 0.5 * clean_row["mutual_information"]
        gain = two["subsets"]["tabular+image+audio"]["accuracy"] - two["subsets"]["none"]["accuracy"]
        assert sum(two["shapley"]["accuracy"].values()) == pytest.approx(gain, abs=1e-12)

    def test_fewer_draws_where_a_row_takes_long(self):
        every = {
            "misaligned": 0.2, "missing": 0.2, "label_noise": 0.1, "snr_levels": [[0.5, 0.5], [2, 0.5]],
            "time_shift": 2, "correlated_noise": 2,
        }  # fmt: skip
        cues = {"d_r": 1.5, "d_u": 2, "d_s": 4}
        few, many = affordable(Dials(**cues, **every)), affordable(Dials(**cues, modalities=5))
        assert 500 <= affordable(Dials(**cues, **every, modalities=10)) < few < many == 100_000
        assert Synthetic(**cues, **every, modalities=2).bayes(draws=7)["draws"] == 7


@pytest.fixture(scope="module")
def bayes():
    return Synthetic(d_r=1, rho_r=0.6, d_u=[1, 2, 0], rho_u=0.7, d_s=4, imbalance=2).bayes(draws=5_000)


class TestShapley:
    @pytest.mark.parametrize("game", ["accuracy", "mutual_information"])
    def test_efficient(self, bayes, game):
        table, values = bayes["subsets"], bayes["shapley"][game]
        assert list(values) == ["tabular", "image", "audio"]
        whole = table["tabular+image+audio"][game] - table["none"][game]
        assert sum(values.values()) == pytest.approx(whole, abs=1e-12)

    @pytest.mark.parametrize("game", ["accuracy", "mutual_information"])
    def test_is_the_mean_over_all_orders(self, bayes, game):
        value = {frozenset(k.split("+")) - {"none"}: v[game] for k, v in bayes["subsets"].items()}
        t, i, a = "tabular", "image", "audio"
        orders = [(t, i, a), (t, a, i), (i, t, a), (i, a, t), (a, t, i), (a, i, t)]
        steps = [
            value[frozenset(order[: order.index(i) + 1])] - value[frozenset(order[: order.index(i)])]
            for order in orders
        ]
        assert bayes["shapley"][game][i] == pytest.approx(np.mean(steps), abs=1e-12)

    def test_symmetric(self):
        shares = Synthetic(d_s=6).bayes(draws=500)["shapley"]["accuracy"].values()
        assert list(shares) == pytest.approx([0.75 / 3] * 3, abs=1e-3)
        made = Synthetic(d_r=1, d_u=1, rho_r=0.6, rho_u=0.6).bayes(draws=20_000)
        shares, errors = (list(made[part]["accuracy"].values()) for part in ("shapley", "shapley_se"))
        assert max(shares) - min(shares) <= 4 * np.sqrt(2) * max(errors)

    def test_a_modality_without_a_cue_is_worth_nothing(self):
        made = Synthetic(d_u=[2, 0, 0]).bayes(draws=2_000)
        full, none = made["subsets"]["tabular+image+audio"], made["subsets"]["none"]
        for game in ("accuracy", "mutual_information"):
            expected = [full[game] - none[game], 0, 0]
            assert list(made["shapley"][game].values()) == pytest.approx(expected, abs=1e-12)

    def test_error_covers_the_spread_of_repetitions(self):
        dials = Dials(modalities=2, d_u=1, rho_u=0.8)
        made = [ceilings(dials, np.random.default_rng(s), 500) for s in range(100)]
        for game in ("accuracy", "mutual_information"):
            pair = [b["subsets"]["tabular+image"] for b in made]
            subset = [(row[game], row[f"{game}_se"]) for row in pair]
            shapley = [(b["shapley"][game]["image"], b["shapley_se"][game]["image"]) for b in made]
            for found in (subset, shapley):
                values, errors = np.array(found).T
                assert values.std() / errors.mean() == pytest.approx(1, abs=0.3)
