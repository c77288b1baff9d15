"""What a user may ask of a run, and how a run ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from ..core.errors import FusebenchError
from ..datasets import DataSet
from ..results.record import BAD
from ..results.store import Store
from .deadline import Deadline

# called with the folder and a note such as "seed 0 of 3" when the first of several seeds is complete; what it
# starts goes on beside the run, and is waited for before anything is timed
OnSeed = Callable[[Store, str], Popen[bytes]]


@dataclass(frozen=True)
class Options:
    """What a user may ask of a run; see `fusebench run --help`.

    Beyond that: `own` are the user's data sets, of which the first stands in for the suite's and the others are
    computed beside it; `probes` are variants whose interaction is measured when they are timed; `expected` holds
    measured seconds of training by (variant, data set), in place of a rough count; `cluster` is the address of a
    Ray cluster whose nodes train, `gpu_share` the part of a card that one job takes there; `until` is when it is
    to be at rest: no cell is started that cannot end by then.
    """

    variants: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    jobs: int | None = None
    device: str = "cpu"
    retry: str | None = None
    shard: tuple[int, int] = (1, 1)
    plugins: tuple[str, ...] = ()
    out: Path = Path(".")
    own: tuple[DataSet, ...] = ()
    cluster: str | None = None
    gpu_share: float = 1.0
    probes: tuple[str, ...] = ()
    expected: Mapping[tuple[str, str], float] = field(default_factory=dict)
    until: Deadline | None = None
    dry_run: bool = False
    quiet: bool = False


@dataclass
class Summary:
    """How a run ended.

    Parameters
    ----------
    store
        The folder.
    complete
        False where the user stopped it.
    trained
        Cells computed by this run, by status.
    counts
        The folder's status after it, as `status` tells.
    lines
        What to print at the end.
    trouble
        What failed or could not be had, a line a cause.
    drawn
        False where tables and figures were asked for and could not be drawn.
    met
        Variants that had no record in the folder before this run, where others had: new entries.
    left
        Cells that were not started, since they could not have ended before `Options.until`.
    """

    store: Store
    complete: bool = True
    trained: Counter[str] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    drawn: bool = True
    met: tuple[str, ...] = ()
    left: int = 0

    @property
    def exit_code(self) -> int:
        """0 all well, 1 some failed (or their report), 130 interrupted."""
        if not self.complete:
            return 130
        return int(not self.drawn or any(self.counts.get(status) for status in BAD))


def shard_of(text: str) -> tuple[int, int]:
    """Parse `I/N`.

    Raises
    ------
    FusebenchError
        Where it is not two whole numbers with 1 ≤ I ≤ N.
    """
    part, slash, parts = text.partition("/")
    if not slash or not part.isdigit() or not parts.isdigit() or not 1 <= int(part) <= int(parts):
        raise FusebenchError(f"--shard {text!r} is not I/N with 1 ≤ I ≤ N, such as 1/4.")
    return int(part), int(parts)
