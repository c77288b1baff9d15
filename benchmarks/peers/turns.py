"""A peer's process that waits for its turns: a word on its stdin, a line of JSON with the seconds on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .environment import NotInstalledError


class Turns:
    """An adapter script under a peer's interpreter, with one thread.

    Parameters
    ----------
    python
        The interpreter.
    script
        The adapter; it answers each line with one line of JSON.
    settings
        What the adapter is told first, as JSON.

    Raises
    ------
    NotInstalledError
        Where the process ends without an answer; its last line says why.
    """

    def __init__(self, python: Path, script: Path, settings: dict[str, Any]):
        self.folder = tempfile.TemporaryDirectory(prefix="fusebench-peer-")
        self.errors = Path(self.folder.name) / "errors.txt"
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [str(python), "-P", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                cwd=self.folder.name,
                env=os.environ | threads | {"MPLBACKEND": "agg"},
            )
        self.about = self.ask(json.dumps(settings))

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line; return the answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError) as error:
            text = self.errors.read_text("utf-8", "replace")
            told = [each for each in text.splitlines() if each.strip()] or ["without a word"]
            raise NotInstalledError(f"its process ended: {told[-1].strip()}") from error

    def seconds(self, turn: str) -> float:
        """Let the peer take a turn; return the seconds that it took."""
        return self.ask(turn)["seconds"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()
