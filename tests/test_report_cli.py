"""What a user types to read a run: compare, methods, a paper, figures in a style; none imports torch."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusebench.benchmarks.suite import Question
from fusebench.cli import app
from fusebench.core.errors import FusebenchError
from fusebench.reports.matched import QUESTIONS

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted = STORED["store_run"], STORED["planted"]
NAMES = ["concat_features", "merge_sum", "late_mean", "unimodal(modality=image)"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    store_run(folder / "results" / "quick", planted(NAMES, ["rosmap", "mfeat", "synthetic_synergy"]))
    return folder


def said(*words, code=0):
    """Return what a command prints on stdout."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def test_compare_says_it_in_words_and_in_json(base):
    text = said("compare", "concat_features", "late_mean", "--out", base)
    assert "concat_features" in text
    assert "synthetic_synergy" in text
    found = json.loads(said("compare", "concat_features", "late_mean", "--out", base, "--json"))
    assert found["left"] == "concat_features"
    assert found["right"] == "late_mean"


def test_compare_suggests_the_nearest_name(base):
    with pytest.raises(FusebenchError, match="did you mean 'merge_sum'"):
        said("compare", "concat_features", "merge_smu", "--out", base)


def test_methods_prints_the_paragraph_and_writes_it_with_its_references(base):
    text = said("methods", "--out", base)
    folder = base / "reports" / "quick" / "paper"
    assert {path.name for path in folder.iterdir()} >= {"methods.md", "methods.tex", "references.bib"}
    assert str(folder / "references.bib") in text
    assert "AdamW" in text


def test_a_paper_is_written_where_one_is_asked_for(base, tmp_path):
    asked = tmp_path / "paper.toml"
    asked.write_text('[paper]\ndatasets = ["rosmap"]\n[[entry]]\nname = "merge_sum"\ndisplay = "Ours"\n')
    text = said("report", "quick", "--out", base, "--paper", asked)
    folder = base / "reports" / "quick" / "paper"
    assert str(folder / "numbers.tex") in text
    assert "Ours" in (folder / "accuracy.tex").read_text("utf-8")
    asked.write_text("[papr]\n")
    with pytest.raises(FusebenchError, match="did you mean 'paper'"):
        said("report", "quick", "--out", base, "--paper", asked)


def test_one_figure_in_a_style_and_a_width(base, tmp_path):
    chosen = tmp_path / "figures.toml"
    chosen.write_text('style = "slides"\n[[figure]]\nname = "status"\nfile = "what_ran"\n')
    folder = base / "reports" / "quick" / "figures"
    text = said("figures", "quick", "--config", chosen, "--out", base)
    assert [Path(line).name for line in text.split()] == ["what_ran.csv", "what_ran.png", "what_ran.svg"]
    slides = (folder / "what_ran.png").read_bytes()
    said("figures", "quick", "what_ran", "--config", chosen, "--style", "paper", "--out", base)
    assert (folder / "what_ran.png").read_bytes() != slides
    with pytest.raises(FusebenchError, match="did you mean 'slides'"):
        said("figures", "quick", "--style", "slide", "--out", base)


def test_reading_imports_neither_torch_nor_variants(base):
    code = (
        "import sys; from fusebench.cli import app\n"
        "for line in ('methods', 'compare concat_features late_mean', 'figures quick status', 'report quick'):\n"
        "    try: app([*line.split(), '--out', sys.argv[1]])\n"
        "    except SystemExit as ended:\n"
        "        heavy = {'torch', 'librosa', 'ray', 'fusebench.fusion', 'fusebench.datasets'}\n"
        "        print('heavy:', line, ended.code, *sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(base)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=base)
    told = [line for line in done.stdout.splitlines() if line.startswith("heavy:")]
    assert told == [
        "heavy: methods 0",
        "heavy: compare concat_features late_mean 0",
        "heavy: figures quick status 0",
        "heavy: report quick 0",
    ]


def test_a_suite_can_ask_what_the_report_can_answer():
    assert set(Question.__args__) == set(QUESTIONS)
