"""A data card proposed from a table: a start to be read and corrected, with the reasons as comments."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import FusebenchError, unknown
from ...core.files import write_text
from .arrays import counted, in_order
from .folders import folder_of
from .guess import MARKERS, Guess
from .media import Media, picture_lines, sound_lines
from .plan import Plan, plan_card
from .sniff import sniff
from .toml import quoted

_UNEVEN = 0.6
_PLAIN = ("manifest", "table", "data", "metadata", "labels", "index", "all")
_GENERIC = ("file", "filename", "file_name", "path", "filepath", "file_path")


def write_card(table: str | Path, label: str, out: str | Path | None = None, force: bool = False) -> Path:
    """Write the card that `propose` makes.

    Parameters
    ----------
    table
        A CSV, TSV or Parquet file.
    label
        The column to predict.
    out
        Where the card goes; default: beside the table, under its name with `.toml`.
    force
        Whether an existing card is replaced.

    Returns
    -------
    pathlib.Path
        The card.

    Raises
    ------
    FusebenchError
        Where the card exists, or as `propose` does.
    """
    place = Path(table).with_suffix(".toml") if out is None else Path(out)
    if place.exists() and not force:
        raise FusebenchError(
            f"The card {str(place)!r} exists and may hold your corrections; write to another place with --out, or "
            "replace it with --force."
        )
    write_text(place, propose(table, label, place.parent))
    return place


def propose(path: str | Path, label: str, folder: str | Path | None = None) -> str:
    """Return the text of a card for a table.

    Parameters
    ----------
    path
        A CSV, TSV or Parquet file; of a text file the separator, the encoding and the decimal sign are
        detected.
    label
        The column to predict.
    folder
        Where the card will stand, which its paths are relative to; default: beside the table.

    Raises
    ------
    UnknownNameError
        Where the table has no such column; the nearest is suggested.
    FusebenchError
        Where the table cannot be read or has no column to learn from.
    """
    path = Path(path)
    table = sniff(path)
    if label not in table.columns:
        raise unknown(f"label column of {path.name!r}", label, table.columns)
    if not any(table.columns[label]):
        raise FusebenchError(f"The table {path.name!r} has no value in its label column {label!r}; fill it in.")
    plan = plan_card(table, label)
    place = path.parent if folder is None else Path(folder)
    blocks = [_data_block(plan, path, place), *_modality_blocks(plan, path, place)]
    if len(blocks) == 1:
        raise FusebenchError(
            f"The table {path.name!r} has no column to learn from beside {label!r}: "
            + "; ".join(f"{one.column}: {one.note}" for one in plan.guesses if one.role == "out")
            + "."
        )
    return "\n\n".join(["\n".join(block) for block in [*blocks, _left_out(plan)] if block]) + "\n"


def _data_block(plan: Plan, path: Path, place: Path) -> list[str]:
    stem = path.resolve().parent.name if path.stem.casefold() in _PLAIN else path.stem
    name = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_") or "data"
    lines = [
        f"# Proposed from {path.name} ({plan.table.rows} rows); read it through before you trust it.",
        "[data]",
        f"name = {quoted(name if name[0].isalpha() else f'data_{name}')}",
        f"manifest = {quoted(Path(os.path.relpath(path, place)).as_posix())}",
        f"label = {quoted(plan.label)}",
        *_grouping(plan),
        *_scoring(plan),
    ]
    if plan.table.separator and not plan.table.usual:
        lines.append(f"separator = {quoted(plan.table.separator)}")
    if plan.decimal != ".":
        lines.append(f"decimal = {quoted(plan.decimal)}")
    if plan.table.encoding not in ("", "utf-8"):
        lines.append(f"encoding = {quoted(plan.table.encoding)}  # not UTF-8; look whether accents come out right")
    return [*lines, *_missing(plan)]


def _grouping(plan: Plan) -> Iterator[str]:
    for one in plan.named("group"):
        yield f"group = {quoted(one.column)}  # {one.note}; rows of one value stay in one split"
        seen = set(zip(plan.table.columns[plan.label], plan.table.columns[one.column], strict=True))
        for text, count in Counter(label for label, _ in seen if label).items():
            if count < 3:
                yield f"# label {text!r} stands in {count} of its values; every split needs one: add some"
    split = plan.named("split")
    for one in split:
        yield f"split = {quoted(one.column)}"
    smallest = min(Counter(filter(None, plan.table.columns[plan.label])).values())
    if not split and smallest < 3:
        yield f"folds = 3  # the rarest label has {counted(smallest, 'row')}: add rows, or take the label out"
    elif not split and smallest < 5:
        yield f"folds = {smallest}  # the rarest label has no more rows"
    elif not split:
        yield "folds = 5"


def _scoring(plan: Plan) -> Iterator[str]:
    counts = Counter(cell for cell in plan.table.columns[plan.label] if cell)
    (largest, most), held = counts.most_common(1)[0], sum(counts.values())
    if held < plan.table.rows:
        yield f"# {counted(plan.table.rows - held, 'row')} without a label: give one, or take such rows out"
    if len(counts) > 30:
        yield f"# {len(counts)} different labels: if these are amounts, no classifier can learn them"
    if most > _UNEVEN * held:
        yield f'metric = "log_loss"  # {most / held:.0%} of rows are {largest!r}: guessing it would look accurate'
    if len(counts) == 2 and len(set(counts.values())) == 2:
        yield f"positive = {quoted(min(counts, key=lambda text: counts[text]))}  # the rarer of two labels"
    elif len(counts) == 2:
        yield f"positive = {quoted(in_order(list(counts))[1])}  # the later of two even labels"


def _missing(plan: Plan) -> Iterator[str]:
    if plan.missing != [""]:
        marks = ", ".join(map(quoted, plan.missing))
        yield f"missing = [{marks}]  # seen where numbers or paths stand; holds in every column"
    for one in plan.named("categorical"):
        seen = Counter(plan.table.columns[one.column])
        marks = [f"{mark!r} ({seen[mark]})" for mark in MARKERS if seen[mark] and mark not in plan.missing]
        if marks:
            yield f"# column {one.column!r} holds {', '.join(marks)}: values like others unless missing lists them"


def _modality_blocks(plan: Plan, path: Path, place: Path) -> Iterator[list[str]]:
    names: set[str] = set()
    numeric, categorical = plan.named("numeric"), plan.named("categorical")
    if numeric or categorical:
        names.add("record")
        yield _tabular(plan, numeric, categorical)
    for one in (*plan.named("image"), *plan.named("audio")):
        texts = [None if gone else cell for gone, cell in _cells(plan, one)]
        media = Media(one.column, texts, path.parent, folder_of(path.parent, texts))
        lines = picture_lines(media) if one.role == "image" else sound_lines(media)
        folder = media.folder and Path(os.path.relpath(path.parent / media.folder, place)).as_posix()
        if place.resolve() != path.parent.resolve() and not folder:
            folder = Path(os.path.relpath(path.parent, place)).as_posix()
        head = [f"[modalities.{_name(one, names)}]", f'kind = "{one.role}"', f"column = {quoted(one.column)}"]
        head += [f"folder = {quoted(folder)}"] if folder and folder != "." else []
        yield [*head, *lines, _absent_line(any(plan.absent(one.column)))]
    for column in plan.table.vectors:
        name = _name(Guess(column, "embedding"), names)
        yield [f"[modalities.{name}]", 'kind = "embedding"', f"column = {quoted(column)}", _absent_line(False)]


def _cells(plan: Plan, one: Guess) -> Iterator[tuple[bool, str | None]]:
    return zip(plan.absent(one.column), plan.table.columns[one.column], strict=True)


def _tabular(plan: Plan, numeric: list[Guess], categorical: list[Guess]) -> list[str]:
    lines = ["[modalities.record]", 'kind = "tabular"']
    for key, found in (("numeric", numeric), ("categorical", categorical)):
        if found:
            lines += [f"{key} = [", *(_listed(one) for one in found), "]"]
    absent = zip(*(plan.absent(one.column) for one in (*numeric, *categorical)), strict=True)
    return [*lines, _absent_line(any(all(row) for row in absent))]


def _listed(one: Guess) -> str:
    return f"    {quoted(one.column)}," + (f"  # {one.note}" if one.note else "")


def _absent_line(absent: bool) -> str:
    if absent:
        return 'missing = "mask"  # some rows have none; "refuse" would not start'
    return 'missing = "refuse"  # no row lacks it; "mask" would allow that'


def _name(one: Guess, taken: set[str]) -> str:
    """Return a name for a modality: of the column, or of its kind where the column is called `file`."""
    word = re.sub(r"[^\w-]+", "_", one.column).strip("_-")
    if word.casefold() in _GENERIC or not re.match(r"[^\W\d]", word) or not word.isascii():
        word = one.role
    name = word
    while name in taken:
        name = f"{word}_{len(taken) + 1}"
    taken.add(name)
    return name


def _left_out(plan: Plan) -> list[str]:
    notes = [f"#   {quoted(one.column)}: {one.note}" for one in plan.named("out")]
    return ["# Columns left out:", *notes] if notes else []
