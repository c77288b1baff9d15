"""What no difference looks like: one variant under another name, so that chance alone tells the two apart."""

from __future__ import annotations

from ..registry import register
from ..variant import Task
from .concat import ConcatFeatures


@register(
    "placebo",
    architecture="late",
    data_fusion="concat",
    level="features",
    operator="concat",
    tier="full",
    placebo_of="concat_features",
    words=("alias", "A/A test"),
    complexity="O(M d)",
)
class Placebo(ConcatFeatures):
    """head([h_1; …; h_M]), concat_features again: its own weights are drawn, and its dropout, under another name.

    Two copies differ in their seed alone. How often an interval calls them different is the rate at which this
    benchmark calls nothing something; reports print that rate and rank no copy.

    Parameters
    ----------
    task
        What the network is built for.
    copy
        Number of the copy: a part of the name, from which the seed follows, and of nothing else.
    width
        As of `concat_features`.
    """

    def __init__(self, task: Task, copy: int = 1, width: int | str | None = None):
        super().__init__(task, width)
        self.copy = copy
