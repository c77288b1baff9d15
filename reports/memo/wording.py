"""A language: its words with numbers put in, differences in points."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ..versus.amounts import IN_POINTS
from ..wording import label, number, unit
from .looks import Look


@dataclass(frozen=True)
class Language:
    """Words and how numbers of one metric stand among them.

    Parameters
    ----------
    words
        Key → text with fields; `rules` is several texts.
    asked
        The run's metric: shares of rows are written in points and per cent.
    """

    words: dict[str, Any]
    asked: str

    @property
    def rules(self) -> list[str]:
        """The texts of the rules."""
        return self.words["rules.list"]

    def say(self, key: str, **fields: Any) -> str:
        """Return a text with its fields put in."""
        return str(self.words[key]).format(**fields)

    def sets(self, n: int) -> str:
        """Write so many data sets."""
        return self.say("set_one" if n == 1 else "set_many", n=n)

    @property
    def metric(self) -> str:
        """The metric's name."""
        return self.words.get(f"metric.{self.asked}", label(self.asked))

    @property
    def share(self) -> str:
        """What stands behind the heading of a column of values."""
        return " (%)" if self.asked in IN_POINTS else ""

    def unit(self, brackets: bool = False) -> str:
        """Return the unit of differences, or ` (unit)`; empty where there is none."""
        held = "points" if self.asked in IN_POINTS else unit(self.asked)
        text = self.words.get(f"unit.{held}", held)
        return f" ({text})" if brackets and text else text

    def level(self, value: float) -> str:
        """Write a mean, in per cent where it is a share of rows."""
        return self._bare(value, False)

    def amount(self, value: float, sign: bool = False) -> str:
        """Write a difference with its unit."""
        return " ".join(part for part in (self._bare(value, sign), self.unit()) if part)

    def interval(self, low: float, high: float, sign: bool = True) -> str:
        """Write an interval without its unit; no two shares of rows differ by more than 100 points."""
        if not (math.isfinite(low) and math.isfinite(high)):
            return ""
        if self.asked in IN_POINTS:
            low, high = max(low, -1.0), min(high, 1.0)
        digits = 1 if self.asked in IN_POINTS else 3
        if low * high > 0:  # an end that is not zero is not written as zero
            while digits < 6 and not all(_seen(self._scaled(end), digits) for end in (low, high)):
                digits += 1
        return f"[{number(self._scaled(low), digits, sign)}, {number(self._scaled(high), digits, sign)}]"

    def bare(self, value: float, low: float, high: float) -> str:
        """Write a difference and its interval for a column that names the unit."""
        return f"{self._bare(value, True)} {self.interval(low, high)}".rstrip()

    def bare_estimate(self, look: Look) -> str:
        """Write a look's difference and interval without its unit."""
        return self.bare(look.mean, look.low, look.high)

    def estimate(self, look: Look) -> str:
        """Write a look's difference with its unit and interval."""
        return f"{self.amount(look.mean, True)} {self.interval(look.low, look.high)}".rstrip()

    def least(self, value: float) -> str:
        """Write the least difference that is found."""
        if self.asked in IN_POINTS and value > 1:
            return self.say("more_than", value=100)
        return self._bare(value, False)

    def _bare(self, value: float, sign: bool) -> str:
        return number(self._scaled(value), 1 if self.asked in IN_POINTS else 3, sign)

    def _scaled(self, value: float) -> float:
        return 100 * value if self.asked in IN_POINTS else value


def _seen(value: float, digits: int) -> bool:
    return round(value, digits) != 0


def languages(metric: str) -> dict[str, Language]:
    """Return what ends a page's name before `.md` → its language, for a run's metric."""
    return {ending: Language(words(name), metric) for ending, name in (("", "english"), (".ja", "japanese"))}


def words(name: str) -> dict[str, Any]:
    """Return the words of `NAME.toml`: `table.key` → text."""
    return dict(_flat(tomllib.loads((resources.files(__package__ or "") / f"{name}.toml").read_text("utf-8"))))


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
