"""A suite: which variants on which data sets, under one training setting; TOML checked before anything runs."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..core.errors import FusebenchError, unknown
from ..core.files import read_toml
from ..datasets.card import Metric
from ..fusion.variant import Settings
from ..results.store import Store
from . import suites

# a suite's name becomes results/NAME and reports/NAME, where code and the reference run live too
RESULTS = "reference perf claims frames index record recorded store verify"
REPORTS = (
    "across build comparisons contents contrasts decision families figures findings machines matched memo page "
    "paper perf placebos reproduction run scaling scoreboard scores statistics style sweeps tables timing versus "
    "wording"
)
RESERVED = frozenset(f"{RESULTS} {REPORTS}".split())

# What a suite may ask of its matched pairs, all else equal: the keys of the report's QUESTIONS (a test compares).
Question = Literal[
    "concat_merge_fusion_width",
    "concat_merge_head_width",
    "early_late",
    "cross_modal_late",
    "multiple_single",
    "nodes_features",
    "features_decisions",
    "joint_apart",
    "pretraining_shared",
    "pretrained_none",
    "gates",
    "wrapped",
]
MOST_CONTRASTS = 6  # so that Holm can still reject something on eight data sets


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SuiteTable(_Strict):
    """`[suite]`: what is run and by which metric it is judged."""

    name: str
    variants: tuple[str, ...] = ("tier:core",)
    datasets: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    metric: Metric = "accuracy"
    positive: str | None = None
    contrasts: tuple[Question, ...] = Field(default=(), max_length=MOST_CONTRASTS)

    @field_validator("contrasts")
    @classmethod
    def _once(cls, contrasts: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(contrasts)) < len(contrasts):
            raise ValueError("each question is asked once")
        return contrasts

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if not name.replace("-", "_").isidentifier():
            raise ValueError("it names a folder: use letters, digits, - and _, a letter first")
        if name.casefold() in RESERVED:
            raise ValueError("it names a folder in results/ and reports/, and that one is taken; choose another")
        return name

    @field_validator("seeds")
    @classmethod
    def _counted(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
            raise ValueError("must be different whole numbers from 0")
        return seeds


class TrainingTable(_Strict):
    """`[training]`: one setting for every variant; see `fusion.variant.Settings`."""

    epochs: int = Field(default=25, ge=1)
    batch: int = Field(default=64, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    patience: int = Field(default=10, ge=1)
    min_epochs: int = Field(default=15, ge=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    capacity: Literal["native", "matched"] = "native"
    width: int = Field(default=64, ge=1)
    class_weight: Literal["none", "balanced"] = "none"
    extractors: dict[str, str] = Field(default_factory=dict)

    def settings(self) -> Settings:
        """Return what variants read."""
        return Settings(**self.model_dump(exclude={"extractors"}))


class LimitsTable(_Strict):
    """`[limits]` of one cell or stage: wall seconds, and resident memory in MB (0 = none)."""

    timeout: float = Field(default=900.0, gt=0)
    memory: float = Field(default=0.0, ge=0)


class PublishedFigure(_Strict):
    """`[[published]]`: a figure that others have printed, to stand beside the suite's own.

    `spread` is the standard deviation that is printed with it, over `repeats` splits or trainings; `differs` says
    what of the protocol is another there, and `source` names the paper or code.
    """

    variant: str
    dataset: str
    value: float
    source: str
    metric: Metric = "accuracy"
    spread: float | None = Field(default=None, ge=0)
    repeats: int = Field(default=5, ge=1)
    differs: str = ""


class Suite(_Strict):
    """A checked suite."""

    suite: SuiteTable
    training: TrainingTable = TrainingTable()
    limits: LimitsTable = LimitsTable()
    published: tuple[PublishedFigure, ...] = ()

    @property
    def name(self) -> str:
        """The suite's name, also its folder's."""
        return self.suite.name


def shipped() -> dict[str, Path]:
    """Return the shipped suites: name → TOML file."""
    folder = Path(str(resources.files(suites)))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(source: str | Path) -> Suite:
    """Read and check a suite.

    Parameters
    ----------
    source
        The name of a shipped suite, a path ending in `.toml`, or the folder of a run.

    Raises
    ------
    UnknownNameError
        For an unknown suite name or TOML key; the nearest is suggested.
    FusebenchError
        For a file that is not TOML or a value that does not fit.
    """
    text = str(source)
    if (Path(text) / "suite.json").is_file():
        return check(Store(Path(text)).suite().get("definition", {}), text)
    if not text.endswith(".toml"):
        if text not in shipped() and ("/" in text or "\\" in text):
            raise FusebenchError(f"Suite {text!r} is no run's folder: it holds no suite.json.")
        if text not in shipped():
            raise unknown("suite", text, shipped(), "A suite of your own is a path ending in .toml.")
        path = shipped()[text]
    else:
        path = Path(text)
    return check(read_toml(path, "Suite"), text)


def check(values: dict[str, Any], owner: str) -> Suite:
    """Return the suite that a parsed TOML file describes; errors as in `load`."""
    try:
        return Suite.model_validate(values)
    except ValidationError as error:
        raise _explained(error, owner) from None


def _explained(error: ValidationError, owner: str) -> FusebenchError:
    # a misspelt key is also a missing one: the misspelling is what helps
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"]]
    table = f"[{place[0]}]" if len(place) > 1 else "the file"
    if first["type"] == "extra_forbidden":
        return unknown(f"key of {table} in suite {owner!r}", place[-1], _keys(place))
    if first["type"] == "missing":
        return FusebenchError(f"Suite {owner!r}: {table} lacks the key {place[-1]!r}.")
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        key = ".".join(part for part in place if not part.isdigit())
        taken = re.findall(r"'([^']+)'", first.get("ctx", {}).get("expected", ""))
        return unknown(f"{key} of suite {owner!r}", first["input"], taken)
    message = first["msg"].removeprefix("Value error, ")
    return FusebenchError(f"Suite {owner!r}: {'.'.join(place)} = {first['input']!r}: {message}.")


def _keys(place: list[str]) -> list[str]:
    tables = {"suite": SuiteTable, "training": TrainingTable, "limits": LimitsTable, "published": PublishedFigure}
    model = tables.get(place[0], Suite) if len(place) > 1 else Suite
    return list(model.model_fields)
