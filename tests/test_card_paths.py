"""Cells that name files: as other systems spell them, and what is said of those that name none."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from fusebench.core.errors import FusebenchError
from fusebench.datasets.own import open_card
from fusebench.datasets.own.folders import Neighbours, located
from fusebench.datasets.own.propose import write_card

PIL = pytest.importorskip("PIL.Image")
N = 20


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))


def placed(folder, cells, more=""):
    """Write a table of paths and its card."""
    pd.DataFrame({"file": cells, "y": ["p", "q"] * (N // 2)}).to_csv(folder / "t.csv", index=False)
    text = f'[data]\nname = "mine"\nmanifest = "t.csv"\nlabel = "y"\n{more}\n[modalities.photo]\nkind = "image"\n'
    (folder / "mine.toml").write_text(f'{text}column = "file"\nsize = 4\n', "utf-8")
    return folder / "mine.toml"


def pictures(folder, names):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        PIL.fromarray(np.full((4, 4, 3), number, np.uint8)).save(folder / name)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("{}.png", "sub\\{}.png"),
        (unicodedata.normalize("NFD", "が{}.png"), "sub/" + unicodedata.normalize("NFC", "が{}.png")),
        (unicodedata.normalize("NFC", "é{}.png"), "sub\\" + unicodedata.normalize("NFD", "é{}.png")),
    ],
)
def test_tables_travel_between_systems(tmp_path, name, cell):
    pictures(tmp_path / "sub", map(name.format, range(N)))
    data = open_card(placed(tmp_path, [cell.format(i) for i in range(N)]))
    rows = data.load(0).train
    np.testing.assert_array_equal(rows.inputs["photo"][:, 0, 0, 0] * 255, rows.ids - 1)
    (tmp_path / "mine.toml").unlink()
    text = write_card(tmp_path / "t.csv", "y").read_text("utf-8")
    assert "do not exist" not in text


def test_a_file_of_the_very_name_goes_first(tmp_path):
    pictures(tmp_path, ["a\\b.png"])
    pictures(tmp_path / "a", ["b.png"])
    assert located(tmp_path, "a\\b.png").parent == tmp_path


def test_what_does_not_exist_is_told_with_what_is_near(tmp_path):
    pictures(tmp_path, [f"{i}.png" for i in range(N)])
    (tmp_path / "link.png").symlink_to("nowhere.png")
    cells = [f"{i}.png" for i in range(N)]
    cells[1:5] = ["1.PNG", " 2.png", "images/3.png", "link.png"]
    with pytest.raises(FusebenchError) as caught:
        open_card(placed(tmp_path, cells))
    told = str(caught.value)
    here = str(tmp_path)
    assert f"row 2: '1.PNG' does not exist in {here!r}, where '1.png' does" in told
    assert f"row 3: ' 2.png' does not exist in {here!r}, where '2.png' does" in told
    assert f"row 4: '3.png' does not exist: there is no folder {str(tmp_path / 'images')!r}" in told
    assert "row 5: 'link.png' does not exist" in told and "a link to what is not there" in told


def test_folders_are_listed_once(tmp_path, monkeypatch):
    pictures(tmp_path, ["a.png"])
    near = Neighbours()
    assert "'a.png'" in near.about(tmp_path / "A.png")
    (tmp_path / "a.png").unlink()
    assert "'a.png'" in near.about(tmp_path / "A.PNG")


def test_a_folder_among_the_pictures_is_decoded_once(tmp_path):
    """With a fault that a system reports, as with any other, a later run decodes nothing."""
    pictures(tmp_path, [f"{i}.png" for i in range(N)])
    (tmp_path / "3.png").unlink()
    (tmp_path / "3.png").mkdir()
    card = placed(tmp_path, [f"{i}.png" for i in range(N)], "skip_unreadable = true")
    for expected in (1, 0):
        said = []
        assert sum(open_card(card, said.append).rows.values()) == N - 1
        assert sum("Decoding" in line for line in said) == expected
