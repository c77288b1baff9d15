"""The verdict in words: one question a sentence, and "cannot tell" wherever these rows cannot."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..wording import label, listed, number, plus_minus
from .compare import Estimate
from .verdict import Verdict, commonest
from .worth import RULES

LATE_MEAN = "late_mean"
CNN = "cnn"


def sentences(verdict: Verdict) -> tuple[str, ...]:
    """Return the verdict, the most important first; a caveat that changes its reading before it."""
    parts = [*caveats(verdict), headline(verdict)]
    if verdict.recommended is not None:
        parts += [*_gains(verdict), *_joint(verdict), *_worth(verdict), *_rows(verdict)]
    return (*parts, *_limits(verdict))


def caveats(verdict: Verdict) -> Iterator[str]:
    """Yield what must be read before the verdict: the extractor it holds for."""
    suite, about = verdict.evidence.run.suite, verdict.evidence.about
    chosen = suite.get("training", {}).get("extractors", {})
    small = [
        m["name"]
        for m in about.get("modalities", [])
        if m["kind"] in ("image", "audio") and chosen.get(m["name"], chosen.get(m["kind"], CNN)) == CNN
    ]
    if small:
        yield (
            f"This is a verdict for the small CNN extractor of {listed(small)}, trained on these rows alone: "
            "pretrained embeddings may reorder all that follows."
        )


def headline(verdict: Verdict) -> str:
    """Say what to use, or that nothing is recommended and why."""
    text = _headline(verdict)
    if not verdict.context.placebo:
        return text
    if verdict.recommended is None:
        return f"Placebo: {text[0].lower()}{text[1:]} That is as it should be: the labels are shuffled."
    return f"Placebo: {text} The labels are shuffled, so this is an error: trust no verdict on this data."


def _headline(verdict: Verdict) -> str:
    evidence, compared = verdict.evidence, verdict.comparison
    if compared.leader is None:
        return "Nothing is recommended: no variant is complete."
    if not compared.first:
        return f"Nothing is recommended: so few {evidence.seed_word}s, variants or test groups support no claim."
    if verdict.recommended is None:
        return _nothing(verdict)
    name, many = verdict.recommended, len(compared.first)
    metric, mean = label(evidence.metric), compared.mean(verdict.recommended)
    value = f"{metric} {plus_minus(mean.value, mean.half)}, {_cost(verdict, name)}"
    if many == 1:
        alone = f"Use {name}: it takes the first place alone ({value})."
        return alone if not verdict.singles_first else f"Fusion is not shown to help. {alone}"
    best = "" if compared.leader == name else f"; the best, {compared.leader}, has {number(_best(verdict))}"
    what = f"{name}, the cheapest of {len(verdict.beating)} that share the first place and beat guessing"
    if verdict.singles_first:
        single = compared.cheapest(verdict.singles_first)
        rest = f"{single} alone shares the first place with {many - 1} others"
        return f"Fusion is not shown to help: {rest}. Use {what} ({value}{best})."
    return f"Use {what} ({value}{best})."


def _cost(verdict: Verdict, name: str) -> str:
    seconds, latency = verdict.comparison.seconds(name), verdict.comparison.latency(name)
    answer = f", {number(latency, 2)} ms to answer for a row" if math.isfinite(latency) else ""
    trained = f"{number(seconds, 1)} s to train" if math.isfinite(seconds) else "trained on another machine"
    return f"{trained}{answer}"


def _best(verdict: Verdict) -> float:
    leader = verdict.comparison.leader
    return math.nan if leader is None else verdict.comparison.mean(leader).value


def _nothing(verdict: Verdict) -> str:
    held, leader, metric = verdict.gate, verdict.comparison.leader, label(verdict.evidence.metric)
    assert held is not None and leader is not None
    best = f"{leader} has {metric} {number(_best(verdict))}, guessing {number(held.guess)}"
    if held.chance[leader] > 1 / (held.draws + 1) + 1e-12:
        share = max(1, round(held.chance[leader] * (held.draws + 1)) - 1)
        why = f"of {held.draws} labellings dealt at random, {share} give some variant as good a result"
    elif held.bound[leader] <= 0:
        why = "it knows something of the labels, but is not shown to be ahead of the commonest answer"
    else:
        why = "no variant that shares the first place is itself shown to be ahead"
    return f"Nothing is recommended: no variant is shown to beat guessing ({best}; {why})."


def _cannot(what: str, found: Estimate) -> str:
    return f"{what}: cannot tell at this size ({_seen(found)})."


def _gains(verdict: Verdict) -> Iterator[str]:
    compared, name = verdict.comparison, verdict.recommended
    singles = compared.of_kind("unimodal")
    for subject in dict.fromkeys((name, compared.leader)):
        if verdict.single and subject is not None and subject not in singles:
            what = f"{subject} against the best single modality ({verdict.best_single})"
            told = _ahead(what, compared.ahead(subject, verdict.single))
            picked = f", though picked as the best of {len(verdict.evidence.names)}, which flatters it."
            yield told if subject != compared.leader else told[:-1] + picked
    if name is not None and LATE_MEAN in verdict.evidence.names and name != LATE_MEAN:
        yield _ahead(f"{name} against late_mean", compared.ahead(name, LATE_MEAN))


def _ahead(what: str, found: Estimate) -> str:
    if found.above:
        return f"{what}: ahead by {plus_minus(found.value, found.half)}."
    if found.below:
        return f"{what}: behind by {plus_minus(-found.value, found.half)}."
    return _cannot(what, found)


def _joint(verdict: Verdict) -> Iterator[str]:
    if not verdict.joint or LATE_MEAN not in verdict.evidence.names:
        return
    name, found = commonest(verdict.joint), verdict.comparison.ahead(verdict.joint, LATE_MEAN)
    what = f"Joint training ({name}, chosen on validation rows) against late_mean"
    if found.above:
        yield f"{what}: it pays, ahead by {plus_minus(found.value, found.half)}."
    elif found.below:
        yield f"{what}: it does not pay, behind by {plus_minus(-found.value, found.half)}."
    else:
        yield _cannot(what, found)
    held = verdict.interactions.get(name or "")
    if held is None:
        return
    lost = plus_minus(held.share.value, held.share.half)
    word = verdict.evidence.seed_word
    share = f"{lost} of its accuracy {number(held.accuracy)}, on {held.rows} test rows of one {word}"
    if held.share.above:
        yield f"Interaction between modalities matters in {name}: a sum of one score a modality loses {share}."
    else:
        yield f"Interaction between modalities is not shown to matter in {name}: without it, it loses {share}."


def _worth(verdict: Verdict) -> Iterator[str]:
    for worth in verdict.worths:
        if worth.rule != RULES[0]:
            continue
        loss, name = worth.removal, worth.modality
        share = f"its Shapley share of the gain over guessing is {worth.shapley}"
        if loss.above:
            yield f"{name} is needed: without it late_mean loses {plus_minus(loss.value, loss.half)}; {share}."
        elif loss.below:
            yield f"{name} does harm: without it late_mean gains {plus_minus(-loss.value, loss.half)}; {share}."
        else:
            yield f"{_cannot(f'late_mean with {name} against without it', loss)[:-1]}; {share}."


def _rows(verdict: Verdict) -> Iterator[str]:
    if not verdict.curves:
        return
    shown = [c for c in verdict.curves if c.doubling.above or c.doubling.below]
    rest = [f"{c.variant} ({_seen(c.doubling)})" for c in verdict.curves if c not in shown]
    parts = []
    if shown:
        gains = ", ".join(f"{c.variant} {c.doubling}" for c in shown)
        so_far = f"if it goes on as from {verdict.curves[0].rows[0]:,} rows to all"
        parts.append(f"better {label(verdict.evidence.metric)}, {so_far}: {gains}")
    if rest:
        parts.append(f"cannot tell for {', '.join(rest)}")
    yield f"Twice the training rows: {'; '.join(parts)}."


def _seen(found: Estimate) -> str:
    half = number(found.half)
    return f"{found}; {half} or more would have been seen" if half else "there is no interval"


def _limits(verdict: Verdict) -> Iterator[str]:
    evidence, context = verdict.evidence, verdict.context
    if evidence.published:
        rows = len(evidence.rows.labels[0]) if evidence.names else 0
        yield f"A fixed split: seeds vary the training alone; intervals hold the chance of {rows:,} test rows too."
    if len(evidence.seeds) == 2:
        yield f"Two {evidence.seed_word}s only: intervals are wide."
    if context.left_out:
        yield f"Left out for want of time: {'; '.join(context.left_out)}."
    if verdict.unfinished:
        word = evidence.seed_word
        texts = [f"{name}, {word} {', '.join(map(str, seeds))}" for name, seeds in verdict.unfinished.items()]
        yield f"Without a result: {listed(texts)}."
