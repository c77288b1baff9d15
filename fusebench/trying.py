"""`fusebench try`: a formula of h becomes a variant in a generated plugin, and runs beside the plain operators."""

from __future__ import annotations

import ast
import builtins
import hashlib
from pathlib import Path
from typing import Any

from .core.errors import FusebenchError
from .core.files import write_text

SUITE = "try"
KNOWN = {"h": "", "torch": "import torch\n", "F": "import torch.nn.functional as F\n", "math": "import math\n"}
HELP = "Write a Python expression of h, a tensor (modalities, rows, width), such as h.sum(0) or h.prod(0)."


def attempt(formula: str, name: str | None, out: Path, jobs: int | None, quiet: bool) -> tuple[list[str], int]:
    """Run a formula beside sum, product and concatenation.

    Parameters
    ----------
    formula
        A Python expression of h (modalities, rows, width) that gives (rows, anything).
    name
        What the variant is called; `tried_` and a hash of the formula where None.
    out, jobs, quiet
        As in `run`.

    Returns
    -------
    Lines to print, and the exit code of the run.

    Raises
    ------
    FusebenchError
        For a formula that is no expression of h, or that gives anything but finite rows that do not depend on one
        another: before anything is trained.
    """
    from .api import run
    from .datasets.cache import cache_folder

    spelt = checked(formula)
    chosen = name or f"tried_{hashlib.sha256(spelt.encode()).hexdigest()[:6]}"
    if not chosen.isidentifier():
        raise FusebenchError(
            f"--name {chosen!r} is no name for a variant: use letters, digits and _, a letter first."
        )
    text = plugin(spelt, chosen)
    file = cache_folder() / "tried" / f"{chosen}.py"
    write_text(file, text)
    names = (chosen, "merge_sum", "merge_product", "concat_features")
    summary = run(SUITE, variants=names, out=out, jobs=jobs, plugins=[file], report=False, quiet=quiet)
    kept = [
        "",
        f"To keep it, save this as {chosen}.py and pass it by --plugin {chosen}.py, or put it into fusion/:",
        "",
    ]
    lines = [*_table(summary.store, names), *summary.trouble, *kept, text.rstrip()]
    return lines, summary.exit_code


def checked(formula: str) -> str:
    """Return the formula in Python's own spelling, after a look at what it gives on a few random rows."""
    try:
        tree = ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise FusebenchError(f"Formula {formula!r} is no Python expression ({error}). {HELP}") from None
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - bound
    if foreign := sorted(used - set(KNOWN) - set(dir(builtins))):
        raise FusebenchError(f"Formula {formula!r} uses {foreign[0]!r}, and it may use {', '.join(KNOWN)}. {HELP}")
    if "h" not in used:
        raise FusebenchError(f"Formula {formula!r} does not use h. {HELP}")
    spelt = ast.unparse(tree)
    _look(spelt)
    return spelt


def _look(formula: str) -> None:
    """Refuse what gives no finite rows, or rows that depend on one another."""
    import torch

    space: dict[str, Any] = {}
    exec("".join(KNOWN.values()) + f"def rule(h):\n    return {formula}\n", space)
    h = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    try:
        given, alone = space["rule"](h), space["rule"](h[:, :1])
    except Exception as error:
        raise FusebenchError(f"Formula {formula!r} fails on h (3, 5, 8): {error}. {HELP}") from None
    if not isinstance(given, torch.Tensor) or given.ndim != 2 or len(given) != 5:
        shape = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
        raise FusebenchError(f"Formula {formula!r} gives {shape} for 5 rows, expected (5, anything). {HELP}")
    if not torch.isfinite(given).all():
        raise FusebenchError(f"Formula {formula!r} gives NaN or infinity on standard normal h: keep it finite.")
    if not torch.allclose(given[:1], alone, atol=1e-5):
        raise FusebenchError(f"Formula {formula!r} mixes rows: a row's result must not depend on the others'.")


def plugin(formula: str, name: str) -> str:
    """Return the file that registers a formula as a variant."""
    tree = ast.parse(formula, mode="eval")
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    imports = "".join(line for key, line in KNOWN.items() if key in used)
    return (
        f"{imports}{chr(10) if imports else ''}from fusebench.fusion import register\n\n\n"
        f'@register("{name}", architecture="late", data_fusion="merge", level="features", operator="formula")\n'
        f"def {name}(h):\n"
        f'    """({formula.replace(chr(92), chr(92) * 2)}), h of shape (modalities, rows, width)."""\n'
        f"    return {formula}\n"
    )


def _table(store: Any, names: tuple[str, ...]) -> list[str]:
    """Return a line a variant: its accuracy on each data set, and the best that any method can reach."""
    from .listing import aligned
    from .reports.comparisons import ceiling
    from .reports.run import load
    from .reports.wording import number, plus_minus

    run = load(store)
    rows = [["", *run.datasets]]
    for name in names:
        scores = map(run.scores, run.datasets)
        rows.append([name, *(plus_minus(s.mean(name), s.half(name)) or "not complete" for s in scores)])
    limits = [ceiling(run, d) for d in run.datasets]
    rows.append(["exact ceiling", *(number(limit["full"]) if limit else "" for limit in limits)])
    seeds = len(run.seeds(run.datasets[0]))
    return [*aligned(rows), f"Accuracy, mean of {seeds} seeds ± half a 95 % interval over seeds."]
