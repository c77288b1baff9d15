"""The source hash: what changes it, what does not, and the same value on every Python."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fusebench
from fusebench.core.fingerprint import closure, forget_sources, source_hash

MAIN = '''
"""A module."""

from __future__ import annotations

import math

import golden.far.away
from . import tools
from .base import Base as Parent
from .base import register, traced
from .tools import SCALE as S
from .tools import helper

LIMIT: int = 3


def neighbour(x):
    return x + 1


@register("entry", tier="core")
class Entry(Parent):
    """head(Σ h): a docstring."""

    size: int = 4

    @traced
    def fuse(self, h: list[float], factor=LIMIT) -> float:
        """Return a number."""
        # a comment
        total: float = helper(h) * S + tools.offset(h) + golden.far.away.distance()
        note = f"{total!r:>{self.size}} of {', '.join(['a', 'b'])}"
        return total if note else later(total) + (lambda x=neighbour: x)(factor)

    def shadowed(self, unused):
        unused_too = [unused for unused in (1, 2)]
        return unused_too, unused


def later(x):
    from .late import LIMIT, correction as corrected

    return corrected(x) + math.pi + LIMIT


def unused():
    return 0


def unused_too():
    return 0
'''
FILES = {
    "__init__.py": "from .tools import helper\n",
    "main.py": MAIN,
    "base.py": """
def register(id, tier):
    return lambda definition: definition


def traced(function):
    return function


class Base:
    def start(self):
        return BEGIN


BEGIN = 0
END = 1
""",
    "tools.py": """
SCALE = 2.0
try:
    import json
except ImportError:
    OTHER = 1


def helper(h):
    return inner(h) + 1


def inner(h):
    return len(h)


def offset(h):
    return 5


def lonely():
    return 6
""",
    "late.py": "LIMIT = 7\n\n\ndef correction(x):\n    return x - 1\n",
    "far/__init__.py": "",
    "far/away.py": "def distance():\n    return 12\n",
}
GOLDEN = "e2c9b0910b0b5e5f6f65adc3b21e85b902374eda4800d8ed5edaea0ea9cb06bc"


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """A function that writes the package, with replacements (file, old, new), and returns its `main`."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget():
        for name in [n for n in sys.modules if n == "golden" or n.startswith("golden.")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        forget_sources()

    def write(*replacements):
        texts = dict(FILES)
        for file, old, new in replacements:
            assert texts[file].count(old) == 1, (file, old)
            texts[file] = texts[file].replace(old, new)
        for file, text in texts.items():
            path = tmp_path / "golden" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        forget()
        return importlib.import_module("golden.main")

    yield write
    forget()


def covered(definition):
    return {f"{module.removeprefix('golden.')}.{name}" for module, name, _ in closure(definition)}


def test_all_that_is_named_is_covered_and_nothing_else(golden):
    assert covered(golden().Entry) == {
        "main.Entry",
        "main.LIMIT",
        "main.later",
        "main.neighbour",
        "base.Base",
        "base.BEGIN",
        "base.traced",
        "tools.SCALE",
        "tools.helper",
        "tools.inner",
        "tools.offset",
        "late.LIMIT",
        "late.correction",
        "far.away.distance",
    }


def test_golden_value(golden):
    assert source_hash(golden().Entry) == GOLDEN


def pythons():
    beside = Path(sys.base_prefix).parent
    for version in ("3.11", "3.12", "3.13"):
        found = [*beside.glob(f"*{version}*/bin/python{version}"), shutil.which(f"python{version}")]
        yield pytest.param([str(path) for path in found if path], id=version)


@pytest.mark.parametrize("found", list(pythons()))
def test_golden_value_on_another_python(golden, found, tmp_path):
    golden()
    script = (
        f"import sys; sys.dont_write_bytecode = True; sys.path[:0] = [{str(tmp_path)!r}]\n"
        f"sys.path.append({str(Path(fusebench.__file__).parents[1])!r})\n"
        "from fusebench.core.fingerprint import source_hash\n"
        "from golden.main import Entry\n"
        "print(source_hash(Entry))"
    )
    for python in found:  # a version manager's stand-in may answer that it is not installed
        if subprocess.run([python, "-c", "pass"], capture_output=True).returncode == 0:
            done = subprocess.run([python, "-c", script], capture_output=True, text=True)
            assert done.stdout.strip() == GOLDEN, done.stderr
            return
    pytest.skip("this Python is not installed")


SAME = {
    "comment": ("main.py", "# a comment", "# another comment, about `later`"),
    "docstring of a class": ("main.py", "head(Σ h): a docstring.", "head(Σ h)."),
    "docstring of a function": (
        "main.py",
        '"""Return a number."""',
        '"""Return x.\n\n        More.\n        """',
    ),
    "docstring left out": ("main.py", '        """Return a number."""\n', ""),
    "docstring of the module": ("main.py", '"""A module."""', ""),
    "annotation of an argument": ("main.py", "h: list[float]", "h"),
    "annotation of the result": ("main.py", "-> float", "-> int | None"),
    "annotation of a variable": ("main.py", "total: float =", "total ="),
    "annotation of a constant": ("main.py", "LIMIT: int =", "LIMIT ="),
    "registering decorator": ("main.py", '@register("entry", tier="core")', '@register("renamed", tier="full")'),
    "new neighbour": ("main.py", "def unused():", "def new():\n    return 1\n\n\ndef unused():"),
    "changed neighbour": ("main.py", "def unused():\n    return 0", "def unused():\n    return 1"),
    "name of a comprehension": ("main.py", "def unused_too():\n    return 0", "def unused_too():\n    return 1"),
    "constant that is not named": ("base.py", "END = 1", "END = 2"),
    "function beside a helper": ("tools.py", "return 6", "return 7"),
    "quotes and spaces": ("main.py", "', '.join(['a', 'b'])", "', '.join( ( [ 'a', 'b' ] ) )"),
    "quotes of a string": ("main.py", 'tier="core"', "tier='core'"),
    "order of functions": (
        "tools.py",
        "def inner(h):\n    return len(h)\n\n\ndef offset(h):\n    return 5",
        "def offset(h):\n    return 5\n\n\ndef inner(h):\n    return len(h)",
    ),
    "package file": ("__init__.py", "from .tools import helper", "from .tools import helper, offset"),
}
OTHER = {
    "constant in a helper": ("tools.py", "return inner(h) + 1", "return inner(h) + 2"),
    "helper of a helper": ("tools.py", "return len(h)", "return len(h) + 0"),
    "constant of another module": ("tools.py", "SCALE = 2.0", "SCALE = 2.5"),
    "constant of its own module": ("main.py", "LIMIT: int = 3", "LIMIT: int = 4"),
    "module attribute": ("tools.py", "return 5", "return 6"),
    "submodule attribute": ("far/away.py", "return 12", "return 13"),
    "default": ("main.py", "factor=LIMIT", "factor=3"),
    "default of a lambda": (
        "main.py",
        "def neighbour(x):\n    return x + 1",
        "def neighbour(x):\n    return x + 2",
    ),
    "method of a base class": ("base.py", "return BEGIN", "return BEGIN + 0"),
    "constant of a base class": ("base.py", "BEGIN = 0", "BEGIN = 1"),
    "decorator other than register": ("base.py", "    return function", "    return staticmethod(function)"),
    "decorator taken away": ("main.py", "    @traced\n", ""),
    "field of a class": ("main.py", "size: int = 4", "size: int = 5"),
    "import inside a function": ("late.py", "return x - 1", "return x - 2"),
    "constant imported inside a function": ("late.py", "LIMIT = 7", "LIMIT = 8"),
    "text of an f-string": ("main.py", "} of {", "} in {"),
    "format of an f-string": ("main.py", "!r:>", "!s:>"),
    "statement": ("main.py", "return unused_too, unused", "return unused, unused_too"),
    "name under which it is imported": (
        "main.py",
        "correction as corrected",
        "correction as corrected, LIMIT as L",
    ),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_changes_nothing(golden, change):
    before = source_hash(golden().Entry)
    assert source_hash(golden(change).Entry) == before


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_changes_the_hash(golden, change):
    before = source_hash(golden().Entry)
    assert source_hash(golden(change).Entry) != before


def test_only_the_users_of_a_helper_change(golden):
    main = golden()
    before = source_hash(main.Entry), source_hash(main.neighbour)
    main = golden(("tools.py", "return len(h)", "return 1"))
    assert source_hash(main.Entry) != before[0]
    assert source_hash(main.neighbour) == before[1]


def test_a_local_name_is_not_a_neighbour(golden):
    assert not {"main.unused", "main.unused_too"} & covered(golden().Entry)
    main = golden(("main.py", "return unused_too, unused", "return unused_too, later"))
    assert "main.later" in covered(main.Entry)


def test_a_nested_scope_hides_its_own_names_only(golden):
    body = "    def within():\n        helper = 1\n        return helper\n\n    return within() + helper([])"
    main = golden(("main.py", "def unused():\n    return 0", f"def unused():\n{body}"))
    assert "tools.helper" in covered(main.unused)


def test_a_module_passed_on_counts_whole(golden):
    main = golden(("main.py", "def unused():\n    return 0", "def unused():\n    return vars(tools)"))
    assert {"tools.lonely", "tools.SCALE", "tools.inner"} <= covered(main.unused)


def test_names_that_a_package_hands_on_are_followed(golden):
    new = "def unused():\n    import golden\n\n    return golden.helper([])"
    assert "tools.inner" in covered(golden(("main.py", "def unused():\n    return 0", new)).unused)


def test_modules_that_import_each_other_end(golden):
    there = ("base.py", "END = 1", "if BEGIN:\n    from .main import nowhere")
    back = ("main.py", "def unused():\n    return 0", "if not LIMIT:\n    from .base import nowhere")
    named = ("main.py", "def unused_too():\n    return 0", "def unused_too():\n    return nowhere")
    assert covered(golden(there, back, named).unused_too) == {"main.unused_too"}


def test_a_definition_of_another_package_covers_what_it_names_of_this_one(tmp_path, monkeypatch):
    imports = "import json\nfrom fusebench.core.names import spell\n"
    (tmp_path / "elsewhere.py").write_text(f"{imports}\n\ndef outside(h):\n    return spell(json.loads(h))\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {(module, name) for module, name, _ in closure(importlib.import_module("elsewhere").outside)}
    sys.modules.pop("elsewhere")
    assert {("elsewhere", "outside"), ("fusebench.core.names", "spell")} <= found
    assert not [module for module, _ in found if module.startswith("json")]


def test_several_definitions_in_any_order(golden):
    main = golden()
    assert source_hash(main.Entry, main.unused) == source_hash(main.unused, main.Entry, main.Entry)
    assert source_hash(main.Entry, main.unused) != source_hash(main.Entry)
