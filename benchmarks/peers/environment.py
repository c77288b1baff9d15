"""An environment for a package whose requirements exclude ours: made once, in the cache folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from ...core.files import write_json
from ...datasets.cache import cache_folder

MINUTES = 15  # in which a package index has to have answered


class NotInstalledError(Exception):
    """A peer that cannot be had here; the message says why, in a few words."""


def environment(name: str, package: str, requirements: tuple[str, ...] = ()) -> tuple[Path, dict[str, str]]:
    """Return the interpreter of a peer's environment, made where there is none, and versions of what is in it.

    Parameters
    ----------
    name
        Of the peer, and of the folder below `FUSEBENCH_CACHE/peers`.
    package
        What pip installs last, without asking what it requires.
    requirements
        What it requires, as far as it goes together with the torch that is installed here: both sides compute with
        the same one.

    Raises
    ------
    NotInstalledError
        Where pip cannot install it: no network, no such version for this Python.
    """
    folder = cache_folder() / "peers" / name
    wanted = [*requirements, f"torch=={_public(metadata.version('torch'))}", package]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    told = folder / "installed.json"
    if not told.is_file() or json.loads(told.read_bytes())["wanted"] != wanted:
        _make(folder, python, wanted)
        write_json(told, {"wanted": wanted, "versions": _versions(python)}, indent=1)
    return python, json.loads(told.read_bytes())["versions"]


def _public(version: str) -> str:
    """Return a version without the name of its build: `2.9.0` for `2.9.0+cpu`, which an index may not have."""
    return version.partition("+")[0]


def _make(folder: Path, python: Path, wanted: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _call([sys.executable, "-m", "venv", str(folder)])
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _call([*install, *wanted[:-1]])
        _call([*install, "--no-deps", wanted[-1]])
    except NotInstalledError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _call(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 * MINUTES)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"{type(error).__name__} while it was installed") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstalledError((lines or done.stderr.splitlines() or ["pip gave no reason"])[-1].strip())
    return done.stdout


def _versions(python: Path) -> dict[str, str]:
    listed = json.loads(_call([str(python), "-m", "pip", "list", "--format", "json"]))
    return {each["name"]: each["version"] for each in listed}
