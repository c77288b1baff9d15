"""Data cards as data sets: absent inputs, splits, encoders that see training rows alone, and identity."""

import os
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest

from fusebench.core.errors import FusebenchError
from fusebench.core.fingerprint import closure
from fusebench.datasets.own import CardData, open_card

N = 40
PIL = pytest.importorskip("PIL.Image")
TABLE = '[modalities.record]\nkind = "tabular"\nnumeric = ["age"]\ncategorical = ["sex"]\n'
PHOTO = '[modalities.photo]\nkind = "image"\ncolumn = "file"\nfolder = "images"\nsize = 4\n'
MASK = 'missing = "mask"\n'


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "dx": np.tile(["4", "10", "1", "2"], N // 4),
            "age": rng.normal(50, 9, N).round(1).astype(str),
            "sex": rng.choice(["m", "f"], N),
            "file": [f"{i}.png" for i in range(N)],
        }
    )


def placed(folder, frame, modalities=TABLE, more="", manifest="table.csv"):
    """Write a manifest and its card; return the card's path."""
    folder.mkdir(exist_ok=True)
    if manifest.endswith(".csv"):
        frame.to_csv(folder / manifest, index=False)
    else:
        frame.to_parquet(folder / manifest)
    text = f'[data]\nname = "skin"\nmanifest = "{manifest}"\nlabel = "dx"\n{more}\n{modalities}'
    (folder / "card.toml").write_text(text, encoding="utf-8")
    return folder / "card.toml"


def pictures(folder, names):
    """Write one small picture a name; the pixels of the i-th say i."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        PIL.fromarray(np.full((4, 4, 3), number, np.uint8)).save(folder / "images" / name)


def everything(bundle):
    """Return present and ids of all rows together."""
    parts = bundle.splits.values()
    return np.concatenate([p.present for p in parts]), np.concatenate([p.ids for p in parts])


def assert_equal(one, other):
    for a, b in zip(one.splits.values(), other.splits.values(), strict=True):
        for name in a.inputs:
            np.testing.assert_array_equal(a.inputs[name], b.inputs[name])
        for x, y in ((a.labels, b.labels), (a.ids, b.ids), (a.present, b.present)):
            np.testing.assert_array_equal(x, y)
        assert (a.groups is None) == (b.groups is None)


def test_absent_pictures_are_refused_or_masked(tmp_path, frame):
    pictures(tmp_path, frame["file"])
    frame.loc[::4, "file"] = ""
    with pytest.raises(
        FusebenchError, match=r"'photo' \(column 'file'\) is absent in rows 1, 5, 9, 13, 17, … \(10 of"
    ):
        open_card(placed(tmp_path, frame, TABLE + PHOTO))
    data = open_card(placed(tmp_path, frame, TABLE + PHOTO + MASK))
    assert data.classes == ("1", "2", "4", "10")
    assert sum(data.rows.values()) == N and data.rows["test"] == 8
    bundle = data.load(0)
    present, ids = everything(bundle)
    assert sorted(ids) == list(range(1, N + 1)) and (~present[:, 1]).sum() == 10
    for rows in bundle.splits.values():
        absent = (rows.ids - 1) % 4 == 0
        np.testing.assert_array_equal(rows.present, np.column_stack([np.ones(len(rows), bool), ~absent]))
        shown = np.where(absent, 0, (rows.ids - 1) / 255)
        np.testing.assert_allclose(rows.inputs["photo"].max(axis=(1, 2, 3)), shown, rtol=1e-6)
        assert rows.inputs["photo"].dtype == np.float32 and rows.inputs["photo"].shape[1:] == (3, 4, 4)
        assert [data.classes[i] for i in rows.labels] == [frame["dx"][i - 1] for i in rows.ids]


def test_a_row_with_nothing_is_refused_even_under_a_mask(tmp_path, frame):
    pictures(tmp_path, frame["file"])
    frame.loc[[4, 6], "file"] = ""
    frame.loc[4, ["age", "sex"]] = ""
    card = placed(tmp_path, frame, TABLE + MASK + PHOTO + MASK)
    with pytest.raises(FusebenchError, match=r"in rows 5 \(1 of 40\) every modality is absent"):
        open_card(card)
    with pytest.raises(FusebenchError, match="'photo' is absent in all rows"):
        open_card(placed(tmp_path, frame.assign(file=""), TABLE + MASK + PHOTO + MASK))


def test_an_absent_record_is_masked_and_has_no_gap(tmp_path, frame):
    pictures(tmp_path, frame["file"])
    frame.loc[2, ["age", "sex"]] = ""
    data = open_card(placed(tmp_path, frame, TABLE + MASK + PHOTO))
    assert data.modalities[0].shape == (3,)  # age, f, m
    record = np.concatenate([rows.inputs["record"][~rows.present[:, 0]] for rows in data.load(0).splits.values()])
    np.testing.assert_array_equal(record, [[0, 0, 0]])


@pytest.mark.parametrize("skip", [False, True])
def test_files_that_cannot_be_read(tmp_path, frame, skip):
    pictures(tmp_path, frame["file"])
    (tmp_path / "images" / "3.png").write_bytes((tmp_path / "images" / "3.png").read_bytes()[:40])
    (tmp_path / "images" / "7.png").unlink()
    card = placed(tmp_path, frame, TABLE + PHOTO, f"skip_unreadable = {str(skip).lower()}")
    if not skip:
        with pytest.raises(
            FusebenchError, match=r"2 files cannot be read: row 4: .*'3.png'.*; row 8: '7.png' does not exist"
        ):
            open_card(card)
        return
    said = []
    data = open_card(card, said.append)
    assert any("2 of 40 rows are left out" in line and "3.png" in line for line in said)
    assert data.card.notes[0] == "2 of 40 rows are left out, for their files cannot be read."  # reports print it
    present, ids = everything(data.load(0))
    assert sorted(ids) == [i for i in range(1, N + 1) if i not in (4, 8)] and present.all()
    test = data.load(0).test
    np.testing.assert_allclose(test.inputs["photo"][:, 0, 0, 0], (test.ids - 1) / 255, rtol=1e-6)
    np.testing.assert_allclose(test.inputs["record"][:, 0], frame["age"].astype(float)[test.ids - 1], rtol=1e-6)


def test_cells_may_name_files_without_their_suffix(tmp_path, frame):
    pictures(tmp_path, frame["file"])
    whole = open_card(placed(tmp_path, frame, TABLE + PHOTO)).identity()
    frame["file"] = frame["file"].str.removesuffix(".png")
    data = open_card(placed(tmp_path, frame, TABLE + PHOTO + 'suffix = ".png"\n'))
    assert data.identity() == whole


def test_a_broken_picture_is_told_after_what_is_cheaper_to_know(tmp_path, frame):
    pictures(tmp_path, frame["file"])
    (tmp_path / "images" / "3.png").unlink()
    frame.loc[5, "age"] = "old"
    with pytest.raises(FusebenchError, match="column 'age', row 6: 'old' is not a number"):
        open_card(placed(tmp_path, frame, PHOTO + TABLE))


def test_one_label_value_is_refused_by_column_and_value(tmp_path, frame):
    frame["dx"] = "7"
    with pytest.raises(FusebenchError, match="column 'dx': every row says '7'"):
        open_card(placed(tmp_path, frame))
    frame["dx"] = np.where(np.arange(N) < 3, "rare", "usual")
    with pytest.raises(
        FusebenchError, match="column 'dx': class 'rare' has 3 rows, and there must be 5 for 5 folds"
    ):
        open_card(placed(tmp_path, frame))
    assert open_card(placed(tmp_path, frame, more="folds = 3")).folds == 3


def test_absent_labels_and_unknown_positives_are_refused(tmp_path, frame):
    with pytest.raises(FusebenchError, match="positive label of data set 'skin' '11': did you mean '1'"):
        open_card(placed(tmp_path, frame, more='positive = "11"'))
    frame.loc[[2, 9], "dx"] = ""
    with pytest.raises(FusebenchError, match=r"column 'dx': rows 3, 10 \(2 of 40\) have no value"):
        open_card(placed(tmp_path, frame))


def test_what_the_card_asks_of_the_suite(tmp_path, frame):
    more = 'metric = "average_precision"\npositive = "10"'
    data = open_card(placed(tmp_path, frame, TABLE + 'extractor = "linear"\n', more))
    assert (data.metric, data.positive, data.extractors) == ("average_precision", "10", {"record": "linear"})
    plain = open_card(placed(tmp_path, frame))
    assert (plain.metric, plain.positive, plain.extractors) == (None, None, {})
    assert (data.card.pairing, data.card.source_family, data.name) == ("natural", "skin", "skin")


def split_column():
    return np.repeat(["Train", "val", "TEST"], [24, 8, 8])


def test_a_published_split_is_kept(tmp_path, frame):
    frame["part"] = split_column()
    data = open_card(placed(tmp_path, frame, more='split = "part"'))
    assert data.folds == 1 and data.rows == {"train": 24, "validation": 8, "test": 8}
    for seed in (0, 3):
        assert data.load(seed).test.ids.tolist() == list(range(33, 41))
        assert data.load(seed).validation.ids.tolist() == list(range(25, 33))
    assert "Seeds vary the training alone" in data.card.notes[0]


def test_without_validation_rows_a_fifth_of_the_training_rows_validates(tmp_path, frame):
    frame["part"] = np.where(np.arange(N) < 20, "train", "test")
    frame["who"] = np.repeat(np.arange(20), 2).astype(str)
    frame["dx"] = np.tile(["a", "b"], N // 2)
    for more in ("", 'group = "who"\n'):
        data = open_card(placed(tmp_path, frame, more=f'{more}split = "part"'))
        assert data.rows == {"train": 16, "validation": 4, "test": 20}
        bundle = data.load(0)
        assert bundle.test.ids.tolist() == list(range(21, 41))
        np.testing.assert_array_equal(bundle.validation.ids, data.load(1).validation.ids)
        assert np.bincount(bundle.validation.labels).tolist() == [2, 2]
    assert set(bundle.validation.groups).isdisjoint(bundle.train.groups)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"part": "tset"}, "split in column 'part' of Data set 'skin': 'tset': did you mean 'test'"),
        ({"part": "train"}, "no row says 'test' in column 'part'"),
        ({"part": ""}, "column 'part': rows 33, 34, "),
        ({"dx": "new"}, "class 'new' of column 'dx' has no training row by column 'part'"),
        ({"who": "p0"}, "group 'p0' of column 'who' stands in train and in test by column 'part'"),
    ],
)
def test_what_is_no_split(tmp_path, frame, change, words):
    frame["part"], frame["who"] = split_column(), [f"p{i}" for i in range(N)]
    for column, value in change.items():
        frame.loc[32:, column] = value
    with pytest.raises(FusebenchError, match=words):
        open_card(placed(tmp_path, frame, more='split = "part"\ngroup = "who"'))


def test_groups_are_text_and_stay_in_one_fold(tmp_path, frame):
    who = ["001017", "1017", "1e3", "1000", "2020-01-01", "2020-1-1", "NA", "nan", "a", "A"]
    frame["who"] = np.repeat(who, 4)
    data = open_card(placed(tmp_path, frame, more='group = "who"'))
    assert set(data.partition.groups.tolist()) == set(who)
    for seed in range(6):
        held = [set(rows.groups.tolist()) for rows in data.load(seed).splits.values()]
        assert sum(map(len, held)) == len(set.union(*held)) == 10
    for changed, words in (
        (np.repeat(["a", "b"], 20), "column 'who': 2 groups cannot fill 5 folds"),
        (np.where(frame["dx"] == "10", "x", who * 4), "class '10' stands in fewer than three groups"),
    ):
        frame["who"] = changed
        with pytest.raises(FusebenchError, match=words):
            open_card(placed(tmp_path, frame, more='group = "who"'))


def test_two_spellings_of_a_number_are_two_groups_of_a_published_split(tmp_path, frame):
    frame["part"], frame["who"] = split_column(), [f"p{i}" for i in range(N)]
    frame.loc[0, "who"], frame.loc[39, "who"] = "001017", "1017"
    data = open_card(placed(tmp_path, frame, more='split = "part"\ngroup = "who"'))
    assert len(set(data.partition.groups.tolist())) == N


def test_csv_and_parquet_are_one_data_set(tmp_path, frame):
    pytest.importorskip("pyarrow")
    frame["who"] = np.repeat(["001017", "1017", *"abcdefgh"], 4)
    frame.loc[3, "sex"] = ""
    stored = frame.assign(
        dx=frame["dx"].astype(int),
        age=frame["age"].astype(float),
        sex=frame["sex"].replace("", None).astype("category"),
        who=frame["who"].astype("string[pyarrow]"),
    )
    text = open_card(placed(tmp_path / "a", frame, more='group = "who"'))
    other = open_card(placed(tmp_path / "b", stored, more='group = "who"', manifest="table.parquet"))
    assert text.identity() == other.identity() and text.classes == other.classes
    for seed in (0, 4, 5):
        assert_equal(text.load(seed), other.load(seed))


def test_the_encoder_learns_from_training_rows_alone(tmp_path, frame):
    frame["part"] = split_column()
    frame["town"] = np.arange(N).astype(str)
    frame.loc[:31, "town"] = np.tile(["x", "y", "z", "w"], 8)
    frame.loc[[1, 35], "age"] = ""
    spec = '[modalities.record]\nkind = "tabular"\nnumeric = ["age"]\ncategorical = ["sex", "town"]\n'
    data = open_card(placed(tmp_path, frame, spec, 'split = "part"'))
    bundle = data.load(0)
    trained = pd.to_numeric(frame["age"][:24])
    assert bundle.train.inputs["record"][1, 0] == np.float32(trained.median())
    assert bundle.test.inputs["record"][3, :2].tolist() == [np.float32(trained.median()), 1]
    assert bundle.test.inputs["record"][:, 4:].sum() == 0  # towns that no training row has
    assert (bundle.train.inputs["record"][:, 4:].sum(axis=1) == 1).all()
    order = np.random.default_rng(1).permutation(8)
    for column in ("age", "sex", "town"):
        frame.loc[32:, column] = frame[column][32:].to_numpy()[order]
    shuffled = open_card(placed(tmp_path, frame, spec, 'split = "part"'))
    np.testing.assert_array_equal(shuffled.load(0).train.inputs["record"], bundle.train.inputs["record"])
    assert shuffled.identity() != data.identity()


def test_many_values_share_the_last_column(tmp_path):
    rows = 400
    frame = pd.DataFrame({"dx": np.tile(["a", "b"], rows // 2), "age": "1", "sex": "m"})
    frame["town"] = [f"t{i % 100:03}" if i % 2 else f"t{i % 30:03}" for i in range(rows)]
    frame["part"] = np.repeat(["train", "validation", "test"], [200, 100, 100])
    spec = '[modalities.record]\nkind = "tabular"\ncategorical = ["town"]\n'
    data = open_card(placed(tmp_path, frame, spec, 'split = "part"'))
    assert data.modalities[0].shape == (50,)
    hot, towns = data.load(0).train.inputs["record"], frame["town"][:200]
    assert (hot.sum(axis=1) == 1).all()
    common = towns.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:49]
    np.testing.assert_array_equal(hot[:, 49] == 1, ~towns.isin(common))
    assert [int(hot[towns == town][0].argmax()) for town in common] == list(range(49))
    frame["town"] = [f"t{i}" for i in range(rows)]
    with pytest.raises(FusebenchError, match="column 'town' has 400 different values in 400 rows"):
        open_card(placed(tmp_path, frame, spec))
    with pytest.raises(FusebenchError, match="column 'age' has no value in any row"):
        open_card(placed(tmp_path, frame.assign(age=""), TABLE))


def test_it_travels_without_its_arrays(tmp_path, frame):
    pictures(tmp_path, frame["file"])
    np.save(tmp_path / "text.npy", np.random.default_rng(0).normal(size=(N, 300)))
    data = open_card(
        placed(tmp_path, frame, TABLE + PHOTO + '[modalities.t]\nkind = "embedding"\nfile = "text.npy"\n')
    )
    fresh = pickle.dumps(data)
    bundle = data.load(2)
    assert len(pickle.dumps(data)) == len(fresh) < 20_000
    assert_equal(pickle.loads(fresh).load(2), bundle)
    PIL.fromarray(np.full((4, 4, 3), 99, np.uint8)).save(tmp_path / "images" / "0.png")
    with pytest.raises(FusebenchError, match="modality 'photo': files have changed since the card was read"):
        pickle.loads(fresh).load(2)


def test_identity_is_of_the_contents(tmp_path, frame):
    first = tmp_path / "a"
    pictures(first, frame["file"])
    same = open_card(placed(first, frame, TABLE + PHOTO)).identity()
    second = tmp_path / "b"
    shutil.copytree(first / "images", second / "photos")
    os.rename(second / "photos" / "0.png", second / "photos" / "zero.png")
    renamed = frame.assign(file=frame["file"].replace("0.png", "zero.png"), unused="1")
    spec = TABLE + PHOTO.replace("images", "photos")
    assert open_card(placed(second, renamed, spec, manifest="other.csv")).identity() == same
    told = {same}
    for modalities in (TABLE + PHOTO.replace("size = 4", "size = 5"), PHOTO + TABLE, TABLE.replace("record", "r")):
        told.add(open_card(placed(first, frame, modalities)).identity())
    told.add(open_card(placed(first, frame, TABLE + PHOTO, "folds = 4")).identity())
    told.add(open_card(placed(first, frame.assign(sex="m"), TABLE + PHOTO)).identity())
    told.add(open_card(placed(first, frame.assign(who=range(N)), TABLE + PHOTO, 'group = "who"')).identity())
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[1, 2, 0] = 1
    PIL.fromarray(pixels).save(first / "images" / "0.png")
    told.add(open_card(placed(first, frame, TABLE + PHOTO)).identity())
    assert len(told) == 8


def test_vectors_of_files_and_columns(tmp_path, frame):
    pytest.importorskip("pyarrow")
    vectors = np.random.default_rng(3).normal(size=(N, 5)).astype(np.float32)
    vectors[[0, 7]] = np.nan
    np.save(tmp_path / "v.npy", vectors)
    file, column = 'kind = "embedding"\nfile = "v.npy"\n', 'kind = "embedding"\ncolumn = "v"\n'
    listed = [None if np.isnan(row).any() else row.tolist() for row in vectors]
    with pytest.raises(FusebenchError, match=r"'v' is absent in rows 1, 8 \(2 of 40\)"):
        open_card(placed(tmp_path, frame, f"{TABLE}[modalities.v]\n{file}"))
    one = open_card(placed(tmp_path, frame, f"{TABLE}[modalities.v]\n{file}{MASK}"))
    spec = f"{TABLE}[modalities.v]\n{column}{MASK}"
    other = open_card(placed(tmp_path / "b", frame.assign(v=listed), spec, manifest="t.parquet"))
    assert one.identity() == other.identity()
    assert_equal(one.load(1), other.load(1))
    test = one.load(0).test
    np.testing.assert_array_equal(test.inputs["v"], np.nan_to_num(vectors[test.ids - 1]))
    np.save(tmp_path / "v.npy", vectors[:-1])
    with pytest.raises(FusebenchError, match="39 rows and there are 40"):
        open_card(placed(tmp_path, frame, f"{TABLE}[modalities.v]\n{file}{MASK}"))
    vectors[4, 2] = np.inf
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(FusebenchError, match=r"'v': rows 5 \(1 of 40\) hold NaN or infinity beside numbers"):
        open_card(placed(tmp_path, frame, f"{TABLE}[modalities.v]\n{file}{MASK}"))


def test_sounds_become_pictures(tmp_path, frame):
    soundfile = pytest.importorskip("soundfile")
    for number in range(N):
        wave = np.sin(np.arange(4000) * (number + 1) / 50)
        soundfile.write(tmp_path / f"{number}.wav", wave, 8000, subtype="PCM_16")
    frame["wav"] = [str(tmp_path / f"{i}.wav") for i in range(N)]  # absolute paths serve too
    spec = '[modalities.voice]\nkind = "audio"\ncolumn = "wav"\nrate = 8000\nseconds = 0.5\nmel = 8\nframes = 6\n'
    data = open_card(placed(tmp_path, frame, spec))
    assert [(m.kind, m.shape) for m in data.modalities] == [("audio", (1, 8, 6))]
    assert np.std(data.load(0).train.inputs["voice"]) > 0.1
    frame.loc[3, "wav"] = " "
    with pytest.raises(FusebenchError, match="column 'wav', row 4: ' ' is no path"):
        open_card(placed(tmp_path, frame, spec))


def test_the_code_that_decides_rows_is_part_of_a_cell():
    named = {f"{module.rpartition('.')[2]}.{name}" for module, name, _ in closure(CardData)}
    assert {"encoder.fit", "encoder.Encoder", "splits.fold_split", "picture.read_picture"} <= named
    assert {"audio.log_mel", "vectors.read_vectors", "inputs.ArrayInput"} <= named
