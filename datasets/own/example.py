"""A small data set on disk with its card, to run as it stands and to copy from."""

from __future__ import annotations

import csv
import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataUnavailableError, FusebenchError
from ...core.files import write_atomic, write_text

_CLASSES = ("healthy", "early", "late")
_ROWS_EACH = 4  # of one patient
_SIDE = 64
_RATE = 8000
_TRUE = {"record": 0.65, "photo": 0.7, "voice": 0.65, "text": 0.55}  # how often an input shows the row's own class
_ABSENT = 0.05
_PICTURE, _SOUND = "images/{:04d}.png", "sounds/{:04d}.wav"
_PITCHES = (220.0, 330.0, 495.0)  # Hz


def write_example(folder: str | Path, rows: int = 200, seed: int = 0) -> Path:
    """Write a data set of four modalities and three classes, and its card.

    Each input shows the row's class most of the time and another class otherwise, independently of the
    others: none tells everything and together they tell more. Patients have four rows each.

    Parameters
    ----------
    folder
        A folder that does not exist or is empty.
    rows
        Number of rows, from 60 on; 200 take about 4 MB.
    seed
        Of everything that is drawn: the same seed gives the same data.

    Returns
    -------
    pathlib.Path
        The card, `card.toml`.

    Raises
    ------
    FusebenchError
        Where the folder holds something, or there are too few rows for five folds.
    DataUnavailableError
        Where Pillow is not installed.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FusebenchError(f"Folder {str(folder)!r} is not empty; name a new one for the example.")
    if rows < 60:
        raise FusebenchError(f"An example of {rows} rows is too small to be split in five; ask for 60 or more.")
    _pillow()  # before anything is written
    drawn = _draw(rows, np.random.default_rng(seed))
    rng = np.random.default_rng([seed, 1])
    (folder / "images").mkdir(parents=True)
    (folder / "sounds").mkdir()
    for file, shown in zip(drawn.files("photo", _PICTURE), drawn.shown["photo"], strict=True):
        if file:
            _write_picture(folder / file, shown, rng)
    for file, shown, patient in zip(
        drawn.files("voice", _SOUND), drawn.shown["voice"], drawn.patient, strict=True
    ):
        if file:
            _write_sound(folder / file, shown, patient, rng)
    write_atomic(folder / "text.npy", lambda stream: np.save(stream, _vectors(drawn, rng), allow_pickle=False))
    write_text(folder / "manifest.csv", _manifest(drawn, rng))
    write_text(folder / "card.toml", _CARD)
    return folder / "card.toml"


@dataclass(frozen=True)
class _Drawn:
    """Labels, patients, and for each modality which class it shows and where it is present."""

    labels: np.ndarray
    patient: np.ndarray
    shown: dict[str, np.ndarray]
    here: dict[str, np.ndarray]

    def files(self, name: str, pattern: str) -> list[str]:
        """Return one path a row below the folder, empty where the modality is absent."""
        return [pattern.format(row) if here else "" for row, here in enumerate(self.here[name], 1)]


def _draw(rows: int, rng: np.random.Generator) -> _Drawn:
    labels = rng.permutation(np.arange(rows) % len(_CLASSES))
    shown, here = {}, {}
    for name, share in _TRUE.items():
        other = (labels + rng.integers(1, len(_CLASSES), rows)) % len(_CLASSES)
        shown[name] = np.where(rng.random(rows) < share, labels, other)
        here[name] = rng.random(rows) >= (_ABSENT if name in ("photo", "voice") else 0.0)
    return _Drawn(labels, np.arange(rows) // _ROWS_EACH, shown, here)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise DataUnavailableError("The example's pictures need Pillow: `pip install pillow`.") from error
    return Image


def _write_picture(path: Path, shown: int, rng: np.random.Generator) -> None:
    """Write a grey picture of a disc, a square or a cross somewhere near the middle."""
    down, right = np.mgrid[:_SIDE, :_SIDE] - _SIDE / 2 - rng.integers(-4, 5, (2, 1, 1))
    near, far = np.minimum(abs(down), abs(right)), np.maximum(abs(down), abs(right))
    shape = (np.hypot(down, right) < 16, far < 14, (near < 5) & (far < 20))[shown]
    pixels = 90 + 80 * shape + rng.normal(0, 20, shape.shape)
    buffer = io.BytesIO()
    _pillow().fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


def _write_sound(path: Path, shown: int, patient: int, rng: np.random.Generator) -> None:
    """Write one second of a tone: the class is its pitch, which varies a little with the patient."""
    pitch = _PITCHES[shown] * (1 + 0.02 * (patient % 5 - 2))
    time = np.arange(_RATE) / _RATE
    tone = 0.3 * np.sin(2 * np.pi * (pitch * time + rng.random())) + rng.normal(0, 0.05, _RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((np.clip(tone, -1, 1) * 32767).astype("<i2").tobytes())


def _vectors(drawn: _Drawn, rng: np.random.Generator) -> np.ndarray:
    centres = rng.normal(0, 1, (len(_CLASSES), 16))
    return (centres[drawn.shown["text"]] + rng.normal(0, 0.5, (len(drawn.labels), 16))).astype(np.float32)


def _manifest(drawn: _Drawn, rng: np.random.Generator) -> str:
    shown, rows = drawn.shown["record"], len(drawn.labels)
    age = (45 + 10 * shown + rng.normal(0, 6, rows)).round().astype(int).astype(str)
    size = np.char.mod("%.1f", 4 + 2 * shown + rng.normal(0, 1, rows))
    for column in (age, size):
        column[rng.random(rows) < _ABSENT] = ""
    sex = rng.choice(["f", "m"], -(-rows // _ROWS_EACH))[drawn.patient]
    told = np.array(["arm", "back", "leg"])[shown]
    site = np.where(rng.random(rows) < 0.5, told, rng.choice(["face", "hand"], rows))
    columns: dict[str, Sequence[str]] = {
        "patient": [f"p{number + 1:03d}" for number in drawn.patient],
        "age": age.tolist(),
        "size": size.tolist(),
        "sex": sex.tolist(),
        "site": site.tolist(),
        "image": drawn.files("photo", _PICTURE),
        "sound": drawn.files("voice", _SOUND),
        "diagnosis": [_CLASSES[label] for label in drawn.labels],
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


_CARD = """\
# A data card: what the columns of a table are. Paths are relative to this file.
# Keys behind "#" are optional and stand at their defaults or at an example.

[data]
name = "example"             # letters, digits and _; results are kept under it, folds are drawn by it
manifest = "manifest.csv"    # .csv, .tsv or .parquet; one row an item, the first line names the columns
label = "diagnosis"          # the column to predict
group = "patient"            # rows of one patient stay in one split
folds = 5                    # one tests, the next validates, the rest train
# split = "part"             # a column that says train, validation or test takes the place of folds
# metric = "log_loss"        # takes the place of the suite's
# positive = "late"          # the label that sensitivity is about
# separator = ","            # of cells; default: by the manifest's suffix
# decimal = "."              # "," where numbers are written 1,5
# missing = [""]             # cells that stand for nothing; "NA" is a value unless it is listed
# encoding = "utf-8"
# skip_unreadable = false    # true leaves out rows whose files are damaged, and says so

[modalities.record]          # any name
kind = "tabular"
numeric = ["age", "size"]    # empty cells are filled in, and marked, from training rows alone
categorical = ["sex", "site"]
# missing = "refuse"         # about rows without a single cell; "mask" keeps them

[modalities.photo]
kind = "image"
column = "image"             # holds paths
# folder = ""                # put before the paths
size = 32                    # side after resizing; [height, width] where they differ
channels = 1                 # 3 for colour
missing = "mask"             # keeps rows without a picture; "refuse" would not start
# extractor = "cnn"          # takes the place of the suite's

[modalities.voice]
kind = "audio"
column = "sound"
rate = 8000                  # samples a second
seconds = 1.0                # the middle of longer sounds is kept, shorter ones stand amid silence
mel = 32                     # bands: the height of the picture that a sound becomes
frames = 32                  # its width
missing = "mask"

[modalities.text]
kind = "embedding"
file = "text.npy"            # row i belongs to row i of the manifest; .npy, .npz or .mat
# key = "X"                  # the array's name in a file of several
# rows = "first"             # which axis counts items
# column = "vector"          # or: a column of lists in a .parquet manifest
"""
