"""`python -m fusebench` and the `fusebench` command: a user's mistake is one sentence and exit code 2."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .core.collecting import collect_seldom
from .core.errors import FusebenchError

NOT_WRITABLE = (errno.EEXIST, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC)


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Tell a user's mistake in one sentence and end: what every door of the package opens with."""
    try:
        yield
    except FusebenchError as error:
        print(f"fusebench: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        where = "" if error.filename is None else f": {str(error.filename)!r}"
        todo = "make room, or choose" if error.errno == errno.ENOSPC else "choose"
        print(f"fusebench: {error.strerror}{where}; {todo} another place.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    """Run the command line."""
    collect_seldom()
    from .cli import app

    with in_a_sentence():
        app(prog_name="fusebench")


if __name__ == "__main__":
    main()
