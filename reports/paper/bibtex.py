"""BibTeX from works: nothing in a name breaks the file, and small letters keep their capitals."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from . import latex
from .bibliography import Entry

MARKS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030c": "v", "\u0327": "c",
    "\u030a": "r", "\u0306": "u", "\u0304": "=", "\u0307": ".", "\u030b": "H", "\u0328": "k",
}  # fmt: skip
LETTERS = {
    "ı": r"{\i}", "ß": r"{\ss}", "ø": r"{\o}", "Ø": r"{\O}", "æ": r"{\ae}", "Æ": r"{\AE}", "œ": r"{\oe}",
    "ł": r"{\l}", "Ł": r"{\L}", "–": "--",
    "{": r"\textbraceleft{}", "}": r"\textbraceright{}",  # BibTeX counts braces, escaped ones too
}  # fmt: skip
RUNS = re.compile(r"[{}]|[^\x00-\x7f]|[^{}\x80-\U0010ffff]+")
RAW = ("url", "doi", "eprint", "archiveprefix")  # styles print them as they are


def bibtex(entries: Iterable[Entry]) -> str:
    """Return works as a BibTeX file, each once, sorted by key."""
    ordered = sorted(entries, key=lambda entry: (entry.key, entry.fields.get("note", "")), reverse=True)
    once = {entry.key: entry for entry in ordered}
    return "\n".join(_one(once[key]) for key in sorted(once))


def _one(entry: Entry) -> str:
    lines = [f"  {name} = {{{value}}},\n" for name, value in _fields(entry) if value]
    return f"@{entry.kind}{{{entry.key},\n{''.join(lines)}}}\n"


def _fields(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "author", " and ".join(_person(name, entry.whole) for name in entry.authors)
    if not entry.authors:
        yield "key", entry.key  # what styles sort by, and cut
    yield "title", " ".join(_kept(word, place) for place, word in enumerate(entry.title.split()))
    yield "year", str(entry.year or "")
    if entry.kind == "misc" and "eprint" in entry.fields and not {"howpublished", "note"} & entry.fields.keys():
        yield "howpublished", f"arXiv:{entry.fields['eprint']}"  # older styles print no eprint
    for name, value in entry.fields.items():
        yield name, _raw(value) if name in RAW else _ranges(value) if name == "pages" else literal(value)


def _person(name: str, whole: bool) -> str:
    apart = not whole and ("," in name or name == "others")
    return literal(name) if apart else f"{{{literal(name)}}}"


def _kept(word: str, place: int) -> str:
    """Return a title's word, in braces where a style that writes small letters would spoil it."""
    inner = word if place else word[1:]
    return f"{{{literal(word)}}}" if inner != inner.lower() else literal(word)


def _raw(value: str) -> str:
    """Return an address with the signs that would end a field as their codes."""
    return re.sub(r"[\s{}\\]|[^\x00-\x7f]", lambda f: "".join(f"%{b:02X}" for b in f[0].encode()), value)


def _ranges(pages: str) -> str:
    return re.sub(r"(?<=\d)-(?=\d)", "--", pages)


def literal(text: str) -> str:
    """Return text that LaTeX prints as it is and BibTeX can read: accents as commands, braces balanced."""
    return "".join(_run(run) for run in RUNS.findall(unicodedata.normalize("NFC", text)))


def _run(run: str) -> str:
    if run in LETTERS:
        return LETTERS[run]
    base, *marks = unicodedata.normalize("NFD", run) if len(run) == 1 else (run, "")
    if len(marks) == 1 and marks[0] in MARKS and base.isascii():
        return f"{{\\{MARKS[marks[0]]}{{{base}}}}}"
    return latex.escape(run)
