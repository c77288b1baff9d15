"""Published figures beside the run's own: does what others have printed come out again?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from .run import Run, published, records
from .statistics import LEVEL
from .tables import Table
from .versus.amounts import difference, interval
from .wording import counted, label, plus_minus, why_absent

COLUMNS = ["variant", "dataset", "metric", "source", "published", "spread", "repeats", "ours", "sd", "seeds",
           "difference", "half", "inside", "differs"]  # fmt: skip
NOTES = (
    "Inside: the 95 % interval of the difference holds zero. It is Welch's, of ours over splits and of theirs "
    "over the repeats whose standard deviation they print; on a published split, where all seeds are tested on "
    "the same rows, the binomial error of these rows is added to ours.",
    "± is a standard deviation, in brackets the number of splits or trainings behind it.",
)


def figures(run: Run) -> pd.DataFrame:
    """Return every published figure of the suite whose variant is shown, beside ours.

    Columns: `variant, dataset, metric, source`; `published, spread, repeats` as printed; `ours, sd, seeds` (NaN
    where the variant is not complete); `difference` (ours − published), `half` (of its 95 % interval), `inside`
    (None where there is no interval), `differs` (what is known to differ in the protocol).
    """
    told = [figure for figure in run.suite.get("published", ()) if figure["variant"] in run.shown]
    return pd.DataFrame([_beside(run, figure) for figure in told], columns=COLUMNS)


def _beside(run: Run, figure: dict[str, Any]) -> tuple[Any, ...]:
    name, dataset, metric = figure["variant"], figure["dataset"], figure["metric"]
    printed, spread, repeats = figure["value"], figure["spread"], figure["repeats"]
    theirs = math.nan if spread is None else spread
    scores = run.scores(dataset, metric)
    values = scores.values[scores.names.index(name)] if name in scores else np.empty(0)
    ours = float(values.mean()) if len(values) else math.nan
    sd = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    half = _half([*_own(run, dataset, metric, values), *_printed(spread, repeats)])
    gap = ours - printed
    inside = bool(abs(gap) <= half) if math.isfinite(gap) and math.isfinite(half) else None
    return (name, dataset, metric, figure["source"], printed, theirs, repeats, ours, sd, len(values), gap, half,
            inside, figure["differs"])  # fmt: skip


def _own(run: Run, dataset: str, metric: str, values: np.ndarray) -> list[tuple[float, float]]:
    """Return (variance of our mean, its degrees of freedom) by source; NaN where one seed is all there is."""
    count = len(values)
    over_seeds = float(values.var(ddof=1)) / count if count > 1 else math.nan
    if not published(run.data(dataset)) or metric != "accuracy" or not count:
        return [(over_seeds, count - 1)]
    share, rows = float(values.mean()), run.data(dataset)["rows"]["test"]
    return [(0.0 if count == 1 else over_seeds, max(count - 1, 1)), (share * (1 - share) / rows, math.inf)]


def _printed(spread: float | None, repeats: int) -> list[tuple[float, float]]:
    return [] if spread is None or repeats < 2 else [(spread**2 / repeats, repeats - 1)]


def _half(parts: list[tuple[float, float]]) -> float:
    """Return half of Welch's interval from independent variances and their degrees of freedom."""
    total = sum(variance for variance, _ in parts)
    if not total > 0:
        return float(total)  # 0, or NaN
    df = total**2 / max(sum(variance**2 / df for variance, df in parts), 1e-300)
    return float(stats.t.ppf(1 - LEVEL / 2, df) * math.sqrt(total))


def reproduction(run: Run) -> Table:
    """Tabulate published figures beside ours; an empty table where the suite names none."""
    data = figures(run)
    rows = [_shown(run, row) for row in records(data)]
    known = data["inside"].dropna().astype(bool)
    first = (f"Inside: {int(known.sum())} of {counted(len(known), 'figure')}.",) if len(known) else ()
    return Table("published", "Beside published figures", data, (("", pd.DataFrame(rows)),), (*first, *NOTES))


def _shown(run: Run, row: Any) -> dict[str, str]:
    ours = _spread(row.ours, row.sd, row.seeds) or why_absent(run, row.variant, row.dataset, row.metric)
    gap = difference(row.difference, row.metric) if math.isfinite(row.difference) else ""
    ends = interval(row.difference - row.half, row.difference + row.half, row.metric)
    said = {True: "yes", False: "no", None: "no interval"}[None if row.inside is None else bool(row.inside)]
    return {
        "source": row.source,
        "variant": row.variant,
        "data set": row.dataset,
        "metric": label(row.metric),
        "published": _spread(row.published, row.spread, row.repeats),
        "ours": ours,
        "ours − published": f"{gap} {ends}".strip(),
        "inside": said,
        "what differs": "" if row.inside else row.differs or "not known",
    }


def _spread(value: float, sd: float, count: int) -> str:
    return f"{plus_minus(value, sd)} ({count})" if math.isfinite(sd) else plus_minus(value, sd)
