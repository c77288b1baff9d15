"""Tables in text files: CSV, TSV and the like, every cell as written."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from ...core.errors import FusebenchError

_BEGINNINGS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_KANA = re.compile(r"[\u3041-\u30ff]")


class TextTable:
    """A text file of cells, its first line the header; blank lines are no rows."""

    def __init__(self, path: Path, separator: str, encoding: str):
        self._label = path.name
        records = _records(_decoded(path, encoding), separator, f"Manifest {path.name!r}")
        self.names = tuple(records[0]) if records else ()
        self._check_separator(separator)
        self._cells = [record or [""] for record in records[1:] if record or len(self.names) == 1]
        while self._cells and len(self.names) == 1 and self._cells[-1] == [""]:
            self._cells.pop()  # the blank end of a file of one column
        self._check_ragged(separator)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._cells)

    def text(self, column: str) -> list[str | None]:
        """Return the cells as written."""
        place = self.names.index(column)
        return [cells[place] for cells in self._cells]

    def kind(self, column: str) -> str:
        """Return `text`: there is nothing else."""
        return "text"

    def numbers(self, column: str) -> None:
        """Return None: text stores no numbers."""

    def vectors(self, column: str) -> np.ndarray:
        """Refuse: text stores no lists."""
        raise FusebenchError(
            f"Manifest {self._label!r}, column {column!r}: vectors stand in a Parquet manifest, or in a file of "
            'their own (file = "vectors.npy").'
        )

    def _check_separator(self, separator: str) -> None:
        other = next((sign for sign in ";\t,|" if sign != separator and sign in "".join(self.names)), None)
        if len(self.names) == 1 and other is not None:
            raise FusebenchError(
                f"Manifest {self._label!r} has one column, {self.names[0]!r}, when separated at {separator!r}; "
                f"declare separator = {other!r}."
            )

    def _check_ragged(self, separator: str) -> None:
        for row, cells in enumerate(self._cells, 1):
            if len(cells) != len(self.names):
                raise FusebenchError(
                    f"Manifest {self._label!r}, row {row} has {len(cells)} cells and the header "
                    f"{len(self.names)}; a cell that holds {separator!r} stands in quotes."
                )


def _decoded(path: Path, encoding: str) -> str:
    content = path.read_bytes()
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        row = content[:start].count(b"\n")
        where = f"row {row}" if row else "the header"
        likely = encoding_of(content)
        advice = f'encoding = "{likely}" may be its own' if likely != encoding else "declare its own encoding"
        raise FusebenchError(
            f"Manifest {path.name!r} is not {encoding}: byte 0x{content[start : start + 1].hex()} in {where}; "
            f"{advice}."
        ) from error
    if "\0" in text:
        raise FusebenchError(
            f'Manifest {path.name!r} is not {encoding}: it holds zero bytes; encoding = "utf-16" may be its own.'
        )
    return text


def encoding_of(content: bytes) -> str:
    """Return UTF-8 or UTF-16 where it is that; else `cp932` where it then holds kana; else `cp1252`."""
    for beginning, name in _BEGINNINGS.items():
        if content.startswith(beginning):
            return name
    for name in ("utf-8", "cp932"):
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if name == "utf-8" or _KANA.search(text):
            return name
    return "cp1252"


def _records(text: str, separator: str, owner: str) -> list[list[str]]:
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            records.append(record)  # one by one: how many there are tells where the reader stopped
    except csv.Error as error:
        where = f"row {len(records)}" if records else "the header"
        raise FusebenchError(
            f"{owner}, {where}: {error}; a cell that holds quotes or the separator stands in quotes, its own "
            "quotes doubled."
        ) from error
    return records
