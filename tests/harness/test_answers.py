"""Experts are asked once about a split, whoever uses them; every user gets the same answers as if it had asked."""

import json

import numpy as np
import pytest

import fusebench
from fusebench.benchmarks import cell, stages, worker
from fusebench.benchmarks.job import Outcome
from fusebench.fusion.neural import NeuralVariant

RULES = ["late_mean", "late_product", "late_weighted", "late_stacking"]
SMALL = "synthetic_private(rows=60,test_rows=50)"


@pytest.fixture
def untimed(monkeypatch):
    """Leave the exclusive pass out: it asks experts on purpose."""
    monkeypatch.setitem(worker.KINDS, "timing", lambda job: Outcome("ok"))


@pytest.fixture
def run(tmp_path):
    def go(path, **choice):
        return fusebench.run(path, **(dict(out=tmp_path, jobs=0, quiet=True, report=False) | choice))

    return go


def test_an_expert_is_asked_once_a_split(run, suite, untimed, monkeypatch):
    asked, ask = [], NeuralVariant.predict_proba

    def counting(self, inputs):
        asked.append((self.name, len(inputs)))
        return ask(self, inputs)

    monkeypatch.setattr(NeuralVariant, "predict_proba", counting)
    ended = run(suite([*RULES, "unimodal"], [SMALL]))
    assert ended.counts["failed"] == 0
    assert len(asked) == len(set(asked)) == 2 * 3  # two splits of three experts


def test_rules_answer_to_the_bit_as_when_they_ask_themselves(run, suite, untimed, monkeypatch, stored, tmp_path):
    path = suite([*RULES, "unimodal"], [SMALL])
    run(path)
    monkeypatch.setattr(cell, "remember", lambda *_: None)
    run(path, out=tmp_path / "asking")
    other = type(stored)(tmp_path / "asking").records
    assert {k: r.predictions for k, r in stored.records.items()} == {k: r.predictions for k, r in other.items()}


def test_other_rows_are_asked_about():
    class Expert:
        def predict_proba(self, inputs):
            return np.full((len(inputs), 2), 0.5)

    bundle = fusebench.datasets.get(SMALL).load(0)
    expert, held = Expert(), np.full((50, 2), 0.25)
    stages.remember(expert, bundle, {"test": held})
    np.testing.assert_array_equal(expert.predict_proba(bundle.test.unlabelled()), held)
    assert expert.predict_proba(bundle.validation)[0, 0] == 0.5
    assert expert.predict_proba(bundle.test.take(slice(0, 50)))[0, 0] == 0.5  # equal rows, but who knows
    expert.predict_proba(bundle.test)[:] = 9  # a user may write into what it gets
    assert held.max() == 0.25


def test_asking_is_charged_to_every_user_and_owned_by_the_baseline(run, suite, untimed, stored):
    run(suite(["late_mean", "unimodal"], [SMALL]))
    told = [json.loads(path.read_bytes()) for path in stored.root.glob("stages/*/*.json")]
    assert all(each["predict"] > 0 for each in told)
    rule = stored.records["late_mean", SMALL, 0]
    assert rule.times["wall_shared"] == pytest.approx(sum(each["wall"] + each["predict"] for each in told))
    for each in told:
        baseline = stored.records[each["name"], SMALL, 0]
        assert baseline.times["wall_own"] == pytest.approx(each["wall"])
        assert baseline.times["wall_predict"] >= each["predict"]


def test_a_stage_of_an_older_form_is_trained_again(run, suite, untimed, stored):
    path = suite(["late_mean"], [SMALL])
    run(path)
    first, *_ = sorted(stored.root.glob("stages/*/*.json"))
    first.write_text(json.dumps(json.loads(first.read_text()) | {"schema": 1}))
    for record in stored.files:
        record.unlink()
    run(path)
    log = (stored.root / "run.log").read_text().splitlines()
    assert sum(line.split()[1:3] == ["stage", first.stem[:12]] for line in log) == 2
    assert sum(line.split()[1] == "stage" for line in log) == 4
