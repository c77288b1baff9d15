"""A plugin for the tests of the harness: a variant that does what it is told, a data set that costs nothing."""

import ctypes
import os
import signal
import time
from dataclasses import dataclass

import numpy as np
import psutil
import torch

from fusebench.core.errors import DataUnavailableError
from fusebench.core.seeding import generator
from fusebench.datasets import Bundle, Card, DataSet, Modality, Rows
from fusebench.datasets import register as register_data
from fusebench.fusion import Requires, Variant, register

AXES = dict(data_fusion="merge", level="features", operator="stub", learner="classical")


class UnsendableError(Exception):
    """Cannot be pickled: it is made of two arguments and holds a lambda."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")
        self.hold = lambda: first


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def unsendable():
    raise UnsendableError("a lock", "a lambda")


def hog():
    held = [np.ones(2**22) for _ in range(64)]  # 2 GB, written to
    time.sleep(60)
    return held


def missing_file():
    with open("/home/somebody/secret place/rows.csv") as file:
        return file.read()


def kill_server():
    above = psutil.Process(os.getppid())
    assert "forkserver" in " ".join(above.cmdline())  # and not pytest
    above.kill()
    time.sleep(60)


def surroundings():
    told = [os.path.basename(os.getcwd()), os.environ.get("FUSEBENCH_PROBE"), os.environ.get("OMP_NUM_THREADS")]
    raise RuntimeError(f"here: {told}, forked by {os.getppid()}")


def half_a_character():
    raise ValueError("rows\udcff.csv holds no rows")


def segfault():
    ctypes.string_at(0)


def too_large():
    torch.empty(2**50)


ACTS = {
    "none": lambda: None,
    "kill": kill,
    "exit3": lambda: os._exit(3),
    "exit255": lambda: os._exit(255),
    "exit0": lambda: os._exit(0),
    "leave": lambda: exit(5),
    "unsendable": unsendable,
    "hog": hog,
    "kill_server": kill_server,
    "surroundings": surroundings,
    "missing_file": missing_file,
    "half_a_character": half_a_character,
    "tensor": lambda: {"loss": [torch.zeros(1)]},
    "segfault": segfault,
    "too_large": too_large,
    "nap": lambda: time.sleep(0.25),
    "sleep": lambda: time.sleep(60),
}


@register("stub", architecture="late", tier="full", requires=Requires(modalities=(1, None)), **AXES)
class Stub(Variant):
    """p = a fixed random table row for each class: learns nothing, at once.

    `act` is done while fitting; curves hold the number of torch's threads and of calls of `fit`.
    """

    fits = 0

    def __init__(self, task, number: int = 0, act: str = "none"):
        super().__init__(task)
        self.number, self.act = number, act

    def fit(self, train, validation, seed=0):
        more = ACTS[self.act]()
        Stub.fits += 1
        self.history.curves = {"threads": [torch.get_num_threads()]} | (more or {})
        return self

    def predict_proba(self, inputs):
        row = generator("stub", number=self.number).dirichlet(np.ones(len(self.task.classes)))
        return np.tile(row, (len(inputs), 1))

    def state(self):
        return {}

    def restore(self, state):
        return self


@register("pair_only", architecture="late", tier="full", requires=Requires(modalities=(2, 2)), **AXES)
class PairOnly(Stub):
    """As `stub`, for two modalities and not more."""


@register("needs_failing", architecture="late", tier="full", **AXES)
class NeedsFailing(Stub):
    """Uses a stage that fails: the stub that names a file which is not there."""

    def needs(self):
        return ("stub(act=missing_file)",)


CARD = Card("Tiny", "two tables of noise with a cue", pairing="natural", source_family="tiny", files={"x": "sum"})


@register_data("tiny", CARD)
@dataclass(frozen=True)
class Tiny(DataSet):
    """Two tables; `absent` sets cannot be had."""

    training: int = 60
    tested: int = 50
    views: int = 2
    absent: bool = False

    @property
    def modalities(self):
        return tuple(Modality(f"view_{i}", "tabular", (4,)) for i in range(self.views))

    @property
    def classes(self):
        return ("no", "yes")

    @property
    def rows(self):
        return {"train": self.training, "validation": 20, "test": self.tested}

    def load(self, seed):
        if self.absent:
            raise DataUnavailableError("The tiny file is on no disk and on no server.")
        return Bundle(self.modalities, self.classes, **{s: self._draw(seed, s, n) for s, n in self.rows.items()})

    def _draw(self, seed, split, n):
        rng = generator("tiny", dataset=self.name, seed=seed, split=split)
        labels = np.arange(n) % 2
        inputs = {m.name: (rng.normal(size=(n, 4)) + labels[:, None]).astype(np.float32) for m in self.modalities}
        ids = np.array([f"{seed}-{split}-{i}" for i in range(n)])
        return Rows(inputs, np.ones((n, self.views), dtype=bool), labels, ids)
