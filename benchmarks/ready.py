"""Imported by the server that workers are forked from: what takes them seconds is there, and nothing has run.

What cannot be imported is passed over here: workers say what is wrong.
"""

import gc
import os
from contextlib import suppress
from pathlib import Path

from ..core.files import write_text
from .starting import TELL, code_here

gc.disable()
with suppress(Exception):
    import torch._dynamo  # noqa: F401  an optimiser's first step imports it

    from .. import fusion
    from . import worker  # noqa: F401

    fusion.load_all()
gc.freeze()  # workers look through what they make themselves, and leave shared pages as they are
gc.enable()

if name := os.environ.get(TELL):
    write_text(Path(name), code_here())
