"""What a column of a table is likely to be, told from its name and its cells; a person has the last word."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from .columns import COLUMNS_EACH

MARKERS = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "?", "-", "--", ".")
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
_SPLITS = {"train", "validation", "test", "val", "valid", "dev"}
_TOGETHER = re.compile(
    r"(patient|subject|speaker|participant|person|lesion|case|session|user|author|donor|family|animal|group|"
    r"患者|被験者|話者|参加者|対象者|症例|個人|個体|家族|利用者)s?"
    r"[ _.-]?(id|uid|no|nr|num|number|code|key|name|番号|名|コード)?",
    re.IGNORECASE,
)
_ROW_NAME = re.compile(r"(.*[ _.-])?(id|uid|uuid|index|idx|no|nr|row|key)|unnamed.*|", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MOSTLY = 0.9
_FEW = 20


@dataclass(frozen=True)
class Guess:
    """What one column is taken for.

    Parameters
    ----------
    column
        Its name.
    role
        `numeric`, `categorical`, `image`, `audio`, `group`, `split` or `out`.
    note
        What a person should know of it, in words; may be empty.
    words
        Cells that are no number (of a numeric column) or no path, to be declared missing.
    """

    column: str
    role: str
    note: str = ""
    words: tuple[str, ...] = ()


def decimal_of(columns: Sequence[Sequence[str | None]]) -> str:
    """Return the decimal sign under which more columns are numbers."""
    counts = {sign: sum(_share(_held(cells), sign) >= _MOSTLY for cells in columns) for sign in ".,"}
    return "," if counts[","] > counts["."] else "."


def guess(column: str, cells: Sequence[str | None], labels: Sequence[str | None], decimal: str) -> Guess:
    """Return what a column is likely to be.

    Parameters
    ----------
    column
        Its name.
    cells
        One text a row, None or empty where absent.
    labels
        The label column, to find inputs that are the label under another name.
    decimal
        The table's decimal sign.
    """
    values = _held(cells)
    distinct = set(values)
    if not values:
        return Guess(column, "out", "it is empty")
    kind = _file_kind(values)
    if kind == "npy":
        return Guess(column, "out", _npy_note(column))
    if kind:
        return Guess(column, kind, words=tuple(sorted(distinct.intersection(MARKERS))))
    if len(distinct) == 1:
        return Guess(column, "out", f"every cell says {values[0]!r}")
    folded = {value.casefold() for value in distinct}
    if folded <= _SPLITS and {"train", "test"} <= folded:
        return Guess(column, "split")
    together = _TOGETHER.fullmatch(unicodedata.normalize("NFKC", column).strip())
    if together and 5 <= len(distinct) < len(values) == len(cells) and _whole(values):
        return Guess(column, "group", f"{len(distinct)} values in {len(cells)} rows")
    found = _number(column, values, decimal) or _text(column, values, len(cells))
    if found.role != "out" and _tells(cells, labels):
        return Guess(column, "out", "each of its values comes with one label only: is it the answer?")
    return found


def _held(cells: Sequence[str | None]) -> list[str]:
    return [cell for cell in cells if cell]


def _file_kind(values: list[str]) -> str:
    suffixes = Counter(PurePath(value).suffix.lower() for value in values)
    for kind, known in (("image", IMAGES), ("audio", SOUNDS), ("npy", (".npy",))):
        if sum(suffixes[suffix] for suffix in known) > len(values) / 2:
            return kind
    return ""


def _npy_note(column: str) -> str:
    return (
        "one .npy a row: stack them in the order of rows, np.save('vectors.npy', np.stack([np.load(f) for f in "
        f'table[{column!r}]])), and add a modality of kind = "embedding" with file = "vectors.npy"'
    )


def _is_number(text: str, decimal: str) -> bool:
    if decimal != ".":
        text = text.replace(".", " ").replace(decimal, ".")
    return _NUMBER.fullmatch(text.strip()) is not None


def _share(values: list[str], decimal: str) -> float:
    """Return the share of numbers among the cells that are no usual marker of absence."""
    told = [value for value in values if value not in MARKERS]
    return sum(_is_number(value, decimal) for value in told) / len(told) if told else 0.0


def _whole(values: list[str]) -> bool:
    """Return whether values may be names: words, or numbers without a fraction."""
    return not all(re.fullmatch(r"[+-]?\d*[.,]\d+", value) for value in values)


def _number(column: str, values: list[str], decimal: str) -> Guess | None:
    words = tuple(sorted({value for value in values if not _is_number(value, decimal)}))
    coded = any(re.fullmatch(r"0\d+", value) for value in values)  # 0017 is a name
    if coded or _share(values, decimal) < _MOSTLY or sum(word not in MARKERS for word in words) > 3:
        return None
    distinct = {value for value in values if value not in words}
    whole = all(re.fullmatch(r"[+-]?\d+", value) for value in distinct)
    if whole and len(distinct) == len(values) and (_ROW_NAME.fullmatch(column) or _counts(distinct)):
        return Guess(column, "out", "another whole number in each row: it names rows")
    note = ""
    if whole and 2 < len(distinct) <= 10:
        note = f"{len(distinct)} whole numbers; under categorical if they are codes"
    return Guess(column, "numeric", note, words)


def _counts(distinct: set[str]) -> bool:
    numbers = {int(value) for value in distinct}
    return max(numbers) - min(numbers) == len(distinct) - 1 and len(distinct) > _FEW


def _text(column: str, values: list[str], rows: int) -> Guess:
    distinct = len(set(values))
    if sum(len(value.split()) > 3 for value in values) > len(values) / 2 and distinct > rows / 2:
        return Guess(column, "out", 'free text: turn it to vectors, then add a modality of kind = "embedding"')
    if distinct == len(values) and rows > 2:
        return Guess(column, "out", "another value in each row: it names rows")
    if distinct <= min(_FEW, rows / 2) or distinct <= min(COLUMNS_EACH, rows / 5):
        return Guess(column, "categorical")
    note = f"{distinct} values in {rows} rows; group = {column!r} if the rows of a value belong together"
    return Guess(column, "out", note)


def _tells(cells: Sequence[str | None], labels: Sequence[str | None]) -> bool:
    """Return whether few values, each in many rows, decide the label."""
    seen = defaultdict(set)
    for cell, label in zip(cells, labels, strict=True):
        if cell:
            seen[cell].add(label)
    told = {label for found in seen.values() for label in found}
    few = len(seen) <= len(cells) / 5 and len(cells) >= _FEW
    return few and len(told) > 1 and all(len(found) == 1 for found in seen.values())
