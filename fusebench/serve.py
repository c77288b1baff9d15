"""Serve a run's page on this machine, with its progress while the run goes on: standard library, loopback only."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer
from typing import Any, cast
from urllib.parse import urlsplit

from .core.errors import FusebenchError
from .core.files import dumps
from .reports.page import with_live
from .results.frames import find
from .results.store import Store

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOG_LINES, TAIL = 3, 4096


class Watch:
    """What a run has done so far, read from its folder again and again; a record is read once.

    Parameters
    ----------
    store
        The run's folder; nothing is written to it.
    page
        The page that the run's reports write.
    """

    def __init__(self, store: Store, page: Path):
        self.store, self.page = store, page
        self.known: dict[Path, tuple[int, str]] = {}

    def progress(self) -> dict[str, object]:
        """Return counts of planned cells by status, the log's last lines and when something last changed.

        Keys: `planned`, `done`, `counts` (status → cells), `quiet` (seconds since a line was logged; null where
        none was), `log` (lines), `page` (a number that changes when the page is drawn again).
        """
        planned = {cell["cell"] for cell in self.store.suite()["plan"]["cells"]}
        counts = Counter(status for cell, status in self._statuses() if cell in planned)
        log = self.store.root / "run.log"
        quiet = round(max(0.0, time.time() - log.stat().st_mtime)) if log.is_file() else None
        return {
            "planned": len(planned),
            "done": counts.total(),
            "counts": dict(sorted(counts.items())),
            "quiet": quiet,
            "log": _tail(log),
            "page": self.page.stat().st_mtime_ns // 1_000_000 if self.page.is_file() else 0,
        }

    def _statuses(self) -> list[tuple[str, str]]:
        if self.store.packed.is_file():
            return [(record.cell, record.status) for record in self.store.records()]
        found = {}
        for path in (self.store.root / "cells").glob("??/[!.]*.json"):
            try:
                changed = path.stat().st_mtime_ns
                held = self.known.get(path)
                same = held is not None and held[0] == changed
                found[path] = held if same else (changed, json.loads(path.read_bytes())["status"])
            except (OSError, ValueError, KeyError):  # moved to stale/ a moment ago, or unreadable: no cell is done
                continue
        self.known = found
        return [(path.stem, status) for path, (_, status) in found.items()]


def _tail(log: Path) -> list[str]:
    """Return the log's last lines, without reading all of it."""
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL))
        text = file.read().decode("utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()][-LOG_LINES:]


class Handler(SimpleHTTPRequestHandler):
    """Hands out the files of one report, its page with a script that asks for progress, and that progress."""

    def __init__(self, *args: object, watch: Watch, **options: object):
        self.watch = watch
        super().__init__(*args, directory=str(watch.page.parent), **options)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer a request; one that names another host than this one is refused (a page elsewhere may try)."""
        name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        bound = address_of(self.server)[0]
        if bound in LOOPBACK and name not in LOOPBACK:
            self.send_error(403, "This server answers to localhost alone")
            return
        path = urlsplit(self.path).path
        if path == "/live.json":
            self._send(dumps(self.watch.progress()), "application/json")
        elif path in ("/", "/index.html") and self.watch.page.is_file():
            self._send(with_live(self.watch.page.read_text("utf-8")), "text/html")
        else:
            super().do_GET()

    def _send(self, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Let no other page frame or read what is served."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        super().end_headers()

    def list_directory(self, path: object) -> None:
        """Show no folder's contents."""
        self.send_error(404, "Not found")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the run's own lines are what the terminal is for."""


def server(
    suite: str | Path, out: Path = Path("."), host: str = "127.0.0.1", port: int = 8000
) -> ThreadingHTTPServer:
    """Return a server of a run's page, bound and not yet running; the page is drawn first where there is none.

    Parameters
    ----------
    suite
        A suite's name, its TOML file or a folder holding suite.json.
    out
        Base folder of `results/` and `reports/`.
    host
        Address to listen on; anything but loopback lets others on the network read the report.
    port
        0 = any that is free.

    Raises
    ------
    FusebenchError
        Where no such run is stored, or the port is taken.
    """
    from .reports.build import build, name_of

    store = find(suite, out)
    page = (out / "reports" / name_of(store.root) / "index.html").resolve()
    if not page.is_file():
        build(store.root, out)
    try:
        return ThreadingHTTPServer((host, port), partial(Handler, watch=Watch(store, page)))
    except (OSError, OverflowError) as error:
        raise FusebenchError(
            f"serve cannot listen on {host}:{port} ({error}): name another with --port, or 0 for any that is free."
        ) from error


def address_of(made: BaseServer) -> tuple[str, int]:
    """Return host and port that a server listens on."""
    host, port, *_ = cast(tuple[Any, ...], made.server_address)
    return str(host), int(port)


def address(made: ThreadingHTTPServer) -> str:
    """Return the address to open."""
    host, port = address_of(made)
    return f"http://{'localhost' if host in LOOPBACK else host}:{port}/"


def serve(suite: str | Path, out: Path, host: str, port: int, opened: bool) -> None:
    """Serve a run's page until interrupted."""
    import typer

    made = server(suite, out, host, port)
    if host not in LOOPBACK:
        print(f"serve: everybody who reaches {host} can read this report.", file=sys.stderr)
    print(f"Serving {address(made)} (Ctrl-C ends it).", flush=True)
    if opened:
        typer.launch(address(made))
    try:
        made.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        made.server_close()
