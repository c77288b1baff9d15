"""Figures, a file each: the frame that is drawn and the drawing of it.

A file dropped in here that decorates a function with `registry.figure` is a figure: nothing else lists it.
"""

from importlib import import_module
from pkgutil import iter_modules

from .choice import Choice
from .choice import load as load_choice
from .looks import SHEETS, Look
from .registry import FIGURES, OCCASIONAL, Drawn, draw_all

# what a reader looks for first; figures that are not named here come after these, by name
ORDER = (
    "taxonomy", "accuracy", "gain", "architecture", "best", "difference", "pairs", "pareto", "size", "regret",
    "curves", "phases", "seeds", "status",
)  # fmt: skip

for module in sorted(each.name for each in iter_modules(__path__)):
    import_module(f".{module}", __name__)
for name in sorted(FIGURES, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
    FIGURES[name] = FIGURES.pop(name)

__all__ = ["FIGURES", "OCCASIONAL", "SHEETS", "Choice", "Drawn", "Look", "draw_all", "load_choice"]
