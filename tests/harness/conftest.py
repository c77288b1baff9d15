"""What the tests of the harness share: small suites, a plugin of stubs, the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fusebench import datasets, fusion
from fusebench.__main__ import main
from fusebench.benchmarks import timing
from fusebench.core.registry import plugin_module_name
from fusebench.results.store import Store

STUBS = Path(__file__).with_name("stubs.py")
PLAIN = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "FUSEBENCH_DATA", "FUSEBENCH_CACHE"}


@pytest.fixture(scope="session")
def stubs():
    """The plugin file; forgotten at the end, so that other tests see the package's own entries alone."""
    fusion.load_all()
    datasets.load_all()
    fusion.load_plugins((str(STUBS),))
    yield STUBS
    for name in ("stub", "pair_only", "needs_failing"):
        fusion.REGISTRY.forget(name)
    datasets.REGISTRY.forget("tiny")
    sys.modules.pop(plugin_module_name(STUBS), None)


@pytest.fixture(autouse=True, scope="module")
def _no_wait_for_a_load():
    """Half a second a timing in which other processes are watched: tests of loads set what they need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "LONG_ENOUGH", 0.0)
        yield


def write_suite(folder, variants=("stub",), datasets=("tiny",), seeds=(0,), name="s", more="", **training):
    """Write a suite of two epochs; return its path."""
    lines = [
        "[suite]",
        f"name = {json.dumps(name)}",
        f"variants = {json.dumps(list(variants))}",
        f"datasets = {json.dumps(list(datasets))}",
        f"seeds = {json.dumps(list(seeds))}",
        "[training]",
        *(f"{key} = {json.dumps(value)}" for key, value in ({"epochs": 2} | training).items()),
        more,
    ]
    path = Path(folder) / f"{name}.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def suite(tmp_path):
    """Write a suite TOML into the test's folder."""
    return lambda *args, **kwargs: write_suite(tmp_path, *args, **kwargs)


def environment(**changes):
    """Return an environment without settings of the machine's owner; None takes a variable away."""
    held = {key: value for key, value in os.environ.items() if key not in PLAIN}
    merged = held | {"PYTHONSAFEPATH": "1", "MPLBACKEND": "agg"} | changes
    return {key: str(value) for key, value in merged.items() if value is not None}


class CommandLine:
    """Runs `fusebench …` from a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def command(self, *args):
        return [sys.executable, "-P", "-m", "fusebench", *map(str, args)]

    def __call__(self, *args, env=None, timeout=300):
        return subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=environment(**(env or {})),
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
        )

    def start(self, *args, env=None, **streams):
        """Start it in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            self.command(*args), cwd=self.folder, env=environment(**(env or {})), start_new_session=True,
            preexec_fn=None if sys.platform == "win32" else hear_signals, **streams,
        )  # fmt: skip


def hear_signals():
    """Hear what a terminal sends: where the tests run in a shell's background, interrupts may be ignored."""
    for name in ("SIGINT", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


@pytest.fixture
def cli(tmp_path):
    """The command line, run from the test's folder."""
    return CommandLine(tmp_path)


@pytest.fixture
def door(monkeypatch, capsys, tmp_path):
    """Call the command line in this process; return exit code, output and errors."""

    def call(*args):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["fusebench", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return call


class Stored:
    """Looks at the results folder of suite `s` as files."""

    def __init__(self, folder, name="s"):
        self.root = Path(folder) / "results" / name
        self.store = Store(self.root)

    @property
    def records(self):
        return {(r.variant, r.dataset, r.seed): r for r in self.store.records()}

    @property
    def files(self):
        return sorted(self.root.glob("cells/*/*.json"))

    def status(self, variant, dataset="tiny", seed=0):
        return self.records[variant, dataset, seed].status

    def bytes(self):
        """Name → (contents, modification time) of every record."""
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.files}

    def trained(self):
        """How many cells all runs so far have computed, by run.log."""
        log = self.root / "run.log"
        lines = log.read_text("utf-8").splitlines() if log.is_file() else []
        return sum(line.split()[1:2] == ["cell"] for line in lines)


@pytest.fixture
def stored(tmp_path):
    """The results folder of suite `s`."""
    return Stored(tmp_path)


def wait_until(true, seconds=180.0):
    """Wait for a condition; fail loudly where it never comes."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def family(pid):
    """Return all processes below one."""
    return psutil.Process(pid).children(recursive=True)


def gone(processes, seconds=30.0):
    """Return whether processes end by themselves in time."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not alive


@pytest.fixture(scope="session")
def tools():
    """Functions that tests call, in a namespace: pytest's import mode has no module to import them from."""

    class Tools:
        write_suite = staticmethod(write_suite)
        environment = staticmethod(environment)
        hear_signals = staticmethod(hear_signals)
        wait_until = staticmethod(wait_until)
        family = staticmethod(family)
        gone = staticmethod(gone)
        interrupt = staticmethod(lambda process: os.killpg(process.pid, signal.SIGINT))
        Stored = Stored
        CommandLine = CommandLine

    return Tools
