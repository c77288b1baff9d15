"""`data check`: all that is wrong with a user's data is named before anything is trained."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fusebench.__main__ import main
from fusebench.datasets.own.audit import audit
from fusebench.datasets.own.example import write_example

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


def test_a_card_that_is_none_is_the_users_mistake(command, tmp_path):
    code, _, err = command("check", tmp_path / "nothing.toml")
    assert code == 2
    assert "nothing.toml" in err
