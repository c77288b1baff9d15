"""BRCA on small files in the published format and, as far as it stands there, on the published files."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusebench.core.errors import FusebenchError
from fusebench.datasets import get, load_all
from fusebench.datasets.brca import CARD, STUDY, Brca
from fusebench.datasets.fetch import raw

load_all()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Write a study of 60 + 20 rows and 6 + 5 + 4 features, and let the loader read it."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data/brca"
    folder.mkdir(parents=True)
    for split, rows in (("tr", 60), ("te", 20)):
        for number, width in (("1", 6), ("2", 5), ("3", 4)):
            np.savetxt(folder / f"{number}_{split}.csv", rng.random((rows, width)), delimiter=",")
        np.savetxt(folder / f"labels_{split}.csv", np.arange(rows) % 5)
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    study = replace(STUDY, checksums=dict.fromkeys(STUDY.checksums, ""), widths=(6, 5, 4), rows=(48, 12, 20))
    monkeypatch.setattr(Brca, "study", study)
    return folder


def test_the_published_split_is_kept_and_a_fifth_validates(small):
    data = get("brca")
    bundle = data.load(0)
    assert {split: len(rows) for split, rows in bundle.splits.items()} == data.rows
    assert bundle.test.ids.tolist() == list(range(60, 80))
    assert set(bundle.train.ids.tolist()) | set(bundle.validation.ids.tolist()) == set(range(60))
    assert min(np.bincount(bundle.validation.labels)) == 2
    assert [m.shape for m in bundle.modalities] == [(6,), (5,), (4,)]
    expected = np.loadtxt(small / "2_te.csv", delimiter=",").astype(np.float32)
    np.testing.assert_array_equal(bundle.test.inputs["methylation"], expected)
    assert bundle.test.labels.tolist() == [i % 5 for i in range(20)]
    assert data.load(3).train.ids.tolist() == bundle.train.ids.tolist()


def test_a_table_that_lost_a_row_is_named(small):
    lines = (small / "3_tr.csv").read_text().splitlines()
    (small / "3_tr.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(FusebenchError, match=r"'brca/3_tr\.csv' holds 59 rows of 4 numbers where 60 of 4"):
        get("brca").load(0)


def test_the_card_says_what_was_never_met():
    assert not CARD.verified and set(CARD.files) == {f"brca/{stem}.csv" for stem in STUDY.checksums}
    assert all(CARD.files.values()) and CARD.figures and CARD.split
    assert get("rosmap").card.verified
    assert sum(STUDY.rows) == 875 and STUDY.source("1_tr").home.endswith("/BRCA/1_tr.csv")


published = Path(os.environ.get("FUSEBENCH_DATA", "")) / "brca"


@pytest.mark.skipif(
    not os.environ.get("FUSEBENCH_DATA") or not published.is_dir(), reason="brca is not in FUSEBENCH_DATA"
)
def test_the_published_labels_are_as_planned():
    labels = np.concatenate([np.loadtxt(raw(STUDY.source(f"labels_{s}"))) for s in ("tr", "te")]).astype(int)
    assert np.bincount(labels[:612]).tolist() == [80, 92, 32, 305, 103]
    assert np.bincount(labels[612:]).tolist() == [35, 39, 14, 131, 44]
    assert len(labels) == sum(STUDY.rows)
