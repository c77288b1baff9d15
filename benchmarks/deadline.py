"""`--until`: a time of day before which a run must have ended what it starts.

The time is turned into seconds from now once, and these are counted by the monotonic clock: whoever sets the
machine's clock meanwhile changes nothing.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import FusebenchError

if TYPE_CHECKING:
    from .options import Options


@dataclass(frozen=True)
class Deadline:
    """When a run is to be at rest.

    Parameters
    ----------
    end
        The moment, as `clock` counts, in seconds.
    words
        As the user wrote it.
    clock
        Seconds that no one sets.
    """

    end: float
    words: str = ""
    clock: Callable[[], float] = time.monotonic

    @property
    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self.end - self.clock()

    def fits(self, seconds: float) -> bool:
        """Return whether what takes so many seconds from now ends in time."""
        return seconds <= self.left


def left_words(cells: int, words: str | None) -> str:
    """Say how many cells were not started for want of time."""
    which = "1 cell is" if cells == 1 else f"{cells} cells are"
    return f"{which} left, which could not have ended before {words}."


def again(suite: object, options: Options, data: object = None) -> str:
    """Return the words that go on with a run from here, as they are typed behind the program's name.

    Parameters
    ----------
    suite, options, data
        What the run was asked for; `data` counts where it is the path of a card.
    """
    chosen = {
        "--variants": options.variants,
        "--datasets": options.datasets,
        "--seeds": tuple(map(str, options.seeds)),
        "--plugin": options.plugins,
        "--out": () if options.out == Path(".") else (str(options.out),),
        "--jobs": () if options.jobs is None else (str(options.jobs),),
        "--retry": (options.retry,) if options.retry else (),
        "--device": () if options.device == "cpu" else (options.device,),
        "--shard": () if options.shard == (1, 1) else ("{}/{}".format(*options.shard),),
        "--cluster": (options.cluster,) if options.cluster else (),
        "--gpu-share": () if options.gpu_share == 1.0 else (f"{options.gpu_share:g}",),
        "--data": (str(data),) if isinstance(data, str | Path) else (),
    }
    words = ["run", str(suite)]
    for flag, values in chosen.items():
        words += [word for value in values for word in (flag, value)]
    return " ".join(map(shlex.quote, words))


def until(text: str, now: datetime | None = None, clock: Callable[[], float] = time.monotonic) -> Deadline:
    """Return the deadline that a user's text means.

    Parameters
    ----------
    text
        A time of day (`07:00`: the next one, today or tomorrow), or an ISO date with time (`2026-03-01T07:00`).
    now
        The present; the machine's clock where None. Local where it has no zone.
    clock
        What seconds are counted by afterwards.

    Raises
    ------
    FusebenchError
        Where the text is neither, or its moment has passed.
    """
    present = (datetime.now() if now is None else now).astimezone()
    moment = parse(text, present)
    seconds = moment.timestamp() - present.timestamp()
    if seconds <= 0:
        raise FusebenchError(
            f"--until {text!r} has passed: it is {present:%Y-%m-%d %H:%M} here; give a later moment, or the time "
            "of day alone for the next one."
        )
    return Deadline(clock() + seconds, text, clock)


def parse(text: str, now: datetime) -> datetime:
    """Return the moment that a text means, local time where it names no zone.

    Raises
    ------
    FusebenchError
        Where it is no time of day and no ISO date with time.
    """
    # the clock on the wall: the zone's offset may differ by then, and is looked up for that day
    wall = now.astimezone().replace(tzinfo=None)
    for form in ("%H:%M", "%H:%M:%S"):
        try:
            day = datetime.strptime(text.strip(), form)
        except ValueError:
            continue
        moment = datetime.combine(wall.date(), day.time())
        return (moment if moment > wall else moment + timedelta(days=1)).astimezone()
    try:
        if "T" not in text.upper() and " " not in text.strip():
            raise ValueError("a date alone names no moment")
        return datetime.fromisoformat(text.strip()).astimezone()
    except ValueError:
        raise FusebenchError(
            f"--until {text!r} is neither a time of day such as 07:00 nor a date with time such as "
            "2026-03-01T07:00."
        ) from None
