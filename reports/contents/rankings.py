"""Rankings over data sets: who shares the first place, mean ranks, each entry against concat_features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .. import across
from ..across.best import OVER_SEEDS
from ..comparisons import SINGLE, mean
from ..run import LOWER, Run, records
from ..scoreboard import FIRST
from ..statistics import LEVEL, cd_readable, least_sets
from ..tables import Table
from ..versus.amounts import size
from ..wording import label, listed, number, short
from .cell_text import bare, could_see, new_data, p_value, p_words, per, plural, record, sets, with_interval


def best(run: Run) -> Table:
    """Tabulate the entries that share the first place, over all data sets and by kind."""
    data = across.best(run)
    sections = [("", pd.DataFrame([_shared(run, group) for _, group in data.groupby("group", sort=False)]))]
    notes = [
        "An entry shares the first place where the data sets do not show another to be ahead: joint sign flips "
        f"of the data sets, one-sided, {LEVEL:.0%} for each entry; over one data set, Dunnett's test over its "
        "seeds. What counts is how steadily another is ahead: one whose gap varies much between data sets "
        "stays, however low its mean. A set that holds most entries says that this suite cannot tell them "
        "apart, not that they are equal.",
    ]
    whole = data[data["group"] == "all"]
    if len(whole) and whole["basis"].iloc[0] != OVER_SEEDS:
        first = whole.iloc[0]
        sections.append((f"All data sets: means of {label(run.metric)}", _everyone(run, whole)))
        notes.append(new_data(run, "" if first["claim"] else across.no_claim(first["families"])))
        notes += _unranked(run)
    return Table("best", f"Sets of the best by {label(run.metric)}", data, tuple(sections), tuple(notes))


def _shared(run: Run, group: pd.DataFrame) -> dict[str, str]:
    first = group.iloc[0]
    claimed, over = bool(group["inside"].notna().all()), first["basis"] == OVER_SEEDS
    inside = group["inside"].fillna(False).astype(bool)
    seen = first["detectable"]
    return {
        "data sets": first["title"],
        "compared on": f"{first['ranked_on']} of {first['datasets']}",
        "share the first place": f"{int(inside.sum())} of {len(group)}" if claimed else "nothing claimed",
        "who": _who(run, group, inside) if claimed else "",
        "error over": sets(int(first["units"]), first["unit"]),
        "an entry is seen behind at": size(seen, run.metric) if np.isfinite(seen) else "",
        "why no more is said": "" if over and claimed else first["why"],
    }


def _who(run: Run, group: pd.DataFrame, inside: pd.Series) -> str:
    """Name those who share the first place, the best means first, or the fewer that do not."""
    shown = group[group["variant"].isin(run.shown)]
    shown = shown.sort_values("mean", ascending=run.metric in LOWER, kind="stable")
    stay, out = (shown.loc[mask[shown.index], "variant"].tolist() for mask in (inside, ~inside))
    if inside.all():
        return "all"
    return f"all but {', '.join(out)}" if len(out) <= min(3, len(stay) - 1) else listed(stay, 4)


def _everyone(run: Run, whole: pd.DataFrame) -> pd.DataFrame:
    held = across.block(run)
    order = whole.sort_values("mean", ascending=run.metric in LOWER, kind="stable")
    order = order.sort_values("inside", ascending=False, kind="stable")
    rows = []
    for row in records(order[order["variant"].isin(run.shown)]):
        star = f" {FIRST}" if row.inside else ""
        values = {d: short(mean(run, d, row.variant), 3) for d in held.datasets}
        rows.append({"variant": row.variant, "mean": short(row.mean, 3) + star, "p": p_value(row.p)} | values)
    return pd.DataFrame(rows)


def _unranked(run: Run, datasets: tuple[str, ...] | None = None) -> list[str]:
    """Say which variants and data sets are not in a block; those that are not planned everywhere together."""
    left = across.block(run, datasets).left_out
    partly = [name for name, why in left.items() if name in run.shown and why.startswith("not planned")]
    told = [f"{name} ({why})" for name, why in left.items() if name in (*run.shown, *run.datasets)]
    words = [
        text
        for text, name in zip(told, [n for n in left if n in (*run.shown, *run.datasets)], strict=True)
        if name not in partly
    ]
    notes = [f"Left out, nothing being filled in: {'; '.join(words)}."] if words else []
    if partly:
        notes.append(f"Not ranked, being planned on some of these data sets only: {listed(partly, 3)}.")
    return notes


def ranks(run: Run) -> Table:
    """Tabulate mean ranks by the run's metric on complete data sets, apart for each kind of pairing."""
    data = across.ranks(run)
    sections = []
    notes = ["1 is best. A rank says nothing about how far apart two variants are: read it beside the intervals."]
    for pairing, group in data.groupby("pairing", sort=False):
        first, kind = group.iloc[0], str(pairing).replace("_", " ")
        ranked = group[group["mean_rank"].notna()].sort_values(["mean_rank", "variant"], kind="stable")
        caption = f"{kind}: ranked on {first['ranked_on']} of {first['datasets']} data sets"
        caption += f" ({first['names']})" if first["names"] else ""
        shown = {"variant": ranked["variant"], "mean rank": [number(rank, 2) for rank in ranked["mean_rank"]]}
        sections.append((caption, pd.DataFrame(shown)))
        members = tuple(d for d in run.datasets if (run.data(d).get("pairing") or "unknown") == pairing)
        notes += [f"{kind}: {note}" for note in (*_unranked(run, members), *_tests(run, first))]
    return Table("ranks", f"Mean ranks by {label(run.metric)}", data, tuple(sections), tuple(notes))


def _tests(run: Run, first: Any) -> list[str]:
    """Say what the ranks of one kind of pairing show."""
    n, k = int(first["ranked_on"]), int(first["compared"])
    if n < 2 or k < 2:
        return ["one data set: its order alone, which no test over data sets stands behind."] if n else []
    f = "infinite" if np.isinf(first["f"]) else number(first["f"], 2)
    differ = "not all are equal" if first["f_p"] <= LEVEL else "that all are equal is not ruled out"
    gap = f"{number(first['critical_difference'], 1)} apart (Nemenyi, {LEVEL:.0%})"
    notes = [f"Iman and Davenport's F = {f}, {p_words(first['f_p'])}, {k} variants on {n} data sets: {differ}."]
    if cd_readable(k, n):
        notes.append(f"two mean ranks differ where they lie {gap}.")
    else:
        notes.append(
            f"two mean ranks would have to lie {gap}, a third of the {k} places or more: no critical-difference "
            "diagram is drawn."
        )
    found = across.Seen(first["detectable"], np.nan, first["anchor"], int(first["units"]), first["unit"])
    return [*notes, could_see(found, run.metric)]


def against_concat(run: Run) -> Table:
    """Tabulate each entry against concat_features over all data sets: one family of tests, F2."""
    data, anchor = across.against(run), across.ANCHOR
    title = f"Each entry against {anchor} (family F2)"
    if data.empty:
        note = f"{anchor} is not complete on the data sets that can be compared, so nothing stands against it."
        return Table("against_concat", title, data, (("", data),), (note,))
    first, held = data.iloc[0], across.block(run, single=True)
    rows = [
        _against(run, row, held.datasets)
        for row in records(data.sort_values("effect", ascending=False, kind="stable"))
        if row.variant in (*run.shown, SINGLE)
    ]
    notes = (
        f"In {per(run.metric)}, positive where the entry is better. Intervals are simultaneous and p is adjusted "
        f"for all {len(data)} rows (max-T by joint sign flips of the {plural(first['unit'])}); * where p is at "
        f"most {short(LEVEL)}. Close to it, p and interval may differ in what they say of zero.",
        _enough(first),
        could_see(across.seen(run, held), run.metric),
        f"{SINGLE}: on every seed the single modality that validates best.",
        new_data(run, first["why"]),
    )
    return Table("against_concat", title, data, (("", pd.DataFrame(rows)),), notes)


def _against(run: Run, row: Any, datasets: tuple[str, ...]) -> dict[str, str]:
    sign = -1 if run.metric in LOWER else 1
    effect = with_interval(row.effect, row.low, row.high, run.metric)
    return {
        "variant": row.variant,
        f"minus {row.anchor}": f"{effect} *" if row.p <= LEVEL else effect,
        "p, adjusted": p_value(row.p),
        "won–tied–lost": record(row.wins, row.ties, row.losses),
    } | {d: bare(sign * (mean(run, d, row.variant) - mean(run, d, row.anchor)), run.metric) for d in datasets}


def _enough(first: Any) -> str:
    fewest, have = least_sets(1), sets(int(first["units"]), first["unit"])
    if first["units"] < fewest:
        return (
            f"Sign flips can reject nothing below {fewest} {plural(first['unit'])}: with {have} no entry can be "
            f"told from {first['anchor']}, whatever the effect."
        )
    return f"Sign flips can reject something from {fewest} on; this run has {have}."
