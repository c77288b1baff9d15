"""What may tell the answer, or cross a split: columns, orders of rows, the same file or row twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from .findings import Finding
from .guess import guess
from .reading import Reading

_TELLS = 0.98  # balanced accuracy of a small tree on one column, cross-validated
_LEAST = 30  # rows, below which such a figure means nothing
_ORDERED = 0.2  # of the runs of equal labels that a random order would have
_SHOWN = 12  # rows that are equal
_SURE = 1e-6  # p value of a dependence between absence and class


def column_leaks(held: Reading) -> Iterator[Finding]:
    """Find columns that alone tell the class, and index columns along which the classes are sorted."""
    if held.labels is None or len(held.labels) < _LEAST:
        return
    labels = np.unique(held.labels, return_inverse=True)[1]
    if np.bincount(labels).min() < 2 or labels.max() == 0:
        return
    for name, table in held.tables.items():
        columns = held.spec.modalities[name].columns
        scores = [*_numbers_tell(table.numeric, labels), *_values_tell(table.codes, labels)]
        for place, (column, score) in enumerate(zip(columns, scores, strict=True)):
            if place < table.numeric.shape[1] and _sorts(table.numeric[:, place], labels):
                text = (
                    f"Column {column!r} is a number of its own in each row, and the classes are sorted along it."
                )
                yield Finding("warning", "index", text, name, column)
            elif score >= _TELLS:
                text = (
                    f"Column {column!r} alone tells the class in {score:.0%} of rows (balanced, cross-validated): "
                    "is it known before the answer is?"
                )
                yield Finding("warning", "tells_label", text, name, column)


def _numbers_tell(numeric: np.ndarray, labels: np.ndarray) -> Iterator[float]:
    """Yield, for each column of numbers, the balanced accuracy of a small tree on it, cross-validated.

    A tree that cannot tell its own training rows is not cross-validated: there may be thousands of columns.
    """
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    leaves = 4 * (int(labels.max()) + 1)
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0, class_weight="balanced")
    for column in numeric.T:
        cells = column[:, None]
        told = _balanced(labels, tree.fit(cells, labels).predict(cells))
        if told >= _TELLS:
            told = _balanced(labels, np.asarray(cross_val_predict(tree, cells, labels, cv=_folds(labels))))
        yield told


def _values_tell(codes: np.ndarray, labels: np.ndarray) -> Iterator[float]:
    """Yield, for each column of categories, how well the usual class of each value does, cross-validated."""
    share = 1 / np.bincount(labels)  # every class weighs the same
    for column in codes.T + 1:  # absent cells are a value of their own
        predicted = np.empty_like(labels)
        for train, test in _folds(labels).split(labels, labels):
            counts = np.zeros((column.max() + 1, len(share)), dtype=np.int64)
            np.add.at(counts, (column[train], labels[train]), 1)
            predicted[test] = (counts * share).argmax(axis=1)[column[test]]
        yield _balanced(labels, predicted)


def _folds(labels: np.ndarray) -> StratifiedKFold:
    return StratifiedKFold(int(min(5, np.bincount(labels).min())), shuffle=True, random_state=0)


def _balanced(labels: np.ndarray, predicted: np.ndarray) -> float:
    counts = np.bincount(labels)
    return float((np.bincount(labels[predicted == labels], minlength=len(counts)) / counts).mean())


def _sorts(cells: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether whole numbers, another in each row, sort the rows by class."""
    if np.isnan(cells).any() or (cells % 1).any() or len(np.unique(cells)) < len(cells):
        return False
    ordered = labels[np.argsort(cells)]
    runs = 1 + (ordered[1:] != ordered[:-1]).sum()
    expected = 1 + len(labels) - (np.bincount(labels) ** 2).sum() / len(labels)
    return bool(runs < _ORDERED * expected)


def absence(held: Reading) -> Iterator[Finding]:
    """Find modalities whose absence depends on the class: a network may read the gap instead of the rest."""
    from scipy.stats import chi2_contingency

    if held.labels is None:
        return
    for name, here in held.present.items():
        if here.all() or not here.any():
            continue
        _, labels = np.unique(held.labels, return_inverse=True)
        table = np.array([np.bincount(labels[here == side], minlength=labels.max() + 1) for side in (True, False)])
        tested: Any = chi2_contingency(table)
        if tested.pvalue < _SURE:
            text = (
                f"Whether modality {name!r} is absent depends on the class (chi-square, p < 1e-6): is it absent "
                "because of the answer?"
            )
            yield Finding("warning", "absence", text, name)


def same_files(held: Reading) -> Iterator[Finding]:
    """Find files of equal contents in several rows."""
    for name, (_, decoded, sums) in held.files.items():
        keys = [key if here else None for key, here in zip(sums, decoded.present, strict=True)]
        yield from _twice(held, keys, f"files of modality {name!r}", "same_file", name)


def same_rows(held: Reading) -> Iterator[Finding]:
    """Find rows whose every input is the same."""
    parts: list[list[Hashable]] = [list(sums) for _, _, sums in held.files.values()]
    parts += [[row.tobytes() for row in np.asarray(array)] for array, _ in held.vectors.values()]
    for table in held.tables.values():
        parts.append([a.tobytes() + b.tobytes() for a, b in zip(table.numeric, table.codes, strict=True)])
    if len(parts) == len(held.spec.modalities) and len(parts) > len(held.files):
        some = np.any(list(held.present.values()), axis=0)
        keys = [key if here else None for key, here in zip(zip(*parts, strict=True), some, strict=True)]
        yield from _twice(held, keys, "rows", "same_row")


def _twice(
    held: Reading, keys: Sequence[Hashable], what: str, kind: str, modality: str | None = None
) -> Iterator[Finding]:
    """Yield a finding about keys that stand in several rows which a split may part, or under several labels."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        if key is not None:
            places[key].append(row)
    several = [rows for rows in places.values() if len(rows) > 1]
    apart = [rows for rows in several if _parted(held, rows)]
    if apart:
        where = "that a split may part, for no group column is declared"
        if held.split is not None:
            where = "in two splits, so that a test has been seen: take them out of one"
        elif held.groups is not None:
            where = "in several groups, so that a test may have been seen"
        text = f"There are equal {what} {where} ({_times(apart)})."
        yield _told_rows("error" if held.split is not None else "warning", kind, text, modality, apart)
    labels = held.labels
    torn = [] if labels is None else [rows for rows in several if len({labels[row] for row in rows}) > 1]
    if torn:
        text = f"There are equal {what} under several labels, of which one at most is right ({_times(torn)})."
        yield _told_rows("warning", "two_labels", text, modality, torn)


def _times(several: Sequence[Sequence[int]]) -> str:
    rows = sum(map(len, several))
    return f"{rows} rows" if len(several) == 1 else f"{len(several)} times, {rows} rows in all"


def _listed(rows: Sequence[int]) -> str:
    more = f", … ({len(rows)} rows)" if len(rows) > _SHOWN else ""
    return "rows " + ", ".join(str(row + 1) for row in rows[:_SHOWN]) + more


def _told_rows(
    level: str, kind: str, text: str, modality: str | None, several: Sequence[Sequence[int]]
) -> Finding:
    lines = tuple(_listed(rows) for rows in several)
    return Finding(level, kind, text, modality, None, tuple(row + 1 for rows in several for row in rows), lines)


def _parted(held: Reading, rows: list[int]) -> bool:
    if held.split is not None:
        return len({held.split[row].casefold() for row in rows}) > 1
    return held.groups is None or len({held.groups[row] for row in rows}) > 1


def unnamed_groups(held: Reading) -> Iterator[Finding]:
    """Find a column that looks like a group where the card names none."""
    data, manifest = held.spec.data, held.manifest
    if data.group is not None or held.labels is None:
        return
    used = {column for spec in held.spec.modalities.values() for column in spec.columns}
    for column in manifest.table.names:
        if column in used | {data.label, data.split} or manifest.table.kind(column) != "text":
            continue
        if guess(column, manifest.texts(column), held.labels.tolist(), data.decimal).role == "group":
            text = (
                f"Column {column!r} looks like a group (several rows each): without group = {column!r} its rows "
                "are parted by the splits, and a test row's neighbour is trained on."
            )
            yield Finding("warning", "group", text, column=column)
