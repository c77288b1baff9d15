"""References: from the words of an entry or a data set to works.

Works that we know stand in references.toml, whole and checked. A plugin's reference, which we cannot know, is
written out from its own words and claims nothing beyond them.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

ARXIV = re.compile(r"arxiv(?:\.org/abs/|[\s:.]*)(\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z]{2})?/\d{7})", re.IGNORECASE)
DOI = re.compile(r"\b10\.(?!48550/arxiv)\d{4,9}/[^\s,;\"'<>{}\\]+", re.IGNORECASE)
YEAR = re.compile(r"\b(?:1[6-9]|20)\d\d\b")
LONGEST_AUTHOR = 120  # letters before the year; what is longer is a sentence
SHORTEST_TITLE = 3  # words; a shorter one, such as "Wine", is found by its identifier alone
PACKAGE = __name__.rpartition(".")[0]
CLOSING = {")": "(", "]": "["}


@dataclass(frozen=True)
class Entry:
    """One work.

    Parameters
    ----------
    key
        What LaTeX cites it by.
    kind
        BibTeX's type.
    authors
        `Family, Given`; a name without a comma is taken whole; `others` stands for the rest.
    title, year
        Empty and None where unknown.
    fields
        BibTeX's other fields, in order, plain text.
    whole
        Whether the author is one text, as somebody wrote it, and not to be taken apart.
    """

    key: str
    kind: str
    authors: tuple[str, ...]
    title: str
    year: int | None
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    whole: bool = False

    @property
    def label(self) -> str:
        """What stands in brackets in running text: `Kittler et al., 1998`."""
        names = [name if self.whole else name.partition(",")[0] for name in self.authors]
        author = names[0] if names else self.title or self.fields.get("note", "")
        if len(names) == 2 and names[1] != "others":
            author = " and ".join(names)
        elif len(names) > 1:
            author = f"{names[0]} et al."
        return f"{author}, {self.year}" if self.year else author


# ---- the works that we know


@cache
def _stored() -> Mapping[str, dict[str, Any]]:
    return tomllib.loads(resources.files(PACKAGE).joinpath("references.toml").read_text("utf-8"))


@cache
def known() -> Mapping[str, Entry]:
    """Return the works of references.toml by key, read once."""
    return {key: _entry(key, values) for key, values in _stored().items()}


def _entry(key: str, values: Mapping[str, Any]) -> Entry:
    apart = ("type", "author", "title", "year", "arxiv", "short")
    fields = {name: value for name, value in values.items() if name not in apart} | _eprint(values.get("arxiv"))
    authors = tuple(values.get("author", ()))
    return Entry(key, values["type"], authors, values["title"], values.get("year"), fields)


def _eprint(arxiv: str | None) -> dict[str, str]:
    return {"eprint": arxiv, "archiveprefix": "arXiv"} if arxiv else {}


@cache
def _by_identifier() -> Mapping[str, str]:
    pairs = ((values.get(name), key) for key, values in _stored().items() for name in ("arxiv", "doi"))
    return {identifier.casefold(): key for identifier, key in pairs if identifier}


@cache
def _by_name() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return titles and short names: they count where they stand by themselves, between commas and the like."""
    names = [
        (name, key)
        for key, values in _stored().items()
        for name in (values["title"], *values.get("short", ()))
        if name in values.get("short", ()) or len(name.split()) >= SHORTEST_TITLE
    ]
    pattern = r"(?:^|[,;:(.])\s*{}(?=$|\s*[,;:().]|\s+v\d)"
    return tuple((re.compile(pattern.format(re.escape(name)), re.IGNORECASE), key) for name, key in names)


# ---- from words to works


def resolve(text: str) -> tuple[Entry, ...]:
    """Return the works that a reference's words name, in their order.

    Words between semicolons are taken by themselves. A known work is found by its arXiv id, DOI or title; for
    words with an identifier or a year that name none, an entry is written out from the words. Words without
    either are a remark, unless they are all there is.

    Parameters
    ----------
    text
        As registered: `"Arevalo et al. 2017, arXiv 1702.01992"`. Empty gives none.
    """
    parts = [part for piece in text.split(";") if (part := " ".join(piece.split()))]
    found: dict[str, Entry] = {}
    for part in parts:
        for entry in _known_in(part) or _unknown_in(part):
            found.setdefault(entry.key, entry)
    if not found and parts:
        found[""] = _from_words("; ".join(parts))
    return tuple(found.values())


def _known_in(part: str) -> list[Entry]:
    identifiers = _identifiers(part)
    places = {place: _by_identifier().get(identifier.casefold()) for place, _, identifier in identifiers}
    if identifiers and not any(places.values()):
        return []  # of a work that we do not know, whatever its title is
    places |= {found.start(): key for pattern, key in _by_name() if (found := pattern.search(part))}
    return [known()[key] for key in dict.fromkeys(key for _, key in sorted(places.items()) if key)]


def _identifiers(text: str) -> list[tuple[int, str, str]]:
    """Return (place, `eprint` or `doi`, identifier) of all in a text."""
    arxiv = [(found.start(), "eprint", found[1]) for found in ARXIV.finditer(text)]
    return arxiv + [(found.start(), "doi", _closed(found[0])) for found in DOI.finditer(text)]


def _closed(doi: str) -> str:
    """Return a DOI without the sentence's full stop and brackets behind it."""
    doi = doi.rstrip(".:")
    while doi and (opening := CLOSING.get(doi[-1])) and doi.count(doi[-1]) > doi.count(opening):
        doi = doi[:-1].rstrip(".:")
    return doi


def _unknown_in(part: str) -> list[Entry]:
    return [_from_words(part)] if _identifiers(part) or YEAR.search(part) else []


def _from_words(text: str, title: str = "", url: str = "") -> Entry:
    identifiers = {kind: identifier for _, kind, identifier in reversed(_identifiers(text))}
    year = YEAR.search(text)
    author = _author(text[: year.start()]) if year else ""
    fields = {"doi": identifiers["doi"]} if "doi" in identifiers else {}
    fields |= (
        _eprint(identifiers.get("eprint")) | ({"url": url} if url else {}) | {"note": _up_to_identifier(text)}
    )
    mark = identifiers.get("eprint") or identifiers.get("doi") or f"{title}|{text}|{url}"
    name = f"{_slug(author) or _slug(title) or 'reference'}{year[0] if year else ''}"
    key = f"{name}-{hashlib.sha256(mark.casefold().encode()).hexdigest()[:6]}"
    return Entry(key, "misc", (author,) if author else (), title, int(year[0]) if year else None, fields, True)


def _up_to_identifier(text: str) -> str:
    """Return a text without what follows its last identifier: the figure meant says nothing about the work."""
    ends = [text.find(identifier, place) + len(identifier) for place, _, identifier in _identifiers(text)]
    return text[: max(ends)] if ends else text


def _author(before: str) -> str:
    """Return whom the words before a year name, as in `after Doe & Roe 2024` or `attention: Doe et al. 2020`."""
    text = before.rpartition(": ")[2].strip(" ,(").removeprefix("after ").removeprefix("see ")
    return "" if len(text) > LONGEST_AUTHOR or _identifiers(text) else text


def _slug(text: str) -> str:
    first = re.split(r"[\s,&]", text, maxsplit=1)[0]
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", first).casefold())[:20]


def of_data(told: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Return the works that a data set is cited by; none where nobody says how, as for generated data.

    Parameters
    ----------
    told
        What suite.json tells about it: `citation`, `home`, `title` and `licence`, each may be empty or missing.
    """
    citation, url = told.get("citation") or "", (told.get("home") or "").partition(";")[0].strip()
    found = resolve(citation)
    if len(found) > 1 or any(entry.key in known() for entry in found) or not (citation or url):
        return found
    licence = told.get("licence") or ""
    return (_from_words(citation or (f"Licence: {licence}" if licence else ""), told.get("title") or "", url),)
