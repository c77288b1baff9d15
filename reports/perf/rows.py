"""Rows of the table: a ratio and its spread from seconds that were taken in turns, and whether a target held."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ...core.errors import FusebenchError
from ...results.record import busy

SCHEMA = 1
PARTS = ("cell", "peers", "suite", "stored", "outside", "device")
"""In the order in which they are told."""
FORMS = ("share", "times", "beyond")


@dataclass(frozen=True)
class Row:
    """One measurement.

    Parameters
    ----------
    part, id, what
        Where it comes from, and what it is in a few words.
    form
        `share` = ours ÷ other, `times` = other ÷ ours, `beyond` = ours − other in seconds.
    target
        The largest value that holds (`times`: the smallest), or None.
    ours, other
        Seconds of both sides, in the order in which they came; empty where nothing was measured.
    names
        What both sides are.
    load
        Cores that other processes kept busy meanwhile.
    reason
        Why nothing was measured.
    notes, more
        Sentences, and further raw values.
    """

    part: str
    id: str
    what: str
    form: str
    target: float | None = None
    ours: tuple[float, ...] = ()
    other: tuple[float, ...] = ()
    names: tuple[str, str] = ("", "")
    load: float | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> list[float]:
        """One value a repetition, from the two sides' seconds of that repetition."""
        return paired(self.form, self.ours, self.other)

    @property
    def value(self) -> float | None:
        """The median of the values: the headline; None where nothing was measured."""
        return median(self.values) if self.values else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The smallest and the largest of the values; None below two."""
        return (min(self.values), max(self.values)) if len(self.values) > 1 else None

    @property
    def held(self) -> bool | None:
        """Whether the target held; None without one, or where nothing was measured."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target if self.form == "times" else self.value <= self.target

    @property
    def busy(self) -> bool:
        """Whether other processes took more than a tenth of a core meanwhile."""
        return busy(self.load)


def paired(form: str, ours: Sequence[float], other: Sequence[float]) -> list[float]:
    """Return a value a repetition: what came in one repetition is compared with each other, and nothing else.

    Raises
    ------
    FusebenchError
        For a form that is none.
    """
    pairs = list(zip(ours, other, strict=True))
    if form == "share":
        return [a / b for a, b in pairs]
    if form == "times":
        return [b / a for a, b in pairs]
    if form == "beyond":
        return [a - b for a, b in pairs]
    raise FusebenchError(f"A stored measurement has the form {form!r}; expected one of {', '.join(FORMS)}.")


def verdict(row: Row) -> str:
    """Return `held`, `missed by 12 %` (of the target), `not measured`, or nothing where there is no target."""
    if row.value is None:
        return "not measured"
    if row.held is None or row.target is None:
        return ""
    if row.held:
        return "held"
    if row.form == "beyond":
        return f"missed by {row.value - row.target:.2g} s"
    missing = row.target - row.value if row.form == "times" else row.value - row.target
    return f"missed by {100 * missing / row.target:.2g} %"


@dataclass(frozen=True)
class Limit:
    """What a processor could do at best, and how many times as long both sides took (medians)."""

    seconds: float
    rate: float
    ours: float
    other: float


def limit(row: Row) -> Limit | None:
    """Return the physical limit of a training: its operations at the rate of the fastest large matrix product."""
    product = row.more.get("product")
    if not product or not row.ours:
        return None
    rate = product["operations"] / min(product["seconds"])
    least = row.more["training_operations"] / rate
    return Limit(least, rate, median(row.ours) / least, median(row.other) / least)


STEPS = ("encode", "fuse", "head", "optimise")


def shares(row: Row) -> dict[str, float]:
    """Return where our cell's time goes, as medians of shares: steps, validate, load, predict and the rest."""
    if not row.more.get("phases") or not row.ours:
        return {}
    found: dict[str, list[float]] = {}
    for whole, phases, predict in zip(row.ours, row.more["phases"], row.more["predict"], strict=True):
        parts = {
            "training steps": sum(phases.get(name, 0.0) for name in STEPS),
            "validation": phases.get("validate", 0.0),
            "data and scaling": phases.get("load", 0.0),
            "predictions": predict,
        }
        parts["model, metrics, record"] = whole - sum(parts.values())
        for name, seconds in parts.items():
            found.setdefault(name, []).append(seconds / whole)
    return {name: median(values) for name, values in found.items()}


@dataclass(frozen=True)
class Stored:
    """A part as it is stored: rows, the machine and how much was measured."""

    part: str
    rows: tuple[Row, ...]
    machine: Mapping[str, Any]
    scale: Mapping[str, Any]


def read(folder: Path) -> list[Stored]:
    """Read every part that a folder holds, in their order.

    Raises
    ------
    FusebenchError
        Where there is none, or one cannot be read.
    """
    found = [_read(folder / f"{part}.json") for part in PARTS if (folder / f"{part}.json").is_file()]
    if not found:
        raise FusebenchError(f"No measurement is stored in {str(folder)!r}; `make perf` makes them.")
    return found


def _read(path: Path) -> Stored:
    try:
        told = json.loads(path.read_bytes())
        if told["schema"] != SCHEMA:
            raise ValueError(f"its schema is {told['schema']!r}, this version reads {SCHEMA}")
        rows = tuple(_row(told["part"], each) for each in told["measurements"])
        return Stored(told["part"], rows, told["machine"], told["scale"])
    except (ValueError, KeyError, TypeError) as error:
        raise FusebenchError(
            f"{str(path)!r} cannot be read ({error}); measure it again by `make perf`."
        ) from error


def _row(part: str, told: Mapping[str, Any]) -> Row:
    sides = [told[side] or {"name": "", "seconds": []} for side in ("ours", "other")]
    return Row(
        part,
        told["id"],
        told["what"],
        told["form"],
        told["target"],
        *(tuple(side["seconds"]) for side in sides),
        names=(sides[0]["name"], sides[1]["name"]),
        load=told["load"],
        reason=told["reason"],
        notes=tuple(told["notes"]),
        more=told["more"],
    )
