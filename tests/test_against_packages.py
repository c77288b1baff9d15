"""Parts of the catalogue against maintained packages: the same weights or the same data, numbers compared."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from fusebench import fusion
from fusebench.datasets.bundle import Bundle, Modality, Rows
from fusebench.fusion import build, make_task
from fusebench.fusion.attention import Attention
from fusebench.fusion.cross_modal.correlation import canonical_directions
from fusebench.fusion.early.kernels import KernelMachine

pytestmark = pytest.mark.slow
fusion.load_all()


def views(count, rows=300, width=6):
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(rows, 2))
    made = [shared @ rng.normal(size=(2, width)) + rng.normal(size=(rows, width)) for _ in range(count)]
    return [view - view.mean(0) for view in made]


def alike(ours, theirs):
    """Return |correlation| of matching columns: directions are known up to sign and scale."""
    return [abs(np.corrcoef(ours[:, k], theirs[:, k])[0, 1]) for k in range(ours.shape[1])]


def test_canonical_correlations_are_cca_zoo_s():
    cca = pytest.importorskip("cca_zoo.linear").CCA
    x, y = views(2)
    directions, values = canonical_directions((x, y), 3, 0.0, generalised=False)
    theirs = cca(n_components=3).fit((x, y)).transform((x, y))
    for view, direction, projected in zip((x, y), directions, theirs, strict=True):
        assert alike(view @ direction, projected) == pytest.approx([1, 1, 1], abs=1e-6)
    measured = [abs(np.corrcoef(theirs[0][:, k], theirs[1][:, k])[0, 1]) for k in range(3)]
    assert values == pytest.approx(measured, abs=1e-8)


def test_generalised_correlations_are_cca_zoo_s():
    gcca = pytest.importorskip("cca_zoo.linear").GCCA
    parts = views(3)
    directions, _ = canonical_directions(parts, 3, 0.0, generalised=True)
    theirs = gcca(n_components=3).fit(parts).transform(parts)
    for view, direction, projected in zip(parts, directions, theirs, strict=True):
        assert alike(view @ direction, projected) == pytest.approx([1, 1, 1], abs=1e-6)


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_is_torch_s_on_the_same_weights(heads):
    torch.manual_seed(0)
    ours = Attention(8, heads, context=5)
    theirs = nn.MultiheadAttention(8, heads, kdim=5, vdim=5, batch_first=True)
    with torch.no_grad():
        for name, layer in (("q", ours.query), ("k", ours.key), ("v", ours.value)):
            getattr(theirs, f"{name}_proj_weight").copy_(layer.weight)
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.zeros(8), ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    tokens, context, kept = torch.randn(4, 3, 8), torch.randn(4, 6, 5), torch.rand(4, 6) > 0.4
    kept[:, 0] = True
    for mask in (None, kept):
        expected = theirs(tokens, context, context, key_padding_mask=None if mask is None else ~mask)[0]
        torch.testing.assert_close(ours(tokens, context, mask), expected)


def test_a_kernel_machine_of_one_block_is_scikit_learn_s_machine():
    x, y = views(1, rows=90)[0], np.arange(90) % 3
    ours = KernelMachine((6,), C=10.0).fit(x, y)
    theirs = SVC(C=10.0, kernel="rbf", gamma=float(ours.gammas_[0])).fit(x, y)
    expected = theirs.decision_function(x)
    np.testing.assert_allclose(ours.machine_.decision_function(ours.gram(x)), expected, atol=1e-3)
    assert np.array_equal(ours.predict_proba(x).argmax(1), expected.argmax(1))


def test_concatenation_before_logistic_regression_is_a_scikit_learn_pipeline():
    """Equal widths w: block scaling by 1/√w and a strength C are the strength C/w without it."""
    rng, width = np.random.default_rng(0), 4
    labels = np.arange(120) % 3
    inputs = {name: rng.normal(size=(120, width)) + labels[:, None] * 0.4 for name in ("a", "b")}
    rows = Rows({k: x.astype(np.float32) for k, x in inputs.items()}, np.ones((120, 2), bool), labels, labels)
    bundle = Bundle(tuple(Modality(n, "tabular", (width,)) for n in inputs), ("x", "y", "z"), rows, rows, rows)
    task = make_task(bundle.modalities, bundle.classes)
    joined = np.hstack(list(rows.inputs.values()))
    ours = build("early_concat_logreg(C=2)", task).fit(rows, rows).predict_proba(rows)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=2 / width, max_iter=2000)).fit(joined, labels)
    np.testing.assert_allclose(ours, theirs.predict_proba(joined), atol=1e-3)
