"""Write the pages and figures: a pure function of the results folder."""

from __future__ import annotations

from pathlib import Path

from ...core.files import write_text
from ...results.store import Store
from ..run import load
from ..wording import title_notes
from . import figure
from .answers import answers
from .page import page
from .wording import languages


def write(store: Store, folder: Path) -> list[Path]:
    """Write `memo.md`, `memo.ja.md` and `memo/QUESTION.png` into a folder; return what was written."""
    run = load(store)
    notes = " · ".join(title_notes(run))
    asked = {answer.question.key: answer for answer in answers(run)}
    drawn = {key: figure.write(run, asked[key], notes, folder / "memo" / f"{key}.png") for key in asked}
    held = {key: path for key, path in drawn.items() if path}
    written = []
    for ending, language in languages(run.metric).items():
        written.append(folder / f"memo{ending}.md")
        write_text(written[-1], page(run, language, held))
    return [*written, *held.values()]
