"""Writing the little of TOML that data cards are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def quoted(text: str) -> str:
    """Return text as a TOML string."""
    signs = (_ESCAPES.get(sign) or (sign if sign.isprintable() else f"\\U{ord(sign):08x}") for sign in text)
    return f'"{"".join(signs)}"'


def table_lines(name: str, values: Mapping[str, Any]) -> list[str]:
    """Return the lines of a TOML table that holds texts, numbers, truth values and lists of them."""
    return [f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in values.items())]


def modality_head(name: str) -> str:
    """Return the name of a modality's table."""
    return f"modalities.{_key(name)}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)
