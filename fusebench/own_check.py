"""`data check`: the findings about your data, and a figure of a few rows beside the card."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .core.errors import FusebenchError
from .datasets.own.audit import audit
from .datasets.own.findings import LEVELS, Audit, Finding
from .datasets.own.reading import Reading


def warnings_of(card: Path) -> list[str]:
    """Return what a report of a run should warn of; it names no row, file or cell.

    Raises
    ------
    FusebenchError
        Where something stands against a run.
    """
    found, _ = _audit(card)
    if found.exit_code:
        first = next(finding for finding in found.findings if finding.level == "error")
        count = found.count("error")
        more = "" if count == 1 else f" It is the first of {count} errors."
        raise FusebenchError(
            f"{card.name}: {first.text}{more} See `fusebench data check {shlex.quote(str(card))}`."
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
    found, held = _audit(card)
    if draw:
        from . import preview

        place = figure or card.with_name(f"{card.stem}-preview.png")
        try:
            print(f"Samples: {preview.draw(held, place)}", file=sys.stderr)
        except OSError as error:
            print(f"No figure: {place} cannot be written ({type(error).__name__}).", file=sys.stderr)
    return found


def _audit(card: Path) -> tuple[Audit, Reading]:
    found, held = audit(card, say=lambda line: print(line, file=sys.stderr))
    every = sorted([*found.findings, *_extractors(held)], key=lambda finding: LEVELS.index(finding.level))
    return replace(found, findings=tuple(every)), held


def _extractors(held: Reading) -> Iterator[Finding]:
    """Find extractors that nothing here registers, or that do not take the kind of modality."""
    named = {name: spec.extractor for name, spec in held.spec.modalities.items() if spec.extractor is not None}
    if not named:
        return
    from .fusion.extractors import EXTRACTORS

    for name, extractor in named.items():
        kind = held.spec.modalities[name].kind
        if extractor not in EXTRACTORS.ids:
            known = ", ".join(sorted(EXTRACTORS.ids))
            text = f"Extractor {extractor!r} of modality {name!r} is none of {known}: a plugin must register it."
            yield Finding("warning", "extractor", text, name)
        elif kind not in EXTRACTORS.get(extractor).kinds:
            text = f"Extractor {extractor!r} does not take modality {name!r}, which is {kind}; name another."
            yield Finding("error", "extractor", text, name)
