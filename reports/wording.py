"""Numbers, statuses and findings in words: the sentences that tables, figures and the page share."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .comparisons import ceiling
from .run import MISSING, Run, published

NO_COUNT = frozenset({"incompatible", "unavailable"})
INTERVAL = (
    "± is half a 95 % interval from the pooled residuals of variant and seed (for one variant looked at): "
    "how hard a seed's rows are for everybody is left out of it."
)


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """Write a number with fixed decimals, a true minus and no negative zero; empty where undefined."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def short(value: float, digits: int = 2) -> str:
    """Write a number below 1 without its leading zero (`.84`)."""
    return number(value, digits).replace("0.", ".", 1) if abs(value) < 1 else number(value, digits)


def plus_minus(value: float, half: float, digits: int = 3, sign: bool = False) -> str:
    """Write `0.843 ± 0.012`; the value alone where there is no interval."""
    text = number(value, digits, sign)
    return f"{text} ± {number(half, digits)}" if text and math.isfinite(half) else text


def counted(count: int, one: str, many: str = "") -> str:
    """Write a number and what is counted: `1 question`, `2 questions`, `1,200 rows`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def label(metric: str) -> str:
    """Return a metric's name for an axis or a heading."""
    return {"log_loss": "log-loss", "auroc": "AUROC", "macro_f1": "macro-F1"}.get(metric, metric.replace("_", " "))


def sentence(text: str) -> str:
    """Return a heading with its first letter large."""
    return text[:1].upper() + text[1:]


def unit(metric: str) -> str:
    """Return a metric's unit: log-loss is in nats, shares have none."""
    return {"log_loss": "nat", "kl": "nat"}.get(metric, "share of rows" if metric == "accuracy" else "")


def axis(metric: str, prefix: str = "", *, detail: str = "") -> str:
    """Return an axis label with its unit in brackets."""
    inside = ", ".join(part for part in (unit(metric), detail) if part)
    text = f"{prefix}{label(metric)}"
    return f"{text} ({inside})" if inside else text


def status_words(counts: Mapping[str, int]) -> str:
    """Write counts by status as words (`ok 2/3, failed 1/3`); what never ran by rule is the word alone."""
    total = sum(counts.values())
    if len(counts) == 1 and (only := next(iter(counts))) in NO_COUNT:
        return only
    return ", ".join(f"{status} {count}/{total}" for status, count in counts.items())


def worst(counts: Mapping[str, int]) -> str:
    """Return the status that most needs a look: neither ok nor missing if there is one, then missing."""
    bad = [status for status in counts if status not in ("ok", MISSING)]
    return next((status for status in (*bad, MISSING, "ok") if status in counts), "")


def listed(names: list[str] | tuple[str, ...], most: int = 6) -> str:
    """Join names; those beyond `most` are counted."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def title_notes(run: Run) -> tuple[str, ...]:
    """Return what every title must say: the suite, tuning, what is unfinished, what is not shown."""
    notes = [run.suite.get("name", ""), "tuned" if run.suite.get("tuned") else "untuned defaults"]
    notes += [unfinished(run), run.note]
    if len(run.shown) < len(run.variants):
        notes.append(f"{len(run.shown)} of {len(run.variants)} shown")
    return tuple(dict.fromkeys(note for note in notes if note))


def unfinished(run: Run) -> str:
    """Say what of the plan is not there yet: `seed 0 of 3`, or a count of cells; empty where all is."""
    planned = sorted({int(seed) for seed in run.cells["seed"]} | set(run.suite.get("seeds", ())))
    used = {run.seeds(dataset) for dataset in run.datasets}
    if len(used) == 1 and 0 < len(seeds := sorted(*used)) < len(planned):
        word = "seed" if len(seeds) == 1 else "seeds"
        return f"{word} {', '.join(map(str, seeds))} of {len(planned)}"
    missing = int((run.cells["status"] == MISSING).sum())
    return f"{len(run.cells) - missing} of {len(run.cells)} cells done" if missing else ""


def incomplete(run: Run, dataset: str) -> dict[str, str]:
    """Return the shown variants that are not compared on a data set, each with the reason in words."""
    complete = run.scores(dataset)
    return {
        name: why_absent(run, name, dataset)
        for name in run.shown
        if name not in complete and run.statuses(name, dataset)
    }


def why_absent(run: Run, name: str, dataset: str, metric: str | None = None) -> str:
    """Say why a variant has no mean of a metric on a data set; nothing where none was planned."""
    counts = run.statuses(name, dataset)
    if set(counts) == {"ok"}:
        return f"{label(metric or run.metric)} undefined"
    return status_words(counts)


def first_line(run: Run, dataset: str) -> str:
    """Say who takes the first place on a data set, or why nobody is said to."""
    scores = run.scores(dataset)
    if scores.best is None:
        counts = run.cells[run.cells["dataset"] == dataset]["status"].value_counts().sort_index()
        what = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"{dataset}: no variant is complete ({what})"
    k, best = len(scores.names), scores.best
    half = scores.half(best)
    digits = 3 if half < 0.0095 else 2
    value = short(scores.mean(best), digits)
    if not math.isfinite(half):
        why = "only one variant is complete" if k == 1 else "one seed supports no claim"
        return f"{dataset}: no first place, {why} (best of {k}: {best} {value})"
    value = f"{value} ± {short(half, digits)}"
    if chance := row_chance(run, dataset):
        value += f" over seeds, ± {short(2 * chance[1])} by the chance of {chance[0]} fixed test rows"
    if len(scores.first) == 1:
        return f"{dataset}: {best} takes the first place alone ({value}, {k} compared)"
    return f"{dataset}: {len(scores.first)} of {k} share the first place (best: {best} {value})"


def data_notes(run: Run, dataset: str) -> list[str]:
    """Return the sentences without which a data set's results mislead."""
    data = run.data(dataset)
    own = [str(note) for note in data.get("notes", ())]
    told, notes = " ".join(own).lower(), []
    if data.get("pairing") == "by_label" and "by label" not in told:
        notes.append(
            "Modalities are paired by label: rows of different sources that share a class. They are "
            "independent given the label by construction, so the product of late decisions is optimal in "
            "theory; rankings are shown apart."
        )
    if limits := ceiling(run, dataset):
        notes.append(
            f"The best accuracy that any method can reach is {number(limits['full'])}; with the best single "
            f"modality {number(limits['single'])}, by guessing {number(limits['chance'])}."
        )
    if published(data) and "training alone" not in told:
        notes.append("A published split with one fixed set of test rows: seeds vary the training alone.")
    notes += _chance(run, dataset)
    if run.scores(dataset).within.factor > 1 / max(1, len(run.seeds(dataset))) + 1e-12:
        notes.append("More seeds than folds: rows are tested again, and intervals are widened, conservatively.")
    if data.get("verified") is False:
        notes.append("Unverified: no published source states the checksums of its files.")
    notes += own
    absent = incomplete(run, dataset)
    if absent:
        words = listed([f"{name} ({why})" for name, why in absent.items()], 12)
        notes.append(f"Not compared here: {words}.")
    return notes


def row_chance(run: Run, dataset: str) -> tuple[int, float] | None:
    """Return a published split's test rows and the standard error they give the best accuracy; else None.

    Every seed is scored on the same rows there, so that the spread over seeds does not hold this error.
    """
    scores, rows = run.scores(dataset), (run.data(dataset).get("rows") or {}).get("test")
    if not published(run.data(dataset)) or not rows or scores.best is None or run.metric != "accuracy":
        return None
    best = min(max(scores.mean(scores.best), 0.0), 1.0)
    return rows, math.sqrt(best * (1 - best) / rows)


def _chance(run: Run, dataset: str) -> list[str]:
    chance = row_chance(run, dataset)
    if chance is None:
        return []
    rows, error = chance
    means = run.scores(dataset).within.means
    near = int(np.sum(means >= means.max() - 2 * error))
    return [
        f"{rows} test rows give an accuracy near {short(means.max())} a standard error of {short(error, 3)}, "
        f"which the seeds do not show: {near} of {len(means)} variants lie within two of it of the best, "
        + ("and these rows cannot tell them apart." if near > 1 else "the best alone.")
    ]
