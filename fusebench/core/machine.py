"""The machine a result was measured on: timings are compared only within one fingerprint."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from .files import dumps

LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "librosa")


def usable_cores() -> int:
    """Return the number of cores this process may use (its affinity, not the machine's total)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "absent"


def fingerprint(threads: int = 1, workers: int = 1, device: str = "cpu") -> dict[str, Any]:
    """Describe the machine without naming it: processor, cores, threads, device, library versions."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "threads": threads,
        "workers": workers,
        "device": device,
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {library: _version(library) for library in LIBRARIES},
    }


def fingerprint_id(description: dict[str, Any]) -> str:
    """Return a short id of a fingerprint."""
    return hashlib.sha256(dumps(description).encode()).hexdigest()[:12]
