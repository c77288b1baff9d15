"""Figures, a file each: the frame that is drawn and the drawing of it."""

from . import accuracy, architecture, curves, pairs, pareto, regret, status
from .registry import FIGURES, Drawn, draw_all

__all__ = [
    "FIGURES",
    "Drawn",
    "accuracy",
    "architecture",
    "curves",
    "draw_all",
    "pairs",
    "pareto",
    "regret",
    "status",
]
