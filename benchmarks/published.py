"""Figures that others have printed, under the names of the cells that they stand beside."""

from __future__ import annotations

from collections.abc import Iterable

from .. import datasets, fusion
from ..core.errors import FusebenchError, unknown
from .suite import PublishedFigure, Suite


def published(suite: Suite, pairs: Iterable[tuple[str, str]]) -> tuple[PublishedFigure, ...]:
    """Return a suite's published figures under canonical names.

    Parameters
    ----------
    suite
        The suite.
    pairs
        (variant, data set) of the suite's cells, canonical.

    Raises
    ------
    UnknownNameError
        For a variant or data set that does not exist.
    FusebenchError
        For a figure whose cells the suite does not run.
    """
    known = set(pairs)
    return tuple(_resolved(suite.name, figure, known) for figure in suite.published)


def _resolved(owner: str, figure: PublishedFigure, known: set[tuple[str, str]]) -> PublishedFigure:
    variant, dataset = str(fusion.resolve(figure.variant)[1]), datasets.get(figure.dataset).name
    if dataset not in {name for _, name in known}:
        raise unknown(f"data set of a published figure in suite {owner!r}", dataset, {name for _, name in known})
    if (variant, dataset) not in known:
        raise FusebenchError(
            f"Suite {owner!r}: a published figure is of {variant!r} on {dataset!r}, which the suite does not run; "
            "list the variant, or leave the figure out."
        )
    return figure.model_copy(update={"variant": variant, "dataset": dataset})
