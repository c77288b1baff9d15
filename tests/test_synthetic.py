"""Synthetic data: dials, and what the data sets hand out."""

from dataclasses import fields

import numpy as np
import pytest

from fusebench.benchmarks.suite import load
from fusebench.core.errors import FusebenchError
from fusebench.datasets import Modality, get
from fusebench.datasets.registry import REGISTRY
from fusebench.datasets.synthetic.dials import Dials
from fusebench.datasets.synthetic.generator import project
from fusebench.datasets.synthetic.posterior import log_posterior
from fusebench.datasets.synthetic.sets import Synthetic

PRESETS = {
    "synthetic_redundant": {"d_r": 1.5, "rho_r": 0.6},
    "synthetic_private": {"d_u": 2, "rho_u": 0.6},
    "synthetic_mixed": {"d_r": 1.5, "rho_r": 0.7, "d_u": 2, "rho_u": 0.6},
    "synthetic_synergy": {"d_s": 6, "rows": 2000},
    "synthetic_mixed_synergy": {"d_r": 1.5, "rho_r": 0.7, "d_u": 2, "rho_u": 0.6, "d_s": 4, "rho_s": 0.7},
}


class TestDials:
    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({}, "no cue"),
            ({"d_u": 0, "d_s": [0, 0, 0]}, "no cue"),
            ({"d_u": 2, "classes": 1}, "classes=1"),
            ({"d_u": 2, "classes": 4.5}, "classes=4.5"),
            ({"d_u": 2, "classes": True}, "classes=true"),
            ({"d_u": 2, "classes": 17}, "'tabular' has 16 dimensions"),
            ({"d_u": 2, "d_r": 1, "d_s": 3, "classes": 6}, "need 18"),
            ({"d_u": [1, 2]}, "list of 3"),
            ({"d_u": -1}, "d_u=-1"),
            ({"d_u": "much"}, "d_u=much"),
            ({"d_u": float("nan")}, "d_u=NaN"),
            ({"d_u": 2, "modalities": 0}, "modalities=0"),
            ({"d_u": 2, "modalities": []}, "modalities=[]"),
            ({"d_u": 2, "modalities": 11}, "modalities=11"),
            ({"d_u": 2, "modalities": ["imge"]}, "did you mean 'image'"),
            ({"d_u": 2, "modalities": "image"}, "modalities=image"),
            ({"d_s": 2, "modalities": 1}, "at least two modalities"),
            ({"d_u": 2, "rho_u": 1.5}, "rho_u=1.5"),
            ({"d_u": 2, "rho_u": [1, 1]}, "list of 3"),
            ({"d_r": 2, "rho_r": -0.1}, "rho_r=-0.1"),
            ({"d_s": 2, "rho_s": [1, 1, 1]}, "rho_s=[1,1,1]"),
            ({"d_u": 2, "rows": 15}, "rows=15"),
            ({"d_u": 2, "test_rows": 0}, "test_rows=0"),
            ({"d_u": 2, "imbalance": 0}, "imbalance=0"),
            ({"d_u": 2, "clutter": -1}, "clutter=-1"),
            ({"d_u": 2, "templates": -1}, "templates=-1"),
            ({"d_u": 2, "misaligned": 1.5}, "misaligned=1.5"),
            ({"d_u": 2, "misaligned": [0.1, 0.2]}, "list of 3, one for each modality (tabular, image, audio)"),
            ({"d_u": 2, "missing": -0.1}, "missing=-0.1"),
            ({"d_u": 2, "missing": 1}, "not all of them 1"),
            ({"d_u": 2, "missing": [0.1, 0.2]}, "list of 3, one for each modality (tabular, image, audio)"),
            ({"d_u": 2, "missing": [0.1, 0.2, [0.1, 0.2]]}, "missing=[0.1,0.2,[0.1,0.2]]"),
            ({"d_u": 2, "missing": [0.1, 0.2, [0.1, 0.2, 0.3, "x"]]}, "a list of 4, one for each class"),
            ({"d_u": 2, "label_noise": 1.1}, "label_noise=1.1"),
            ({"d_u": 2, "label_noise": [0.1, 0.1, 0.1]}, "label_noise=[0.1,0.1,0.1]"),
            ({"d_u": 2, "snr_levels": 2}, "snr_levels=2"),
            ({"d_u": 2, "snr_levels": []}, "snr_levels=[]"),
            ({"d_u": 2, "snr_levels": [1, 2]}, "expected a list of [level,weight]"),
            ({"d_u": 2, "snr_levels": [[1, 0.5], [2, 0.4]]}, "sum to 1"),
            ({"d_u": 2, "snr_levels": [[1, 1], [2, 0]]}, "weights above 0"),
            ({"d_u": 2, "snr_levels": [[-1, 1]]}, "snr_levels=[[-1,1]]"),
            ({"d_u": 2, "snr_levels": [[0, 1]]}, "a level above 0"),
            ({"d_u": 2, "time_shift": 1.5}, "time_shift=1.5"),
            ({"d_u": 2, "time_shift": 16}, "0 to 15"),
            ({"d_u": 2, "time_shift": 1, "clutter": 0}, "clutter=0"),
            ({"d_u": 2, "time_shift": 1, "clutter": 1e-6}, "clutter=1e-06"),
            ({"d_u": 2, "rows": 1e30}, "rows=1e"),
            ({"d_u": 2, "correlated_noise": -1}, "correlated_noise=-1"),
            ({"d_u": 2, "correlated_noise": [1, 1, 1]}, "correlated_noise=[1,1,1]"),
        ],
    )
    def test_refused_at_construction(self, options, named):
        with pytest.raises(FusebenchError) as caught:
            Synthetic(**options)
        assert named in str(caught.value)
        assert str(caught.value).startswith("Data set 'synthetic': ")

    def test_dimensions_count_only_the_cues_that_a_modality_has(self):
        assert Synthetic(classes=16, d_u=[2, 2, 2], d_r=[0, 1, 1]).classes[-1] == "15"

    def test_modalities_by_number_and_by_kind(self):
        names = [m.name for m in Synthetic(d_u=1, modalities=5).modalities]
        assert names == ["tabular", "image", "audio", "tabular_2", "image_2"]
        made = Synthetic(d_u=1, modalities=["image", "tabular", "image"]).modalities
        assert made == (
            Modality("image", "image", (3, 16, 16)),
            Modality("tabular", "tabular", (16,)),
            Modality("image_2", "image", (3, 16, 16)),
        )
        assert Synthetic(d_u=1).modalities[2] == Modality("audio", "audio", (1, 16, 16))

    def test_prior_falls_geometrically_to_its_last_class(self):
        prior = Dials(d_u=1, imbalance=8).prior
        assert prior.sum() == pytest.approx(1)
        assert prior[:-1] / prior[1:] == pytest.approx([2, 2, 2])
        assert Dials(d_u=1).prior == pytest.approx([0.25] * 4)

    def test_lists_make_a_hashable_set(self):
        assert hash(Synthetic(d_u=[1, 2, 3])) == hash(Synthetic(d_u=(1, 2, 3)))
        assert Synthetic(d_u=[1, 2, 3]) != Synthetic(d_u=[1, 2, 4])
        nested = {"missing": [[0.1, 0.2, 0.3, 0.6], 0.2, 0], "snr_levels": [[0.5, 0.5], [2, 0.5]]}
        assert hash(Synthetic(d_u=2, **nested)) == hash(Synthetic(d_u=2, **nested))

    def test_prior_of_the_label_that_is_given(self):
        dials = Dials(d_u=1, imbalance=8, label_noise=0.4)
        assert dials.given_prior == pytest.approx(0.6 * dials.prior + 0.1)

    @pytest.mark.parametrize(
        "name",
        [
            "synthetic(d_u=2,missing=[[0.1,0.2,0.3,0.6],0.2,0])",
            "synthetic(d_u=2,snr_levels=[[0.5,0.5],[2,0.5]])",
            "synthetic(d_r=1.5,d_s=4,misaligned=0.2)",
            "synthetic(correlated_noise=2,d_u=2,label_noise=0.1,time_shift=3)",
        ],
    )
    def test_names(self, name):
        assert get(name).name == name
        assert get(name).identity() == name
        spaced = name.replace(",", ", ").replace("=2", "=2.0").replace("=", " = ")
        assert get(spaced) == get(name)

    def test_defaults_are_left_out_of_names(self):
        off = "misaligned=0,missing=0,label_noise=0,snr_levels=[[1,1.0]],time_shift=0,correlated_noise=0"
        assert get(f"synthetic(d_u=2,{off})").name == "synthetic(d_u=2)"


def test_suite_of_interactions_turns_one_dial_at_a_time():
    """Every set differs from the base in one dial, or in the two strengths of the plane."""
    names = load("interactions").suite.datasets
    assert [get(name).name for name in names] == list(names) and len(set(names)) == len(names)
    dials = [get(name).dials for name in names]
    base = Dials(d_r=1.5, rho_r=0.7, d_u=2, rho_u=0.6, rows=1500, test_rows=2000)
    turned = [{f.name for f in fields(Dials) if getattr(d, f.name) != getattr(base, f.name)} for d in dials]
    assert set() in turned
    assert all(len(t) == 1 or t == {"d_r", "d_s"} for t in turned if t)
    assert {d.d_r for d in dials} == {0, 0.75, 1.5, 3} and {d.d_s for d in dials} == {0, 2, 4, 6}
    swept = {"misaligned", "missing", "label_noise", "snr_levels", "time_shift", "correlated_noise", "modalities"}
    assert swept <= set().union(*turned)


GOLDEN = {
    "synthetic_mixed_synergy(rows=40,test_rows=30)": (
        "010113111231101201120223012000",
        {"tabular": [2.06788, 1.09852], "image": [0.16969, -0.24242], "audio": [-0.26427, -0.02609]},
        [[-1.732834, -5.004209, -4.822493, -0.212623], [-0.01719, -5.004417, -5.090366, -5.47757]],
    ),
    'synthetic(classes=3,clutter=0.5,d_r=[1,0.5],d_u=[0,2],d_s=2,imbalance=3,modalities=["embedding","audio"],'
    "rho_r=0.7,rho_s=0.8,rho_u=[0.5,0.9],rows=20,templates=3,test_rows=30)": (
        "000010210200200000212000102000",
        {"embedding": [-2.55409, -1.02816], "audio": [-0.46953, 0.61549]},
        [[-0.008601, -4.819609, -7.611791], [-0.012956, -4.643988, -5.728008]],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_name_keeps_its_rows(name):
    """Results are stored under names, so a name must go on to mean the same rows."""
    labels, numbers, log_posteriors = GOLDEN[name]
    test = get(name).load(2).test
    assert "".join(map(str, test.labels)) == labels
    for modality, ends in numbers.items():  # the last number of the first and of the last row
        assert test.inputs[modality].reshape(30, -1)[[0, -1], -1] == pytest.approx(ends, abs=1e-5)
    np.testing.assert_allclose(test.log_posterior[[0, -1]], log_posteriors, atol=1e-6)


EVERY = (
    "synthetic(correlated_noise=3,d_r=1.5,d_s=4,d_u=2,imbalance=2,label_noise=0.1,misaligned=0.1,"
    "missing=[[0.1,0.2,0.3,0.6],0.3,0.5],rho_r=0.7,rho_s=0.9,rho_u=0.6,rows=400,snr_levels=[[0.7,0.5],[2,0.5]],"
    "test_rows=2000,time_shift=1)"
)


@pytest.fixture(scope="module")
def every():
    return get(EVERY).load(0)


class TestEveryDial:
    def test_absent_is_zero_and_never_not_a_number(self, every):
        for rows in every.splits.values():
            assert not rows.present.all(axis=0).any()
            for m, array in enumerate(rows.inputs.values()):
                flat = array.reshape(len(rows), -1)
                assert np.isfinite(flat).all()
                np.testing.assert_array_equal((flat == 0).all(axis=1), ~rows.present[:, m])
                assert (flat != 0).all(axis=1)[rows.present[:, m]].all()
        assert (~every.test.present).all(axis=1).any()  # by the law some rows lack everything

    def test_posterior_is_of_the_rows_that_are_handed_out(self, every):
        made = get(EVERY)
        rows = every.test.take(slice(0, 100))
        z = project([rows.inputs[m.name] for m in made.modalities], made.patterns(), rows.present, 1)
        assert np.abs(log_posterior(z, made.dials) - rows.log_posterior).max() < 1e-3

    def test_posterior_of_loaded_rows_is_calibrated(self, every):
        p = np.exp(every.test.log_posterior)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        off = (p.argmax(axis=1) == every.test.labels) - p.max(axis=1)
        assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))

    def test_a_seed_is_a_fresh_draw(self, every):
        again, other = (get(EVERY.replace("test_rows=2000", "test_rows=9")).load(s).test for s in (0, 1))
        assert not np.array_equal(again.inputs["image"], other.inputs["image"])
        same = get(EVERY.replace("test_rows=2000", "test_rows=9")).load(1).test
        np.testing.assert_array_equal(other.inputs["image"], same.inputs["image"])
        np.testing.assert_array_equal(other.log_posterior, same.log_posterior)


@pytest.fixture(scope="module")
def small():
    return get("synthetic_mixed_synergy(rows=240,test_rows=60)")


class TestSets:
    @pytest.mark.parametrize("name", PRESETS)
    def test_preset(self, name):
        made = get(name)
        assert made.dials == Dials(**PRESETS[name])
        assert (made.card.pairing, made.card.source_family) == ("synthetic", "synthetic")
        assert made.classes == ("0", "1", "2", "3")
        train = PRESETS[name].get("rows", 1000)
        assert made.rows == {"train": train, "validation": train // 4, "test": 4000}

    def test_bare_set_is_listed_and_asks_for_a_cue(self):
        assert "synthetic" in REGISTRY.ids
        with pytest.raises(FusebenchError, match="no cue"):
            get("synthetic")
        assert get("synthetic(d_s=4,classes=3)").name == "synthetic(classes=3,d_s=4)"

    def test_identity_tells_what_a_preset_fixes(self):
        assert get("synthetic_private").identity() == "synthetic(d_u=2,rho_u=0.6)"
        assert get("synthetic_synergy(rows=1000)").identity() == "synthetic(d_s=6)"

    def test_bundle(self, small):
        bundle = small.load(0)
        assert {k: len(v) for k, v in bundle.splits.items()} == small.rows
        for rows in bundle.splits.values():
            for modality in small.modalities:
                array = rows.inputs[modality.name]
                assert array.dtype == np.float32 and array.shape == (len(rows), *modality.shape)
            assert rows.labels.dtype == np.int64
            assert rows.present.all() and rows.groups is None
            assert rows.log_posterior.shape == (len(rows), 4)
            np.testing.assert_allclose(np.exp(rows.log_posterior).sum(axis=1), 1)

    def test_posterior_survives_float32(self, small):
        test = small.load(1).test
        patterns = small.patterns()
        z = project([test.inputs[m.name] for m in small.modalities], patterns)
        again = log_posterior(z, small.dials)
        assert np.abs(again - test.log_posterior).max() < 1e-4
        assert np.abs(again - test.log_posterior).max() > 0  # kept from the draw, before it was rounded

    def test_posterior_of_loaded_rows_is_calibrated(self):
        test = get("synthetic_mixed_synergy").load(0).test
        p = np.exp(test.log_posterior)
        off = (p.argmax(axis=1) == test.labels) - p.max(axis=1)
        assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))

    def test_a_seed_is_a_fresh_draw(self, small):
        one, again, other = small.load(0), small.load(0), small.load(1)
        for split, rows in one.splits.items():
            np.testing.assert_array_equal(rows.labels, again.splits[split].labels)
            np.testing.assert_array_equal(rows.ids, again.splits[split].ids)
            for name, array in rows.inputs.items():
                np.testing.assert_array_equal(array, again.splits[split].inputs[name])
                assert not np.isin(array.ravel(), other.splits[split].inputs[name].ravel()).all()
        assert {*one.test.ids}.isdisjoint(other.test.ids)
        assert all(seed % small.folds == seed for seed in (0, 7, 10_000))

    def test_templates_stay_over_seeds(self):
        made = Synthetic(d_u=20, rows=80, name="loud")
        means = [
            np.stack([b.test.inputs["image"][b.test.labels == k].mean(axis=0) for k in range(4)])
            for b in (made.load(0), made.load(1))
        ]
        np.testing.assert_allclose(means[0], 20 * made.patterns()[1][1], atol=0.2)
        np.testing.assert_allclose(means[0], means[1], atol=0.2)

    def test_splits_share_no_row(self, small):
        bundle = small.load(0)
        ids = [i for rows in bundle.splits.values() for i in rows.ids.tolist()]
        first = [v for rows in bundle.splits.values() for v in rows.inputs["tabular"][:, 0].tolist()]
        assert len(set(ids)) == len(ids) == len(first)
        assert len(set(first)) == len(first)

    def test_other_names_draw_other_rows(self):
        one, two = get("synthetic(d_u=2)"), get("synthetic(d_u=2,rows=1001)")
        assert not np.array_equal(one.load(0).test.labels, two.load(0).test.labels)

    def test_bayes(self):
        made = get("synthetic_mixed(imbalance=3)").bayes(draws=300)
        assert list(made["subsets"]) == [
            "none", "tabular", "image", "audio", "tabular+image", "tabular+audio", "image+audio",
            "tabular+image+audio",
        ]  # fmt: skip
        for row in made["subsets"].values():
            assert set(row) == {
                "accuracy", "accuracy_se", "mutual_information", "mutual_information_se",
            }  # fmt: skip
        none = made["subsets"]["none"]
        assert none["accuracy"] == Dials(d_u=1, imbalance=3).prior.max()
        assert (none["accuracy_se"], none["mutual_information"]) == (0, 0)
        assert made["draws"] == 300
        assert made == get("synthetic_mixed(imbalance=3)").bayes(draws=300)
        assert made["subsets"]["tabular"] != get("synthetic_mixed(imbalance=4)").bayes(300)["subsets"]["tabular"]
