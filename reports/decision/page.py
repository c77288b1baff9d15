"""The page that remains of a verdict: Markdown, and one HTML file that needs nothing beside it.

Names of variants, classes and modalities are all that it holds of the user's data: no row, no file, no reason of
a failure, which may quote one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from ...core.files import write_atomic, write_json, write_text
from ..machines import BUSY_WORDS, left_out
from ..run import records
from ..scoreboard import FIRST
from ..wording import INTERVAL, label, number, plus_minus, sentence
from . import figure
from .compare import Comparison
from .plain import to_json
from .verdict import Verdict
from .words import headline, sentences

FOLDER = Path(__file__).parent
SPLITS = ("train", "validation", "test")
CAPTION = (
    "Mean and 95 % interval of every variant; filled markers share the first place, the broken line is guessing, "
    "the name in bold is what the verdict recommends."
)


@dataclass(frozen=True)
class Shown:
    """A table of texts: its first column names the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def write(verdict: Verdict, folder: Path) -> Path:
    """Write `decision.md`, `decision.html`, `decision.png` and `decision.json`; return the HTML's path."""
    picture = figure.draw(verdict)
    drawn = folder / "decision.png"
    if picture is None:
        drawn.unlink(missing_ok=True)
    else:
        write_atomic(drawn, lambda file: file.write(picture))
    shown = list(tables(verdict))
    write_json(folder / "decision.json", to_json(verdict), indent=1)
    write_text(folder / "decision.md", _markdown(verdict, shown, picture is not None))
    write_text(folder / "decision.html", _html(verdict, shown, picture))
    return folder / "decision.html"


def _html(verdict: Verdict, shown: list[Shown], picture: bytes | None) -> str:
    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    embedded = "data:image/png;base64," + base64.b64encode(picture).decode() if picture else ""
    values: dict[str, Any] = {
        "title": _title(verdict),
        "notes": notes(verdict),
        "lines": sentences(verdict),
        "headline": headline(verdict),
        "warnings": verdict.context.warnings,
        "picture": embedded,
        "caption": CAPTION,
        "tables": shown,
        "chosen": verdict.recommended,
        "not_tried": verdict.context.not_tried,
        "command": verdict.context.command,
    }
    return environment.get_template("decision.html").render(values)


def _title(verdict: Verdict) -> str:
    return f"Which fusion for {verdict.evidence.dataset}?"


def notes(verdict: Verdict) -> list[str]:
    """Return what stands under the title: rows, seeds, metric, tuning."""
    evidence = verdict.evidence
    counts = evidence.about.get("rows") or {}
    rows = ", ".join(f"{counts[split]:,} {split}" for split in SPLITS if split in counts)
    named = evidence.run.suite.get("positive")
    metric = label(evidence.metric) + (f" (positive: {named})" if evidence.positive is not None else "")
    seeds = f"{len(evidence.seeds)} {evidence.seed_word}s"
    return [f"{rows} rows a {evidence.seed_word}", seeds, f"judged by {metric}", "untuned defaults"]


def tables(verdict: Verdict) -> Iterator[Shown]:
    """Yield the tables: variants, modalities, learning curves, interactions."""
    yield _variants(verdict)
    if verdict.worths:
        yield _modalities(verdict)
    if verdict.curves:
        yield _learning(verdict)
    if verdict.interactions:
        yield _interaction(verdict)


def _variants(verdict: Verdict) -> Shown:
    metric, rows = label(verdict.evidence.metric), []
    for row in records(verdict.table):
        if row.absent:
            rows.append((row.variant, row.absent, *[""] * 5))
            continue
        star = f" {FIRST}" if row.first else ""
        rows.append((
            row.variant,
            plus_minus(row.mean, row.half) + star,
            "yes" if row.beats_guessing else "not shown",
            plus_minus(row.gain, row.gain_half, sign=True),
            number(row.seconds, 1),
            number(row.latency_ms, 2),
            f"{int(row.parameters):,}" if np.isfinite(row.parameters) else "",
        ))  # fmt: skip
    gate = verdict.gate
    told = (
        ""
        if gate is None
        else f"Guessing scores {number(gate.guess)}. A variant beats it where it is better than the best of all "
        f"variants under each of {gate.draws} random labellings, and its gain is shown at 1 % for all together."
    )
    columns = (
        "variant",
        metric,
        "beats guessing",
        "gain over the best single",
        "train (s)",
        "latency (ms)",
        "parameters",
    )
    first = f"{FIRST} shares the first place (one-sided Dunnett, 5 %): it is not shown to be behind."
    cost = (
        "Training seconds are of one fold with everything that is shared (the experts of a late rule, in full); "
        "latency is the median for one row. Classical learners have no parameters trained by gradient."
    )
    notes = (INTERVAL, first, told, cost, *times_notes(verdict.comparison))
    return Shown("Variants", columns, tuple(rows), tuple(filter(None, notes)))


def times_notes(compared: Comparison) -> Iterator[str]:
    """Say which times are left out for their machine, and which are of a busy one."""
    for what, held in (("training", compared.trained), ("latency", compared.answered)):
        if held.elsewhere:
            yield f"Times of {what} are of one machine: {left_out(held.elsewhere)}."
        if names := sorted(held.loaded(compared.evidence.dataset)):
            yield f"{BUSY_WORDS}: {what} of {', '.join(names)} was timed beside other load."


def _modalities(verdict: Verdict) -> Shown:
    rows = [(w.modality, w.rule, str(w.shapley), str(w.removal)) for w in verdict.worths]
    note = (
        "Late decisions over every subset of the experts trained apart, in the metric's unit, positive where the "
        "modality helps: its Shapley share of the gain over guessing, and what is lost without it. Intervals are "
        f"t intervals over {verdict.evidence.seed_word}s, for one modality looked at."
    )
    columns = ("modality", "rule", "Shapley share", "lost without it")
    return Shown("What each modality is worth", columns, tuple(rows), (note,))


def _learning(verdict: Verdict) -> Shown:
    points = verdict.curves[0].rows
    rows = [(c.variant, *(number(mean) for mean in c.means), str(c.doubling)) for c in verdict.curves]
    columns = ("variant", *(f"{count:,} rows" for count in points), "gain a doubling")
    note = "The same test rows throughout; the gain is the slope from the smallest part to all rows."
    title = f"{sentence(label(verdict.evidence.metric))} with fewer training rows"
    return Shown(title, columns, tuple(rows), (note,))


def _interaction(verdict: Verdict) -> Shown:
    rows = [
        (i.variant, number(i.accuracy), str(i.share), str(i.rows), str(i.draws) if i.draws else "all pairs")
        for i in verdict.interactions.values()
    ]
    note = (
        "Accuracy that is lost when a variant's logits are projected onto a sum of one function a modality (EMAP, "
        "arXiv 2010.06572); the other modalities are drawn from the test rows, independently of each other. "
        "Intervals are over test rows of one seed, paired."
    )
    columns = ("variant", "accuracy", "needs interaction", "rows", "draws")
    return Shown("How much needs interaction between modalities", columns, tuple(rows), (note,))


def _markdown(verdict: Verdict, shown: list[Shown], pictured: bool) -> str:
    head = headline(verdict)
    lines = [f"- **{_plain(line)}**" if line == head else f"- {_plain(line)}" for line in sentences(verdict)]
    parts = [f"# {_plain(_title(verdict))}", " · ".join(map(_plain, notes(verdict))), "\n".join(lines)]
    if verdict.context.warnings:
        warned = "\n".join(f"- {_plain(line)}" for line in verdict.context.warnings)
        parts += ["## What is wrong with the data", warned]
    if pictured:
        parts += [f"![{CAPTION}](decision.png)"]
    for table in shown:
        grid = [table.columns, ["---"] * len(table.columns), *table.rows]
        parts += [f"## {_plain(table.title)}", "\n".join("| " + " | ".join(map(_plain, r)) + " |" for r in grid)]
        parts += [_plain(note) for note in table.notes]
    parts += ["## What was not tried", *map(_plain, verdict.context.not_tried)]
    if verdict.context.command:
        parts += ["## Again", f"    {verdict.context.command}"]
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """Keep a name literal in Markdown: no cell, line or element begins inside it."""
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " "), ("\r", " ")):
        text = text.replace(sign, instead)
    return text
