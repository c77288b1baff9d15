"""How things look: colours and markers from an entry's axes, fonts that have the glyphs, nothing global.

A figure is drawn inside `drawing()`, which sets matplotlib's parameters, whatever the caller's are, and puts
the caller's back; the lock is there because those parameters belong to the whole process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from unicodedata import east_asian_width

from matplotlib import font_manager
from matplotlib import style as styles
from matplotlib.ft2font import FT2Font, LoadFlags

from .run import Run

log = logging.getLogger(__name__)

# Okabe & Ito's colours, chosen so that they differ in lightness too (L* 0, 71, 46, 58, 89): grey print works.
COLOURS = {
    "unimodal": "#000000",
    "early": "#E69F00",
    "late": "#0072B2",
    "cross_modal": "#009E73",
    "hybrid": "#F0E442",
}
OTHER = "#8C8C8C"
# The first marker is the data fusion's own; the others tell more than eight entries of one kind apart.
MARKERS = {"none": "oHp8", "concat": "sDdP", "merge": "^v<>"}
OTHER_MARKERS = "X*h8"
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (5, 1.5),
    (1, 1),
    (5, 1.5, 1, 1.5),
    (9, 2),
    (5, 1.5, 1, 1.5, 1, 1.5),
    (2.5, 2.5),
    (9, 2, 2.5, 2),
)
STATUS = {  # fill and hatch
    "ok": ("#CFE8F7", ""),
    "failed": ("#F2B48A", "xxx"),
    "timeout": ("#F6DC9C", "///"),
    "out_of_memory": ("#E8C4DA", "\\\\\\"),
    "incompatible": ("#EFEFEF", "..."),
    "unavailable": ("#D9D9D9", "---"),
    "missing": ("#FFFFFF", "|||"),
}
PARAMETERS = {
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "axes.grid": False,
    "axes.formatter.useoffset": False,  # it would stand where a panel's title does
    "axes.formatter.limits": (-9, 9),
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "hatch.color": "#555555",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "text.parse_math": False,  # a name may hold dollar signs
    "text.hinting": "none",  # at this resolution it costs time and moves letters
    "svg.hashsalt": "fusebench",
    "svg.fonttype": "path",
    "path.simplify": True,
}
BASE_FONT = "DejaVu Sans"  # comes with matplotlib
LIKED = ("Noto Sans CJK", "Noto Sans JP", "Source Han Sans", "IPAexGothic", "IPAGothic", "Hiragino", "Yu Gothic")
_lock = threading.RLock()


def colour(architecture: str | None) -> str:
    """Return an architecture's colour."""
    return COLOURS.get(architecture or "", OTHER)


def marker(data_fusion: str | None) -> str:
    """Return a data fusion's marker."""
    return MARKERS.get(data_fusion or "", OTHER_MARKERS)[0]


def lines(run: Run) -> dict[str, tuple[str, str, int]]:
    """Return variant → (colour, marker, index of its dash), each triple once among up to 32 entries of a kind.

    Colour is the architecture's, marker and dash follow from a variant's place by name among all the
    run's entries of its kind: what is shown, and in which order, changes nothing.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    for name in run.variants:
        kinds.setdefault(run.axes(name), []).append(name)
    found = {}
    for (architecture, fusion), names in kinds.items():
        shapes = MARKERS.get(fusion, OTHER_MARKERS)
        start = len(DASHES) // 2 * (fusion == "merge")  # so that kinds of one colour begin unlike
        for place, name in enumerate(sorted(names), start=start):
            shape = shapes[(place - start) // len(DASHES) % len(shapes)]
            found[name] = colour(architecture), shape, place % len(DASHES)
    return found


@contextmanager
def drawing(texts: Iterable[str] = (), more: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw and save inside: matplotlib's defaults, own parameters and `more` over them, fonts for `texts`."""
    families, _ = fonts(signs(texts))
    parameters: Any = {**PARAMETERS, "font.family": list(families), **(more or {})}
    with _lock, styles.context(["default", parameters]):
        yield


def signs(texts: Iterable[str]) -> str:
    """Return the different characters of some texts, sorted."""
    return "".join(sorted(set("".join(texts))))


def legible(text: str, missing: frozenset[str]) -> str:
    """Replace characters that no font here can draw by their code (`\\u65e5`), and control characters too."""
    return "".join(_code(sign) if sign in missing or not sign.isprintable() else sign for sign in text)


def inches(text: str, points: float = 8.0, bold: bool = False) -> float:
    """Return how wide the widest line of a text is drawn."""
    return max(sum(_advance(sign, bold) for sign in line) for line in text.split("\n")) * points / 72


@cache
def _advance(sign: str, bold: bool) -> float:
    """Return a character's width as a share of the type's height: the base font's, else a wide guess."""
    wanted = font_manager.FontProperties(family=BASE_FONT, weight="bold" if bold else "normal")
    path = font_manager.findfont(wanted)
    if sign not in _glyphs(path):
        return 1.0 if east_asian_width(sign) in "WF" else 0.8
    with _lock:
        face = _face(path)
        return face.load_char(ord(sign), LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 100


@cache
def _face(path: str) -> FT2Font:
    face = FT2Font(path)
    face.set_size(100, 72)
    return face


def _code(sign: str) -> str:
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"


def announce(texts: Iterable[str]) -> None:
    """Say in one line of the log which characters no font here can draw, if there are any."""
    missing = sorted(fonts(signs(texts))[1])
    if missing:
        log.warning(
            "No installed font can draw %s: figures write such characters by their code, as in %s; "
            "install a font that has them, such as Noto Sans CJK.",
            "".join(missing[:8]),
            _code(missing[0]),
        )


@cache
def fonts(signs: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Choose installed fonts that together hold `signs`, the base font first.

    Returns
    -------
    families
        Font family names, in the order matplotlib should ask them.
    missing
        Characters that none of them holds.
    """
    families = [BASE_FONT]
    missing = {sign for sign in signs if sign.isprintable()}
    missing -= _glyphs(font_manager.findfont(BASE_FONT))
    while missing:
        entry = _widest(frozenset(missing))
        if entry is None:
            break
        families.append(entry.name)
        missing -= _glyphs(entry.fname)
    return tuple(families), frozenset(missing)


def _widest(missing: frozenset[str]) -> font_manager.FontEntry | None:
    """Return the installed upright font that holds most of the missing characters."""
    plain = [
        entry
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal" and "LastResort" not in entry.name.replace(" ", "")
    ]
    held = [(len(missing & _glyphs(entry.fname)), entry) for entry in plain]
    held = [(count, entry) for count, entry in held if count]
    return min(held, key=lambda pair: (-pair[0], _liking(pair[1]), pair[1].name))[1] if held else None


def _liking(entry: font_manager.FontEntry) -> tuple[int, int]:
    place = next((i for i, name in enumerate(LIKED) if entry.name.startswith(name)), len(LIKED))
    weight = entry.weight if isinstance(entry.weight, int) else 400
    return place, abs(weight - 400)


@cache
def _glyphs(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font file that cannot be opened draws nothing
        return frozenset()
