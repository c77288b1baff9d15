"""Errors that a user reads: one sentence that names the thing, the value and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class FusebenchError(Exception):
    """A mistake that the user can mend; the command line prints it without a traceback (exit code 2)."""


class UnknownNameError(FusebenchError):
    """A name that no entry, option or key has."""


class DuplicateNameError(FusebenchError):
    """Two definitions ask for one name."""


class DataUnavailableError(FusebenchError):
    """Data that could not be had here (no network, no sound library); its cells become `unavailable`."""


class UnreadableFileError(FusebenchError):
    """A picture, sound or other data file that does not hold what it should.

    Parameters
    ----------
    kind
        What the file should have been, as the sentence begins: `"Picture"`, `"Sound file"`.
    file
        The file; the sentence names it by its last part, lists of faults may want the whole.
    reason
        The rest of the sentence without the full stop: `"is cut short; replace it by the whole file"`.
    """

    def __init__(self, kind: str, file: Path, reason: str):
        super().__init__(f"{kind} {file.name!r} {reason}.")
        self.kind = kind
        self.file = file
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnreadableFileError], tuple[str, Path, str]]:
        return type(self), (self.kind, self.file, self.reason)  # crosses to other processes whole


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice closest to `name` in spelling, or None where nothing is close."""
    pool = sorted(set(choices))
    folded = {choice.casefold(): choice for choice in reversed(pool)}
    match = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    return folded[match[0]] if match else None


def unknown(owner: str, name: str, choices: Iterable[str], hint: str = "") -> UnknownNameError:
    """Build the error for a misspelt name.

    Parameters
    ----------
    owner
        What the name should have named, in words (`"variant"`, `"key of [training]"`).
    name
        The value that came.
    choices
        What it could have been; the nearest is suggested, a short list is shown whole.
    hint
        The next step where no name is near, such as a command that lists the names.
    """
    pool = sorted(set(choices))
    near = nearest(name, pool)
    if near is not None:
        advice = f"did you mean {near!r}?"
    elif pool and len(pool) <= 12:
        advice = f"expected one of {', '.join(pool)}."
    else:
        advice = hint or "no name is near it."
    tail = f" {hint}" if hint and near is not None else ""
    return UnknownNameError(f"Unknown {owner} {name!r}: {advice}{tail}")
