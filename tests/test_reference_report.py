"""The committed report is what the committed records give: to the byte under constraints.txt, else to 1e-9."""

import re
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusebench.reports.build import build

ROOT = Path(__file__).parents[1]
PLACES = {"tables": "results/reference/quick/tables", "figures": "reports/reference/quick/figures"}
DRAWING = (
    "numpy", "pandas", "scipy", "matplotlib", "seaborn", "contourpy", "fonttools", "kiwisolver", "pillow",
    "Jinja2", "MarkupSafe",
)  # fmt: skip
TOLERANCE = 1e-9


def pinned(text):
    """Return name → version of a constraints file."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))


def other_versions(constraints, installed=metadata.version):
    """Return the drawing libraries whose installed version is not the pinned one."""
    return [name for name in DRAWING if constraints.get(name) != installed(name)]


def unequal(left, right):
    """Return the columns in which two frames differ by more than the tolerance, or what else sets them apart."""
    if list(left.columns) != list(right.columns):
        return ["columns"]
    if len(left) != len(right):
        return ["rows"]
    return [column for column in left if not _equal(left[column], right[column])]


def _equal(left, right):
    if all(pd.api.types.is_numeric_dtype(each) for each in (left, right)):
        return np.allclose(left.astype(float), right.astype(float), rtol=TOLERANCE, atol=0, equal_nan=True)
    return left.fillna("").astype(str).tolist() == right.fillna("").astype(str).tolist()


def held(folder, *suffixes):
    """Return relative path → file of everything below a folder with one of the suffixes."""
    return {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.suffix in suffixes}


VERSIONS = other_versions(pinned((ROOT / "constraints.txt").read_text("utf-8")))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report built afresh from the committed records."""
    out = tmp_path_factory.mktemp("out")
    build(ROOT / "results" / "reference" / "quick", out)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_the_same_tables_and_figures_are_there(made, place):
    suffixes = (".csv", ".md", ".tex", ".svg", ".png")
    assert held(made / PLACES[place], *suffixes).keys() == held(ROOT / PLACES[place], *suffixes).keys()


@pytest.mark.slow
@pytest.mark.skipif(bool(VERSIONS), reason=f"other versions than constraints.txt: {', '.join(VERSIONS)}")
@pytest.mark.parametrize("place", PLACES)
def test_they_are_the_same_to_the_byte(made, place):
    fresh = held(made / PLACES[place], ".csv", ".md", ".tex", ".svg")
    committed = held(ROOT / PLACES[place], ".csv", ".md", ".tex", ".svg")
    assert [n for n in committed if n in fresh and fresh[n].read_bytes() != committed[n].read_bytes()] == []


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_their_numbers_are_the_same(made, place):
    fresh, committed = (held(base / PLACES[place], ".csv") for base in (made, ROOT))
    differ = {n: unequal(pd.read_csv(fresh[n]), pd.read_csv(committed[n])) for n in committed if n in fresh}
    assert {name: columns for name, columns in differ.items() if columns} == {}


# ---- the comparison itself, by hand


@pytest.mark.parametrize(
    ("left", "right", "columns"),
    [
        ({"a": [1.0, None]}, {"a": [1.0, None]}, []),
        ({"a": [1.0]}, {"a": [1 + 5e-10]}, []),
        ({"a": [1.0]}, {"a": [1 + 5e-9]}, ["a"]),
        ({"a": [1e-6]}, {"a": [2e-6]}, ["a"]),  # relative, not absolute
        ({"a": [1.0]}, {"a": [None]}, ["a"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a"]),
        ({"a": ["x", None]}, {"a": ["x", None]}, []),
        ({"a": ["x"], "b": [1]}, {"a": ["y"], "b": [1]}, ["a"]),
        ({"a": [1]}, {"a": ["1x"]}, ["a"]),
        ({"a": [1]}, {"a": [1, 1]}, ["rows"]),
        ({"a": [1]}, {"b": [1]}, ["columns"]),
    ],
)
def test_frames_are_compared_to_a_billionth(left, right, columns):
    assert unequal(pd.DataFrame(left), pd.DataFrame(right)) == columns


def test_versions_are_compared_with_the_constraints():
    text = "# a comment\nnumpy==2.4.6\npandas==3.1.1\npandas-stubs==3.1.0.261029\n"
    constraints = pinned(text)
    assert constraints == {"numpy": "2.4.6", "pandas": "3.1.1", "pandas-stubs": "3.1.0.261029"}
    full = dict.fromkeys(DRAWING, "1") | constraints
    assert other_versions(full, lambda name: full[name]) == []
    assert other_versions(full, lambda name: "3.0" if name == "pandas" else full[name]) == ["pandas"]
    assert set(DRAWING) <= pinned((ROOT / "constraints.txt").read_text("utf-8")).keys()
