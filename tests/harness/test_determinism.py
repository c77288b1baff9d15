"""A cell gives the same bits wherever and whenever it runs, and test rows change nothing that is learnt."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import fusebench
from fusebench.datasets import Bundle, DataSet

SETS = ["synthetic_private(rows=70,test_rows=50)", "digits_sklearn"]
VARIANTS = ["merge_sum", "late_mean", "early_concat_logreg", "unimodal"]
CHOSEN = ("merge_sum", SETS[0], 0)


def sums(held):
    """Key → sha256 of the stored probabilities, of cells that ended well."""
    return {key: record.predictions for key, record in held.records.items() if record.status == "ok"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tools):
    """The whole suite in this process."""
    folder = tmp_path_factory.mktemp("whole")
    path = tools.write_suite(folder, VARIANTS, SETS, [0, 1])
    fusebench.run(path, out=folder, jobs=0, quiet=True, report=False)
    held = tools.Stored(folder)
    assert len(sums(held)) == 2 * (3 + 3) + 2 * (3 + 2)
    return held


def rerun(tmp_path, tools, variants=VARIANTS, sets=SETS, seeds=(0, 1), **choice):
    path = tools.write_suite(tmp_path, variants, sets, seeds)
    fusebench.run(path, out=tmp_path, **({"jobs": 0, "quiet": True, "report": False} | choice))
    return tools.Stored(tmp_path)


@pytest.mark.parametrize("variant", VARIANTS[:3])
def test_a_cell_alone_equals_the_cell_in_a_whole_run(whole, tmp_path, tools, variant):
    alone = sums(rerun(tmp_path, tools, [variant], SETS[:1], [1]))
    key = (variant, SETS[0], 1)
    assert alone == {key: sums(whole)[key]}


def test_the_order_of_everything_is_indifferent(whole, tmp_path, tools):
    assert sums(rerun(tmp_path, tools, VARIANTS[::-1], SETS[::-1], [1, 0])) == sums(whole)


def test_two_workers_equal_this_process_to_the_bit(whole, tmp_path, tools):
    held = rerun(tmp_path, tools, sets=SETS[:1], seeds=[0], jobs=2)
    found = sums(held)
    assert found == {key: value for key, value in sums(whole).items() if key[1:] == (SETS[0], 0)}
    for key, record in held.records.items():
        here, there = (h.store.predictions(record.cell) for h in (held, whole))
        for split in ("validation", "test"):
            assert here[split].tobytes() == there[split].tobytes(), key


@pytest.mark.slow
@pytest.mark.nightly
def test_threads_set_by_the_user_change_nothing(whole, tmp_path, tools, cli):
    tools.write_suite(tmp_path, VARIANTS, SETS, [0])
    for jobs in (0, 1):
        many = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "4")
        ended = cli("run", "s.toml", "--jobs", jobs, "--out", f"out{jobs}", "--no-report", env=many)
        assert ended.returncode == 0
        found = sums(tools.Stored(tmp_path / f"out{jobs}"))
        assert found == {key: value for key, value in sums(whole).items() if key[2] == 0}


def test_in_this_process_the_callers_threads_are_given_back(suite, tmp_path, stubs, stored):
    import torch

    held = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fusebench.run(suite(), plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(held)
    assert stored.records["stub", "tiny", 0].curves["threads"] == [1]


def test_variants_share_the_rows_of_a_seed_and_seeds_do_not(whole):
    splits = {(r.dataset, r.seed): set() for r in whole.records.values()}
    for record in whole.records.values():
        splits[record.dataset, record.seed].add(record.split)
    assert {len(found) for found in splits.values()} == {1}
    assert len({next(iter(found)) for found in splits.values()}) == 4
    by_seed = [sums(whole)["merge_sum", SETS[0], seed] for seed in (0, 1)]
    assert by_seed[0] != by_seed[1]


# ---- test rows are scored and do nothing else


@dataclass(frozen=True)
class Twisted(DataSet):
    """Another data set with its test rows' labels or order permuted, under the same name."""

    inner: DataSet = None
    twist: str = ""

    def __post_init__(self):
        object.__setattr__(self, "card", self.inner.card)

    modalities = property(lambda self: self.inner.modalities)
    classes = property(lambda self: self.inner.classes)
    rows = property(lambda self: self.inner.rows)
    folds = property(lambda self: self.inner.folds)

    def load(self, seed):
        held = self.inner.load(seed)
        test = held.test
        if self.twist == "labels":
            test = test.with_labels(np.roll(test.labels, 1))
        elif self.twist == "order":
            test = test.take(order_of(len(test)))
        return Bundle(held.modalities, held.classes, held.train, held.validation, test)


def order_of(n):
    return np.random.default_rng(3).permutation(n)


@pytest.fixture(scope="module")
def twisted(tmp_path_factory, tools):
    """Twist → the folder after a run on it."""
    from fusebench import datasets

    inner = datasets.get(SETS[0])
    found = {}
    for twist in ("", "labels", "order"):
        folder = tmp_path_factory.mktemp("twisted")
        path = tools.write_suite(folder, VARIANTS[:3], SETS[:1])
        data = Twisted(inner, twist, name=inner.name)
        fusebench.run(path, data=data, out=folder, jobs=0, quiet=True, report=False)
        (root,) = (folder / "results").iterdir()
        found[twist] = tools.Stored(folder, root.name)
    return found


@pytest.mark.parametrize("variant", VARIANTS[:3])
def test_labels_of_test_rows_change_test_metrics_and_nothing_else(twisted, variant):
    plain, other = (twisted[twist].records[variant, SETS[0], 0] for twist in ("", "labels"))
    assert other.predictions == plain.predictions
    assert other.curves == plain.curves
    assert other.epoch == plain.epoch
    changed = {name for name in plain.metrics if plain.metrics[name] != other.metrics[name]}
    assert {"accuracy", "log_loss"} <= changed
    assert not {name for name in changed if name.startswith("validation_")}
    assert plain.metrics["regret"] == other.metrics["regret"]  # of the exact posterior, not of labels


@pytest.mark.parametrize("variant", VARIANTS[:3])
def test_the_order_of_test_rows_permutes_predictions(twisted, variant):
    plain, other = (
        twisted[twist].store.predictions(twisted[twist].records[variant, SETS[0], 0].cell)
        for twist in ("", "order")
    )
    assert np.array_equal(plain["validation"], other["validation"])
    expected = plain["test"][order_of(len(plain["test"]))]
    assert np.allclose(other["test"].astype(float), expected.astype(float), atol=0.02)  # float16 of log p
    assert not np.array_equal(other["test"], plain["test"])


def test_two_runs_differ_in_times_and_memory_alone(whole, tmp_path, tools):
    again = rerun(tmp_path, tools, seeds=[0])
    cells = {record.cell for record in again.records.values()}
    for cell in cells:
        ours, theirs = (held.store.get(cell) for held in (again, whole))
        varying = dict(times={}, phases={}, memory=None, load=None)
        assert replace(ours, **varying) == replace(theirs, **varying)
