"""The catalogue as a whole: places and peers' methods filled or explained, nothing said that is not so."""

import re
from pathlib import Path

import pytest

from fusebench import explaining, fusion, listing
from fusebench.catalogue import page, published
from fusebench.fusion import REGISTRY, places
from fusebench.fusion.coverage import coverage, known_here, peers
from fusebench.fusion.identities import MAPPINGS
from fusebench.fusion.taxonomy import ABSENT, AXES
from fusebench.fusion.wrappers import WRAPPERS

fusion.load_all()

IDS = REGISTRY.ids
ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "results" / "reference" / "published"


def test_nothing_is_broken():
    assert REGISTRY.broken == {}


def test_the_catalogue_is_large():
    assert len(IDS) >= 90  # wrappers not counted
    assert len(WRAPPERS) >= 12


@pytest.mark.parametrize(
    "place", list(places.places()), ids=lambda p: f"{p.architecture}-{p.data_fusion}-{p.level}"
)
def test_every_place_has_entries_or_a_reason(place):
    assert bool(place.entries) != bool(place.reason)


def test_no_reason_is_left_for_a_place_that_is_filled():
    empty = {(p.architecture, p.data_fusion, p.level) for p in places.places() if not p.entries}
    used = {
        key for key in places.EMPTY if any(key[0] == a and key[1] in ("*", f) and key[2] == v for a, f, v in empty)
    }
    assert used == set(places.EMPTY)


@pytest.mark.parametrize("covered", list(coverage()), ids=lambda c: f"{c.peer}-{c.method}")
def test_every_method_of_a_peer_is_here_or_left_out_for_a_reason(covered):
    assert bool(covered.ours) != bool(covered.reason), covered


def test_peers_names_are_those_of_their_code():
    told = {(peer, method) for peer, about in peers().items() for method in about["methods"]}
    assert set(known_here()) <= told


def test_left_out_methods_exist_and_are_not_covered_after_all():
    for peer, about in peers().items():
        assert set(about["left_out"]) <= set(about["methods"])
        assert not [m for m in about["left_out"] if (peer, m) in known_here()]


@pytest.mark.parametrize("id", IDS)
def test_every_entry_tells_all_that_is_asked_of_it(id):
    entry = REGISTRY.get(id)
    assert entry.axes.architecture == "unimodal" or re.match(r"O\(.+\)", entry.complexity)
    for axis, value in (entry.contestable or {}).items():
        assert value in AXES[axis]
        assert value != getattr(entry.axes, axis)
    assert entry.absent in ABSENT


@pytest.mark.parametrize("wrapper", list(WRAPPERS), ids=WRAPPERS.ids)
def test_every_wrapper_tells_formula_and_source(wrapper):
    first = wrapper.doc.split("\n\n")[0]
    assert re.search(r"[Σ∏⊙=‖(\[←]", first), first
    assert wrapper.id == "sgd" or re.search(r"\b(19|20)\d\d\b", wrapper.reference)


def test_every_equivalence_class_has_its_mappings():
    classes = {}
    for entry in REGISTRY:
        options = {f"{entry.id}({spelt})": name for spelt, name in entry.equivalence_by_options.items()}
        for name, label in ({entry.id: entry.equivalence_class} | options).items():
            if label is not None:
                classes.setdefault(label, set()).add(name)
    assert classes == {label: set(members) for label, members in MAPPINGS.items()}


@pytest.mark.parametrize("id", IDS)
def test_explain_draws_every_entry(id):
    lines = explaining.diagram(REGISTRY.get(id).metadata({}))
    assert lines
    assert max(map(len, lines)) < 110
    assert any("class" in line for line in lines)


def test_explain_proves_a_class_live():
    text = explaining.explain("merge_network")
    assert re.search(
        r"merge_network against concat_network: largest difference of logits \de-0\d on 64 rand", text
    )
    assert "One function" not in explaining.explain("concat_features")


def test_explain_tells_a_wrapper_and_a_wrapped_network():
    assert "training wrapper" in explaining.explain("+sgd")
    assert "Trained under: +sgd" in explaining.explain("merge_sum+sgd")


def test_wrappers_are_listed_apart(capsys):
    listing.print_variants(listing.variants(), listing.wrappers(), json=False, verbose=False)
    said = capsys.readouterr().out
    assert "+sgd" in said
    assert not re.search(r"^\+sgd", said, re.M)


def test_the_page_of_variants_is_current():
    assert (ROOT / "docs" / "variants.md").read_text("utf-8") == page(), "run `make docs`"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no such reference run is committed")
def test_the_page_of_published_figures_is_current():
    assert (ROOT / "docs" / "published.md").read_text("utf-8") == published(PUBLISHED), "run `make docs`"
