"""The code block of CONTRIBUTING.md is a working variant, and it costs only its own cells."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fusebench import fusion, listing

ROOT = Path(__file__).parents[1]
SUITE = """
[suite]
name = "mine"
variants = ["tier:core"]
datasets = ["synthetic_private(rows=64,test_rows=40)"]
seeds = [0]
[training]
epochs = 1
"""


def block() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return re.search(r"<!-- my_merge.*?-->\n```python\n(.*?)```", text, re.S).group(1)


def test_the_block_is_short():
    assert len(block().strip().splitlines()) <= 15


def installed_copy(site: Path) -> dict[str, str]:
    """Lay the package out as a wheel does; return the environment in which it is found before the checkout."""
    ignored = shutil.ignore_patterns("reference", "quick", "smoke", "full", "__pycache__")
    shutil.copytree(ROOT / "fusebench", site / "fusebench", ignore=ignored)
    for room in ("benchmarks", "datasets", "fusion", "reports", "results"):
        shutil.copytree(ROOT / room, site / "fusebench" / room, ignore=ignored)
    return os.environ | {"PYTHONPATH": str(site)}


def test_a_dropped_file_is_in_the_next_run_and_computes_only_its_own_cells(tmp_path):
    environment = installed_copy(tmp_path / "site")
    suite = tmp_path / "mine.toml"
    suite.write_text(SUITE)

    def fusebench(*arguments):
        command = [sys.executable, "-m", "fusebench", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    run = ("run", str(suite), "--jobs", "0", "--no-report", "--variants")
    assert "2 of 2 cells to compute" in fusebench(*run, "merge_sum,late_mean").stderr
    dropped = tmp_path / "site" / "fusebench" / "fusion" / "my_merge.py"
    dropped.write_text(block(), encoding="utf-8")
    done = fusebench(*run, "merge_sum,late_mean,my_*")
    assert done.returncode == 0, done.stderr
    assert "1 of 3 cells to compute" in done.stderr
    whole = fusebench("run", str(suite), "--dry-run")
    assert "my_merge" not in whole.stdout  # it is stored …
    assert "merge_mean" in whole.stdout
    dropped.write_text(block().replace("1 + h", "2 + h"), encoding="utf-8")
    assert "my_merge" in fusebench("run", str(suite), "--dry-run").stdout  # … and stale once it is edited


def test_the_block_keeps_the_contract_as_a_plugin(tmp_path, capsys):
    plugin = tmp_path / "my_merge.py"
    plugin.write_text(block().replace("from .registry", "from fusebench.fusion"), encoding="utf-8")
    try:
        assert listing.check("my_merge", (str(plugin),)) == 0
    finally:
        fusion.REGISTRY.forget("my_merge")
    assert "FAILED" not in capsys.readouterr().out


@pytest.mark.parametrize("mistake", ["architecture='lte'", "levle='features'"])
def test_a_typo_in_the_axes_names_the_nearest(tmp_path, mistake):
    plugin = tmp_path / "typo.py"
    text = block().replace("from .registry", "from fusebench.fusion")
    key = mistake.partition("=")[0]
    text = re.sub(r'level="features"' if key == "levle" else r'architecture="late"', mistake, text)
    plugin.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "fusebench", "list", "variants", "--plugin", str(plugin)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ("late" if key == "architecture" else "level") in done.stderr
    assert "merge_sum" in done.stdout
