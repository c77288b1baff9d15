"""What may tell the answer, or cross a split: columns, orders of rows, the same file or row twice."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from .findings import Finding
from .guess import guess
from .reading import Reading

_TELLS = 0.98  # balanced accuracy of a small tree on one column, cross-validated
_LEAST = 30  # rows, below which such a figure means nothing
_ORDERED = 0.2  # of the runs of equal labels that a random order would have
_SURE = 1e-6  # p value of a dependence between absence and class


def column_leaks(held: Reading) -> Iterator[Finding]:
    """Find columns that alone tell the class, and index columns along which the classes are sorted."""
    if held.labels is None or len(held.labels) < _LEAST:
        return
    labels = np.unique(held.labels, return_inverse=True)[1]
    for name, table in held.tables.items():
        spec = held.spec.modalities[name]
        for column, cells in _cells(spec.columns, table.numeric, table.codes, table.categories):
            if len(cells[0]) == 1 and _sorts(cells[:, 0], labels):
                text = (
                    f"Column {column!r} is a number of its own in each row, and the classes are sorted along it."
                )
                yield Finding("warning", "index", text, name, column)
            elif (score := _told(cells, labels)) >= _TELLS:
                text = (
                    f"Column {column!r} alone tells the class in {score:.0%} of rows (balanced, cross-validated): "
                    "is it known before the answer is?"
                )
                yield Finding("warning", "tells_label", text, name, column)


def _cells(
    names: Sequence[str], numeric: np.ndarray, codes: np.ndarray, categories: Sequence[tuple[str, ...]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each column's name and its numbers (n, 1), or its values as (n, categories) of 0 and 1."""
    for place, name in enumerate(names[: numeric.shape[1]]):
        yield name, numeric[:, place, None]
    for place, name in enumerate(names[numeric.shape[1] :]):
        yield name, (codes[:, place, None] == np.arange(len(categories[place]))).astype(float)


def _told(cells: np.ndarray, labels: np.ndarray) -> float:
    """Return the cross-validated balanced accuracy of a small tree on one column."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    counts = np.bincount(labels)
    if counts.min() < 2:
        return 0.0
    tree = DecisionTreeClassifier(max_leaf_nodes=4 * len(counts), random_state=0, class_weight="balanced")
    folds = StratifiedKFold(int(min(5, counts.min())), shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return float(balanced_accuracy_score(labels, cross_val_predict(tree, cells, labels, cv=folds)))


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
        if chi2_contingency(table).pvalue < _SURE:
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
        yield from _twice(held, list(zip(*parts, strict=True)), "rows", "same_row")


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
        crossing = held.split is not None
        rows = sum(map(len, apart))
        advice = (
            "stand in two splits: take them out of one" if crossing else "may be parted: declare a group column"
        )
        text = f"{len(apart)} {what} stand in several rows ({rows} in all) and {advice}, or a test has been seen."
        level = "error" if crossing else "warning"
        lines = tuple("rows " + ", ".join(str(row + 1) for row in rows) for rows in apart)
        yield Finding(level, kind, text, modality, None, tuple(r + 1 for rows in apart for r in rows), lines)
    labels = held.labels
    torn = [] if labels is None else [rows for rows in several if len({labels[row] for row in rows}) > 1]
    if torn:
        text = f"{len(torn)} {what} stand under several labels; at most one can be right."
        lines = tuple("rows " + ", ".join(str(row + 1) for row in rows) for rows in torn)
        yield Finding(
            "warning", "two_labels", text, modality, None, tuple(r + 1 for rows in torn for r in rows), lines
        )


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
        if column in used | {data.label, data.split}:
            continue
        if guess(column, manifest.texts(column), held.labels.tolist(), data.decimal).role == "group":
            text = (
                f"Column {column!r} looks like a group (several rows each): without group = {column!r} its rows "
                "are parted by the splits, and a test row's neighbour is trained on."
            )
            yield Finding("warning", "group", text, column=column)
