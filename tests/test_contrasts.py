"""Questions, all else equal: the list of pairs against the register, and their effects by hand."""

import runpy
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from fusebench import fusion
from fusebench.benchmarks.suite import Question
from fusebench.core.errors import UnknownNameError
from fusebench.fusion import resolve
from fusebench.fusion.wrappers import WRAPPERS as REGISTERED
from fusebench.reports import contrasts, placebos
from fusebench.reports.matched import PAIRS, QUESTIONS, Pair
from fusebench.reports.matched.pairs import MERGES, UPDATING, WRAPPERS
from fusebench.reports.run import load
from fusebench.reports.statistics import within

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, KNOWN = STORED["store_run"], STORED["KNOWN"]

fusion.load_all()
AWAITED: set[str] = set()  # entries that pairs name and the register does not hold yet
WRITTEN = [pytest.param(p, id=f"{p.left}-{p.right}") for p in PAIRS if not {p.left, p.right} & AWAITED]


def known(name):
    try:
        return resolve(name)
    except UnknownNameError:
        return None


def axes(name):
    return asdict(resolve(name)[0].axes) | {"entry": resolve(name)[0].id}


# ---- the list


@pytest.mark.parametrize("pair", WRITTEN)
def test_a_pair_differs_in_what_its_question_asks(pair):
    assert [str(resolve(name)[1]) for name in (pair.left, pair.right)] == [pair.left, pair.right]
    assert QUESTIONS[pair.question].fits(axes(pair.left), axes(pair.right))
    assert pair.equal


def test_every_awaited_entry_is_still_awaited():
    names = {name for pair in PAIRS for name in (pair.left, pair.right)}
    assert {name for name in names if known(name) is None} == AWAITED


# what may differ beside the question's axis, since it follows from it
FOLLOWS = {
    "early_late": {"level"}, "cross_modal_late": {"data_fusion", "sharing", "level"},
    "multiple_single": {"data_fusion"}, "pretraining_shared": {"architecture"},
}  # fmt: skip


@pytest.mark.parametrize("pair", WRITTEN)
def test_a_pair_differs_in_nothing_else(pair):
    left, right = axes(pair.left), axes(pair.right)
    differ = {axis for axis in left if left[axis] != right[axis]} - {"entry", "operator", "learner"}
    assert differ <= {QUESTIONS[pair.question].axis} | FOLLOWS.get(pair.question, set())
    assert left["learner"] == right["learner"]


def test_a_pair_stands_once_and_every_question_has_one():
    couples = [frozenset((pair.left, pair.right)) for pair in PAIRS]
    assert len(couples) == len(set(couples))
    assert {pair.question for pair in PAIRS} == set(QUESTIONS)


def test_every_training_wrapper_has_a_pair():
    assert {*WRAPPERS, "sgd"} == {wrapper.id for wrapper in REGISTERED}
    assert set(UPDATING) < set(WRAPPERS)


def test_a_suite_may_ask_what_the_report_can_answer():
    assert set(get_args(Question)) <= set(QUESTIONS)


def test_merges_that_are_one_function_are_asked_about_once():
    classes = [resolve(name)[0].equivalence({}) for name in MERGES]
    held = [one for one in classes if one is not None]
    assert len(held) == len(set(held))


# ---- effects on a data set and over data sets


def stored(path, table, asked=(), told=None, data=None):
    """Store {variant: [a list of seeds, or one value, a data set]} and what is told of entries beside."""
    scores = {
        name: {f"d{i}": value if isinstance(value, list) else [value] for i, value in enumerate(line, start=1)}
        for name, line in table.items()
    }
    store = store_run(path, scores, definition={"suite": {"contrasts": list(asked)}}, data=data or {})
    suite = store.suite()
    for name, more in (told or {}).items():
        suite["variants"][name] |= more
    store.put_suite(suite)
    return load(store)


# concat − sum and concat − max: weights 1, −½, −½; on d1 .9 − (.8 + .7) / 2 = .15
# variance of one seed v each: (1 + ¼ + ¼) v / S
def test_a_question_is_the_mean_of_its_pairs(tmp_path):
    table = {
        "concat_features": [[0.90, 0.92], [0.5, 0.5]],
        "merge_sum": [[0.80, 0.80], [0.4, 0.6]],
        "merge_max": [[0.70, 0.72], [0.6, 0.6]],
    }
    run = stored(tmp_path, table)
    found = contrasts.answer(run, "concat_merge_fusion_width")
    assert [pair.right for pair in found.pairs] == ["merge_sum", "merge_max"]
    assert found.effects["d1"].value == pytest.approx(0.91 - (0.80 + 0.71) / 2)
    assert found.effects["d2"].value == pytest.approx(-0.05)
    held = within(np.array([line[0] for line in table.values()]))
    assert found.effects["d1"].error == pytest.approx(np.sqrt(1.5 * held.variances[0] / 2))
    assert found.effects["d1"].half == pytest.approx(held.quantile * found.effects["d1"].error)


def test_a_pair_that_is_hardly_anywhere_leaves_the_mean(tmp_path):
    table = {
        "concat_features": [0.9, 0.9, 0.9],
        "merge_sum": [0.8, 0.8, 0.8],
        "merge_max": [0.7, "failed", "timeout"],
    }
    found = contrasts.answer(stored(tmp_path, table), "concat_merge_fusion_width")
    assert list(found.effects) == ["d1", "d2", "d3"]
    assert all(effect.value == pytest.approx(0.1) for effect in found.effects.values())
    assert found.left_out == {"concat_features − merge_max": "complete on too few data sets"}


def test_a_data_set_without_a_pair_is_named(tmp_path):
    table = {"concat_features": [0.9, 0.9], "merge_sum": [0.8, "failed"]}
    found = contrasts.answer(stored(tmp_path, table), "concat_merge_fusion_width")
    assert (list(found.effects), found.left_out) == (["d1"], {"d2": "merge_sum: failed 1/1"})


def test_one_function_under_two_names_tells_nothing(tmp_path):
    table = {"concat_network": [0.9], "merge_network": [0.8]}
    told = {name: {"equivalence_class": "m"} for name in table}
    found = contrasts.answer(stored(tmp_path, table, told=told), "concat_merge_fusion_width")
    assert found.pairs == ()
    assert found.left_out == {"concat_network − merge_network": contrasts.ONE_FUNCTION}
    groups = contrasts.pair_groups(load_again(tmp_path))
    assert groups["counts"].tolist() == [contrasts.ONE_FUNCTION]  # shown all the same
    assert groups["effect"].tolist() == pytest.approx([0.1])


def load_again(path):
    from fusebench.results.store import Store

    return load(Store(path))


# early − late: +.01 … +.08 on eight data sets, all above zero: p = 2/256
# nodes − features: signs + + + + + − + +, the smallest (.01) below zero: flips with as large a |mean|:
#   none, all, that one alone and its opposite, and no others: p = 4/256
# Holm over the two that can be tested: 2 x 2/256, then max(2 x 2/256, 4/256) = 4/256
EARLY = [0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.58]
NODES = [0.52, 0.53, 0.54, 0.55, 0.56, 0.49, 0.57, 0.58]


def test_named_questions_are_one_family(tmp_path):
    table = {"concat_features": [0.5] * 8, "early_concat_mlp": EARLY, "concat_network": NODES}
    run = stored(tmp_path, table, ["nodes_features", "early_late", "joint_apart"])
    found = contrasts.questions(run).set_index("question")
    assert found.index[:3].tolist() == ["nodes_features", "early_late", "joint_apart"]
    assert found["family"].tolist() == ["F1"] * 3 + ["exploratory"] * (len(QUESTIONS) - 3)
    assert found.loc["early_late", ["p", "p_adjusted"]].tolist() == pytest.approx([2 / 256, 4 / 256])
    assert found.loc["nodes_features", ["p", "p_adjusted"]].tolist() == pytest.approx([4 / 256, 4 / 256])
    assert np.isnan(found.loc["joint_apart", "p_adjusted"])  # no pair of it was run: not a test
    assert found.loc["early_late", "least_sets"] == 7  # 2/2^7 = .0156 is at most .05 / 2
    assert found.loc["early_late", "effect"] == pytest.approx(0.045)
    assert found.loc["nodes_features", ["wins", "ties", "losses"]].tolist() == [7, 0, 1]
    assert found["p_adjusted"].iloc[3:].isna().all()


def test_effects_by_kind_of_data(tmp_path):
    names = ["mfeat", "rosmap", "synthetic_mixed", "synthetic_synergy"]
    effects = dict(zip(names, [0.01, 0.03, 0.1, 0.3], strict=True))
    scores = {
        "early_concat_mlp": {name: [round(0.5 + effect, 6)] for name, effect in effects.items()},
        "concat_features": {name: [0.5] for name in names},
    }
    run = load(store_run(tmp_path, scores))
    found = contrasts.question_groups(run)
    found = found[found["question"] == "early_late"].set_index("group")["effect"].to_dict()
    assert found == pytest.approx(
        {"all": 0.11, "pairing:natural": 0.02, "pairing:synthetic": 0.2, "interaction:mixed": 0.1,
         "interaction:synergy": 0.3}
    )  # fmt: skip
    pairs = contrasts.pair_groups(run)
    assert pairs[pairs["left"] == "early_concat_mlp"].set_index("group")["effect"].to_dict() == pytest.approx(
        found
    )


# ---- the other placement of contestable entries

BOTH = {
    "early_concat_mlp": [0.6, 0.7], "concat_features": [0.5, 0.5],  # +.1, +.2
    "early_merge_sum": [0.4, 0.5], "merge_sum": [0.5, 0.5],  # −.1, 0
}  # fmt: skip


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ({"architecture": "late"}, "they no longer differ in architecture as the question asks"),
        ({"architecture": "cross_modal"}, "they no longer differ in architecture as the question asks"),
        ({"training": "apart"}, "they now differ in training too"),
    ],
)
def test_a_contested_entry_takes_its_pair_along(tmp_path, moved, words):
    run = stored(tmp_path, BOTH, told={"early_concat_mlp": {"contestable": moved}})
    found = contrasts.questions(run).set_index("question").loc["early_late"]
    assert (found["effect"], found["pairs"]) == (pytest.approx((0.0 + 0.1) / 2), 2)
    assert (found["alternative_effect"], found["alternative_pairs"]) == (pytest.approx(-0.05), 1)
    assert found["alternative"] == f"‡ early_concat_mlp: early_concat_mlp − concat_features drops out: {words}"


def test_without_contested_entries_nothing_moves(tmp_path):
    found = contrasts.questions(stored(tmp_path, BOTH)).set_index("question").loc["early_late"]
    assert found["alternative_effect"] == found["effect"]
    assert found["alternative"] == "no entry of its pairs is contestable"


def test_a_contested_entry_may_leave_its_pairs_alone():
    entry = {"entry": "a", "architecture": "early", "level": "raw", "contestable": {"level": "features"}}
    late = {"entry": "b", "architecture": "late", "level": "features"}
    assert contrasts.why_not(Pair("a", "b", "early_late", ""), entry, late) == ""


# gains over unimodal .5: early .1 and −.1 (mean 0), late 0; with the first placed late: early −.1, late .1/3
def test_kinds_are_formed_again_under_the_other_placement(tmp_path):
    table = {name: line[:1] for name, line in BOTH.items()} | {"unimodal(modality=image)": [0.5]}
    run = stored(tmp_path, table, told={"early_concat_mlp": {"contestable": {"architecture": "late"}}})
    found = contrasts.kinds(run)
    found = found[found["axis"] == "architecture"].set_index(["placement", "kind"])
    assert found["gain"].to_dict() == pytest.approx(
        {("as placed", "early"): 0.0, ("as placed", "late"): 0.0,
         ("alternative", "early"): -0.1, ("alternative", "late"): 0.1 / 3}
    )  # fmt: skip
    assert found.loc[("alternative", "late"), ["entries", "contestable"]].tolist() == [3, "early_concat_mlp"]


# ---- placebos


# three copies of concat_features (itself among them) are three pairs; on d1 the third stands far off
def test_copies_of_one_entry_by_hand(tmp_path):
    table = {
        "concat_features": [[0.80, 0.82, 0.81]], "gmu": [[0.7, 0.7, 0.72]],
        "placebo": [[0.81, 0.82, 0.80]], "placebo(copy=2)": [[0.5, 0.51, 0.52]],
    }  # fmt: skip
    told = {name: {"placebo_of": "concat_features", "options": {}} for name in ("placebo", "placebo(copy=2)")}
    told["placebo(copy=2)"]["options"] = {"copy": 2}
    run = stored(tmp_path, table, told=told)
    assert placebos.copies(run) == {"concat_features": ("concat_features", "placebo", "placebo(copy=2)")}
    found = placebos.pairs(run)
    assert found["beyond_noise"].tolist() == [False, True, True]
    held = within(np.array([table[name][0] for name in ("concat_features", "gmu", "placebo", "placebo(copy=2)")]))
    assert found["effect"].tolist() == pytest.approx([0.0, 0.3, 0.3])
    assert found["half"].iloc[0] == pytest.approx(held.quantile * held.errors[0, 2])
    rate = placebos.rates(run).iloc[0]
    assert (rate["pairs"], rate["beyond_noise"], rate["rate"]) == (3, 2, pytest.approx(2 / 3))
    assert (rate["low"], rate["high"]) == (pytest.approx(0.0943, abs=1e-4), pytest.approx(0.9916, abs=1e-4))


def test_a_copy_with_an_option_of_its_own_is_another_entry(tmp_path):
    table = {name: [[0.8, 0.8]] for name in ("concat_features", "placebo(width=matched)", "placebo(copy=2)")}
    told = {
        "placebo(width=matched)": {"placebo_of": "concat_features", "options": {"width": "matched"}},
        "placebo(copy=2)": {"placebo_of": "concat_features", "options": {"copy": 2}},
    }
    found = placebos.copies(stored(tmp_path, table, told=told))
    assert found == {"concat_features": ("concat_features", "placebo(copy=2)")}


def test_a_run_without_copies_has_no_rate_of_its_own(tmp_path):
    run = stored(tmp_path, {"gmu": [0.8], "film": [0.7]})
    assert placebos.pairs(run).empty
    assert placebos.rates(run)["kind"].tolist() == [placebos.NOMINAL]
