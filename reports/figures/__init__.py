"""Figures, a file each: the frame that is drawn and the drawing of it."""

from . import accuracy, architecture, curves, dials, pairs, pareto, phase, regret, status
from .registry import FIGURES, OCCASIONAL, Drawn, draw_all

__all__ = [
    "FIGURES",
    "OCCASIONAL",
    "Drawn",
    "accuracy",
    "architecture",
    "curves",
    "dials",
    "draw_all",
    "pairs",
    "pareto",
    "phase",
    "regret",
    "status",
]
