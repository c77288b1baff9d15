"""figures.toml: which figures are drawn, in which order, how large, and of which variants and data sets.

Every key may be left out; without a `[[figure]]` all figures are drawn.

```toml
style = "paper"                  # or "slides"; for every figure that does not say otherwise
width = 2                        # in columns; without it a figure is as wide as it needs

[[figure]]
name = "accuracy"

[[figure]]
name = "gain"
file = "gain_of_merging"         # gain_of_merging.png and so on; a figure may be drawn twice
title = "What merging adds"      # "" leaves the title to the caption
width = 1
variants = ["merge_*", "gmu"]    # names or globs; titles then say how many are shown
datasets = ["synthetic_*"]
```

Statistics over variants still use all of them; those over data sets use the ones chosen, and titles say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ...core.errors import FusebenchError, unknown
from ...core.files import read_toml
from ..run import Run, choose
from .looks import Look

OWNER = "figures.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("style", check_fields=False)
    @classmethod
    def _drawn(cls, style: str | None) -> str | None:
        Look(style or "paper")
        return style


class FigureTable(_Strict):
    """`[[figure]]`: one figure; see the module's example."""

    name: str
    file: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str | None = None
    style: str | None = None
    width: float | None = Field(default=None, gt=0, le=20)
    variants: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A figure to draw.

    Parameters
    ----------
    name
        Which.
    file
        The name of its files, without suffix.
    title
        In place of its own.
    look
        How large.
    variants, datasets
        Of what: names or globs; all where empty.
    asked
        Whether it was asked for by name, so that it says why it has nothing to show.
    """

    name: str
    file: str
    title: str | None = None
    look: Look = field(default_factory=Look)
    variants: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    asked: bool = False


class Choice(_Strict):
    """A checked figures.toml; without a `figure` all are chosen."""

    style: str | None = None
    width: float | None = Field(default=None, gt=0, le=20)
    figure: tuple[FigureTable, ...] = ()

    def wanted(self, known: Iterable[str], names: Iterable[str] | None = None) -> list[Wanted]:
        """Return the figures to draw, in order.

        Parameters
        ----------
        known
            The figures that there are.
        names
            Which of the chosen ones, by name or file; a known figure that is not chosen may be named too.

        Raises
        ------
        UnknownNameError
            For a name that no figure has.
        """
        known = tuple(known)
        for table in self.figure:
            if table.name not in known:
                raise unknown(f"figure in {OWNER}", table.name, known)
        tables = list(self.figure) or [FigureTable(name=name) for name in known]
        if names is not None:
            tables = [table for name in names for table in self._named(name, tables, known)]
        return [self._wanted(table) for table in tables]

    def _named(self, name: str, tables: list[FigureTable], known: tuple[str, ...]) -> list[FigureTable]:
        found = [table for table in tables if name in (table.name, table.file)]
        if not found and name not in known:
            raise unknown("figure", name, {*known, *(table.file or table.name for table in tables)})
        return found or [FigureTable(name=name)]

    def _wanted(self, table: FigureTable) -> Wanted:
        look = Look(table.style or self.style or "paper", self.width if table.width is None else table.width)
        return Wanted(table.name, table.file or table.name, table.title, look, table.variants, table.datasets)


def load(path: str | Path) -> Choice:
    """Read and check a figures.toml.

    Raises
    ------
    UnknownNameError
        For an unknown key or style; the nearest is suggested.
    FusebenchError
        For a file that is missing or not TOML, a value that does not fit, or two figures for one file.
    """
    return check(read_toml(path, "Choice of figures"))


def check(values: Mapping[str, Any]) -> Choice:
    """Return the choice that a parsed TOML file describes; errors as in `load`."""
    try:
        choice = Choice.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from None
    files = [table.file or table.name for table in choice.figure]
    for place, (file, table) in enumerate(zip(files, choice.figure, strict=True), start=1):
        if file in files[: place - 1]:
            raise FusebenchError(
                f"{OWNER}: figure {place} ({table.name!r}) is to be written to {file!r} like an earlier one: give "
                "it a 'file' of its own."
            )
    return choice


def narrowed(run: Run, wanted: Wanted) -> Run:
    """Return the run with the variants that a figure shows and the data sets that it is about.

    Raises
    ------
    UnknownNameError
        For a name or glob that fits nothing in the run.
    """
    if wanted.variants:
        run = replace(run, shown=choose(list(run.shown), wanted.variants))
    if not wanted.datasets:
        return run
    for pattern in wanted.datasets:
        if not any(name == pattern or fnmatchcase(name, pattern) for name in run.datasets):
            raise unknown("data set of this run", pattern, run.datasets)
    kept = tuple(n for n in run.datasets if any(n == p or fnmatchcase(n, p) for p in wanted.datasets))
    if kept == run.datasets:
        return run
    cells, curves = (table[table["dataset"].isin(kept)] for table in (run.cells, run.curves))
    note = " · ".join(filter(None, (run.note, f"{len(kept)} of {len(run.datasets)} data sets")))
    return replace(run, datasets=kept, cells=cells, curves=curves, note=note, _held={})


def _explained(error: ValidationError) -> FusebenchError:
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")  # which explains others
    place = [part for part in first["loc"] if isinstance(part, str)]
    count = next((part + 1 for part in first["loc"] if isinstance(part, int)), None)
    where = OWNER if count is None else f"figure {count} in {OWNER}"
    if first["type"] == "extra_forbidden":
        model = Choice if count is None else FigureTable
        return unknown(f"key of {where}", place[-1], model.model_fields)
    if first["type"] == "missing":
        return FusebenchError(f"{where} lacks the key {place[-1]!r}.")
    return FusebenchError(
        f"{where}: {place[-1]} = {first['input']!r}: {first['msg'].removeprefix('Value error, ')}."
    )
