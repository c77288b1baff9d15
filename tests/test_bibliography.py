"""References: what entries and data sets name is found whole, the unknown claims nothing, BibTeX can be read."""

import re
import unicodedata

import pytest

from fusebench import datasets, fusion
from fusebench.reports.paper.bibliography import ARXIV, DOI, Entry, known, of_data, resolve
from fusebench.reports.paper.bibtex import bibtex, literal

fusion.load_all()
datasets.load_all()
OURS = "fusebench.fusion"
REFERENCES = {
    e.id: e.reference for e in fusion.REGISTRY if e.definition.__module__.startswith(OURS) and e.reference
}
CARDS = {e.id: e.card for e in datasets.REGISTRY}
KINDS = {
    "article": "journal", "inproceedings": "booktitle", "book": "publisher", "techreport": "institution",
    "misc": "title",
}  # fmt: skip


def plain(text):
    """Return small letters without accents."""
    letters = unicodedata.normalize("NFKD", text.replace("ı", "i").replace("ł", "l").casefold())
    return re.sub(r"[^a-z0-9]", "", letters)


def parse(text):
    """Read a BibTeX file strictly, as ours are written: {key: (kind, {field: value})}."""
    found = {}
    for block in filter(None, text.split("\n\n")):
        head, *lines, end = block.rstrip("\n").split("\n")
        kind, key = re.fullmatch(r"@([a-z]+)\{([a-z0-9-]+),", head).groups()
        assert end == "}"
        assert key not in found
        fields = [re.fullmatch(r"  ([a-z]+) = \{(.*)\},", line).groups() for line in lines]
        assert len(dict(fields)) == len(fields)
        assert all(balanced(value) for _, value in fields)
        found[key] = kind, dict(fields)
    return found


def balanced(value):
    """Say whether braces pair as BibTeX counts them: escaped ones too."""
    depth = 0
    for sign in value:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


# ---- what is stored


def test_no_two_works_share_an_identifier_or_a_title():
    for name in ("eprint", "doi"):
        held = [entry.fields[name].casefold() for entry in known().values() if name in entry.fields]
        assert len(held) == len(set(held))
    titles = [plain(entry.title) for entry in known().values()]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("key", sorted(known()))
def test_a_stored_work_is_whole(key):
    entry = known()[key]
    assert entry.title
    assert entry.authors
    assert KINDS[entry.kind] == "title" or entry.fields[KINDS[entry.kind]]
    assert entry.year is None or 1600 < entry.year < 2100
    assert "," not in entry.authors[0] or key.startswith(plain(entry.authors[0].split(",")[0]))
    assert entry.year is None or str(entry.year) in key or entry.kind == "misc"
    assert set(entry.fields) <= {
        "journal", "booktitle", "publisher", "institution", "howpublished", "volume", "number", "pages", "doi",
        "eprint", "archiveprefix", "url",
    }  # fmt: skip
    assert "eprint" not in entry.fields or ARXIV.fullmatch(f"arXiv {entry.fields['eprint']}")
    assert "doi" not in entry.fields or DOI.fullmatch(entry.fields["doi"])
    assert not re.search(r"[{}\\$]", " ".join((entry.title, *entry.authors, *entry.fields.values())))
    assert all(
        re.fullmatch(r"[^,]+(, (?:Jr|IV))?, [^,]+|others|[^ ,]+", author) for author in entry.authors
    )  # family, (suffix,) given


@pytest.mark.parametrize("key", sorted(key for key, entry in known().items() if "eprint" in entry.fields))
def test_an_arxiv_id_is_of_the_years_before_the_work_appeared(key):
    """An id that belongs to another paper is mostly of another time; a preprint's year is its own."""
    entry = known()[key]
    posted = 2000 + int(entry.fields["eprint"][:2])
    assert entry.year is not None
    assert posted <= entry.year <= posted + 3
    assert entry.kind != "misc" or entry.year == posted


# ---- what is registered


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_every_registered_reference_is_a_work_that_we_know(name):
    found = resolve(REFERENCES[name])
    assert found
    for entry in found:
        assert known().get(entry.key) is entry, "give its arXiv id, DOI or title, and the work in references.toml"
        assert entry.title and entry.authors and entry.year


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_a_reference_names_the_author_and_year_of_the_work_that_it_identifies(name):
    text = REFERENCES[name]
    for entry in resolve(text):
        assert plain(entry.authors[0].split(",")[0]) in plain(text)
        assert str(entry.year) in text


@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_data_set_is_cited_by_works_that_we_know(name):
    card = CARDS[name]
    found = of_data({"citation": card.citation, "home": card.home, "title": card.title, "licence": card.licence})
    assert bool(found) == bool(card.citation or card.home)
    assert all(entry.key in known() for entry in found)
    identifiers = {m[1] for m in ARXIV.finditer(card.citation)} | {m[0] for m in DOI.finditer(card.citation)}
    held = {entry.fields.get(kind) for entry in found for kind in ("eprint", "doi")}
    assert {i.rstrip(").") for i in identifiers} <= held


# ---- from words to works
#
# words                                                        | works, by hand
CASES = {
    "Arevalo et al. 2017, arXiv 1702.01992": ["arevalo2017gated"],
    "see arXiv:1702.01992v3; https://arxiv.org/abs/1703.06114": ["arevalo2017gated", "zaheer2017deep"],
    "doi 10.48550/arXiv.1806.00064": ["liu2018efficient"],
    "Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1.": ["wolpert1992stacked"],
    "(doi 10.1109/34.667881)": ["kittler1998combining"],
    "Ngiam et al. 2011, Multimodal deep learning": ["ngiam2011multimodal"],
    "fusilli": ["townend2024fusilli"],
    "Liu et al. 2018, arXiv 1806.00064; the copy that somebody ships": ["liu2018efficient"],
    "Jackson et al., Free Spoken Digit Dataset v1.0.10": ["jacksonspoken"],
    "": [],
    " ; ": [],
}


@pytest.mark.parametrize("text", CASES)
def test_known_works_are_found(text):
    assert [entry.key for entry in resolve(text)] == CASES[text]


@pytest.mark.parametrize(
    "text",
    [
        "Ngiam-like, Multimodal deep learning for leaves, 2024",  # a longer title
        "Smith 2011, Wine",  # a short one
        "Doe 2024, Attention is all you need, arXiv 2499.00001",  # the title of another work
        "Doe 2024, doi 10.1109/34.6678",  # the beginning of a known identifier
    ],
)
def test_a_work_is_not_taken_for_another(text):
    (entry,) = resolve(text)
    assert entry.key not in known()


#                                                   author               year  identifier         note
WRITTEN = {
    "Doe & Roe 2024, arXiv 2401.9, figure": ("Doe & Roe", 2024, None, "Doe & Roe 2024, arXiv 2401.9, figure"),
    "Roe 2024, arXiv 2401.99999, figure 2": ("Roe", 2024, "2401.99999", "Roe 2024, arXiv 2401.99999"),
    "Smith, Jones & Doe (2023), doi 10.1000/ab_c(3).": ("Smith, Jones & Doe", 2023, "10.1000/ab_c(3)", None),
    "after Doe et al. 2020": ("Doe et al.", 2020, None, "after Doe et al. 2020"),
    "attention: 見本 2020": ("見本", 2020, None, "attention: 見本 2020"),
    "my own idea": (None, None, None, "my own idea"),
    "arXiv 2401.99999 of 2024": (None, 2024, "2401.99999", "arXiv 2401.99999"),
}  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
def test_what_nobody_knows_is_written_out_from_its_words(text):
    author, year, identifier, note = WRITTEN[text]
    (entry,) = resolve(text)
    assert entry.authors == ((author,) if author else ())
    assert entry.year == year
    assert (entry.fields.get("eprint") or entry.fields.get("doi")) == identifier
    assert note is None or entry.fields["note"] == note
    assert entry.title == ""
    assert resolve(text) == (entry,)


def test_two_figures_of_one_unknown_work_are_one_entry():
    first, second = (resolve(f"Doe 2024, arXiv 2401.99999, figure {n}") for n in (1, 2))
    assert first == second
    assert len(parse(bibtex([*first, *second]))) == 1


def test_different_unknown_works_of_one_author_and_year_have_different_keys():
    assert len({resolve(f"Doe 2024, {what}")[0].key for what in ("one", "two")}) == 2


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        ({"title": "Ours", "home": "https://example.org/a; b", "licence": "CC0"},
         {"url": "https://example.org/a", "note": "Licence: CC0"}),
        ({"title": "Ours", "citation": "Doe 2020", "home": ""}, {"note": "Doe 2020"}),
        ({"title": "Ours", "licence": "none"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_data_set_without_a_known_paper_is_cited_by_what_it_tells(told, fields):
    found = of_data(told)
    if fields is None:
        assert found == ()
    else:
        assert [(entry.title, dict(entry.fields)) for entry in found] == [("Ours", fields)]


@pytest.mark.parametrize(
    ("authors", "whole", "label"),
    [
        (("Hotelling, Harold",), False, "Hotelling, 1936"),
        (("Kiela, Douwe", "Grave, Edouard"), False, "Kiela and Grave, 1936"),
        (("Kiela, Douwe", "others"), False, "Kiela et al., 1936"),
        (("a, A", "b, B", "c, C"), False, "a et al., 1936"),
        (("Smith, Jones & Doe",), True, "Smith, Jones & Doe, 1936"),
        ((), False, "The title, 1936"),
    ],
)
def test_labels(authors, whole, label):
    assert Entry("k", "misc", authors, "The title", 1936, whole=whole).label == label


# ---- BibTeX


def test_all_works_make_a_file_that_can_be_read():
    read = parse(bibtex(known().values()))
    assert list(read) == sorted(known())
    gmu = read["arevalo2017gated"][1]
    assert gmu["author"] == (
        r"Arevalo, John and Solorio, Thamar and Montes-y-G{\'{o}}mez, Manuel and Gonz{\'{a}}lez, Fabio A."
    )
    assert gmu["howpublished"] == "arXiv:1702.01992"
    assert read["vielzeuf2018centralnet"][1]["title"].startswith("{CentralNet:} {A} multilayer")
    assert read["petfinder2018adoption"][1]["author"] == "{PetFinder.my}"
    assert read["kittler1998combining"][1]["pages"] == "226--239"
    assert bibtex(known().values()).isascii()


@pytest.mark.parametrize("name", ["}", "{", "a{b}c", "</script>", "50 % of $x_1$ & #2 ~^\\", 'say "so"', "見本"])
def test_any_words_make_a_file_that_can_be_read(name):
    entries = resolve(f"{name} 2020, a\tnote") + of_data({"title": name, "home": f"https://example.org/{name}"})
    read = parse(bibtex(entries))
    assert len(read) == 2
    assert not re.search(
        r"(?<!\\)[%#&]", "".join(f[k] for _, f in read.values() for k in ("note", "title") if k in f)
    )


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("Demšar", r"Dem{\v{s}}ar"),
        ("Alpaydın", r"Alpayd{\i}n"),
        ("Łukasz", r"{\L}ukasz"),
        ("a{b}", r"a\textbraceleft{}b\textbraceright{}"),
        ("x_1 & y", r"x\_1 \& y"),
        ("見本", "見本"),
    ],
)
def test_letters(text, tex):
    assert literal(text) == tex
