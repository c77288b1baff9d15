"""The page: one static file that needs no script, no server and no network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2

from ...core.files import write_text
from ..figures import Drawn
from ..run import MISSING, Run
from ..tables import Table
from ..wording import data_notes, first_line, label, title_notes

FOLDER = Path(__file__).parent


def write(run: Run, tables: list[Table], drawn: list[Drawn], path: Path) -> Path:
    """Write the page to `path`; figures lie beside it in `figures/`. Every name is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    text = environment.get_template("page.html").render(
        name=run.suite.get("name", ""),
        notes=title_notes(run)[1:],
        metric=label(run.metric),
        first=[(first_line(run, dataset), run.scores(dataset).first) for dataset in run.datasets],
        counts=_counts(run),
        tables=[table for table in tables if table.sections],
        drawn=drawn,
        failures=failures(run),
        datasets=[_dataset(run, name) for name in run.datasets],
        settings=_flat(run.suite.get("training", {})) | {"seeds": _flat_value(run.suite.get("seeds", []))},
        environments={key: _flat(value) for key, value in sorted(run.suite.get("environments", {}).items())},
        entries=_entries(run),
    )
    write_text(path, text)
    return path


def failures(run: Run) -> list[dict[str, Any]]:
    """Return what is neither ok nor missing: equal reasons of one variant and data set together, seeds named."""
    bad = run.cells[~run.cells["status"].isin(["ok", MISSING]) & run.cells["variant"].isin(run.shown)]
    found = []
    for (variant, dataset, status, reason), group in bad.groupby(
        ["variant", "dataset", "status", "reason"], sort=True
    ):
        lines = str(reason).strip().splitlines()
        found.append(
            {
                "variant": variant,
                "dataset": dataset,
                "status": str(status).replace("_", " "),
                "seeds": ", ".join(str(seed) for seed in sorted(group["seed"])),
                "reason": lines[-1] if lines else "no reason was recorded",
                "trace": "\n".join(lines) if len(lines) > 1 else "",
            }
        )
    return found


def _counts(run: Run) -> str:
    counts = run.cells["status"].value_counts().sort_index()
    words = [f"{count} {str(status).replace('_', ' ')}" for status, count in counts.items()]
    return f"{len(run.cells)} planned cells: {', '.join(words)}" if words else "no planned cell"


def _dataset(run: Run, name: str) -> dict[str, Any]:
    data = run.data(name)
    rows = data.get("rows") or {}
    shapes = [f"{m['name']} ({m['kind']}, {'×'.join(map(str, m['shape']))})" for m in data.get("modalities", [])]
    homes = [part for part in re.split(r"[;\s]+", str(data.get("home") or "")) if part]
    return {
        "name": name,
        "title": data.get("title") or "",
        "summary": data.get("summary") or "",
        "modalities": ", ".join(shapes),
        "classes": f"{len(data.get('classes', []))}: {', '.join(map(str, data.get('classes', [])))}",
        "rows": ", ".join(f"{count:,} {split}" for split, count in rows.items()),
        "pairing": str(data.get("pairing") or "unknown").replace("_", " "),
        "licence": data.get("licence") or "not stated",
        "homes": [(home, home.startswith(("https://", "http://"))) for home in homes],
        "citation": data.get("citation") or "",
        "notes": data_notes(run, name),
    }


def _entries(run: Run) -> list[dict[str, Any]]:
    """Return what is told about the shown variants; those of which the same is told stand together."""
    found: dict[str, dict[str, Any]] = {}
    for name in run.shown:
        told = _entry(run.variant(name))
        found.setdefault(repr(told), told | {"names": []})["names"].append(name)
    return list(found.values())


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    other = entry.get("contestable") or {}
    axes = ("architecture", "data_fusion", "level", "operator", "sharing", "training", "learner")
    return {
        "place": " · ".join(str(entry[axis]).replace("_", "-") for axis in axes if entry.get(axis)),
        "contestable": ", ".join(f"{axis} {value}" for axis, value in other.items()).replace("_", " "),
        "also": ", ".join([*(entry.get("aliases") or ()), *_peers(entry)]),
        "definition": entry.get("definition") or "",
        "reference": entry.get("reference") or "",
    }


def _peers(entry: dict[str, Any]) -> list[str]:
    return [f"{other} ({peer})" for peer, other in sorted((entry.get("also_known_as") or {}).items())]


def _flat(value: dict[str, Any]) -> dict[str, str]:
    return {key.replace("_", " "): _flat_value(item) for key, item in value.items()}


def _flat_value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
