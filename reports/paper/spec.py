"""paper.toml: which entries and data sets of a run a paper shows, in which order, under which names.

Every key but an entry's name may be left out.

```toml
[paper]
datasets = ["synthetic_*", "rosmap"]  # names and globs, in this order; all where left out
width = 1                             # of figures, in columns; above 1 tables run over both
metric = "accuracy"                   # the suite's own where left out
prefix = "fb"                         # what the names of all macros begin with

[[entry]]                             # in this order; every variant of the run where there is none
name = "my_merge"
display = "Ours"

[[entry]]
name = "concat_features"
```

First places, gains and intervals are judged over all variants of the run, shown or not, and captions say so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ...core.errors import FusebenchError, unknown
from ...core.files import read_toml
from ..run import Run


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntryTable(_Strict):
    """`[[entry]]`: a variant of the run, and the name it goes by in the paper (its own where none is given)."""

    name: str
    display: str = ""


class PaperTable(_Strict):
    """`[paper]`: what is shown.

    Parameters
    ----------
    datasets
        Names and globs, in the paper's order.
    width
        Of figures, in columns; tables of a wider paper than one column run over both.
    metric
        What tables, gains and figures use; the suite's own where none is given.
    prefix
        What every macro begins with: papers on several runs give each its own.
    """

    datasets: tuple[str, ...] = ("*",)
    width: float = Field(default=1.0, gt=0, le=20)
    metric: str | None = None
    prefix: str = "fb"

    @field_validator("prefix")
    @classmethod
    def _letters(cls, prefix: str) -> str:
        if not (prefix.isascii() and prefix.isalpha()):
            raise ValueError("it begins the names of LaTeX macros: use letters from a to z alone")
        return prefix


class Paper(_Strict):
    """A checked paper.toml; `entry` empty means every variant of the run."""

    paper: PaperTable = PaperTable()
    entry: tuple[EntryTable, ...] = ()


@dataclass(frozen=True)
class Spec:
    """A paper.toml, and the file's name for what is said of it."""

    file: str
    paper: Paper


@dataclass(frozen=True)
class Selection:
    """What a paper shows of a run.

    Parameters
    ----------
    run
        The run, its data sets and shown variants those of the paper, in the paper's order; statistics go on
        using all variants that these data sets meet.
    names
        Shown variant → the name it goes by, each once.
    width
        Of figures, in columns.
    prefix
        Of macros.
    """

    run: Run
    names: dict[str, str]
    width: float
    prefix: str

    @property
    def hidden(self) -> int:
        """How many variants were planned on these data sets that are not shown."""
        return len(self.run.variants) - len(self.run.shown)


def load(path: str | Path) -> Spec:
    """Read and check a paper.toml.

    Raises
    ------
    UnknownNameError
        For an unknown key; the nearest is suggested.
    FusebenchError
        For a file that is not there or not TOML, or a value that does not fit.
    """
    return check(read_toml(path, "Paper"), str(path))


def check(values: dict[str, Any], file: str) -> Spec:
    """Return what a parsed paper.toml asks for; errors as in `load`."""
    try:
        return Spec(file, Paper.model_validate(values))
    except ValidationError as error:
        raise _explained(error, file) from None


def _explained(error: ValidationError, file: str) -> FusebenchError:
    first = error.errors()[0]
    place = [f"[{part + 1}]" if isinstance(part, int) else str(part) for part in first["loc"]]
    table = {"paper": "[paper]", "entry": "[[entry]]"}.get(place[0] if len(place) > 1 else "", "the file")
    if first["type"] == "extra_forbidden":
        models = {"[paper]": PaperTable, "[[entry]]": EntryTable}
        return unknown(f"key of {table} in paper {file!r}", place[-1], models.get(table, Paper).model_fields)
    where = ".".join(place).replace(".[", "[")
    if first["type"] == "missing":
        owner = f"[[entry]] {place[1].strip('[]')}" if table == "[[entry]]" else table
        return FusebenchError(f"Paper {file!r}: {owner} lacks the key {place[-1]!r}.")
    message = first["msg"].removeprefix("Value error, ")
    return FusebenchError(f"Paper {file!r}: {where} = {first['input']!r}: {message}.")


def select(spec: Spec, run: Run) -> Selection:
    """Narrow a run to what a paper shows.

    Raises
    ------
    UnknownNameError
        For an entry, data set or metric that the run does not have; the nearest is suggested.
    FusebenchError
        For an entry named twice, or one name for two.
    """
    asked = spec.paper.paper
    names = _names(spec, run)
    datasets = _datasets(spec, run)
    cells, curves = (table[table["dataset"].isin(datasets)] for table in (run.cells, run.curves))
    met = {*cells["variant"]} - {*names}
    order = (*names, *(name for name in run.variants if name in met))
    metric = _metric(spec, run)
    narrowed = replace(
        run, suite=run.suite | {"metric": metric}, cells=cells.reset_index(drop=True),
        curves=curves.reset_index(drop=True), variants=order, datasets=datasets, shown=tuple(names), _held={},
    )  # fmt: skip
    return Selection(narrowed, names, asked.width, asked.prefix)


def _names(spec: Spec, run: Run) -> dict[str, str]:
    entries = spec.paper.entry or tuple(EntryTable(name=name) for name in run.variants)
    names: dict[str, str] = {}
    for entry in entries:
        if entry.name not in run.variants:
            raise unknown(f"entry in paper {spec.file!r}", entry.name, run.variants)
        if entry.name in names:
            raise FusebenchError(f"Paper {spec.file!r}: [[entry]] name = {entry.name!r} stands there twice.")
        names[entry.name] = entry.display or entry.name
    taken = Counter([*names.values(), *(name for name in run.variants if name not in names)])
    for name, display in names.items():
        if taken[display] > 1:
            raise FusebenchError(
                f"Paper {spec.file!r}: the [[entry]] {name!r} has display = {display!r}, which is another "
                "entry's name too; choose one that no other has."
            )
    return names


def _datasets(spec: Spec, run: Run) -> tuple[str, ...]:
    chosen: dict[str, None] = {}
    for pattern in spec.paper.paper.datasets:
        found = [name for name in run.datasets if name == pattern or fnmatchcase(name, pattern)]
        if not found:
            raise unknown(f"data set in paper {spec.file!r}", pattern, run.datasets)
        chosen |= dict.fromkeys(found)
    if not chosen:
        raise FusebenchError(
            f"Paper {spec.file!r}: paper.datasets = [] shows nothing; name a data set, or leave the key out."
        )
    return tuple(chosen)


def _metric(spec: Spec, run: Run) -> str:
    """Return the metric asked for: one that has a value on validation rows too, by which baselines are chosen."""
    asked = spec.paper.paper.metric or run.metric
    prefix = "validation_"
    known = {str(column).removeprefix(prefix) for column in run.cells if str(column).startswith(prefix)}
    known = {run.metric, *(name for name in known if name in run.cells)}
    if asked not in known:
        raise unknown(f"metric in paper {spec.file!r}", asked, known)
    return asked
