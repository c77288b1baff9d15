"""A verdict on one data set: which variants share the first place, what is worth having, and what cannot be told.

A pure function of a results folder. Nothing is recommended unless it beats guessing beyond doubt (`guessing`).
"""

from .page import write
from .plain import to_json
from .verdict import Context, Verdict, decide
from .words import headline, sentences

__all__ = ["Context", "Verdict", "decide", "headline", "sentences", "to_json", "write"]
