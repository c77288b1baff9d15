"""What a table that nobody has described is written in: its encoding, its separator, and then its cells."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ...core.errors import FusebenchError
from .delimited import TextTable, encoding_of
from .parquet import ArrowTable

_PACKED = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, .ods, .zip; .xls
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}


@dataclass(frozen=True, eq=False)
class Sniffed:
    """A table and how it is written.

    Parameters
    ----------
    columns
        Column name → its cells as written, None for a null of Parquet.
    vectors
        Columns of Parquet that hold lists of numbers.
    other
        Columns of Parquet that hold neither, and what they hold.
    separator, encoding
        Of a text file; empty for Parquet.
    usual
        Whether the separator is the one that the suffix promises.
    """

    columns: dict[str, list[str | None]]
    vectors: tuple[str, ...] = ()
    separator: str = ""
    encoding: str = ""
    usual: bool = True
    other: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return max((len(cells) for cells in self.columns.values()), default=0)


def sniff(path: Path) -> Sniffed:
    """Read a table of unknown separator and encoding.

    Raises
    ------
    DataUnavailableError
        For Parquet where pyarrow is not installed.
    FusebenchError
        Where the file is not there, is empty, or has two columns of one name.
    """
    if not path.is_file():
        raise FusebenchError(f"The table {str(path)!r} is not a file.")
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path)
    content = path.read_bytes()
    if content.startswith(_PACKED):
        raise FusebenchError(f"The table {path.name!r} is a spreadsheet or an archive; save its table as CSV.")
    encoding = encoding_of(content)
    separator = separator_of(content.decode(encoding, errors="replace"))
    table = TextTable(path, separator, encoding)
    _check(path, table.names, table.rows)
    columns = {name: table.text(name) for name in table.names}
    usual = _SEPARATORS.get(path.suffix.lower()) == separator
    return Sniffed(columns, (), separator, encoding, usual)


def separator_of(text: str) -> str:
    """Return the sign at which most records have as many cells as the header; more cells win a draw."""

    text = text.removeprefix("\ufeff")

    def score(sign: str) -> tuple[float, int]:
        records = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=sign), 200))
        widths = [len(record) for record in records if record]
        if not widths or widths[0] < 2:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    best = max(",;\t|", key=score)
    return best if score(best)[1] else ","


def _parquet(path: Path) -> Sniffed:
    table = ArrowTable(path)
    _check(path, table.names, table.rows)
    kinds = {name: table.kind(name) for name in table.names}
    columns = {name: table.text(name) for name, kind in kinds.items() if kind == "text"}
    vectors = tuple(name for name, kind in kinds.items() if kind == "vectors")
    other = {name: kind for name, kind in kinds.items() if kind not in ("text", "vectors")}
    return Sniffed(columns, vectors, other=other)


def _check(path: Path, names: tuple[str, ...], rows: int) -> None:
    doubles = [name for name, count in Counter(names).items() if count > 1]
    if doubles:
        raise FusebenchError(f"The table {path.name!r} has two columns {doubles[0]!r}; rename one of them.")
    if rows == 0:
        raise FusebenchError(f"The table {path.name!r} has no row below its header.")
