"""The paragraphs on the experimental set-up, ready to paste into a paper, and the BibTeX file that they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.files import write_text
from . import latex
from .bibtex import bibtex
from .judged import judged, unclaimed
from .prose import markdown, paragraph, tex, works
from .setup import data, variants
from .trained import machine, training


@dataclass(frozen=True)
class Methods:
    """What a run's set-up reads like.

    Parameters
    ----------
    text
        Markdown; works are named by author and year.
    latex
        For `\\input`; works are cited by key.
    bibtex
        Exactly the works that `latex` cites.
    """

    text: str
    latex: str
    bibtex: str


def methods(suite: Mapping[str, Any]) -> Methods:
    """Write a run's experimental set-up, from suite.json alone.

    Parameters
    ----------
    suite
        suite.json, whole or with anything missing: what it does not tell is left out or said to be unknown.
    """
    parts = (variants, data, training, judged, machine, unclaimed)
    texts = [text for part in parts if (text := paragraph(part(suite)))]
    head = latex.comment(
        f"the experimental set-up of the run {suite.get('name') or ''}, made from its suite.json alone",
        "works are in references.bib: \\bibliography{references}",
    )
    return Methods(
        "\n\n".join(markdown(text) for text in texts) + "\n",
        head + "\n\n".join(tex(text) for text in texts) + "\n",
        bibtex(work for text in texts for work in works(text)),
    )


def write(made: Methods, folder: Path) -> list[Path]:
    """Write methods.md, methods.tex and references.bib into a folder; return the paths."""
    files = {"methods.md": made.text, "methods.tex": made.latex, "references.bib": made.bibtex}
    for name, text in files.items():
        write_text(folder / name, text)
    return [folder / name for name in files]
