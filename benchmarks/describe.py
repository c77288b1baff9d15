"""suite.json: the plan, and everything that reports tell about entries, data sets and the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import fusion
from ..core.collecting import uncollected
from ..core.files import dumps
from ..datasets import DataSet
from ..results.index import Stamp
from ..results.record import SCHEMA
from ..results.store import Store
from .plan import Plan

UNLIMITED = 2**31  # folds of a set whose every seed is a fresh draw


@uncollected
def describe(plan: Plan, held: Mapping[str, Any], environments: dict[str, Any]) -> dict[str, Any]:
    """Return suite.json as it is read back; what an earlier run's file holds of environments and ceilings is kept.

    Parameters
    ----------
    plan
        Every cell of the folder, whatever this run computes.
    held
        The suite.json of an earlier run; empty where there is none.
    environments
        Fingerprint id → fingerprint of this run's workers.
    """
    suite = plan.suite.suite
    about = {
        "schema": SCHEMA,
        "name": suite.name,
        "definition": plan.suite.model_dump(mode="json"),
        "metric": suite.metric,
        "positive": suite.positive,
        "seeds": list(suite.seeds),
        "tuned": False,
        "training": plan.suite.training.model_dump(mode="json"),
        "variants": {name: variant(name) for name in sorted({cell.variant for cell in plan.cells})},
        "datasets": {
            name: dataset(source, held.get("datasets", {}).get(name)) | {"own": name in plan.own}
            for name, source in plan.sources.items()
        },
        "published": [figure.model_dump(mode="json") for figure in plan.published],
        "environments": held.get("environments", {}) | environments,
    }
    return json.loads(dumps(about)) | {"plan": planned(plan)}


def write(store: Store, plan: Plan, environments: dict[str, Any]) -> Stamp | None:
    """Bring a folder's suite.json up to date, and write it where it tells something else; return its stamp."""
    held = store.suite() if store.suite_file.is_file() else {}
    told = describe(plan, held, environments)
    if told != held:
        store.put_suite(told)
    return stamp(store)


def stamp(store: Store) -> Stamp | None:
    """Return what changes when somebody writes suite.json; None where there is none."""
    try:
        found = store.suite_file.stat()
    except (FileNotFoundError, NotADirectoryError):  # the latter: a suite's own file was named
        return None
    return found.st_size, found.st_mtime_ns


def planned(plan: Plan) -> dict[str, Any]:
    """Return the cells of a plan and their stages with hashes, in JSON values."""
    stages = {stage.hash: stage for cell in plan.cells for stage in cell.stages.values()}
    return {
        "cells": [
            {
                "cell": cell.hash,
                "variant": cell.variant,
                "dataset": cell.dataset,
                "seed": cell.seed,
                "stages": sorted(stage.hash for stage in cell.stages.values()),
            }
            for cell in plan.cells
        ],
        "stages": [
            {"stage": hash, "name": stage.name, "dataset": stage.dataset, "seed": stage.seed}
            for hash, stage in sorted(stages.items())
        ],
    }


def variant(name: str) -> dict[str, Any]:
    """Return what is told about a variant under its canonical name."""
    entry, known = fusion.resolve(name)
    return entry.metadata(known.options, known.wrappers)


def dataset(source: DataSet, held: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what is told about a data set; `held` saves computing its ceilings again."""
    card, same = source.card, held is not None and held.get("identity") == source.identity()
    return {
        "title": card.title,
        "summary": card.summary,
        "modalities": [{"name": m.name, "kind": m.kind, "shape": list(m.shape)} for m in source.modalities],
        "classes": list(source.classes),
        "rows": source.rows,
        "folds": source.folds if source.folds < UNLIMITED else None,
        "pairing": card.pairing,
        "source_family": card.source_family,
        "licence": card.licence,
        "home": card.home,
        "citation": card.citation,
        "notes": list(card.notes),
        "verified": card.verified,
        "interaction": interaction(source),
        "identity": source.identity(),
        "bayes": held["bayes"] if held is not None and same else source.bayes(),
    }


def interaction(source: DataSet) -> str | None:
    """Return the kind of interaction that a synthetic set holds, from its cues; None for real data."""
    dials = getattr(source, "dials", None)
    if dials is None:
        return None
    cues = {"redundant": dials.d_r, "private": dials.d_u, "synergy": dials.d_s}
    found = [kind for kind, strength in cues.items() if np.any(strength)]
    return found[0] if len(found) == 1 else "mixed" if "synergy" not in found else "mixed_synergy"
