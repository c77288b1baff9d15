"""`python -m fusebench` and the `fusebench` command: a user's mistake is one sentence and exit code 2."""

from __future__ import annotations

import sys

from .core.errors import FusebenchError


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
    except (FileExistsError, NotADirectoryError, PermissionError) as error:  # a place that cannot be written
        print(f"fusebench: {error.strerror}: {error.filename!r}; choose another place.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
