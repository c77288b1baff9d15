"""Scripts of the page and the policy that lets these run and nothing leave: what is not named here is refused."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
VENDOR = FOLDER / "vendor" / "tabulator-6.5.3"
FIRST = ("theme",)
PARTS = (
    "dom", "state", "values", "columns", "board", "filters", "chooser", "download", "charts", "panels",
    "variant", "dataset", "zoom", "start",
)  # fmt: skip
STYLES = ("base", "content", "controls", "board", "panels", "figures", "print")
CLOSED = "connect-src 'none'"


@cache
def scripts() -> tuple[str, str, str]:
    """Return the page's scripts: what runs before the body, Tabulator, and the page's own in one scope."""
    own = "\n".join((FOLDER / "js" / f"{name}.js").read_text("utf-8") for name in PARTS)
    first = "\n".join((FOLDER / "js" / f"{name}.js").read_text("utf-8") for name in FIRST)
    vendor = (VENDOR / "tabulator.min.js").read_text("utf-8")
    return _scope(first), vendor, _scope(own)


@cache
def styles() -> str:
    """Return the page's style sheet."""
    own = [(FOLDER / "css" / f"{name}.css").read_text("utf-8") for name in STYLES]
    return "\n".join([(VENDOR / "tabulator_simple.min.css").read_text("utf-8"), *own])


def policy() -> str:
    """Return the content security policy: the page's own scripts by their hashes, no request."""
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in scripts())
    return (
        f"default-src 'none'; {CLOSED}; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def with_live(html: str) -> str:
    """Return a page, as `write` made it, that asks its server for `live.json` and shows what a run has done.

    The served page may talk to the server it came from and to nothing else; the file on disk stays as it is.
    """
    script = _scope((FOLDER / "js" / "live.js").read_text("utf-8"))
    opened = html.replace(CLOSED, "connect-src 'self'", 1)
    opened = opened.replace("; script-src ", f"; script-src 'sha256-{_digest(script)}' ", 1)
    head, end, tail = opened.rpartition("</body>")
    return f"{head}<script>{script}</script>\n{end}{tail}"


def _scope(text: str) -> str:
    return f'\n(() => {{\n"use strict";\n{text}\n}})();\n'


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
