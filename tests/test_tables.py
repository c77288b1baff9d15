"""Tables of stored runs: what is compared, what is stated, how numbers are written."""

import csv
import io
import runpy
from pathlib import Path

import numpy as np
import pytest

from fusebench.core.errors import FusebenchError
from fusebench.reports import comparisons, contents, tables
from fusebench.reports.run import load
from fusebench.reports.scoreboard import scores
from fusebench.reports.statistics import within
from fusebench.reports.timing import train_seconds
from fusebench.reports.wording import data_notes, first_line, number, short, title_notes

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]


def rows(table):
    return list(csv.DictReader(io.StringIO(tables.csv(table.data))))


def test_a_failed_cell_is_no_zero(tmp_path):
    # the hand-computed ranks of three variants on four data sets: see test_statistics.py
    values = {"A": [0.9, 0.6, 0.9, 0.5], "B": [0.8, 0.7, "failed", 0.6], "C": [0.7, 0.8, 0.8, 0.4]}
    planned = {name: {f"set{i}": [v] for i, v in enumerate(line, start=1)} for name, line in values.items()}
    run = load(store_run(tmp_path, planned))
    ranks = contents.ranks(run)
    assert [(row["variant"], row["mean_rank"]) for row in rows(ranks)] == [
        ("A", "2"), ("B", "1.66667"), ("C", "2.33333"),
    ]  # fmt: skip
    shown = ranks.sections[0][1]
    assert list(zip(shown["variant"], shown["mean rank"], strict=True)) == [
        ("B", "1.67"), ("A", "2.00"), ("C", "2.33"),
    ]  # fmt: skip
    assert "3 of 4 data sets" in ranks.sections[0][0]
    assert "Left out, nothing being filled in: set3 (B: failed 1/1)." in tables.markdown(ranks, "a run")
    text = tables.markdown(scores(run, "accuracy"), "a run")
    assert "failed 1/1" in text
    assert "Not compared on set3: B: failed 1/1" in text


# seed                       0     1      validation 0     1
# unimodal(modality=image)  .60   .70     .65             .60     chosen on seed 0: .60
# unimodal(modality=audio)  .55   .65     .60             .75     chosen on seed 1: .65 (not the better on test)
# late_mean                 .70   .80
# gmu                       .75   .85     gain .15 and .20, mean .175; over late_mean .05 and .05
def test_gains_by_hand(tmp_path):
    def cells(accuracies, validations):
        return [{"accuracy": a, "validation_accuracy": v} for a, v in zip(accuracies, validations, strict=True)]

    run = load(
        store_run(
            tmp_path,
            {
                "unimodal(modality=image)": {"d": cells([0.60, 0.70], [0.65, 0.60])},
                "unimodal(modality=audio)": {"d": cells([0.55, 0.65], [0.60, 0.75])},
                "late_mean": {"d": cells([0.70, 0.80], [0.7, 0.7])},
                "gmu": {"d": cells([0.75, 0.85], [0.7, 0.7])},
            },
        )
    )
    single = comparisons.best_single(run, "d")
    assert single.chosen == ("unimodal(modality=image)", "unimodal(modality=audio)")
    found = comparisons.gains(run, "d").set_index("variant")
    assert found.loc["gmu", "gain"] == pytest.approx(0.175)
    assert found.loc["gmu", "over_late_mean"] == pytest.approx(0.05)
    assert np.isnan(found.loc["late_mean", "over_late_mean"])
    held = run.scores("d").within
    assert found.loc["gmu", "gain_half"] == pytest.approx(held.quantile * held.errors[0, 1])


def test_a_lower_metric_turns_gains_and_first_places_round(tmp_path):
    values = {
        "unimodal(modality=image)": {"d": [0.5, 0.51, 0.5]},
        "gmu": {"d": [0.9, 0.9, 0.91]},
        "film": {"d": [0.7, 0.7, 0.7]},
    }
    run = load(store_run(tmp_path, values, metric="log_loss"))
    assert run.scores("d").first == ("gmu",)
    assert (comparisons.gains(run, "d")["gain"] > 0).all()


def test_pairs_hold_the_pooled_error(tmp_path):
    names = ["concat_features", "merge_sum", "gmu"]
    run = load(store_run(tmp_path, planted(names, ["mfeat"])))
    (row,) = comparisons.pairs(run).itertuples()
    values = run.scores("mfeat").values
    by_hand = within(values)
    assert (row.left, row.right, row.axis) == ("concat_features", "merge_sum", "data fusion")
    assert row.effect == pytest.approx(values[0].mean() - values[2].mean())
    assert row.half == pytest.approx(by_hand.quantile * by_hand.errors[0, 2])
    assert row.beyond_noise == (abs(row.effect) > row.half)


def test_one_function_under_two_names(tmp_path):
    # means .80, .82, .83: the largest difference is .03
    values = {
        "merge_sum": [0.79, 0.81],
        "merge_mean": [0.81, 0.83],
        "merge_network": [0.83, 0.83],
        "film": [0.7, 0.8],
    }
    run = load(store_run(tmp_path, {name: {"d": line} for name, line in values.items()}))
    (row,) = comparisons.equivalence(run).itertuples()
    assert (row.equivalence_class, row.pairs) == ("sum", 3)
    assert row.between == "merge_network over merge_sum"
    assert row.largest_difference == pytest.approx(0.03)
    assert row.seed_spread == pytest.approx(np.sqrt(within(run.scores("d").values).variances[0]))


def test_ceiling_and_recovery(tmp_path):
    run = load(store_run(tmp_path, {"gmu": {"synthetic_mixed": [0.751]}, "film": {"synthetic_mixed": [0.7]}}))
    limits = comparisons.ceiling(run, "synthetic_mixed")
    assert limits == {"full": 0.841, "single": 0.661, "chance": 0.25}
    assert comparisons.recovery(0.751, limits) == pytest.approx(0.5)
    assert np.isnan(comparisons.recovery(0.751, limits | {"single": 0.8}))
    row = next(row for row in rows(scores(run, "accuracy")) if row["variant"] == "gmu")
    assert (row["ceiling"], row["recovery"], row["regret"]) == ("0.841", "0.5", "0.09")


def test_a_seed_that_has_begun_and_a_variant_added_later_cost_the_others_nothing(tmp_path):
    # seed 1 has run for two of five: 5 x 1 cells beat 2 x 2
    begun = {name: {"d": [0.7, 0.72 if name in "ab" else None, None]} for name in "abcde"}
    run = load(store_run(tmp_path / "begun", begun))
    assert run.seeds("d") == (0,)
    assert len(run.scores("d").names) == 5
    assert title_notes(run) == ("begun", "untuned defaults", "seed 0 of 3")
    added = {name: {"d": [0.7, 0.72, 0.71]} for name in "abcd"} | {"new": {"d": [0.8, None, None]}}
    run = load(store_run(tmp_path / "added", added))
    assert run.seeds("d") == (0, 1, 2)
    assert run.scores("d").names == ("a", "b", "c", "d")
    assert "13 of 15 cells done" in title_notes(run)
    assert "Not compared on d: new: ok 1/3, missing 2/3." in scores(run, "accuracy").notes


def test_every_status_stands_in_the_grid_as_its_word(tmp_path):
    words = ["ok", "failed", "timeout", "out_of_memory", "incompatible", "unavailable"]
    values = {word: {"d": [0.8 if word == "ok" else word] * 2} for word in words}
    values["mixed"] = {"d": [0.8, "failed"]}
    values["late"] = {"d": [0.8, None]}
    run = load(store_run(tmp_path, values))
    ((_, shown),) = contents.status(run).sections
    found = dict(zip(shown["variant"], shown["d"], strict=True))
    assert found == {
        "ok": "ok 2/2", "failed": "failed 2/2", "timeout": "timeout 2/2", "out_of_memory": "out_of_memory 2/2",
        "incompatible": "incompatible", "unavailable": "unavailable", "mixed": "ok 1/2, failed 1/2",
        "late": "ok 1/2, missing 1/2",
    }  # fmt: skip


def test_numbers_are_exact_for_machines_and_rounded_for_people(tmp_path):
    run = load(store_run(tmp_path, planted(["gmu", "film", "token_transformer"], ["mfeat"])))
    long = rows(contents.long(run))
    assert len(long) == 9
    assert {row["parameters"] for row in long} == {"12345678"}
    assert {row["auroc"] for row in long} == {""}  # undefined, not zero
    timing = contents.timing_table(run)
    text = {row.variant: row for row in timing.sections[0][1].itertuples(index=False)}
    shown = timing.sections[0][1].set_index("variant")
    assert shown.loc["gmu", "peak memory (MB)"] == "not measured"
    assert shown.loc["token_transformer", "FLOPs a row"] == "not counted"
    assert shown.loc["film", "peak memory (MB)"] == "300"
    assert set(text) == {"gmu", "film", "token_transformer"}
    own = np.mean([row["wall_own"] for _, row in run.cells[run.cells["variant"] == "gmu"].iterrows()])
    assert train_seconds(run, "mfeat", ("gmu",)) == pytest.approx([own])


def test_times_of_two_machines_stay_apart(tmp_path):
    store = store_run(tmp_path, {"gmu": {"d": [0.8, 0.7]}, "film": {"d": [0.8, 0.7]}})
    moved = next(record for record in store.records() if record.variant == "gmu" and record.seed == 1)
    store.put(type(moved)(**(moved.to_json() | {"environment": "other", "stages": ()})))
    data = contents.timing_table(load(store)).data
    assert data.loc[data["variant"] == "gmu", "environment"].tolist() == ["0123456789ab", "other"]
    assert data.loc[data["variant"] == "film", "cells"].tolist() == [2]


def test_markdown_keeps_names_literal():
    import pandas as pd

    table = tables.Table("t", "T", pd.DataFrame(), (("", pd.DataFrame({"n": ["</script><b>x", "a|b\nc"]})),))
    text = tables.markdown(table, "a & b")
    assert "&lt;/script>&lt;b>x" in text
    assert "a\\|b c" in text
    assert "a &amp; b" in text


def test_narrowing_shows_less_and_changes_no_statistic(tmp_path):
    store = store_run(tmp_path, planted(list(KNOWN)[:12], ["mfeat"]))
    whole, part = load(store), load(store, ["concat_*", "unimodal(modality=image)"])
    assert part.shown == (
        "unimodal(modality=image)",
        "concat_features",
        "concat_features(width=matched)",
        "concat_network",
    )
    assert "4 of 12 shown" in title_notes(part)
    everything = {row["variant"]: row for row in rows(scores(whole, "accuracy"))}
    shown = rows(scores(part, "accuracy"))
    assert [row["variant"] for row in shown] == list(part.shown)
    assert all(row == everything[row["variant"]] for row in shown)
    with pytest.raises(FusebenchError, match="concat_features"):
        load(store, ["concat_featurs"])


def test_a_published_split_says_what_its_seeds_do_not_show(tmp_path):
    values = {"late_mean": [0.84, 0.84, 0.83], "gmu": [0.82, 0.82, 0.81], "film": [0.60, 0.61, 0.60]}
    run = load(store_run(tmp_path, {name: {"rosmap": line} for name, line in values.items()}))
    notes = " ".join(data_notes(run, "rosmap"))
    assert "seeds vary the training alone" in notes
    assert "standard error of .036" in notes  # sqrt(.837 (1 - .837) / 106)
    assert "2 of 3 variants lie within two" in notes
    assert "fixed test rows" in first_line(run, "rosmap")


def test_first_lines_say_who_shares_or_why_nobody_is_named(tmp_path):
    near = {"A": [0.80, 0.82], "B": [0.81, 0.81], "C": [0.80, 0.81]}
    cases = {
        "near": ({n: {"d": v} for n, v in near.items()}, "d: 3 of 3 share the first place (best: "),
        "alone": ({"A": {"d": [0.9, 0.91, 0.9]}, "B": {"d": [0.5, 0.51, 0.5]}, "C": {"d": [0.5, 0.51, 0.51]}},
                  "d: A takes the first place alone (.903 ± .00"),
        "one": ({n: {"d": v[:1]} for n, v in near.items()},
                "d: no first place, one seed supports no claim (best of 3: B .81)"),
        "none": ({"A": {"d": ["failed", "failed"]}}, "d: no variant is complete (2 failed)"),
    }  # fmt: skip
    for name, (values, expected) in cases.items():
        assert first_line(load(store_run(tmp_path / name, values)), "d").startswith(expected)


def test_metrics_that_are_undefined_or_infinite_compare_with_nothing(tmp_path):
    values = {
        "A": {"d": [{"accuracy": None, "log_loss": float("inf")}, {"accuracy": 0.5, "log_loss": None}]},
        "B": {"d": [{"accuracy": 0.5}, {"accuracy": 0.6}]},
        "C": {"d": [{"accuracy": float("nan")}, {}]},
    }
    run = load(store_run(tmp_path, values))
    assert run.scores("d").names == ("B",)
    text = tables.markdown(scores(run, "accuracy"), "")
    assert "accuracy undefined" in text
    assert "nan" not in tables.csv(scores(run, "accuracy").data).lower()


@pytest.mark.parametrize(
    ("value", "text"), [(0.8426, "0.843"), (-0.01, "−0.010"), (-0.0001, "0.000"), (float("nan"), ""), (None, "")]
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.843, ".84"), (-0.5, "−.50"), (1.203, "1.20"), (0.999, "1.00")])
def test_short(value, text):
    assert short(value) == text


# ---- over data sets


def over(path, table, asked=(), family=None):
    values = {n: {f"d{i}": [v] for i, v in enumerate(line, start=1)} for n, line in table.items()}
    data = {f"d{i}": {"source_family": family or f"f{i}"} for i in range(1, 9)}
    return load(store_run(path, values, definition={"suite": {"contrasts": list(asked)}}, data=data))


def text(table):
    return tables.markdown(table, "a run")


EARLY = [0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.58]


def test_sets_of_the_best_say_what_they_cannot(tmp_path):
    known = text(contents.best(over(tmp_path / "eight", {"A": EARLY, "B": [0.5] * 8}, family="one")))
    assert "| all data sets | 8 of 8 | 1 of 2 | A |" in known
    assert "1 source family; a claim about a new data set takes 6" in known
    assert "| A | .545 ★ | 1.000 | .510 | .520 |" in known  # every data set's value beside the mean
    assert "| B | .500 | .004 | .500 |" in known  # 1 of 256 patterns
    few = text(contents.best(over(tmp_path / "few", {"A": EARLY[:4], "B": [0.5] * 4})))
    assert "| all data sets | 4 of 4 | 2 of 2 | all |" in few
    assert "4 data sets can leave nobody out, it takes 5" in few
    one = text(contents.best(over(tmp_path / "one", {"A": [0.6], "B": [0.5]})))
    assert "nothing claimed" in one


def test_new_data_are_spoken_of_from_six_families_on(tmp_path):
    known = text(contents.against_concat(over(tmp_path, {"concat_features": [0.5] * 8, "gmu": EARLY})))
    assert "means are over 8 source families" in known
    assert "| gmu | +4.5 [" in known
    assert "*" in known.split("| gmu |")[1].split("|")[0]


def test_too_few_data_sets_for_a_family_of_tests_are_refused_in_words(tmp_path):
    table = {"concat_features": [0.5] * 4, "early_concat_mlp": EARLY[:4], "concat_network": EARLY[:4]}
    run = over(tmp_path, table, ["early_late", "nodes_features"])
    asked = text(contents.questions(run)[0])
    assert "F1: 2 tests, Holm, which can reject something from 7 data sets on. With 4 data sets none" in asked
    assert "whatever the effect" in asked
    told = text(contents.against_concat(run))
    assert "Sign flips can reject nothing below 6 data sets: with 4 data sets no entry can be told from" in told


# of rosmap all seeds test the same rows, of d other folds
def test_rows_that_no_interval_knows_of_are_named(tmp_path):
    values = {"concat_features": [0.8, 0.81], "merge_sum": [0.7, 0.72]}
    run = load(store_run(tmp_path, {n: {"rosmap": line, "d": line} for n, line in values.items()}))
    for table in (contents.questions(run)[0], contents.pairs(run)[0]):
        assert "tested on the same rows of rosmap (106 rows): intervals over its seeds leave" in text(table)
    only = load(store_run(tmp_path / "only", {n: {"d": line} for n, line in values.items()}))
    assert "tested on the same rows" not in text(contents.pairs(only)[0])


def test_questions_say_what_they_showed_and_what_nobody_asked(tmp_path):
    table = {"concat_features": [0.5] * 8, "early_concat_mlp": EARLY, "late_mean": [0.5] * 8}
    shown = text(contents.questions(over(tmp_path / "asked", table, ["early_late"], family="one"))[0])
    assert "On these data sets an effect is shown for: Early or late?" in shown
    assert "| Early or late? | early is better | 1 | +4.5 |" in shown  # one seed: no interval on these data sets
    unasked = text(contents.questions(over(tmp_path / "unasked", table))[0])
    assert "there is no family F1, and every p is exploratory" in unasked
    assert "Train jointly or apart?" in unasked.split("No matched pair of this run answers:")[1]


def test_every_difference_stands_under_its_question(tmp_path):
    table = {"concat_features": [0.5, 0.6], "merge_sum": [0.4, 0.65]}
    made, groups = contents.pairs(over(tmp_path, table))
    ((caption, shown),) = made.sections
    assert caption == "Concatenate or merge, at equal fusion width? Positive: concatenation is better"
    assert shown[["d1", "d2"]].to_numpy().tolist() == [["+10.0", "−5.0"]]
    assert shown["all data sets"].iloc[0].endswith("1–0–1")
    assert set(groups.data["group"]) == {"all"}
    listed = contents.pair_list(over(tmp_path / "list", table)).data
    assert listed["in_run"].sum() == 1
    assert (listed["equal"] != "").all()


def test_a_critical_difference_is_refused_where_it_says_nothing(tmp_path):
    few = text(contents.ranks(over(tmp_path, {"A": [0.9, 0.8, 0.7], "B": [0.8, 0.7, 0.6], "C": [0.7, 0.6, 0.5]})))
    assert "two mean ranks would have to lie 1.9 apart" in few
    assert "no critical-difference diagram is drawn" in few
    assert "Iman and Davenport's F = infinite, p = .028, 3 variants on 3 data sets: not all are equal" in few
    many = {n: [v] * 20 for n, v in (("A", 0.9), ("B", 0.8), ("C", 0.7))}
    values = {n: {f"d{i:02}": [v] for i, v in enumerate(line)} for n, line in many.items()}
    assert "two mean ranks differ where they lie 0.7 apart" in text(
        contents.ranks(load(store_run(tmp_path / "many", values)))
    )


def test_a_rate_of_false_alarms_is_the_runs_own_or_said_to_be_missing(tmp_path):
    assert "This run holds no two copies of an entry" in text(
        contents.placebo_table(over(tmp_path, {"gmu": [0.5]}))
    )
