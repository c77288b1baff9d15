"""A report is a function of what a run holds, not of the order in which it was written down."""

import json
import random
import runpy
from pathlib import Path

import pytest

from fusebench.core.files import dumps
from fusebench.reports.build import build

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
NAMES = [
    "unimodal(modality=audio)", "unimodal(modality=tabular)", "early_concat_mlp", "concat_features", "merge_sum",
    "merge_mean", "late_mean", "film",
]  # fmt: skip
DATASETS = ["rosmap", "digits_trimodal", "synthetic_private", "synthetic_synergy"]


def scores():
    """Planted scores with a tie, a failure, a timeout and a cell that has not been run."""
    values = STORED["planted"](NAMES, DATASETS)
    values["merge_mean"]["digits_trimodal"] = list(values["merge_sum"]["digits_trimodal"])
    values["film"]["rosmap"] = [0.8, "failed", 0.8]
    values["late_mean"]["synthetic_private"] = ["timeout", "timeout", None]
    return values


def turned(value, rng):
    """Return the same mapping with the keys of every level in another order."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: turned(value[key], rng) for key in keys}
    return [turned(item, rng) for item in value] if isinstance(value, list) else value


def stored(root, values, packed=False):
    """Store a run in which one pair has been timed at two seeds."""
    store = STORED["store_run"](root, values, packed=packed)
    (first,) = [t for t in store.timings() if (t["variant"], t["dataset"]) == ("merge_sum", "rosmap")]
    cells = {(c["variant"], c["dataset"], c["seed"]): c["cell"] for c in store.suite()["plan"]["cells"]}
    again = first | {"cell": cells["merge_sum", "rosmap", 1], "latency_ms": [9.0, 9.5, 10.0]}
    if packed:
        path = root / "timing.jsonl"
        path.write_text(path.read_text("utf-8") + dumps(again) + "\n", "utf-8")
    else:
        store.put_timing(again["cell"], again)
    return store


def shuffle_suite(root, rng):
    """Write suite.json with all keys, and the planned cells, in another order."""
    suite = turned(json.loads((root / "suite.json").read_text("utf-8")), rng)
    rng.shuffle(suite["plan"]["cells"])
    (root / "suite.json").write_text(json.dumps(suite), "utf-8")


def store_otherwise(root, rng):
    """Store the variants, and so their cells, in another order, one file a cell."""
    stored(root, turned(scores(), rng))


def pack_otherwise(root, rng):
    """Store the cells as lines of packed files, in another order."""
    stored(root, scores(), packed=True)
    records, timings = root / "records.jsonl", root / "timing.jsonl"
    lines = records.read_text("utf-8").splitlines()
    rng.shuffle(lines)
    records.write_text("\n".join(lines) + "\n", "utf-8")
    lines = timings.read_text("utf-8").splitlines()
    lines.sort(key=lambda line: json.loads(line)["cell"], reverse=True)  # files are read the other way round
    timings.write_text("\n".join(lines) + "\n", "utf-8")


def tell_otherwise(root, rng):
    """Store the same cells under a suite.json in another order."""
    stored(root, scores())
    shuffle_suite(root, rng)


def all_otherwise(root, rng):
    """Store the cells as lines in another order, under a suite.json in another order."""
    pack_otherwise(root, rng)
    shuffle_suite(root, rng)


def drawn(root, out):
    """Return relative path → bytes of every file of the report on a run."""
    build(root, out)
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The report on the run as it is stored."""
    base = tmp_path_factory.mktemp("as-is")
    stored(base / "results" / "quick", scores())
    return drawn(base / "results" / "quick", base / "out")


@pytest.mark.parametrize(
    "change",
    [
        all_otherwise,
        *(pytest.param(c, marks=pytest.mark.nightly) for c in (store_otherwise, pack_otherwise, tell_otherwise)),
    ],
)
def test_the_same_cells_in_another_order_give_the_same_bytes(change, expected, tmp_path):
    root = tmp_path / "results" / "quick"
    change(root, random.Random(5))
    found = drawn(root, tmp_path / "out")
    assert found.keys() == expected.keys()
    assert {name.rpartition(".")[2] for name in found} >= {"csv", "md", "svg", "png", "html"}
    assert [name for name in found if found[name] != expected[name]] == []


def test_the_orders_differ(tmp_path):
    """So that the test above cannot pass for nothing."""
    texts = []
    for name, change in (("a", None), ("b", pack_otherwise)):
        root = tmp_path / name
        change(root, random.Random(5)) if change else stored(root, scores(), packed=True)
        texts.append(
            [json.loads(line)["cell"] for line in (root / "records.jsonl").read_text("utf-8").splitlines()]
        )
    assert texts[0] != texts[1]
    assert sorted(texts[0]) == sorted(texts[1])
    before = (tmp_path / "b" / "suite.json").read_text("utf-8")
    shuffle_suite(tmp_path / "b", random.Random(5))
    after = (tmp_path / "b" / "suite.json").read_text("utf-8")
    assert list(json.loads(before)) != list(json.loads(after))
    assert json.loads(before)["variants"] == json.loads(after)["variants"]
