"""`recommend` from data to page: what fits, what is left out, what is trained twice (nothing)."""

import json
from itertools import count

import numpy as np
import pytest

import fusebench
from fusebench import budgeted
from fusebench.benchmarks import budget
from fusebench.benchmarks.budget import Pace, choose, probe, wall_seconds
from fusebench.benchmarks.suite import load
from fusebench.core.errors import FusebenchError
from fusebench.recommend import recommend
from fusebench.results.store import Store

VARIANTS = ("unimodal", "early_concat_logreg", "concat_features", "late_mean", "late_product")


def rows(n=240, seed=0, cue=1.2, absent=0, name="mine"):
    """Two tables that each tell something of two classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    inputs = {m: rng.normal(size=(n, 3)) + cue * labels[:, None] * rng.random(3) for m in ("record", "voice")}
    inputs["voice"][:absent] = np.nan
    return fusebench.from_arrays(name, inputs, labels, missing="mask" if absent else "refuse")


@pytest.fixture
def go(tmp_path, tools):
    """Recommend in this process, with a suite of few variants and epochs."""

    def call(data, variants=VARIANTS, seeds=(0, 1, 2), **choice):
        suite = tools.write_suite(tmp_path, variants, ["digits_sklearn"], seeds, epochs=6, lr=0.02, batch=16)
        settings = dict(minutes=60, jobs=0, out=tmp_path, quiet=True, suite=suite)
        return recommend(data, **(settings | choice))

    return call


@pytest.fixture
def paced(monkeypatch):
    """Let every variant take a minute on a seed, whatever this machine does, so that budgets can be told."""
    monkeypatch.setattr(budget, "probe", lambda source, training, names, device: {n: Pace(60.0) for n in names})


# ---- from data to page


def test_a_verdict_remains_and_a_second_call_trains_nothing(go, tmp_path, tools):
    first = go(rows(), warnings=["Ten rows stand twice."])
    assert first.exit_code == 0, first.lines
    assert first.json["recommended"] in first.json["first_place"]
    assert any(line.startswith(("Use ", "Fusion is not shown to help")) for line in first.lines)
    assert "Data: Ten rows stand twice." in first.lines
    assert first.page == tmp_path / "reports/s-mine/decision.html"
    assert {p.name for p in first.page.parent.iterdir()} == {
        f"decision.{s}" for s in ("html", "md", "json", "png")
    }
    held = tools.Stored(tmp_path, "s-mine")
    assert set(held.store.suite()["datasets"]) == {"mine", "mine(train=0.25)", "mine(train=0.5)"}
    assert {c["variant"] for c in first.json["curves"]} >= {"late_mean", "concat_features"}
    assert all(c["rows"] == [36, 72, 144] for c in first.json["curves"])
    before = held.bytes()
    again = go(rows(), warnings=["Ten rows stand twice."])
    assert held.bytes() == before
    assert again.json == first.json


def test_interaction_is_measured_of_joint_variants_alone(go, tmp_path):
    told = go(rows(n=180)).json["interaction"]
    assert set(told) == {"early_concat_logreg", "concat_features"}
    assert told["early_concat_logreg"]["value"] == pytest.approx(0, abs=1e-9)  # its logits are a sum already
    assert told["early_concat_logreg"]["rows"] == 36  # all that one fold tests
    timings = {(t["variant"], t["dataset"]): t for t in Store(tmp_path / "results/s-mine").timings()}
    assert "emap" not in timings["late_mean", "mine"]
    assert "emap" not in timings["concat_features", "mine(train=0.25)"]


def test_absent_modalities_are_left_out_of_the_subsets_as_they_were_of_the_rule(go, tmp_path):
    ended = go(rows(n=90, absent=25))
    split = next((tmp_path / "results/s-mine/splits").glob("*.npz"))
    with np.load(split) as held:
        assert not held["test_present"].all()
        assert held["test_present"].any(1).all()
    means = {row["variant"]: row["mean"] for row in ended.json["variants"]}
    for rule in ("late_mean", "late_product"):
        gained = sum(m["shapley"]["value"] for m in ended.json["modalities"] if m["rule"] == rule)
        assert ended.json["guess"] + gained == pytest.approx(means[rule], abs=2e-3)  # stored in 16 bits


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (1, 2))])
def test_a_placebo_recommends_nothing(go, tmp_path, seed):
    ended = go(rows(n=90, seed=seed, cue=3.0), placebo=True)
    assert ended.exit_code == 0
    assert ended.json["recommended"] is None
    assert ended.json["placebo"] is True
    assert any(line.startswith("Placebo: nothing is recommended") for line in ended.lines)
    assert (tmp_path / "reports/s-mine-placebo/decision.md").is_file()


def test_a_variant_that_fails_is_named_and_the_verdict_stands(go, stubs):
    variants = [*VARIANTS, "stub(act=missing_file)"]
    ended = go(rows(n=90, cue=4.0), variants, plugins=[stubs])
    assert ended.exit_code == 1
    assert ended.json["recommended"] is not None
    assert ended.json["unfinished"] == {"stub(act=missing_file) on mine (failed)": [0, 1, 2]}
    page = ended.page.read_text("utf-8")
    assert "stub(act=missing_file) on mine (failed), fold 0, 1, 2" in page
    assert "rows.csv" not in page  # the reason names a file
    assert any("rows.csv" in line for line in ended.lines)  # and is told where it happened


# ---- what fits


def test_the_curve_is_cut_before_folds_and_two_folds_are_said_to_be_few(go, paced, tmp_path, capsys):
    # of a seed, two experts and four others take a minute each, and two cells reuse what the experts did
    whole = wall_seconds(([60.0] * 6 + [0.4] * 2) * 3, 0) / 60
    ended = go(rows(), minutes=whole + 1, quiet=False)
    assert ended.json["left_out"] == ["the learning curve"]
    assert not ended.json["curves"]
    told = capsys.readouterr().err
    assert "3 folds of every variant: about" in told
    assert "Left out: the learning curve." in told
    later = go(rows(), minutes=whole + 1)  # the whole is stored, and the curve fits by itself
    assert later.json["left_out"] == []
    assert later.json["curves"]
    few = go(rows(name="other"), minutes=whole * 0.8)
    assert few.json["left_out"] == ["the learning curve", "1 of 3 folds, so intervals are wide"]
    assert few.json["seeds"] == [0, 1]
    assert "Two folds only: intervals are wide." in few.lines


def test_what_does_not_fit_at_all_is_refused_before_anything_is_trained(go, paced, tmp_path):
    with pytest.raises(FusebenchError) as caught:
        go(rows(), minutes=2)
    left = "2 folds; left out: the learning curve, 1 of 3 folds"
    for words in (left, "2 minutes were given", "say --minutes 19, or"):
        assert words in str(caught.value)
    assert not (tmp_path / "results").exists()


def test_too_few_rows_for_a_curve_are_said(go):
    ended = go(rows(n=60), VARIANTS[:4])
    assert ended.json["left_out"] == ["the learning curve: a quarter of the training rows is too few"]


def test_a_curve_for_which_no_time_is_left_is_said(go, monkeypatch):
    monkeypatch.setattr(budgeted.time, "monotonic", map(float, count(1, 100_000)).__next__)
    monkeypatch.setattr(budget, "probe", lambda source, training, names, device: {n: Pace(1.0) for n in names})
    ended = go(rows(), VARIANTS[:4])
    assert ended.json["left_out"] == ["the learning curve: training took longer than was estimated"]


def test_choosing_is_by_what_is_missing():
    cost = lambda seeds, curve: 60.0 * seeds + 90.0 * curve  # noqa: E731
    assert (choose(10, 5, cost).seeds, choose(10, 5, cost).curve) == (5, True)
    assert (choose(6, 5, cost).seeds, choose(6, 5, cost).curve) == (5, False)
    assert (choose(3.5, 5, cost).seeds, choose(3.5, 5, cost).left_out) == (
        3,
        ("the learning curve", "2 of 5 folds"),
    )
    assert choose(0.5, 5, lambda seeds, curve: 0.0).curve  # everything is stored
    with pytest.raises(FusebenchError, match=r"say --minutes 3, or --minutes 8 for everything"):
        choose(1, 5, cost)


def test_the_probe_follows_rows_and_epochs():
    names = ["unimodal(modality=record)", "early_concat_logreg", "late_mean", "cross_attention"]
    training = load("recommend").training
    few, many = (probe(rows(n), training, names) for n in (200, 20000))
    assert set(few) == set(names)
    assert many[names[0]].fit > 20 * few[names[0]].fit  # a hundredfold of rows
    long = probe(rows(2000), training.model_copy(update={"epochs": 500}), names[:1])[names[0]]
    short = probe(rows(2000), training, names[:1])[names[0]]
    assert long.fit > 5 * short.fit


# ---- mistakes


def test_the_shipped_suite_spans_the_axes():
    from fusebench import fusion
    from fusebench.benchmarks.choose import variant_names

    fusion.load_all()
    axes = [fusion.resolve(name)[0].axes for name in variant_names(load("recommend").suite.variants)]
    assert {a.architecture for a in axes} >= {"unimodal", "early", "late", "cross_modal"}
    assert {a.level for a in axes} >= {"raw", "features", "nodes", "decisions"}
    assert {a.learner for a in axes} == {"neural", "classical"}
    assert load("recommend").suite.seeds == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("data", "choice", "words"),
    [
        ("nowhere.toml", {}, "nowhere.toml"),
        (None, {"minutes": 0}, "--minutes 0 is no time"),
        (None, {"device": "gpu"}, "'gpu'"),
        (None, {"suite": "recomend"}, "did you mean 'recommend'"),
    ],
)
def test_a_mistake_is_told_before_anything_happens(go, tmp_path, data, choice, words):
    with pytest.raises(FusebenchError, match=words):
        go(data or rows(), **choice)
    assert not (tmp_path / "results").exists()


def test_one_modality_leaves_nothing_to_fuse(go):
    alone = fusebench.from_arrays("alone", {"record": np.arange(60.0)}, np.arange(60) % 2)
    with pytest.raises(FusebenchError, match="'alone' has one modality, 'record': there is nothing to fuse"):
        go(alone)


def test_the_command_is_told_without_folders(go, tmp_path, monkeypatch):
    from fusebench import api

    monkeypatch.setattr(api, "open_data", lambda card, quiet: rows(n=60))
    ended = go(tmp_path / "deep/skin card.toml", VARIANTS[:4], seeds=(0, 1), minutes=2.5)
    assert ended.json["command"] == f"fusebench recommend 'skin card.toml' --minutes 2.5 --out {tmp_path.name}"
    assert str(tmp_path) not in json.dumps(ended.json)
    assert str(tmp_path) not in ended.page.read_text("utf-8")
