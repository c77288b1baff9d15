"""A run that computed nothing draws nothing, as long as its page shows what is stored."""

import os
from types import SimpleNamespace

import pytest

import fusebench
from fusebench import drawn
from fusebench.reports import build as building


@pytest.fixture
def drawings(monkeypatch):
    """Replace the drawing by one that writes a page of a line; return the pages that were drawn."""
    pages = []

    def build(root, out, **_):
        page = out / "reports" / "s" / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"drawn {len(pages)}")
        pages.append(page)
        return SimpleNamespace(name="s", page=page, lines=("tiny: nobody",))

    monkeypatch.setattr(building, "build", build)
    return pages


@pytest.fixture
def run(suite, stubs, tmp_path):
    path = suite(["stub", "stub(number=1)"])

    def go(**choice):
        settings = dict(plugins=[stubs], out=tmp_path, jobs=0, quiet=True)
        return fusebench.run(path, **(settings | choice))

    return go


def test_what_is_drawn_is_not_drawn_again_and_says_the_same(run, drawings):
    first = run()
    again = run()
    assert len(drawings) == 1
    assert [line for line in again.lines if "tiny: nobody" in line or line.startswith("Open ")] == [
        line for line in first.lines if "tiny: nobody" in line or line.startswith("Open ")
    ]


def newer_record(stored, page):
    path = stored.files[0]
    os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)


def narrowed_page(stored, page):
    page.write_text("drawn for one variant")


def lost_page(stored, page):
    page.unlink()


def damaged_note(stored, page):
    page.with_name(drawn.NAME).write_text("{")


def lost_timing(stored, page):
    next((stored.root / "timing").glob("*.json")).unlink()


@pytest.mark.parametrize("change", [newer_record, narrowed_page, lost_page, damaged_note, lost_timing])
def test_what_changed_is_drawn_again(run, drawings, stored, change):
    run()
    change(stored, drawings[0])
    run()
    assert len(drawings) == 2


def test_what_was_computed_is_drawn(run, drawings):
    run(variants=["stub"])
    run()
    assert len(drawings) == 2
