"""What the page says in plain HTML: the run, its data sets, its variants, what is not ok. Text only, no markup."""

from __future__ import annotations

import re
from typing import Any

from ..run import MISSING, Run
from ..wording import counted, data_notes

AXES = ("architecture", "data_fusion", "level", "operator", "sharing", "training", "learner", "tier")
PLACE = AXES[:-1]


def spaced(value: Any) -> str:
    """Return a name of code as words: `cross_modal` is `cross-modal`, and `data_fusion` is `data-fusion`."""
    return str(value or "").replace("_", "-")


def facts(run: Run) -> list[tuple[str, str]]:
    """Return what was run and where, as (term, text) pairs."""
    training = run.suite.get("training", {})
    placebos = f" and {counted(len(run.placebos), 'placebo')}" if run.placebos else ""
    compared = f"{counted(len(run.variants), 'variant')}{placebos} on {counted(len(run.datasets), 'data set')}"
    told = [
        ("cells", counts(run)),
        ("compared", compared),
        ("seeds", flat_value(run.suite.get("seeds", [])) or "none"),
        ("training", ", ".join(_setting(key, value) for key, value in sorted(training.items()) if value)),
    ]
    told += [("machine", _machine(each)) for _, each in sorted(run.suite.get("environments", {}).items())]
    return [(term, text) for term, text in told if text]


def counts(run: Run) -> str:
    """Count the planned cells by status."""
    found = run.cells["status"].value_counts().sort_index()
    words = [f"{count:,} {str(status).replace('_', ' ')}" for status, count in found.items()]
    return f"{len(run.cells):,} planned: {', '.join(words)}" if words else "none planned"


def _setting(key: str, value: Any) -> str:
    return f"{key.replace('_', ' ')} {flat_value(value)}"


def _machine(told: dict[str, Any]) -> str:
    libraries = told.get("libraries") or {}
    parts = [told.get("processor"), f"{told['cores']} cores" if told.get("cores") else "", told.get("device")]
    parts += [told.get("system"), f"Python {told['python']}" if told.get("python") else ""]
    parts += [f"{name} {libraries[name]}" for name in ("torch",) if name in libraries]
    return ", ".join(str(part) for part in parts if part)


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


def dataset(run: Run, name: str) -> dict[str, Any]:
    """Return what is told about a data set, in words."""
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
        "interaction": str(data.get("interaction") or "").replace("_", " "),
        "licence": data.get("licence") or "not stated",
        "homes": [(home, home.startswith(("https://", "http://"))) for home in homes],
        "citation": data.get("citation") or "",
        "notes": data_notes(run, name),
    }


def entry(told: dict[str, Any]) -> dict[str, str]:
    """Return what is told about a variant, in words."""
    other = told.get("contestable") or {}
    return {
        "place": " · ".join(spaced(told[axis]) for axis in PLACE if told.get(axis)),
        "contestable": ", ".join(f"{axis} {value}" for axis, value in other.items()).replace("_", " "),
        "also": ", ".join([*(told.get("aliases") or ()), *_peers(told)]),
        "definition": told.get("definition") or "",
        "reference": told.get("reference") or "",
        "file": told.get("place") or "",
        "alike": told.get("equivalence_class") or "",
    }


def entries(run: Run) -> list[dict[str, Any]]:
    """Return what is told about the shown variants; those of which the same is told stand together."""
    found: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(run.shown):
        told = entry(run.variant(name))
        found.setdefault(repr(told), told | {"names": []})["names"].append((place, name))
    return list(found.values())


def _peers(told: dict[str, Any]) -> list[str]:
    return [f"{other} ({peer})" for peer, other in sorted((told.get("also_known_as") or {}).items())]


def flat(value: dict[str, Any]) -> dict[str, str]:
    """Return settings as term → text."""
    return {key.replace("_", " "): flat_value(item) for key, item in value.items()}


def flat_value(value: Any) -> str:
    """Return one setting as text."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
