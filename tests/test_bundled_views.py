"""The sets that scikit-learn ships, cut into views: every column in one view, disjoint folds, saturation."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusebench.datasets import get, load_all

load_all()
SOURCES = {"breast_cancer_views": load_breast_cancer, "wine_views": load_wine}


@pytest.mark.parametrize("name", SOURCES)
def test_planning_says_what_loading_gives_without_any_files(name, monkeypatch):
    monkeypatch.delenv("FUSEBENCH_DATA", raising=False)
    data = get(name)
    bundle = data.load(0)
    assert {split: len(rows) for split, rows in bundle.splits.items()} == data.rows
    assert (bundle.modalities, bundle.classes) == (data.modalities, data.classes)
    assert bundle.train.inputs[data.modalities[0].name].dtype == np.float32


@pytest.mark.parametrize("name", SOURCES)
def test_every_column_of_the_original_is_in_one_view(name):
    values, target = SOURCES[name](return_X_y=True)
    for seed in (0, 3):
        for rows in get(name).load(seed).splits.values():
            joined = np.hstack(list(rows.inputs.values()))
            assert joined.shape[1] == values.shape[1]
            np.testing.assert_allclose(np.sort(joined), np.sort(values[rows.ids]), rtol=1e-6)
            np.testing.assert_array_equal(rows.labels, target[rows.ids])


@pytest.mark.parametrize("name", SOURCES)
def test_every_row_is_tested_once_in_five_seeds(name):
    tested = np.concatenate([get(name).load(seed).test.ids for seed in range(5)])
    assert sorted(tested.tolist()) == list(range(len(SOURCES[name]().target)))


def test_the_three_statistics_are_those_of_the_original():
    rows = get("breast_cancer_views").load(1).test
    held = load_breast_cancer()
    for view, word in (("mean", "mean "), ("error", " error"), ("worst", "worst ")):
        columns = [place for place, name in enumerate(held.feature_names) if word in str(name)]
        np.testing.assert_allclose(rows.inputs[view], held.data[rows.ids][:, columns], rtol=1e-6)


def test_classes_have_their_published_names():
    rows = get("breast_cancer_views").load(0).train
    held = load_breast_cancer()
    names = [get("breast_cancer_views").classes[label] for label in rows.labels]
    assert names == [str(held.target_names[label]) for label in held.target[rows.ids]]
    assert get("breast_cancer_views").positive == "malignant"


@pytest.mark.parametrize("name", SOURCES)
def test_the_set_is_as_saturated_as_its_card_says(name):
    scores = []
    for seed in range(3):
        bundle = get(name).load(seed)
        train, test = (np.hstack(list(rows.inputs.values())) for rows in (bundle.train, bundle.test))
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(train, bundle.train.labels)
        scores.append(model.score(test, bundle.test.labels))
    assert np.mean(scores) > 0.94
    assert any("useless for ranking" in note for note in get(name).card.notes)
