"""LaTeX that compiles: any text made literal, numbers in math, booktabs tables.

What is written asks a preamble for booktabs alone (longtable and array, too, for tables over several
pages; graphicx for a table that shrinks to the line). Letters beyond Latin ones, such as kanji, stay what
they are: XeLaTeX or LuaLaTeX with a font that has them prints them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from .columns import MEASURE, Layout, arrange

FIRST = "★"  # how a table's text says that a value shares the first place; bold here
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\texttt{\char34}",  # elsewhere than in typewriter letters the old encoding has a curly one
    "[": "{[}",  # after the end of a row a bracket or star would be an argument
    "]": "{]}",
    "*": "{*}",
    "--": "-{}-",
    "''": "'{}'",
}
MATHS = {
    "−": "-", "±": r"\pm", "×": r"\times", "·": r"\cdot", "⊙": r"\odot", "⊗": r"\otimes", "⊕": r"\oplus",
    "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "≈": r"\approx", "→": r"\to", "∈": r"\in", "∞": r"\infty",
    "√": r"\surd", "Σ": r"\Sigma", "Δ": r"\Delta", "δ": r"\delta", "τ": r"\tau", "α": r"\alpha", "β": r"\beta",
    "ρ": r"\rho", "σ": r"\sigma", "μ": r"\mu", "χ": r"\chi", "²": "^{2}", "★": r"\star",
}  # fmt: skip
SIGNS = re.compile("--|''|.", re.DOTALL)
LONG_CAPTION = 300  # letters
NAMES = frozenset({"variant", "data set", "left", "right", "class", "members", "between", "entry"})
BREAKS = re.compile(r"(?<=\S[_(,=+/])(?=\w)")


def escape(text: str, breaks: bool = False) -> str:
    """Return text that LaTeX prints literally, on one line of source.

    Parameters
    ----------
    text
        Anything: white space becomes a space, a sign that cannot be printed its code (`\\u0007`).
    breaks
        Whether a line may end after a `_`, bracket, comma, `=`, `+` or `/` inside a word.
    """
    pieces = BREAKS.split(text) if breaks else [text]
    return r"\allowbreak{}".join("".join(map(_sign, SIGNS.findall(piece))) for piece in pieces)


def _sign(sign: str) -> str:
    if sign in MATHS:
        return f"${MATHS[sign]}$"
    if sign.isspace():
        return " "
    if not sign.isprintable():
        return rf"\textbackslash{{}}u{ord(sign):04x}"
    return SPECIAL.get(sign, sign)


def number(text: str) -> str:
    """Return a written number (`−0.010`, `12,345`) for math mode."""
    return text.replace("−", "-").replace(",", "{,}")


def measure(text: str) -> str | None:
    """Return `0.843 ± 0.012 ★` or `+1.3 [−0.4, +2.8]` as math, bold for the star; None where it is no number."""
    found = MEASURE.fullmatch(text)
    if found is None:
        return None
    value, half, low, high, beyond, first = found.groups()
    parts = [rf"\mathbf{{{number(value)}}}" if first else number(value)]
    parts += [rf"\pm {number(half)}"] if half else []
    parts += [rf"\;[{number(low)}, {number(high)}]"] if low else []
    return f"${' '.join(parts)}{'^{*}' if beyond else ''}$"


def cell(text: str, column: str = "", breaks: bool = False) -> str:
    """Return a table's text as LaTeX: a number in math, except in a column of names, anything else literal."""
    return (None if column in NAMES else measure(text)) or escape(text, breaks)


def comment(*lines: str) -> str:
    """Return lines of comment: whatever a name holds, no line of source begins inside."""
    flat = ("".join(sign if sign.isprintable() else " " for sign in line) for line in lines)
    return "".join(f"% {line}\n" for line in flat)


def slug(text: str) -> str:
    """Return a text's letters, digits and underscores, others as one hyphen: part of a label or a file's name."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")


def longtables(shown: pd.DataFrame, caption: str, label: str, *, width: float) -> str:
    """Return a table as one longtable or several, its columns shared out among them so that they fit.

    Parameters
    ----------
    shown
        Text columns. Of a grid of variants, architecture and data fusion become lines between the rows;
        a row with nothing in a part's columns is left out of it.
    caption, label
        Plain text; a part after the first says which it is, in its caption and label. What follows the
        first semicolon of a caption longer than a few lines is set below the table.
    width
        Of a line, in points.
    """
    caption, more = _shortened(caption)
    if not len(shown):
        return f"\\noindent {escape(caption)}: nothing to show.\\par\n"
    shown, groups = ungrouped(shown)
    parts = arrange(shown, width, keys=1 if any(groups) else None)
    made = []
    for place, layout in enumerate(parts, start=1):
        part = f"; part {place} of {len(parts)}" if len(parts) > 1 else ""
        mark = f"{label}-part-{place}" if place > 1 else label
        made.append(_longtable(shown, groups, layout, caption + part, mark))
    return "\n".join([*made, *([f"\\noindent {escape(more, True)}\\par\n"] if more else [])])


def _shortened(caption: str) -> tuple[str, str]:
    if len(caption) <= LONG_CAPTION:
        return caption, ""
    caption, _, more = caption.partition("; ")
    return caption, more[:1].upper() + more[1:]


def _longtable(shown: pd.DataFrame, groups: Sequence[str], layout: Layout, caption: str, label: str) -> str:
    head = ["\\toprule", _head(layout), "\\midrule"]
    lines = [
        f"\\begin{{longtable}}{{{layout.specification}}}",
        f"\\caption{{{escape(caption, True)}}}\\label{{{label}}}\\\\",
        *head,
        "\\endfirsthead",
        *head,
        "\\endhead",
        "\\bottomrule",
        "\\endfoot",
        *_body(shown, groups, layout),
        "\\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def tabular(shown: pd.DataFrame) -> str:
    """Return a table as one booktabs tabular, whatever its width."""
    shown, groups = ungrouped(shown)
    (layout,) = arrange(shown, float("inf"))
    lines = [
        f"\\begin{{tabular}}{{{layout.specification}}}",
        "\\toprule",
        _head(layout),
        "\\midrule",
        *_body(shown, groups, layout),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def floating(shown: pd.DataFrame, caption: str, label: str, *, wide: bool = False) -> str:
    """Return a table as a float, shrunk to the line where it is wider; `caption` is LaTeX already."""
    kind = "table*" if wide else "table"
    return (
        f"\\begin{{{kind}}}[tbp]\n\\centering\n\\caption{{{caption}}}\\label{{{label}}}\\par\\smallskip\n"
        f"{FIT}\n{tabular(shown)}}}\n\\end{{{kind}}}\n"
    )


def ungrouped(shown: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Take a grid's place in the taxonomy out of its columns: (the rest, a line of text a row).

    Other names of an entry are left out: they stand in the Markdown, and a printed line has no room.
    """
    if not {"variant", "architecture", "data fusion"} <= set(shown.columns):
        return shown, [""] * len(shown)
    pairs = zip(shown["architecture"], shown["data fusion"], strict=True)
    groups = [", ".join(word.replace("_", "-") for word in pair if word not in ("", "none")) for pair in pairs]
    return shown.drop(columns=["architecture", "data fusion", "also called"], errors="ignore"), groups


def _head(layout: Layout) -> str:
    return " & ".join(_heading(layout.lines[column], layout.align[column]) for column in layout.columns) + r" \\"


def _heading(lines: Sequence[str], align: str) -> str:
    if len(lines) == 1:
        return escape(lines[0])
    inner = r" \\ ".join(map(escape, lines))
    return rf"\begin{{tabular}}[b]{{@{{}}{align}@{{}}}}{inner}\end{{tabular}}"


def _body(shown: pd.DataFrame, groups: Sequence[str], layout: Layout) -> Iterator[str]:
    grouped, held = any(groups), None
    values = layout.columns[1:] if grouped else layout.columns
    for group, row in zip(groups, shown.to_dict("records"), strict=True):
        if not any(row[column] for column in values):
            continue
        if grouped and group != held:
            yield from ["\\addlinespace"] if held is not None else []
            yield rf"\multicolumn{{{len(layout.columns)}}}{{l}}{{\emph{{{escape(group or 'other')}}}}} \\"
            held = group
        texts = (cell(str(row[c]), c, c in layout.wrapped) for c in layout.columns)
        yield " & ".join(texts) + r" \\"
