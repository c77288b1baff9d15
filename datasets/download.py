"""One file over HTTP: announced, shown on a terminal, and continued where a transfer was cut."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import FusebenchError
from .partial import Partial, claimed, scratch

PAUSES = (0.5, 2.0, 5.0)
"""Seconds before each further try after a cut."""
TIMEOUT = 30.0
"""Seconds without an answer, or without a byte, after which a server is given up."""
_CHUNK = 1 << 14  # what is lost at a cut


class TransferError(FusebenchError):
    """Why a file did not come, in words that go into a longer sentence."""


class _Cut(TransferError):
    """A fault that may pass: the transfer is tried again."""


def retrieve(url: str, place: Path, title: str = "", size: int | None = None, quiet: bool = False) -> Path:
    """Download a file to a place that does not exist yet.

    Parameters
    ----------
    url
        Over http(s): continued after a cut where the server can. Over others as pooch does it.
    place
        Where it is put; its folder is made.
    title
        What it is called in the announcement; by default the file's name.
    size
        Its size in bytes, for servers that do not tell it.
    quiet
        Neither announce it nor show a bar.

    Raises
    ------
    TransferError
        Where it did not come whole; nothing stands at `place`, and what can be gone on with is kept.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would announce every file in its own words
    place.parent.mkdir(parents=True, exist_ok=True)
    web = url.startswith(("http://", "https://"))
    transfer: Any = _Transfer(title or place.name, size, quiet) if web else None
    with scratch("download") as folder:
        got = pooch.retrieve(url, known_hash=None, fname=place.name, path=folder, downloader=transfer)
        os.replace(got, place)
    return place


def in_words(size: float) -> str:
    """Return a number of bytes as people say it: `640 B`, `9.9 MB`, `1.2 GB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


class _Transfer:
    """The downloader handed to pooch: called with the URL and the file to write."""

    def __init__(self, title: str, size: int | None, quiet: bool):
        self.title, self.size, self.quiet = title, size, quiet

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Receive the file, with a few further tries after a cut."""
        with claimed(url) as held:
            for turn, pause in enumerate((*PAUSES, None)):
                try:
                    self._receive(url, held, answered=turn > 0)
                    break
                except _Cut as cut:
                    if pause is None:
                        kept = "; what came is kept, and the same command goes on from there" if held.start else ""
                        raise TransferError(f"{cut}{kept}") from cut
                    time.sleep(pause)
            os.replace(held.content, output_file)

    def _receive(self, url: str, held: Partial, answered: bool) -> None:
        import requests

        start, host = held.start, urlsplit(url).netloc
        headers = {"Accept-Encoding": "identity"}  # a length and a range are of the file, not of its packing
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": held.mark}
        try:
            response = requests.get(url, stream=True, timeout=TIMEOUT, headers=headers)
        except requests.Timeout as error:
            raise (_Cut if answered else TransferError)(f"{host} did not answer in {TIMEOUT:.0f} s") from error
        except requests.ConnectionError as error:
            raise (_Cut if answered else TransferError)(f"no connection to {host}") from error
        except requests.RequestException as error:
            raise TransferError(f"{type(error).__name__}") from error
        with response:
            self._store(response, held, start)

    def _store(self, response: Any, held: Partial, start: int) -> None:
        import requests

        if response.status_code == 416:  # what came is no beginning of what is there now
            held.forget()
        if response.status_code in (416, 429) or response.status_code >= 500:
            raise _Cut(f"HTTP {response.status_code}")
        if not response.ok:
            raise TransferError(f"HTTP {response.status_code}")
        continued = response.status_code == 206
        if continued and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            held.forget()
            raise _Cut("the server answered with another part of the file than was asked for")
        start = start if continued else 0
        total = _total(response, start)
        held.note(response.headers, continued)
        self._announce(response.url, start, total)
        _check_room(held.content, (total or self.size or 0) - start)
        try:
            came = start + self._write(response, held.content, start, total)
        except requests.RequestException as error:
            came = held.content.stat().st_size
            raise _Cut(_cut(came, total)) from error
        if total is not None and came != total:
            raise _Cut(_cut(came, total))

    def _write(self, response: Any, place: Path, start: int, total: int | None) -> int:
        from tqdm import tqdm

        shown = not self.quiet and sys.stderr.isatty()
        came = 0
        bar = tqdm(
            total=total, initial=start, desc=self.title, unit="B", unit_scale=True, leave=False, disable=not shown
        )
        with bar, place.open("ab" if start else "wb") as stream:
            for chunk in response.iter_content(_CHUNK):
                stream.write(chunk)
                came += len(chunk)
                bar.update(len(chunk))
        return came

    def _announce(self, url: str, start: int, total: int | None) -> None:
        size = total or self.size
        told = in_words(size) if size else "size not told"
        if not self.quiet:
            verb = f"Going on with {self.title} at {in_words(start)} of" if start else f"Downloading {self.title},"
            print(f"{verb} {told}, from {urlsplit(url).netloc}", file=sys.stderr, flush=True)


def _total(response: Any, start: int) -> int | None:
    """Return the size of the whole file in bytes, None where the server does not tell it."""
    length = response.headers.get("Content-Length", "")
    packed = response.headers.get("Content-Encoding", "identity") != "identity"
    return start + int(length) if length.isdigit() and not packed else None


def _cut(came: int, total: int | None) -> str:
    whole = f" of {in_words(total)}" if total else ""
    return f"the transfer was cut after {in_words(came)}{whole}"


def _check_room(place: Path, needed: int) -> None:
    free = shutil.disk_usage(place.parent).free
    if needed > free:
        raise TransferError(f"the cache folder has {in_words(free)} free where {in_words(needed)} are needed")
