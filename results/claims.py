"""Advisory claims: which run of a folder computes which job, so that two runs at once do not do the same twice.

A claim is a file that only one process can make. It names host and process, and is touched while its run lives.
On the same host it lapses when that process is gone, whatever the clock says; on another, when it has not been
touched for `PATIENCE` seconds. A claim that lapses or is lost costs work done twice, never a result: records are
stored as wholes, and equal.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from ..core.liveness import lives

PATIENCE = 120.0  # seconds without a sign of life after which a claim of another host lapses
BEAT = 20.0  # seconds between signs of life


@dataclass(frozen=True)
class Claim:
    """Who computes a job.

    Parameters
    ----------
    host, pid
        For people: where to look.
    space
        Tells processes apart that have one number: of another host, another boot, another container.
    owner
        The run.
    born
        When the process began, so that another one that has been given its number is not taken for it.
    """

    host: str
    pid: int
    space: str
    owner: str
    born: str = ""


class Claims:
    """The claims of one run on the jobs of a folder.

    Parameters
    ----------
    root
        The results folder; claims stand in `claims/` in it while runs go on.
    """

    def __init__(self, root: Path):
        self.folder = root / "claims"
        self.me = Claim(platform.node(), os.getpid(), _space(), uuid.uuid4().hex, _born(os.getpid()))
        self.mine: set[str] = set()
        self._beaten = time.monotonic()

    def take(self, job: str) -> bool:
        """Claim a job; return whether it is this run's now."""
        if job in self.mine:
            return True
        self.folder.mkdir(parents=True, exist_ok=True)
        made = self._make(job)
        if not made and self._lapsed(self._path(job)) and self._remove_lapsed(job):
            made = self._make(job)
        if made:
            self.mine.add(job)
        return made

    def release(self, job: str) -> None:
        """Give a job back, done or not."""
        if job in self.mine:
            self.mine.discard(job)
            with suppress(OSError):
                self._path(job).unlink()

    def beat(self) -> None:
        """Show that this run lives; called often, it touches files once in `BEAT` seconds."""
        if time.monotonic() - self._beaten < BEAT:
            return
        self._beaten = time.monotonic()
        for job in tuple(self.mine):  # a thread may ask for it
            with suppress(OSError):
                os.utime(self._path(job))

    @contextmanager
    def living(self, busy: bool) -> Iterator[None]:
        """Give everything back at the end; where this process is `busy` itself, a thread shows that it lives."""
        ended = threading.Event()

        def show() -> None:
            while not ended.wait(BEAT):
                self.beat()

        thread = threading.Thread(target=show, daemon=True)
        if busy:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            try:
                if busy:
                    thread.join()
            finally:
                self.close()

    def others(self) -> Iterator[Claim]:
        """Yield the living claims of other runs."""
        for path in sorted(self.folder.glob("[!.]*")):
            if path.name not in self.mine and not self._lapsed(path):
                yield self._read(path) or Claim("another host", 0, "", "")

    def close(self) -> None:
        """Give everything back."""
        for job in list(self.mine):
            self.release(job)
        with suppress(OSError):
            self._clock.unlink(missing_ok=True)
            self.folder.rmdir()  # fails while another run holds claims

    def _path(self, job: str) -> Path:
        return self.folder / job

    @property
    def _clock(self) -> Path:
        return self.folder / f".{self.me.owner}"

    def _make(self, job: str) -> bool:
        try:
            handle = os.open(self._path(job), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        except FileNotFoundError:  # another run has just taken the empty folder away
            self.folder.mkdir(parents=True, exist_ok=True)
            return self._make(job)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self.me.__dict__, file)
        except OSError:  # a full disk: an empty claim would hold others up
            self._path(job).unlink(missing_ok=True)
            raise
        return True

    def _read(self, path: Path) -> Claim | None:
        try:
            return Claim(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):  # gone, or not written to the end yet
            return None

    def _lapsed(self, path: Path) -> bool:
        held = self._read(path)
        if held is not None and held.space == self.me.space:
            if not lives(held.pid):
                return True
            if born := _born(held.pid):
                return born != held.born
        try:
            return self._now() - path.stat().st_mtime > PATIENCE
        except FileNotFoundError:
            return True

    def _now(self) -> float:
        """Return the time by the clock that dates the folder's files: hosts' own clocks differ, and jump."""
        self._clock.touch()
        return self._clock.stat().st_mtime

    def _remove_lapsed(self, job: str) -> bool:
        """Take a lapsed claim away; false where somebody was quicker and it is a living one by now."""
        aside = self.folder / f".{job}.{self.me.owner}"
        try:
            os.replace(self._path(job), aside)
        except FileNotFoundError:
            return True
        lapsed = self._lapsed(aside)
        if not lapsed:
            with suppress(OSError):
                os.link(aside, self._path(job))
        aside.unlink(missing_ok=True)
        return lapsed


@cache
def _space() -> str:
    """Return what tells this host, boot and container from others that count processes from 1, too."""
    told = [platform.node()]
    with suppress(OSError):
        told.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        told.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("|".join(told).encode()).hexdigest()[:12]


def _born(pid: int) -> str:
    """Return when a process began, told in a way that no clock that is set changes; empty where it is hidden."""
    try:
        if (told := Path(f"/proc/{pid}/stat")).is_file():
            return told.read_text().rpartition(")")[2].split()[19]  # clock ticks since the machine started
        return str(psutil.Process(pid).create_time())
    except (OSError, psutil.Error):
        return ""
