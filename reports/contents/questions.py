"""Questions, all else equal: what matched pairs say of each over data sets, and of each kind of data."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .. import contrasts
from ..run import Run, records
from ..statistics import LEVEL, interquartile_mean
from ..tables import Table
from ..wording import label
from .cell_text import bare, fixed_splits, new_data, p_value, per, record, sets, with_half, with_interval


def questions(run: Run) -> list[Table]:
    """Tabulate the questions: those named by the suite first, as one family of tests, then the exploratory ones.

    Beside it, for machines alone, each question's effect by data set and by kind of data.
    """
    data, each, groups = contrasts.questions(run), contrasts.effects(run), contrasts.question_groups(run)
    asked = data[data["family"] == contrasts.ADJUSTED]
    other = data[(data["family"] != contrasts.ADJUSTED) & (data["pairs"] > 0)]
    unit = per(run.metric)
    sections = [
        (f"Asked by the suite before it was run (family F1), in {unit}", _rows(run, asked, True)),
        (f"Exploratory, in {unit}: p for one question alone, nothing is claimed", _rows(run, other, False)),
        (f"On each data set, in {unit}", _by_set(run, data, each)),
        (f"By kind of data, in {unit}: mean on these data sets, won–tied–lost", _by_kind(run, data, groups)),
        (f"Under the other placement of contestable entries (‡), in {unit}: t intervals over data sets",
         _moved(run, data)),
    ]  # fmt: skip
    title = f"Questions, all else equal, by {label(run.metric)}"
    shown = tuple((caption, rows) for caption, rows in sections if len(rows))
    return [
        Table("questions", title, data, shown or (("", pd.DataFrame()),), tuple(_notes(run, data))),
        Table("question_effects", f"{title}: each data set", each),
        Table("question_groups", f"{title}: each kind of data", groups),
    ]


def _rows(run: Run, data: pd.DataFrame, adjusted: bool) -> pd.DataFrame:
    rows = []
    for row in records(data):
        cells = {
            "question": row.title,
            "positive means": row.positive,
            "pairs": str(row.pairs),
            "on these data sets": with_interval(row.effect, row.fixed_low, row.fixed_high, run.metric),
            "over data sets": _over(run, row),
            "won–tied–lost": record(row.wins, row.ties, row.losses) if row.datasets else "",
            "p": p_value(row.p),
        }
        if adjusted:
            cells["p, adjusted"] = p_value(row.p_adjusted)
        rows.append(cells | {"could be seen": bare(row.detectable, run.metric, sign=False)})
    return pd.DataFrame(rows)


def _over(run: Run, row: Any) -> str:
    if row.claim:
        return with_interval(row.new_effect, row.new_low, row.new_high, run.metric)
    return with_interval(row.effect, row.low, row.high, run.metric) if row.datasets > 1 else ""


def _by_set(run: Run, data: pd.DataFrame, each: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in records(data[data["pairs"] > 0]):
        mine = records(each[each["question"] == row.question])
        cells = {r.dataset: with_half(r.effect, r.half, run.metric, r.beyond_noise) for r in mine}
        rows.append({"question": row.title} | {d: cells.get(d, "") for d in run.datasets})
    return pd.DataFrame(rows)


def _by_kind(run: Run, data: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """Lay out a question's mean over every group of at least two data sets."""
    several = groups[(groups["datasets"] > 1) & (groups["group"] != "all")]
    titles, rows = list(dict.fromkeys(several["title"])), []
    for row in records(data[data["pairs"] > 0]) if titles else ():
        cells = {
            r.title: f"{with_interval(r.effect, r.fixed_low, r.fixed_high, run.metric)}, "
            + record(r.wins, r.ties, r.losses)
            for r in records(several[several["question"] == row.question])
        }
        rows.append({"question": row.title} | {title: cells.get(title, "") for title in titles})
    return pd.DataFrame(rows)


def _moved(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    """Lay out effects under the other placement of contestable entries, where a question has any."""
    rows = [
        {
            "question": row.title,
            "as placed": with_interval(row.effect, row.low, row.high, run.metric),
            "under the other placement": with_interval(
                row.alternative_effect, row.alternative_low, row.alternative_high, run.metric
            ),
            "pairs": f"{row.pairs} → {row.alternative_pairs}",
            "what moves": row.alternative,
        }
        for row in records(data)
        if row.alternative.startswith("‡")
    ]
    return pd.DataFrame(rows)


def kind_table(run: Run) -> Table:
    """Tabulate the mean gain over the best single modality by kind of entry."""
    data = contrasts.kinds(run)
    rows = []
    for (axis, placement, kind), mine in data.groupby(["axis", "placement", "kind"], sort=False):
        gain, first = mine["gain"].to_numpy(dtype=float), mine.iloc[0]
        rows.append(
            {
                "axis": str(axis).replace("_", " ") + (", other placement" if placement == "alternative" else ""),
                "kind": str(kind).replace("_", "-")
                + (f" (‡ {first['contestable']})" if first["contestable"] else ""),
                "entries": str(first["entries"]),
                "mean": bare(float(gain.mean()), run.metric),
                "middle half": bare(interquartile_mean(gain), run.metric),
            }
            | {name: bare(value, run.metric) for name, value in zip(mine["dataset"], gain, strict=True)}
        )
    notes = (
        "Not all else equal: kinds of entry differ in more than their axis, so these gains describe this run's "
        "entries and explain nothing. For what an axis does, see the questions.",
        "Middle half: the mean without the lowest and the highest quarter of the data sets.",
    )
    title = f"Gain over the best single modality by kind of entry, in {per(run.metric)}"
    return Table("kinds", title, data, (("", pd.DataFrame(rows)),), notes)


def _notes(run: Run, data: pd.DataFrame) -> list[str]:
    asked, answered = data[data["family"] == contrasts.ADJUSTED], data[data["pairs"] > 0]
    notes = [
        "A question is answered by pairs of variants that differ in what it asks, all else equal (table pairs); "
        "its effect on a data set is the mean over the pairs, the same pairs everywhere.",
        "On these data sets: the error of rows and seeds alone, not that of choosing data sets. Over data sets: a "
        "t interval from the spread between them, which one data set with a large effect widens. p: sign flips, "
        "which ask whether the data sets agree on the side. Could be seen: the mean effect whose t interval, "
        "looked at alone, leaves out zero in four suites of five at the spread seen; adjusted tests see no more.",
        _family(asked),
        *fixed_splits(run),
    ]
    if unanswered := data.loc[data["pairs"] == 0, "title"].tolist():
        notes.append(f"No matched pair of this run answers: {' '.join(unanswered)}")
    for row in records(answered[answered["left_out"] != ""]):
        notes.append(f"Not counted for “{row.title}” {row.left_out}.")
    if not answered["alternative"].str.startswith("‡").any():
        notes.append("No entry of these pairs is contestable (‡): the other placement changes no effect.")
    return [*notes, *(new_data(run, why) for why in dict.fromkeys(answered["why"]))]


def _family(asked: pd.DataFrame) -> str:
    """Say what the family F1 is and whether so few data sets can reject anything."""
    tested = asked[asked["p"].notna()]
    if asked.empty:
        return "The suite named no question before it was run: there is no family F1, and every p is exploratory."
    if tested.empty:
        return "F1: none of its questions has a matched pair on two data sets of this run, so none is tested."
    fewest, unit = int(asked["least_sets"].iloc[0]), tested["unit"].iloc[0]
    text = f"F1: {len(tested)} tests, Holm, which can reject something from {sets(fewest, unit)} on."
    short = tested[tested["units"] < fewest]
    if len(short) == len(tested):
        have = sets(int(tested["units"].max()), unit)
        return f"{text} With {have} none of these questions can be answered, whatever the effect."
    if len(short):
        text += f" Too few for: {' '.join(short['title'])}"
    rejected = tested.loc[tested["p_adjusted"] <= LEVEL, "title"].tolist()
    return f"{text} On these data sets an effect is shown for: {' '.join(rejected) or 'none of them.'}"
