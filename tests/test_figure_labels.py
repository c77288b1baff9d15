"""Every registered figure at 24, 60 and 90 variants: no label overlaps or is cut off, none is missing."""

import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fusebench.reports import style
from fusebench.reports.figures import FIGURES, OCCASIONAL, Look, layout
from fusebench.reports.figures.registry import Heading, opened, without_sweeps
from fusebench.reports.figures.stamps import Letters, stamp
from fusebench.reports.run import load

HERE = Path(__file__).parent
STORED, DRAWN, NAMES = (
    runpy.run_path(str(HERE / f"{file}.py")) for file in ("stored_runs", "test_figures", "test_sweeps")
)
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]
drawn_texts, overlaps, outside = DRAWN["drawn_texts"], DRAWN["overlaps"], DRAWN["outside"]
ALL = FIGURES | OCCASIONAL
NAMED = ("taxonomy", "accuracy", "gain", "status")  # one label a variant
KINDS = (
    ("early", "concat", "raw"), ("late", "merge", "nodes"), ("late", "concat", "features"),
    ("cross_modal", "merge", "nodes"), ("late", "merge", "decisions"), ("hybrid", "merge", "features"),
)  # fmt: skip
BAD = ("failed", "timeout", "out_of_memory", "incompatible", "unavailable")
SETTINGS = [NAMES["name"](d_r=a, d_s=b) for a in (0, 1.5, 3) for b in (0, 4, 8)]
CEILING = {"tabular+image+audio": 0.8, "tabular": 0.5, "image": 0.5, "audio": 0.5, "none": 0.25}


def crowd(folder, variants, datasets=20):
    """Store a run of so many variants, names up to 40 characters, on a grid of synthetic settings and others."""
    names = [*KNOWN][:variants]
    names += [f"variant_{i:02d}(option={'x' * 14},rank={i % 8})" for i in range(variants - len(names))]
    sets = ["synthetic_redundant", "synthetic_synergy", *SETTINGS]
    sets += [f"a_data_set_with_a_name_of_forty_signs_{i:02d}" for i in range(datasets - len(sets))]
    assert (len(names), len(sets), max(map(len, names + sets))) == (variants, datasets, 40)
    known = {name: (*KINDS[i % len(KINDS)], None) for i, name in enumerate(names) if name not in KNOWN}
    data = {
        name: {"pairing": ("natural", "by_label")[i % 3 == 0], "source_family": f"family {i}"}
        for i, name in enumerate(sets)
        if name.startswith("a_")
    }
    bayes = {"subsets": {key: {"accuracy": value} for key, value in CEILING.items()}}
    data |= {name: {"pairing": "synthetic", "bayes": bayes, "folds": None} for name in SETTINGS}
    values = planted(names, sets)
    for name in SETTINGS:
        for entry in names:
            values[entry][name] = [measured(value) for value in values[entry][name]]
    for place, status in enumerate(BAD):
        values[names[8 + place]][sets[-1]] = [status] * 3
        values[names[9 + place]][sets[-2]] = [0.7, status, 0.7]
    return load(store_run(folder / f"crowd{variants}", values, packed=True, known=known, data=data))


def measured(accuracy):
    """Return a cell of a synthetic setting: what figures of dials read."""
    loss = -float(np.log(accuracy))
    told = {"accuracy": accuracy, "validation_accuracy": accuracy, "regret": max(0.8 - accuracy, 0.0)}
    return told | {"log_loss": loss, "validation_log_loss": loss}


@pytest.fixture(scope="module")
def sixty(tmp_path_factory):
    return crowd(tmp_path_factory.mktemp("results"), 60)


@pytest.fixture(scope="module")
def frames(sixty):
    return {name: spec.frame(without_sweeps(sixty)) for name, spec in ALL.items()}


def letters(figure):
    """Return the boxes of stamped letters in pixels, shape (n, 4): left, lower, right, upper."""
    found = [np.zeros((0, 4))]
    for drawn in figure.findobj(Letters):
        (outline,) = drawn.get_paths()
        places = np.asarray(drawn.get_offsets())
        found.append((outline.get_extents().extents + np.hstack([places, places])) * figure.dpi)
    return np.concatenate(found)


def touching(boxes, others):
    """Return which pairs of boxes, near each other or not, share more than a pixel each way."""
    shared = np.minimum(boxes[:, None, 2:], others[None, :, 2:]) - np.maximum(
        boxes[:, None, :2], others[None, :, :2]
    )
    return (shared > 1).all(axis=2)


@pytest.fixture(scope="module")
def drawn(frames):
    """Draw a figure of the sixty once and check its labels; return texts, legends, and what looks alike there."""

    @cache
    def draw(name):
        handles = []
        texts = checked(name, frames[name], each=lambda figure: handles.append((legends(figure), alike(figure))))
        return texts, *handles[0]

    return draw


def legends(figure):
    """Return what tells of architectures and data fusions: (label, colour or marker)."""
    found = []
    for handle in (h for legend in figure.legends for h in legend.legend_handles):
        if isinstance(handle, Patch) and handle.get_label() in ("early", "late", "cross-modal", "hybrid"):
            found.append((handle.get_label(), to_rgb(handle.get_facecolor())))
        if isinstance(handle, Line2D) and handle.get_label() in ("concat", "merge", "one modality"):
            found.append((handle.get_label(), handle.get_marker()))
    return found


def checked(name, data, look=None, each=lambda figure: None):
    """Draw a table and check its labels; return the texts."""
    spec = ALL[name]
    with opened(spec, data, Heading(spec.title.format(metric="accuracy"), "crowd"), look) as figure:
        each(figure)
        texts, stamped = drawn_texts(figure), letters(figure)
        assert overlaps(texts) == []
        assert outside(texts, figure) == []
        boxes = np.array([box.extents for _, box in texts])
        assert not touching(stamped, boxes).any()
        for row in np.array_split(stamped[np.argsort(stamped[:, 1])], 1 + len(stamped) // 500):  # rows of a grid
            assert np.triu(touching(row, row), k=1).sum() == 0
        return [text for text, _ in texts]


@pytest.mark.parametrize("name", sorted(ALL))
def test_labels_of_sixty_variants_on_twenty_data_sets(frames, drawn, name):
    if not len(frames[name]):
        assert name == "difference"  # which is drawn only where so many variants can be told apart
        pytest.skip("nothing to draw for it")
    texts, _, same = drawn(name)
    assert texts
    assert same == []  # every entry of a legend is told apart in grey, too


@pytest.mark.parametrize("name", NAMED)
def test_sixty_variants_have_sixty_labels(sixty, drawn, name):
    texts = [text.replace("\n", "").removesuffix(" ‡") for text in drawn(name)[0]]
    fused = [variant for variant in sixty.variants if sixty.axes(variant)[0] != "unimodal"]
    wanted = list(sixty.variants) if name in ("accuracy", "status") else fused
    assert sorted(text for text in texts if text in sixty.variants) == sorted(wanted)
    assert len(wanted) == (60 if name in ("accuracy", "status") else 56)
    if name in ("accuracy", "status"):
        assert [text for text in texts if text in sixty.datasets] == list(sixty.datasets)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(
    "look",
    [
        Look("paper", 2),
        pytest.param(Look("paper", 1), marks=pytest.mark.nightly),
        pytest.param(Look("slides"), marks=pytest.mark.nightly),
        pytest.param(Look("slides", 2), marks=pytest.mark.nightly),
    ],
    ids=str,
)
def test_labels_at_every_width(frames, name, look):
    checked(name, frames[name], look)


@pytest.mark.nightly
@pytest.mark.parametrize("variants", [24, 90])
def test_labels_of_fewer_and_more_variants(tmp_path, variants):
    run = crowd(tmp_path, variants)
    for name, spec in ALL.items():
        data = spec.frame(without_sweeps(run))
        if len(data):
            texts = [text.removesuffix(" ‡") for text in checked(name, data)]
            if name in ("accuracy", "status"):
                assert sum(text in run.variants for text in texts) == variants


# ---- looks


AXES = {"unimodal", "early", "late", "cross-modal", "hybrid"}, {"one modality", "concat", "merge"}


def seen(handle):
    """Return what tells a legend's entry apart in grey: its lightnesses, and its marker, dash or hatch."""
    if isinstance(handle, Line2D):
        line = (str(handle._dash_pattern), handle.get_linewidth()) if handle.get_linestyle() != "None" else None
        fill = handle.get_color() if handle.get_markerfacecolor() == "none" else handle.get_markerfacecolor()
        return np.array([lightness(handle.get_color()), lightness(fill)]), (str(handle.get_marker()), line)
    if isinstance(handle, Patch):
        return np.array([lightness(handle.get_facecolor())]), ("patch", handle.get_hatch())
    assert isinstance(handle, Collection)
    return np.array([lightness(handle.get_facecolor()[0])]), ("collection", len(handle.get_paths()[0].vertices))


def lightness(colour):
    return DRAWN["lightness"]("#" + "".join(f"{round(255 * part):02x}" for part in to_rgb(colour)))


def alike(figure):
    """Return the labels of legend entries that nothing tells apart in grey.

    Architectures are shown by colour alone and data fusions by marker alone: each is compared with its like.
    """
    handles = [handle for legend in figure.legends for handle in legend.legend_handles]
    kinds = [[handle.get_label() in names for names in AXES] for handle in handles]
    told = [(h.get_label(), seen(h)[0], (seen(h)[1], kind)) for h, kind in zip(handles, kinds, strict=True)]
    return [
        (one, two)
        for place, (one, light, look) in enumerate(told)
        for two, other, its in told[:place]
        if look == its and np.abs(light - other).max() < 5  # of 100: less is hard to see
    ]


def test_lines_differ_in_colour_marker_and_dash_together(frames):
    with opened(FIGURES["curves"], frames["curves"], Heading("t", "")) as figure:
        lines = {
            (line.get_color(), line.get_marker(), str(line._dash_pattern))
            for line in figure.axes[0].lines
            if line.get_marker() not in ("None", "")
        }
        named = [h.get_label() for h in figure.legends[0].legend_handles if h.get_label() in set(KNOWN)]
    variants = frames["curves"].drop_duplicates("variant")
    assert len(lines) == len(variants) > 5
    assert set(named) <= set(variants["variant"])


def test_sixty_looks_are_distinct_and_do_not_depend_on_what_is_shown(sixty, frames):
    looks = style.lines(sixty)
    assert len(set(looks.values())) == len(looks) == 60
    drawn = frames["curves"].drop_duplicates("variant").set_index("variant")
    assert all(looks[name] == (row.colour, row.marker, row.dash) for name, row in drawn.iterrows())


def test_one_colour_an_architecture_and_one_marker_a_data_fusion_everywhere(frames, drawn):
    """The legends of all figures together say one thing of each."""
    told = {}
    for name in FIGURES:
        if not len(frames[name]) or name == "curves":  # whose entries are variants
            continue
        for label, look in drawn(name)[1]:
            told.setdefault(label, set()).add(look)
    wanted = {name.replace("_", "-"): {to_rgb(style.COLOURS[name])} for name in style.COLOURS}
    del wanted["unimodal"]
    markers = {"concat": {"s"}, "merge": {"^"}, "one modality": {"o"}}
    assert told == wanted | markers


# ---- what labels are laid out with


@pytest.mark.parametrize(
    "text", ["unimodal_classical(modality=methylation)", "WWWWWWWWWW", "1.0 to .25", "Δ ±.09 ★"]
)
@pytest.mark.parametrize("bold", [False, True])
def test_the_width_of_a_text_is_known_before_it_is_drawn(text, bold):
    with style.drawing():
        figure = Figure(dpi=200)
        FigureCanvasAgg(figure)
        drawn = figure.text(0, 0, text, fontsize=8, fontweight="bold" if bold else "normal")
        wide = drawn.get_window_extent().width / 200
    assert style.inches(text, 8, bold) == pytest.approx(wide, rel=0.03)


@pytest.mark.parametrize(
    "name", ["a_name_of_(some=1,parts=2)", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "漢字データ", "a b", ""]
)
@pytest.mark.parametrize("letters", [1, 5, 12])
def test_a_wrapped_name_loses_nothing_and_fits(name, letters):
    lines = layout.wrapped(name, letters).split("\n")
    assert "".join(lines) == name
    assert all(style.inches(line) <= letters * layout.LETTER or len(line) == 1 for line in lines)


def test_stamped_letters_stand_side_by_side_about_their_middle():
    """Of `.11`, centred at 2 of an axis one inch a unit, the letters begin at 2 - w/2, and after each width."""
    with style.drawing():
        figure = Figure(figsize=(4, 2))
        axis = figure.add_axes((0, 0, 1, 1), xlim=(0, 4), ylim=(2, 0))
        stamp(axis, [2.0], [0.5], [".11"], 10, ["red"])
        found = {len(drawn.get_offsets()): np.asarray(drawn.get_offsets()) for drawn in axis.collections}
    point, one = style.inches(".", 10), style.inches("1", 10)
    start = 2 - (point + 2 * one) / 2
    assert found[1][:, 0] == pytest.approx([start])
    assert found[2][:, 0] == pytest.approx([start + point, start + point + one])
    assert found[2][:, 1] == pytest.approx([1.5 - 0.365 * 10 / 72] * 2)  # the axis counts downwards


def test_ticks_are_as_few_as_their_numbers_have_room():
    """At 4.8 inches three numbers have room; at 1 inch they have not, and of three the middle one goes."""
    with style.drawing():
        figure, texts = Figure(figsize=(6, 2)), []
        FigureCanvasAgg(figure)
        for place, wide in ((0, 0.8), (0.5, 1 / 6)):
            axis = figure.add_axes((0.05, place + 0.2, wide, 0.2), xlim=(-0.031, 0.031))
            layout.numbers(axis, most=5)
            texts.append([label.get_text() for label in axis.get_xticklabels()])
        assert overlaps(drawn_texts(figure)) == []
    assert texts == [["−0.02", "0.00", "0.02"], ["−0.025", "0.025"]]


def test_a_legend_takes_as_many_columns_as_fit():
    with style.drawing():
        handles = [Patch(label=f"a label of some length {place}") for place in range(7)]
        heights = []
        for wide in (3, 5, 20):
            figure = Figure(figsize=(wide, 3))
            FigureCanvasAgg(figure)
            heights.append(layout.foot(figure, handles))
            drawn = drawn_texts(figure)
            assert overlaps(drawn) == [] and outside(drawn, figure) == []
    assert heights == pytest.approx([0.2 + 0.18 * 7, 0.2 + 0.18 * 4, 0.2 + 0.18])
