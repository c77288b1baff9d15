"""How variants are judged and what is not claimed, in sentences: each from values of suite.json."""

from __future__ import annotations

from ..across import ANCHOR, FEWEST_FAMILIES
from ..matched import QUESTIONS
from ..run import LOWER, published
from ..statistics import least_sets
from ..statistics.within import FEWEST_MODERATED
from ..wording import counted, label
from .prose import Name, Text, cite, named, series
from .setup import Told, entries, sets


def judged(suite: Told) -> list[Text]:
    """Say which metric decides, what intervals and first places are, and what is tested over data sets."""
    made = [_metric(suite), *_within(suite)]
    return [*made, *_across(suite)] if len(sets(suite)) > 1 else made


def _metric(suite: Told) -> Text:
    metric, positive = suite.get("metric"), suite.get("positive")
    if not metric:
        return ("The metric is not recorded.",)
    better = "lower" if metric in LOWER else "higher"
    of: Text = (" of the class ", Name(str(positive))) if positive is not None else ()
    return (f"Variants are judged by {label(metric)}", *of, f" on test rows ({better} is better).")


# ---- within a data set


def _within(suite: Told) -> list[Text]:
    seeds = suite.get("seeds") or ()
    if len(seeds) < 2:
        why = "With one seed" if seeds else "Without recorded seeds"
        return [(f"{why} there is no interval, and no first place is claimed.",)]
    return [
        ("Within a data set, intervals come from the pooled residuals of variant and seed: of k variants that are "
         "complete on its S seeds, (k − 1)(S − 1) degrees of freedom.",),
        *_moderated(suite),
        *_repeated(suite),
        ("A variant shares the first place unless another one is ahead of it by more than the one-sided 5 % point "
         "of Dunnett’s test for k − 1 comparisons", cite("dunnett1955multiple"), "."),
        *_rows(suite),
    ]  # fmt: skip


def _moderated(suite: Told) -> list[Text]:
    if len(entries(suite)) < FEWEST_MODERATED:
        return []
    return [
        (f"Where at least {FEWEST_MODERATED} variants differ in their spread over seeds, each has its own "
         "variance, drawn up to the common one", cite("smyth2004linear"), "."),
    ]  # fmt: skip


def _repeated(suite: Told) -> list[Text]:
    told, seeds = suite.get("datasets", {}), len(suite.get("seeds") or ())
    again = [n for n in sets(suite) if 1 < (told[n].get("folds") or 0) < seeds]
    again = [n for n in again if told[n].get("pairing") != "synthetic"]
    if not again:
        return []
    return [
        ("On ", *named(again), ", where there are more seeds than folds, variances of means are enlarged for the "
         "rows that seeds share", cite("nadeau2003inference"), ", which is conservative."),
    ]  # fmt: skip


def _rows(suite: Told) -> list[Text]:
    told = suite.get("datasets", {})
    fixed = [name for name in sets(suite) if published(told[name])]
    return [("On ", *named(fixed), " intervals leave out the chance of the fixed test rows.")] if fixed else []


# ---- over data sets


def _across(suite: Told) -> list[Text]:
    made: list[Text] = [
        ("Over data sets, seeds are averaged first, only data sets on which all that is compared is complete are "
         "used, and nothing is filled in", cite("demsar2006statistical"), "."),
        ("Differences have t intervals and sign-flip tests over data sets; the variants that share the first "
         "place are a 95 % confidence set of the best, by joint sign flips.",),
        *_family(suite),
    ]  # fmt: skip
    if ANCHOR in suite.get("variants", {}):
        made.append(
            ("Every other variant is compared with ", Name(ANCHOR), " in one family of tests, by the largest t "
             "under joint sign flips", cite("westfall1993resampling"), ".")
        )  # fmt: skip
    return made


def _family(suite: Told) -> list[Text]:
    """Say which questions the suite asked before it was run: the family F1."""
    asked = suite.get("definition", {}).get("suite", {}).get("contrasts") or ()
    if not asked:
        return []
    items: list[Text] = [
        (f"“{QUESTIONS[key].title}”",) if key in QUESTIONS else (Name(str(key)),) for key in asked
    ]
    holm: Text = (" with Holm’s correction", cite("holm1979simple")) if len(asked) > 1 else ()
    least = f"rejecting anything at 5 % takes {counted(least_sets(len(asked)), 'data set')}"
    named_before = f"Before it was run, the suite named {counted(len(asked), 'contrast')} of matched pairs"
    tested = "which is tested by itself" if len(asked) == 1 else "which are one family of tests"
    return [(f"{named_before}, {tested}", *holm, f" ({least}): ", *series(items), ".")]


# ---- what is not claimed


def unclaimed(suite: Told) -> list[Text]:
    """Say what the run does not support."""
    return [*_new_data(suite), *_by_label(suite), *_defaults(suite)]


def _new_data(suite: Told) -> list[Text]:
    told = suite.get("datasets", {})
    families = sorted({told[name].get("source_family") or "" for name in told})
    if not families:
        return []
    words = [(Name(family),) if family else ("one that is not recorded",) for family in families]
    come = f"The data come from {counted(len(families), 'source family', 'source families')}"
    if len(families) < FEWEST_FAMILIES:
        alone = f"below {FEWEST_FAMILIES}, nothing is claimed about new data, and effects hold for these alone"
        return [(come, " (", *series(words), f"); {alone}.")]
    return [(f"{come}: a statement about a new data set takes the family as its unit, data sets averaged first.",)]


def _by_label(suite: Told) -> list[Text]:
    told = suite.get("datasets", {})
    paired = [name for name in sets(suite) if told[name].get("pairing") == "by_label"]
    if not paired:
        return []
    are = "On " + ("this data set" if len(paired) == 1 else "these data sets")
    return [
        ("Rows of ", *named(paired), f" are paired by label. {are} the modalities are independent given the "
         "class, so that no relation between them can be learned; rankings are shown apart for each kind of "
         "pairing.",)
    ]  # fmt: skip


def _defaults(suite: Told) -> list[Text]:
    if suite.get("tuned") is not False:
        return []
    return [("Nothing is claimed about variants after tuning.",)]
