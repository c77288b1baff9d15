"""Fusion: what a variant is (taxonomy, contract, registry) and the variants, a file per family.

A file dropped into this folder is found without editing any list. Write entries with `register`.
"""

from .build import build, build_stage, definitions, expand, load_all, load_plugins, make_task, refusal
from .network import Batch, FusionNetwork
from .registry import REGISTRY, Entry, register, resolve
from .variant import Requires, Settings, Task, Variant

__all__ = [
    "REGISTRY",
    "Batch",
    "Entry",
    "FusionNetwork",
    "Requires",
    "Settings",
    "Task",
    "Variant",
    "build",
    "build_stage",
    "definitions",
    "expand",
    "load_all",
    "load_plugins",
    "make_task",
    "refusal",
    "register",
    "resolve",
]
