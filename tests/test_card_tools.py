"""Cards that are proposed, written as an example, or made by embedding: each opens as it stands."""

import shutil
import sys
import wave

import numpy as np
import pandas as pd
import pytest

from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.datasets.own import open_card
from fusebench.datasets.own.embed import embed, load_function
from fusebench.datasets.own.example import write_example
from fusebench.datasets.own.propose import propose, write_card
from fusebench.datasets.own.schema import read_card
from fusebench.datasets.own.sniff import encoding_of, separator_of, sniff

ROWS = 60


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return write_example(tmp_path_factory.mktemp("example") / "new", rows=ROWS)


def columns(**more):
    """Return a table of 60 rows: a number, a category and a label of two uneven values."""
    rng = np.random.default_rng(0)
    base = {
        "width": [f"{value:.2f}" for value in np.linspace(-1, 1, ROWS)],
        "colour": rng.choice(["red", "green", "blue"], ROWS).tolist(),
        "dx": ["rare" if row % 4 == 0 else "usual" for row in range(ROWS)],
    }
    return base | more


def written(folder, table, name="table.csv", sep=",", **options):
    path = folder / name
    pd.DataFrame(table).to_csv(path, sep=sep, index=False, **options)
    return path


def proposed(folder, table, label="dx", **options):
    """Return the card proposed for a table and its text; the card has been opened, so it runs."""
    card = write_card(written(folder, table, **options), label)
    open_card(card)
    return read_card(card), card.read_text("utf-8")


def test_numbers_and_categories_metric_and_positive(tmp_path):
    (tmp_path / "skin").mkdir()  # a file called table says nothing
    card, text = proposed(tmp_path / "skin", columns())
    record = card.modalities["record"]
    assert record.numeric == ("width",) and record.categorical == ("colour",)
    assert (card.data.name, card.data.manifest, card.data.label) == ("skin", "table.csv", "dx")
    assert card.data.metric == "log_loss" and "75% of rows are 'usual'" in text
    assert card.data.positive == "rare" and card.data.folds == 5


def test_even_labels_keep_the_metric_of_the_suite(tmp_path):
    card, text = proposed(tmp_path, columns(dx=["a", "b", "c"] * 20))
    assert card.data.metric is None and card.data.positive is None and "log_loss" not in text


def test_neither_of_two_even_labels_is_called_the_rarer(tmp_path):
    card, text = proposed(tmp_path, columns(dx=["0", "1"] * 30))
    assert card.data.positive == "1" and "rarer" not in text


def test_rows_without_a_label_are_no_label(tmp_path):
    text = propose(written(tmp_path, columns(dx=["", *(["a"] * 30), *(["b"] * 29)], patient=range(ROWS))), "dx")
    assert "folds = 5\n" in text and "1 row without a label" in text
    with pytest.raises(FusebenchError, match="no value in its label column 'dx'"):
        propose(written(tmp_path, columns(dx=[""] * ROWS)), "dx")


def test_rare_label_lowers_the_folds(tmp_path):
    card, _ = proposed(tmp_path, columns(dx=["a"] * 4 + ["b"] * 56))
    assert card.data.folds == 4


def test_ids_constants_codes_and_free_text_are_left_out(tmp_path):
    more = {
        "row_id": list(range(100, 100 + ROWS)),
        "hash": [f"{place:08x}q" for place in range(ROWS)],
        "device": ["A"] * ROWS,
        "empty": [""] * ROWS,
        "story": [f"it was a day like number {place}" for place in range(ROWS)],
        "zip": [f"0{place % 7}" for place in range(ROWS)],
        "grade": [1 + place % 5 for place in range(ROWS)],
    }
    card, text = proposed(tmp_path, columns(**more))
    record = card.modalities["record"]
    assert record.numeric == ("width", "grade") and record.categorical == ("colour", "zip")
    left = text.partition("# Columns left out:")[2]
    assert [name for name in more if f'"{name}"' in left] == ["row_id", "hash", "device", "empty", "story"]
    assert "every cell says 'A'" in left and "turn it to vectors" in left
    assert "5 whole numbers; under categorical if they are codes" in text


def test_column_that_is_the_label_is_left_out(tmp_path):
    table = columns()
    table["long"] = [f"{text} case" for text in table["dx"]]
    card, text = proposed(tmp_path, table)
    assert "long" not in card.modalities["record"].columns and "is it the answer?" in text


def test_group_and_split_columns(tmp_path):
    people = [f"{place // 3:04d}" for place in range(ROWS)]
    card, _ = proposed(tmp_path, columns(patient_id=people))
    assert card.data.group == "patient_id"
    card, _ = proposed(tmp_path, columns(**{"患者ＩＤ": people}), name="c.csv")
    assert card.data.group == "患者ＩＤ"
    split = ["train", "train", "test", "val"] * 15
    card, text = proposed(tmp_path, columns(part=split, patient=people, dx=["a", "b", "c"] * 20), name="b.csv")
    assert card.data.split == "part" and card.data.group is None
    assert "stand in several splits of 'part'" in text


def test_many_repeated_words_hint_at_a_group(tmp_path):
    table = columns(farm=[f"f{place // 2}" for place in range(ROWS)])
    text = propose(written(tmp_path, table), "dx")
    assert "\"farm\": 30 values in 60 rows; group = 'farm'" in text


def test_missing_markers_are_declared_where_numbers_stand(tmp_path):
    table = columns(age=["NA" if place % 9 == 0 else str(20 + place) for place in range(ROWS)])
    table["colour"][0] = "?"
    card, text = proposed(tmp_path, table)
    assert card.data.missing == ("", "NA") and "age" in card.modalities["record"].numeric
    assert "# column 'colour' holds '?' (1)" in text


def test_marker_that_is_a_label_is_not_declared(tmp_path):
    ages = ["NA" if place % 9 == 0 else str(place) for place in range(ROWS)]
    table = columns(dx=["NA", "EU", "AS"] * 20, age=ages)
    card, text = proposed(tmp_path, table)
    assert card.data.missing == ("",) and open_card(card.path).classes == ("AS", "EU", "NA")
    assert "\"age\": 'NA' means absent here and is a value of the label" in text


def test_semicolons_decimal_commas_and_latin_letters(tmp_path):
    table = columns(Größe=[f"{value:.2f}".replace(".", ",") for value in np.linspace(-1, 1, ROWS)])
    table["width"] = [text.replace(".", ",") for text in table["width"]]
    card, text = proposed(tmp_path, table, sep=";", encoding="cp1252")
    assert (card.data.separator, card.data.decimal, card.data.encoding) == (";", ",", "cp1252")
    assert card.modalities["record"].numeric == ("width", "Größe") and "not UTF-8" in text


def test_encodings_and_separators():
    assert encoding_of("médecin".encode()) == "utf-8"
    assert encoding_of("médecin".encode("utf-16")) == "utf-16"
    assert encoding_of("médecin".encode("cp1252")) == "cp1252"
    assert encoding_of("患者のデータ".encode("cp932")) == "cp932"
    assert separator_of("a;b\n1,5;2,5\n") == ";" and separator_of('a,b\n"x;y;z",2\n') == ","
    assert separator_of("a\tb, c\n1\t2, 3\n1\t2\n") == "\t"


def test_parquet_with_lists(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(columns())
    table["width"] = table["width"].astype(float)
    table["vector"] = [[1.0, float(place)] for place in range(ROWS)]
    table.to_parquet(tmp_path / "table.parquet")
    card = write_card(tmp_path / "table.parquet", "dx")
    data = open_card(card)
    assert [(one.name, one.kind) for one in data.modalities] == [("record", "tabular"), ("vector", "embedding")]
    assert sniff(tmp_path / "table.parquet").vectors == ("vector",)


def test_parquet_columns_that_nothing_can_be_learnt_of_are_left_out(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(columns())
    table["photo"] = [{"bytes": b"1", "path": "p"}] * ROWS
    table["words"] = [["u", "v"]] * ROWS
    table.to_parquet(tmp_path / "table.parquet")
    card = write_card(tmp_path / "table.parquet", "dx")
    assert [one.name for one in open_card(card).modalities] == ["record"]
    left = card.read_text("utf-8").partition("# Columns left out:")[2]
    assert '"photo": holds struct' in left and "write pictures or sounds to files" in left and '"words"' in left


def test_files_are_found_below_the_table(tmp_path, example):
    table = pd.read_csv(example.parent / "manifest.csv", dtype=str, keep_default_na=False)
    (tmp_path / "a" / "raw").mkdir(parents=True)
    for kind, deep in (("image", "images"), ("sound", "sounds")):
        table[kind] = table[kind].str.removeprefix(f"{deep}/")
        (tmp_path / "a" / "raw" / deep).symlink_to(example.parent / deep)
    table = table.rename(columns={"sound": "path"})
    card = write_card(written(tmp_path, table), "diagnosis")
    spec = read_card(card)
    assert spec.modalities["image"].folder == "a/raw/images" and spec.modalities["image"].channels == 1
    voice = spec.modalities["audio"]  # a column called path says nothing
    assert (voice.folder, voice.rate, voice.seconds, voice.missing) == ("a/raw/sounds", 8000, 1.0, "mask")
    assert open_card(card).rows == {"train": 36, "validation": 12, "test": 12}
    other = write_card(tmp_path / "table.csv", "diagnosis", tmp_path / "cards" / "c.toml")
    assert open_card(other).identity() == open_card(card).identity()


def test_length_of_sounds_is_a_quantile(tmp_path):
    for place in range(ROWS):
        with wave.open(str(tmp_path / f"{place}.wav"), "wb") as file:
            file.setparams((1, 2, 1000, 0, "NONE", ""))
            file.writeframes(bytes(2 * (500 if place else 5000)))
    text = propose(written(tmp_path, columns(wav=[f"{place}.wav" for place in range(ROWS)])), "dx")
    assert "rate = 1000\nseconds = 0.5  # 95 % of 60 sounds" in text


def test_files_that_are_not_there_are_told(tmp_path):
    text = propose(written(tmp_path, columns(photo=[f"{place}.jpg" for place in range(ROWS)])), "dx")
    assert "files looked up do not exist: set folder" in text
    text = propose(written(tmp_path, columns(vectors=[f"{place}.npy" for place in range(ROWS)])), "dx")
    assert "np.save(" in text and 'file = "vectors.npy"' in text


def test_label_must_be_a_column_and_something_must_be_left(tmp_path):
    path = written(tmp_path, columns())
    with pytest.raises(FusebenchError, match="'colours': did you mean 'colour'"):
        propose(path, "colours")
    with pytest.raises(FusebenchError, match=r"no column to learn from beside 'dx': n: every cell"):
        propose(written(tmp_path, {"dx": ["a", "b"] * 9, "n": ["1"] * 18}), "dx")
    (tmp_path / "c.xlsx").write_bytes(b"PK\x03\x04...")
    with pytest.raises(FusebenchError, match=r"'c\.xlsx' is a spreadsheet or an archive; save its table as CSV"):
        propose(tmp_path / "c.xlsx", "dx")
    (tmp_path / "c.csv").write_text("a,a,dx\n1,2,3\n")
    with pytest.raises(FusebenchError, match="two columns 'a'"):
        propose(tmp_path / "c.csv", "dx")


def test_existing_card_is_kept(tmp_path):
    path = written(tmp_path, columns())
    card = write_card(path, "dx")
    card.write_text("mine")
    with pytest.raises(FusebenchError, match="--force"):
        write_card(path, "dx")
    assert card.read_text() == "mine"
    assert read_card(write_card(path, "dx", force=True)).data.label == "dx"


def test_odd_names_survive_toml(tmp_path):
    table = columns(**{'a "quoted" \\ name': ["1.5", "2.5"] * 30, "a.b = 'c'": ["x", "y", "z"] * 20})
    card, _ = proposed(tmp_path, table, name="2024-01 (final).csv")
    assert set(card.modalities["record"].columns) == {*table} - {"dx"}
    assert card.data.name == "data_2024_01_final"


def test_example_runs_as_it_stands(example):
    data = open_card(example)
    assert [(one.name, one.kind) for one in data.modalities] == [
        ("record", "tabular"),
        ("photo", "image"),
        ("voice", "audio"),
        ("text", "embedding"),
    ]
    bundle = data.load(0)
    assert data.classes == ("early", "healthy", "late") and bundle.train.groups is not None
    assert not bundle.train.present.all() and bundle.train.present[:, 0].all()
    assert sum(path.stat().st_size for path in example.parent.rglob("*") if path.is_file()) < 5e6 * ROWS / 200


def test_example_is_the_same_each_time_and_never_overwrites(tmp_path, example):
    again = write_example(tmp_path / "again", rows=ROWS)
    files = sorted(path.relative_to(again.parent) for path in again.parent.rglob("*") if path.is_file())
    assert len(files) > 100
    for file in files:
        assert (again.parent / file).read_bytes() == (example.parent / file).read_bytes()
    other = write_example(tmp_path / "other", rows=ROWS, seed=1)
    assert (other.parent / "manifest.csv").read_bytes() != (again.parent / "manifest.csv").read_bytes()
    with pytest.raises(FusebenchError, match="not empty"):
        write_example(again.parent)
    with pytest.raises(FusebenchError, match="60 or more"):
        write_example(tmp_path / "small", rows=20)


def test_example_without_pillow_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataUnavailableError, match="Pillow"):
        write_example(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def scripts(tmp_path):
    (tmp_path / "beside.py").write_text("SCALE = 2\n")
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from beside import SCALE\n"
        "def means(rows):\n"
        "    assert rows.dtype == np.float32 and rows.max() <= 1\n"
        "    return SCALE * rows.reshape(len(rows), -1)[:, :5]\n"
        "def flat(rows):\n"
        "    return rows.mean()\n"
        "def broken(rows):\n"
        "    return np.full((len(rows), 2), np.nan)\n"
        "def wrong(rows):\n"
        "    return rows['x']\n"
    )
    return tmp_path / "mine.py"


def test_embedding_of_a_modality_and_its_card(tmp_path, example, scripts):
    card = embed(example, "photo", f"{scripts}:means", out=tmp_path / "cards" / "embedded.toml")
    first, second = open_card(example), open_card(card)
    assert [(one.name, one.kind) for one in second.modalities][1] == ("photo", "embedding")
    vectors = np.load(tmp_path / "cards" / "card-photo.npy")
    pictures = {number: row for part in first.load(0).splits.values() for number, row in _rows(part, "photo")}
    assert vectors.shape == (ROWS, 5) and np.isnan(vectors).any()
    for number, vector in enumerate(vectors, 1):
        if number in pictures:
            np.testing.assert_allclose(vector, 2 * pictures[number].reshape(-1)[:5], rtol=1e-6)
        else:
            assert np.isnan(vector).all()
    assert second.spec.data.name == "example_embedded" and second.modalities[2:] == first.modalities[2:]
    with pytest.raises(FusebenchError, match="--force"):
        embed(example, "photo", f"{scripts}:means", out=card)
    assert embed(example, "photo", f"{scripts}:means", out=card, force=True) == card


def test_unreadable_files_are_told_and_stay_absent(tmp_path, example, scripts):
    copy = shutil.copytree(example.parent, tmp_path / "copy") / "card.toml"
    first = min((copy.parent / "images").iterdir())
    first.write_bytes(b"")
    copy.write_text(copy.read_text("utf-8").replace("[data]", "[data]\nskip_unreadable = true"), "utf-8")
    said = []
    card = embed(copy, "photo", f"{scripts}:means", say=said.append)
    assert any("1 file cannot be read; the second card has an absent 'photo' there" in line for line in said)
    assert sum(open_card(card).rows.values()) == ROWS and sum(open_card(copy).rows.values()) == ROWS - 1


def test_tensors_of_a_network_are_taken(tmp_path, example):
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "def vectors(rows):\n"
        "    return torch.nn.Linear(2, 3)(torch.from_numpy(rows).flatten(1)[:, :2])\n"
    )
    card = embed(example, "photo", f"{tmp_path / 'net.py'}:vectors", out=tmp_path / "c.toml")
    assert {one.name: one.shape for one in open_card(card).modalities}["photo"] == (3,)


def _rows(part, name):
    here = part.present[:, list(part.inputs).index(name)]
    return zip(part.ids[here].tolist(), part.inputs[name][here], strict=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mean", "did you mean 'means'"),
        ("flat", r"returned shape \(\) for rows 1 to"),
        ("broken", "returned NaN or infinity for"),
        ("wrong", r"failed on rows 1 to \d+ in line 11 of 'mine.py' \(IndexError"),
    ],
)
def test_function_that_does_not_embed(tmp_path, example, scripts, name, message):
    with pytest.raises(FusebenchError, match=message):
        embed(example, "photo", f"{scripts}:{name}", out=tmp_path / "c.toml")
    assert not (tmp_path / "c.toml").exists() and not list(tmp_path.glob("*.npy"))


def test_what_cannot_be_embedded(tmp_path, example, scripts):
    with pytest.raises(FusebenchError, match="did you mean 'photo'"):
        embed(example, "photos", f"{scripts}:means")
    with pytest.raises(FusebenchError, match="is tabular; only image and audio"):
        embed(example, "record", f"{scripts}:means")
    with pytest.raises(FusebenchError, match=r"expected FILE\.py:NAME"):
        load_function("mine.means")
    with pytest.raises(FusebenchError, match="there is no file"):
        load_function(str(tmp_path / "other.py:means"))
    (tmp_path / "bad.py").write_text("x = 1\nraise ValueError('no')\n")
    with pytest.raises(FusebenchError, match=r"failed in line 2 of 'bad\.py' \(ValueError: no\)"):
        load_function(f"{tmp_path / 'bad.py'}:f")
