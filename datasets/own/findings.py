"""What a check of your data found, as sentences, as JSON and as an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .arrays import counted

LEVELS = ("error", "warning", "note")
_SHOWN = 8
_CLASSES = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, suspicious or good to know.

    Parameters
    ----------
    level
        `error` (no run is possible or its numbers would be worthless), `warning`, `note`.
    kind
        What it is about, in a word such as `unreadable`.
    text
        A sentence that names columns and counts, and no row, file or cell: it may be printed in a report.
    modality, column
        What it is about, where it is about one.
    rows
        Every row, counted from 1 below the header.
    details
        A line for each row or file, all of them.
    """

    level: str
    kind: str
    text: str
    modality: str | None = None
    column: str | None = None
    rows: tuple[int, ...] = ()
    details: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the sentence, and below it the details or the rows; of all but files to mend, the first few."""
        if self.details:
            shown = len(self.details) if self.kind == "unreadable" else _SHOWN
            more = len(self.details) - shown
            rest = [f"    … and {more} more, which --json lists"] if more > 0 else []
            return [f"{self.level}: {self.text}", *(f"    {line}" for line in self.details[:shown]), *rest]
        if not self.rows:
            return [f"{self.level}: {self.text}"]
        more_rows = f", … ({len(self.rows)} rows)" if len(self.rows) > _SHOWN else ""
        return [f"{self.level}: {self.text}", f"    rows {', '.join(map(str, self.rows[:_SHOWN]))}{more_rows}"]


def _visible(text: str) -> str:
    return text if text.isprintable() and text == text.strip() and text else repr(text)


@dataclass(frozen=True)
class Audit:
    """All that was found.

    Parameters
    ----------
    name, card, rows
        The data set, its card's file name, and the rows of its manifest.
    classes
        Label → number of rows.
    modalities
        Name → kind, shape and number of rows that have it.
    findings
        Errors first.
    """

    name: str
    card: str
    rows: int
    classes: Mapping[str, int] = field(default_factory=dict)
    modalities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def count(self, level: str) -> int:
        """Return the number of findings of a level."""
        return sum(finding.level == level for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """1 where there is an error, else 0."""
        return int(self.count("error") > 0)

    @property
    def warnings(self) -> list[str]:
        """Sentences for a report: they name no row, file or cell."""
        return [finding.text for finding in self.findings if finding.level != "note"]

    def text(self) -> str:
        """Return everything as lines."""
        most = list(self.classes.items())  # the largest first
        counts = ", ".join(f"{number} {_visible(name)}" for name, number in most[:_CLASSES])
        counts += f", … ({len(most)} classes, the smallest of {most[-1][1]} rows)" if len(most) > _CLASSES else ""
        lines = [f"{self.name}: {self.rows} rows. Classes: {counts or 'unknown'}."]
        for name, about in self.modalities.items():
            shape = "×".join(map(str, about["shape"])) if about["shape"] else "?"
            lines.append(f"  {name}: {about['kind']}, {shape} numbers a row, in {about['present']} rows")
        for finding in self.findings:
            lines += finding.lines()
        warnings = counted(self.count("warning"), "warning")
        if self.exit_code:
            errors = counted(self.count("error"), "error")
            return "\n".join([*lines, f"{errors} to mend before a run; {warnings}."])
        return "\n".join([*lines, f"Nothing stands against a run; {warnings}."])

    def json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self) | {"errors": self.count("error"), "warnings": self.count("warning")}
