"""fusebench: which way of fusing modalities should I use?

`fusebench.run` computes a suite, `fusebench.load_results` reads it as a pandas frame, `fusebench.from_arrays`
makes a data set of your own arrays. Importing the package loads no heavy library; the first use does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["FusebenchError", "__version__", "from_arrays", "load_results", "run"]

if TYPE_CHECKING:
    from .api import from_arrays, load_results, run
    from .core.errors import FusebenchError

_HOMES = {"run": ".api", "load_results": ".api", "from_arrays": ".api", "FusebenchError": ".core.errors"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fusebench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
