"""Canonical names: `NAME[(key=value,…)][+WRAPPER[(key=value,…)]]…`.

The canonical name stands in every table and is what seeds are derived from, so one meaning has one
spelling: keys sorted, defaults left out, values as JSON without spaces, plain words unquoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import FusebenchError, unknown

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_JSON_WORDS = {"true", "false", "null", "NaN", "Infinity"}
_PYTHON_WORDS = {"True": True, "False": False, "None": None}  # taken for what they mean, never for text
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True)
class Name:
    """A parsed name: the entry, its options as given, and the wrappers around it, innermost first."""

    base: str
    options: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple[Name, ...] = ()

    def __str__(self) -> str:
        """Return the canonical spelling."""
        inner = ",".join(f"{key}={spell(self.options[key])}" for key in sorted(self.options))
        own = f"{self.base}({inner})" if inner else self.base
        return "+".join([own, *map(str, self.wrappers)])


def spell(value: Any) -> str:
    """Spell one option value: a plain word as it is, anything else as JSON without spaces."""
    if isinstance(value, str) and _WORD.fullmatch(value) and value not in _JSON_WORDS | _PYTHON_WORDS.keys():
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, tuple | list):
        return "[" + ",".join(spell_json(item) for item in value) + "]"
    return spell_json(value)


def spell_json(value: Any) -> str:
    """Spell a value inside a list as JSON; whole floats lose their `.0` so that 2.0 and 2 are one name."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, tuple | list):
        return "[" + ",".join(spell_json(item) for item in value) + "]"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def split_outside(text: str, separator: str) -> list[str]:
    """Split `text` at `separator` where it stands outside brackets and quotes; pieces are stripped."""
    pieces, depth, quoted, start = [], 0, False, 0
    for place, sign in enumerate(text):
        if sign == '"' and (place == 0 or text[place - 1] != "\\"):
            quoted = not quoted
        elif quoted:
            continue
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif sign == separator and depth == 0:
            pieces.append(text[start:place].strip())
            start = place + 1
    if depth != 0 or quoted:
        raise FusebenchError(f"Name {text!r} has unbalanced brackets or quotes.")
    return [*pieces, text[start:].strip()]


def split_list(texts: Iterable[str]) -> list[str]:
    """Split comma lists outside brackets: `a,b(c=1,d=2)` holds two names."""
    return [piece for text in texts for piece in split_outside(text, ",") if piece]


def parse(text: str) -> Name:
    """Parse a name as a user types it.

    Raises
    ------
    FusebenchError
        Where brackets do not match, a part is empty or an option is not `key=value`.
    """
    parts = split_outside(text.strip(), "+")
    base, *wrappers = [_parse_part(part, text) for part in parts]
    return Name(base.base, base.options, tuple(wrappers))


def _parse_part(part: str, whole: str) -> Name:
    head, bracket, rest = part.partition("(")
    head = head.strip()
    if not _WORD.fullmatch(head):
        raise FusebenchError(f"Name {whole!r}: {head or part!r} is not a name; write NAME(key=value).")
    if not bracket:
        return Name(head)
    if not rest.endswith(")"):
        raise FusebenchError(f"Name {whole!r}: the bracket after {head!r} is not closed at the end.")
    options: dict[str, Any] = {}
    for item in filter(None, split_outside(rest[:-1], ",")):
        key, equals, value = item.partition("=")
        if not equals or not _WORD.fullmatch(key.strip()) or not value.strip():
            raise FusebenchError(f"Name {whole!r}: option {item!r} is not of the form key=value.")
        if key.strip() in options:
            raise FusebenchError(f"Name {whole!r}: option {key.strip()!r} is given twice.")
        options[key.strip()] = _value(value.strip())
    return Name(head, options)


def _value(text: str) -> Any:
    if text in _PYTHON_WORDS:
        return _PYTHON_WORDS[text]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def canonical(name: Name, defaults: Mapping[str, Any], owner: str) -> Name:
    """Return the name with known options only, those equal to their default left out.

    Parameters
    ----------
    name
        A parsed name.
    defaults
        Option → default value; the options that exist.
    owner
        What the name names, for the message (`"variant 'merge_sum'"`).

    Raises
    ------
    UnknownNameError
        For an option that does not exist; the nearest one is suggested.
    """
    kept = {}
    for key, value in name.options.items():
        if key not in defaults:
            hint = "" if defaults else "It takes no options."
            raise unknown(f"option of {owner}", key, defaults, hint)
        if spell(value) != spell(defaults[key]):
            kept[key] = value
    return Name(name.base, kept, name.wrappers)
