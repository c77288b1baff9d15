"""What is odd about the values of a table, of vectors and of decoded files, whatever the classes are."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from .arrays import counted
from .findings import Finding
from .reading import Reading
from .schema import TabularSpec

_FILLED = "filled with the median of the training rows, with a mark beside it"
_OWN = "a value of their own"


def constant(held: Reading) -> Iterator[Finding]:
    """Find columns, and numbers of vectors, that are the same in all rows."""
    for name, table in held.tables.items():
        columns = held.spec.modalities[name].columns
        values = np.column_stack([table.numeric, np.where(table.codes < 0, np.nan, table.codes)])
        for column, cells in zip(columns, values.T, strict=True):
            known = cells[~np.isnan(cells)]
            if len(known) and (known == known[0]).all():
                text = f"Column {column!r} holds one value in all rows that have one; it tells nothing."
                yield Finding("warning", "constant", text, name, column)
    for name, (array, here) in held.vectors.items():
        known = np.asarray(array[here])
        flat = int((known == known[:1]).all(axis=0).sum()) if len(known) else 0
        if flat:
            text = f"{flat} of the {known.shape[1]} numbers of modality {name!r} are the same in all rows."
            yield Finding("warning", "constant", text, name)


def gaps(held: Reading) -> Iterator[Finding]:
    """Tell of absent cells in rows that have others, and what stands in for them."""
    for name, table in held.tables.items():
        spec = held.spec.modalities[name]
        if not isinstance(spec, TabularSpec):
            continue
        counts = dict(zip(spec.columns, table.absent_cells[table.present].sum(axis=0).tolist(), strict=True))
        for kind, columns, policy in (("numeric", spec.numeric, _FILLED), ("categorical", spec.categorical, _OWN)):
            lines = tuple(f"{column!r}: {counts[column]} absent" for column in columns if counts[column])
            if lines:
                what = counted(len(lines), f"{kind} column")
                text = f"Absent cells in {what} of modality {name!r} are {policy}."
                yield Finding("note", "gaps", text, name, details=lines)


def blank(held: Reading) -> Iterator[Finding]:
    """Find pictures of one colour, and silence."""
    for name, (_, decoded, _) in held.files.items():
        flat = [row for row in np.flatnonzero(decoded.present) if np.ptp(decoded.array[row]) == 0]
        if flat:
            one = len(flat) == 1
            what = "is silent" if one else "are silent"
            if held.spec.modalities[name].kind == "image":
                what = "holds one colour only" if one else "hold one colour only"
            text = f"{counted(len(flat), 'file')} of modality {name!r} {what}."
            yield Finding("warning", "blank", text, name, None, tuple(int(row) + 1 for row in flat))


def spellings(held: Reading) -> Iterator[Finding]:
    """Find values that are told apart by spaces, capitals or the width of letters alone."""
    for column in _words(held):
        counts = Counter(text for text in held.manifest.texts(column) if text is not None)
        alike: dict[str, list[str]] = defaultdict(list)
        for text, count in counts.items():
            plain = unicodedata.normalize("NFKC", text).casefold()
            alike[" ".join(plain.split())].append(f"{text!r} ({count})")
        lines = tuple(", ".join(several) for several in alike.values() if len(several) > 1)
        if lines:
            text = f"Values of column {column!r} that differ in spaces or capitals alone count as different ones."
            yield Finding("warning", "spelling", text, column=column, details=lines)


def _words(held: Reading) -> Iterator[str]:
    """Yield the columns that are taken as text and could be read."""
    data = held.spec.data
    for column, texts in ((data.label, held.labels), (data.group, held.groups)):
        if column is not None and texts is not None:
            yield column
    for name in held.tables:
        spec = held.spec.modalities[name]
        if isinstance(spec, TabularSpec):
            yield from spec.categorical
