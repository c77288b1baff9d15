"""The page as a file: strict data, names that stay names, a policy that fits its scripts, pictures that repeat."""

import base64
import hashlib
import io
import json
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fusebench.reports import contents, page, run
from fusebench.reports.figures import Drawn
from fusebench.reports.findings import findings
from fusebench.reports.page import curves, data, pictures, policy

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]

NASTY, AMPERSAND, KANJI = "</script><b>x", 'a & "b"', "手書き数字"
BLOCKS = ("data", "curves")


class Elements(HTMLParser):
    """Collect what a browser would make: tags with attributes, text, and what stands in scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.scripts, self.inside = [], "", [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1][1] += data
        elif self.inside != "style":
            self.text += data

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


def strict(text):
    """Parse JSON as a strict reader does."""

    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    return json.loads(text, parse_constant=refuse)


def blocks(elements):
    found = {told["id"]: text for told, text in elements.scripts if told.get("type") == "application/json"}
    return {name: strict(text) for name, text in found.items()}


def made(loaded, folder, drawn=()):
    path = page.write(loaded, contents.tables(loaded), list(drawn), findings(loaded), folder / "index.html")
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """A run as S24 has it: NaN and +inf as tokens in the records, a metric missing, names that are markup."""
    base = tmp_path_factory.mktemp("nasty")
    values = {
        NASTY: {AMPERSAND: [0.8, 0.7], KANJI: [0.9, "failed"]},
        "gmu": {AMPERSAND: [0.6, 0.65], KANJI: ["timeout", "timeout"]},
        "film": {AMPERSAND: [{"accuracy": 0.5}, {}], KANJI: [0.7, 0.8]},
        "late_mean": {AMPERSAND: [{"accuracy": 0.11}, {"accuracy": 0.12}], KANJI: [0.6, 0.7]},
    }
    told = {AMPERSAND: {"classes": [NASTY, "b"], "home": "javascript:alert(1)", "notes": ["<i>n</i>"]}}
    store = store_run(base / "results" / "quick", values, data=told, packed=True)
    text = store.packed.read_text("utf-8")
    for number, token in (("0.11", "NaN"), ("0.12", "Infinity")):
        text = text.replace(f'"accuracy": {number}', f'"accuracy": {token}', 1)
    assert "NaN" in text
    assert "Infinity" in text
    store.packed.write_text(text, "utf-8")
    loaded = run.load(store)
    text = made(loaded, base)
    return loaded, text, Elements(text)


# ---- S24


def test_every_block_is_strict_json_whatever_was_measured(nasty):
    loaded, _, elements = nasty
    found = blocks(elements)
    assert tuple(found) == BLOCKS
    names = [variant["name"] for variant in found["data"]["variants"]]
    sets = [dataset["name"] for dataset in found["data"]["datasets"]]
    held = found["data"]["scores"]["accuracy"][sets.index(AMPERSAND)]
    for name in ("late_mean", "film"):
        assert held["mean"][names.index(name)] is None
        assert found["data"]["states"][sets.index(AMPERSAND)][names.index(name)] == "accuracy undefined"
    assert held["seeds"][names.index("late_mean")] == [None, None]
    assert held["seeds"][names.index("film")] == [0.5, None]
    assert held["mean"][names.index(NASTY)] == 0.75
    assert set(names) == set(loaded.shown)


def test_names_stand_literally_and_make_no_element(nasty):
    _, _, elements = nasty
    assert not {"b", "i"} & {tag for tag, _ in elements.tags}
    assert elements.count("script") == 5
    for name in (NASTY, AMPERSAND, KANJI, "<i>n</i>", f"ValueError: {NASTY} gave failed"):
        assert name in elements.text
    found = blocks(elements)["data"]
    assert NASTY in [variant["name"] for variant in found["variants"]]
    assert any(NASTY in dataset["classes"] for dataset in found["datasets"])
    links = [told.get("href", "") + told.get("src", "") for _, told in elements.tags]
    assert not any("javascript" in link for link in links)


def test_the_leaderboard_is_in_the_raw_file_row_by_row(nasty):
    loaded, text, _ = nasty
    board = Elements(text[text.index('id="plain"') : text.index('id="board-note"')])
    assert board.count("tr") == len(loaded.shown) + 1
    assert "ok 1/2, failed 1/2" in board.text
    assert "timeout 2/2" in board.text
    names = [told["href"] for tag, told in board.tags if tag == "a"]
    assert all(f'id="{href[1:]}"' in text for href in names)


def test_what_is_not_ok_has_a_word_and_no_number(nasty):
    _, _, elements = nasty
    found = blocks(elements)["data"]
    names = [variant["name"] for variant in found["variants"]]
    kanji = [dataset["name"] for dataset in found["datasets"]].index(KANJI)
    for name, word in (("gmu", "timeout 2/2"), (NASTY, "ok 1/2, failed 1/2")):
        assert found["states"][kanji][names.index(name)] == word
        assert all(found["scores"][key][kanji]["mean"][names.index(name)] is None for key in found["scores"])
    assert found["scores"]["accuracy"][kanji]["seeds"][names.index(NASTY)] == [0.9, None]
    assert {(each["variant"], each["status"]) for each in found["failures"]} == {
        (NASTY, "failed"),
        ("gmu", "timeout"),
    }


def test_nothing_in_a_block_can_end_it():
    text = data.embedded({"a": [float("nan"), float("inf"), np.float64(0.5)], "b": "</script>\u2028<!--"})
    assert text == '{"a":[null,null,0.5],"b":"\\u003c/script>\\u2028\\u003c!--"}'
    assert strict(text)["b"] == "</script>\u2028<!--"


# ---- the same numbers, the same bytes


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    base = tmp_path_factory.mktemp("quiet")
    names = ["gmu", "film", "late_mean", "unimodal(modality=image)", "unimodal(modality=tabular)"]
    return run.load(store_run(base / "results" / "quick", planted(names, ["rosmap", "synthetic_mixed"])))


def test_the_numbers_are_those_of_the_tables(quiet):
    found = strict(data.embedded(data.data(quiet)))
    for place, dataset in enumerate(quiet.datasets):
        for metric in found["scores"]:
            held, told = quiet.scores(dataset, metric), found["scores"][metric][place]
            known = [name for name in quiet.shown if name in held]
            assert [told["mean"][quiet.shown.index(n)] for n in known] == pytest.approx(
                [held.mean(n) for n in known], rel=1e-4
            )
            assert [told["half"][quiet.shown.index(n)] for n in known] == pytest.approx(
                [held.half(n) for n in known], rel=1e-4
            )
            assert [quiet.shown[i] for i in told["first"]] == [n for n in quiet.shown if n in held.first]
    assert [metric["key"] for metric in found["metrics"]] == [
        "accuracy", "balanced_accuracy", "log_loss", "ece", "regret",
    ]  # fmt: skip
    assert found["scores"]["regret"][0]["mean"] == [None] * 5  # rosmap has no ceiling


def test_records_in_another_order_give_the_same_page(quiet, tmp_path):
    names = ["gmu", "film", "late_mean", "unimodal(modality=image)", "unimodal(modality=tabular)"]
    store = store_run(tmp_path / "results" / "quick", planted(names, ["rosmap", "synthetic_mixed"]), packed=True)
    lines = store.packed.read_text("utf-8").splitlines(keepends=True)
    shuffled = [lines[i] for i in np.random.default_rng(3).permutation(len(lines))]
    assert shuffled != lines
    store.packed.write_text("".join(shuffled), "utf-8")
    assert made(run.load(store), tmp_path / "b") == made(quiet, tmp_path / "a")


# thinned(values, step) of 1 to 5: the first, every step-th after it, and the last
#   step 1: all · step 2: 1 3 5 · step 3: 1 4 and the last · step 9: the first and the last
@pytest.mark.parametrize(
    ("values", "step", "kept"),
    [
        ([1, 2, 3, 4, 5], 1, [1, 2, 3, 4, 5]),
        ([1, 2, 3, 4, 5], 2, [1, 3, 5]),
        ([1, 2, 3, 4, 5], 3, [1, 4, 5]),
        ([1, 2, 3, 4, 5], 9, [1, 5]),
        ([1], 9, [1]),
    ],
)
def test_curves_are_thinned_from_the_first_to_the_last(values, step, kept):
    assert curves.thinned(values, step) == kept


def test_curves_are_thousandths_by_seed_with_the_epoch_kept(quiet, monkeypatch):
    one = curves.curves(quiet)["of"]["rosmap"]["gmu"]
    rows = quiet.curves.query("variant == 'gmu' and dataset == 'rosmap' and seed == 1 and curve == 'train_loss'")
    wanted = [round(1000 * value) for value in rows.sort_values("epoch")["value"]]
    assert one["train"][1] == wanted
    assert (one["epochs"], one["kept"]) == ([25] * 3, [14] * 3)
    monkeypatch.setattr(curves, "POINTS", len(quiet.curves) // 4)
    thin = curves.curves(quiet)
    assert thin["step"] == 4
    assert thin["of"]["rosmap"]["gmu"]["train"][1] == wanted[::4]  # 25 epochs: the last is the 7th of them


# ---- what may run, and what may leave


def policy_of(elements):
    (told,) = [told for tag, told in elements.tags if tag == "meta" and told.get("http-equiv")]
    return dict(part.strip().partition(" ")[::2] for part in told["content"].split(";"))


def digests(elements):
    ran = [text for told, text in elements.scripts if "type" not in told]
    return {f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in ran}


def test_only_the_pages_own_scripts_may_run_and_nothing_may_leave(nasty):
    _, text, elements = nasty
    allowed = policy_of(elements)
    assert set(allowed["script-src"].split()) == digests(elements)
    assert (allowed["default-src"], allowed["connect-src"], allowed["img-src"]) == ("'none'", "'none'", "data:")
    assert not any(key.startswith("on") for _, told in elements.tags for key in told)
    loading = [
        told for tag, told in elements.tags if tag in ("img", "script", "iframe", "object", "embed", "source")
    ]
    loading += [told for tag, told in elements.tags if tag == "link"]
    assert all((told.get("src") or told.get("href") or "data:").startswith("data:") for told in loading)
    assert "sourceMappingURL" not in text


def test_a_served_page_may_ask_its_server_and_nobody_else(nasty):
    _, text, _ = nasty
    served = Elements(page.with_live(text))
    allowed = policy_of(served)
    assert allowed["connect-src"] == "'self'"
    assert set(allowed["script-src"].split()) == digests(served)
    assert "live.json" in served.scripts[-1][1]
    assert "live.json" not in text
    assert ("div", {"id": "live", "hidden": None, "role": "status"}) in served.tags


def test_scripts_make_no_element_from_text():
    sources = [path.read_text("utf-8") for path in (policy.FOLDER / "js").glob("*.js")]
    assert sources
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert not any(word in text for text in sources), word


def test_tabulator_lies_there_with_its_licence():
    assert "MIT License" in (policy.VENDOR / "LICENSE").read_text("utf-8")
    assert "Tabulator v6.5.3" in (policy.VENDOR / "tabulator.min.js").read_text("utf-8")[:100]


# ---- pictures


def drawing(path, size=(400, 300), seed=0):
    """Save a picture like a figure: white, with lines of a few colours and shades between them."""
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    rng = np.random.default_rng(seed)
    for colour in ("#0072B2", "#E69F00", "#009E73"):
        ends = rng.integers(0, min(size), 40).tolist()
        pen.line(ends, fill=colour, width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def test_a_picture_keeps_its_colours_and_repeats_to_the_byte(tmp_path):
    path = drawing(tmp_path / "a.png")
    found = pictures.picture(path)
    shown = Image.open(io.BytesIO(found.data))
    assert shown.format == "WEBP"
    assert shown.size == (found.width, found.height) == (400, 300)
    was, now = (np.asarray(image.convert("RGB"), dtype=int) for image in (Image.open(path), shown))
    assert np.abs(was - now).max() <= 8
    assert (now[was.min(axis=2) == 255] == 255).all()
    assert pictures.picture(path).data == found.data


def test_pictures_beyond_the_budget_are_halved_the_largest_first(tmp_path, monkeypatch):
    paths = {name: drawing(tmp_path / f"{name}.png", size, 3) for name, size in
             {"large": (1600, 1200), "small": (200, 100)}.items()}  # fmt: skip
    whole = pictures.pictures(paths)
    assert [picture.width for picture in whole.values()] == [1600, 200]
    monkeypatch.setattr(pictures, "BUDGET", sum(len(each.data) for each in whole.values()) - 1)
    assert [picture.width for picture in pictures.pictures(paths).values()] == [800, 200]


def test_figures_are_inside_and_link_to_the_files_beside(quiet, tmp_path):
    png = drawing(tmp_path / "figures" / "pareto.png")
    drawn = [
        Drawn("pareto", "Accuracy against time", "A caption.", (png,), 2.0),
        Drawn("curves", "Curves", "", (), 0.0, "no curve was recorded."),
    ]
    text = made(quiet, tmp_path, drawn)
    elements = Elements(text)
    (image,) = [told for tag, told in elements.tags if tag == "img"]
    assert image["src"].startswith("data:image/webp;base64,")
    assert (image["alt"], image["width"], image["height"]) == ("Accuracy against time", "400", "300")
    assert 'href="figures/pareto.svg"' in text
    assert "Curves: not drawn. no curve was recorded." in elements.text


# ---- anchors, size


def test_every_anchor_leads_somewhere(quiet, nasty, tmp_path):
    for text in (nasty[1], made(quiet, tmp_path)):
        anchors = re.findall(r'href="#([^"=]+)"', text)
        ids = re.findall(r' id="([^"]+)"', text)
        assert {"findings", "leaderboard", "figures", "tables"} <= set(anchors) <= set(ids)
        assert len(ids) == len(set(ids))


@pytest.mark.nightly
def test_sixty_variants_on_twenty_sets_stay_below_five_megabytes(tmp_path):
    names = [*KNOWN, *(f"variant_{i:02d}(option={'x' * 14},rank={i % 8})" for i in range(60 - len(KNOWN)))]
    sets = [*STORED["LEVEL"], *(f"data_set_number_{i:02d}(modalities=tabular+i)" for i in range(13))]
    loaded = run.load(store_run(tmp_path / "results" / "crowd", planted(names, sets), packed=True))
    assert (len(loaded.shown), len(loaded.datasets)) == (60, 20)
    size = len(made(loaded, tmp_path).encode())
    assert size + 4 / 3 * pictures.BUDGET < 5_000_000
