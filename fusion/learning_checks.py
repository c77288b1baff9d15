"""What an entry must learn: an easy set to its ceiling, and of pure synergy what its place allows."""

from __future__ import annotations

from .registry import Entry
from .specimens import ceiling, specimen, synergy, usual_kinds
from .trials import check, classes_of, fit, need
from .variant import Settings

LEARNING = Settings(epochs=15, batch=16, width=16, lr=3e-3)
SYNERGY = (Settings(epochs=20, batch=16, width=16, lr=3e-3), Settings(epochs=30, batch=16, width=32))
SHORT = 0.05  # of the ceiling, at most
ADDITIVE = 0.75  # what no sum of scores of two modalities exceeds where the class is whether two signs differ
ROWS = 400
CHANCE, ERROR = 0.5, 0.5 / ROWS**0.5


@check()
def learns_an_easy_set(entry: Entry, name: str) -> None:
    """Well separated classes are told apart within five points of the best possible accuracy."""
    data = specimen(usual_kinds(entry.requires), 96, 24, 200, classes_of(entry))
    accuracy = (fit(name, data, LEARNING).predict().argmax(1) == data.test.labels).mean()
    best = ceiling(data, (data.modalities[0].name,) if entry.per_modality else ())
    need(accuracy >= best - SHORT, f"its accuracy on an easy set is {accuracy:.2f}, the best possible {best:.2f}")


def apart(entry: Entry, name: str) -> bool:
    """Those that hold no joint function of modalities: baselines, and rules on experts trained apart."""
    axes = entry.axes
    return axes.architecture == "unimodal" or (axes.architecture == "late" and axes.on_experts)


@check(apart)
def stays_at_chance_on_pure_synergy(entry: Entry, name: str) -> None:
    """Where no modality alone tells anything, experts trained apart have nothing to combine."""
    accuracy = _on_synergy(entry, name, SYNERGY[0])
    beyond = abs(accuracy - CHANCE)
    need(beyond <= 4 * ERROR, f"its accuracy is {accuracy:.2f} where a rule on experts can only guess ({CHANCE})")


def joint(entry: Entry, name: str) -> bool:
    """Networks that join features or nodes and are trained through the join, but for those declared weak.

    What is held to its place is the entry as registered: options and wrappers may weaken it.
    """
    axes = entry.axes
    network = axes.learner == "neural" and axes.level != "decisions" and axes.architecture != "unimodal"
    return network and axes.training != "staged_frozen" and "synergy" not in entry.weak_on and name == entry.id


@check(joint)
def learns_pure_synergy(entry: Entry, name: str) -> None:
    """It learns what only two modalities together tell, beyond any sum of scores of each, at one of two paces."""
    reached = 0.0
    for settings in SYNERGY:
        reached = max(reached, _on_synergy(entry, name, settings))
        if reached > ADDITIVE:
            return
    need(False, f"its accuracy is {reached:.2f} where a sum of scores of each reaches {ADDITIVE}")


def _on_synergy(entry: Entry, name: str, settings: Settings) -> float:
    kinds = usual_kinds(entry.requires, max(2, entry.requires.modalities[0]))
    data = synergy(kinds, test=ROWS)
    return float((fit(name, data, settings).predict().argmax(1) == data.test.labels).mean())
