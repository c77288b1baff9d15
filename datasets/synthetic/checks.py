"""Checks of single options: each says in a sentence which option came, its value, and what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...core.errors import FusebenchError
from ...core.names import spell


def refused(option: str, value: object, expected: str) -> FusebenchError:
    """Return the error of an option whose value is not what was expected."""
    return FusebenchError(f"option {option}={spell(value)} was given, expected {expected}.")


def is_number(value: object) -> bool:
    """Say whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def hashable(value: Any) -> Any:
    """Return the value with tuples in place of lists, at any depth: names hold lists, dials are hashed."""
    return tuple(hashable(item) for item in value) if isinstance(value, list | tuple) else value


def whole(option: str, value: Any, least: int, expected: str, most: float = math.inf) -> int:
    """Return a whole number from `least` to `most`, or refuse."""
    if not is_number(value) or value != int(value) or not least <= value <= most:
        raise refused(option, value, f"a whole number, {expected}")
    return int(value)


def numbers(
    option: str, value: Any, expected: str, holds: Callable[[float], bool], names: Sequence[str] | None = None
) -> None:
    """Refuse anything but a number that holds, or, where `names` are given, a list of one for each of them."""
    if names is not None:
        expected += f", or a list of {_each(names, 'modality')}"
    entries: tuple[Any, ...] = (value,)
    if names is not None and isinstance(value, tuple):
        entries = value if len(value) == len(names) else ()
    if not entries or not all(is_number(n) and n >= 0 and holds(n) for n in entries):
        raise refused(option, value, expected)


def probabilities_by_class(option: str, value: Any, names: Sequence[str], classes: int) -> None:
    """Refuse anything but a probability, or a list of one entry a modality: a probability or one a class."""
    expected = (
        f"a number from 0 to 1, or a list of {_each(names, 'modality')}, and each of these a number or a list "
        f"of {classes}, one for each class, not all of them 1"
    )
    entries = value if isinstance(value, tuple) else (value,) * len(names)
    if len(entries) != len(names):
        raise refused(option, value, expected)
    for entry in entries:
        row = entry if isinstance(entry, tuple) else (entry,) * classes
        if len(row) != classes or not all(is_number(p) and 0 <= p <= 1 for p in row) or min(row) == 1:
            raise refused(option, value, expected)


def weighted_levels(option: str, value: Any) -> None:
    """Refuse anything but pairs [level, weight]: levels of at least 0, one above it, weights that sum to 1."""
    expected = "a list of [level,weight] with levels of at least 0 and weights above 0 that sum to 1"
    pairs = value if isinstance(value, tuple) else ()
    if not all(isinstance(p, tuple) and len(p) == 2 and all(is_number(n) and n >= 0 for n in p) for p in pairs):
        raise refused(option, value, expected)
    weights = [weight for _, weight in pairs]
    if not all(weights) or abs(sum(weights) - 1) > 1e-9:
        raise refused(option, value, expected)
    if not any(level for level, _ in pairs):
        raise refused(option, value, f"{expected}, and a level above 0, without which there is no cue")


def _each(names: Sequence[str], what: str) -> str:
    return f"{len(names)}, one for each {what} ({', '.join(names)})"
