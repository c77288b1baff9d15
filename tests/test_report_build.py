"""The report as a whole: where it goes, that it repeats to the byte, and that it stands with whatever is there."""

import os
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fusebench.core.errors import FusebenchError
from fusebench.reports.build import build, figures, name_of

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]


def files(folder):
    """Return relative path → bytes of every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A stored run with planted differences and one failure, and the report built beside it."""
    base = tmp_path_factory.mktemp("base")
    names = [n for n in KNOWN if n.startswith(("unimodal(", "concat_f", "merge_s", "late_", "early_concat"))]
    values = planted(names, ["rosmap", "digits_trimodal", "synthetic_synergy"])
    values["late_product"]["rosmap"] = [0.8, "failed", 0.8]
    store = store_run(base / "results" / "quick", values)
    stored = files(store.root)
    return base, stored, build("quick", base)


@pytest.mark.nightly
def test_the_same_run_gives_the_same_bytes_in_another_process_without_torch(demo, tmp_path):
    base, _, _ = demo
    code = (
        "import sys; from fusebench.reports.build import build; build(sys.argv[1], sys.argv[2]);"
        "heavy = {'torch', 'librosa', 'fusebench.fusion', 'fusebench.datasets'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(base / "results" / "quick"), str(tmp_path)]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert files(tmp_path / "reports") == files(base / "reports")
    assert files(tmp_path / "results" / "quick" / "tables") == files(base / "results" / "quick" / "tables")


def test_readers_write_tables_and_nothing_else_into_the_store(demo):
    base, stored, _ = demo
    after = files(base / "results" / "quick")
    assert {path for path in after if path not in stored} == {p for p in after if p.startswith("tables/")}
    assert all(after[path] == content for path, content in stored.items())


def test_what_is_built_is_named(demo):
    base, _, built = demo
    assert built.name == "quick"
    assert built.page == base / "reports" / "quick" / "index.html"
    assert {p.name for p in built.tables} >= {
        "accuracy.csv", "accuracy.md", "accuracy.tex", "log_loss.md", "timing.md", "status.md", "equivalence.md",
        "pairs.md", "ranks.md", "long.csv", "best.md", "questions.md", "against_concat.md", "placebos.md",
        "kinds.md", "pair_list.csv", "rosmap.tex",
    }  # fmt: skip
    drawn = {p.stem for p in built.figures}
    assert drawn == {
        "accuracy", "architecture", "best", "curves", "gain", "pairs", "pareto", "phases", "regret", "seeds",
        "size", "status", "taxonomy",
    }  # fmt: skip
    assert all(path.is_file() for path in (*built.tables, *built.figures, built.page))
    assert list(built.left_out) == ["difference"]
    assert "critical difference" in built.left_out["difference"]
    assert built.paper == ()
    assert [line.partition(":")[0] for line in built.lines] == ["rosmap", "digits_trimodal", "synthetic_synergy"]
    assert "late_mean" not in built.first["synthetic_synergy"]  # planted at chance there
    assert "concat_features" in built.first["synthetic_synergy"]


def test_svg_files_hold_no_date(demo):
    _, _, built = demo
    pages = [path.read_text("utf-8") for path in built.figures if path.suffix == ".svg"]
    assert pages
    assert not any("<dc:date>" in text for text in pages)


# ---- where it goes


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("base/results/quick", "quick"),
        ("base/results/reference/quick", "reference/quick"),
        ("results/old/results/quick", "quick"),
        ("somewhere/quick", "quick"),
        ("somewhere/results", "results"),
    ],
)
def test_the_name_is_the_path_below_the_last_results(root, name):
    assert name_of(Path("/") / root) == name


def test_a_folder_reports_below_out(tmp_path, monkeypatch):
    store_run(tmp_path / "a" / "results" / "reference" / "quick", {"gmu": {"d": [0.8]}, "film": {"d": [0.7]}})
    before = files(tmp_path / "a")
    built = build(tmp_path / "a" / "results" / "reference" / "quick", tmp_path / "b")
    assert built.page == tmp_path / "b" / "reports" / "reference" / "quick" / "index.html"
    assert (tmp_path / "b" / "results" / "reference" / "quick" / "tables" / "accuracy.csv").is_file()
    assert files(tmp_path / "a") == before
    monkeypatch.chdir(tmp_path / "a")
    (drawn,) = figures("results/reference/quick", names=["status"])
    assert {str(path.parent) for path in drawn.paths} == {"reports/reference/quick/figures"}


def test_a_run_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(FusebenchError, match="No run 'quik' is stored"):
        build("quik", tmp_path)


# ---- whatever is there

PARTIAL = {
    "one cell": {"late_mean": {"rosmap": [0.8]}},
    "one variant": {"late_mean": {"rosmap": [0.8, 0.81, 0.82]}},
    "one seed": {name: {"rosmap": [0.7]} for name in ("late_mean", "gmu", "unimodal(modality=image)")},
    "all failed": {"late_mean": {"rosmap": ["failed"] * 2}, "gmu": {"rosmap": ["timeout"] * 2}},
    "nothing run": {"late_mean": {"rosmap": [None]}},
    "nothing planned": {},
    "undefined": {"late_mean": {"rosmap": [{"accuracy": None}]}, "gmu": {"rosmap": [{}]}},
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(PARTIAL))
@pytest.mark.filterwarnings("error")
def test_a_partial_run_has_a_report(case, tmp_path):
    store_run(tmp_path / "results" / "part", PARTIAL[case])
    built = build("part", tmp_path)
    text = built.page.read_text("utf-8")
    assert "no synthetic data set" in text.lower()
    for name, reason in built.left_out.items():
        assert reason
        assert not (tmp_path / "reports" / "part" / "figures" / f"{name}.png").exists()
    assert not any(built.first.values())


def test_a_note_and_what_is_hidden_stand_in_every_title(tmp_path):
    store_run(tmp_path / "results" / "quick", planted(["gmu", "film", "late_mean"], ["mfeat"], 2), seeds=[0, 1, 2])
    built = build("quick", tmp_path, variants=["gmu", "f*"], note="a note")
    heading = "quick · untuned defaults · seeds 0, 1 of 3 · a note · 2 of 3 shown"
    texts = [path.read_text("utf-8") for path in built.tables if path.suffix == ".md"]
    assert all(heading in text for text in texts)
    assert "seeds 0, 1 of 3 · a note · 2 of 3 shown" in built.page.read_text("utf-8")
    assert "| gmu |" in "".join(texts)
    assert "| late_mean |" not in "".join(texts)


# ---- the page


class Elements(HTMLParser):
    """Collect what a browser would make: tags, links and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.text, self.inside = [], [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag
        self.links += [(tag, value) for key, value in attrs if key in ("src", "href")]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text += data


NASTY = {"variant": "</script><b>x", "dataset": 'a & "b"', "class": "</td><script>alert(1)</script>"}


def test_names_stand_on_the_page_literally_and_make_no_element(tmp_path):
    values = {NASTY["variant"]: {NASTY["dataset"]: [0.8, "failed"]}, "gmu": {NASTY["dataset"]: [0.7, 0.7]}}
    data = {
        NASTY["dataset"]: {"classes": [NASTY["class"], "b"], "home": "javascript:alert(1)", "notes": ["<i>n</i>"]}
    }
    store_run(tmp_path / "results" / "quick", values, data=data)
    page = Elements(build("quick", tmp_path).page.read_text("utf-8"))
    assert not {"b", "i"} & set(page.tags)
    assert page.tags.count("script") == 5  # the page's own
    assert all(name in page.text for name in (*NASTY.values(), "<i>n</i>"))
    assert not any("javascript" in link for _, link in page.links)
    assert "ValueError: </script><b>x gave failed" in page.text


def test_the_page_is_whole_without_a_network(demo):
    _, _, built = demo
    text = built.page.read_text("utf-8")
    page = Elements(text)
    loaded = [link for tag, link in page.links if tag in ("img", "link", "script", "iframe")]
    assert len(loaded) == 1 + len({path.stem for path in built.figures})
    assert all(link.startswith("data:") for link in loaded)
    relative = [link for _, link in page.links if link.startswith("figures/")]
    assert relative
    assert all((built.page.parent / link).is_file() for link in relative)
    anchors = [link for _, link in page.links if link.startswith("#")]
    assert anchors
    assert all(f'id="{anchor[1:]}"' in text for anchor in anchors)


def test_the_page_tells_what_a_reader_must_know(demo):
    _, _, built = demo
    text = Elements(built.page.read_text("utf-8")).text
    for words in (
        *built.lines, "paired by label", "seeds vary the training alone", "CC BY 4.0", "Doe 2020",
        "ok 2/3, failed 1/3", "ValueError: late_product gave failed", "a processor", "intermediate",
        "The best accuracy that any method can reach is 1.000",
    ):  # fmt: skip
        assert words in text, words
