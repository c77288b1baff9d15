"""The tables of a data card and the rules of their keys, those that need no data."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..card import Metric

Column = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]  # TOML has lists, and no tuples
Side = Annotated[int, Field(ge=4, le=2048)]

_WINDOW = 0.064  # seconds of one spectrum of `log_mel`, of which half as many numbers are frequencies
_HOP = 16  # samples from one of them to the next, at least


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataTable(_Strict):
    """`[data]`: the manifest, what of it is label, group and split, and how its cells are read.

    With a `split` column the published split is used and `folds` says nothing. `missing` lists the cells
    that are read as absent, in place of the empty one; `NA` is a value like another unless it is listed.
    """

    name: str
    manifest: Column
    label: Column
    group: Column | None = None
    split: Column | None = None
    folds: int = Field(default=5, ge=3)  # one tests, the next validates, the rest train
    metric: Metric | None = None
    positive: str | None = None
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: str = "."
    missing: Texts = ("",)
    encoding: str = "utf-8"
    skip_unreadable: bool = False

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise ValueError("it becomes part of a folder's name: use letters, digits and _, a letter first")
        return name

    @field_validator("separator")
    @classmethod
    def _between(cls, separator: str | None) -> str | None:
        if separator is not None and separator in '"\r\n':
            raise ValueError("it stands between cells and can be neither a quote nor the end of a line")
        return separator

    @field_validator("decimal")
    @classmethod
    def _sign(cls, decimal: str) -> str:
        if decimal not in (".", ","):
            raise ValueError('the decimal sign is "." or ","')
        return decimal

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)  # a codec that is not of text, such as "hex", fails here alone
        except (LookupError, ValueError):
            raise ValueError('no such encoding; "utf-8", "utf-16", "cp1252" and "shift_jis" are some') from None
        return codecs.lookup(encoding).name

    @model_validator(mode="after")
    def _positive(self) -> DataTable:
        if self.metric == "sensitivity_at_90_specificity" and self.positive is None:
            raise ValueError("metric = 'sensitivity_at_90_specificity' needs the key 'positive', a label")
        return self


class _Spec(_Strict):
    missing: Literal["refuse", "mask"] = "refuse"
    extractor: Column | None = None


class TabularSpec(_Spec):
    """Columns of the manifest as one vector; see `columns` and `encoder`."""

    kind: Literal["tabular"]
    numeric: Texts = ()
    categorical: Texts = ()

    @model_validator(mode="after")
    def _some(self) -> TabularSpec:
        named = self.columns
        if not named:
            raise ValueError("list columns under numeric, categorical or both")
        for name in named:
            if named.count(name) > 1:
                raise ValueError(f"column {name!r} is listed twice")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the manifest that it reads."""
        return (*self.numeric, *self.categorical)


class _Files(_Spec):
    column: Column
    folder: str = ""
    suffix: str = ""  # for cells that name files without it

    @property
    def columns(self) -> tuple[str, ...]:
        """The one that holds the paths."""
        return (self.column,)


class ImageSpec(_Files):
    """A column of paths to pictures; `size` is the side, or height and width, after resizing."""

    kind: Literal["image"]
    size: tuple[Side, Side] = (64, 64)
    channels: Literal[1, 3] = 3

    @field_validator("size", mode="before")
    @classmethod
    def _sides(cls, size: Any) -> Any:
        if isinstance(size, int):
            return size, size
        if isinstance(size, list | tuple) and len(size) == 2:
            return tuple(size)
        raise ValueError("expected a whole number, or [height, width]")


class AudioSpec(_Files):
    """A column of paths to sounds, read as log-mel pictures of `mel` bands and `frames` columns.

    Every row covers `seconds`: the middle of a longer sound, or the whole of a shorter one amid silence.
    """

    kind: Literal["audio"]
    rate: int = Field(default=16000, ge=1000, le=192000)
    seconds: float = Field(default=1.0, gt=0, le=600)
    mel: int = Field(default=32, ge=4, le=512)
    frames: int = Field(default=32, ge=4, le=4096)

    @model_validator(mode="after")
    def _resolvable(self) -> AudioSpec:
        if self.mel > self.rate * _WINDOW / 2:
            raise ValueError(f"mel = {self.mel} bands need rate = {int(2 * self.mel / _WINDOW) + 1} or more")
        if self.seconds < _WINDOW:
            raise ValueError(f"seconds = {self.seconds} are less than one spectrum takes, {_WINDOW}")
        room = int(self.rate * self.seconds) // _HOP
        if self.frames > room:
            raise ValueError(
                f"frames = {self.frames}: {self.seconds} s at rate = {self.rate} have room for {room}; declare "
                "fewer, or more seconds"
            )
        return self


class EmbeddingSpec(_Spec):
    """Vectors made elsewhere: a `file` with one row a manifest row, or a list `column` of a Parquet manifest.

    `key` names the array in a file that holds several, `rows` the axis of rows where both are as long.
    """

    kind: Literal["embedding"]
    file: Column | None = None
    key: Column | None = None
    rows: Literal["first", "last"] | None = None
    column: Column | None = None

    @model_validator(mode="after")
    def _one_place(self) -> EmbeddingSpec:
        if (self.file is None) == (self.column is None):
            raise ValueError("name either a file or a column of a Parquet manifest")
        if self.file is None and (self.key is not None or self.rows is not None):
            raise ValueError("key and rows belong to a file")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the manifest that it reads, if any."""
        return () if self.column is None else (self.column,)


Spec = TabularSpec | ImageSpec | AudioSpec | EmbeddingSpec
SPECS: dict[str, type[Spec]] = {
    "tabular": TabularSpec,
    "image": ImageSpec,
    "audio": AudioSpec,
    "embedding": EmbeddingSpec,
}
