"""`data check`: all that is wrong with a user's data is named before anything is trained."""

import json
import shutil
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fusebench.__main__ import main
from fusebench.core.errors import FusebenchError
from fusebench.datasets.own.audit import audit
from fusebench.datasets.own.example import write_example
from fusebench.own_check import warnings_of

ROWS = 60


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return write_example(tmp_path_factory.mktemp("example") / "data", rows=ROWS)


@pytest.fixture
def card(example, tmp_path):
    """A copy of the example that may be spoilt."""
    return shutil.copytree(example.parent, tmp_path / "copy") / example.name


@pytest.fixture
def table(tmp_path):
    """Write a table and its card; return the card."""

    def write(columns, numeric=(), categorical=(), more="", label="y"):
        pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
        text = f'[data]\nname = "mine"\nmanifest = "t.csv"\nlabel = "{label}"\n{more}\n'
        text += '[modalities.table]\nkind = "tabular"\n'
        text += f"numeric = {json.dumps(list(numeric))}\ncategorical = {json.dumps(list(categorical))}\n"
        (tmp_path / "mine.toml").write_text(text, "utf-8")
        return tmp_path / "mine.toml"

    return write


def found(path, kind, level=None):
    told, _ = audit(path)
    return [f for f in told.findings if f.kind == kind and level in (None, f.level)]


def noise(n=ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=n).round(3)


# ---- files


def test_a_sound_folder_has_nothing_against_it(example):
    told, _ = audit(example)
    assert told.exit_code == 0
    assert told.warnings == []
    assert sum(told.classes.values()) == ROWS
    assert told.modalities["photo"]["shape"] == [1, 32, 32]


def test_every_unreadable_file_is_named_by_row_not_the_first_alone(card):
    manifest = pd.read_csv(card.parent / "manifest.csv", keep_default_na=False)
    held = manifest.index[manifest["image"] != ""][:3]
    cut, gone, wrong = (card.parent / manifest.loc[row, "image"] for row in held)
    cut.write_bytes(cut.read_bytes()[:200])
    gone.unlink()
    wrong.write_text("no picture at all")
    (finding,) = found(card, "unreadable")
    assert finding.level == "error"
    assert finding.modality == "photo"
    assert finding.rows == tuple(int(row) + 1 for row in held)
    for path, line in zip((cut, gone, wrong), finding.details, strict=True):
        assert path.name in line
    assert not any(path.name in finding.text for path in (cut, gone, wrong))  # the sentence may enter a report


def test_unreadable_files_are_a_warning_where_they_are_skipped(card):
    manifest = pd.read_csv(card.parent / "manifest.csv", keep_default_na=False)
    first = manifest["image"][manifest["image"] != ""].iloc[0]
    (card.parent / first).write_bytes(b"")
    card.write_text(card.read_text("utf-8").replace("[data]", "[data]\nskip_unreadable = true"), "utf-8")
    assert found(card, "unreadable")[0].level == "warning"
    assert audit(card)[0].exit_code == 0


def test_the_same_picture_in_rows_that_a_split_may_part(card):
    manifest = pd.read_csv(card.parent / "manifest.csv", keep_default_na=False)
    held = manifest[manifest["image"] != ""].groupby("patient").head(1)  # one row a group
    one, other = held.index[0], held.index[1]
    shutil.copy(card.parent / held["image"][one], card.parent / held["image"][other])
    (finding,) = found(card, "same_file")
    assert finding.level == "warning"
    assert set(finding.rows) == {int(one) + 1, int(other) + 1}


def test_pictures_of_one_colour(card):
    manifest = pd.read_csv(card.parent / "manifest.csv", keep_default_na=False)
    row = manifest.index[manifest["image"] != ""][0]
    Image.new("L", (32, 32), 7).save(card.parent / manifest["image"][row])
    assert found(card, "blank")[0].rows == (int(row) + 1,)


def test_absent_cells_and_their_policy(card):
    note = found(card, "absent")[0]
    assert (note.level, note.modality) == ("note", "photo")
    card.write_text(card.read_text("utf-8").replace('missing = "mask"', 'missing = "refuse"'), "utf-8")
    refused = found(card, "absent")
    assert {f.level for f in refused} == {"error"}
    assert refused[0].rows == note.rows


# ---- columns


def test_a_constant_column(table):
    path = table({"a": noise(), "flat": 3.0, "y": ["p", "q"] * 30}, ["a", "flat"])
    assert [f.column for f in found(path, "constant")] == ["flat"]


def test_an_index_that_orders_the_classes(table):
    path = table({"case_id": range(ROWS), "a": noise(), "y": ["p"] * 30 + ["q"] * 30}, ["case_id", "a"])
    assert [f.column for f in found(path, "index")] == ["case_id"]
    shuffled = table({"case_id": range(ROWS), "a": noise(), "y": ["p", "q"] * 30}, ["case_id", "a"])
    assert found(shuffled, "index") == []


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_column_that_gives_the_label_away(table, kind):
    y = np.array(["p", "q", "r"] * 20)
    leak = np.select([y == "p", y == "q"], [1.0, 2.0], 3.0) + (0.01 * noise() if kind == "numeric" else 0)
    columns = {"numeric": ["a"]}
    columns.setdefault(kind, []).append("leak")
    path = table({"a": noise(seed=1), "leak": leak, "y": y}, **columns)
    assert [f.column for f in found(path, "tells_label")] == ["leak"]


def test_a_value_of_one_row_tells_nothing_of_others(table):
    y = np.array(["p", "q", "r"] * 20)
    rng = np.random.default_rng(2)
    rare = [f"v{i}" if i % 2 else "usual" for i in rng.permutation(ROWS)]
    path = table({"a": noise(), "rare": rare, "y": y}, ["a"], ["rare"])
    assert found(path, "tells_label") == []


def test_one_class_is_told_by_no_column(table):
    path = table({"a": range(ROWS), "y": ["p"] * ROWS}, ["a"])
    assert len(found(path, "classes", "error")) == 1
    assert found(path, "tells_label") == found(path, "index") == found(path, "split") == []


def test_absent_cells_of_a_column_and_what_stands_in(table):
    a = pd.Series(noise())
    a[[1, 5]] = np.nan
    site = ["", "x", "y"] * 20
    path = table({"a": a, "b": noise(seed=1), "site": site, "y": ["p", "q"] * 30}, ["a", "b"], ["site"])
    numbers, words = found(path, "gaps", "note")
    assert "median of the training rows" in numbers.text and numbers.details == ("'a': 2 absent",)
    assert "a value of their own" in words.text and words.details == ("'site': 20 absent",)


def test_values_that_differ_in_spaces_or_capitals_alone(table):
    y = ["p", "q"] * 28 + ["p ", "P", "Ｐ", "q"]
    path = table({"a": noise(), "sex": ["f", "F", "m"] * 20, "y": y}, ["a"], ["sex"], "folds = 3")
    labels, sexes = found(path, "spelling", "warning")
    assert (labels.column, sexes.column) == ("y", "sex")
    assert labels.details == ("'p' (28), 'p ' (1), 'P' (1), 'Ｐ' (1)",)
    assert sexes.details == ("'f' (20), 'F' (20)",)


def test_absence_that_depends_on_the_class(card):
    manifest = pd.read_csv(card.parent / "manifest.csv", keep_default_na=False)
    manifest.loc[manifest["diagnosis"] == "late", "image"] = ""
    manifest.to_csv(card.parent / "manifest.csv", index=False)
    assert [f.modality for f in found(card, "absence")] == ["photo"]


def test_every_column_that_cannot_be_read_is_named(table):
    bad = ["1,5", "2,5"] * 30
    path = table({"a": bad, "b": noise(), "c": bad, "y": ["p", "q"] * 30}, ["a", "b", "c"])
    assert [f.column for f in found(path, "column", "error")] == ["a", "c"]


# ---- rows and splits


def test_a_class_with_too_few_rows(table):
    path = table({"a": noise(), "y": ["p", "q"] * 29 + ["p", "rare"]}, ["a"])
    (finding,) = found(path, "split", "error")
    assert "'rare'" in finding.details[0]


def test_a_class_with_too_few_rows_is_told_beside_other_errors(table):
    path = table({"a": noise(), "b": ["?"] * ROWS, "y": ["p", "q"] * 29 + ["p", "rare"]}, ["a", "b"])
    assert len(found(path, "column", "error")) == 1
    assert "'rare'" in found(path, "split", "error")[0].details[0]


def test_a_class_too_small_once_unreadable_rows_are_left_out(card):
    manifest = pd.read_csv(card.parent / "manifest.csv", keep_default_na=False)
    late = manifest.index[(manifest["diagnosis"] == "late") & (manifest["image"] != "")]
    for file in manifest["image"][late]:
        (card.parent / file).write_bytes(b"")
    assert found(card, "split", "error") == []
    card.write_text(card.read_text("utf-8").replace("[data]", "[data]\nskip_unreadable = true"), "utf-8")
    assert "'late'" in found(card, "split", "error")[0].details[0]


def test_equal_rows_in_several_declared_groups(table):
    columns = {"a": [1.0, 2.0, 3.0] * 20, "who": [f"s{i % 20}" for i in range(ROWS)], "y": ["p", "q"] * 30}
    (finding,) = found(table(columns, ["a"], more='group = "who"'), "same_row")
    assert "in several groups" in finding.text and "no group" not in finding.text
    lines = finding.lines()
    assert len(finding.rows) == ROWS and len(lines) == 4
    assert lines[1].endswith("31, 34, … (20 rows)")

    many = [i // 2 for i in range(ROWS)]
    (finding,) = found(table({"a": many, "y": ["p", "q"] * 30}, ["a"]), "same_row")
    assert len(finding.details) == 30 and finding.lines()[-1] == "    … and 22 more, which --json lists"


def test_rows_without_a_single_cell_are_not_alike(table):
    a = pd.Series(noise())
    a[[1, 5]] = np.nan
    assert found(table({"a": a, "y": ["p", "q"] * 30}, ["a"]), "same_row") == []


def test_columns_that_hold_more_than_text_are_passed_over(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": noise(), "y": ["p", "q"] * 30})
    frame["words"] = [["u", "v"]] * ROWS
    frame["photo"] = [{"bytes": b"1", "path": "p"}] * ROWS
    frame["raw"] = [b"1"] * ROWS
    frame.to_parquet(tmp_path / "t.parquet")
    text = '[data]\nname = "mine"\nmanifest = "t.parquet"\nlabel = "y"\n[modalities.a]\nkind = "tabular"\n'
    (tmp_path / "mine.toml").write_text(text + 'numeric = ["a"]\n')
    assert audit(tmp_path / "mine.toml")[0].exit_code == 0


def test_duplicate_rows_across_a_declared_split(table):
    a = noise()
    a[50] = a[3]
    split = ["train"] * 40 + ["test"] * 20
    path = table({"a": a, "part": split, "y": ["p", "q"] * 30}, ["a"], more='split = "part"')
    (finding,) = found(path, "same_row")
    assert finding.level == "error"
    assert finding.rows == (4, 51)


def test_a_group_that_crosses_the_declared_split(table):
    columns = {"a": noise(), "who": [f"s{i % 20}" for i in range(ROWS)], "y": ["p", "q"] * 30}
    path = table(columns | {"part": ["train"] * 40 + ["test"] * 20}, ["a"], more='split = "part"\ngroup = "who"')
    assert any("'s0'" in f.details[0] for f in found(path, "split", "error"))


def test_a_column_that_looks_like_a_group(table):
    columns = {"a": noise(), "patient": [f"s{i % 20}" for i in range(ROWS)], "y": ["p", "q"] * 30}
    assert [f.column for f in found(table(columns, ["a"]), "group")] == ["patient"]


def test_unbalanced_classes_ask_for_another_metric(table):
    columns = {"a": noise(), "y": ["p"] * 50 + ["q"] * 10}
    assert "83%" in found(table(columns, ["a"]), "balance")[0].text
    assert found(table(columns, ["a"], more='metric = "log_loss"'), "balance") == []


# ---- the command


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    def call(*args):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["fusebench", "data", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return call


def test_the_command_draws_a_figure_and_ends_with_0(command, card):
    code, out, _ = command("check", card)
    assert code == 0
    assert "Nothing stands against a run" in out
    with Image.open(card.with_name("card-preview.png")) as figure:
        assert figure.width > 500


@pytest.mark.parametrize(
    ("kind", "extractor", "level", "code"),
    [("image", "resnet", "warning", 0), ("tabular", "cnn", "error", 1), ("image", "cnn", None, 0)],
)
def test_extractors_are_known_before_anything_is_trained(command, card, kind, extractor, level, code):
    head = f'kind = "{kind}"'
    card.write_text(card.read_text("utf-8").replace(head, f'{head}\nextractor = "{extractor}"'), "utf-8")
    ended, out, _ = command("check", card, "--json", "--no-figure")
    levels = [finding["level"] for finding in json.loads(out)["findings"] if finding["kind"] == "extractor"]
    assert (levels, ended) == ([level] if level else [], code)


def test_the_figure_writes_any_letters(command, table, tmp_path):
    columns = {"年齢 $x$": noise(), "部位\n別": ["腕", "足\n左", "頭"] * 20, "y": ["健康", "早期"] * 30}
    path = table(columns, ["年齢 $x$"], ["部位\n別"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that no font has is a warning
        code, _, _ = command("check", path)
    assert code == 0
    with Image.open(path.with_name("mine-preview.png")) as figure:
        assert figure.height < 400  # one line a column: labels and cells of two lines are drawn on one


def test_errors_end_with_1_and_come_as_json(command, card):
    manifest = pd.read_csv(card.parent / "manifest.csv", keep_default_na=False)
    manifest.loc[4, "sound"] = "sounds/none.wav"
    manifest.to_csv(card.parent / "manifest.csv", index=False)
    code, out, _ = command("check", card, "--json", "--no-figure")
    told = json.loads(out)
    assert code == 1
    assert told["errors"] == 1
    assert told["findings"][0]["rows"] == [5]
    assert not card.with_name("card-preview.png").exists()


def test_commands_to_go_on_with_can_be_pasted(command, tmp_path):
    _, out, _ = command("example", "my data")
    assert "fusebench data check 'my data/card.toml'" in out
    assert command("check", tmp_path / "my data" / "card.toml", "--no-figure")[0] == 0


def test_a_report_is_warned_in_sentences_that_name_no_cell(table):
    columns = {"a": noise(), "sex": ["f", "F", "m"] * 20, "y": ["p", "q"] * 30}
    (told,) = warnings_of(table(columns, ["a"], ["sex"]))
    assert "'sex'" in told and "'F'" not in told
    with pytest.raises(FusebenchError, match=r"in every row; .* See `fusebench data check .*mine\.toml`"):
        warnings_of(table(columns | {"y": ["p"] * ROWS}, ["a"], ["sex"]))
    with pytest.raises(FusebenchError, match="first of 2 errors"):
        warnings_of(table(columns | {"y": ["p"] * ROWS}, ["sex"]))


def test_a_card_that_is_none_is_the_users_mistake(command, tmp_path):
    code, _, err = command("check", tmp_path / "nothing.toml")
    assert code == 2
    assert "nothing.toml" in err
