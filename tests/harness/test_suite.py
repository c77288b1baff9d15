"""A suite's TOML is checked whole before anything runs; a mistake is one sentence."""

from pathlib import Path

import pytest

import fusebench
from fusebench.benchmarks.suite import RESERVED, load, shipped
from fusebench.core.errors import FusebenchError


def refused(path):
    with pytest.raises(FusebenchError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("[training]\nepoch = 3", "epochs"),
        ("[training]\nweight_deacy = 0.1", "weight_decay"),
        ("[limits]\ntimeuot = 3", "timeout"),
        ("[trainig]\nepochs = 3", "training"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path, line, near):
    path = tmp_path / "mine.toml"
    path.write_text(f'[suite]\nname = "mine"\ndatasets = ["mfeat"]\n{line}\n')
    message = refused(path)
    assert f"did you mean {near!r}?" in message
    assert "mine.toml" in message


@pytest.mark.parametrize(
    ("training", "key"),
    [
        ({"epochs": 0}, "training.epochs"),
        ({"lr": -0.1}, "training.lr"),
        ({"precision": "fp8"}, "training.precision"),
        ({"capacity": "big"}, "training.capacity"),
        ({"class_weight": "equal"}, "training.class_weight"),
        ({"batch": "many"}, "training.batch"),
    ],
)
def test_a_bad_value_is_named_with_its_key(suite, training, key):
    message = refused(suite(**training))
    assert key in message
    assert repr(next(iter(training.values()))) in message


@pytest.mark.parametrize("seeds", [(0, 0), (-1,), (), (0.5,)])
def test_seeds_are_different_whole_numbers_from_0(suite, seeds):
    assert "suite.seeds" in refused(suite(seeds=seeds))


def test_what_is_lacking_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[suite]\nname = "mine"\n')
    assert "lacks the key 'datasets'" in refused(path)
    path.write_text('[suite\nname = "mine"\n')
    assert "not valid TOML" in refused(path)
    assert "is not a file" in refused(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "name", ["reference", "perf", "figures", "page", "statistics", "Tables", "a b", "../x", ""]
)
def test_reserved_and_impossible_names_are_refused(suite, tmp_path, name):
    path = suite().rename(tmp_path / "x.toml")
    path.write_text(path.read_text().replace('name = "s"', f'name = "{name}"'))
    assert "suite.name" in refused(path)


def test_every_file_of_code_beside_the_output_is_a_reserved_name():
    for room in ("results", "reports"):
        folder = Path(fusebench.__file__).parents[1] / room
        code = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/*.py")}
        assert code - {"__init__"} <= RESERVED, f"add to RESERVED in benchmarks/suite.py what {room}/ has new"


def test_every_shipped_suite_is_sound():
    assert {"quick", "full", "smoke"} <= set(shipped())
    for name in shipped():
        assert load(name).name == name


def test_an_unknown_suite_names_what_there_is():
    assert "quick" in refused("quikc")


def test_a_positive_label_that_no_data_set_has_is_refused(stubs, suite, tmp_path):
    path = suite()
    path.write_text(path.read_text().replace("[training]", 'positive = "yess"\n[training]'))
    with pytest.raises(FusebenchError, match=r"positive label.*did you mean 'yes'"):
        fusebench.run(path, plugins=[stubs], out=tmp_path, jobs=0, quiet=True)


def test_a_misspelt_suite_on_the_command_line_is_one_sentence_and_writes_nothing(cli, suite, tmp_path):
    suite()
    with (tmp_path / "s.toml").open("a") as file:
        file.write("weight = 3\n")
    ended = cli("run", "s.toml")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("fusebench: Unknown key")
    assert ended.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.toml"]
