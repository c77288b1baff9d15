"""The data card: a TOML file that says what the columns of a manifest are, checked before any data is read.

Two kinds of tables. `[data]` names the manifest, the label and how rows are split; `[modalities.NAME]`, one
for each input, says where it stands in the manifest and how it is read. Paths are relative to the card.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ...core.errors import FusebenchError, unknown
from .specs import SPECS, AudioSpec, DataTable, EmbeddingSpec, ImageSpec, Spec, TabularSpec

__all__ = [
    "SPECS",
    "AudioSpec",
    "CardFile",
    "DataTable",
    "EmbeddingSpec",
    "ImageSpec",
    "Spec",
    "TabularSpec",
    "read_card",
]

TABLES = (".csv", ".tsv", ".parquet", ".pq")

_INIT = "`fusebench data init TABLE --label COLUMN` writes the card of a table."
_WORDS = {
    "string_type": "expected text, in quotes",
    "string_too_short": "expected a name; it is empty",
    "string_too_long": 'expected one sign, such as ";" or "\\t"',
    "tuple_type": "expected a list",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
}


@dataclass(frozen=True)
class CardFile:
    """A checked data card: where it stands, its `[data]`, and its modalities in their order."""

    path: Path
    data: DataTable
    modalities: Mapping[str, Spec]

    @property
    def folder(self) -> Path:
        """What its paths are relative to."""
        return self.path.parent


def read_card(path: str | Path) -> CardFile:
    """Read and check a data card.

    Raises
    ------
    UnknownNameError
        For an unknown table, key, kind or choice; the nearest is suggested.
    FusebenchError
        For a file that is not TOML, a key that is lacking or a value that does not fit.
    """
    owner = f"data card {Path(path).name!r}"
    if not Path(path).is_file():
        raise FusebenchError(f"The data card {str(path)!r} is not a file; {_INIT}")
    if Path(path).suffix.lower() in TABLES:
        raise FusebenchError(f"The data card {str(path)!r} is a table, and a card is a TOML file; {_INIT}")
    try:
        values = tomllib.loads(Path(path).read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FusebenchError(f"The {owner} is not valid TOML: {error}.") from error
    for key in values:
        if key not in ("data", "modalities"):
            raise unknown(f"table of {owner}", key, ("data", "modalities"))
    data = _checked(DataTable, values.get("data", {}), "[data]", owner)
    tables = values.get("modalities", {})
    if not isinstance(tables, dict) or not tables:
        raise FusebenchError(f"The {owner} has no modality; add a table [modalities.NAME] for each input.")
    modalities = {name: _modality(name, table, owner) for name, table in tables.items()}
    _check_leaks(data, modalities, owner)
    return CardFile(Path(path).resolve(), data, modalities)


def _modality(name: str, table: Any, owner: str) -> Spec:
    if not re.fullmatch(r"[^\W\d][\w-]*", name):
        raise FusebenchError(
            f"The {owner}: modality {name!r} needs a name of letters, digits, _ and -, a letter first."
        )
    place = f"[modalities.{name}]"
    kind = table.get("kind") if isinstance(table, dict) else None
    if kind is None:
        raise FusebenchError(f"The {owner}: {place} lacks the key 'kind', one of {', '.join(SPECS)}.")
    if str(kind) not in SPECS:
        raise unknown(f"kind of {place} in {owner}", str(kind), SPECS)
    return _checked(SPECS[str(kind)], table, place, owner)


def _checked(model: type[Any], table: Any, place: str, owner: str) -> Any:
    if not isinstance(table, dict):
        raise FusebenchError(f"The {owner}: {place[1:-1]} = {table!r} is a value; expected a table {place}.")
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise _explained(error, model, table, place, owner) from None


def _explained(
    error: ValidationError, model: type[BaseModel], table: Any, place: str, owner: str
) -> FusebenchError:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return unknown(f"key of {place} in {owner}", key, model.model_fields)
    if first["type"] == "missing":
        return FusebenchError(f"The {owner}: {place} lacks the key {key!r}.")
    choices = re.findall(r"'([^']+)'", first.get("ctx", {}).get("expected", ""))
    if choices and isinstance(first["input"], str):
        return unknown(f"{key} of {place} in {owner}", first["input"], choices)
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected a value")
    message = _WORDS.get(first["type"], message)
    given = f" {key} = {table[key]!r}" if key and key in table else ""
    return FusebenchError(f"The {owner}: {place}{given}: {message}.")


def _check_leaks(data: DataTable, modalities: Mapping[str, Spec], owner: str) -> None:
    for name, spec in modalities.items():
        for role, column in (("label", data.label), ("split", data.split)):
            if column in spec.columns:
                raise FusebenchError(
                    f"The {owner}: [modalities.{name}] reads column {column!r}, which is the {role}; an input "
                    "that tells the answer makes every number worthless: leave it out."
                )
