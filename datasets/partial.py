"""Unfinished files: `<cache>/partial`, where transfers and unpacking work and what was cut is kept.

A folder there named `key@host-pid-…` belongs to a running process; one named `key` alone is what an
interrupted transfer left, and is left only where the server says that it can go on from there (byte
ranges, and a mark by which a changed file is known). A process that goes on renames it to its own, so that
two never write to one file; what a killed process left is sorted out by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .cache import cache_folder


@contextmanager
def scratch(label: str) -> Iterator[Path]:
    """Hand out a folder of this process's own in `<cache>/partial`; it is gone afterwards."""
    sweep()
    folder = _own(label)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Tidy up after processes that were killed: keep what a transfer can go on with, drop the rest."""
    import psutil

    for folder in (cache_folder() / "partial").glob(f"*@{_host()}-*"):
        key, _, owner = folder.name.partition("@")
        with suppress(ValueError, OSError):
            if not psutil.pid_exists(int(owner.rsplit("-", 2)[1])):
                _put_back(folder, key)


def _host() -> str:
    return "".join(c if c.isalnum() else "_" for c in socket.gethostname())


def _own(label: str) -> Path:
    return cache_folder() / "partial" / f"{label}@{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _put_back(folder: Path, key: str) -> None:
    """Leave what came under the name by which a later call finds it, or leave nothing."""
    if Partial(folder).start:
        with suppress(OSError):  # another process has left one: one is enough
            os.rename(folder, folder.with_name(key))
    shutil.rmtree(folder, ignore_errors=True)


class Partial:
    """What has come of a file so far, and the mark by which the server knows that it is still the same."""

    def __init__(self, folder: Path):
        self.content = folder / "content"
        self._about = folder / "about.json"

    @property
    def mark(self) -> str:
        """The file's ETag or date, empty where the server cannot go on."""
        try:
            return str(json.loads(self._about.read_text("utf-8"))["mark"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    @property
    def start(self) -> int:
        """The byte a transfer can go on from, 0 where it starts afresh."""
        return self.content.stat().st_size if self.mark and self.content.exists() else 0

    def note(self, headers: Any, continued: bool) -> None:
        """Write down before the first byte how to go on, so that a kill loses nothing."""
        tag, date = headers.get("ETag", ""), headers.get("Last-Modified", "")
        mark = date if tag.startswith("W/") or not tag else tag  # a weak tag does not promise equal bytes
        if not continued and "bytes" not in headers.get("Accept-Ranges", ""):
            mark = ""
        if not continued:
            self.forget()
        if mark:
            self._about.write_text(json.dumps({"mark": mark}), "utf-8")

    def forget(self) -> None:
        """Start afresh."""
        self.content.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)


@contextmanager
def claimed(url: str) -> Iterator[Partial]:
    """Take over what an earlier transfer of the URL left; put back what this one leaves."""
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = _own(key)
    try:
        os.rename(folder.with_name(key), folder)
    except OSError:
        folder.mkdir(parents=True)
    try:
        yield Partial(folder)
    finally:
        _put_back(folder, key)
