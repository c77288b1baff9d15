"""`python -m fusebench` and the `fusebench` command: a user's mistake is one sentence and exit code 2."""

from __future__ import annotations

import errno
import sys

from .core.errors import FusebenchError

NOT_WRITABLE = (errno.EEXIST, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC)


def main() -> None:
    """Run the command line."""
    from .cli import app

    try:
        app(prog_name="fusebench")
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


if __name__ == "__main__":
    main()
