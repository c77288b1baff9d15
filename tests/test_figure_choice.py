"""figures.toml, styles and widths, and the files that figures become."""

import io
import os
import re
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusebench.core.errors import FusebenchError, UnknownNameError
from fusebench.reports.figures import FIGURES, OCCASIONAL, Look, aside, draw_all, load_choice
from fusebench.reports.figures import choice as choosing
from fusebench.reports.figures.aside import drawing
from fusebench.reports.figures.choice import Choice, check
from fusebench.reports.figures.files import paletted
from fusebench.reports.figures.looks import SHEETS, looking, smallest
from fusebench.reports.figures.registry import Heading, opened
from fusebench.reports.run import load
from fusebench.results.store import Store

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]
EXAMPLE = re.search(r"```toml\n(.*?)```", choosing.__doc__, re.S)[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    data = ["rosmap", "mfeat", "synthetic_redundant", "synthetic_synergy"]
    root = tmp_path_factory.mktemp("results") / "quick"
    store_run(root, planted(KNOWN, data), packed=True)
    return root


@pytest.fixture(scope="module")
def run(folder):
    return load(Store(folder))


def chosen(folder, text):
    path = folder / "figures.toml"
    path.write_text(textwrap.dedent(text), "utf-8")
    return load_choice(path)


# ---- what is drawn


def test_the_documented_example_is_read(tmp_path):
    choice = chosen(tmp_path, EXAMPLE)
    accuracy, gain = choice.wanted(FIGURES)
    assert (accuracy.name, accuracy.file, accuracy.title, accuracy.look) == (
        "accuracy", "accuracy", None, Look("paper", 2),
    )  # fmt: skip
    assert (gain.file, gain.title, gain.look) == ("gain_of_merging", "What merging adds", Look("paper", 1))
    assert (gain.variants, gain.datasets) == (("merge_*", "gmu"), ("synthetic_*",))


def test_a_choice_sets_the_order_the_files_and_what_is_shown(run, tmp_path):
    choice = chosen(tmp_path, """
        [[figure]]
        name = "status"
        title = "What <became> of it"

        [[figure]]
        name = "gain"
        file = "merging"
        variants = ["merge_*", "gmu"]
        datasets = ["synthetic_*"]

        [[figure]]
        name = "gain"
    """)  # fmt: skip
    drawn = draw_all(run, tmp_path, choice=choice)
    assert [each.name for each in drawn] == ["status", "merging", "gain"]
    assert drawn[0].title == "What <became> of it"
    assert drawn[1].title == drawn[2].title == "Gain over the best single modality"
    rows = (tmp_path / "merging.csv").read_text("utf-8").splitlines()[1:]
    shown = {name for name in KNOWN if name.startswith("merge_") or name == "gmu"}
    assert all(any(name in row for name in shown) for row in rows)
    assert len(rows) == 3 * len(shown)  # the mean and two data sets
    assert len((tmp_path / "gain.csv").read_text("utf-8").splitlines()) > 3 * len(rows)


def test_a_narrowed_figure_says_so(run, tmp_path, monkeypatch):
    notes = []
    spec = FIGURES["status"]
    watched = type(spec)(
        **{**vars(spec), "draw": lambda d, heading: notes.append(heading.notes) or spec.draw(d, heading)}
    )
    monkeypatch.setitem(FIGURES, "status", watched)
    table = {"name": "status", "variants": ["gmu", "film"], "datasets": ["rosmap"]}
    draw_all(run, tmp_path, choice=check({"figure": [table]}))
    assert notes == [f"quick · untuned defaults · 1 of 4 data sets · 2 of {len(KNOWN)} shown"]


def test_statistics_over_data_sets_are_those_of_the_ones_chosen(run, tmp_path):
    """The mean gain of gmu on two of four sets, beside that of the whole run."""
    both = [{"name": "taxonomy", "file": "two", "datasets": ["rosmap", "mfeat"]}, {"name": "taxonomy"}]
    draw_all(run, tmp_path, choice=check({"figure": both}))
    tables = [FIGURES["taxonomy"].frame(run).set_index("variant")]
    stored = (tmp_path / "two.csv").read_text("utf-8").splitlines()
    row = dict(zip(stored[0].split(","), next(r for r in stored if r.startswith("gmu,")).split(","), strict=True))
    single = FIGURES["gain"].frame(run).set_index(["variant", "dataset"])["value"]
    assert float(row["gain"]) == pytest.approx(single["gmu"][["rosmap", "mfeat"]].mean(), abs=1e-6)
    assert (row["datasets"], row["of"]) == ("2", "2")
    assert tables[0].loc["gmu", "of"] == 4


def test_names_choose_among_the_chosen_and_the_known(run):
    choice = check({"width": 1, "figure": [{"name": "gain", "file": "a"}, {"name": "gain", "file": "b"}]})
    known = FIGURES | OCCASIONAL
    assert [each.file for each in choice.wanted(known)] == ["a", "b"]
    assert [each.file for each in choice.wanted(known, ["b"])] == ["b"]
    assert [each.file for each in choice.wanted(known, ["gain"])] == ["a", "b"]
    (other,) = choice.wanted(known, ["status"])
    assert (other.file, other.look) == ("status", Look("paper", 1))
    assert [each.name for each in Choice().wanted(known)] == list(known)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("widht = 1", "Unknown key of figures.toml 'widht': did you mean 'width'?"),
        ("[[figure]]\nnme = 'gain'", "Unknown key of figure 1 in figures.toml 'nme': did you mean 'name'?"),
        ("[[figure]]\nwidth = 1", "figure 1 in figures.toml lacks the key 'name'."),
        ("style = 'slide'", "Unknown figure style 'slide': did you mean 'slides'?"),
        ("width = 0", "figures.toml: width = 0: Input should be greater than 0."),
        (
            "[[figure]]\nname = 'gain'\nfile = '../x'",
            "figure 1 in figures.toml: file = '../x': String should match",
        ),
        ("[[figure]]\nname = 'gain'\n[[figure]]\nname = 'gain'", "figure 2 ('gain') is to be written to 'gain'"),
        ("width = ", "is not valid TOML"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, text, told):
    with pytest.raises(FusebenchError) as caught:
        chosen(tmp_path, text)
    assert told in str(caught.value)


def test_names_that_nothing_has(run, tmp_path):
    with pytest.raises(UnknownNameError, match=r"Unknown figure in figures\.toml 'gains': did you mean 'gain'"):
        draw_all(run, tmp_path, choice=check({"figure": [{"name": "gains"}]}))
    with pytest.raises(UnknownNameError, match="Unknown data set of this run 'rosmp': did you mean 'rosmap'"):
        draw_all(run, tmp_path, choice=check({"figure": [{"name": "gain", "datasets": ["rosmp"]}]}))
    with pytest.raises(UnknownNameError, match="did you mean 'film'"):
        draw_all(run, tmp_path, choice=check({"figure": [{"name": "gain", "variants": ["fim"]}]}))
    with pytest.raises(FusebenchError, match="is not a file"):
        load_choice(tmp_path / "nowhere.toml")


# ---- how large


def test_widths_in_columns():
    """Two columns of 3.5 inches and the space between them; a slide's column is 6 inches."""
    assert Look().inches is None
    assert [Look("paper", n).inches for n in (1, 2, 0.5)] == [3.5, pytest.approx(7.2), 1.75]
    assert Look("slides", 2).inches == pytest.approx(12.3)
    for width in (0, -1, float("nan"), 50):
        with pytest.raises(FusebenchError, match="number of columns"):
            Look("paper", width)


def measured(folder, name):
    """Return the width in inches of a figure's PNG and SVG, and the pixels of the PNG."""
    with Image.open(folder / f"{name}.png") as picture:
        pixels, dpi = picture.size[0], picture.info["dpi"][0]
    svg = (folder / f"{name}.svg").read_text("utf-8")
    return pixels / dpi, float(re.search(r'<svg [^>]*?width="([0-9.]+)pt"', svg)[1]) / 72, pixels


@pytest.mark.parametrize("look", [Look(), Look("paper", 1), Look("paper", 2), Look("slides", 2)], ids=str)
def test_a_figure_is_as_wide_as_asked_and_can_be_read(run, tmp_path, look):
    for drawn in draw_all(run, tmp_path, ["architecture", "gain"], look):
        png, svg, pixels = measured(tmp_path, drawn.name)
        assert png == pytest.approx(drawn.width, abs=0.02)
        assert svg == pytest.approx(drawn.width, abs=0.02)
        assert pixels == pytest.approx(200 * drawn.width, abs=2)
        if look.inches:
            assert drawn.width == pytest.approx(look.inches)
            spec = FIGURES[drawn.name]
            with opened(spec, spec.frame(run), Heading(drawn.title, "quick"), look) as figure:
                shrunk = look.inches / figure.get_size_inches()[0]
                assert smallest(figure) * shrunk >= look.sheet.least - 1e-6
    assert looking() == Look()


def test_what_cannot_be_read_is_made_wider_and_says_so(run, tmp_path, caplog):
    (drawn,) = draw_all(run, tmp_path, ["taxonomy"], Look("paper", 1))
    assert drawn.width > 3.5
    assert f"It is {drawn.width:.1f} inches wide in place of 3.5" in drawn.remark
    assert drawn.remark in caplog.text
    (plain,) = draw_all(run, tmp_path, ["taxonomy"])
    assert plain.remark == ""


def test_fewer_panels_stand_side_by_side_where_there_is_less_room(run):
    spec = FIGURES["architecture"]
    lefts = []
    for look in (Look(), Look("slides", 1.5), Look("paper", 1)):
        with opened(spec, spec.frame(run), Heading("t", "quick"), look) as figure:
            lefts.append(len({round(axis.get_position().x0, 3) for axis in figure.axes}))
    assert lefts == [3, 2, 1]


def test_slides_have_thicker_lines_and_larger_type(run, tmp_path):
    spec, seen = FIGURES["architecture"], {}
    for name in SHEETS:
        with opened(spec, spec.frame(run), Heading("t", "quick"), Look(name)) as figure:
            seen[name] = sorted(line.get_linewidth() for line in figure.axes[0].lines)
            seen[name] += [figure.axes[0].spines["left"].get_linewidth()]
    assert seen["slides"] == pytest.approx([SHEETS["slides"].lines * width for width in seen["paper"]])
    (paper,) = draw_all(run, tmp_path / "paper", ["architecture"], Look("paper"))
    (slides,) = draw_all(run, tmp_path / "slides", ["architecture"], Look("slides"))
    assert slides.width == pytest.approx(SHEETS["slides"].zoom * paper.width)


# ---- in two processes


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


SIX = ["architecture", "gain", "status", "taxonomy", "regret", "pairs"]
TWO = ["status", "gain"]


@pytest.fixture
def shared(monkeypatch):
    """Let another process draw the first of two figures already."""
    monkeypatch.setattr(aside, "FEWEST", 2)


@pytest.mark.usefixtures("shared")
def test_two_processes_draw_what_one_draws(run, tmp_path):
    with drawing(run, tmp_path / "two", TWO, processes=2) as begun:
        assert begun._process is not None
        two = begun.finish()
        assert begun._process.returncode == 0
    one = draw_all(run, tmp_path / "one", TWO)
    assert [(each.name, each.width) for each in two] == [(each.name, each.width) for each in one]
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert len(files(tmp_path / "two")) == 6


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import sys; sys.stdin.buffer.read(); sys.exit(1)"])
def test_what_the_other_process_does_not_draw_this_one_draws(run, tmp_path, monkeypatch, code):
    monkeypatch.setattr(aside, "CODE", code)
    with drawing(run, tmp_path, TWO, processes=2) as begun:
        drawn = begun.finish()
    assert [each.name for each in drawn] == TWO
    assert all(path.is_file() for each in drawn for path in each.paths)


@pytest.mark.usefixtures("shared")
def test_the_other_process_ends_with_an_error_here(run, tmp_path, monkeypatch):
    monkeypatch.setattr(aside, "CODE", "import sys, time; sys.stdin.buffer.read(); time.sleep(600)")
    with pytest.raises(ZeroDivisionError), drawing(run, tmp_path, TWO, processes=2) as begun:
        raise ZeroDivisionError
    assert begun._process.returncode is not None


def test_one_process_or_few_figures_start_no_other(run, tmp_path):
    for names, processes in ((SIX, 1), (SIX[:5], 2)):
        with drawing(run, tmp_path, names, processes=processes) as begun:
            assert begun._process is None


@pytest.mark.nightly
def test_an_unguarded_script_in_a_thread_draws_in_two_processes(folder, tmp_path):
    code = textwrap.dedent(
        f"""
        import threading
        from pathlib import Path
        from fusebench.reports.figures.aside import drawing
        from fusebench.reports.run import load
        from fusebench.results.store import Store
        print("started")
        found = []
        def draw():
            with drawing(load(Store(Path({str(folder)!r}))), Path("out"), {SIX!r}, processes=2) as begun:
                found.extend(begun.finish())
        thread = threading.Thread(target=draw)
        thread.start(); thread.join()
        assert [each.name for each in found] == {SIX!r}
        """
    )
    (tmp_path / "script.py").write_text(code, "utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"} | {"MPLBACKEND": "TkAgg"}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "started\n"  # the script is not run again
    assert len(list((tmp_path / "out").glob("*.png"))) == 6


# ---- files


def opaque(colours):
    colours = np.asarray(colours, dtype=np.uint8)
    return np.concatenate([colours, np.full((*colours.shape[:2], 1), 255, dtype=np.uint8)], axis=2)


def test_few_colours_are_kept_as_they_are():
    picture = opaque([[[255, 255, 255], [1, 2, 3]], [[255, 255, 254], [1, 2, 3]]])
    assert np.array_equal(np.asarray(paletted(picture).convert("RGB")), picture[..., :3])


def test_of_many_colours_the_commonest_are_kept_and_others_are_near():
    rng = np.random.default_rng(0)
    picture = opaque(rng.integers(0, 256, (60, 60, 3)))
    picture[:20], picture[20:30] = (0, 114, 178, 255), 255
    drawn = np.asarray(paletted(picture).convert("RGB"))
    assert np.array_equal(drawn[:30], picture[:30, :, :3])
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(drawn[30:].astype(int) - picture[30:, :, :3]).max() < 160  # of the few that no region holds


def test_a_picture_is_the_same_bytes_every_time():
    picture = opaque(np.random.default_rng(1).integers(0, 256, (40, 40, 3)))
    held = []
    for _ in range(2):
        file = io.BytesIO()
        paletted(picture).save(file, "png", dpi=(200, 200))
        held.append(file.getvalue())
    assert held[0] == held[1]
