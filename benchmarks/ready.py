"""Imported by the server that workers are forked from: what takes them seconds is there, and nothing has run.

What cannot be imported is passed over here: workers say what is wrong.
"""

import os
from contextlib import suppress
from pathlib import Path

from ..core.files import write_text
from .starting import TELL, code_here

with suppress(Exception):
    import torch._dynamo  # noqa: F401  an optimiser's first step imports it

    from .. import fusion
    from . import worker  # noqa: F401

    fusion.load_all()

if name := os.environ.get(TELL):
    write_text(Path(name), code_here())
