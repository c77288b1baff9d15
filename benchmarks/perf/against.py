"""Part `peers`: where a step is tiny, our cell against a bare loop, and against fusilli on its own module."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from torch import nn

from ...datasets import Modality
from ..peers import fusilli_adapter
from ..peers.environment import NotInstalledError, environment
from ..peers.modules import FusilliConcat, registered
from ..peers.turns import Turns
from ..worker import one_thread
from .alternate import Side, alternate, timed
from .bare import Memo, tensors, train
from .data import Held, tables
from .measurement import Measurement, Scale
from .measurement import Side as Told
from .ours import Cells

FUSILLI = "fusilli==2.0.0"
REQUIRES = (
    *("lightning~=2.0", "matplotlib~=3.5", "numpy~=1.25", "pandas~=2.0", "scikit-learn~=1.0", "sentry-sdk>=1.0"),
    *("torch-geometric~=2.0", "torchmetrics~=0.0", "tqdm~=4.0"),
    "setuptools<81",  # it asks for 68, which no recent torch goes with; later ones lack pkg_resources
)
"""As fusilli 2.0.0 states them, but for setuptools."""
WHOLE = "whole cell of ours"
LOOP = "bare PyTorch loop over the same module"
ROWS = {
    "tiny": Measurement("tiny", "2 tables of 16, memo's module", "share", 1.1),
    "tiny_fusilli": Measurement("tiny_fusilli", "2 tables of 16, fusilli's module", "share", 1.1),
    "fusilli": Measurement("fusilli", "ours against fusilli 2.0.0, as its manual calls it", "times", 4.0),
    "fusilli_trainer": Measurement("fusilli_trainer", "ours against fusilli's trainer alone", "times"),
    "fusilli_bare": Measurement("fusilli_bare", "a bare loop against fusilli's trainer alone", "times"),
}
PEERS = ("fusilli", "fusilli_trainer", "fusilli_bare")
CALL = "fusilli.train.train_and_save_models, checkpoints off"
TRAINER = "fusilli's Lightning module and trainer (BaseModel, init_trainer), logger off too"
NOTES = (
    "fusilli's own ConcatTabularFeatureMaps and data loaders; reading tables is not timed. Both sides validate "
    "once an epoch; fusilli computes AUROC and accuracy at every step too, which it cannot be asked to leave out.",
)
VERSIONS = ("fusilli", "lightning", "torch", "torchmetrics", "numpy", "pandas")


def measure(scale: Scale) -> list[Measurement]:
    """Measure on two tables, with one thread; fusilli's rows say why where it cannot be installed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fusebench-perf-")))
        stack.enter_context(one_thread())
        sides = _Sides(folder, tables(scale.rows), scale)
        sides.ours("tiny", "concat_features", Memo)
        sides.ours("tiny_fusilli", stack.enter_context(registered()), FusilliConcat)
        reason = sides.peer(stack)
        took = alternate(sides.by_name, scale.repetitions)
        told = partial(sides.told, took.seconds, took.load)
        found = [told("tiny"), told("tiny_fusilli")]
        return found + [replace(ROWS[name], reason=reason) if reason else told(name) for name in PEERS]


@dataclass
class _Sides:
    """Everything that takes turns, by name; whoever cannot be had is not among them."""

    folder: Path
    data: Held
    scale: Scale
    by_name: dict[str, Side] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def ours(self, name: str, variant: str, module: type[nn.Module]) -> None:
        """Add our cell of a variant, and a bare loop over the same module."""
        place = self.folder / name
        place.mkdir()
        inputs, labels = tensors(self.data.bundle.train)
        modalities: tuple[Modality, ...] = self.data.modalities
        make = partial(module, modalities, len(self.data.classes))
        self.by_name[name] = Cells(place, variant, self.data, self.scale.epochs)
        self.by_name[f"{name} bare"] = timed(lambda: train(make(), inputs, labels, self.scale.epochs))

    def peer(self, stack: ExitStack) -> str:
        """Add fusilli's trainer and its bare loop; return why it cannot be had, or nothing."""
        settings = {
            "rows": self.scale.rows,
            "validation": self.scale.rows // 4,
            "columns": self.data.modalities[0].size,
            "classes": len(self.data.classes),
            "batch": 64,
            "epochs": self.scale.epochs,
        }
        try:
            python, self.versions = environment("fusilli", FUSILLI, REQUIRES)
            turns = stack.enter_context(Turns(python, Path(fusilli_adapter.__file__), settings))
        except NotInstalledError as error:
            return f"fusilli 2.0.0 cannot be had here: {error}"
        self.by_name |= {f"peer {turn}": partial(turns.seconds, turn) for turn in ("user", "trainer", "bare")}
        return ""

    def told(self, seconds: dict[str, list[float]], load: float | None, name: str) -> Measurement:
        """Return a row with both its sides."""
        whole, loop, same = (WHOLE, name), (LOOP, f"{name} bare"), (WHOLE, "tiny_fusilli")
        ours, other = {
            "fusilli": (same, (CALL, "peer user")),
            "fusilli_trainer": (same, (TRAINER, "peer trainer")),
            "fusilli_bare": ((f"{LOOP}, in fusilli's environment", "peer bare"), (TRAINER, "peer trainer")),
        }.get(name, (whole, loop))
        more = {"versions": {key: self.versions.get(key) for key in VERSIONS}} if name in PEERS else {}
        return replace(
            ROWS[name],
            ours=Told(ours[0], seconds[ours[1]]),
            other=Told(other[0], seconds[other[1]]),
            load=load,
            notes=NOTES if name in PEERS else (),
            more=more,
        )
