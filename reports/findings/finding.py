"""One sentence that a run supports, or one that it refuses, and where its numbers stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A headline sentence.

    Parameters
    ----------
    text
        The sentence: numbers with their interval or ceiling, and how many data sets they rest on.
    kind
        `finding`, or `refusal` where the data do not support one.
    key
        What it is about: one word, stable over runs.
    see
        The table or figure that shows it.
    """

    text: str
    kind: str
    key: str
    see: str


def finding(text: str, key: str, see: str) -> Finding:
    """Return what the run supports."""
    return Finding(text, "finding", key, see)


def refusal(text: str, key: str, see: str) -> Finding:
    """Return what the run does not tell."""
    return Finding(text, "refusal", key, see)
