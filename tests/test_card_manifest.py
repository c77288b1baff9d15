"""A manifest's cells: text as written, numbers under the declared sign, the same from CSV and from Parquet."""

import sys

import numpy as np
import pandas as pd
import pytest

from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.datasets.own.columns import read_columns
from fusebench.datasets.own.encoder import fit
from fusebench.datasets.own.manifest import read_manifest
from fusebench.datasets.own.schema import read_card

TABLE = '[modalities.t]\nkind = "tabular"\n'


def opened(folder, content, more="", spec="", name="table.csv"):
    """Return (manifest, the spec of its table) of a manifest written to a folder."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        content(path)
    spec = spec or 'numeric = ["x"]'
    text = f'[data]\nname = "mine"\nmanifest = "{name}"\nlabel = "y"\n{more}\n{TABLE}{spec}\n'
    (folder / "card.toml").write_text(text, encoding="utf-8")
    card = read_card(folder / "card.toml")
    return read_manifest(card), card.modalities["t"]


def test_na_is_a_value_unless_declared(tmp_path):
    text = "y,x\nNA,1\nEU,2\nAS,3\n"
    assert opened(tmp_path, text)[0].texts("y") == ["NA", "EU", "AS"]
    assert opened(tmp_path, text, 'missing = ["", "NA"]')[0].texts("y") == [None, "EU", "AS"]
    with pytest.raises(FusebenchError, match=r"column 'y': rows 1 \(1 of 3\) have no value"):
        opened(tmp_path, text, 'missing = ["NA"]')[0].every("y")


def test_a_decimal_comma_is_declared(tmp_path):
    text = "y;x\na;1,5\nb;2,5\nc;3,0\n"
    manifest, spec = opened(tmp_path, text, 'separator = ";"\ndecimal = ","')
    assert manifest.numbers("x").mean() == pytest.approx(7 / 3)
    assert read_columns(manifest, spec, np.arange(3)).categories == ()
    with pytest.raises(FusebenchError, match=r"column 'x', row 1: '1,5' is not a number.*decimal = \",\""):
        opened(tmp_path, text, 'separator = ";"')[0].numbers("x")


@pytest.mark.parametrize("cell", ["1_000", "inf", "nan", "0x10", "1,234.5", "1 000", "True", "1e", "--1", "²"])
def test_what_is_no_number(tmp_path, cell):
    manifest, _ = opened(tmp_path, f'y,x\na,1\nb,"{cell}"\n')
    with pytest.raises(FusebenchError, match=r"column 'x', row 2: .* is not a number"):
        manifest.numbers("x")
    assert opened(tmp_path, f'y,x\na,1\nb,"{cell}"\n', f'missing = ["{cell}"]')[0].numbers("x")[0] == 1


def test_every_other_cell_that_is_no_number_is_told(tmp_path):
    manifest, _ = opened(tmp_path, "y,x\na,1\nb,NA\nc,?\nd,NA\n")
    with pytest.raises(
        FusebenchError, match=r"row 2: 'NA' is not a number.* \(3 such cells: 'NA' \(2\), '\?' \(1\)\)"
    ):
        manifest.numbers("x")


def test_numbers_in_all_their_spellings(tmp_path):
    manifest, _ = opened(tmp_path, "y,x\na, 1\nb,-.5\nc,+2.\nd,1e3\ne,\n")
    np.testing.assert_array_equal(manifest.numbers("x"), [1, -0.5, 2, 1000, np.nan])
    manifest, _ = opened(tmp_path, "y,x\na,1\nb,1e39\n")
    with pytest.raises(FusebenchError, match=r"column 'x', row 2: 1e\+39 is infinite, or too large"):
        manifest.numbers("x")


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        ("y,x\na,1\nb,2,3\n", "", "row 2 has 3 cells and the header 2"),
        ("y,x\na,1\nb\n", "", "row 2 has 1 cells and the header 2"),
        ("y,x,x\na,1,2\n", "", "has two columns 'x'"),
        ("y;x\na;1\n", "", "has one column, 'y;x', when separated at ','; declare separator = ';'"),
        ("y,x\n", "", "has no row below its header"),
        ("", "", "has no row below its header"),
        ('y,x\na,1\nb,"2\n', "", "row 2: unexpected end of data"),
        ("y,x\na,1\ncafé,2\n".encode("cp1252"), "", '0xe9 in row 2; encoding = "cp1252" may be its own'),
        ("y,x\na,1\nカナ,2\n".encode("cp932"), "", 'encoding = "cp932" may be its own'),
        ("y,x\na,1\n".encode("utf-16"), "", 'encoding = "utf-16" may be its own'),
        ("y,x\na,1\n".encode("utf-16-le"), "", "it holds zero bytes"),
    ],
)
def test_what_is_no_table(tmp_path, content, more, words):
    with pytest.raises(FusebenchError, match=words):
        opened(tmp_path, content, more)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_and_line_ends(tmp_path, encoding):
    content = 'y,x\r\n"caf\u00e9, ""au lait""",1\r\n\r\nb,2\r\n'.encode(encoding)
    manifest, _ = opened(tmp_path, content, f'encoding = "{encoding}"')
    assert manifest.texts("y") == ['caf\u00e9, "au lait"', "b"]


def test_files_and_columns_that_are_not_there(tmp_path):
    manifest, _ = opened(tmp_path, "label,size\na,1\n")
    with pytest.raises(FusebenchError, match=r"column of manifest 'table.csv' 'lable': did you mean 'label'"):
        manifest.texts("lable")
    with pytest.raises(FusebenchError, match="separator"):
        opened(tmp_path, b"PK", name="table.xlsx")
    (tmp_path / "table.csv").rename(tmp_path / "tables.csv")
    (tmp_path / "table.xlsx").unlink()
    text = f'[data]\nname = "m"\nmanifest = "table.csv"\nlabel = "y"\n{TABLE}numeric = ["x"]\n'
    (tmp_path / "card.toml").write_text(text)
    with pytest.raises(FusebenchError, match=r"'table.csv' is not a file: did you mean 'tables.csv'"):
        read_manifest(read_card(tmp_path / "card.toml"))


def kinds_of_text(values):
    import pyarrow

    yield pd.Series(values, dtype=object)
    yield pd.Series(values, dtype="str")
    yield pd.Series(values, dtype="string[pyarrow]")
    yield pd.Series(values, dtype="category")
    yield pd.Series(values, dtype=pd.ArrowDtype(pyarrow.dictionary(pyarrow.int8(), pyarrow.string())))


def test_one_table_stored_in_many_types_is_one_table(tmp_path):
    pytest.importorskip("pyarrow")
    text, counts = ["m", "f", None, "m", "x", "f"], pd.array([1, pd.NA, 30, 4, 5, 6], dtype="Int64")
    expected = [  # the number, its gap, f, m, x, the gap
        [1, 0, 0, 1, 0, 0],
        [5, 1, 1, 0, 0, 0],
        [30, 0, 0, 0, 0, 1],
        [4, 0, 0, 1, 0, 0],
        [5, 0, 0, 0, 1, 0],
        [6, 0, 1, 0, 0, 0],
    ]
    digests, spec, every = set(), 'numeric = ["x"]\ncategorical = ["s"]', np.arange(6)
    for column in kinds_of_text(text):
        for numbers in (counts, counts.astype("Float32"), counts.astype("float64"), counts.astype("string")):
            frame = pd.DataFrame({"y": list("abcabc"), "s": column, "x": numbers})
            for name, write in (("a.parquet", frame.to_parquet), ("a.csv", frame.to_csv)):
                manifest, told = opened(tmp_path, lambda path, w=write: w(path, index=False), "", spec, name)
                table = read_columns(manifest, told, every)
                digests.add(table.digest())
                np.testing.assert_array_equal(fit(table, every).encode(table, every), expected)
    assert len(digests) == 1


def test_parquet_as_text(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {
            "y": ["001017", "1017", "1e3"],
            "i": [1, 2, 10],
            "f": [1.0, np.nan, 2.5],
            "g": np.array([0.1, 3, -4], dtype=np.float32),
            "b": [True, False, True],
            "c": pd.Categorical([10, 2, 10]),
            "d": pd.to_datetime(["2020-01-01", None, "2021-05-06"]).date,
            "v": [[1.0, 2.0], None, [3.0, 4.0]],
        }
    )
    manifest, _ = opened(tmp_path, lambda path: frame.to_parquet(path), name="t.parquet", spec='numeric = ["f"]')
    assert manifest.texts("y") == ["001017", "1017", "1e3"]
    assert manifest.texts("i") == ["1", "2", "10"]
    assert manifest.texts("f") == ["1", None, "2.5"]
    assert manifest.texts("g") == ["0.1", "3", "-4"]
    assert manifest.texts("b") == ["True", "False", "True"]
    assert manifest.texts("c") == ["10", "2", "10"]
    assert manifest.texts("d") == ["2020-01-01", None, "2021-05-06"]
    np.testing.assert_array_equal(manifest.vectors("v"), [[1, 2], [np.nan, np.nan], [3, 4]])
    with pytest.raises(FusebenchError, match=r"column 'v' holds list<.*>; expected text or numbers"):
        manifest.texts("v")
    with pytest.raises(FusebenchError, match=r"column 'y' holds .*string; expected lists of numbers"):
        manifest.vectors("y")


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ([[1.0], None, [1.0, 2.0]], "several lengths: 1 numbers in row 1 and 2 in row 3"),
        ([None, None, []], "holds no numbers"),
        ([["a"], ["b"], None], "expected lists of numbers"),
    ],
)
def test_lists_that_are_no_vectors(tmp_path, lists, words):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"y": list("aba"), "v": lists})
    manifest, _ = opened(tmp_path, lambda path: frame.to_parquet(path), name="t.parquet")
    with pytest.raises(FusebenchError, match=words):
        manifest.vectors("v")


def test_markers_hold_for_stored_numbers_too(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"y": list("ab"), "x": [-9.0, 1.0], "i": [-9, 3]})
    manifest, _ = opened(tmp_path, lambda p: frame.to_parquet(p), 'missing = ["-9"]', name="t.parquet")
    np.testing.assert_array_equal(manifest.numbers("x"), [np.nan, 1])
    assert manifest.texts("i") == [None, "3"]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataUnavailableError, match=r"pip install 'fusebench\[data\]'"):
        opened(tmp_path, b"PAR1", name="t.parquet")


def test_what_is_no_parquet_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(FusebenchError, match=r"'t.parquet' cannot be read as Parquet"):
        opened(tmp_path, b"PAR1", name="t.parquet")
    with pytest.raises(FusebenchError, match="vectors stand in a Parquet manifest"):
        opened(tmp_path, "y,x\na,1\n")[0].vectors("x")
