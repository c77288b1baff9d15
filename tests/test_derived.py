"""Data sets made of another: what changes, and that nothing else does."""

import pickle

import numpy as np
import pytest

from fusebench import from_arrays
from fusebench.core.errors import FusebenchError
from fusebench.datasets import get, load_all
from fusebench.datasets.bundle import check
from fusebench.datasets.derived import Fewer, Placebo, nested_order


@pytest.fixture(scope="module")
def skin():
    """Three unequal classes in 40 groups."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, size=200, p=[0.7, 0.2, 0.1])
    inputs = {"record": rng.normal(size=(200, 3)), "photo": rng.normal(size=(200, 4, 4))}
    return from_arrays("skin", inputs, labels, groups=np.arange(200) // 5)


def test_fewer_training_rows_are_nested_and_keep_the_classes_shares(skin):
    whole, half, quarter = skin.load(1), Fewer(skin, 0.5).load(1), Fewer(skin, 0.25).load(1)
    n = len(whole.train)
    assert (len(half.train), len(quarter.train)) == (round(n / 2), round(n / 4))
    assert set(quarter.train.ids) < set(half.train.ids) < set(whole.train.ids)
    shares = [np.bincount(b.train.labels, minlength=3) / len(b.train) for b in (whole, half, quarter)]
    np.testing.assert_allclose(shares[1], shares[0], atol=1.5 / len(half.train))
    np.testing.assert_allclose(shares[2], shares[0], atol=1.5 / len(quarter.train))
    for part in (half, quarter):
        check(part, "skin")
        for split in ("validation", "test"):
            assert part.splits[split].ids.tolist() == whole.splits[split].ids.tolist()
        assert (np.diff(part.train.ids) > 0).all()  # in the source's order


def test_every_beginning_of_the_order_holds_the_rare_class():
    labels = np.array([0] * 97 + [1] * 2 + [2])
    order = nested_order(labels, "x", 0)
    assert sorted(order) == list(range(100))
    assert set(labels[order[:3]]) == {0, 1, 2}
    assert (order != nested_order(labels, "x", 1)).any()
    assert np.bincount(labels[order[:50]]).tolist() in ([48, 1, 1], [47, 2, 1])


def test_a_placebo_deals_labels_anew_within_each_split(skin):
    whole, placebo = skin.load(0), Placebo(skin).load(0)
    for split, rows in placebo.splits.items():
        before = whole.splits[split]
        assert np.bincount(rows.labels).tolist() == np.bincount(before.labels).tolist()
        assert (rows.labels != before.labels).any()
        assert rows.ids.tolist() == before.ids.tolist()
        assert rows.groups.tolist() == before.groups.tolist()
        np.testing.assert_array_equal(rows.inputs["photo"], before.inputs["photo"])
    assert Placebo(skin).load(0).test.labels.tolist() == placebo.test.labels.tolist()
    assert Placebo(skin).load(1).train.labels.tolist() != placebo.train.labels.tolist()


def test_names_rows_and_identities_tell_what_is_another_data_set(skin):
    load_all()
    quarter, placebo = Fewer(skin, 0.25), Placebo(skin)
    assert (quarter.name, placebo.name) == ("skin(train=0.25)", "skin-placebo")
    assert Fewer(placebo, 0.5).name == "skin-placebo(train=0.5)"
    assert Fewer(get("synthetic(d_s=4)"), 0.5).name == "synthetic(d_s=4,train=0.5)"
    assert quarter.rows == skin.rows | {"train": len(quarter.load(0).train)}
    assert (quarter.classes, quarter.folds, quarter.modalities) == (skin.classes, skin.folds, skin.modalities)
    other = from_arrays("skin", {"record": np.arange(60)}, np.arange(60) % 2)
    assert len({Fewer(skin, 0.25).identity(), Fewer(other, 0.25).identity(), skin.identity()}) == 3
    assert "shuffled" in placebo.card.notes[-1]
    assert not skin.card.notes


def test_a_placebo_forgets_the_exact_posterior_and_fewer_rows_keep_the_ceiling():
    load_all()
    source = get("synthetic_mixed(rows=80,test_rows=50)")
    assert source.load(0).test.log_posterior is not None
    assert Placebo(source).load(0).test.log_posterior is None
    assert Placebo(source).bayes() is None
    assert Fewer(source, 0.5).bayes() == source.bayes()


def test_a_worker_gets_the_same_data_set(skin):
    sent = pickle.loads(pickle.dumps({s.name: s for s in (skin, Fewer(skin, 0.5), Placebo(skin))}))
    for name, source in sent.items():
        assert source.name == name
        assert source.card.summary == skin.card.summary
    assert sent["skin(train=0.5)"].load(2).train.ids.tolist() == Fewer(skin, 0.5).load(2).train.ids.tolist()


@pytest.mark.parametrize("share", [0, 1.5, -0.25, float("nan")])
def test_a_share_that_is_none_is_refused(skin, share):
    with pytest.raises(FusebenchError, match="'skin': a share of"):
        Fewer(skin, share)
