"""Hashes of what is planned: equal values, equal hash; nothing else enters one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ..core.files import dumps

SEED, STAGES = "\0seed", "\0stages"  # stand in a text for what differs; no name holds them


class Hashed:
    """Hashes of values that differ in seed and stages alone: the rest of their text is written once.

    Parameters
    ----------
    values
        All but `seed`; `STAGES` stands for the hashes of the stages.
    """

    def __init__(self, values: dict[str, Any]):
        self.head, rest = dumps(values | {"seed": SEED}).split(dumps(SEED))
        self.rest = rest.split(dumps(STAGES))

    def __call__(self, seed: int, stages: Sequence[str] = ()) -> str:
        """Return the hash at a seed, with the hashes of the stages used."""
        spelt = '["' + '", "'.join(sorted(stages)) + '"]' if stages else "[]"  # as `dumps` does, which is slower
        return digest(f"{self.head}{seed:d}{spelt.join(self.rest)}")


def hash_of(value: dict[str, Any]) -> str:
    """Return the hash of some values, in whatever order they stand."""
    return digest(dumps(value))


def digest(text: str) -> str:
    """Return the hash of a text, 32 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
