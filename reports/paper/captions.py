"""Captions: what is shown, of how many data sets and seeds, with which interval, test and tuning; what is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from ..figures.registry import Spec as Figure
from ..machines import remarks, timed
from ..run import LOWER, Run, published
from ..sweeps import swept
from ..wording import counted, label, listed, row_chance, sentence, short, unfinished
from .latex import comment, escape
from .macros import letters
from .spec import Selection

DUNNETT = (
    "A first place is shared by all that are not shown to be behind (one-sided Dunnett, 5 %, over all entries "
    "that are compared on the data set)."
)
NAMED = "There is no interval and no test but those named."


def made_from(run: Run) -> str:
    """Say what a file was made from: the suite, tuning, seeds, what is unfinished."""
    parts = [f"the run {run.suite.get('name', '')}", tuning(run), seeds(run), unfinished(run), run.note]
    return ", ".join(part for part in parts if part)


def tuning(run: Run) -> str:
    """Say whether the run was tuned."""
    return "tuned" if run.suite.get("tuned") else "untuned defaults"


def seeds(run: Run, datasets: Iterable[str] | None = None) -> str:
    """Say how many seeds a data set was run on: `3 seeds`, `1 to 3 seeds`."""
    counts = sorted({len(run.seeds(dataset)) for dataset in (run.datasets if datasets is None else datasets)})
    if not counts:
        return "no seed"
    text = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{text} seed{'' if counts == [1] else 's'}"


def amount(datasets: Iterable[str]) -> str:
    """Say how many data sets: `8 data sets`, those that a sweep generates apart."""
    names = list(datasets)
    settings = len(swept(names))
    return counted(len(names), "data set") + (f", {settings} of them settings of a sweep" if settings else "")


def shown(selection: Selection) -> str:
    """Say how many entries that these data sets meet are shown, and how many are not."""
    run, hidden = selection.run, selection.hidden
    if not hidden:
        return f"All {len(run.variants)} entries are shown."
    others = f"{hidden} others are" if hidden > 1 else "1 other is"
    count = f"{len(run.shown)} of {len(run.variants)} entries are shown"
    return f"{count}; {others} compared, where complete, but not shown."


def score(selection: Selection) -> str:
    """Return the caption of the table of scores."""
    run = selection.run
    better = "lower" if run.metric in LOWER else "higher"
    what = f"{sentence(label(run.metric))} ({better} is better), mean over seeds{_half(run)}."
    return _joined(what, _bold(selection), *cautions(run, run.datasets), facts(selection))


def gain(selection: Selection) -> str:
    """Return the caption of the table of gains."""
    run = selection.run
    what = (
        f"Gain in {label(run.metric)} over the best single modality, which is chosen on validation rows for each "
        f"seed; paired by seed, mean over seeds{_half(run)}; positive is better. A dash stands where there is no "
        "such gain: for a single modality, or where none is complete."
    )
    return _joined(what, _bold(selection), *cautions(run, run.datasets), facts(selection))


def time(selection: Selection) -> str:
    """Return the caption of the table of times."""
    what = (
        "Wall seconds of training on one machine, own and shared stages in full, mean over seeds. Nothing is "
        "bold: no interval is estimated and no test made of times."
    )
    said = [f"{sentence(text)}." for text in remarks(timed(selection.run))]
    return _joined(what, *said, facts(selection))


def cautions(run: Run, datasets: Iterable[str]) -> list[str]:
    """Return the sentences without which intervals or comparisons of data sets mislead."""
    found, names = [], tuple(datasets)
    for dataset in names:
        if chance := row_chance(run, dataset):
            found.append(
                f"On {dataset}, a published split, seeds vary the training alone: its {chance[0]} test rows "
                f"give the best accuracy a standard error of {short(chance[1], 3)}, which no interval here holds."
            )
        elif published(run.data(dataset)):
            found.append(f"On {dataset}, a published split, seeds vary the training alone.")
    paired = [dataset for dataset in names if run.data(dataset).get("pairing") == "by_label"]
    return [*found, *([f"Modalities are paired by label on {listed(paired, len(paired))}."] if paired else [])]


def facts(selection: Selection, datasets: Iterable[str] | None = None) -> str:
    """Say how many data sets and seeds there are, the tuning, what is unfinished, what is not shown."""
    run = selection.run
    names = tuple(run.datasets if datasets is None else datasets)
    parts = [amount(names), f"{seeds(run, names)} each", tuning(run), unfinished(run), run.note]
    return f"{sentence('; '.join(part for part in parts if part))}. {shown(selection)}"


def _joined(*sentences: str) -> str:
    return " ".join(part for part in sentences if part)


def _half(run: Run) -> str:
    if not _claimed(run):
        return ""
    return f" ± half a 95 % interval from {_residuals(run)}, for one entry looked at"


def _residuals(run: Run) -> str:
    forms = {run.scores(dataset).within.form for dataset in run.datasets}
    moderated = " (moderated where their spreads differ)" if "moderated" in forms else ""
    return f"the pooled residuals of variant and seed{moderated}"


def _claimed(run: Run) -> list[str]:
    return [dataset for dataset in run.datasets if run.scores(dataset).within.df > 0]


def _bold(selection: Selection) -> str:
    """Say what bold means, and among how many it is judged."""
    run, claimed = selection.run, _claimed(selection.run)
    if not claimed:
        return "One seed, or one complete entry, supports no interval and no first place."
    counts = sorted({len(run.scores(dataset).names) for dataset in claimed})
    among = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    text = (
        f"Bold: shares the first place among all {among} entries compared on the data set, shown here or not "
        "(one-sided Dunnett, 5 %): it is not shown to be behind, which a wide spread over seeds earns too."
    )
    bare = [d for d in claimed if not set(run.scores(d).first) & set(run.shown)]
    if bare:
        text += f" On {', '.join(bare)} the first place is held by entries that are not shown."
    if left := [dataset for dataset in run.datasets if dataset not in claimed]:
        text += f" No interval and no first place on {', '.join(left)}: one seed, or one complete entry."
    return text


def of_figure(figure: Figure, data: pd.DataFrame, selection: Selection) -> str:
    """Return a figure's caption, as plain text; `data` is its table."""
    run = selection.run
    words = {"metric": label(run.metric)}
    title, told = sentence(figure.title.format(**words)), figure.caption.format(**words)
    rules = []
    if "first place" in told and "Dunnett" not in told and "confidence set" not in told:
        rules.append(DUNNETT)
    if "over seeds" in told and "interval" in told and "pooled residuals" not in told:
        rules.append(f"Intervals over seeds come from {_residuals(run)}, for one entry looked at.")
    datasets = [name for name in run.datasets if name in set(data.get("dataset", run.datasets))] or run.datasets
    if "first place" in told or ("over seeds" in told and "interval" in told):
        rules += cautions(run, datasets)
    text = _joined(f"{title}.", told, *rules, NAMED, facts(selection, datasets))
    return renamed(text, selection.names)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Put the names of a paper for those of the run; only for such as no other word can be (with a `_`)."""
    for name, display in names.items():
        if "_" in name and display != name:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?![\w(])", lambda _, d=display: d, text)
    return text


def text(told: Mapping[str, tuple[str, str]], selection: Selection, source: str) -> str:
    """Return captions.tex: a macro a figure (`figures/pareto` → `\\fbCaptionPareto`).

    Parameters
    ----------
    told
        Figure → its caption, and why it is not as wide as asked, if so.
    """
    prefix = f"{selection.prefix}Caption"
    lines = [
        comment(
            f"Captions of the figures of {source}.",
            "Include it once by \\input{captions}; the preamble needs graphicx. Then, for example:",
            "\\begin{figure}\\centering\\includegraphics[width=\\linewidth,height=.8\\textheight,keepaspectratio]",
            f"{{figures/accuracy}}\\caption{{\\{prefix}Accuracy{{}}}}\\end{{figure}}",
        )
    ]
    for name, (caption, remark) in told.items():
        lines += [comment(f"{name}: {remark}")] if remark else []
        lines.append(f"\\newcommand{{\\{prefix}{letters(name)}}}{{{escape(caption, True)}}}\n")
    return "".join(lines)
