"""The user's wish to stop: once = finish what runs, twice = stop now."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
HANG_UP = getattr(signal, "SIGHUP", None)


@dataclass
class Interrupt:
    """How often the user asked to stop.

    Parameters
    ----------
    abrupt
        Raise KeyboardInterrupt the second time: where the work is done in this process, nobody else looks.
    """

    abrupt: bool = False
    count: int = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count interrupts while inside; elsewhere than in the main thread nothing changes.

        A terminal's hanging up that the user had ignored (`nohup`) stays ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        held = {n: signal.getsignal(n) for n in SIGNALS}
        if held.get(HANG_UP) is signal.SIG_IGN:
            del held[HANG_UP]
        for number in held:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number, handler in held.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: object) -> None:
        self.count += 1
        if number == HANG_UP:
            signal.signal(number, signal.SIG_IGN)  # a shell that ends of it tells its jobs, and so does the system
            _let_go_of_the_terminal()
        if self.abrupt and self.count >= 2:
            raise KeyboardInterrupt


def _let_go_of_the_terminal() -> None:
    """Send what would be printed nowhere: a terminal that hung up takes no line, and run.log has them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(nowhere, stream)
    os.close(nowhere)
