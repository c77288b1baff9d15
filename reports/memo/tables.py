"""The page's tables, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from ..run import Run
from ..tables import pipes
from ..wording import short
from .answers import Answer, Judged
from .looks import ONE, Look
from .wording import Language


def verdicts(language: Language, answer: Answer, met: Sequence[Judged]) -> str:
    """Return the table of verdicts: every look at every pair."""
    unit = language.unit(brackets=True)
    heads = [
        language.say(f"head.{name}", unit=unit)
        for name in ("pair", "where", "difference", "counts", "p", "verdict", "least")
    ]
    rows = []
    for pair in met:
        for place, look in enumerate(pair.looks):
            adjusted = answer.adjusted.get((pair.left, pair.right, place))
            rows.append(
                (
                    named(pair) if not place else "",
                    _row(language, look),
                    language.bare_estimate(look),
                    f"{look.wins}–{look.ties}–{look.losses}",
                    _p(look.p) + (f" ({_p(adjusted)})" if adjusted is not None and _p(adjusted) else ""),
                    _verdict(language, pair, look),
                    language.least(look.least),
                )
            )
    return pipes(heads, rows)


def _row(language: Language, look: Look) -> str:
    name = code(look.datasets[0]) if look.scope == ONE else ""
    return language.say(f"row.{look.scope}", n=len(look.datasets), name=name)


def _verdict(language: Language, pair: Judged, look: Look) -> str:
    if pair.state == "unseeded":
        return language.say("verdict.unseeded")
    if pair.same:
        held = "same_told" if look.word in ("left", "right") else "same_open"
        return language.say("verdict.same", word=language.say(f"verdict.{held}"))
    return language.say(f"verdict.{look.word}", left=code(pair.left), right=code(pair.right))


def _p(p: float) -> str:
    return "<.001" if p < 0.001 else short(p, 3)


def values(run: Run, language: Language, met: Sequence[Judged]) -> str:
    """Return every value: a row a pair and data set."""
    share, unit = language.share, language.unit(brackets=True)
    names = ("pair", "dataset", "kind", "left", "right", "difference")
    rows = []
    for pair in met:
        for place, each in enumerate(pair.differences):
            kind = run.data(each.dataset).get("interaction")
            rows.append(
                (
                    named(pair) if not place else "",
                    code(each.dataset),
                    language.words.get(f"kind.{kind}", kind) if kind else "",
                    language.level(each.left),
                    language.level(each.right),
                    language.bare(each.effect, each.effect - each.whole, each.effect + each.whole),
                )
            )
    return pipes([language.say(f"head.{name}", unit=unit, share=share) for name in names], rows)


def named(pair: Judged) -> str:
    """Return `left − right`."""
    return f"{code(pair.left)} − {code(pair.right)}"


def code(name: str) -> str:
    """Return a name as code."""
    return f"`{name}`"
