"""Figures: the frames that are drawn, labels that do not overlap, and nothing left behind in matplotlib."""

import json
import logging
import os
import runpy
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from unittest import mock

import matplotlib
import numpy as np
import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.patches import Patch
from matplotlib.text import Text

from fusebench.core.errors import FusebenchError
from fusebench.reports import style
from fusebench.reports.figures import FIGURES, draw_all
from fusebench.reports.figures.registry import Heading, opened
from fusebench.reports.figures.taxonomy import letter
from fusebench.reports.run import load

ROOT = Path(__file__).parent.parent
STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]
DATASETS = ["rosmap", "digits_trimodal", "synthetic_redundant", "synthetic_synergy"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    values = planted(KNOWN, DATASETS)
    values["gmu"]["rosmap"] = [0.8, "failed", 0.79]
    values["film"]["rosmap"] = ["incompatible"] * 3
    values["late_stacking"]["digits_trimodal"] = ["timeout"] * 3
    return load(store_run(tmp_path_factory.mktemp("results") / "quick", values, packed=True))


def drawn_texts(figure):
    """Draw, and return the texts that came out with their boxes (a tick beyond the axis does not)."""
    found, draw = [], Text.draw

    def record(text, *args, **kwargs):
        draw(text, *args, **kwargs)
        if text.get_visible() and text.get_text().strip():
            found.append(text)

    with mock.patch.object(Text, "draw", record):
        figure.canvas.draw()
    return [(text.get_text(), text.get_window_extent()) for text in found]


def overlaps(drawn):
    """Return pairs of texts whose boxes share more than a pixel each way."""
    low, high = (np.array([getattr(box, ends) for _, box in drawn]).reshape(-1, 2) for ends in ("min", "max"))
    shared = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    both = np.triu((shared > 1).all(axis=2), k=1)
    return [(drawn[one][0], drawn[two][0]) for one, two in np.argwhere(both)]


def outside(drawn, figure):
    """Return texts that leave the sheet."""
    width, height = figure.canvas.get_width_height()
    return [text for text, b in drawn if b.x0 < 0 or b.y0 < 0 or b.x1 > width or b.y1 > height]


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_labels_do_not_overlap(demo, name):
    spec, data = FIGURES[name], FIGURES[name].frame(demo)
    if data.empty:
        pytest.skip("nothing to draw for it")
    with opened(spec, data, Heading(spec.title, "quick · untuned defaults")) as figure:
        drawn = drawn_texts(figure)
        assert overlaps(drawn) == []
        assert outside(drawn, figure) == []


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_run_of_one_data_set_cuts_no_title_off(tmp_path, name):
    one = {variant: {"mine": [0.6, 0.7]} for variant in ("late_mean", "concat_features", "merge_sum")}
    run = load(store_run(tmp_path / "mine", one))
    data = FIGURES[name].frame(run)
    if data.empty:
        pytest.skip("nothing to draw for it")
    with opened(FIGURES[name], data, Heading(FIGURES[name].title.format(metric="accuracy"), "mine")) as figure:
        assert outside(drawn_texts(figure), figure) == []


def lightness(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    y = np.dot(linear, [0.2126, 0.7152, 0.0722])
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def test_architectures_differ_in_grey_too():
    values = sorted(lightness(colour) for colour in style.COLOURS.values())
    assert min(np.diff(values)) > 10


def test_statuses_differ_in_hatching(demo):
    assert len({hatch for _, hatch in style.STATUS.values()}) == len(style.STATUS)
    spec = FIGURES["status"]
    with opened(spec, spec.frame(demo), Heading("t", "")) as figure:
        handles = [handle for handle in figure.legends[0].legend_handles if isinstance(handle, Patch)]
        told = {handle.get_label(): handle.get_hatch() or "" for handle in handles}
        drawn = {cells.get_hatch() or "" for cells in figure.axes[0].collections}
    held = {"ok on every seed planned": "ok"} | {name: name for name in ("failed", "timeout", "incompatible")}
    assert {words: told[words] for words in held} == {words: style.STATUS[name][1] for words, name in held.items()}
    assert drawn == {"", *(style.STATUS[name][1] for name in held.values())}


def test_a_figure_is_its_frame(demo, tmp_path):
    drawn = draw_all(demo, tmp_path, ["accuracy", "regret"])
    for each in drawn:
        stored, frame = pd.read_csv(tmp_path / f"{each.name}.csv"), FIGURES[each.name].frame(demo)
        assert len(stored) == len(frame)
        assert list(stored.columns) == list(frame.columns)
        assert {path.suffix for path in each.paths} == {".csv", ".png", ".svg"}
    accuracy = FIGURES["accuracy"].frame(demo).set_index(["variant", "dataset"])
    assert accuracy.loc[("gmu", "rosmap"), "absent"] == "ok 2/3, failed 1/3"
    assert np.isnan(accuracy.loc[("gmu", "rosmap"), "mean"])
    regret = FIGURES["regret"].frame(demo)
    assert set(regret["dataset"]) == {"synthetic_redundant", "synthetic_synergy"}
    additive = regret.loc[regret["dataset"] == "synthetic_synergy", "additive"]
    assert additive.to_numpy() == pytest.approx(0.9999 - 0.52)  # four classes, three modalities


# Mean ranks where one cell failed (google/fuzzbench#1765): zeros in its place would crown a with 1.75.
#      d1  d2  d3      d4   mean rank on d1, d2, d4
# a    .9  .6  .9      .5   (1 + 3 + 2) / 3
# b    .8  .7  failed  .6   (2 + 2 + 1) / 3
# c    .7  .8  .8      .4   (3 + 1 + 3) / 3
FAILED = {"a": [0.9, 0.6, 0.9, 0.5], "b": [0.8, 0.7, "failed", 0.6], "c": [0.7, 0.8, 0.8, 0.4]}


def test_ranks_beside_the_map_are_those_of_complete_data_sets(tmp_path):
    scores = {v: {f"d{i}": [cell] for i, cell in enumerate(cells, start=1)} for v, cells in FAILED.items()}
    frame = FIGURES["accuracy"].frame(load(store_run(tmp_path / "r", scores)))
    ranks = frame.drop_duplicates("variant").set_index("variant")
    assert ranks["mean_rank"].to_dict() == pytest.approx({"a": 2, "b": 5 / 3, "c": 7 / 3})
    assert set(zip(ranks["ranked_on"], ranks["of"], strict=True)) == {(3, 4)}
    with opened(FIGURES["accuracy"], frame, Heading("t", "")) as figure:
        texts = [text.replace("\n", "") for text, _ in drawn_texts(figure)]
    assert "mean rank, 3 of 4\N{NO-BREAK SPACE}sets" in texts
    assert "failed" in texts


# Gains over the best single modality, which validates best on either set.
#                         d1        d2
# unimodal                .60 .60   .70 .70
# gmu                     .70 .72   .68 .70   gains .11 and -.01, mean .05
# film                    .50 .52   failed    gain -.09
GAINS = {
    "unimodal(modality=image)": {"d1": [0.60, 0.60], "d2": [0.70, 0.70]},
    "gmu": {"d1": [0.70, 0.72], "d2": [0.68, 0.70]},
    "film": {"d1": [0.50, 0.52], "d2": [0.5, "failed"]},
}


def test_gains_by_hand(tmp_path):
    run = load(store_run(tmp_path / "r", GAINS))
    gain = FIGURES["gain"].frame(run).set_index(["variant", "dataset"])
    assert set(gain.index) == {("gmu", ""), ("gmu", "d1"), ("gmu", "d2"), ("film", ""), ("film", "d1")}
    assert gain["value"].to_dict() == pytest.approx(
        {("gmu", ""): 0.05, ("gmu", "d1"): 0.11, ("gmu", "d2"): -0.01, ("film", ""): -0.09, ("film", "d1"): -0.09}
    )
    assert (gain.loc[("gmu", ""), "datasets"], gain.loc[("film", ""), "datasets"]) == (2, 1)
    assert gain["new_low"].isna().all()  # two source families say nothing of a new data set
    low, value, high = gain.loc[("gmu", ""), ["low", "value", "high"]]
    assert low < value < high
    taxonomy = FIGURES["taxonomy"].frame(run).set_index("variant")
    assert taxonomy["gain"].to_dict() == pytest.approx(
        {"unimodal(modality=image)": np.nan, "gmu": 0.05, "film": -0.09}, nan_ok=True
    )
    assert taxonomy.loc["gmu", ["low", "high"]].tolist() == [low, high]
    with opened(FIGURES["gain"], gain.reset_index(), Heading("t", "")) as figure:
        assert "hollow: not complete on all of them" in [text for text, _ in drawn_texts(figure)]


def test_letters_of_the_survey_are_those_of_the_registry():
    """Every variant of the reference run; its suite.json holds the letters that `fusion` gives."""
    told = json.loads((ROOT / "results" / "reference" / "quick" / "suite.json").read_text("utf-8"))["variants"]
    found = {name: letter(entry["data_fusion"], entry["level"]) or None for name, entry in told.items()}
    assert found == {name: entry["figure5"] for name, entry in told.items()}
    assert set(found.values()) == {None, "a", "b", "c", "d"}


def test_pairs_stand_in_the_order_of_data_sets(tmp_path):
    values = {
        name: {d: [0.7, 0.71] for d in ("a", "b")} for name in ("early_concat_mlp", "concat_features", "merge_sum")
    }
    values["merge_sum"]["a"] = ["failed"] * 2
    frame = FIGURES["pairs"].frame(load(store_run(tmp_path / "r", values)))
    assert list(frame["dataset"].unique()) == ["a", "b"]
    with opened(FIGURES["pairs"], frame, Heading("t", "")) as figure:
        titles = [axis.get_title("left") for axis in figure.axes]
        rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert titles == ["a", "b"]
    assert rows[1::2] == ["concat_features − merge_sum", "early_concat_mlp − concat_features"]
    assert rows[0::2] == ["Concatenate or merge, at equal fusion width?", "Early or late?"]


def test_the_front_is_beaten_by_nobody(demo):
    for _, group in FIGURES["pareto"].frame(demo).groupby("dataset"):
        front = group[group["front"]].sort_values("seconds")
        assert front["mean"].is_monotonic_increasing
        assert front["mean"].max() == group["mean"].max()
        assert front["seconds"].min() == group["seconds"].min()


def test_an_empty_figure_says_why_and_leaves_no_file(tmp_path):
    run = load(store_run(tmp_path / "r", {"gmu": {"rosmap": [0.8, 0.8]}}))
    (tmp_path / "regret.png").write_bytes(b"of an earlier report")
    (drawn,) = draw_all(run, tmp_path, ["regret"])
    assert "No synthetic data set" in drawn.reason
    assert not drawn.paths
    assert not (tmp_path / "regret.png").exists()


def test_an_unknown_figure_is_a_sentence(demo, tmp_path):
    with pytest.raises(FusebenchError, match="did you mean 'accuracy'"):
        draw_all(demo, tmp_path, ["acuracy"])


# ---- names in kanji and kana, with and without a font for them

NAMES = {
    "漢字": {"データ": [0.7, 0.72], "rosmap": [0.8, 0.81]},
    "late_mean": {"データ": [0.6, 0.6], "rosmap": [0.7, 0.7]},
}


@pytest.fixture
def only_base_font(monkeypatch):
    base = [entry for entry in font_manager.fontManager.ttflist if entry.name == style.BASE_FONT]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", base)
    style.fonts.cache_clear()
    yield
    style.fonts.cache_clear()


def test_names_without_a_font_are_written_by_their_code(only_base_font, tmp_path, caplog):
    run = load(store_run(tmp_path / "r", NAMES))
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "fusebench.reports.style"):
        warnings.simplefilter("error")
        drawn = [each for each in draw_all(run, tmp_path) if each.paths]
        spec = FIGURES["accuracy"]
        with opened(spec, spec.frame(run), Heading("t", "")) as figure:
            labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["late_mean", "\\u6f22\\u5b57"]
    assert {"taxonomy", "accuracy", "status", "pareto"} <= {each.name for each in drawn}
    assert all(path.is_file() for each in drawn for path in each.paths)
    assert len(caplog.records) == 1
    assert "No installed font can draw" in caplog.text
    assert "漢字" in (tmp_path / "accuracy.csv").read_text("utf-8")  # the table keeps the name


def test_names_with_a_font_are_drawn(only_base_font, tmp_path, monkeypatch, caplog):
    path = tmp_path / "squares.ttf"
    squares(path, "漢字データ")
    font_manager.fontManager.addfont(path)
    assert style.fonts("漢字") == ((style.BASE_FONT, "Squares"), frozenset())
    run = load(store_run(tmp_path / "r", NAMES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_all(run, tmp_path)
    assert not [record for record in caplog.records if record.name.startswith("fusebench")]


def squares(path, signs):
    """Write a font whose every glyph is a square."""
    names = [".notdef", *(f"uni{ord(sign):04X}" for sign in signs)]
    pen = TTGlyphPen(None)
    for move, point in (("moveTo", (0, 0)), ("lineTo", (0, 800)), ("lineTo", (800, 800)), ("lineTo", (800, 0))):
        getattr(pen, move)(point)
    pen.closePath()
    glyph = pen.glyph()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({ord(sign): name for sign, name in zip(signs, names[1:], strict=True)})
    font.setupGlyf(dict.fromkeys(names, glyph))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)


def test_dollar_signs_in_a_name_are_no_formula(tmp_path):
    run = load(store_run(tmp_path / "r", {"a$x^2$": {"d": [0.7, 0.72]}, "$_$": {"d": [0.6, 0.7]}}))
    spec = FIGURES["accuracy"]
    with opened(spec, spec.frame(run), Heading("t", "")) as figure:
        figure.canvas.draw()
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["$_$", "a$x^2$"]


def test_the_callers_style_stays_as_it_is_and_changes_no_figure(demo, tmp_path):
    draw_all(demo, tmp_path / "plain", ["architecture", "taxonomy"])
    odd = {"font.size": 31.0, "text.parse_math": True, "axes.facecolor": "black", "text.color": "white"}
    with matplotlib.rc_context({**odd, "figure.facecolor": "red", "savefig.dpi": 30, "legend.loc": "center"}):
        before = dict(matplotlib.rcParams)
        draw_all(demo, tmp_path / "odd", ["architecture", "taxonomy"])
        assert dict(matplotlib.rcParams) == before
    plain, drawn = ({p.name: p.read_bytes() for p in (tmp_path / f).iterdir()} for f in ("plain", "odd"))
    assert plain == drawn
    assert len(plain) == 6


def test_drawing_in_a_thread_with_a_hidden_gui_backend(tmp_path):
    store_run(tmp_path / "results" / "quick", NAMES)
    code = textwrap.dedent(
        """
        import sys, threading, matplotlib
        from fusebench.reports.build import figures
        before, found = dict(matplotlib.rcParams), []
        draw = lambda names: found.append(figures("quick", names=names))
        threads = [threading.Thread(target=draw, args=[names]) for names in (None, ["accuracy"])]
        [t.start() for t in threads]; [t.join() for t in threads]
        drawn = [each for made in found for each in made if each.paths]
        assert len(found) == 2 and sum(each.name == "accuracy" for each in drawn) == 2 and len(drawn) > 6
        assert all(path.is_file() for each in drawn for path in each.paths)
        assert dict(matplotlib.rcParams) == before and before["backend"].lower() == "tkagg"
        assert "tkinter" not in sys.modules
        pyplot = sys.modules.get("matplotlib.pyplot")  # seaborn imports it; nothing may be drawn through it
        assert pyplot is None or pyplot.get_fignums() == []
        """
    )
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"} | {"MPLBACKEND": "TkAgg"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Glyph" not in done.stderr
