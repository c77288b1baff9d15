"""Your own arrays: labels, absent rows, groups, and what is refused before anything trains."""

import pickle

import numpy as np
import pandas as pd
import pytest

from fusebench.core.errors import FusebenchError
from fusebench.datasets.own import from_arrays

N = 40
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(N, 3))
PICTURE = RNG.normal(size=(N, 6, 5))
LABELS = np.tile([4, 10, 1, 2], N // 4)


def made(inputs=None, labels=LABELS, **more):
    return from_arrays("mine", inputs or {"table": TABLE, "picture": PICTURE}, labels, **more)


def blanked(array, rows):
    changed = array.astype(float).copy()
    changed[rows] = np.nan
    return changed


def test_kinds_follow_the_axes():
    inputs = {"a": TABLE, "b": PICTURE, "c": RNG.normal(size=(N, 2, 4, 4)), "d": TABLE[:, 0]}
    told = [(m.name, m.kind, m.shape) for m in made(inputs).modalities]
    assert told == [
        ("a", "tabular", (3,)),
        ("b", "image", (1, 6, 5)),
        ("c", "image", (2, 4, 4)),
        ("d", "tabular", (1,)),
    ]
    told = made(kinds={"picture": "audio", "table": "embedding"}).modalities
    assert [(m.kind, m.shape) for m in told] == [("embedding", (3,)), ("audio", (1, 6, 5))]


def test_folds_are_disjoint_and_whole():
    data = made()
    tested = []
    for seed in range(5):
        bundle = data.load(seed)
        tested += bundle.test.ids.tolist()
        np.testing.assert_allclose(bundle.test.inputs["table"], TABLE[bundle.test.ids], rtol=1e-6)
        assert all(rows.inputs["picture"].dtype == np.float32 for rows in bundle.splits.values())
    assert sorted(tested) == list(range(N))
    assert data.rows == {name: len(rows) for name, rows in data.load(0).splits.items()}


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(float), LABELS.astype(str), pd.Series(LABELS)])
def test_labels_with_gaps_keep_their_names_in_numeric_order(labels):
    data = made(labels=labels)
    assert data.classes == ("1", "2", "4", "10")
    rows = data.load(0).test
    assert [data.classes[i] for i in rows.labels] == [str(LABELS[i]) for i in rows.ids]


def test_text_labels_stay_as_written():
    labels = np.tile(["NA", "EU", "AS", "nan"], N // 4)
    assert made(labels=labels).classes == ("AS", "EU", "NA", "nan")
    assert made(labels=np.tile(["nan", "1", "10", "2"], N // 4)).classes == ("1", "10", "2", "nan")


def test_one_label_value_is_refused_by_name():
    with pytest.raises(FusebenchError, match="every row says '7'"):
        made(labels=np.full(N, 7))


@pytest.mark.parametrize("hole", [None, np.nan, pd.NA])
def test_an_absent_label_is_refused_by_row(hole):
    labels = LABELS.astype(object)
    labels[[3, 8]] = hole
    with pytest.raises(FusebenchError, match=r"labels: rows 3, 8 \(2 of 40\) have no value"):
        made(labels=labels)


def test_labels_must_be_one_a_row():
    with pytest.raises(FusebenchError, match=r"labels have shape \(40, 4\)"):
        made(labels=np.eye(4)[np.tile([0, 1, 2, 3], 10)])


ABSENT = [0, 3, 4, 9, 11, 20, 21, 22, 30, 39]


def masked_rows(array):
    held = np.ma.masked_array(array, np.zeros(array.shape, bool))
    held[ABSENT] = np.ma.masked
    return held


def listed_rows(array):
    return [None if i in ABSENT else row for i, row in enumerate(array)]


def boxed_rows(array):
    held = np.empty(len(array), dtype=object)
    held[:] = listed_rows(array)
    return held


def fortran_rows(array):
    return np.asfortranarray(blanked(array, ABSENT))


def series_rows(array):
    return pd.Series(boxed_rows(array))


def nan_rows(array):
    return blanked(array, ABSENT)


WAYS = [nan_rows, masked_rows, listed_rows, boxed_rows, series_rows, fortran_rows]


@pytest.mark.parametrize("way", WAYS)
def test_absent_rows_are_refused_or_masked(way):
    inputs = {"table": TABLE, "picture": way(PICTURE)}
    with pytest.raises(FusebenchError, match=r"'picture' is absent in rows 0, 3, 4, 9, 11, … \(10 of 40\)"):
        made(inputs)
    data = made(inputs, missing="mask")
    assert sum(data.rows.values()) == N
    for rows in data.load(0).splits.values():
        here = ~np.isin(rows.ids, ABSENT)
        np.testing.assert_array_equal(rows.present, np.column_stack([np.ones(len(rows), bool), here]))
        assert not rows.inputs["picture"][~here].any()
        np.testing.assert_allclose(rows.inputs["picture"][here, 0], PICTURE[rows.ids[here]], rtol=1e-6)
    assert sum((~rows.present).sum() for rows in data.load(0).splits.values()) == 10


def test_a_row_with_nothing_is_refused_even_under_a_mask():
    inputs = {"table": blanked(TABLE, [5]), "picture": blanked(PICTURE, [5, 6])}
    with pytest.raises(FusebenchError, match=r"in rows 5 \(1 of 40\) every modality is absent"):
        made(inputs, missing="mask")


def test_a_modality_that_is_never_there_is_refused():
    inputs = {"table": TABLE, "picture": blanked(PICTURE, slice(None))}
    with pytest.raises(FusebenchError, match="'picture' is absent in all rows"):
        made(inputs, missing="mask")


def spoilt(value):
    changed = TABLE.copy()
    changed[[2, 7], 1] = value
    return changed


@pytest.mark.parametrize(
    "table",
    [spoilt(np.nan), spoilt(np.inf), spoilt(1e39), pd.DataFrame(spoilt(np.nan))],
    ids=["nan", "inf", "beyond float32", "table"],
)
@pytest.mark.parametrize("missing", ["refuse", "mask"])
def test_rows_that_are_broken_in_part_are_refused(table, missing):
    with pytest.raises(FusebenchError, match=r"'table': rows 2, 7 \(2 of 40\) hold NaN, infinity"):
        made({"table": table}, missing=missing)


def test_a_table_with_nullable_numbers_is_read():
    frame = pd.DataFrame({"a": pd.array(range(N), dtype="Int64"), "b": np.ones(N)})
    assert made({"table": frame}).load(0).test.inputs["table"].dtype == np.float32
    frame.loc[4] = [pd.NA, np.nan]
    assert made({"table": frame, "x": TABLE}, missing="mask").present[4].tolist() == [False, True]


def test_groups_stay_in_one_split_and_are_text():
    groups = np.repeat(["001017", "1017", "1e3", "1000", "a", "b", "c", "d", "e", "f"], 4)
    data = made(groups=groups, folds=5)
    assert len(set(data.groups.tolist())) == 10
    for seed in range(5):
        held = [set(rows.groups.tolist()) for rows in data.load(seed).splits.values()]
        assert sum(map(len, held)) == len(set.union(*held)) == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": {"table": TABLE[:-1]}}, "'table' has 39 rows and there are 40 labels"),
        ({"inputs": {}}, "has no modality"),
        ({"inputs": {"t": np.array([["a", "b"]] * N)}}, "'t' is not rows of numbers"),
        ({"inputs": {"t": [np.zeros(3)] * 39 + [np.zeros(4)]}}, r"\(3,\), \(4,\)"),
        ({"inputs": {"t": np.zeros((N, 0))}}, r"shape \(40, 0\): there is nothing"),
        ({"inputs": {"t": np.zeros((N, 8, 8, 3))}}, "looks like channels last"),
        ({"inputs": {"t": np.zeros((N, 2, 2, 2, 2))}}, r"shape \(40, 2, 2, 2, 2\)"),
        ({"kinds": {"tabel": "tabular"}}, "did you mean 'table'"),
        ({"kinds": {"table": "tabulr"}}, "did you mean 'tabular'"),
        ({"kinds": {"picture": "tabular"}}, "kind 'tabular' has 2 axes"),
        ({"missing": "masked"}, "did you mean 'mask'"),
        ({"folds": 2}, "folds=2; expected an integer from 3 on"),
        ({"folds": 11}, "class '1' has 10 rows, fewer than the 11 folds"),
        ({"groups": ["a"] * 20 + ["b"] * 20}, "2 groups cannot fill 5 folds"),
        ({"groups": ["a"] * 39}, "39 groups and 40 labels"),
        ({"name": "my data"}, "'my data' is not a name"),
        ({"name": "mine(a=1)"}, "without options"),
    ],
)
def test_what_makes_no_data_set_is_refused(change, words):
    call = {"name": "mine", "inputs": {"table": TABLE, "picture": PICTURE}, "labels": LABELS} | change
    with pytest.raises(FusebenchError, match=words):
        from_arrays(**call)


def test_identity_is_of_the_contents():
    same = made().identity()
    assert len(same) == 64 and made().identity() == same
    other = TABLE.copy()
    other[0, 0] += 1
    relabelled = np.where(LABELS == 10, 11, LABELS)
    changed = [
        made({"table": other, "picture": PICTURE}),
        made({"picture": PICTURE, "table": TABLE}),
        made(labels=relabelled),
        made(folds=4),
        made(groups=np.arange(N)),
        made(kinds={"picture": "audio"}),
        made({"table": TABLE, "picture": blanked(PICTURE, [1])}, missing="mask"),
    ]
    assert len({same, *(data.identity() for data in changed)}) == len(changed) + 1


def test_it_travels_to_a_worker_and_has_a_card():
    data = pickle.loads(pickle.dumps(made()))
    assert data.identity() == made().identity()
    assert (data.card.pairing, data.card.source_family, data.name) == ("natural", "mine", "mine")
    np.testing.assert_array_equal(data.load(1).train.ids, made().load(1).train.ids)
