"""The house: imports go one way, packages are those on disk, and nothing of ours has a bare name."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fusebench

ROOT = Path(fusebench.__file__).parents[1]
ROOMS = ("datasets", "fusion", "benchmarks", "results", "reports")
MAY = {
    "core": {"core"},
    "datasets": {"core", "datasets"},
    "fusion": {"core", "datasets", "fusion"},
    "results": {"core", "results"},
    "benchmarks": {"core", "datasets", "fusion", "results", "benchmarks"},
    "reports": {"core", "results", "reports"},
    "door": {"core", "door", *ROOMS},
}
NOT_HERE = {
    "core": {"torch", "pandas", "sklearn", "librosa", "matplotlib"},
    "datasets": {"torch", "matplotlib"},
    "results": {"torch", "sklearn", "matplotlib", "librosa"},
    "reports": {"torch", "sklearn", "librosa"},
    "fusion": {"matplotlib", "pandas", "librosa"},
    "benchmarks": {"matplotlib", "pandas", "librosa"},
}

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="not a checkout")


def files():
    """Yield (path, dotted name as installed, is a package) of every file of code."""
    for path in sorted(ROOT.glob("fusebench/**/*.py")):
        yield path, path.relative_to(ROOT)
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path, "fusebench" / path.relative_to(ROOT)


CODE = list(files())


def room_of(dotted):
    """Return the room of a dotted name, None outside the package."""
    first, *rest = dotted.split(".")
    if first != "fusebench":
        return None
    return rest[0] if rest and rest[0] in (*ROOMS, "core") else "door"


def targets(tree, place):
    """Yield (line, dotted name) of everything that a file imports, at any depth."""
    package = list(place.with_suffix("").parts[:-1])  # of a module and of an __init__ alike
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = [*base, *(node.module.split(".") if node.module else [])]
            yield from ((node.lineno, ".".join([*stem, alias.name])) for alias in node.names)


def test_there_is_code_to_read():
    assert len(CODE) > 60
    assert {room_of(".".join(place.with_suffix("").parts)) for _, place in CODE} == set(MAY)


@pytest.mark.parametrize("room", MAY)
def test_imports_go_one_way(room):
    wrong = []
    for path, place in CODE:
        if room_of(".".join(place.with_suffix("").parts)) != room:
            continue
        for line, target in targets(ast.parse(path.read_text("utf-8")), place):
            there = room_of(target)
            if there is not None and there not in MAY[room] and target != "fusebench.__version__":
                wrong.append(f"{place}:{line} {room} imports {target}")
            if target.split(".")[0] in NOT_HERE.get(room, ()):
                wrong.append(f"{place}:{line} {room} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_inside_the_package_imports_are_relative_and_rooms_have_no_bare_name():
    wrong = [
        f"{place}:{line} imports {target}"
        for path, place in CODE
        for line, target in targets(ast.parse(path.read_text("utf-8")), place)
        if target.split(".")[0] in ROOMS
    ]
    absolute = [
        f"{place}:{node.lineno} from {node.module}"
        for path, place in CODE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "fusebench"
    ]
    assert not wrong + absolute, "\n".join(wrong + absolute)


def test_the_rule_catches_an_arrow_that_runs_the_wrong_way():
    tree = ast.parse(
        "def f():\n    from ...reports.page import write\nimport datasets.bundle\nfrom .. import card\n"
    )
    found = {t: line for line, t in targets(tree, Path("fusebench/datasets/synthetic/x.py"))}
    assert found == {"fusebench.reports.page.write": 2, "datasets.bundle": 3, "fusebench.datasets.card": 4}
    assert room_of("fusebench.reports.page.write") not in MAY["datasets"]


def test_the_packages_listed_are_those_on_disk():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    on_disk = {".".join(place.parent.parts) for path, place in CODE if path.name == "__init__.py"}
    with_code = {".".join(place.parent.parts) for _, place in CODE}
    assert set(table["packages"]) == on_disk == with_code
    assert len(table["packages"]) == len(set(table["packages"]))
    assert table["package-dir"] == {f"fusebench.{room}": room for room in ROOMS}


def test_a_bare_datasets_is_not_ours(tools, tmp_path):
    code = (
        "import importlib.util, sys, fusebench.datasets\n"
        "names = 'datasets', 'fusion', 'benchmarks', 'results', 'reports'\n"
        "found = [importlib.util.find_spec(name) for name in names]\n"
        "print([s.origin or list(s.submodule_search_locations) for s in found if s is not None])\n"
        "print('datasets' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=tools.environment(), capture_output=True, text=True
    )
    places, loaded = ended.stdout.splitlines()
    assert str(ROOT / "datasets") not in places
    assert loaded == "False"


def test_no_entry_normalises_over_the_batch():
    wrong = [
        f"{place}:{node.lineno}"
        for path, place in CODE
        if "fusion" in place.parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and "BatchNorm" in ast.unparse(node.func)
    ]
    assert not wrong, wrong


def test_no_file_is_a_drawer_for_everything():
    assert not {path.stem for path, _ in CODE} & {"utils", "helpers", "misc", "common", "util"}


def test_git_ignores_no_code():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    paths = "\n".join(str(path) for path, _ in CODE)
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    told = subprocess.run(command, input=paths, text=True, capture_output=True, cwd=ROOT)
    assert told.stdout.split() == []


def test_the_type_checker_is_shown_every_file_of_the_door():
    links = {path.name for path in (ROOT / "typings" / "fusebench").iterdir()}
    door = {path.name for path in (ROOT / "fusebench").glob("*.py")}
    assert door | {"core", *ROOMS} <= links
