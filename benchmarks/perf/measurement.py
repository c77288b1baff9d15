"""What one measurement stores: the raw seconds of both sides, in order, and what is needed to judge them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from ...core.files import write_json
from ...core.machine import fingerprint

SCHEMA = 1
Form = Literal["share", "times", "beyond"]


@dataclass(frozen=True)
class Scale:
    """How much is measured; the defaults are those of `make perf`, tests take less.

    Parameters
    ----------
    repetitions
        Of each side, after a warm-up that is not counted.
    rows, epochs
        Training rows and epochs of one cell.
    sides
        Which sizes of pictures are trained on, in pixels.
    product
        Rows and columns of the matrix product whose rate is the limit.
    cells, many
        Cells of the complete suite that is run again, and of the store whose status is asked.
    suite_rows, suite_epochs, expert_epochs
        Training rows and epochs of a cell of the suites, and epochs of the experts that rules share.
    """

    repetitions: int = 5
    rows: int = 2000
    epochs: int = 10
    sides: tuple[int, ...] = (16, 28)
    product: int = 2048
    cells: int = 1000
    many: int = 100_000
    suite_rows: int = 2000
    suite_epochs: int = 10
    expert_epochs: int = 25

    @classmethod
    def small(cls, repetitions: int = 1) -> Self:
        """Return sizes that show whether a part works, and nothing about speed."""
        return cls(repetitions, 128, 2, (8,), 128, 40, 60, 128, 2, 2)


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared: what it is, and its seconds in the order in which they came."""

    name: str
    seconds: Sequence[float]


@dataclass(frozen=True)
class Measurement:
    """Two sides that were alternated in one run, or the reason why they were not.

    Parameters
    ----------
    id, what
        A word, and a few for a table's row.
    ours, other
        Both sides; None where nothing was measured.
    form
        `share` = ours ÷ other is to be small, `times` = other ÷ ours is to be large, `beyond` = ours − other, in
        seconds, is to be small.
    target
        The largest (`times`: the smallest) value that holds; None = told for comparison, not judged.
    load
        Cores that other processes kept busy meanwhile, a mean; None where it could not be seen.
    reason
        Why nothing was measured.
    notes
        Sentences that a reader of the row needs.
    more
        Further raw values: phases, accuracies, operations.
    """

    id: str
    what: str
    form: Form
    target: float | None = None
    ours: Side | None = None
    other: Side | None = None
    load: float | None = None
    reason: str = ""
    notes: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def store(folder: Path, part: str, found: Iterable[Measurement], scale: Scale, device: str = "cpu") -> Path:
    """Write a part's measurements as `folder/<part>.json`, without date; return the file."""
    path = folder / f"{part}.json"
    told = {
        "schema": SCHEMA,
        "part": part,
        "scale": asdict(scale),
        "machine": fingerprint(1, 1, device),
        "measurements": [asdict(each) for each in found],
    }
    write_json(path, told, indent=1)
    return path
