"""Imported by the server that workers are forked from: what takes them seconds is there, and nothing has run.

What cannot be imported is passed over here: workers say what is wrong.
"""

import gc
import os
from contextlib import suppress
from pathlib import Path

from ..core.collecting import uncollected
from ..core.files import write_text
from .starting import TELL, code_here


@uncollected
def _hold() -> None:
    """Import it all and set it aside: workers look through what they make, and leave shared pages alone."""
    with suppress(Exception):
        import torch._dynamo  # noqa: F401  an optimiser's first step imports it

        from .. import fusion
        from . import worker  # noqa: F401

        fusion.load_all()
    gc.freeze()


_hold()
if name := os.environ.get(TELL):
    write_text(Path(name), code_here())
