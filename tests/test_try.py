"""`fusebench try`: a formula is looked at before anything is trained, and becomes a plugin under the contract."""

import re

import pytest

from fusebench.core.errors import FusebenchError
from fusebench.fusion import REGISTRY
from fusebench.fusion.checks import CHECKS, run_check
from fusebench.trying import attempt, checked, plugin

FORMULA = "h.prod(0) / (1 + h.sum(0).abs())"


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("h.sum(0) +", "no Python expression"),
        ("x.sum(0)", "uses 'x', and it may use h, torch"),
        ("torch.ones(5, 2)", "does not use h"),
        ("h.sum(1)", r"gives \(3, 8\) for 5 rows"),
        ("h.sum(0).nope()", "fails on h"),
        ("h.sum(0).log()", "NaN or infinity"),
        ("h.sum(0) - h.sum(0).mean(0)", "mixes rows"),
        ("[h, h]", "gives list for 5 rows"),
        ("import os", "no Python expression"),
    ],
)
def test_a_formula_that_cannot_work_is_refused_before_anything_is_trained(formula, words):
    with pytest.raises(FusebenchError, match=words):
        checked(formula)


@pytest.mark.parametrize(
    "formula",
    [
        FORMULA,
        "F.relu(h).mean(0)",
        "sum(h) / len(h)",
        "torch.cat([a * b for a in h for b in h], -1)",
        "h.sum(0) * math.sqrt(2)",
    ],
)
def test_a_formula_in_pythons_own_spelling(formula):
    assert eval(f"1 if True else ({checked(formula)})") == 1
    assert checked(checked(formula)) == checked(formula)


def test_the_file_to_keep_is_short_and_keeps_the_contract(tmp_path):
    text = plugin(checked(FORMULA), "kept_formula")
    assert len(text.splitlines()) <= 12
    file = tmp_path / "kept_formula.py"
    file.write_text(text, encoding="utf-8")
    REGISTRY.load_file(file)
    try:
        problems = {title: run_check(title, "kept_formula") for title in CHECKS if title != "learns_an_easy_set"}
    finally:
        REGISTRY.forget("kept_formula")
    assert not any(problems.values()), problems


def test_a_name_that_is_none_is_refused(tmp_path):
    with pytest.raises(FusebenchError, match="is no name for a variant"):
        attempt(FORMULA, "my formula", tmp_path, 0, True)


@pytest.mark.nightly
def test_the_row_of_a_formula_stands_beside_sum_product_concat_and_the_ceiling(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    try:
        lines, code = attempt(FORMULA, "my_formula", tmp_path, 2, True)
    finally:
        REGISTRY.forget("my_formula")
    assert code == 0
    assert lines[0].split() == ["synthetic_mixed", "synthetic_synergy"]
    rows = {line.split()[0]: line for line in lines[1:6]}
    assert list(rows) == ["my_formula", "merge_sum", "merge_product", "concat_features", "exact"]
    assert all(re.search(r"0\.\d{3} ± 0\.\d{3} +\d\.\d{3} ± 0\.\d{3}", line) for line in list(rows.values())[:4])
    assert re.search(r"0\.8\d\d +(0\.999|1\.000)", rows["exact"])
    assert f"return {FORMULA}" in lines[-1]
