"""`data check`: the findings about your data, and a figure of a few rows beside the card."""

from __future__ import annotations

import sys
from pathlib import Path

from .core.errors import FusebenchError
from .datasets.own.audit import audit
from .datasets.own.findings import Audit


def warnings_of(card: Path) -> list[str]:
    """Return what a report of a run should warn of; it names no row, file or cell.

    Raises
    ------
    FusebenchError
        Where something stands against a run.
    """
    found, _ = audit(card, say=lambda line: print(line, file=sys.stderr))
    if found.exit_code:
        first = next(finding for finding in found.findings if finding.level == "error")
        raise FusebenchError(
            f"{card.name}: {first.text} It is the first of {found.count('error')} errors; all: `fusebench data "
            f"check {card}`."
        )
    return found.warnings


def check(card: Path, figure: Path | None = None, draw: bool = True) -> Audit:
    """Check a card's data and draw the preview.

    Parameters
    ----------
    card
        The card.
    figure
        Where the preview goes; default: beside the card, `<card>-preview.png`.
    draw
        Whether it is drawn.
    """
    found, held = audit(card, say=lambda line: print(line, file=sys.stderr))
    if draw:
        from . import preview

        place = figure or card.with_name(f"{card.stem}-preview.png")
        try:
            print(f"Samples: {preview.draw(held, place)}", file=sys.stderr)
        except OSError as error:
            print(f"No figure: {place} cannot be written ({type(error).__name__}).", file=sys.stderr)
    return found
