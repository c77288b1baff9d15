"""Whether a process lives."""

from __future__ import annotations

import psutil


def lives(pid: int) -> bool:
    """Return whether a process is there and is more than an exit code that nobody has asked for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):  # it is hidden, or too many files are open to look
        return True
