"""The check of your data before anything is trained: every row and file is read, all that is wrong is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .arrays import counted
from .card_data import open_card, partition_of
from .findings import LEVELS, Audit, Finding
from .leaks import absence, column_leaks, same_files, same_rows, unnamed_groups
from .manifest import read_manifest
from .reading import Reading, Told, read
from .schema import AudioSpec, EmbeddingSpec, ImageSpec, read_card
from .values import blank, constant, gaps, spellings

_LARGE = 0.6  # of the rows in one class: accuracy then rewards answering it always


def audit(path: str | Path, say: Callable[[str], object] | None = None) -> tuple[Audit, Reading]:
    """Check the data that a card names; what is found is returned, all of it, and not raised.

    Parameters
    ----------
    path
        The card.
    say
        Called with a sentence before something that may take minutes.

    Returns
    -------
    The findings, and what could be read.

    Raises
    ------
    FusebenchError
        Where the card or its manifest cannot be read at all.
    """
    spec = read_card(path)
    held = Reading(spec, read_manifest(spec))
    found = [*read(held, say)]
    for check in _CHECKS:
        found += check(held)
    if not any(finding.level == "error" for finding in found):
        found += _whole(path)
    counts = Counter() if held.labels is None else Counter(held.labels.tolist())
    told = Audit(
        spec.data.name,
        Path(path).name,
        held.manifest.rows,
        dict(counts.most_common()),
        {name: _about(held, name, here) for name, here in held.present.items()},
        tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level))),
    )
    return told, held


def _unreadable(held: Reading) -> Iterator[Finding]:
    skip = held.spec.data.skip_unreadable
    for name, (_, decoded, _) in held.files.items():
        if decoded.faults:
            rows, lines = tuple(f.row for f in decoded.faults), tuple(map(str, decoded.faults))
            what = "such rows are left out" if skip else "mend what is wrong, or say skip_unreadable = true"
            text = f"{counted(len(rows), 'file')} of modality {name!r} cannot be read; {what}."
            yield Finding("warning" if skip else "error", "unreadable", text, name, None, rows, lines)


def _absent(held: Reading) -> Iterator[Finding]:
    present = held.present
    for name, here in present.items():
        rows = tuple((np.flatnonzero(~here) + 1).tolist())
        policy = held.spec.modalities[name].missing
        if not rows:
            continue
        text = f"Modality {name!r} is absent in {len(rows)} of {len(here)} rows"
        if policy == "refuse":
            yield Finding("error", "absent", text + '; fill them in, or say missing = "mask".', name, None, rows)
        else:
            yield Finding("note", "absent", text + "; the rows stay, with a mask.", name, None, rows)
    if present:
        nothing = np.flatnonzero(~np.column_stack(list(present.values())).any(axis=1)) + 1
        if len(nothing):
            text = f"In {counted(len(nothing), 'row')} every modality is absent; leave these out of the table."
            yield Finding("error", "absent", text, rows=tuple(nothing.tolist()))


def _balance(held: Reading) -> Iterator[Finding]:
    if held.labels is None:
        return
    (largest, count), *others = Counter(held.labels.tolist()).most_common()
    if not others:
        text = (
            f"Column {held.spec.data.label!r} says the same in every row; a classifier needs two values or more."
        )
        yield Finding("error", "classes", text, column=held.spec.data.label, details=(f"it says {largest!r}",))
        return
    share = count / len(held.labels)
    if share > _LARGE and held.spec.data.metric in (None, "accuracy"):
        text = (
            f"The largest class holds {share:.0%} of the rows, which is the accuracy of answering it always; "
            'metric = "log_loss" or "average_precision" would tell more.'
        )
        yield Finding("warning", "balance", text, column=held.spec.data.label)


def _split(held: Reading) -> Iterator[Finding]:
    """Cut the rows as a run does: classes and groups may be too small for it, whatever else is wrong."""
    data, labels = held.spec.data, held.labels
    declared = ((data.group, held.groups), (data.split, held.split))
    if labels is None or len(set(labels.tolist())) == 1 or any(name and texts is None for name, texts in declared):
        return
    bad = [fault.row - 1 for _, decoded, _ in held.files.values() for fault in decoded.faults]
    kept = np.setdiff1d(np.arange(len(labels)), np.array(bad if data.skip_unreadable else [], dtype=int))
    if len(kept):
        with Told("split") as told:
            partition_of(held.spec, held.manifest, kept, f"Data set {data.name!r}")
        yield from told.findings


def _whole(path: str | Path) -> Iterator[Finding]:
    """Open the card as a run does: nothing is left that should stand against it."""
    rows: dict[str, int] = {}
    with Told("split") as told:
        rows = open_card(path).rows
    yield from told.findings
    if not told.findings:
        error = 0.5 / np.sqrt(rows["test"])
        parts = ", ".join(f"{number} {name}" for name, number in rows.items())
        text = f"A seed has {parts} rows; an accuracy of one seed is known to ± {1.96 * error:.2f} at best."
        yield Finding("note", "split", text)


def _about(held: Reading, name: str, here: np.ndarray) -> dict[str, object]:
    spec, shape = held.spec.modalities[name], []
    if isinstance(spec, ImageSpec | AudioSpec):
        shape = list(held.files[name][0].decoder.shape)
    elif isinstance(spec, EmbeddingSpec):
        shape = [int(held.vectors[name][0].shape[1])]
    elif name in held.tables:
        shape = [len(spec.columns)]
    return {"kind": spec.kind, "shape": shape, "present": int(here.sum())}


_CHECKS = (
    _unreadable,
    _absent,
    _split,
    constant,
    gaps,
    blank,
    spellings,
    column_leaks,
    absence,
    same_files,
    same_rows,
    unnamed_groups,
    _balance,
)
