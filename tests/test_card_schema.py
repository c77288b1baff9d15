"""A data card's keys: what is read, what it defaults to, and what is refused before any data is touched."""

import pickle
from typing import get_args

import numpy as np
import pytest

from fusebench.benchmarks import suite
from fusebench.core.errors import FusebenchError, UnknownNameError
from fusebench.datasets.audio import log_mel
from fusebench.datasets.own import specs
from fusebench.datasets.own.schema import AudioSpec, read_card

DATA = 'name = "skin"\nmanifest = "table.csv"\nlabel = "dx"\n'
PHOTO = '[modalities.photo]\nkind = "image"\ncolumn = "file"\n'


def written(folder, text):
    path = folder / "card.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_card_is_read_with_its_defaults(tmp_path):
    card = read_card(written(tmp_path, f"[data]\n{DATA}{PHOTO}"))
    assert (card.folder, card.data.folds, card.data.missing) == (tmp_path.resolve(), 5, ("",))
    photo = card.modalities["photo"]
    assert (photo.size, photo.channels, photo.missing, photo.extractor) == ((64, 64), 3, "refuse", None)
    assert pickle.loads(pickle.dumps(card)) == card


def test_a_card_may_ask_for_every_metric_of_a_suite():
    assert set(get_args(specs.Metric)) == set(get_args(suite.Metric))


def test_every_key_is_read(tmp_path):
    more = """group = "p"
split = "s"
folds = 4
metric = "log_loss"
positive = "mel"
separator = ";"
decimal = ","
missing = ["", "-9"]
encoding = "CP1252"
skip_unreadable = true
[modalities.record]
kind = "tabular"
numeric = ["age"]
categorical = ["sex"]
missing = "mask"
extractor = "linear"
[modalities.photo]
kind = "image"
column = "file"
folder = "images"
size = [8, 6]
channels = 1
[modalities.voice]
kind = "audio"
column = "wav"
rate = 8000
seconds = 2
mel = 16
frames = 20
[modalities.text]
kind = "embedding"
file = "text.npz"
key = "X"
rows = "last"
[modalities.more]
kind = "embedding"
column = "vector"
"""
    card = read_card(written(tmp_path, f"[data]\n{DATA}{more}"))
    assert (card.data.missing, card.data.encoding) == (("", "-9"), "cp1252")
    assert list(card.modalities) == ["record", "photo", "voice", "text", "more"]
    assert card.modalities["photo"].size == (8, 6)
    voice = card.modalities["voice"]
    assert isinstance(voice, AudioSpec) and (voice.seconds, voice.frames) == (2.0, 20)
    assert card.modalities["record"].columns == ("age", "sex")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('lable = "dx"', r"key of \[data\] in data card 'card.toml' 'lable': did you mean 'label'"),
        ('metric = "acuracy"', "'acuracy': did you mean 'accuracy'"),
        ("folds = 2", r"\[data\] folds = 2: expected a value greater than or equal to 3"),
        ("folds = true", "folds = True: expected a whole number"),
        ("positive = 1", "positive = 1: expected text, in quotes"),
        ('metric = "sensitivity_at_90_specificity"', "needs the key 'positive'"),
        ('decimal = ";"', "decimal = ';': the decimal sign is"),
        ('separator = ", "', "separator = ', ': "),
        ('separator = "\\""', "neither a quote nor"),
        ('missing = ""', "missing = '': expected a list"),
        ("missing = [-9]", r"missing = \[-9\]: expected text, in quotes"),
        ('encoding = "utf8000"', "encoding = 'utf8000': no such encoding"),
        ('encoding = "hex"', "encoding = 'hex': no such encoding"),
        ('skip_unreadable = "yes"', "expected true or false"),
        ('group = ""', "group = '': expected a name"),
        ("folds =", "is not valid TOML"),
    ],
)
def test_what_data_cannot_say(tmp_path, line, words):
    with pytest.raises(FusebenchError, match=words):
        read_card(written(tmp_path, f"[data]\n{DATA}{line}\n{PHOTO}"))


@pytest.mark.parametrize("name", ["my skin", "my-skin", "1skin", "skin/a", "skin(a=1)", ""])
def test_a_name_is_a_plain_word(tmp_path, name):
    text = f"[data]\n{DATA}{PHOTO}".replace('"skin"', f'"{name}"')
    with pytest.raises(FusebenchError, match="use letters, digits and _"):
        read_card(written(tmp_path, text))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('kind = "image"', r"\[modalities.m\] lacks the key 'column'"),
        ('column = "file"', "lacks the key 'kind', one of tabular, image"),
        ('kind = "picture"', r"kind of \[modalities.m\] in data card 'card.toml' 'picture'"),
        ('kind = "image"\ncolumn = "f"\nchanels = 1', "'chanels': did you mean 'channels'"),
        ('kind = "image"\ncolumn = "f"\nchannels = 2', "channels = 2: expected a value 1 or 3"),
        ('kind = "image"\ncolumn = "f"\nsize = 3', "size = 3: expected a value greater"),
        (
            'kind = "image"\ncolumn = "f"\nsize = [8]',
            r"size = \[8\]: expected a whole number, or",
        ),
        ('kind = "image"\ncolumn = "f"\nsize = 8.5', "size = 8.5: expected a whole number"),
        ('kind = "image"\ncolumn = "f"\nmissing = "masked"', "did you mean 'mask'"),
        ('kind = "audio"\ncolumn = "w"\nrate = 100', "rate = 100: expected a value greater"),
        ('kind = "audio"\ncolumn = "w"\nseconds = 0', "seconds = 0: expected a value greater"),
        ('kind = "audio"\ncolumn = "w"\nrate = 2000\nmel = 128', "mel = 128 bands need rate = 4001 or more"),
        ('kind = "audio"\ncolumn = "w"\nseconds = 0.05', "seconds = 0.05 are less than one spectrum takes, 0.064"),
        ('kind = "audio"\ncolumn = "w"\nseconds = 0.1\nframes = 101', "frames = 101: .* have room for 100"),
        ('kind = "tabular"', "list columns under numeric, categorical or both"),
        ('kind = "tabular"\nnumeric = "age"', "numeric = 'age': expected a list"),
        ('kind = "tabular"\nnumeric = ["a"]\ncategorical = ["a"]', "column 'a' is listed twice"),
        ('kind = "tabular"\nnumeric = ["dx"]', "reads column 'dx', which is the label"),
        ('kind = "embedding"', "name either a file or a column"),
        ('kind = "embedding"\nfile = "a.npy"\ncolumn = "b"', "name either a file or a column"),
        ('kind = "embedding"\ncolumn = "b"\nkey = "X"', "key and rows belong to a file"),
        ('kind = "embedding"\nfile = "a.npy"\nrows = "firts"', "did you mean 'first'"),
    ],
)
def test_what_a_modality_cannot_say(tmp_path, table, words):
    with pytest.raises(FusebenchError, match=words):
        read_card(written(tmp_path, f"[data]\n{DATA}[modalities.m]\n{table}\n"))


@pytest.mark.parametrize(("rate", "seconds", "frames"), [(16000, 0.1, 100), (1000, 0.064, 4), (44100, 0.1, 275)])
def test_every_sound_that_a_card_may_ask_for_can_be_made(tmp_path, rate, seconds, frames):
    text = f'kind = "audio"\ncolumn = "w"\nrate = {rate}\nseconds = {seconds}\nframes = {frames}\nmel = 16\n'
    spec = read_card(written(tmp_path, f"[data]\n{DATA}[modalities.m]\n{text}")).modalities["m"]
    made = log_mel(np.zeros(rate, np.float32), spec.rate, spec.mel, spec.frames, seconds=spec.seconds)
    assert made.shape == (1, 16, frames)


@pytest.mark.parametrize(("name", "words"), [("t.csv", "is a table, and a card"), ("gone.toml", "is not a file")])
def test_what_is_no_card_says_what_writes_one(tmp_path, name, words):
    (tmp_path / "t.csv").write_text("a,y\n1,p\n")
    with pytest.raises(FusebenchError, match=rf"{words}.*`fusebench data init"):
        read_card(tmp_path / name)


def test_the_split_is_no_input(tmp_path):
    text = f'[data]\n{DATA}split = "s"\n[modalities.m]\nkind = "tabular"\ncategorical = ["s"]\n'
    with pytest.raises(FusebenchError, match="reads column 's', which is the split"):
        read_card(written(tmp_path, text))


def test_tables_are_known_and_there(tmp_path):
    with pytest.raises(UnknownNameError, match="'modality': did you mean 'modalities'"):
        read_card(written(tmp_path, f'[data]\n{DATA}[modality.photo]\nkind = "image"\n'))
    with pytest.raises(FusebenchError, match="has no modality"):
        read_card(written(tmp_path, f"[data]\n{DATA}"))
    with pytest.raises(FusebenchError, match=r"\[data\] lacks the key 'name'"):
        read_card(written(tmp_path, PHOTO))
    with pytest.raises(FusebenchError, match=r"expected a table \[data\]"):
        read_card(written(tmp_path, f"data = 3\n{PHOTO}"))
    with pytest.raises(FusebenchError, match="needs a name of letters"):
        read_card(written(tmp_path, f"[data]\n{DATA}[modalities.'my photo']\nkind = 'image'\n"))
    with pytest.raises(FusebenchError, match="is not a file"):
        read_card(tmp_path / "other.toml")
