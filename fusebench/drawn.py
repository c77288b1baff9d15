"""Whether a run's report shows what is stored already: then a run that computed nothing need not draw it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from .core.files import write_json
from .core.sources import source_files
from .results import index
from .results.store import Store

NAME = "drawn.json"
ROOMS = ("results", "reports")  # whose code draws


def kept(store: Store, page: Path) -> list[str] | None:
    """Return what was said when the page was drawn; None where it has to be drawn again.

    Parameters
    ----------
    store
        The run's folder.
    page
        The page's file.
    """
    try:
        told = json.loads(page.with_name(NAME).read_bytes())
        current = told["of"] == state(store) and told["page"] == _stamp(page)
        return list(told["lines"]) if current else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(store: Store, page: Path, lines: Sequence[str]) -> None:
    """Note what the page was drawn from, and what was said then."""
    write_json(page.with_name(NAME), {"of": state(store), "page": _stamp(page), "lines": list(lines)})


def _stamp(page: Path) -> list[int]:
    # a page that `report --variants` has narrowed since is another one
    found = page.stat()
    return [found.st_size, found.st_mtime_ns]


def state(store: Store) -> str:
    """Return a digest of all that a report is drawn from: records, timings, suite.json, and the code that draws.

    Files count by name, size and modification time, so a hundred thousand records take a second.
    """
    taken = hashlib.sha256()
    for name, (size, modified) in sorted(index.stamps(store.root / "cells").items()):
        taken.update(f"{name} {size} {modified}\n".encode())
    code = [path for room in ROOMS for _, path in source_files(room)]
    for path in [store.suite_file, *sorted((store.root / "timing").glob("*.json")), *code]:
        found = path.stat()
        taken.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return taken.hexdigest()[:32]
