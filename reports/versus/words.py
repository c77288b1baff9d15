"""One pair in words: what `fusebench compare` prints."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..comparisons import SINGLE, best_single
from ..run import Run
from ..statistics import LEVEL, least_sets
from ..wording import listed, number
from . import amounts, costs
from .kinship import absent, kinship, placement
from .measured import Difference, Pairing, called, measure


@dataclass(frozen=True)
class Comparison:
    """One pair, told.

    Parameters
    ----------
    lines
        What a person reads.
    json
        The same as plain values, unrounded; NaN stands for what is undefined.
    """

    lines: tuple[str, ...]
    json: dict[str, Any]


def compare(run: Run, left: str, right: str) -> Comparison:
    """Tell how one variant does against another on every data set where both are complete.

    Differences are left minus right, turned so that positive means the left is better.

    Parameters
    ----------
    run
        A run.
    left, right
        Names of its variants; `best_single` stands for the single modality that validates best on each seed.

    Raises
    ------
    FusebenchError
        For a name that the run does not have, or one name twice.
    """
    pair = measure(run, left, right)
    return Comparison(tuple(_lines(pair)), _json(pair))


def _lines(pair: Pairing) -> Iterator[str]:
    run = pair.run
    tuned = "tuned" if run.suite.get("tuned") else "untuned defaults"
    two = f"{called(pair.left)} against {called(pair.right)}"
    yield f"{two} on {run.suite.get('name', '')} ({tuned}), {_metric(run)}."
    if pair.differences:
        yield from _effect(pair)
        yield from (f"  {_on(each, run)}" for each in pair.differences)
        yield _costs(pair)
        yield from _power(pair)
        yield _new_data(pair)
    else:
        yield "They never met: there is no data set on which both are complete."
    yield from kinship(pair)
    yield from (text for name in (pair.left, pair.right) if (text := placement(run, name)))
    yield from absent(pair)
    if pair.single:
        yield _stands(pair)


def _metric(run: Run) -> str:
    return f"by {amounts.better(run.metric)}; differences are positive where the first is better"


def _effect(pair: Pairing) -> Iterator[str]:
    found, metric = pair.found.paired, pair.run.metric
    value = amounts.difference(found.mean, metric)
    if not pair.seeded:
        where = f"on average over {amounts.sets(found.n)}"
        yield f"Effect: {value} {where}; one seed supports no interval and no claim."
    elif found.n == 1:
        yield f"Effect: {value}, on the only data set where both are complete."
    else:
        yield (
            f"Effect: {value} on average over {amounts.sets(found.n)}, 95 % interval across them "
            f"{amounts.interval(found.low, found.high, metric)} (t; sign-flip p = {number(found.p, 3)}): "
            f"{_told(pair)}."
        )
        yield from _heavy(pair)
        yield from _fixed(pair)
    told = [each.dataset for each in pair.differences if each.told]
    text = f"{called(pair.left)} has the better mean on {found.wins}, the same on {found.ties}, "
    text += f"the worse on {found.losses}"
    where = f"{len(told)} of {found.n}{f' ({listed(told)})' if told else ''}"
    yield f"{text}; the interval of a data set, each looked at alone, leaves out zero on {where}."


def _told(pair: Pairing) -> str:
    found = pair.found.paired
    ahead = called(pair.left if found.mean > 0 else pair.right)
    by_interval, by_flips = found.low > 0 or found.high < 0, found.p <= LEVEL
    if by_interval and by_flips:
        return f"{ahead} is ahead"
    if not by_interval and not by_flips:
        return "which of them is ahead cannot be told"
    if found.n < (fewest := least_sets(1)):
        return f"{ahead} may be ahead, but sign flips can confirm nothing below {fewest} data sets"
    return f"{ahead} may be ahead, but the interval and the sign-flip test disagree"


def _heavy(pair: Pairing) -> Iterator[str]:
    if (each := pair.heavy) is None:
        return
    rest, metric = pair.without(each.dataset), pair.run.metric
    text = f"{amounts.estimate(rest.mean, rest.low, rest.high, metric)} over {amounts.sets(rest.n)}"
    yield f"{each.dataset} weighs more than all the others together; without it {text}."


def _fixed(pair: Pairing) -> Iterator[str]:
    fixed = pair.found.fixed
    if text := amounts.interval(fixed.low, fixed.high, pair.run.metric):
        yield f"The mean on these very data sets, with the error of their seeds alone: {text}."


def _on(each: Difference, run: Run) -> str:
    """Tell the difference on one data set, its interval, and whether that leaves out zero."""
    text = f"{each.dataset}: {amounts.difference(each.effect, run.metric)}"
    if not math.isfinite(each.half):
        return f"{text}, no interval"
    text += f" {amounts.interval(each.effect - each.half, each.effect + each.half, run.metric)}"
    if each.rows is None:
        return f"{text}, leaves out zero" if each.told else text
    error = amounts.half(each.row_half, run.metric)
    chance = f"; the chance of {each.rows or 'its'} fixed test rows, which seeds do not show, "
    chance += f"adds about {error}" if error else "is not known"
    return f"{text} over seeds{chance}{', and zero is left out even so' if each.told else ''}"


def _costs(pair: Pairing) -> str:
    if pair.single:
        return f"Cost: not compared, since every single modality is trained to choose the {SINGLE}."
    time, latency, size = (of(*pair.asked) for of in (costs.training, costs.latency, costs.parameters))
    parts = [f"{_ratio(time, ' the training time')}, on the same machine"] if time else []
    parts += [_ratio(latency, " the time to answer for one row")] if latency else []
    parts += [_ratio(size, " the parameters")] if size else []
    text = f"{pair.left} takes {'; '.join(parts)}" if parts else "nothing comparable was measured"
    return f"Cost: {text}." if time else f"Cost: {text}; no data set was run by both on one machine."


def _ratio(ratio: costs.Ratio, what: str) -> str:
    text = f"{amounts.times(ratio.median)}{what}"
    if ratio.datasets == 1:
        return text
    span = f"{amounts.times(ratio.low)} to {amounts.times(ratio.high)}"
    return f"{text} (median of {amounts.sets(ratio.datasets)}, {span})"


def _power(pair: Pairing) -> Iterator[str]:
    found, metric = pair.found.paired, pair.run.metric
    if found.n < 2 or not pair.seeded or not math.isfinite(found.detectable):
        return
    least = amounts.seen(found.detectable, metric)
    text = (
        f"Could the suite have told? The interval finds a true mean difference of {least} with a power of 80 %; "
    )
    if found.low > 0 or found.high < 0:
        yield f"{text}the interval of the one found leaves out zero."
    else:
        yield (
            f"{text}it found {amounts.size(found.mean, metric)}, and anything within "
            f"{amounts.interval(found.low, found.high, metric)} fits these data: equality is not shown either."
        )


def _new_data(pair: Pairing) -> str:
    if not pair.seeded:
        return "On new data: no claim, one seed supports none."
    if (new := pair.found.new) is not None:
        text = amounts.estimate(new.mean, new.low, new.high, pair.run.metric)
        return f"On a new data set of a new source: {text} (t interval over {new.n} source families)."
    counts = Counter(str(pair.run.data(d).get("source_family") or "unnamed") for d in pair.found.datasets)
    held = ", ".join(f"{family} {count}" for family, count in counts.items())
    return f"On new data: no claim. {pair.found.why} (data sets of each: {held})."


def _stands(pair: Pairing) -> str:
    chosen = {d: single.chosen for d in pair.found.datasets if (single := best_single(pair.run, d))}
    where = "; ".join(f"{d}: {', '.join(dict.fromkeys(names))}" for d, names in chosen.items())
    return f"The {SINGLE} is, chosen on validation rows for every seed: {where}."


def _json(pair: Pairing) -> dict[str, Any]:
    run, found = pair.run, pair.found
    ratios = {"training": costs.training, "latency": costs.latency, "parameters": costs.parameters}
    measured = {} if pair.single else {name: of(*pair.asked) for name, of in ratios.items()}
    return {
        "suite": run.suite.get("name", ""),
        "metric": run.metric,
        "left": pair.left,
        "right": pair.right,
        "seeded": pair.seeded,
        "across": asdict(found.paired),
        "fixed": asdict(found.fixed),
        "new_data": None if found.new is None else asdict(found.new),
        "families": found.families,
        "datasets": [asdict(each) | {"told": each.told} for each in pair.differences],
        "cost": {name: None if ratio is None else asdict(ratio) for name, ratio in measured.items()},
        "lines": list(_lines(pair)),
    }
