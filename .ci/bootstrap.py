"""Create the virtual environment and install fusebench with its tools: `bootstrap.py VENV [pip arguments]`.

Runs under whatever Python is found, so it uses nothing newer than 3.6 and imports nothing of the project.
"""

import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def stop(sentence):
    """Say one sentence and end with exit code 2."""
    sys.stderr.write("fusebench: " + sentence + "\n")
    sys.exit(2)


def check_python():
    """Refuse a Python that cannot run the project."""
    version = sys.version_info[:2]
    here = "{}.{}".format(*version)
    if version < OLDEST:
        stop("Python {} is too old, 3.11 or newer is needed: make PYTHON=python3.11 …".format(here))
    if version > NEWEST:
        stop("torch has no wheels for Python {} yet, use 3.11 to 3.14: make PYTHON=python3.11 …".format(here))
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop("this Python has no venv module; on Debian or Ubuntu: apt install python3-venv.")


def main():
    """Create, install, and turn the usual failures into a sentence."""
    check_python()
    folder, extra = sys.argv[1], sys.argv[2:]
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = os.path.join(folder, scripts, "python")
    if not os.path.exists(python) and not os.path.exists(python + ".exe"):
        if subprocess.call([sys.executable, "-m", "venv", folder]):
            stop("the virtual environment {!r} could not be created.".format(folder))
    print("installing into {} (a few minutes the first time)".format(folder))
    sys.stdout.flush()
    constraints = os.path.join(ROOT, "constraints.txt")
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if subprocess.call(command + ["-e", ROOT + "[dev]", "-c", constraints] + extra):
        stop("pip could not install; without network, set PIP_ARGS='--no-index --find-links=FOLDER_OF_WHEELS'.")
    # librosa compiles itself at its first import; two processes that do so at once spoil its cache
    subprocess.call([python, "-P", "-c", "import librosa, librosa.core.pitch, librosa.feature"])


if __name__ == "__main__":
    main()
