"""Bundles in a worker: the last few stay in memory, for neighbouring cells use the same rows."""

from __future__ import annotations

import hashlib
import pickle
from functools import lru_cache
from pathlib import Path

import numpy as np

from .. import datasets
from ..datasets import Bundle, DataSet
from ..results.store import Store

HELD = 12  # about 20 MB each


@lru_cache(maxsize=HELD)
def bundle(dataset: str, seed: int, own: Path | None = None) -> Bundle:
    """Return the rows of a data set and seed."""
    return source(dataset, own).load(seed)


@lru_cache(maxsize=HELD)
def source(dataset: str, own: Path | None = None) -> DataSet:
    """Return a registered data set by name, or the user's from its file."""
    if own is not None:
        return pickle.loads(own.read_bytes())
    datasets.load_all()
    return datasets.get(dataset)


def store_split(store: Store, dataset: str, seed: int, rows: Bundle) -> str:
    """Store row ids, groups, labels and exact log posterior of validation and test rows; return the name."""
    name = hashlib.sha256(f"{dataset}/{seed}".encode()).hexdigest()[:32]
    arrays: dict[str, np.ndarray] = {}
    for split in ("validation", "test"):
        part = rows.splits[split]
        arrays[f"{split}_ids"] = np.asarray(part.ids).astype(str)
        arrays[f"{split}_labels"] = part.labels
        if part.groups is not None:
            arrays[f"{split}_groups"] = np.asarray(part.groups).astype(str)
        if part.log_posterior is not None:
            arrays[f"{split}_log_posterior"] = part.log_posterior.astype(np.float32)
    store.put_split(name, arrays)
    return name
