"""One pair in words, and the line with which a run that met a new entry ends."""

import json
import math
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from fusebench.core.errors import FusebenchError
from fusebench.core.files import dumps
from fusebench.reports.run import load
from fusebench.reports.versus import amounts, compare, costs, measure, verdict

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run = STORED["store_run"]

# On every data set the differences over three seeds are effect − .02, effect − .02, effect + .04: their sd is
# .034641, the standard error .02, and t on (2 − 1)(3 − 1) = 2 degrees of freedom 4.302653: half .086053.
#          concat_features      merge_sum           effect
#   a      .80 .82 .84          .78 .80 .76         +.04
#   b      .80 .82 .84          .81 .83 .79         +.01
#   c      .80 .82 .84          .81 .83 .79         +.01
# mean .02, sd .017321, se .01: [−.023027, +.063027]; all 8 sign patterns: 2 as large, p = .25
BASE, UP, FAR = [0.80, 0.82, 0.84], [0.81, 0.83, 0.79], [0.78, 0.80, 0.76]
THREE = {"concat_features": dict.fromkeys("abc", BASE), "merge_sum": {"a": FAR, "b": UP, "c": UP}}


def made(folder, scores, **options):
    return load(store_run(folder, scores, **options))


def told(run, left, right):
    return compare(run, left, right).lines


def holding(lines, text):
    (line,) = [line for line in lines if text in line]
    return line


def test_values_are_written_with_their_unit():
    assert amounts.difference(0.0123, "accuracy") == "+1.2 points"
    assert amounts.difference(-0.0004, "accuracy") == "0.0 points"
    assert amounts.difference(0.0123, "log_loss") == "+0.012 nat"
    assert amounts.difference(0.0123, "auroc") == "+0.012"
    assert amounts.size(-0.0123, "accuracy") == "1.2 points"
    assert amounts.estimate(0.02, math.nan, math.nan, "accuracy") == "+2.0 points"
    assert amounts.interval(-0.001, 0.02, "accuracy") == "[−0.1, +2.0]"
    assert [amounts.percent(v) for v in (0.2543, 0.9999, 1.0, 0.0, 0.0004, math.nan)] == [
        "25.4 %", "99.99 %", "100.0 %", "0.0 %", "0.04 %", "",
    ]  # fmt: skip
    assert [amounts.times(r) for r in (12.3, 9.96, 1.34, 0.999, 0.85, math.nan)] == [
        "12×", "10×", "1.3×", "1.0×", "0.85×", "",
    ]  # fmt: skip


def test_a_pair_by_hand(tmp_path):
    pair = measure(made(tmp_path, THREE), "concat_features", "merge_sum")
    assert [round(each.effect, 6) for each in pair.differences] == [0.04, 0.01, 0.01]
    assert [each.half for each in pair.differences] == pytest.approx([0.086053] * 3, abs=1e-6)
    found = pair.found.paired
    assert (found.n, found.wins, found.ties, found.losses) == (3, 3, 0, 0)
    assert (found.mean, found.low, found.high, found.p) == pytest.approx(
        (0.02, -0.023027, 0.063027, 0.25), abs=1e-6
    )
    assert pair.heavy.dataset == "a"  # .04 is more than .01 + .01
    assert pair.without("a").mean == pytest.approx(0.01)


def test_a_pair_in_words(tmp_path):
    lines = told(made(tmp_path / "run", THREE), "concat_features", "merge_sum")
    assert lines[0].startswith(
        "concat_features against merge_sum on run (untuned defaults), by accuracy, higher is"
    )
    assert lines[1] == (
        "Effect: +2.0 points on average over 3 data sets, 95 % interval across them [−2.3, +6.3] "
        "(t; sign-flip p = 0.250): which of them is ahead cannot be told."
    )
    assert "a weighs more than all the others together; without it +1.0 points [" in lines[2]
    assert "better mean on 3, the same on 0, the worse on 0;" in holding(lines, "better mean")
    assert holding(lines, "better mean").endswith("leaves out zero on 0 of 3.")
    assert "  a: +4.0 points [−4.6, +12.6]" in lines
    assert "equality is not shown either" in holding(lines, "Could the suite have told?")
    assert "they differ in data fusion. Held equal:" in holding(lines, "A published matched pair")


def test_the_other_way_round_is_the_same_difference(tmp_path):
    run = made(tmp_path, THREE)
    there, back = measure(run, "concat_features", "merge_sum"), measure(run, "merge_sum", "concat_features")
    assert [each.effect for each in back.differences] == [-each.effect for each in there.differences]
    assert (back.found.paired.wins, back.found.paired.losses) == (0, 3)


# 8 data sets, every one +.05 and −.05 in turn about .10: sd .053452, se .018898, t(7) 2.364624: [.0553, .1447]
def test_a_difference_that_is_there_is_told(tmp_path):
    steps = {f"s{i}": 0.15 if i % 2 else 0.05 for i in range(8)}
    scores = {
        "gmu": {d: [0.7 + s, 0.7 + s + 0.001, 0.7 + s] for d, s in steps.items()},
        "late_mean": {d: [0.7, 0.7, 0.7] for d in steps},
    }
    run = made(tmp_path, scores)
    lines = told(run, "gmu", "late_mean")
    assert "[+5.6, +14.5] (t; sign-flip p = 0.008): gmu is ahead." in lines[1]
    assert told(run, "late_mean", "gmu")[1].endswith(": gmu is ahead.")
    assert "the interval of the one found leaves out zero" in holding(lines, "Could the suite have told?")
    assert holding(lines, "better mean").count("s0, s1") == 1


# seven data sets +.01, the eighth +.50: t's interval holds zero, the sign-flip test does not
def test_two_tests_that_disagree_are_said_to(tmp_path):
    steps = {f"s{i}": 0.01 for i in range(7)} | {"s7": 0.25}
    scores = {
        "gmu": {d: [0.7 + s] * 2 + [0.701 + s] for d, s in steps.items()},
        "late_mean": {d: [0.7, 0.7, 0.7] for d in steps},
    }
    assert (
        "gmu may be ahead, but the interval and the sign-flip test disagree"
        in told(made(tmp_path, scores), "gmu", "late_mean")[1]
    )


# three data sets, t leaves out zero: 2/2^3 = .25 is the least p there is, which is no disagreement
def test_too_few_data_sets_for_sign_flips_are_no_disagreement(tmp_path):
    steps = {"a": 0.10, "b": 0.11, "c": 0.10}
    scores = {"gmu": {d: [0.7 + s, 0.7 + s, 0.701 + s] for d, s in steps.items()},
              "late_mean": {d: [0.7, 0.7, 0.701] for d in steps}}  # fmt: skip
    line = told(made(tmp_path, scores), "gmu", "late_mean")[1]
    assert line.endswith("gmu may be ahead, but sign flips can confirm nothing below 6 data sets.")


def test_no_more_than_100_points_are_to_be_seen():
    assert amounts.seen(0.0123, "accuracy") == "1.2 points"
    assert amounts.seen(1.2, "accuracy") == "more than 100 points"
    assert amounts.seen(1.2, "log_loss") == "1.200 nat"


def test_a_matched_pair_tells_what_follows_from_its_difference(tmp_path):
    run = made(tmp_path, {"cross_attention": {"a": BASE}, "concat_network": {"a": FAR}})
    line = holding(told(run, "cross_attention", "concat_network"), "A published matched pair")
    assert "they differ in architecture (with it data fusion). Held equal:" in line


def test_a_lower_log_loss_is_better(tmp_path):
    run = made(tmp_path, THREE, metric="log_loss")
    pair = measure(run, "concat_features", "merge_sum")
    assert all(each.effect > 0 and each.left < each.right for each in pair.differences)
    lines = told(run, "concat_features", "merge_sum")
    assert "by log-loss, lower is better" in lines[0]
    assert "nat on average over 3 data sets" in lines[1]
    assert "points" not in "".join(lines)
    assert "nat" in (line := verdict(run, "merge_sum")) and "log-loss, turned so that + is better" in line


# accuracies .80 and .70 on 106 rows: 1.959964 √((.16 + .21)/106) = .115796
@pytest.mark.parametrize(("folds", "told_apart"), [(1, False), (5, True)])
def test_a_published_split_has_an_error_that_seeds_do_not_show(tmp_path, folds, told_apart):
    scores = {"gmu": {"d": [0.80, 0.801, 0.799]}, "late_mean": {"d": [0.70, 0.70, 0.70]}}
    run = made(tmp_path, scores, data={"d": {"folds": folds, "rows": {"train": 245, "test": 106}}})
    (each,) = measure(run, "gmu", "late_mean").differences
    assert each.half < 0.01 and each.told is told_apart
    line = told(run, "gmu", "late_mean")[3]
    if told_apart:
        assert (each.rows, each.row_half) == (None, 0.0)
        assert line.endswith("leaves out zero")
    else:
        assert each.row_half == pytest.approx(0.115796, abs=1e-6)
        assert line.endswith("the chance of 106 fixed test rows, which seeds do not show, adds about ± 11.6")


def test_a_published_split_whose_rows_are_not_known_tells_nothing(tmp_path):
    scores = {"gmu": {"d": [0.80, 0.801, 0.799]}, "late_mean": {"d": [0.70, 0.70, 0.70]}}
    run = made(tmp_path, scores, data={"d": {"folds": 1, "rows": None}})
    (each,) = measure(run, "gmu", "late_mean").differences
    assert math.isnan(each.row_half) and not each.told
    assert "the chance of its fixed test rows, which seeds do not show, is not known" in "".join(
        told(run, "gmu", "late_mean")
    )


def test_names_that_are_not_there_and_one_name_twice(tmp_path):
    run = made(tmp_path, THREE)
    with pytest.raises(FusebenchError, match="Unknown variant of this run 'merge_sun': did you mean 'merge_sum'"):
        compare(run, "merge_sun", "concat_features")
    with pytest.raises(FusebenchError, match="named twice"):
        compare(run, "merge_sum", "merge_sum")
    with pytest.raises(FusebenchError, match="Unknown variant"):
        compare(run, "concat_*", "merge_sum")
    with pytest.raises(FusebenchError, match="Unknown variant"):
        verdict(run, "my_merge")


def test_two_that_never_met(tmp_path):
    run = made(tmp_path, {"gmu": {"a": BASE}, "film": {"b": BASE, "a": [0.8, "failed", 0.8]}})
    lines = told(run, "gmu", "film")
    assert lines[1] == "They never met: there is no data set on which both are complete."
    assert "film is not complete on a (ok 2/3, failed 1/3)." in lines
    assert compare(run, "gmu", "film").json["datasets"] == []
    json.loads(dumps(compare(run, "gmu", "film").json))


# validation picks image on seeds 0 and 2, audio on seed 1: .60, .65, .60; gmu is .10, .15, .10 above: mean .35/3
def test_the_best_single_modality_is_chosen_on_validation_rows(tmp_path):
    def cells(accuracies, validations):
        return [{"accuracy": a, "validation_accuracy": v} for a, v in zip(accuracies, validations, strict=True)]

    scores = {
        "gmu": {"d": cells([0.70, 0.80, 0.70], [0.7] * 3)},
        "unimodal(modality=image)": {"d": cells([0.60, 0.61, 0.60], [0.65, 0.60, 0.65])},
        "unimodal(modality=audio)": {"d": cells([0.62, 0.65, 0.62], [0.60, 0.70, 0.60])},
    }
    comparison = compare(made(tmp_path, scores), "gmu", "best_single")
    assert comparison.json["datasets"][0]["effect"] == pytest.approx(0.35 / 3)
    assert comparison.json["cost"] == {}
    lines = comparison.lines
    assert "every single modality is trained to choose the best single modality" in holding(lines, "Cost:")
    assert lines[-1].endswith("d: unimodal(modality=image), unimodal(modality=audio).")
    own = made(tmp_path / "own", {"gmu": {"d": BASE}, "best_single": {"d": UP}})
    assert measure(own, "gmu", "best_single").right == "best_single"  # a variant of that name is itself


def test_one_seed_supports_no_claim(tmp_path):
    scores = {name: {d: values[:1] for d, values in by.items()} for name, by in THREE.items()}
    run = made(tmp_path, scores)
    lines = told(run, "concat_features", "merge_sum")
    assert "one seed supports no interval and no claim" in lines[1]
    assert not [line for line in lines if "[" in line]
    assert not [line for line in lines if "Could the suite" in line]
    assert "On new data: no claim, one seed supports none." in lines
    line = verdict(run, "merge_sum")
    assert line.startswith("merge_sum is given no place, since one seed or one entry supports no claim; against")
    assert "over 3 data sets, without an interval: one seed" in line and "could have seen" not in line


@pytest.mark.parametrize(("families", "claimed"), [(5, False), (6, True)])
def test_new_data_are_spoken_of_from_six_sources_on(tmp_path, families, claimed):
    names = [f"s{i}" for i in range(7)]
    scores = {"gmu": dict.fromkeys(names, BASE), "film": dict.fromkeys(names, UP)}
    data = {d: {"source_family": f"family{min(i, families - 1)}"} for i, d in enumerate(names)}
    line = holding(
        told(made(tmp_path, scores, data=data), "gmu", "film"), "On new data" if not claimed else "On a new"
    )
    if claimed:
        assert line.endswith("(t interval over 6 source families).")
    else:
        assert "no claim. 5 source families" in line and "family0 1" in line and "family4 3" in line


def test_what_two_have_in_common(tmp_path):
    run = made(
        tmp_path, {name: {"a": BASE} for name in ("merge_sum", "merge_mean", "late_mean", "early_concat_mlp")}
    )
    assert holding(told(run, "merge_sum", "merge_mean"), "optimisation or noise").startswith(
        "Both are of the class"
    )
    assert not [line for line in told(run, "merge_sum", "late_mean") if "optimisation or noise" in line]
    assert "level (features, decisions) alone" in holding(told(run, "merge_sum", "late_mean"), "No published")
    many = holding(told(run, "early_concat_mlp", "late_mean"), "several things at once")
    assert "architecture (early, late); data fusion (concat, merge); level (raw, decisions)" in many
    assert not [line for line in told(run, "merge_sum", "merge_mean") if "several things" in line]


def test_placement_tells_what_is_contestable(tmp_path):
    run = made(tmp_path, {"gmu": {"a": BASE}, "film": {"a": UP}})
    run.suite["variants"]["film"]["contestable"] = {"data_fusion": "concat"}
    lines = told(run, "gmu", "film")
    assert holding(lines, "film: architecture").endswith("(contestable: data fusion concat).")
    assert "contestable" not in holding(lines, "gmu: architecture")


# latencies of stored_runs: 1.1 × (.2 + length of the name / 100) ms: .23 to .29
def test_cost_is_of_one_machine(tmp_path):
    run = made(tmp_path, {"gmu": {"a": BASE, "b": BASE}, "late_mean": {"a": UP, "b": UP}})
    asked = (run, "gmu", "late_mean", ("a", "b"))
    rows = run.cells[run.cells["dataset"] == "a"].set_index(["variant", "seed"])
    seconds = rows["wall_own"] + rows["wall_shared"]
    by_hand = sum(seconds["gmu"]) / sum(seconds["late_mean"])
    assert costs.training(*asked).median == pytest.approx(by_hand)
    assert costs.training(*asked).datasets == 2
    assert costs.latency(*asked).median == pytest.approx(0.23 / 0.29)
    assert costs.parameters(*asked).median == 1.0
    assert "0.79× the time to answer for one row" in holding(told(run, "gmu", "late_mean"), "Cost: gmu takes")
    moved = run.cells.copy()
    moved.loc[(moved["variant"] == "gmu") & (moved["dataset"] == "a"), "environment"] = "another"
    assert costs.training(replace(run, cells=moved, _held={}), *asked[1:]).datasets == 1
    moved.loc[moved["variant"] == "gmu", "environment"] = "another"
    apart = replace(run, cells=moved, _held={})
    assert costs.training(apart, *asked[1:]) is None
    assert "no data set was run by both on one machine" in holding(told(apart, "gmu", "late_mean"), "Cost:")


def test_names_are_literal(tmp_path):
    odd = "</script><b>x & $y$ | 融合"
    run = made(tmp_path, {odd: {"データ": BASE}, "concat_features": {"データ": UP}})
    assert told(run, odd, "concat_features")[0].startswith(f"{odd} against concat_features")
    assert holding(told(run, odd, "concat_features"), "  データ: ")
    assert verdict(run, odd).startswith(
        f"{odd} shares the first place on 1 of 1 data set; against concat_features"
    )


# first places: far above on a; b and c within noise
def test_the_verdict(tmp_path):
    steady = {"concat_features": [0.80, 0.801, 0.80], "merge_sum": [0.70, 0.70, 0.701]}
    scores = {name: dict.fromkeys("abc", values) for name, values in steady.items()}
    scores["my_merge"] = {"a": [0.90, 0.90, 0.901], "b": [0.80, 0.80, 0.80], "c": [0.60, 0.60, 0.601]}
    line = verdict(made(tmp_path, scores), "my_merge")
    # effects +.10, −.000333, −.20: mean −.0334
    assert line.startswith(
        "my_merge shares the first place on 2 of 3 data sets (alone on a); against concat_features −3.3 points ["
    )
    assert "× its training time; this suite could have seen " in line and line.endswith("points (power 80 %).")


def test_the_verdict_on_the_reference_itself_and_without_it(tmp_path):
    scores = {"concat_features": {"a": BASE}, "merge_sum": {"a": FAR}, "gmu": {"a": UP}, "late_mean": {"a": FAR}}
    assert (
        "against gmu, the best joint entry on the same data sets (picked by these scores) +1.0 points"
        in verdict(made(tmp_path / "itself", scores), "concat_features")
    )
    del scores["concat_features"]
    assert "against gmu, the best joint entry" in verdict(made(tmp_path / "without", scores), "merge_sum")
    apart = {"late_mean": {"a": BASE}, "late_vote": {"a": UP}}
    store = store_run(tmp_path / "apart", apart)
    suite = store.suite()
    for entry in suite["variants"].values():
        entry["training"] = "apart"
    store.put_suite(suite)
    assert "no joint entry is complete on the same data sets" in verdict(load(store), "late_mean")


def test_the_verdict_on_an_entry_that_is_not_complete(tmp_path):
    scores = {
        "concat_features": dict.fromkeys("abc", BASE),
        "my_merge": {"a": UP, "b": UP, "c": [0.8, "failed", 0.8]},
    }
    line = verdict(made(tmp_path / "some", scores), "my_merge")
    assert "shares the first place on 2 of the 2 out of 3 data sets where that can be said" in line
    assert line.endswith("Not complete on c (ok 2/3, failed 1/3).")
    scores["my_merge"] = {d: ["failed"] * 3 for d in "abc"}
    assert verdict(made(tmp_path / "none", scores), "my_merge") == (
        "my_merge has no complete result: a (failed 3/3), b (failed 3/3), c (failed 3/3)."
    )


def test_the_same_run_gives_the_same_words_whatever_the_order(tmp_path):
    one = made(tmp_path / "one" / "run", THREE)
    turned = {name: dict(reversed(by.items())) for name, by in reversed(THREE.items())}
    other = made(tmp_path / "other" / "run", turned)
    assert told(one, "concat_features", "merge_sum") == told(other, "concat_features", "merge_sum")


def test_a_placebo_is_compared_with_nothing_and_says_so(tmp_path):
    values = {"concat_features": {"d": [0.8, 0.7]}, "placebo": {"d": [0.8, 0.7]}, "gmu": {"d": [0.6, 0.5]}}
    store = store_run(tmp_path / "quick", values, seeds=[0, 1])
    told = store.suite()
    told["variants"]["placebo"]["placebo_of"] = "concat_features"
    store.put_suite(told)
    with pytest.raises(FusebenchError, match="'placebo' is 'concat_features' again under another seed"):
        compare(load(store), "gmu", "placebo")
