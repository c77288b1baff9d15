"""Files that are either wholly there or not there: written beside their place, then moved into it."""

from __future__ import annotations

import json
import math
import os
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from .errors import FusebenchError

TEMPORARY = ".tmp-"


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file, flush it to disk, then move it to `path`.

    A reader sees the old file or the new one, never a part; a crash leaves at most an orphan whose
    name starts with `.tmp-`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=path.suffix, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp makes it private; results are for sharing
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write text atomically as UTF-8 with `\\n` line ends; half a surrogate pair as an escape, as JSON has it."""
    write_atomic(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Write strict JSON atomically: keys sorted, NaN and infinity as null."""
    write_text(path, dumps(value, indent) + "\n")


def dumps(value: Any, indent: int | None = None) -> str:
    """Return strict JSON with sorted keys; NaN and infinity become null."""
    return json.dumps(_strict(value), sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent)


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """Return the values of a TOML file; `what` (`"Suite"`) says in errors what the file was to be.

    Raises
    ------
    FusebenchError
        For a file that is not there, or not TOML in UTF-8.
    """
    text = str(path)
    if not Path(path).is_file():
        raise FusebenchError(f"{what} {text!r} is not a file.")
    try:
        return tomllib.loads(Path(path).read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FusebenchError(f"{what} {text!r} is not valid TOML: {error}.") from error


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):  # numpy scalar
        return _strict(value.item())
    return value
