"""The experimental set-up in sentences: variants and data sets, each sentence from values of suite.json.

What suite.json does not hold is left out, or said not to be recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..run import ARCHITECTURES, FUSIONS, INTERACTIONS, PAIRINGS
from ..wording import counted
from .bibliography import Entry, of_data, resolve
from .prose import Cite, Name, Text, cite, named, series

SURVEY = "sleeman2022multimodal"
BY = {"concat": "by concatenation", "merge": "by merging"}
PAIRED = {"natural": "paired as found", "by_label": "paired by label", "synthetic": "synthetic"}
MOST_NAMES = 12  # of data sets that one sentence lists

Told = Mapping[str, Any]


def by_place(told: Told, order: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return names in the order of tables: by the place of each value in its axis, then by name."""

    def place(name: str) -> tuple[Any, ...]:
        values = [(axis, told[name].get(key)) for key, axis in order.items()]
        return (*(axis.index(v) if v in axis else len(axis) for axis, v in values), name)

    return sorted(told, key=place)


def entries(suite: Told) -> list[str]:
    """Return the variants that are compared, in the order of tables: no placebo is one."""
    told = {n: entry for n, entry in suite.get("variants", {}).items() if not entry.get("placebo_of")}
    return by_place(told, {"architecture": ARCHITECTURES, "data_fusion": FUSIONS})


def sets(suite: Told) -> list[str]:
    """Return the data sets in the order of tables."""
    return by_place(suite.get("datasets", {}), {"pairing": PAIRINGS, "interaction": INTERACTIONS})


# ---- variants


def variants(suite: Told) -> list[Text]:
    """Say what is compared, in which place of the taxonomy, after whom, and with what in common."""
    told = suite.get("variants", {})
    single = [name for name in entries(suite) if told[name].get("architecture") == "unimodal"]
    fused = [name for name in entries(suite) if name not in single]
    return [
        _placed(suite, [told[name] for name in fused]),
        _single(len(single)),
        _placebos(told),
        _learners(told, entries(suite)),
        *_sources(told, entries(suite)),
        *_widths(suite),
    ]


def _placed(suite: Told, fused: list[Told]) -> Text:
    name = suite.get("name")
    head: Text = ("The run ", Name(str(name)), " of fusebench") if name else ("A run of fusebench",)
    if not fused:
        return (*head, " compares no fusion variant.")
    counts = Counter((entry.get("architecture") or "", entry.get("data_fusion") or "") for entry in fused)
    kinds = sorted({kind for kind, _ in counts}, key=lambda kind: (_index(ARCHITECTURES, kind), kind))
    found = [_kind(kind, {fusion: n for (k, fusion), n in counts.items() if k == kind}) for kind in kinds]
    total = counted(len(fused), "variant")
    placed = (f" compares {total} of multimodal fusion, placed in a published taxonomy", cite(SURVEY), ": ")
    return (*head, *placed, *series([(text,) for text in found]), ".")


def _index(order: tuple[str, ...], value: str) -> int:
    return order.index(value) if value in order else len(order)


def _kind(architecture: str, counts: Mapping[str, int]) -> str:
    if not architecture:
        return f"{sum(counts.values())} whose place is not recorded"
    ordered = sorted(counts.items(), key=lambda pair: (_index(FUSIONS, pair[0]), pair[0]))
    inside = ", ".join(f"{n} {BY.get(fusion, 'by neither technique')}" for fusion, n in ordered)
    return f"{sum(counts.values())} of {architecture.replace('_', '-')} fusion ({inside})"


def _single(number: int) -> Text:
    stand = "stands" if number == 1 else "stand"
    return (f"Beside them {stand} {counted(number, 'baseline')} of a single modality.",) if number else ()


def _placebos(told: Told) -> Text:
    copied = Counter(entry["placebo_of"] for entry in told.values() if entry.get("placebo_of"))
    if not copied:
        return ()
    one = copied.total() == 1
    what = (
        f"There is {copied.total()} placebo, a copy of "
        if one
        else f"There are {copied.total()} placebos, copies of "
    )
    tail = " under another seed" if one else " under other seeds"
    why = ", which show how often chance alone is called a difference and are ranked nowhere."
    return (
        what,
        *named(sorted(copied)),
        tail,
        why if not one else why.replace("show", "shows").replace("are", "is"),
    )


def _learners(told: Told, names: list[str]) -> Text:
    classical = dict.fromkeys(_entry(told, n) for n in names if told[n].get("learner") == "classical")
    if not classical:
        return ()
    return (*named(classical), f" {'has a' if len(classical) == 1 else 'have'} classical learner",
            "." if len(classical) == 1 else "s.")  # fmt: skip


def _entry(told: Told, name: str) -> str:
    """Return an entry's own name, which stands for it under all options; a wrapped one keeps its whole name."""
    return name if "+" in name else str(told[name].get("entry") or name)


def _sources(told: Told, names: list[str]) -> list[Text]:
    """Say which work each entry goes back to, as registered, and which names none."""
    by_works: dict[tuple[Entry, ...], dict[str, None]] = {}
    for name in names:
        found = resolve(str(told[name].get("reference") or ""))
        by_works.setdefault(found, {})[_entry(told, name)] = None
    without = by_works.pop((), {})
    items = [(*named(names), Cite(found)) for found, names in by_works.items()]
    made: list[Text] = [("The sources of variants, as registered: ", *series(items, "; "), ".")] if items else []
    return made + ([("No source is registered for ", *named(without), ".")] if without else [])


def _widths(suite: Told) -> list[Text]:
    training, told = suite.get("training", {}), suite.get("variants", {})
    chosen, width = training.get("extractors") or {}, training.get("width")
    own = [name for name in entries(suite) if "width" in (told[name].get("options") or {})]
    made: list[Text] = []
    if "extractors" in training:
        kinds = [(Name(str(modality)), ": ", Name(str(name))) for modality, name in sorted(chosen.items())]
        which = series(kinds) if kinds else ("the default of its kind",)
        made.append(
            (
                "Every neural variant has the same extractor for a modality (",
                *which,
                ").",
            )
        )
    if width is not None:
        apart: Text = (", except where a variant’s options say otherwise (", *named(own), ")") if own else ()
        made.append((f"An extractor hands over {counted(width, 'number')}", *apart, "."))
    if training.get("capacity") == "matched":
        made.append(("Widths are set so that networks agree in parameters with plain concatenation.",))
    elif training.get("capacity") == "native":
        made.append(("Numbers of parameters follow from each variant's own widths and are not matched.",))
    return made


# ---- data sets


def data(suite: Told) -> list[Text]:
    """Say which data sets are used, how large they are, how they are paired, and what a seed is."""
    told = suite.get("datasets", {})
    groups: dict[tuple[str, tuple[Entry, ...]], list[str]] = {}
    for name in sets(suite):
        groups.setdefault((_size(told[name]), of_data(told[name])), []).append(name)
    if not groups:
        return [("No data set is recorded.",)]
    items = [(*named(names), _brackets(size, len(names)), Cite(found)) for (size, found), names in groups.items()]
    are = f"There {'is' if len(told) == 1 else 'are'} {counted(len(told), 'data set')}"
    return [
        (f"{are}, rows being given as training / validation / test: ", *series(items, "; "), "."),
        _seeds(suite),
        *_splits(suite),
    ]  # fmt: skip


def _brackets(size: str, members: int) -> str:
    return f" ({'each ' if members > 1 else ''}{size})" if size else ""


def _size(told: Told) -> str:
    rows = told.get("rows") or {}
    parts = [f"{rows[part]:,}" for part in ("train", "validation", "test") if rows.get(part) is not None]
    pieces = [
        counted(len(told["classes"]), "class", "classes") if told.get("classes") else "",
        counted(len(told["modalities"]), "modality", "modalities") if told.get("modalities") else "",
        f"{' / '.join(parts)} rows" if len(parts) == 3 else "",
        PAIRED.get(told.get("pairing") or "", ""),
    ]
    return ", ".join(piece for piece in pieces if piece)


def _seeds(suite: Told) -> Text:
    seeds = suite.get("seeds")
    if not seeds:
        return ("The seeds are not recorded.",)
    numbers = series([(str(seed),) for seed in sorted(seeds)])
    return (f"Every variant is run on {counted(len(seeds), 'seed')} a data set (", *numbers, ").")


def _splits(suite: Told) -> list[Text]:
    """Say what a seed changes on each data set: the fold, the draw, or the training alone."""
    told, seeds = suite.get("datasets", {}), suite.get("seeds") or ()
    unknown = [name for name in sets(suite) if "folds" not in told[name]]
    known = [name for name in sets(suite) if name not in unknown]
    folds = sorted({told[name]["folds"] for name in known} - {None, 1})
    made: list[Text] = []
    if items := [(_them([n for n in known if told[n]["folds"] == k]), k) for k in folds]:
        split = series([(*names, f" into {k}") for names, k in items])
        made.append(("Seeds are folds: disjoint folds divide ", *split, ", and seed s tests fold s."))
    if again := [k for k in folds if seeds and max(seeds) >= k]:
        made.append((f"Seeds from {min(again)} on test rows again, under another division.",))
    if draws := [name for name in known if told[name]["folds"] is None]:
        made.append(("A seed is a fresh draw on ", *_them(draws), "."))
    for own, words in ((False, "published"), (True, "fixed")):
        if fixed := [n for n in known if told[n]["folds"] == 1 and bool(told[n].get("own")) is own]:
            made.append(("Seeds vary the training alone on ", *_them(fixed), f", whose {words} split is kept."))
    return made + ([("It is not recorded what a seed changes on ", *_them(unknown), ".")] if unknown else [])


def _them(names: list[str]) -> Text:
    return named(names) if len(names) <= MOST_NAMES else (f"{len(names)} of them",)
