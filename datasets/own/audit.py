"""The check of your data before anything is trained: every row and file is read, all that is wrong is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .card_data import open_card
from .findings import LEVELS, Audit, Finding
from .leaks import absence, column_leaks, same_files, same_rows, unnamed_groups
from .manifest import read_manifest
from .reading import Reading, Told, read
from .schema import AudioSpec, EmbeddingSpec, ImageSpec, read_card

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
    for check in (_unreadable, _absent, _constant, _blank, column_leaks, absence, same_files, same_rows, _balance):
        found += check(held)
    found += unnamed_groups(held)
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
            what = "their rows are left out" if skip else "mend them, or say skip_unreadable = true"
            text = f"{len(rows)} files of modality {name!r} cannot be read; {what}."
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
            text = f"In {len(nothing)} rows every modality is absent; take them out."
            yield Finding("error", "absent", text, rows=tuple(nothing.tolist()))


def _constant(held: Reading) -> Iterator[Finding]:
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


def _blank(held: Reading) -> Iterator[Finding]:
    for name, (_, decoded, _) in held.files.items():
        flat = [row for row in np.flatnonzero(decoded.present) if np.ptp(decoded.array[row]) == 0]
        if flat:
            what = "hold one colour only" if held.spec.modalities[name].kind == "image" else "are silent"
            text = f"{len(flat)} files of modality {name!r} {what}."
            yield Finding("warning", "blank", text, name, None, tuple(int(row) + 1 for row in flat))


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


def _whole(path: str | Path) -> Iterator[Finding]:
    """Open the card as a run does: what is left that stands against it, such as classes too small to split."""
    with Told("split") as told:
        data = open_card(path)
        rows = data.rows
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
