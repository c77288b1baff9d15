"""Ticks whose numbers do not touch."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .. import style

STEPS = (1, 2, 2.5, 5, 10)


def numbers(axis: Axes, which: str = "x", most: int = 4) -> None:
    """Thin out an axis's ticks, to as few as leave their numbers apart, and write them plainly."""
    side = axis.xaxis if which == "x" else axis.yaxis
    side.set_major_locator(_Apart(most) if which == "x" else MaxNLocator(most, steps=STEPS))


class _Apart(MaxNLocator):
    """Ticks whose numbers do not touch: fewer of them where the axis is short."""

    def __init__(self, most: int):
        super().__init__(most, steps=STEPS)
        self.most = most

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Return where ticks stand between two limits; the outer two alone where no more have room."""
        inside = np.array([])
        for bins in range(self.most, 0, -1):
            self.set_params(nbins=bins)
            ticks = np.asarray(super().tick_values(vmin, vmax))
            inside = ticks[(ticks >= vmin) & (ticks <= vmax)]
            if len(inside) < 2 or self._free(inside, vmax - vmin):
                return inside.tolist()
        return [inside[0], inside[-1]]

    def _free(self, ticks: np.ndarray, span: float) -> bool:
        axis: Any = self.axis
        inches = axis.axes.get_position().width * axis.get_figure(root=True).get_size_inches()[0]
        texts = axis.get_major_formatter().format_ticks(ticks)
        return max(map(style.inches, texts)) + 0.08 <= (ticks[1] - ticks[0]) / span * inches
