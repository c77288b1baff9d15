"""One cell: what its record and the arrays beside it hold, and what a bad variant makes of it."""

import hashlib
import json
import re

import numpy as np
import pytest

import fusebench
from fusebench import datasets
from fusebench.benchmarks.metrics import log_probabilities, score
from fusebench.core.errors import FusebenchError
from fusebench.fusion import REGISTRY, Variant, register
from fusebench.results.record import InvalidRecordError, Record, from_json, trace, without_paths
from fusebench.results.store import Store

SMALL = "synthetic_private(rows=80,test_rows=60)"
LATE = dict(architecture="late", data_fusion="merge", level="features", operator="x", tier="full")


@pytest.fixture(scope="module")
def ran(tmp_path_factory, tools):
    """A suite of three neural variants after its run."""
    folder = tmp_path_factory.mktemp("ran")
    path = tools.write_suite(folder, ["merge_sum", "unimodal", "late_mean"], [SMALL], epochs=3)
    summary = fusebench.run(path, out=folder, jobs=0, quiet=True, report=False)
    assert summary.exit_code == 0
    return tools.Stored(folder)


def test_a_record_holds_what_was_measured(ran):
    record = ran.records["merge_sum", SMALL, 0]
    assert (record.status, record.reason, record.seed, record.fold) == ("ok", "", 0, 0)
    assert set(record.curves) == {"train_loss", "validation_loss", "validation_accuracy"}
    assert {len(values) for values in record.curves.values()} == {3}
    assert record.epoch == 1 + int(np.argmin(record.curves["validation_loss"]))
    assert set(record.phases) == {"load", "encode", "fuse", "head", "optimise", "validate"}
    assert 0 < sum(record.phases.values()) < 1.5 * (record.times["wall_own"] + record.phases["load"])
    assert record.parameters > 10_000
    assert record.flops > 10_000
    assert record.memory is None or record.memory > 50e6
    for name in (
        "accuracy",
        "log_loss",
        "validation_accuracy",
        "validation_log_loss",
        "regret",
        "kl",
        "ece_floor",
    ):
        assert np.isfinite(record.metrics[name])


def test_the_shared_cost_is_charged_in_full_and_the_baseline_owns_its_training(ran):
    experts = [ran.records[f"unimodal(modality={m})", SMALL, 0] for m in ("tabular", "image", "audio")]
    late = ran.records["late_mean", SMALL, 0]
    owned = [expert.times["wall_own"] for expert in experts]
    asked = [expert.times["wall_predict"] for expert in experts]  # of the stage, and a little of the cell
    assert sum(owned) < late.times["wall_shared"] <= sum(owned) + sum(asked)
    assert late.times["wall_own"] < late.times["wall_shared"]
    assert all(expert.times["wall_shared"] == 0 for expert in experts)
    assert late.parameters == sum(expert.parameters for expert in experts)


def test_predictions_are_stored_beside_it_and_give_the_metrics_again(ran):
    record = ran.records["merge_sum", SMALL, 0]
    arrays, split = ran.store.predictions(record.cell), ran.store.split(record.split)
    assert arrays["test"].dtype == np.float16
    assert arrays["test"].shape == (60, 4)
    assert arrays["validation"].shape == (20, 4)
    digest = hashlib.sha256(arrays["validation"].tobytes() + arrays["test"].tobytes()).hexdigest()
    assert record.predictions == digest
    log_p = log_probabilities(np.exp(arrays["test"].astype(float)))
    again = score(log_p, split["test_labels"], split["test_log_posterior"])
    assert again["accuracy"] == record.metrics["accuracy"]
    assert again["log_loss"] == pytest.approx(record.metrics["log_loss"], abs=2e-3)
    assert again["regret"] == pytest.approx(record.metrics["regret"], abs=1e-6)


def test_the_split_file_holds_the_rows_that_were_scored(ran):
    rows = datasets.get(SMALL).load(0)
    split = ran.store.split(ran.records["merge_sum", SMALL, 0].split)
    for name, part in (("validation", rows.validation), ("test", rows.test)):
        assert split[f"{name}_ids"].tolist() == part.ids.tolist()
        assert split[f"{name}_labels"].tolist() == part.labels.tolist()
    assert len({record.split for record in ran.records.values()}) == 1


def test_every_file_is_strict_json_without_a_place_or_a_name_of_the_machine(ran, tmp_path):
    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    for path in [*ran.files, ran.store.suite_file]:
        text = path.read_text("utf-8")
        json.loads(text, parse_constant=refuse)
        assert str(ran.root.parents[1]) not in text


def test_each_variant_was_timed_alone_and_its_model_taken_away(ran):
    timings = {timing["variant"]: timing for timing in ran.store.timings()}
    assert set(timings) == {variant for variant, _, _ in ran.records}
    for timing in timings.values():
        assert len(timing["latency_ms"]) >= 5
        assert min(timing["latency_ms"]) > 0
        assert (len(timing["large_s"]), timing["large_rows"]) == (5, 60)
    assert not list(ran.root.glob("models/*"))
    frame = fusebench.load_results("s", ran.root.parents[1])
    assert frame[["latency_p50", "latency_p95", "throughput"]].gt(0).all(axis=None)
    assert (frame["latency_p95"] >= frame["latency_p50"]).all()


# ---- bad variants


def temporary(predict, fit=None):
    """Register a variant under the name `bad` whose predictions or fit are wrong."""

    class Bad(Variant):
        def fit(self, train, validation, seed=0):
            if fit:
                fit(train)
            return self

        def predict_proba(self, inputs):
            return predict(len(inputs))

        def state(self):
            return {}

        def restore(self, state):
            return self

    register("bad", learner="classical", **LATE)(Bad)


@pytest.fixture
def bad():
    yield temporary
    REGISTRY.forget("bad")


def run_bad(suite, folder, stubs, variants=("bad",)):
    return fusebench.run(suite(variants), plugins=[stubs], out=folder, jobs=0, quiet=True, report=False)


@pytest.mark.parametrize(
    ("predict", "words"),
    [
        (lambda n: np.ones((n, 3)) / 3, r"shape \(20, 3\) for validation rows, expected \(20, 2\)"),
        (lambda n: np.ones(n), r"shape \(20,\)"),
        (lambda n: np.full((n, 2), np.nan), "NaN"),
        (lambda n: np.tile([-0.1, 1.1], (n, 1)), "negative"),
        (lambda n: np.zeros((n, 2)), "row of zeros"),
    ],
)
def test_what_is_no_probability_fails_its_cell(bad, suite, stored, stubs, tmp_path, predict, words):
    bad(predict)
    assert run_bad(suite, tmp_path, stubs).exit_code == 1
    record = stored.records["bad", "tiny", 0]
    assert record.status == "failed"
    assert record.reason.startswith("Traceback")
    assert record.metrics == {}
    assert re.search(words, record.reason)


def test_a_variant_that_writes_into_its_rows_changes_no_other_cell(bad, suite, stored, stubs, tmp_path):
    def spoil(train):
        for values in train.inputs.values():
            values[...] = 0
        train.labels[...] = 0

    bad(lambda n: np.full((n, 2), 0.5), spoil)
    run_bad(suite, tmp_path, stubs, ["concat_features"])
    alone = stored.records["concat_features", "tiny", 0].predictions
    run_bad(lambda v: suite(v, name="t"), tmp_path, stubs, ["bad", "concat_features"])
    together = {r.variant: r for r in Store(tmp_path / "results/t").records()}
    assert together["concat_features"].predictions == alone


def test_test_labels_are_given_to_no_variant(bad, suite, stored, stubs, tmp_path):
    seen = []

    class Nosy(Variant):
        def fit(self, train, validation, seed=0):
            return self

        def predict_proba(self, inputs):
            seen.append(hasattr(inputs, "labels") or hasattr(inputs, "log_posterior"))
            return np.full((len(inputs), 2), 0.5)

        def state(self):
            return {}

        def restore(self, state):
            return self

    register("bad", learner="classical", **LATE)(Nosy)
    assert run_bad(suite, tmp_path, stubs).exit_code == 0
    assert len(seen) > 2
    assert not any(seen)


# ---- what a record says of a failure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No such file: '/home/some body/a b/rows.csv'", "No such file: 'rows.csv'"),
        ("cannot load /usr/lib/libsnd.so.1: bad", "cannot load libsnd.so.1: bad"),
        ('File "/x/lib/python3.11/site-packages/torch/nn/act.py", line 3', 'File "torch/nn/act.py", line 3'),
        ("at /some/place/fusion/late/merge.py:40", "at fusion/late/merge.py:40"),
        (r"in C:\Users\bob\rows.csv", "in rows.csv"),
        ("file:///home/bob/x.html", "x.html"),
        ("see https://host/a/b, ratio 3 / 4, and/or, '/'", "see https://host/a/b, ratio 3 / 4, and/or, '/'"),
    ],
)
def test_absolute_paths_are_cut(text, expected):
    assert without_paths(text) == expected


def test_a_traceback_keeps_its_causes_and_loses_its_places():
    try:
        try:
            open("/home/bob/secret/x.csv").close()
        except OSError as error:
            raise ExceptionGroup("several", [ValueError("see /home/bob/y")]) from error
    except ExceptionGroup as error:
        text = trace(error)
    assert "bob" not in text
    assert "FileNotFoundError" in text
    assert "ValueError: see y" in text
    assert 'File "test_cell.py"' in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 99}, "schema is 99"),
        ({"status": "great"}, "status is 'great'"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"variant": ...}, "misses 'variant'"),
    ],
)
def test_a_record_of_another_kind_is_refused(change, words):
    value = Record("ab", "v", "d", 0, 0, "ok").to_json() | change
    value = {key: item for key, item in value.items() if item is not ...}
    with pytest.raises(InvalidRecordError, match=words):
        from_json(value)


def test_a_folder_without_a_run_is_a_sentence(tmp_path):
    with pytest.raises(FusebenchError, match="run `fusebench run nothing` first"):
        fusebench.load_results("nothing", tmp_path)
