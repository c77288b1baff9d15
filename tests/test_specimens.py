"""The tiny data of the contract: what can be known of its classes, computed apart."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.ensemble import HistGradientBoostingClassifier

from fusebench.core.seeding import generator
from fusebench.fusion import REGISTRY, learning_checks, load_all, register
from fusebench.fusion.checks import applies
from fusebench.fusion.learning_checks import CHANCE, ERROR
from fusebench.fusion.specimens import ceiling, specimen, synergy

load_all()


@pytest.mark.parametrize("kinds", [("tabular",), ("embedding",), ("tabular", "embedding")])
def test_the_ceiling_is_that_of_the_exact_posterior(kinds):
    data, scores = specimen(kinds, test=300, classes=40), 0.0
    for modality in data.modalities:
        means = generator("means", modality=modality.name).normal(0, 1.5, (40, *modality.shape))
        x = data.test.inputs[modality.name]
        scores = scores + np.stack([multivariate_normal(mean).logpdf(x) for mean in means], 1)
    exact = (scores.argmax(1) == data.test.labels).mean()
    assert ceiling(data) == exact
    assert exact < 1  # or the comparison says nothing
    assert ceiling(data, (data.modalities[0].name,)) <= 1


def test_the_ceiling_of_a_part_is_that_of_the_part_alone():
    both, alone = (specimen(kinds, test=300, classes=40) for kinds in (("tabular", "embedding"), ("tabular",)))
    assert ceiling(both, ("tabular",)) == ceiling(alone)


@pytest.mark.parametrize("kinds", [("tabular", "image"), ("tabular", "image", "audio")])
def test_synergy_is_in_all_modalities_together_alone(kinds):
    data, shown = synergy(kinds, train=800), []
    for modality in data.modalities:
        pattern = generator("means", modality=modality.name).normal(0, 1.5, (1, *modality.shape)).ravel()
        flat = {split: rows.inputs[modality.name].reshape(len(rows), -1) for split, rows in data.splits.items()}
        learner = HistGradientBoostingClassifier(max_iter=30).fit(flat["train"], data.train.labels)
        assert abs(learner.score(flat["test"], data.test.labels) - CHANCE) < 4 * ERROR
        shown.append(flat["test"] @ pattern > 0)
    known = np.sum(shown, 0) % 2 == data.test.labels
    assert known.mean() > 0.99


def test_what_is_declared_weak_is_not_held_to_it():
    place = dict(architecture="late", data_fusion="merge", level="features", operator="sum")
    for weak in ((), ("synergy",)):

        @register("told_weak", weak_on=weak, **place)
        def told_weak(h):
            """head(Σ_m h_m)."""
            return h.sum(0)

        try:
            assert applies("learns_pure_synergy", "told_weak") == (not weak)
        finally:
            REGISTRY.forget("told_weak")
    assert not applies("learns_pure_synergy", "late_mean")
    assert applies("stays_at_chance_on_pure_synergy", "late_mean")
    assert learning_checks.ADDITIVE == 0.75


def test_an_unknown_weakness_names_those_there_are():
    place = dict(architecture="late", data_fusion="merge", level="features", operator="sum")
    with pytest.raises(Exception, match=r"weakness of variant 'told_weak' 'synergie'.*did you mean 'synergy'"):
        register("told_weak", weak_on=("synergie",), **place)(lambda h: h.sum(0))
