"""Synthetic data: dials, and what the data sets hand out."""

import numpy as np
import pytest

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
