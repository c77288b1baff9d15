"""Which data sets of a run differ in one option, or in two: found from their canonical names alone.

A *line* of a name is every name that agrees with it in all options but one. A *base* is the setting that
the most lines cross; its lines are the *sweeps*. A *grid* is a set of names that agree in all options but
two and form rectangles of them. An option that a name leaves out is at its default.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ..core.errors import FusebenchError
from ..core.names import Name, parse, spell


@dataclass(frozen=True)
class Dial:
    """How an option of synthetic data is called on an axis, its unit, and its default where it has one."""

    words: str
    unit: str
    default: Any


_STRENGTH, _CERTAINTY = "standard deviations of the noise", "probability that it is the label"
DIALS = {
    "d_r": Dial("redundant cue", f"strength d, {_STRENGTH}", 0),
    "d_u": Dial("private cues", f"strength d, {_STRENGTH}", 0),
    "d_s": Dial("synergistic cue", f"strength d, {_STRENGTH}", 0),
    "rho_r": Dial("redundant certainty", _CERTAINTY, 1),
    "rho_u": Dial("private certainty", _CERTAINTY, 1),
    "rho_s": Dial("synergistic certainty", _CERTAINTY, 1),
    "rows": Dial("training rows", "rows", 1000),
    "modalities": Dial("modalities", "number or kinds", 3),
    "classes": Dial("classes", "number", 4),
    "imbalance": Dial("imbalance", "prior of the first class over the last", 1),
    "clutter": Dial("clutter", "sd of the noise around the cues", 0.25),
    "misaligned": Dial("misaligned", "probability, by modality", 0),
    "missing": Dial("missing", "probability, by modality and class", 0),
    "label_noise": Dial("label noise", "share of labels drawn anew", 0),
    "snr_levels": Dial("signal levels", "[factor, share of rows] of each", [[1, 1]]),
    "time_shift": Dial("shift in time", "largest, in cells of the last axis", 0),
    "correlated_noise": Dial("correlated noise", "strength of the common factor", 0),
    "test_rows": Dial("test rows", "rows", 4000),
    "templates": Dial("templates", "their seed", 0),
}
FREE = "synthetic"  # the only data set whose defaults are those of `DIALS`: others are presets


@dataclass(frozen=True)
class Grid:
    """Data sets laid out by two dials.

    Parameters
    ----------
    x, y
        The dials.
    held
        The name that is left without them: what all the data sets have in common.
    xs, ys
        Their values, in order.
    cells
        (place in `xs`, place in `ys`) → data set; combinations that no data set has are absent.
    """

    x: str
    y: str
    held: str
    xs: tuple[Any, ...]
    ys: tuple[Any, ...]
    cells: Mapping[tuple[int, int], str]


def sweeps(names: Iterable[str], base: str | None = None) -> dict[str, list[tuple[Any, str]]]:
    """Return the sweeps around a base: dial → (value, data set) in order of the value.

    Parameters
    ----------
    names
        Canonical names; those that are none are passed over.
    base
        One of them; the most central of all where None.

    Returns
    -------
    Only dials with two values or more, in the order of `DIALS`. The base is in every sweep; its value is
    the default where its name does not tell it, and None where the default is not known.
    """
    settings = _settings(names)
    base = next(iter(bases(settings)), None) if base is None else base
    lines = _lines(settings).get(base or "", {})
    return {dial: [(_value(settings[name], dial), name) for name in lines[dial]] for dial in in_order(lines)}


def bases(names: Iterable[str]) -> list[str]:
    """Return the settings that sweeps are around, the most central first; none where no two names are close.

    The most central is the one with sweeps over the most dials, then with the most data sets in them, then
    the one nearest to the middle of its sweeps. Another is a base where its sweeps hold a data set that
    neither earlier bases nor grids have shown.
    """
    settings = _settings(names)
    lines = {name: held for name, held in _lines(settings).items() if held}
    shown = {name for grid in grids(settings) for name in grid.cells.values()}
    found: list[str] = []
    for name in sorted(lines, key=lambda name: _centrality(name, lines[name])):
        star = {other for line in lines[name].values() for other in line}
        if not found or not star <= shown:
            found.append(name)
            shown |= star
    return found


def grids(names: Iterable[str]) -> list[Grid]:
    """Return the grids over two dials, the largest first; one that adds no data set is left out."""
    settings = _settings(names)
    dials = in_order({dial for setting in settings.values() for dial in setting.options})
    planes: dict[tuple[str, str, str], dict[tuple[str, str], str]] = defaultdict(dict)
    for name, setting in settings.items():
        for x, y in combinations(dials, 2):
            place = words(_value(setting, x)), words(_value(setting, y))
            planes[x, y, _without(setting, x, y)][place] = name
    made = [
        _grid(x, y, held, {name: settings[name] for name in whole.values()})
        for (x, y, held), plane in planes.items()
        if (whole := _rectangles(plane))
    ]
    kept, shown = [], set()
    for grid in sorted(made, key=lambda grid: -len(grid.cells)):
        if not set(grid.cells.values()) <= shown:
            kept.append(grid)
            shown |= set(grid.cells.values())
    return kept


def swept(names: Iterable[str]) -> set[str]:
    """Return the names that a sweep or a grid holds, without the bases."""
    every = list(names)
    centres = bases(every)
    found = {name for base in centres for line in sweeps(every, base).values() for _, name in line}
    found |= {name for each in grids(every) for name in each.cells.values()}
    return found - set(centres)


def _rectangles(plane: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Return the points that are a corner of a rectangle whose four corners are there."""
    return {
        (x, y): name
        for (x, y), name in plane.items()
        if any(i != x and j != y and (i, y) in plane and (x, j) in plane for i, j in plane)
    }


def _grid(x: str, y: str, held: str, settings: Mapping[str, Name]) -> Grid:
    xs, ys = (_values(settings.values(), dial) for dial in (x, y))
    cells = {(xs.index(_value(s, x)), ys.index(_value(s, y))): name for name, s in settings.items()}
    return Grid(x, y, held, tuple(xs), tuple(ys), cells)


def _values(settings: Iterable[Name], dial: str) -> list[Any]:
    """Return the different values of a dial, in order."""
    held = [_value(setting, dial) for setting in settings]
    return sorted({words(value): value for value in held}.values(), key=_rank)


def in_order(dials: Iterable[str]) -> list[str]:
    """Sort dials as `DIALS` has them, others after them by name."""
    known = list(DIALS)
    return sorted(dials, key=lambda dial: (known.index(dial) if dial in DIALS else len(known), dial))


def words(value: Any) -> str:
    """Write a dial's value for an axis or a table; `default` where it is not known."""
    return "default" if value is None else spell(value).replace('"', "")


def number(value: Any) -> float | None:
    """Return a dial's value where it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _settings(names: Iterable[str]) -> dict[str, Name]:
    found = {}
    for name in names:
        try:
            found[name] = parse(name)
        except FusebenchError:  # the name of somebody's own data, which may be any text
            continue
    return found


def _lines(settings: Mapping[str, Name]) -> dict[str, dict[str, list[str]]]:
    """Return name → dial → the names on its line in order of the value, where there are others on it."""
    dials = {dial for setting in settings.values() for dial in setting.options}
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, setting in settings.items():
        for dial in dials:
            lines[dial, _without(setting, dial)].append(name)
    found: dict[str, dict[str, list[str]]] = {name: {} for name in settings}
    for (dial, _), line in lines.items():
        line.sort(key=lambda name, dial=dial: _rank(_value(settings[name], dial)))
        for name in line if len(line) > 1 else ():
            found[name][dial] = line
    return found


def _without(setting: Name, *dials: str) -> str:
    kept = {key: value for key, value in setting.options.items() if key not in dials}
    return str(Name(setting.base, kept, setting.wrappers))


def _value(setting: Name, dial: str) -> Any:
    default = DIALS[dial].default if setting.base == FREE and dial in DIALS else None
    return setting.options.get(dial, default)


def _rank(value: Any) -> tuple[int, int, float, str]:
    """Order values: the unknown default, numbers, lists by their length and mean, words."""
    if value is None:
        return 0, 0, 0.0, ""
    if (one := number(value)) is not None:
        return 1, 0, one, ""
    held = _numbers(value)
    return 2 if held else 3, len(held), sum(held) / max(len(held), 1), words(value)


def _numbers(value: Any) -> list[float]:
    if isinstance(value, list | tuple):
        return [one for part in value for one in _numbers(part)]
    return [] if (one := number(value)) is None else [one]


def _centrality(name: str, lines: Mapping[str, Sequence[str]]) -> tuple[int, int, int, str]:
    aside = sum(abs(2 * line.index(name) - len(line) + 1) for line in lines.values())
    return -len(lines), -sum(map(len, lines.values())), aside, name
