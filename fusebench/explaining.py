"""What `explain` tells of a variant or training wrapper: formula, place, a drawing, a proof, file and line."""

from __future__ import annotations

from typing import Any

from .core.errors import UnknownNameError, unknown

MODALITIES = ("modality 1", "modality 2", "modality M")


def explain(name: str) -> str:
    """Return what a name means.

    Raises
    ------
    UnknownNameError
        Where it names no variant, wrapper, data set or word of the taxonomy.
    """
    from . import datasets, fusion
    from .fusion.taxonomy import ALIASES, AXES
    from .fusion.wrappers import WRAPPERS
    from .listing import card_text, data_card

    fusion.load_all()
    if name.casefold() in ALIASES:
        return _word(name.casefold())
    if any(name in values for values in AXES.values()):
        return _value(name)
    if WRAPPERS.knows(name.lstrip("+")):
        return _wrapper(name.lstrip("+"))
    try:
        return _variant(name)
    except UnknownNameError as error:
        datasets.load_all()
        if name.partition("(")[0] in datasets.REGISTRY:
            return card_text(data_card(name))
        known = [*fusion.REGISTRY.ids, *datasets.REGISTRY.ids, *ALIASES, *WRAPPERS.ids]
        if name.partition("(")[0].partition("+")[0] in fusion.REGISTRY:  # the name is known, an option is not
            raise
        raise unknown("name", name, known, "See `fusebench list variants`.") from error


def _word(word: str) -> str:
    from . import fusion
    from .fusion.taxonomy import ALIASES

    cover = "; ".join(f"{axis} {' or '.join(values)}" for axis, values in ALIASES[word].items())
    ids = [entry.id for entry in fusion.REGISTRY if word in entry.axes.aliases]
    return f"{word}: a word of other vocabularies. Here: {cover}.\nEntries: {', '.join(ids)}"


def _value(value: str) -> str:
    """Return what a word of the taxonomy means on each axis that has it, and the entries there."""
    from . import fusion
    from .fusion.taxonomy import AXES

    lines = []
    for axis in (axis for axis, values in AXES.items() if value in values):
        ids = [entry.id for entry in fusion.REGISTRY if getattr(entry.axes, axis) == value]
        lines += [f"{value} ({axis}): {AXES[axis][value]}.", f"Entries: {', '.join(ids)}"]
    return "\n".join(lines)


def _wrapper(id: str) -> str:
    from .fusion.registry import short_place
    from .fusion.wrappers import WRAPPERS

    entry = WRAPPERS.get(id)
    facts = {
        "Known to peers as": ", ".join(f"{peer}: {known}" for peer, known in entry.also_known_as.items()),
        "Source": entry.reference,
        "Options": ", ".join(f"{key}={value}" for key, value in entry.defaults.items()),
        "Defined at": short_place(entry.place),
    }
    lines = [f"+{entry.id}: a training wrapper, as in concat_features+{entry.id}", "", entry.doc, ""]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in facts.items() if value)])


def _variant(text: str) -> str:
    from . import fusion
    from .fusion.taxonomy import ABSENT, AXES, WEAKNESSES

    entry, name = fusion.resolve(text)
    about = entry.metadata(name.options, name.wrappers)
    lines = [str(name), "", entry.doc, "", *diagram(about), "", "Place in the taxonomy:"]
    lines += [f"  {axis:13} {about[axis]}: {AXES[axis][about[axis]]}" for axis in AXES]
    lines += [f"  {'operator':13} {about['operator']}", f"  {'figure 5':13} {about['figure5'] or '-'}"]
    contested = "; ".join(f"{axis} {value}" for axis, value in (about["contestable"] or {}).items())
    facts = {
        "Others would place it at": contested,
        "Called elsewhere": ", ".join(about["aliases"]),
        "Known to peers as": "; ".join(f"{peer}: {known}" for peer, known in about["also_known_as"].items()),
        "Takes": entry.requires.words(),
        "Cost of the join": about["complexity"],
        "Known to be weak on": "; ".join(WEAKNESSES[key] for key in about["weak_on"]),
        "Order of modalities": "of no account" if entry.order_free else "may count: weights or parts follow it",
        "Where a modality is absent": ABSENT[about["absent"]],
        "Source": about["reference"],
        "Options": ", ".join(f"{key}={value}" for key, value in entry.defaults.items()),
        "Trained under": ", ".join(f"+{wrapper}" for wrapper in about["wrappers"]),
        "Defined at": about["place"],
    }
    told = [f"{key}: {value}" for key, value in facts.items() if value]
    return "\n".join([*lines, "", *told, *_proofs(about["equivalence_class"])])


def _proofs(label: str | None) -> list[str]:
    """Show that the members of a class are one function: the weights of one mapped to the others, random rows."""
    if label is None:
        return []
    from .fusion.identities import prove

    lines = [f"One function under several names (class {label!r}), on mapped weights:"]
    for proof in prove(label):
        lines.append(
            f"  {proof.member} against {proof.reference}: largest difference of logits {proof.difference:.0e} on "
            f"{proof.rows} random rows (largest logit {proof.largest:.2g})"
        )
    return lines


# ---- the drawing


def diagram(about: dict[str, Any]) -> list[str]:
    """Draw where the modalities meet, from the axes alone.

    Parameters
    ----------
    about
        An entry's metadata.
    """
    architecture, join = about["architecture"], f"{about['data_fusion']} by {about['operator'].replace('_', ' ')}"
    learner = "network" if about["learner"] == "neural" else "learner"
    if architecture == "unimodal":
        return [f"  {MODALITIES[0]} ── {learner} ── class"]
    if architecture == "early":
        first = "values" if about["level"] == "raw" else "map that saw no label"
        return _bracket(first, join, f"one {learner} ── class")
    if architecture == "hybrid":
        return [
            *_bracket("values", "early fusion", f"{learner} ──┐"),
            f"{'':44}├─ {join} ── class",
            *_bracket(f"{learner} of its own", "late fusion", "───────────┘"),
        ]
    inner = f"{learner} of its own"
    after = "class" if about["level"] == "decisions" else "classifier ── class"
    handed = {"decisions": "decision", "nodes": "nodes"}
    lines = _bracket(f"{inner} ── {handed.get(about['level'], 'vector')}", join, after)
    return [*_sharing(about["sharing"]), *lines]


def _sharing(sharing: str) -> list[str]:
    said = {
        "single": "  once, inside the networks: each reads from (⇄) the others",
        "multiple": "  at several depths of the networks: each reads from (⇄) the others, again and again",
        "pretraining": "  in an earlier stage, without the label: the networks learn from one another (⇄); then",
    }
    return [said[sharing]] if sharing in said else []


def _bracket(part: str, join: str, after: str) -> list[str]:
    signs = (("┐", ""), ("┼", f"─ {join} ── {after}"), ("┘", ""))
    return [f"  {name:10} ── {part} ─{sign}{rest}" for name, (sign, rest) in zip(MODALITIES, signs, strict=True)]
