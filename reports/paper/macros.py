"""numbers.tex: a macro for every number that a text quotes, so that none is typed by hand."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from string import ascii_uppercase

from .. import across
from ..wording import label, number
from . import boards
from .latex import comment, escape, measure
from .spec import Selection

DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
NO_INTERVAL = "no interval"
UNKNOWN = "not estimated"


@dataclass(frozen=True)
class Macro:
    """A number to quote.

    Parameters
    ----------
    words
        What its name is made of.
    text
        As tables write it (`0.843 ± 0.012`), or a word where there is no number.
    meaning
        What it is, for the comment beside it.
    """

    words: tuple[str, ...]
    text: str
    meaning: str


def named(macros: list[Macro], prefix: str) -> list[tuple[str, Macro]]:
    """Give every macro a name of letters alone that no other has.

    Words are joined with a capital each, digits are spelled, accents dropped; of macros whose names would
    be the same, those after the first get a letter more.
    """
    taken: set[str] = set()
    found = []
    for macro in macros:
        base = prefix + "".join(map(letters, macro.words))
        name = next(base + tail for tail in _tails() if base + tail not in taken)
        taken.add(name)
        found.append((name, macro))
    return found


def letters(text: str) -> str:
    """Return a text as letters from A to Z: `merge_sum(width=192)` → `MergeSumWidthOneNineTwo`."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    spelled = "".join(f" {DIGITS[int(sign)]} " if sign.isascii() and sign.isdigit() else sign for sign in plain)
    words = "".join(sign if sign.isascii() and sign.isalpha() else " " for sign in spelled).split()
    return "".join(word[0].upper() + word[1:] for word in words)


def _tails() -> Iterator[str]:
    yield ""
    for length in (1, 2, 3, 4):
        yield from map("".join, product(ascii_uppercase[1:], repeat=length))


def numbers(selection: Selection) -> list[Macro]:
    """Return every macro of a paper: counts, scores, gains, times, first places, effects."""
    run, names = selection.run, selection.names
    metric = label(run.metric)
    found = _counts(selection)
    gain = "gain over the best single modality, chosen on validation rows"
    for kind, board, digits, what in (
        (metric, boards.scores(run), 3, f"{metric}, mean over seeds"),
        ("gain", boards.gains(run), 3, f"{gain} (in {metric}, positive is better)"),
        ("seconds", boards.seconds(run), 2, "wall seconds of training, mean over seeds"),
    ):
        for (name, dataset), value in board.items():
            words = kind, _word(names[name], "entry", run.shown.index(name)), _dataset(selection, dataset)
            found += _valued(words, value, digits, f"{what}: {names[name]} on {dataset}", kind == "gain")
    return [*found, *_first(selection), *_effects(selection)]


def _word(text: str, kind: str, place: int) -> str:
    return text if letters(text) else f"{kind} {place + 1}"


def _dataset(selection: Selection, dataset: str) -> str:
    return _word(dataset, "set", selection.run.datasets.index(dataset))


def _valued(words: tuple[str, ...], value: boards.Value, digits: int, what: str, sign: bool) -> list[Macro]:
    """Return a value, and where seeds can give it one half its interval and both together."""
    alone = boards.Value(value.value, word=value.word)
    made = [Macro(words, alone.text(digits, sign), what)]
    if words[0] == "seconds":
        return made
    held = boards.Value(value.value, value.half, word=value.word)
    half = number(value.half, digits) or (NO_INTERVAL if math.isfinite(value.value) else value.word)
    made.append(Macro((*words, "half"), half, f"half the 95 % interval of {what}"))
    return [*made, Macro((*words, "interval"), held.text(digits, sign), f"{what}, with its interval")]


def _counts(selection: Selection) -> list[Macro]:
    run = selection.run
    made = [
        Macro(("datasets",), str(len(run.datasets)), "data sets shown"),
        Macro(("entries",), str(len(run.shown)), "entries shown"),
        Macro(("entries", "compared"), str(len(run.variants)), "entries compared, where complete"),
        Macro(("entries", "hidden"), str(selection.hidden), "entries compared that are not shown"),
    ]
    for dataset in run.datasets:
        word, scores = _dataset(selection, dataset), run.scores(dataset)
        made.append(Macro(("seeds", word), str(len(scores.seeds)), f"seeds on {dataset}"))
        made.append(Macro(("compared", word), str(len(scores.names)), f"entries complete on {dataset}"))
        shared = str(len(scores.first)) if scores.first else "no claim"
        made.append(Macro(("sharing", word), shared, f"entries that share the first place on {dataset}"))
    seen = across.seen(run, across.block(run))
    what = (
        f"smallest mean difference from {seen.anchor} that {seen.n} {seen.unit}s find with a power of 80 %, for "
        "one pair looked at and the median spread over entries"
    )
    return [*made, Macro(("detectable",), number(seen.delta) or UNKNOWN, what)]


def _first(selection: Selection) -> list[Macro]:
    """Count, for every entry, the data sets whose first place it shares, of those where one is claimed."""
    run, made = selection.run, []
    claimed = [dataset for dataset in run.datasets if run.scores(dataset).first]
    for place, (name, display) in enumerate(selection.names.items()):
        shares = sum(name in run.scores(dataset).first for dataset in claimed)
        among = sum(name in run.scores(dataset) for dataset in claimed)
        words = "first", _word(display, "entry", place)
        made += [
            Macro(words, str(shares), f"data sets whose first place {display} shares"),
            Macro((*words, "of"), str(among), f"data sets with a first place on which {display} is compared"),
        ]
    return made


def _effects(selection: Selection) -> list[Macro]:
    """Return the first entry against each of the others, over the paper's data sets."""
    (first, ours), *others = selection.names.items()
    made = []
    for place, (name, display) in enumerate(others, start=1):
        found = across.versus(selection.run, first, name)
        words = "effect", _word(ours, "entry", 0), _word(display, "entry", place)
        made += [Macro((*words, *more), text, what) for more, text, what in _effect(found, ours, display)]
    return made


def _effect(found: across.Versus, ours: str, theirs: str) -> list[tuple[tuple[str, ...], str, str]]:
    held = found.tested
    over = f"{held.n} {'source families' if found.claim else 'data sets'}"
    why = f"; {found.why}" if found.why else ""
    what = f"mean difference of {ours} and {theirs} over {over} (positive: {ours} is better{why})"
    return [
        ((), number(held.mean, 3, sign=True) or UNKNOWN, what),
        (("low",), number(held.low, 3, sign=True) or NO_INTERVAL, "lower end of its 95 % t interval"),
        (("high",), number(held.high, 3, sign=True) or NO_INTERVAL, "upper end"),
        (("p",), number(held.p, 4) or UNKNOWN, "p of its sign-flip test, for one pair looked at"),
        (("wins",), str(found.paired.wins), f"data sets on which {ours} is better"),
        (("ties",), str(found.paired.ties), "data sets on which they are equal"),
        (("losses",), str(found.paired.losses), f"data sets on which {theirs} is better"),
        (("detectable",), number(held.detectable) or UNKNOWN, "the mean difference found with a power of 80 %"),
    ]


def text(selection: Selection, source: str) -> str:
    """Return numbers.tex: one macro a line, beside each what it is."""
    top = comment(
        f"Numbers of {source}.",
        "Include it once by \\input{numbers}; then write, in text or in math,",
        f"\\{selection.prefix}Datasets{{}} and the like.",
        "Where nothing was measured a macro is a word (failed 1/3, no interval). Drawn anew by every report.",
    )
    lines = [
        f"\\newcommand{{\\{name}}}{{{value(macro.text)}}} {comment(macro.meaning)}"
        for name, macro in named(numbers(selection), selection.prefix)
    ]
    return top + "".join(lines)


def value(text: str) -> str:
    """Return a macro's body: a number that stands in text and in math, or words."""
    found = measure(text)
    return rf"\ensuremath{{{found.strip('$')}}}" if found else rf"\textnormal{{{escape(text)}}}"
