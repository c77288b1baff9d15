"""The rows of a job, and what is stored of them."""

from __future__ import annotations

import hashlib
import pickle
from functools import lru_cache
from pathlib import Path

import numpy as np

from .. import datasets
from ..datasets import Bundle, DataSet
from ..results.store import Store
from .compiled import ready
from .job import Job
from .shared import shared


def bundle(job: Job) -> Bundle:
    """Return the rows of a job, which an entry may write into without harm to others."""

    def load() -> Bundle:
        found = source(job.dataset, job.own)
        ready(found)
        return found.load(job.seed)

    return load() if job.rows is None else shared(job.rows, job.dataset, job.seed, load)


@lru_cache(maxsize=12)
def source(dataset: str, own: Path | None = None) -> DataSet:
    """Return a registered data set by name, or one of the user's from their file."""
    if own is not None:
        return pickle.loads(own.read_bytes())[dataset]
    datasets.load_all()
    return datasets.get(dataset)


def store_split(store: Store, dataset: str, seed: int, rows: Bundle) -> str:
    """Store row ids, groups, labels, absent inputs and exact log posterior of every split; return the name.

    The name is a hash of the data set's name, the seed and the contents: other rows are another file.
    """
    arrays: dict[str, np.ndarray] = {}
    for split, part in rows.splits.items():
        arrays[f"{split}_ids"] = np.asarray(part.ids).astype(str)
        arrays[f"{split}_labels"] = part.labels
        if part.groups is not None:
            arrays[f"{split}_groups"] = np.asarray(part.groups).astype(str)
        if not part.present.all():  # which decisions a rule was given
            arrays[f"{split}_present"] = part.present
        if part.log_posterior is not None:
            arrays[f"{split}_log_posterior"] = part.log_posterior.astype(np.float32)
    taken = hashlib.sha256(f"{dataset}/{seed}".encode())
    for key in sorted(arrays):
        taken.update(f"/{key}{arrays[key].shape}".encode() + arrays[key].tobytes())
    name = taken.hexdigest()[:32]
    store.put_split(name, arrays)
    return name
