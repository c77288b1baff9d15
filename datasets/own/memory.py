"""Your own rows as a data set: arrays by modality, labels, and groups that no split may part."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.errors import FusebenchError, unknown
from ...core.names import parse
from ..bundle import KINDS, Bundle, Modality, Rows, check
from ..card import Card, DataSet
from ..splits import fold_split
from .arrays import as_text, dense, in_order, listed

_AXES = {"tabular": (2,), "embedding": (2,), "image": (3, 4), "audio": (3, 4)}
_DEFAULT_KIND = {2: "tabular", 3: "image", 4: "image"}


@dataclass(frozen=True, eq=False, repr=False)
class OwnData(DataSet):
    """Rows held in memory; made by `from_arrays`, which checks them."""

    inputs: Mapping[str, np.ndarray]
    present: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    kinds: Mapping[str, str]
    groups: np.ndarray | None = None
    fold_count: int = 5
    digest: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Take the digest once: rows do not change afterwards."""
        object.__setattr__(self, "digest", _contents_sha256(self))

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The inputs in the order in which they were given."""
        return tuple(Modality(name, self.kinds[name], rows.shape[1:]) for name, rows in self.inputs.items())

    @property
    def classes(self) -> tuple[str, ...]:
        """The label values as text, numbers in numeric order."""
        return self.label_names

    @property
    def folds(self) -> int:
        """As declared."""
        return self.fold_count

    @property
    def rows(self) -> dict[str, int]:
        """Rows of seed 0 by split."""
        return dict(zip(("train", "validation", "test"), map(len, self._cut(0)), strict=True))

    def load(self, seed: int) -> Bundle:
        """Return fold `seed` of disjoint stratified folds, by group where there are groups."""
        parts = [self._part(index) for index in self._cut(seed)]
        return check(Bundle(self.modalities, self.classes, *parts), self.name)

    def identity(self) -> str:
        """Return the sha256 of the contents."""
        return self.digest

    def _cut(self, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return fold_split(self.labels, seed, self.name, self.folds, self.groups)

    def _part(self, index: np.ndarray) -> Rows:
        inputs = {name: rows[index] for name, rows in self.inputs.items()}
        groups = None if self.groups is None else self.groups[index]
        return Rows(inputs, self.present[index], self.labels[index], index, groups)


def from_arrays(
    name: str,
    inputs: Mapping[str, Any],
    labels: Any,
    groups: Any = None,
    kinds: Mapping[str, str] | None = None,
    missing: str = "refuse",
    folds: int = 5,
) -> OwnData:
    """Make a data set of your own rows.

    Parameters
    ----------
    name
        What it is called in tables, a word such as `my_data`; splits are drawn by it.
    inputs
        Modality name → n rows: an array of shape (n, features), (n, height, width) or (n, channels,
        height, width), a masked array, a table, or a list of n arrays of one shape in which None
        stands for an absent row. A row of NaN, or masked whole, is absent too.
    labels
        n values, text or numbers; text is kept as written (`"NA"` is a class like another).
    groups
        n values or None: speaker, patient …; the rows of a group stay in one split.
    kinds
        Modality name → `tabular`, `embedding`, `image` or `audio`. Default: two axes are tabular,
        three an image of one channel, four an image with its channels first.
    missing
        What to do about absent rows: `refuse` them, or `mask` them: the row stays, its input is 0 and
        the mask of present inputs is False there.
    folds
        Number of disjoint test folds, at least 3 (one tests, the next validates, the rest train).

    Raises
    ------
    FusebenchError
        Where rows, labels, groups and folds do not make a data set; the modality, the rows or the
        class are named.
    """
    kinds = dict(kinds or {})
    _check_call(name, inputs, kinds, missing, folds)
    rows, here = {}, {}
    for modality, given in inputs.items():
        owner = f"Data set {name!r}, modality {modality!r}"
        values, here[modality] = dense(given, owner)
        kinds.setdefault(modality, _DEFAULT_KIND.get(values.ndim, "tabular"))
        rows[modality] = _shaped(values, kinds[modality], owner)
    texts = as_text(labels, f"Data set {name!r}, labels")
    grouped = None if groups is None else np.array(as_text(groups, f"Data set {name!r}, groups"))
    _check_lengths(name, rows, len(texts), grouped, folds)
    present = np.column_stack(list(here.values()))
    _check_absent(name, list(rows), present, missing)
    classes = in_order(texts)
    place = {text: number for number, text in enumerate(classes)}
    target = np.array([place[text] for text in texts], dtype=np.int64)
    _check_classes(name, classes, target, folds)
    made = OwnData(rows, present, target, classes, kinds, grouped, folds, name=name)
    object.__setattr__(made, "card", _card(name, len(texts), list(rows)))
    return made


def _shaped(values: np.ndarray, kind: str, owner: str) -> np.ndarray:
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim not in _AXES[kind]:
        expected = " or ".join(str(axes) for axes in _AXES[kind])
        raise FusebenchError(
            f"{owner} has shape {values.shape}; kind {kind!r} has {expected} axes, the rows' included."
        )
    if kind == "image" and values.ndim == 4 and values.shape[3] in (3, 4) and values.shape[1] > 4:
        raise FusebenchError(
            f"{owner} has shape {values.shape}, which looks like channels last; expected (n, channels, "
            "height, width): array.transpose(0, 3, 1, 2)."
        )
    return values[:, None] if values.ndim == 3 else values


def _check_call(name: str, inputs: Mapping[str, Any], kinds: Mapping[str, str], missing: str, folds: int) -> None:
    spelt = parse(name)
    if spelt.options or spelt.wrappers:
        raise FusebenchError(f"Data set name {name!r}: expected a plain word without options, like 'my_data'.")
    if not inputs:
        raise FusebenchError(f"Data set {name!r} has no modality; give at least one array.")
    for modality, kind in kinds.items():
        if modality not in inputs:
            raise unknown(f"modality in kinds of data set {name!r}:", modality, inputs)
        if kind not in KINDS:
            raise unknown(f"kind of modality {modality!r}:", kind, KINDS)
    if missing not in ("refuse", "mask"):
        raise unknown("way with missing rows", missing, ("refuse", "mask"))
    if not isinstance(folds, int) or folds < 3:
        raise FusebenchError(
            f"Data set {name!r}: folds={folds!r}; expected an integer from 3 on, since one fold tests, one "
            "validates and the rest train."
        )


def _check_lengths(
    name: str, rows: Mapping[str, np.ndarray], count: int, groups: np.ndarray | None, folds: int
) -> None:
    for modality, values in rows.items():
        if len(values) != count:
            raise FusebenchError(
                f"Data set {name!r}, modality {modality!r} has {len(values)} rows and there are {count} "
                "labels; row i of every array must be the same item."
            )
    if groups is None:
        return
    if len(groups) != count:
        raise FusebenchError(f"Data set {name!r} has {len(groups)} groups and {count} labels; give one a row.")
    if len(set(groups.tolist())) < folds:
        raise FusebenchError(
            f"Data set {name!r}: {len(set(groups.tolist()))} groups cannot fill {folds} folds; "
            "declare fewer folds or add groups."
        )


def _check_absent(name: str, modalities: list[str], present: np.ndarray, missing: str) -> None:
    empty = np.flatnonzero(~present.any(axis=1))
    if len(empty):
        raise FusebenchError(
            f"Data set {name!r}: in {listed(empty, len(present))} every modality is absent; drop them."
        )
    for place, modality in enumerate(modalities):
        absent = np.flatnonzero(~present[:, place])
        if len(absent) == len(present):
            raise FusebenchError(f"Data set {name!r}, modality {modality!r} is absent in all rows; drop it.")
        if len(absent) and missing == "refuse":
            raise FusebenchError(
                f"Data set {name!r}, modality {modality!r} is absent in {listed(absent, len(present))}; "
                "drop these rows, or say missing='mask' to keep them with a mask."
            )


def _check_classes(name: str, classes: tuple[str, ...], target: np.ndarray, folds: int) -> None:
    if len(classes) == 1:
        raise FusebenchError(
            f"Data set {name!r}, labels: every row says {classes[0]!r}; a classifier needs two values or more."
        )
    counts = np.bincount(target)
    if counts.min() < folds:
        raise FusebenchError(
            f"Data set {name!r}, labels: class {classes[counts.argmin()]!r} has {counts.min()} rows, fewer "
            f"than the {folds} folds; add rows, drop the class, or declare fewer folds (at least 3)."
        )


def _card(name: str, rows: int, modalities: list[str]) -> Card:
    return Card(
        title=name,
        summary=f"own data: {rows} rows of {', '.join(modalities)}",
        pairing="natural",
        source_family=name,
        checksum_source="sha256 of the contents",
    )


def _contents_sha256(data: OwnData) -> str:
    taken = hashlib.sha256()
    arrays = {**data.inputs, "": data.present, " labels": data.labels}
    head = [data.label_names, dict(data.kinds), data.fold_count]
    if data.groups is not None:
        arrays[" groups"] = data.groups
    for name, array in arrays.items():
        head.append((name, array.shape, array.dtype.str))
        taken.update(np.ascontiguousarray(array).tobytes())
    taken.update(repr(head).encode())
    return taken.hexdigest()
