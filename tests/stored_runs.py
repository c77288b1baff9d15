"""Results folders without training: what `benchmarks` would leave, with scores planted by hand or by chance.

Loaded by tests through runpy, since tests are no package.
"""

import zlib
from pathlib import Path

import numpy as np

from fusebench.core.files import dumps, write_text
from fusebench.results.record import Record
from fusebench.results.store import Store

# name → (architecture, data fusion, level, equivalence class)
KNOWN = {
    "unimodal(modality=audio)": ("unimodal", "none", "features", None),
    "unimodal(modality=image)": ("unimodal", "none", "features", None),
    "unimodal(modality=tabular)": ("unimodal", "none", "features", None),
    "unimodal_classical(modality=tabular)": ("unimodal", "none", "raw", None),
    "early_concat_mlp": ("early", "concat", "raw", None),
    "early_concat_pca": ("early", "concat", "features", None),
    "early_transformer": ("early", "concat", "raw", None),
    "early_merge_sum": ("early", "merge", "features", None),
    "concat_features": ("late", "concat", "features", None),
    "concat_features(width=matched)": ("late", "concat", "features", None),
    "concat_network": ("late", "concat", "nodes", None),
    "late_stacking": ("late", "concat", "decisions", None),
    "token_transformer": ("late", "concat", "nodes", None),
    "autoencoder_pretrain_concat": ("late", "concat", "features", None),
    "merge_sum": ("late", "merge", "features", "sum"),
    "merge_sum(width=matched)": ("late", "merge", "features", None),
    "merge_mean": ("late", "merge", "features", "sum"),
    "merge_weighted_sum": ("late", "merge", "features", "sum"),
    "merge_product": ("late", "merge", "features", None),
    "merge_harmonic_mean": ("late", "merge", "features", None),
    "merge_network": ("late", "merge", "nodes", "sum"),
    "gmu": ("late", "merge", "nodes", None),
    "tensor_fusion": ("late", "merge", "nodes", None),
    "low_rank_fusion(rank=4)": ("late", "merge", "nodes", None),
    "late_mean": ("late", "merge", "decisions", None),
    "late_joint_mean": ("late", "merge", "decisions", None),
    "late_product": ("late", "merge", "decisions", None),
    "film": ("cross_modal", "merge", "nodes", None),
    "cross_attention": ("cross_modal", "merge", "nodes", None),
    "bottleneck_transformer": ("cross_modal", "merge", "nodes", None),
    "cca_concat": ("cross_modal", "concat", "features", None),
    "contrastive_pretrain_concat": ("cross_modal", "concat", "features", None),
    "hybrid_early_late": ("hybrid", "merge", "decisions", None),
    "concat_features+ogm_ge": ("late", "concat", "features", None),
}
MACHINE = {
    "processor": "a processor", "cores": 2, "threads": 1, "workers": 2, "device": "cpu", "system": "Linux",
    "python": "3.12.0", "libraries": {"torch": "2.13.0", "numpy": "2.4.0"},
}  # fmt: skip
SHAPES = {"tabular": [16], "image": [3, 16, 16], "audio": [1, 16, 16]}
LEVEL = {
    "synthetic_redundant": 0.60, "synthetic_private": 0.68, "synthetic_mixed": 0.77, "synthetic_synergy": 0.95,
    "digits_trimodal": 0.86, "rosmap": 0.80, "mfeat": 0.97,
}  # fmt: skip
CEILING = {
    "synthetic_redundant": (0.651, 0.55), "synthetic_private": (0.746, 0.594), "synthetic_mixed": (0.841, 0.661),
    "synthetic_synergy": (0.9999, 0.25),
}  # fmt: skip


def planted(variants, datasets, seeds=3, noise=0.012, flat=False):
    """Return {variant: {dataset: [accuracy, …]}}: a level a data set, a bonus a variant, noise a cell."""
    scores = {}
    for variant in variants:
        for dataset in datasets:
            rng = np.random.default_rng(zlib.crc32(f"{variant}|{dataset}".encode()))
            level = LEVEL.get(dataset, 0.7)
            bonus = 0.0 if flat else _bonus(variant, dataset)
            common = [0.01 * np.sin(7 * s + len(dataset)) for s in range(seeds)]
            cells = [level + bonus + common[s] + noise * rng.normal() for s in range(seeds)]
            top = CEILING.get(dataset, (0.999,))[0]
            scores.setdefault(variant, {})[dataset] = [round(float(np.clip(a, 0.2, top)), 6) for a in cells]
    return scores


def _bonus(variant, dataset):
    architecture = KNOWN.get(variant, ("late",))[0]
    own = (zlib.crc32(variant.encode()) % 100) / 100 * 0.03
    if dataset == "synthetic_synergy":
        apart = architecture == "unimodal" or variant in ("late_mean", "late_product", "late_stacking")
        return -0.70 if apart else -0.2 if "sum" in variant else own
    return {"unimodal": -0.09, "early": -0.04, "late": 0.0, "cross_modal": -0.01, "hybrid": 0.01}[
        architecture
    ] + own


def store_run(root, scores, *, seeds=None, planned=(), known=None, data=None, packed=False, **suite):
    """Store a run and return its store.

    `scores[variant][dataset]` lists one value a seed: an accuracy, a status, None (planned, not run) or a
    dict of metrics. `known` adds to KNOWN, `data` overrides what suite.json tells about a data set,
    `planned` plans more (variant, dataset, seed). Other keywords go into suite.json.
    """
    cells, records, timings = [], [], []
    longest = max((len(v) for by in scores.values() for v in by.values()), default=0)
    for variant, by_dataset in scores.items():
        for dataset, values in by_dataset.items():
            for seed, value in enumerate(values):
                cells.append({"cell": _hash(variant, dataset, seed), "variant": variant, "dataset": dataset,
                              "seed": seed, "stages": []})  # fmt: skip
                if value is not None:
                    records.append(_record(variant, dataset, seed, value))
            if values and isinstance(values[0], float):
                timings.append(_timing(variant, dataset))
    for variant, dataset, seed in planned:
        cells.append({"cell": _hash(variant, dataset, seed), "variant": variant, "dataset": dataset, "seed": seed})
    store = Store(Path(root))
    names = sorted({cell["dataset"] for cell in cells})
    store.put_suite(
        {
            "schema": 1, "name": Path(root).name, "definition": {}, "metric": "accuracy", "positive": None,
            "seeds": list(range(longest)) if seeds is None else seeds, "tuned": False,
            "training": {"epochs": 25, "batch": 64, "lr": 0.001, "capacity": "native", "width": 64},
            "plan": {"cells": cells, "stages": []},
            "variants": {v: _entry(v, KNOWN | (known or {})) for v in {c["variant"] for c in cells}},
            "datasets": {name: _data(name) | (data or {}).get(name, {}) for name in names},
            "environments": {"0123456789ab": MACHINE},
        }
        | suite
    )  # fmt: skip
    if packed:
        write_text(store.packed, "".join(dumps(record.to_json()) + "\n" for record in records))
        write_text(store.root / "timing.jsonl", "".join(dumps(timing) + "\n" for timing in timings))
    else:
        for record in records:
            store.put(record)
        for timing in timings:
            store.put_timing(timing["cell"], timing)
    return store


def _hash(variant, dataset, seed):
    return "".join(f"{zlib.crc32(f'{i}{variant}|{dataset}|{seed}'.encode()):08x}" for i in range(8))


def _record(variant, dataset, seed, value):
    cell = _hash(variant, dataset, seed)
    if isinstance(value, str):
        reason = f"Traceback (most recent call last):\n  fusion/x.py:3\nValueError: {variant} gave {value}"
        return Record(
            cell, variant, dataset, seed, seed, value, reason if value == "failed" else f"It was {value}."
        )
    metrics = value if isinstance(value, dict) else _metrics(dataset, value, seed)
    speed = zlib.crc32(variant.encode()) % 90 / 10 + 0.4
    curves = {}
    if not variant.startswith("unimodal_classical") and isinstance(value, float):
        end, epochs = -np.log(value), np.arange(1, 26)
        loss = end + (1.4 - end) * np.exp(-epochs / (2 + speed)) + 0.004 * np.maximum(epochs - 14, 0)
        curves = {"validation_loss": loss.tolist(), "train_loss": (loss - 0.004 * epochs).tolist()}
    return Record(
        cell, variant, dataset, seed, seed, "ok", metrics=metrics, curves=curves, epoch=14 if curves else None,
        times={"wall_own": speed + 0.1 * seed, "cpu_own": speed, "wall_shared": 2.0 * ("late_" in variant),
               "cpu_shared": 0.0, "wall_predict": 0.1},
        memory=None if "gmu" in variant else 300_000_000, parameters=12345678 if curves else None,
        flops=None if "transformer" in variant else 2_000_000, environment="0123456789ab",
    )  # fmt: skip


def _metrics(dataset, accuracy, seed):
    metrics = {
        "accuracy": accuracy, "validation_accuracy": accuracy + 0.002 * ((seed * 7) % 3 - 1),
        "log_loss": float(-np.log(accuracy)), "validation_log_loss": float(-np.log(accuracy)) + 0.01,
        "balanced_accuracy": accuracy - 0.01, "auroc": None, "ece": 0.05,
    }  # fmt: skip
    if dataset in CEILING:
        metrics["regret"] = max(CEILING[dataset][0] - accuracy, 0.0)
    return metrics


def _timing(variant, dataset):
    base = 0.2 + len(variant) / 100
    return {
        "cell": _hash(variant, dataset, 0), "variant": variant, "dataset": dataset, "environment": "0123456789ab",
        "latency_ms": [base, base * 1.1, base * 2], "large_s": [0.1, 0.11, 0.12], "large_rows": 4096,
    }  # fmt: skip


def _entry(name, known):
    architecture, fusion, level, held = known.get(name, ("late", "merge", "nodes", None))
    return {
        "entry": name.partition("(")[0], "options": {}, "architecture": architecture, "data_fusion": fusion,
        "level": level, "operator": "operator", "sharing": "none", "training": "joint",
        "learner": "classical" if "classical" in name else "neural", "tier": "core", "equivalence_class": held,
        "also_known_as": {"a peer": f"Their{name[:4].title()}"}, "reference": "A paper, 2020",
        "definition": f"The formula of {name}: h = Σ x", "contestable": None, "place": "fusion/late/merge.py:40",
        "aliases": ["intermediate"] if (architecture, level) == ("late", "features") else [],
    }  # fmt: skip


def _data(name):
    synthetic = name in CEILING
    pairing = "synthetic" if synthetic else "by_label" if name == "digits_trimodal" else "natural"
    data = {
        "title": f"The set {name}", "summary": "Rows of three kinds.", "classes": ["a", "b", "c", "d"],
        "modalities": [{"name": kind, "kind": kind, "shape": shape} for kind, shape in SHAPES.items()],
        "rows": {"train": 1000, "validation": 250, "test": 4000 if synthetic else 106}, "pairing": pairing,
        "source_family": name, "licence": "CC BY 4.0", "home": "https://example.org/data", "citation": "Doe 2020",
        "notes": [], "folds": 1 if name == "rosmap" else 5, "verified": True, "interaction": None, "bayes": None,
    }  # fmt: skip
    if synthetic:
        full, single = CEILING[name]
        keys = {
            "tabular+image+audio": full,
            "tabular": single,
            "image": single - 0.01,
            "audio": single,
            "none": 0.25,
        }
        data["interaction"] = name.removeprefix("synthetic_")
        data["bayes"] = {"subsets": {key: {"accuracy": value} for key, value in keys.items()}, "shapley": {}}
    return data
