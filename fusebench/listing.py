"""What `list`, `check` and `data show` tell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .core.files import dumps
from .core.names import spell

COLUMNS = {
    "variants": ("id", "architecture", "data_fusion", "level", "sharing", "training", "learner", "tier"),
    "datasets": ("name", "pairing", "source_family", "modalities", "checked", "title"),
    "suites": ("name", "file"),
    "coverage": ("peer", "method", "here"),
}


def variants(plugins: tuple[str, ...] = (), architecture: str | None = None) -> list[dict[str, Any]]:
    """Return every registered variant's metadata; broken files are told on stderr."""
    from . import fusion
    from .core.errors import unknown
    from .fusion.taxonomy import AXES

    fusion.load_all()
    fusion.load_plugins(plugins)
    if architecture is not None and architecture not in AXES["architecture"]:
        raise unknown("architecture", architecture, AXES["architecture"])
    for name, why in fusion.REGISTRY.broken.items():
        print(f"{name} could not be loaded: {why}", file=sys.stderr)
    rows = [
        entry.metadata({}) | {"options": entry.defaults, "takes": entry.requires.words()}
        for entry in fusion.REGISTRY
    ]
    return [row for row in rows if architecture in (None, row["architecture"])]


def wrappers() -> list[dict[str, Any]]:
    """Return every registered training wrapper."""
    from .fusion.registry import short_place
    from .fusion.wrappers import WRAPPERS

    return [
        {
            "id": f"+{entry.id}",
            "definition": entry.doc.split("\n\n")[0].replace("\n", " "),
            "options": entry.defaults,
            "also_known_as": dict(entry.also_known_as),
            "reference": entry.reference,
            "place": short_place(entry.place),
        }
        for entry in WRAPPERS
    ]


def places() -> list[dict[str, Any]]:
    """Return every combination of architecture, data fusion and level: entries, or why there are none."""
    from .fusion.places import places as combinations

    return [
        {
            "place": f"{place.architecture} {place.data_fusion} {place.level}",
            "here": ", ".join(place.entries) or f"none: {place.reason}",
        }
        for place in combinations()
    ]


def coverage() -> list[dict[str, Any]]:
    """Return every method of the peer libraries with our ids, or the reason why there is none."""
    from .fusion.coverage import coverage as covered

    return [
        {"peer": c.peer, "method": c.method, "here": ", ".join(c.ours) or f"left out: {c.reason}"}
        for c in covered()
    ]


def data_sets() -> list[dict[str, Any]]:
    """Return every registered data set's card in short."""
    from . import datasets

    datasets.load_all()
    for name, why in datasets.REGISTRY.broken.items():
        print(f"{name} could not be loaded: {why}", file=sys.stderr)
    return [
        {
            "name": entry.id,
            "title": entry.card.title,
            "summary": entry.card.summary,
            "pairing": entry.card.pairing,
            "source_family": entry.card.source_family,
            "licence": entry.card.licence,
            "verified": entry.card.verified,
            "checked": "verified" if entry.card.verified else "unverified",
            "modalities": ",".join(m.kind for m in _modalities(entry.id)),
        }
        for entry in datasets.REGISTRY
    ]


def _modalities(name: str) -> Sequence[Any]:
    from . import datasets
    from .core.errors import FusebenchError

    try:
        return datasets.get(name).modalities
    except FusebenchError:  # a family that asks for an option first
        return ()


def suites() -> list[dict[str, Any]]:
    """Return the shipped suites."""
    from .benchmarks.suite import shipped

    return [{"name": name, "file": path.name} for name, path in shipped().items()]


def print_list(what: str, rows: list[dict[str, Any]], json: bool, **more: Any) -> None:
    """Print what there is of a kind: as a table, or as one JSON object with `more` beside it."""
    if json:
        print(dumps({what: rows} | more))
    else:
        print_table(rows, COLUMNS[what])


def print_variants(rows: list[dict[str, Any]], wrapping: list[dict[str, Any]], json: bool, verbose: bool) -> None:
    """Print variants and, apart from them, training wrappers."""
    if json:
        print(dumps({"variants": rows, "wrappers": wrapping}))
        return
    if not verbose:
        print_table(rows, COLUMNS["variants"])
        print(f"\n{len(rows)} variants. Training wrappers, each put behind a network's name:")
        print("  " + " ".join(row["id"] for row in wrapping))
        return
    for row in [*rows, *wrapping]:
        print(f"{row['id']}\n    {row['definition']}")
        place = [row[axis] for axis in COLUMNS["variants"][1:] if row.get(axis)]
        names = "; ".join(f"{peer}: {name}" for peer, name in row["also_known_as"].items())
        told = {"place": ", ".join(place), "options": _spelt(row["options"]), "takes": row.get("takes", "")}
        told |= {"cost": row.get("complexity", ""), "peers": names, "source": row["reference"]}
        print("".join(f"    {key}: {value}\n" for key, value in told.items() if value), end="")
    print("\nPlaces of the taxonomy:")
    for place in places():
        print(f"  {place['place']:28} {place['here']}")


def _spelt(options: dict[str, Any]) -> str:
    return ", ".join(f"{key}={spell(value)}" for key, value in options.items())


def print_table(rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as aligned columns."""
    print("\n".join(aligned([columns, *([str(row.get(column) or "") for column in columns] for row in rows)])))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line a row, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def check(name: str, plugins: tuple[str, ...] = ()) -> int:
    """Run the contract on one variant, print a line a check, return the exit code."""
    from . import fusion
    from .fusion.checks import CHECKS, applies, run_check

    fusion.load_all()
    fusion.load_plugins(plugins)
    _, spelt = fusion.resolve(name)
    worst = 0
    for title in (title for title in CHECKS if applies(title, str(spelt))):
        problem = run_check(title, str(spelt))
        print(f"{'ok    ' if problem is None else 'FAILED'} {spelt}-{title}" + (f": {problem}" if problem else ""))
        worst |= problem is not None
    return int(worst)


def data_card(name: str) -> dict[str, Any]:
    """Return what is known about a data set."""
    from . import datasets

    datasets.load_all()
    source = datasets.get(name)
    card = source.card
    return {
        "name": source.name,
        "title": card.title,
        "summary": card.summary,
        "task": _task(source),
        "modalities": [{"name": m.name, "kind": m.kind, "shape": list(m.shape)} for m in source.modalities],
        "classes": list(source.classes),
        "rows": source.rows,
        "pairing": card.pairing,
        "source_family": card.source_family,
        "licence": card.licence,
        "home": card.home,
        "citation": card.citation,
        "terms": card.terms,
        "split": card.split or _split(source),
        "published_figures": list(card.figures),
        "verified": card.verified,
        "checksum_source": card.checksum_source,
        "files": dict(card.files),
        "notes": list(card.notes),
        "bayes": source.bayes(),
    }


def _task(source: Any) -> str:
    judged = f", judged by {source.metric.replace('_', ' ')}" if source.metric else ""
    positive = f", positive class {source.positive}" if source.positive else ""
    return f"classification, {len(source.classes)} classes{judged}{positive}"


def _split(source: Any) -> str:
    """Return the rule that holds where a card has none of its own."""
    if source.card.pairing == "synthetic":
        return "Every seed is a fresh draw by one law, with a quarter as many rows to validate as to train."
    return f"Disjoint folds, {source.folds}: seed s tests fold s, the next validates, the rest train."


def card_text(card: dict[str, Any]) -> str:
    """Return a card as text."""
    shapes = ", ".join(f"{m['name']} ({m['kind']} {'×'.join(map(str, m['shape']))})" for m in card["modalities"])
    rows = ", ".join(f"{number} {split}" for split, number in card["rows"].items())
    lines = [
        f"{card['name']}: {card['title']}",
        card["summary"],
        f"Task: {card['task']}",
        f"Modalities: {shapes}",
        f"Classes: {', '.join(card['classes'])}",
        f"Rows a seed: {rows}",
        f"Pairing: {card['pairing']}; source family: {card['source_family']}",
    ]
    told = ("split", "licence", "terms", "home", "citation")
    lines += [f"{key.capitalize()}: {card[key]}" for key in told if card[key]]
    figures = card["published_figures"] or ([] if card["bayes"] else ["none known."])
    lines += [f"Published: {sentence}" for sentence in figures]
    if card["files"]:
        state = "verified" if card["verified"] else "unverified"
        lines.append(f"Files: {state}; checksums: {card['checksum_source'] or 'none published'}")
    lines += [f"Note: {note}" for note in card["notes"]]
    if card["bayes"]:
        lines.append("Best possible accuracy of each subset of modalities (± standard error):")
        for key, value in card["bayes"]["subsets"].items():
            lines.append(f"  {key:40} {value['accuracy']:.4f} ± {value['accuracy_se']:.4f}")
    return "\n".join(lines)
