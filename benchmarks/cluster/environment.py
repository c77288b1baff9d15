"""What must be the same on every machine of a run: else one suite would hold results of two programs."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping

from ...core.errors import FusebenchError
from ...core.machine import fingerprint
from ...core.sources import source_files

ROOMS = ("core", "datasets", "fusion", "benchmarks", "results")  # what a cell passes through
SOURCE = "fusebench's source files"


def describe() -> dict[str, str]:
    """Return thing → version of what can change a result: Python, libraries, this package and its files."""
    libraries = fingerprint()["libraries"]
    return {"Python": platform.python_version(), **libraries, SOURCE: source_hash()}


def source_hash() -> str:
    """Return a hash of the package's files of code and settings that a cell passes through."""
    taken = hashlib.sha256()
    for room in ROOMS:
        for name, path in source_files(room):
            if path.suffix in (".py", ".toml"):
                taken.update(f"{name} {path.stat().st_size} ".encode() + path.read_bytes())
    return taken.hexdigest()[:12]


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return (thing, value here, value there) of everything that differs."""
    names = dict.fromkeys([*here, *there])
    found = [(name, here.get(name, "absent"), there.get(name, "absent")) for name in names]
    return [each for each in found if each[1] != each[2]]


def refusal(node: str, found: list[tuple[str, str, str]]) -> FusebenchError:
    """Return the error for a node that differs.

    Parameters
    ----------
    node
        Its address.
    found
        What `differences` returned; at least one.
    """
    told = ", ".join(f"{name} is {there} there and {here} here" for name, here, there in found)
    return FusebenchError(
        f"Node {node} differs from this machine: {told}; install the same on both or take the node out of the "
        "cluster (`ray stop` on it), then run again."
    )
