"""Several sharing operations, at depths that a search chooses on training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...core.seeding import Seeds
from ...datasets.bundle import Rows
from ..matching import matched_width
from ..network import Batch, Classifier, FusionNetwork
from ..neural import NeuralVariant
from ..registry import register
from ..variant import Task, as_seeds

DEPTHS = 3  # shallow nodes, inner nodes, finished vector
ACTIVATIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid}
DRAWN = 200  # plans that the surrogate ranks at a step


class Join(NamedTuple):
    """One fusion layer: which depth of each modality it reads, and its activation."""

    depths: tuple[int, ...]
    activation: str = "relu"


Plan = tuple[Join, ...]


class JoinedDepths(FusionNetwork):
    """head(c_L), c_l = φ_l(W_l [x_1; …; x_M; c_{l−1}] + b_l), x_m modality m's nodes at the depth that l names.

    Each modality keeps a classifier of its own, whose loss counts as much as the joined one: the unimodal networks
    of the original are trained on the label too, and no layer is idle whichever depths are read.
    """

    def __init__(self, task: Task, plan: Plan = (), width: int | None = None):
        super().__init__(task, width)
        self.plan = plan or deepest(len(self.names))
        sizes = [(e.level_sizes[0], e.inner, self.width) for e in self.extractors]
        read = [sum(own[at] for own, at in zip(sizes, join.depths, strict=True)) for join in self.plan]
        self.layers: Any = nn.ModuleList(
            nn.Linear(size + self.width * bool(before), self.width) for before, size in enumerate(read)
        )
        self.heads: Any = nn.ModuleList(Classifier(self.width, len(task.classes)) for _ in self.names)

    def encode(self, batch: Batch) -> list[tuple[Tensor, ...]]:
        """Return each modality's nodes at every depth, the last its finished vector."""
        found = []
        for name, extractor in zip(self.names, self.extractors, strict=True):
            levels = extractor.levels(batch[name])
            found.append((levels[0], levels[-1], extractor.last(levels[-1])))
        return found

    def vectors(self, h: list[tuple[Tensor, ...]]) -> list[Tensor]:
        """Return the finished vectors."""
        return [levels[-1] for levels in h]

    def fuse(self, h: list[tuple[Tensor, ...]]) -> Tensor:
        """Return the last join's nodes, (n, width)."""
        joined: list[Tensor] = []
        for join, layer in zip(self.plan, self.layers, strict=True):
            read = [levels[at] for levels, at in zip(h, join.depths, strict=True)]
            joined = [ACTIVATIONS[join.activation](layer(torch.cat([*read, *joined], 1)))]
        return joined[0]

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the joined loss and the modalities' own."""
        h = self.encode(batch)
        self.clock.lap("encode")
        z = self.fuse(h)
        self.clock.lap("fuse")
        logits = [self.head(z), *(head(x) for head, x in zip(self.heads, self.vectors(h), strict=True))]
        return torch.stack([cross_entropy(part, labels, weight=class_weight) for part in logits]).sum()


@register(
    "searched_fusion",
    tier="full",
    architecture="cross_modal",
    data_fusion="merge",
    level="nodes",
    operator="searched",
    sharing="multiple",
    reference="Pérez-Rúa et al. 2019, arXiv 1903.06496 (MFAS)",
    also_known_as={"MultiBench": "Searchable"},
    words=("architecture search", "mfas"),
    complexity="O(L M d²), L joins; in training also a search of `budget` short trainings",
    weak_on=("synergy",),
)
class SearchedFusion(NeuralVariant):
    """head(c_L), c_l = φ_l(W_l [x_1; …; x_M; c_{l−1}] + b_l); a search says which nodes x_m join l reads, and φ_l.

    A join reads every modality at one of three depths (shallow nodes, inner nodes, finished vector), φ is
    ReLU or the sigmoid, and there are one or two joins. `budget` plans are trained for `epochs` epochs on four
    fifths of the *training* rows and judged by their log-loss on the rest; the validation rows choose nothing here
    but the epoch, as for any network. The first plan is the late one, two are drawn, and the others are the best
    of 200 drawn ones by a surrogate that is fitted after every trial; the second half adds a join to the best
    plan of one. Then the best plan is trained as usual. Eight trials of three epochs cost about one more training,
    which is charged. Simplified: the surrogate is a ridge regression on how often a depth is read (there an
    LSTM), and trials do not share weights with one another.
    """

    def __init__(self, task: Task, budget: int = 8, epochs: int = 3):
        super().__init__(task, JoinedDepths, "searched_fusion")
        if budget < 1 or epochs < 1:
            raise ValueError(f"budget={budget} and epochs={epochs} must both be at least 1")
        self.budget, self.epochs = budget, epochs
        self.tried: dict[Plan, float] = {}
        self.choose(deepest(len(task.names)))

    def choose(self, plan: Plan) -> None:
        """Build by this plan from now on."""
        self.plan, self.make = plan, partial(JoinedDepths, plan=plan)
        if self.task.settings.capacity == "matched":
            self.make = partial(self.make, width=matched_width(self.make, self.task))

    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Search on training rows, then train the chosen plan."""
        begin, seeds = perf_counter(), as_seeds(seed, self.name)
        rng = np.random.default_rng(seeds.own("search"))
        part, held = split(train, rng)
        trial = partial(self._trial, part=part, held=held, seeds=seeds)
        self.tried = search(trial, len(self.task.names), self.budget, rng)
        self.choose(min(self.tried, key=lambda plan: self.tried[plan]))
        searched = perf_counter() - begin
        super().fit(train, validation, seeds)
        self.history.phases["optimise"] += searched
        return self

    def _trial(self, plan: Plan, part: Rows, held: Rows, seeds: Seeds) -> float:
        epochs = min(self.epochs, self.task.settings.epochs)
        settings = replace(self.task.settings, epochs=epochs, min_epochs=epochs, patience=epochs)
        trial = NeuralVariant(replace(self.task, settings=settings), JoinedDepths, self.name, plan=plan)
        return min(trial.fit(part, held, seeds).history.curves["validation_loss"])

    def state(self) -> dict[str, Any]:
        """Return the plan beside weights and scaling."""
        return {**super().state(), "plan": [[list(join.depths), join.activation] for join in self.plan]}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take the plan, then weights and scaling."""
        self.choose(tuple(Join(tuple(depths), activation) for depths, activation in state["plan"]))
        return super().restore(state)


def deepest(modalities: int) -> Plan:
    """Return the plan that joins finished vectors once: late fusion."""
    return (Join((DEPTHS - 1,) * modalities),)


def split(rows: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return four fifths of the rows and the rest; a group stays together where there are five or more."""
    keys = np.arange(len(rows))
    if rows.groups is not None and len(np.unique(rows.groups)) >= 5:
        keys = rows.groups
    units = rng.permutation(np.unique(keys))
    held = np.isin(keys, units[: max(1, len(units) // 5)])
    return rows.take(np.flatnonzero(~held)), rows.take(np.flatnonzero(held))


def search(
    score: Callable[[Plan], float], modalities: int, budget: int, rng: np.random.Generator
) -> dict[Plan, float]:
    """Return the plans that were tried with their scores, the lower the better.

    Parameters
    ----------
    score
        Tries a plan.
    modalities
        Number of modalities.
    budget
        Most plans to try.
    rng
        Draws plans.
    """
    late = deepest(modalities)
    tried = {late: score(late)}
    while len(tried) < budget:
        singles = [plan for plan in tried if len(plan) == 1]
        stem = () if 2 * len(tried) < budget else min(singles, key=lambda plan: tried[plan])
        drawn = dict.fromkeys((*stem, _draw(modalities, rng)) for _ in range(DRAWN))
        fresh = [plan for plan in drawn if plan not in tried]
        if not fresh:
            break
        plan = fresh[0] if len(tried) < 3 else fresh[int(np.argmin(_guess(tried, fresh)))]
        tried[plan] = score(plan)
    return tried


def _draw(modalities: int, rng: np.random.Generator) -> Join:
    depths = tuple(rng.integers(DEPTHS, size=modalities).tolist())
    return Join(depths, list(ACTIVATIONS)[int(rng.integers(len(ACTIVATIONS)))])


def _guess(tried: dict[Plan, float], fresh: list[Plan]) -> np.ndarray:
    """Return the surrogate's scores: ridge regression on how often each depth and activation is used."""
    known, scores = _counts(tried), np.array(list(tried.values()))
    centre, level = known.mean(0), scores.mean()
    shifted = known - centre
    weights = np.linalg.solve(shifted.T @ shifted + np.eye(known.shape[1]), shifted.T @ (scores - level))
    return level + (_counts(fresh) - centre) @ weights


def _counts(plans: Iterable[Plan]) -> np.ndarray:
    rows = []
    for plan in plans:
        used = np.stack([np.eye(DEPTHS)[list(join.depths)] for join in plan]).sum(0)
        rows.append([*used.ravel(), *(sum(join.activation == name for join in plan) for name in ACTIVATIONS)])
    return np.array(rows)
