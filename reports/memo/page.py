"""The page in one language: an answer, a table of verdicts, a figure and every value, question by question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .. import across, placebos
from ..run import MISSING, Run
from ..statistics import LEVEL, least_sets
from ..statistics.power import POWER
from ..wording import number, sentence
from .answers import Answer, Judged, answers, chance, restless, shaken
from .looks import ONE, REST, Look
from .tables import code, named, values, verdicts
from .wording import Language

REFUSALS = ("absent", "unseeded")
YARDSTICKS = {placebos.ALIASES: "yardstick.aliases", placebos.ONE_FUNCTION: "yardstick.names"}


def page(run: Run, language: Language, figures: Iterable[str] = ()) -> str:
    """Return the page as Markdown; `figures` holds the keys of questions that have one."""
    found, drawn = answers(run), set(figures)
    parts = [f"# {language.say('title')}", language.say("twin"), _intro(run, language)]
    parts += [text for answer in found for text in _question(run, language, answer, found, drawn)]
    parts += [f"## {language.say('yardstick.title')}", *_yardstick(run, language)]
    parts += [f"## {language.say('rules.title')}", _rules(language)]
    return "\n\n".join(parts) + "\n"


def _intro(run: Run, language: Language) -> str:
    missing = int((run.cells["status"] == MISSING).sum())
    return language.say(
        "intro",
        run=run.suite.get("name", ""),
        tuned=language.say("run.tuned" if run.suite.get("tuned") else "run.untuned"),
        variants=len(run.variants),
        sets=language.sets(len(run.datasets)),
        seeds=max((len(run.seeds(dataset)) for dataset in run.datasets), default=0),
        unfinished=language.say("run.unfinished", missing=missing, planned=len(run.cells)) if missing else "",
    )


def _question(
    run: Run, language: Language, answer: Answer, found: Sequence[Answer], drawn: set[str]
) -> Iterator[str]:
    key = answer.question.key
    title = language.say(f"{key}.title")
    yield f"## {title}"
    yield f"**{_sentence(language, answer)}**"
    yield language.say(f"{key}.about")
    if told := [*_notes(language, answer, found)]:
        yield "\n".join(f"- {text}" for text in told)
    met = [pair for pair in answer.judged if pair.looks]
    if not met:
        return
    yield verdicts(language, answer, met)
    if key in drawn:
        unit = language.unit(brackets=True)
        yield f"![{title}](memo/{key}.png)"
        yield language.say("figure", metric=language.metric, unit=unit)
    yield f"<details><summary>{language.say('by_dataset')}</summary>"
    yield values(run, language, met)
    yield "</details>"


# ---- the answer


def _sentence(language: Language, answer: Answer) -> str:
    """Return the answer in one sentence of words: its opening, and how firm that is."""
    held, grade = answer.code, answer.grade
    words = language.say(f"{'refusal' if held in REFUSALS else answer.question.key}.{held}")
    return (language.say(f"grade.{grade}", answer=words) if grade else words) + language.say("stop")


def _clause(language: Language, pair: Judged) -> str:
    """Tell the looks that say who is ahead, and what is left beside them; else the look over all data sets."""
    part = language.say(f"part.{pair.part.key}")
    if not pair.told:
        look, names = pair.looks[0], named(pair)
        words = {"pair": names, "estimate": language.estimate(look), "where": _where(language, look)}
        return language.say(f"clause.{look.word}", part=part, **words)
    told = [_ahead(language, pair, look, part) for look in pair.told]
    rest = [look for look in pair.looks if look.scope == REST and look not in pair.told]
    told += [
        language.say("clause.rest", estimate=language.estimate(look), where=_where(language, look))
        for look in rest
    ]
    return language.say("then").join(told)


def _ahead(language: Language, pair: Judged, look: Look, part: str) -> str:
    left = look.word == "left"
    low, high = (look.low, look.high) if left else (-look.high, -look.low)
    return language.say(
        "clause.ahead",
        ahead=code(pair.left if left else pair.right),
        behind=code(pair.right if left else pair.left),
        size=language.amount(abs(look.mean)),
        interval=language.interval(low, high, sign=False),
        where=_where(language, look),
        part=part,
    )


def _where(language: Language, look: Look) -> str:
    if look.scope == ONE:
        return language.say("where.one", name=code(look.datasets[0]))
    return language.say(f"where.{look.scope}", sets=language.sets(len(look.datasets)))


# ---- what must be said beside it


def _notes(language: Language, answer: Answer, found: Sequence[Answer]) -> Iterator[str]:
    for pair in answer.judged:
        if pair.state == "judged" and not pair.part.same:
            yield sentence(_clause(language, pair)) + language.say("stop")
    for part in answer.question.parts:
        if rate := chance(answer.of(part.key)):
            yield language.say(
                "note.chance",
                part=sentence(language.say(f"part.{part.key}")),
                beyond=rate.beyond,
                total=rate.total,
                level=number(100 * LEVEL, 0),
                **_rate(rate.beyond / rate.total, rate.low, rate.high),
            )
    yield from _looks(language, answer)
    widest = restless(found)
    for name in shaken(answer, widest):
        pair, each = widest[name]
        size = language.amount(abs(each.effect))
        yield language.say("note.shaken", name=code(name), pair=named(pair), estimate=size)
    yield from _lacking(language, answer)
    families = max((p.pairing.found.families for p in answer.judged if p.pairing and p.looks), default=0)
    if 0 < families < across.FEWEST_FAMILIES:
        yield language.say("note.families", families=families, fewest=across.FEWEST_FAMILIES)


def _rate(rate: float, low: float, high: float) -> dict[str, str]:
    return {"rate": number(100 * rate, 1), "low": number(100 * low, 1), "high": number(100 * high, 1)}


def _looks(language: Language, answer: Answer) -> Iterator[str]:
    total = len(answer.adjusted)
    if not total:
        return
    most = max(len(look.datasets) for pair in answer.judged for look in pair.looks)
    floor = language.say("note.floor", sets=language.sets(most)) if most < least_sets(total) else ""
    counts = {"total": total, "told": answer.told, "firm": answer.firm}
    yield language.say("note.looks", **counts, expected=number(LEVEL * total, 1), floor=floor)


def _lacking(language: Language, answer: Answer) -> Iterator[str]:
    for pair in answer.judged:
        names = named(pair)
        part = language.say(f"part.{pair.part.key}")
        if pair.state == "absent":
            yield language.say("note.missing", pair=names, part=part, names=_listed(language, pair.absent))
        elif pair.state == "unmet":
            yield language.say("note.unmet", pair=names, part=part)
        else:
            if pair.part.same and not pair.same:
                yield language.say("note.undeclared", pair=names)
            if pair.pairing and (out := pair.pairing.found.left_out):
                yield language.say("note.incomplete", pair=names, names=_listed(language, out))


def _listed(language: Language, names: Iterable[str]) -> str:
    return language.say("comma").join(map(code, names))


# ---- chance and rules


def _yardstick(run: Run, language: Language) -> Iterator[str]:
    yield language.say("yardstick.about", level=number(100 * LEVEL, 0))
    data = placebos.rates(run)
    lines = [
        language.say(
            YARDSTICKS[kind],
            beyond=int(beyond),
            total=int(total),
            **_rate(float(rate), float(low), float(high)),
        )
        for kind, total, beyond, rate, low, high in zip(*(data[column] for column in data), strict=True)
        if kind in YARDSTICKS
    ]
    yield "\n".join(f"- {line}" for line in lines or [language.say("yardstick.none")])


def _rules(language: Language) -> str:
    words = {
        "metric": language.metric,
        "level": number(100 * LEVEL, 0),
        "power": number(100 * POWER, 0),
        "fewest": least_sets(1),
    }
    return "\n".join(f"- {rule.format(**words)}" for rule in language.rules)
