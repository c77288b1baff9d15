"""Half of the figures in a process of their own, while other work goes on in this one.

Drawing holds the interpreter's lock, so that threads would gain nothing. The other process is started plainly (no
fork, no import of the user's main module), so that it works from an unguarded script, a notebook and a thread.
Whoever draws a figure, its files are the same bytes; what the other process does not draw, this one does.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import font_manager

from ...core.machine import usable_cores
from ..run import Run
from .choice import Choice, Wanted
from .looks import Look
from .registry import FIGURES, OCCASIONAL, Drawn, chosen, draw_one, told

log = logging.getLogger(__name__)
PACKAGE = __name__.rpartition(".")[0]
FEWEST = 6  # figures, below which a second process costs more than it draws
CODE = (
    "import sys; held, out = sys.stdin.buffer.read(), sys.stdout.buffer; sys.stdout = sys.stderr; "
    "from fusebench.reports.figures.aside import drawn_for; out.write(drawn_for(held))"
)


class Drawing:
    """Figures that are being drawn; `finish` draws the rest and returns all of them."""

    def __init__(self, run: Run, folder: Path, wanted: list[Wanted], processes: int):
        self._run, self._folder, self._wanted = run, folder, wanted
        own = [each for each in wanted if (FIGURES | OCCASIONAL)[each.name].draw.__module__.startswith(PACKAGE)]
        self._sent = own[::2] if processes > 1 and len(wanted) >= FEWEST else []
        self._process = _start((run, folder, self._sent, _fonts())) if self._sent else None

    def finish(self) -> list[Drawn]:
        """Draw what the other process does not, wait for it, and return the figures in their order."""
        made = {
            each.file: draw_one(self._run, each, self._folder) for each in self._wanted if each not in self._sent
        }
        for wanted, drawn in zip(self._sent, self._received(), strict=True):
            made[wanted.file] = drawn or draw_one(self._run, wanted, self._folder)
        return told([made[each.file] for each in self._wanted], self._wanted)

    def stop(self) -> None:
        """End the other process, if it still draws."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _received(self) -> list[Drawn | None]:
        output = self._process.communicate()[0] if self._process else b""
        if self._process and self._process.returncode == 0:
            return pickle.loads(output)
        if self._sent:
            log.info("No second process could draw figures here: this one draws them all.")
        return [None] * len(self._sent)


@contextmanager
def drawing(
    run: Run,
    folder: Path,
    names: Iterable[str] | None = None,
    look: Look | None = None,
    choice: Choice | None = None,
    processes: int | None = None,
) -> Iterator[Drawing]:
    """Begin to draw what `draw_all` draws; half of it at once in another process.

    Parameters
    ----------
    processes
        1 draws everything in this process, in `finish`; None takes two where two cores may be used.
    """
    begun = Drawing(
        run, folder, chosen(run, names, look, choice), usable_cores() if processes is None else processes
    )
    try:
        yield begun
    finally:
        begun.stop()


def drawn_for(held: bytes) -> bytes:
    """Draw what another process has sent, and return what to send back."""
    run, folder, wanted, fonts = pickle.loads(held)
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in fonts:
        if path not in known:  # one that the other process has added by itself
            font_manager.fontManager.addfont(path)
    return pickle.dumps([draw_one(run, each, folder) for each in wanted])


def _start(task: tuple[Any, ...]) -> subprocess.Popen[bytes] | None:
    """Start another process and hand it a task; None where there can be none."""
    if not sys.executable:
        return None
    command, quiet = [sys.executable, "-P", "-c", CODE], subprocess.DEVNULL
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet)
    except OSError:
        return None
    assert process.stdin is not None
    try:
        with process.stdin as sent:
            pickle.dump(task, sent)
    except OSError:  # it has ended already: what it was sent is drawn here
        pass
    process.stdin = None  # closed: `communicate` is not to write
    return process


def _fonts() -> list[str]:
    return sorted({entry.fname for entry in font_manager.fontManager.ttflist})
