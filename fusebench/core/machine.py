"""The machine a result was measured on: timings are compared only within one fingerprint."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from .files import dumps

LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "librosa")


def usable_cores() -> int:
    """Return the number of cores this process may use (its affinity, not the machine's total)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


CORE = ("cpu family", "model", "stepping")
VECTORS = ("sse4_2", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")


@cache
def _cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first core; nothing elsewhere."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return {}
    first = info.read_text(errors="replace").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _processor() -> str:
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _core() -> str:
    """Return what tells processors of one trade name apart: clouds give several kinds the same."""
    told = _cpuinfo()
    return ", ".join(f"{name} {told[name]}" for name in CORE if name in told)


def _vectors() -> list[str]:
    flags = set((_cpuinfo().get("flags") or _cpuinfo().get("Features", "")).split())
    return [name for name in VECTORS if name in flags]


def _blas() -> list[str]:
    """Return the linear algebra libraries that are loaded, with the kernels that they chose for this processor."""
    loaded = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return sorted({f"{each['internal_api']} {each['version']} {each.get('architecture', '')}" for each in loaded})


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "absent"


def fingerprint(threads: int = 1, workers: int = 1, device: str = "cpu") -> dict[str, Any]:
    """Describe the machine without naming it.

    Parameters
    ----------
    threads, workers
        Of each worker, and how many.
    device
        What trains: `cpu`, or a device with the name of its model.

    Returns
    -------
    dict
        Processor, what tells its kind (`core`), vector instructions, cores, threads, workers, device, system,
        versions of Python and of libraries, and the linear algebra in use.
    """
    return {
        "processor": _processor(),
        "core": _core(),
        "vectors": _vectors(),
        "blas": _blas(),
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
