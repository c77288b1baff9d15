"""What would keep a LaTeX file from compiling, found without a TeX: used by tests through runpy."""

import re

SIGN = re.compile(r"\\[A-Za-z]+\*?|\\.|.", re.DOTALL)
INSIDE = re.compile(r"\\begin{tabular}\[b\]{@{}[lr]@{}}(.*?)\\end{tabular}", re.DOTALL)
TABLE = re.compile(r"\\begin{(longtable|tabular)}{(.*?)}\n(.*?)\\end{\1}", re.DOTALL)
NAMED = re.compile(r"\\(?:label|ref|input|begin|end|usepackage){[^{}]*}")


def faults(text):
    """Return sentences, none where the file is sound."""
    bare = "\n".join(map(uncommented, text.splitlines()))
    return [*unbalanced(bare), *unclosed(bare), *loose(bare), *uneven(bare)]


def uncommented(line):
    return re.sub(r"(?<!\\)((?:\\\\)*)%.*", r"\1", line)


def unbalanced(text):
    depth = 0
    for sign in SIGN.findall(text):
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return ["a brace closes that none has opened"]
    return ["a brace is not closed"] if depth else []


def unclosed(text):
    held = []
    for kind, name in re.findall(r"\\(begin|end){([a-z*]+)}", text):
        if kind == "begin":
            held.append(name)
        elif not held or held.pop() != name:
            return [f"{name} ends where it has not begun"]
    return [f"{name} does not end" for name in held]


def loose(text):
    """Signs that mean something to TeX where they should be printed."""
    math, found = False, []
    for sign in SIGN.findall(NAMED.sub("", text)):
        if sign == "$":
            math = not math
        elif sign in ("#", "%", "~") or (sign in ("_", "^") and not math):
            found.append(f"{sign} is loose")
        elif sign == "\n" and math:
            found.append("math goes on over the end of a line")
    return found + (["math does not end"] if math else [])


def uneven(text):
    """Rows whose number of cells is not that of the columns."""
    found = []
    for _, specification, body in TABLE.findall(INSIDE.sub("x", text)):
        width = len(re.findall(r"[lr]|p{\d+pt}", re.sub(r">{[^{}]*}", "", specification)))
        for line in body.splitlines():
            if line.endswith(r"\\") and not line.startswith(r"\caption"):
                spans = [int(n) for n in re.findall(r"\\multicolumn{(\d+)}", line)]
                cells = len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans) - len(spans)
                found += [] if cells == width else [f"{cells} cells of {width}: {line}"]
    return found
