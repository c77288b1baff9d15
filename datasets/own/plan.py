"""What a card makes of each column of a table: guesses, one by one, then without collisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .guess import Guess, decimal_of, guess
from .sniff import Sniffed


@dataclass(frozen=True)
class Plan:
    """A table with what each of its columns is taken for, so that no two of them collide.

    Parameters
    ----------
    table
        The cells.
    label
        The column to predict.
    decimal
        The table's decimal sign.
    guesses
        One a column, the label's left out; at most one group and one split.
    """

    table: Sniffed
    label: str
    decimal: str
    guesses: tuple[Guess, ...]

    def named(self, role: str) -> list[Guess]:
        """Return the columns of a role."""
        return [one for one in self.guesses if one.role == role]

    @cached_property
    def missing(self) -> list[str]:
        """Every text that stands for an absent cell in a column that is read."""
        return ["", *sorted({word for one in self.guesses if one.role != "out" for word in one.words})]

    def absent(self, column: str) -> list[bool]:
        """Return which cells of a column are absent."""
        missing = {None, *self.missing}
        return [cell in missing for cell in self.table.columns[column]]


def plan_card(table: Sniffed, label: str) -> Plan:
    """Return what each column of a table is taken for."""
    others = {name: cells for name, cells in table.columns.items() if name != label}
    decimal = decimal_of(list(others.values())) if table.separator else "."
    labels = table.columns[label]
    guesses = [guess(name, cells, labels, decimal) for name, cells in others.items()]
    guesses = list(_one_of_each(guesses, table))
    roles = {label, *(one.column for one in guesses if one.role in ("group", "split"))}
    spoken = {cell for name in roles for cell in table.columns[name]}
    read = [_without_clash(one, spoken) for one in guesses]
    unread = [Guess(name, "out", _unread_note(kind)) for name, kind in table.other.items()]
    return Plan(table, label, decimal, (*read, *unread))


def _unread_note(kind: str) -> str:
    if "binary" in kind:
        return f"holds {kind}: write pictures or sounds to files, one a row, and name them in a column"
    return f"holds {kind}, of which nothing can be learnt as it stands"


def _one_of_each(guesses: list[Guess], table: Sniffed) -> Iterator[Guess]:
    """Keep the first split, and the first group that no split parts."""
    taken: dict[str, str] = {one.role: one.column for one in reversed(guesses) if one.role == "split"}
    for one in guesses:
        if one.role == "group" and "group" not in taken:
            split = taken.get("split")
            if split and _crosses(table.columns[one.column], table.columns[split]):
                yield Guess(
                    one.column, "out", f"looks like a group, but its values stand in several splits of {split!r}"
                )
                continue
            taken["group"] = one.column
        if one.role in ("group", "split") and taken[one.role] != one.column:
            one = Guess(one.column, "out", f"looks like another {one.role}, beside {taken[one.role]!r}")
        yield one


def _crosses(groups: list[str | None], splits: list[str | None]) -> bool:
    return len(set(zip(groups, splits, strict=True))) > len(set(groups))


def _without_clash(one: Guess, spoken: set[str | None]) -> Guess:
    clash = [word for word in one.words if word in spoken]
    if not clash or one.role == "out":
        return one
    return Guess(
        one.column, "out", f"{clash[0]!r} means absent here and is a value of the label, group or split too"
    )
