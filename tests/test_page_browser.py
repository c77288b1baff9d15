"""The page in a browser: sorted, filtered, sent as a link, opened from disk, read without scripts."""

import csv
import io
import re
import runpy
import threading
import time
from pathlib import Path

import pytest

from fusebench.reports import contents, page, run
from fusebench.reports.figures import draw_all
from fusebench.reports.findings import findings

HERE = Path(__file__).parent
BROWSER = runpy.run_path(str(HERE / "browser.py"))
STORED = runpy.run_path(str(HERE / "stored_runs.py"))
missing, opened, until, faults, axe = (BROWSER[name] for name in ("missing", "opened", "until", "faults", "axe"))
errors, requests, resize, prefer, scripts = (
    BROWSER[name] for name in ("errors", "requests", "resize", "prefer", "scripts")
)

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

NASTY, AMPERSAND, KANJI = "</script><b>x", 'a & "b"', "手書き数字"
BAD = {"late_product": "failed", "gmu": "timeout", "film": "out_of_memory"}
READY = "return document.documentElement.dataset.ready"
NAMES = "return [...document.querySelectorAll('#board .tabulator-row a.name')].map((each) => each.textContent)"
CELLS = (
    "return [...document.querySelectorAll(`#board .tabulator-row [tabulator-field='${arguments[0]}']`)]"
    ".map((each) => each.innerText)"
)
HEAD = "return document.querySelector(`#board .tabulator-col[tabulator-field='${arguments[0]}'] button`)"
RUNNING = {"gmu": {"d": [0.8, None]}, "film": {"d": [0.6, "failed"]}}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page in a folder with a space in its name: three variants not ok on rosmap, names that break pages."""
    base = tmp_path_factory.mktemp("runs")
    known = [*list(STORED["KNOWN"])[::2], *BAD, "late_stacking", "late_joint_mean", NASTY]
    datasets = ["rosmap", "synthetic_synergy", AMPERSAND, KANJI]
    values = STORED["planted"](list(dict.fromkeys(known)), datasets)
    for name, status in BAD.items():
        values[name]["rosmap"] = [0.8, status, 0.8]
    values["late_mean"] = {AMPERSAND: [{"accuracy": float("nan")}, {"accuracy": float("inf")}, {}]}
    data = {AMPERSAND: {"classes": [NASTY, "b"]}}
    store = STORED["store_run"](base / "results" / "quick", values, data=data, known={NASTY: KNOWN_AS})
    loaded = run.load(store)
    folder = base / "a b" / "ü"
    drawn = draw_all(loaded, folder / "figures", ["status"])
    return page.write(loaded, contents.tables(loaded), drawn, findings(loaded), folder / "index.html"), loaded


KNOWN_AS = ("cross_modal", "merge", "nodes", None)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def show(driver, written):
    """Return a function that opens the page afresh at an address' hash, at desktop width and in light colours."""

    def open_at(hash_="", width=1280, theme="light"):
        resize(driver, width)
        prefer(driver, prefers_color_scheme=theme)
        driver.get("about:blank")
        errors(driver), requests(driver)
        driver.get(written[0].as_uri() + hash_)
        until(driver, READY)
        return driver

    return open_at


def click(driver, css):
    driver.execute_script("document.querySelector(arguments[0]).click()", css)


def press(driver, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(driver).send_keys(*keys).perform()


def shown(driver):
    """Return the numbers of variants that the page says it shows, and of all."""
    text = driver.execute_script("return document.getElementById('shown').textContent")
    return [int(number) for number in re.findall(r"\d+", text)]


# ---- S25: from disk, offline, a folder with a space, a link with a filter


def test_nothing_leaves_the_page_and_nothing_goes_wrong(show, written):
    driver = show()
    click(driver, "#figures button.zoom")
    driver.execute_script(
        "document.getElementById('zoom').close(); document.querySelector('#board a.name').click()"
    )
    assert requests(driver) == [written[0].as_uri()]  # the file itself
    assert errors(driver) == []


def test_a_link_restores_filter_search_sort_and_columns_after_a_reload(show, written):
    driver = show()
    before = shown(driver)
    assert before == [len(written[1].shown)] * 2
    driver.find_element("css selector", "#axes summary").click()
    driver.find_element("css selector", "#axes .tick input").click()  # unimodal: the order of architectures
    driver.find_element("id", "search").send_keys("tab")  # the box closes, being left
    driver.execute_script(HEAD, "variant").click()
    driver.execute_script("[...document.querySelectorAll('#chooser .tick')].find((t) => t.textContent === 'level')"
                          ".querySelector('input').click()")  # fmt: skip
    kept = driver.execute_script(NAMES), shown(driver), driver.current_url
    assert set(kept[0]) == {"unimodal(modality=tabular)"}
    assert " " not in kept[2]
    for key in ("architecture=unimodal", "q=tab", "sort=variant", "show=level"):
        assert key in kept[2]
    driver.refresh()
    until(driver, READY)
    assert (driver.execute_script(NAMES), shown(driver), driver.current_url) == kept
    assert driver.execute_script("return document.getElementById('search').value") == "tab"
    assert driver.execute_script(CELLS, "level")
    assert errors(driver) == []


def test_a_link_to_what_is_not_here_shows_everything(show, written):
    driver = show("#data=nowhere&metric=no&architecture=none&variant=nobody&sort=nothing")
    assert shown(driver) == [len(written[1].shown)] * 2
    assert errors(driver) == []


def test_without_scripts_the_leaderboard_is_a_readable_table(driver, written):
    path, loaded = written
    scripts(driver, False)
    try:
        resize(driver, 1280)
        driver.get(path.as_uri())
        rows = driver.find_elements("css selector", "#plain tbody tr")
        assert len(rows) == len(loaded.shown)
        texts = [row.text for row in rows]
        assert all(text.startswith(name) for text, name in zip(texts, loaded.shown, strict=True))
        assert any("failed 1/3" in text for text in texts)
        hidden = driver.find_elements("css selector", "#controls, #theme, button.zoom")
        assert hidden
        assert not any(each.is_displayed() for each in hidden)
        assert driver.find_element("css selector", "#figures img").is_displayed()
    finally:
        scripts(driver, True)


def test_the_raw_file_holds_every_row_of_the_leaderboard(written):
    path, loaded = written
    text = path.read_text("utf-8")
    board = text[text.index('id="plain"') : text.index('id="board-note"')]
    assert board.count('<th scope="row">') == len(loaded.shown)


# ---- the leaderboard


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_what_is_not_ok_is_sorted_last_both_ways_and_is_no_number(show, written, direction):
    driver = show("#data=rosmap")
    for _ in range(2):
        driver.execute_script(HEAD, "score").click()
        if f"dir={direction}" in driver.current_url or (direction == "desc" and "dir=" not in driver.current_url):
            break
    sign = {"asc": "ascending", "desc": "descending"}[direction]
    column = "#board .tabulator-col[tabulator-field='score']"
    assert driver.find_element("css selector", column).get_attribute("aria-sort") == sign
    driver.execute_script("document.querySelector('.tabulator-tableholder').scrollTop = 1e6")
    time.sleep(0.2)
    last = driver.execute_script(CELLS, "score")[-4:]
    assert sorted(text.strip() for text in last) == [
        "not planned", "ok 2/3, failed 1/3", "ok 2/3, out_of_memory 1/3", "ok 2/3, timeout 1/3",
    ]  # fmt: skip
    driver.execute_script("document.querySelector('.tabulator-tableholder').scrollTop = 0")
    time.sleep(0.2)
    values = [float(re.search(r"[\d.]+", text)[0]) for text in driver.execute_script(CELLS, "score")[:8]]
    assert values == sorted(values, reverse=direction == "desc")


def test_undefined_metrics_are_words(show):
    driver = show(f"#data={AMPERSAND.replace('&', '%26')}&q=late_mean")
    assert driver.execute_script(NAMES) == ["late_mean"]
    assert driver.execute_script(CELLS, "score") == ["accuracy undefined"]


def test_search_and_reset_tell_how_many_are_left(show, written):
    driver = show()
    driver.find_element("id", "search").send_keys("MERGE_s")
    names = driver.execute_script(NAMES)
    assert names
    assert all("merge_s" in name for name in names)
    assert shown(driver) == [len(names), len(written[1].shown)]
    click(driver, "#reset")
    assert shown(driver)[0] == len(written[1].shown)
    driver.find_element("id", "search").send_keys("no such name")
    assert shown(driver)[0] == 0
    assert "No variant passes" in driver.find_element("id", "board").text


def test_the_download_holds_what_is_shown(show, driver, tmp_path):
    show("#data=rosmap&q=late_&sort=score&dir=asc&hide=data_fusion")
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    names = driver.execute_script(NAMES)
    click(driver, "#csv")
    end = time.monotonic() + 20
    while not (found := list(tmp_path.glob("*.csv"))):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert found[0].name == "quick-rosmap-accuracy.csv"
    rows = list(csv.DictReader(io.StringIO(found[0].read_text("utf-8"))))
    assert [row["variant"] for row in rows] == names
    assert "data fusion" not in rows[0]
    assert [row["accuracy"] for row in rows[-2:]] == ["not planned", "ok 2/3, failed 1/3"]
    assert {row["accuracy ±"] for row in rows[-2:]} == {""}
    numbers = [float(row["accuracy"]) for row in rows[:-2]]
    assert numbers == sorted(numbers)
    assert all(float(row["accuracy ±"]) > 0 for row in rows[:-2])


# ---- panels, figures, colours


def test_a_panel_opens_and_closes_by_keyboard(show):
    from selenium.webdriver.common.keys import Keys

    driver = show("#q=late_product")
    driver.execute_script("document.querySelector('#board a.name').focus()")
    press(driver, Keys.ENTER)
    panel = driver.find_element("id", "panel")
    assert panel.is_displayed()
    assert "variant=late_product" in driver.current_url
    for words in (
        "The formula of late_product",
        "seed 2",
        "architecture late · data fusion merge · level decisions",
        "A paper, 2020",
        "failed",
    ):
        assert words in panel.text, words
    assert driver.find_elements("css selector", "#panel svg.curve path.validation")
    click(driver, "#panel details summary")
    assert "ValueError: late_product gave failed" in panel.text
    press(driver, Keys.ESCAPE)
    assert not panel.is_displayed()
    assert "variant=" not in driver.current_url
    assert driver.execute_script("return document.activeElement.textContent") == "late_product"


def test_a_link_opens_a_data_set_with_its_ranking(show):
    driver = show("#dataset=synthetic_synergy")
    panel = driver.find_element("id", "panel")
    for words in ("ceilings", "any method 1.000", "CC BY 4.0", "Ranking by accuracy", "guessing"):
        assert words in panel.text, words
    rows = driver.find_elements("css selector", "#panel-body tbody tr")
    means = [float(found[0]) for row in rows if (found := re.search(r"0?\.\d{3}|1\.000", row.text))]
    assert means == sorted(means, reverse=True)
    assert len(driver.find_elements("css selector", "#panel svg.interval")) == len(means)


def test_names_appear_literally_and_make_no_element(show):
    driver = show(f"#q=x&variant={NASTY.replace('/', '%2F').replace('<', '%3C').replace('>', '%3E')}")
    assert NASTY in driver.execute_script(NAMES)
    panel = driver.find_element("id", "panel")
    for name in (NASTY, AMPERSAND, KANJI):
        assert name in panel.text
    driver.execute_script("document.getElementById('panel').close()")
    options = driver.execute_script(
        "return [...document.querySelectorAll('#choose-data option')].map((o) => o.text)"
    )
    assert {AMPERSAND, KANJI} < set(options)
    assert driver.find_elements("css selector", "b") == []


def test_a_figure_is_zoomed_by_keyboard(show):
    from selenium.webdriver.common.keys import Keys

    driver = show()
    driver.execute_script("document.querySelector('#figures button.zoom').focus()")
    press(driver, Keys.ENTER)
    until(driver, "return document.getElementById('stage').dataset.scale")
    scale = "return Number(document.getElementById('stage').dataset.scale)"
    first = driver.execute_script(scale)
    press(driver, "+", "+")
    large = driver.execute_script(scale)
    assert large > 1.8 * first
    place = "return document.querySelector('#stage img').style.transform"
    before = driver.execute_script(place)
    press(driver, Keys.ARROW_RIGHT)
    assert driver.execute_script(place) != before
    press(driver, "0")
    assert driver.execute_script(scale) == first
    assert driver.find_element("id", "zoom-file").get_attribute("href").endswith("figures/status.svg")
    press(driver, Keys.ESCAPE)
    assert not driver.find_element("id", "zoom").is_displayed()


def test_dark_follows_the_reader_and_the_button(show, driver):
    paper = "return getComputedStyle(document.body).backgroundColor"
    show(theme="light")
    light = driver.execute_script(paper)
    show(theme="dark")
    dark = driver.execute_script(paper)
    assert light == "rgb(255, 255, 255)"
    assert max(map(int, re.findall(r"\d+", dark))) < 60
    click(driver, "#theme")
    assert driver.execute_script(paper) == light
    driver.refresh()
    until(driver, READY)
    assert driver.execute_script(paper) == light
    driver.execute_script("localStorage.clear()")


@pytest.mark.parametrize("hash_", ["", "#data=rosmap", "#variant=gmu", "#dataset=rosmap"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_makes_the_page_scroll_sideways(show, width, hash_):
    driver = show(hash_, width=width)
    wide, inner = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner == width


@pytest.mark.skipif(axe() is None, reason="no axe-core: pip install axe-core-python")
@pytest.mark.parametrize(
    ("theme", "hash_"),
    [
        ("light", ""),
        ("dark", "#dataset=rosmap"),
        pytest.param("dark", "", marks=pytest.mark.nightly),
        pytest.param("light", "#variant=late_product", marks=pytest.mark.nightly),
        pytest.param("light", "#q=nothing+like+it", marks=pytest.mark.nightly),
        pytest.param("dark", "#q=nothing+like+it", marks=pytest.mark.nightly),
        pytest.param("dark", "#variant=late_product", marks=pytest.mark.nightly),
        pytest.param("light", "#dataset=rosmap", marks=pytest.mark.nightly),
    ],
)
def test_axe_finds_no_serious_fault(show, theme, hash_):
    driver = show(hash_, theme=theme)
    assert faults(driver) == []


def test_a_served_page_tells_how_far_the_run_is(driver, tmp_path):
    from fusebench.serve import address, server

    STORED["store_run"](tmp_path / "results" / "quick", RUNNING)
    made = server("quick", tmp_path, port=0)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        errors(driver)
        driver.get(address(made))
        words = until(driver, "return document.getElementById('live').textContent")
        assert words.startswith("Running: 3 of 4 cells done (1 failed).")
        assert errors(driver) == []
    finally:
        made.shutdown()
        made.server_close()
