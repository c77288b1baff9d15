"""Peer libraries method by method: the entry or wrapper that is the same here, or the reason why there is none."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from .build import load_all
from .registry import REGISTRY, known_names
from .wrappers import WRAPPERS


@dataclass(frozen=True)
class Covered:
    """A peer's method.

    Parameters
    ----------
    peer, method
        The library, and the method's name in its code.
    ours
        Ids of entries and wrappers (`+ogm_ge`) that it is known as here.
    reason
        Why there is none; empty where there is.
    """

    peer: str
    method: str
    ours: tuple[str, ...]
    reason: str


@cache
def peers() -> dict[str, dict[str, Any]]:
    """Return the content of peers.toml: library → home, commit that was read, methods, left out."""
    return tomllib.loads(resources.files(__package__ or "").joinpath("peers.toml").read_text("utf-8"))


def coverage() -> Iterator[Covered]:
    """Yield every method of every peer, in the peers' order."""
    ours = known_here()
    for peer, about in peers().items():
        for method in about["methods"]:
            found = tuple(ours.get((peer, method), ()))
            yield Covered(peer, method, found, "" if found else about["left_out"].get(method, ""))


def known_here() -> dict[tuple[str, str], list[str]]:
    """Return (peer, its name of a method) → ids of entries and wrappers here."""
    load_all()
    found: dict[tuple[str, str], list[str]] = {}
    named = [(e.id, e.also_known_as) for e in REGISTRY] + [(f"+{w.id}", w.also_known_as) for w in WRAPPERS]
    for id, names in named:
        for peer, text in names.items():
            for method in known_names(text):
                found.setdefault((peer, method), []).append(id)
    return found
