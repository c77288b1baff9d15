"""Headline findings: planted runs in which each must appear, and in which it must not."""

import runpy
from pathlib import Path

import pytest

from fusebench.reports import contents
from fusebench.reports.figures.registry import FIGURES
from fusebench.reports.findings import findings
from fusebench.reports.findings.cost import steady
from fusebench.reports.run import load
from fusebench.results.store import Store

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]
REFERENCE = Path(__file__).parents[1] / "results" / "reference" / "quick"
APART = {name: {"training": "apart"} for name in ("late_mean", "late_product", "late_stacking")}


def made(folder, scores, entries=None, data=None, **options):
    """Load a stored run, of one source family; `entries` overrides what suite.json tells of variants."""
    names = {dataset for by in scores.values() for dataset in by}
    data = {name: {"source_family": "one"} | (data or {}).get(name, {}) for name in names}
    options["data"] = data
    store = store_run(folder, scores, **options)
    suite = store.suite()
    for name, told in (entries or {}).items():
        suite["variants"].get(name, {}).update(told)
    store.put_suite(suite)
    return load(store)


def about(run, key):
    """Return the finding of a key, or None."""
    found = [each for each in findings(run) if each.key == key]
    assert len(found) < 2
    return found[0] if found else None


# SYNERGY                 deviations         pooled over 3 × 3: 4e-4 / ((3 − 1)(3 − 1)) = 1e-4, se √(1e-4/3)
# late_mean    .26 .25 .24   .01  0 −.01      = .0057735; t(4) at .05/(2·2) is 3.495406: half .020181
# late_product .24 .25 .26  −.01  0  .01      chance .25, ceiling .9999, a tenth of the way .075
# gmu          .98 .98 .98     0  0    0      noise 4 times as large: half .0807 is more than that
def synergistic(late_mean, late_product=None):
    late_product = late_product or [0.5 - value for value in late_mean]
    values = {"late_mean": late_mean, "late_product": late_product, "gmu": [0.98] * len(late_mean)}
    return {name: {"synthetic_synergy": line} for name, line in values.items()}


def test_decisions_stay_at_chance(tmp_path):
    found = about(made(tmp_path, synergistic([0.26, 0.25, 0.24]), APART), "synergy")
    assert found.kind == "finding" and found.see == "accuracy"
    assert found.text.startswith(
        "On data where information is synergistic, decision-level fusion stayed at chance: 25.0 % ± 2.0 against a "
        "ceiling of 99.99 % (late_mean, the best of 2"
    )
    assert "gmu, the best of all, reaches 98.0 %" in found.text


def test_a_hybrid_is_no_rule_on_experts_alone(tmp_path):
    scores = synergistic([0.26, 0.25, 0.24]) | {"hybrid_early_late": {"synthetic_synergy": [0.98] * 3}}
    apart = APART | {"hybrid_early_late": APART["late_mean"]}
    found = about(made(tmp_path, scores, apart), "synergy")
    assert "stayed at chance" in found.text and "the best of 2 that join decisions" in found.text


def test_decisions_are_not_said_to_stay_where_the_interval_is_long(tmp_path):
    found = about(made(tmp_path, synergistic([0.29, 0.25, 0.21]), APART), "synergy")
    assert found.kind == "refusal" and "cannot be told: 25.0 % ± 8.1" in found.text


def test_decisions_that_rise_above_chance_are_said_to(tmp_path):
    run = made(tmp_path, synergistic([0.41, 0.40, 0.39], [0.24, 0.25, 0.26]), APART)
    found = about(run, "synergy")
    assert found.kind == "finding" and "rose above chance" in found.text and "stayed" not in found.text
    assert "40.0 % ± 2.0 (late_mean" in found.text


def test_nothing_is_said_of_chance_without_experts_trained_apart_or_synergy(tmp_path):
    assert about(made(tmp_path / "joint", synergistic([0.26, 0.25, 0.24])), "synergy") is None
    other = {name: {"rosmap": by["synthetic_synergy"]} for name, by in synergistic([0.26, 0.25, 0.24]).items()}
    assert about(made(tmp_path / "other", other, APART), "synergy") is None


# GAINS: pooled over 2 × 3 as in test_versus.py, one kind of fusion: half .086053
#        gmu            unimodal          gain
#   a    .80 .82 .84    .58 .60 .56      +.24      told
#   b    .80 .82 .84    .78 .80 .76      +.04      not
BASE, FAR, NEAR = [0.80, 0.82, 0.84], [0.58, 0.60, 0.56], [0.78, 0.80, 0.76]
GAIN = {"gmu": {"a": BASE, "b": BASE}, "unimodal(modality=image)": {"a": FAR, "b": NEAR}}


def test_gains_by_hand(tmp_path):
    found = about(made(tmp_path, GAIN), "gain")
    assert found.kind == "finding"
    assert found.text.startswith(
        "Some kind of fusion helps over the best single modality on 1 of 2 data sets: a +24.0 points "
        "[+15.4, +32.6] (late); not shown on b."
    )


# three rows pooled, deviations 0, ±.02, ∓.02: .0016/4, error √(2 · .0004/3) = .01633; t(4) at .05/(2·2): ± .05708
def test_gains_are_simultaneous_over_kinds(tmp_path):
    lines = {
        "unimodal(modality=image)": [0.60, 0.60, 0.60],
        "early_concat_mlp": [0.62, 0.60, 0.58],
        "gmu": [0.68, 0.70, 0.72],
    }
    run = made(tmp_path, {name: {"d": line} for name, line in lines.items()})
    assert "on 1 of 1 data set: d +10.0 points [+4.3, +15.7] (late). (" in about(run, "gain").text


def test_a_gain_that_no_interval_supports_is_refused(tmp_path):
    found = about(made(tmp_path, {name: {"b": by["b"]} for name, by in GAIN.items()}), "gain")
    assert found.kind == "refusal" and "is shown on none of 1 data set " in found.text
    assert about(made(tmp_path / "without", {"gmu": {"a": BASE}, "film": {"a": FAR}}), "gain") is None


# accuracies .82 and .70 on 106 rows: 1.959964 √((.1476 + .21)/106) = .113838, with .086053 from seeds .142703
@pytest.mark.parametrize(("folds", "kind"), [(5, "finding"), (1, "refusal")])
def test_a_gain_on_a_published_split_must_exceed_the_chance_of_its_rows(tmp_path, folds, kind):
    scores = {"gmu": {"d": BASE}, "unimodal(modality=image)": {"d": [0.70, 0.72, 0.68]}}
    run = made(tmp_path, scores, data={"d": {"folds": folds, "rows": {"train": 245, "test": 106}}})
    assert about(run, "gain").kind == kind


# the entry that validates best is taken, .60 and behind, not the one that is best on test rows
def test_the_entry_is_chosen_on_validation_rows(tmp_path):
    def cells(accuracy, validation):
        return [{"accuracy": accuracy + step, "validation_accuracy": validation} for step in (0.0, 0.001, 0.002)]

    scores = {
        "unimodal(modality=image)": {"d": cells(0.70, 0.7)},
        "gmu": {"d": cells(0.60, 0.9)},
        "film": {"d": cells(0.60, 0.9)},
        "merge_sum": {"d": cells(0.90, 0.5)},
    }
    assert about(made(tmp_path, scores), "gain").kind == "refusal"


# QUESTIONS: effects .04 and .06 in turn on 8 data sets: mean .05, sd .010690, se .003780, t(7) 2.3646: ± .008937;
# all have one sign: p = 2/256 = .008, one question alone
def asked(left, right, effects, extra=None):
    steps = {f"s{i}": step for i, step in enumerate(effects)}
    scores = {
        left: {d: [0.7 + step, 0.7 + step, 0.701 + step] for d, step in steps.items()},
        right: {d: [0.7, 0.7, 0.701] for d in steps},
    }
    return scores | (extra or {})


def test_concatenate_or_merge(tmp_path):
    effects = [0.04, 0.06] * 4
    found = about(made(tmp_path / "there", asked("concat_features", "merge_sum", effects)), "concat_merge")
    assert found.kind == "finding" and found.see == "questions"
    assert (
        "Concatenation is better than merging at equal fusion width by 5.0 points [+4.1, +5.9] over 8 data sets, "
        "p = 0.008." in found.text
    )
    assert "Matched pairs: 1. Sign-flip tests, Holm over 1 exploratory question. A t interval" in found.text
    back = about(made(tmp_path / "back", asked("merge_sum", "concat_features", effects)), "concat_merge")
    assert "Merging is better than concatenation at equal fusion width by 5.0 points [+4.1, +5.9]" in back.text


def test_concatenate_or_merge_is_refused_where_signs_differ(tmp_path):
    found = about(made(tmp_path, asked("concat_features", "merge_sum", [0.04, -0.04] * 4)), "concat_merge")
    assert found.kind == "refusal"
    assert "Not told apart: concatenation − merging at equal fusion width is 0.0 points [−3.6, +3.6]" in found.text
    assert "looked at alone, shows 4.9 points with a power of 80 %" in found.text


def test_both_widths_are_asked(tmp_path):
    scores = asked("concat_features", "merge_sum", [0.04, -0.04] * 4)
    scores["concat_features(width=matched)"] = scores["concat_features"]
    found = about(made(tmp_path, scores), "concat_merge")
    assert "at equal fusion width" in found.text and "at equal head width" in found.text
    assert "Matched pairs: 1 and 1." in found.text


# one question: 2/2^n is at most .05 from 6 data sets on, and 4 reject nothing
@pytest.mark.parametrize(("sets", "takes"), [(4, 6), (7, 6)])
def test_too_few_data_sets_are_said_to_tell_nothing(tmp_path, sets, takes):
    run = made(tmp_path, asked("concat_features", "merge_sum", [0.04, 0.06, 0.05, 0.05, 0.04, 0.06, 0.05][:sets]))
    text = about(run, "concat_merge").text
    assert (f"{sets} data sets can tell nothing, whatever the effect; it takes {takes}." in text) is (sets < takes)
    assert ("with a power of 80 %" in text) is (sets >= takes)


# fusion width: +.05 everywhere and told; head width: signs differ, not told, and said so in the same breath
def test_what_is_not_told_is_said_so_beside_what_is(tmp_path):
    scores = asked("concat_features", "merge_sum", [0.04, 0.06] * 4)
    scores["concat_features(width=matched)"] = asked("x", "merge_sum", [0.04, -0.04] * 4)["x"]
    found = about(made(tmp_path, scores), "concat_merge")
    assert found.kind == "finding"
    assert "p = 0.016. Not told apart: concatenation − merging at equal head width is 0.0 points" in found.text


@pytest.mark.parametrize("named", [[], ["gates", "nodes_features"]])
def test_every_question_that_the_suite_named_is_told(tmp_path, named):
    scores = asked("merge_network(hidden=64)", "merge_network", [0.04, 0.06] * 4)
    scores["merge_sum"] = scores["merge_network(hidden=64)"]
    apart = {"merge_network": {"equivalence_class": None}}
    run = made(tmp_path, scores, apart, definition={"suite": {"contrasts": named}})
    assert (about(run, "gates") is not None) is bool(named)
    found = about(run, "level")
    assert found.kind == "finding"
    assert "Joining finished vectors is better than joining network nodes by 5.0 points" in found.text


# one data set outweighs seven: the mean's interval holds zero, all signs agree
def test_a_data_set_that_outweighs_the_rest_is_named(tmp_path):
    found = about(made(tmp_path, asked("concat_features", "merge_sum", [0.01] * 7 + [0.25])), "concat_merge")
    assert "is ahead of merging at equal fusion width on 8 of 8 data sets, p = 0.008; by 4.0 points" in found.text
    assert "an interval that holds zero (+25.0 points [" in found.text
    assert "on s7, +1.0 points [+1.0, +1.0] on the other 7)" in found.text


def test_questions_that_the_suite_named_are_adjusted_among_themselves(tmp_path):
    steps = [0.04, 0.06] * 4
    scores = asked("concat_features", "merge_sum", steps)
    scores["early_concat_mlp"] = {
        d: [value - 0.02 for value in line] for d, line in scores["concat_features"].items()
    }
    both = {"suite": {"contrasts": ["concat_merge_fusion_width", "early_late"]}}
    run = made(tmp_path, scores, definition=both)
    # two tests, both p = .0078: Holm gives .0156 for both
    assert "p = 0.016" in about(run, "concat_merge").text
    found = about(run, "architecture")
    assert "Late is better than early by 2.0 points" in found.text and "over 2 questions" in found.text


def test_a_question_takes_a_matched_pair_on_two_data_sets(tmp_path):
    assert about(made(tmp_path / "one", asked("concat_features", "merge_sum", [0.05])), "concat_merge") is None
    assert about(made(tmp_path / "none", asked("concat_features", "gmu", [0.05] * 8)), "concat_merge") is None
    run = made(tmp_path / "apart", asked("late_joint_mean", "late_mean", [0.05] * 8), APART)
    assert "Joint training is better than training apart by 5.0 points" in about(run, "training").text
    assert about(run, "sharing") is None
    run = made(tmp_path / "share", asked("contrastive_pretrain_concat", "autoencoder_pretrain_concat", [0.05] * 8))
    assert "pre-training within each modality by 5.0 points" in about(run, "sharing").text


# PLACES: on a gmu is far ahead, on b the three are within their noise
def test_first_places(tmp_path):
    steady, noise = [0.80, 0.801, 0.80], [[0.80, 0.82, 0.84], [0.81, 0.80, 0.84], [0.80, 0.82, 0.82]]
    names = ("concat_features", "merge_sum", "gmu")
    scores = {name: {"a": steady, "b": line} for name, line in zip(names, noise, strict=True)}
    scores["gmu"]["a"] = [0.90, 0.90, 0.901]
    run = made(tmp_path, scores)
    found = about(run, "places")
    assert "by a median of 2 variants (1 to 3 of 3 compared, 2 data sets); alone stands gmu on a" in found.text
    assert "over 2 data sets together nobody can be left out of the best, it takes 5." in found.text
    flat = about(run, "indistinct")
    assert flat.kind == "refusal" and "on 1 of 2 data sets; the first place is shared by 3 of 3 on b" in flat.text
    scores["gmu"]["b"] = [0.99, 0.99, 0.99]
    run = made(tmp_path / "told", scores)
    assert about(run, "indistinct") is None
    assert about(made(tmp_path / "one", {name: {"b": by["b"]} for name, by in scores.items()}), "places") is None


# eight data sets on which gmu leads: 1 of 256 patterns for either of the others
def test_who_may_be_the_best_over_enough_data_sets(tmp_path):
    lines = {"concat_features": [0.80, 0.801, 0.80], "merge_sum": [0.80, 0.80, 0.801], "gmu": [0.90, 0.90, 0.901]}
    run = made(tmp_path, {name: dict.fromkeys("abcdefgh", line) for name, line in lines.items()})
    assert about(run, "places").text.endswith("; over 8 data sets together, gmu may be the best (95 % set).")


def test_the_rows_of_a_published_split_are_named(tmp_path):
    scores = {name: {"rosmap": [0.80, 0.82, 0.84]} for name in ("gmu", "film", "merge_sum")}
    scores["film"]["rosmap"] = [0.81, 0.80, 0.84]
    assert (
        "3 of 3 on rosmap (106 test rows, the same for every seed)"
        in about(made(tmp_path, scores), "indistinct").text
    )


# PRIVATE: regret of late_mean (trained apart) .01, gmu (jointly) .06 or the same
@pytest.mark.parametrize(("joint", "kind"), [(0.06, "finding"), (0.0105, "refusal")])
def test_the_kind_closest_to_the_ceiling(tmp_path, joint, kind):
    def cells(regret, turn):
        return [
            {"accuracy": 0.7, "regret": regret + turn * step, "validation_log_loss": 0.5}
            for step in (0, 0.001, 0.002)
        ]

    scores = {"late_mean": {"synthetic_private": cells(0.01, 1)}, "gmu": {"synthetic_private": cells(joint, -0.5)}}
    run = made(tmp_path, scores, APART)
    found = about(run, "private")
    assert found.kind == kind and found.see == "regret"
    if kind == "finding":
        assert (
            "late fusion trained apart comes closest to the ceiling, alone among 2 kinds: regret 1.1 ±"
            in found.text
        )
        assert "next, late fusion trained jointly has 5.9 ±" in found.text
    else:
        assert "2 of 2 kinds cannot be told apart at the top" in found.text


# COST: a restless entry shares the first place, yet not at the middle spread of all
def test_cost(tmp_path):
    lines = {
        "concat_features": [0.80, 0.801, 0.80], "merge_sum": [0.80, 0.80, 0.801], "film": [0.80, 0.80, 0.80],
        "gmu": [0.801, 0.80, 0.80], "late_mean": [0.801, 0.80, 0.801], "late_product": [0.80, 0.801, 0.801],
        "tensor_fusion": [0.80, 0.79, 0.81], "merge_product": [0.2, 0.95, 0.3], "merge_mean": [0.60, 0.601, 0.60],
    }  # fmt: skip
    run = made(tmp_path, {name: dict.fromkeys("ab", line) for name, line in lines.items()})
    assert run.scores("a").within.form == "moderated"
    assert "merge_product" in run.scores("a").first
    assert set(steady(run.scores("a"))) == set(lines) - {"merge_product", "merge_mean"}
    found = about(run, "cost")
    rows = run.cells[run.cells["dataset"] == "a"]
    seconds = (
        (rows["wall_own"] + rows["wall_shared"])
        .groupby(rows["variant"])
        .mean()
        .drop(["merge_product", "merge_mean"])
    )
    assert found.text.startswith("7 variants share the first place on 2 of 2 data sets, none on more")
    assert f"{seconds.idxmin()} is the cheapest of them to train; {seconds.idxmax()}, the dearest," in found.text
    assert f"takes {seconds.max() / seconds.min():.0f}× its time" in found.text


TOP, LOW = [0.9, 0.9, 0.901], [0.5, 0.501, 0.5]


def test_cost_takes_one_machine_and_two_that_lead(tmp_path):
    run = made(tmp_path, {"gmu": dict.fromkeys("ab", TOP), "film": dict.fromkeys("ab", LOW)})
    assert about(run, "cost") is None
    run = made(tmp_path / "two", {"gmu": dict.fromkeys("ab", BASE), "film": dict.fromkeys("ab", NEAR)})
    assert about(run, "cost") is not None
    run.cells.loc[run.cells["variant"] == "gmu", "environment"] = "another"
    assert about(run, "cost") is None


# NOISE: merge_sum and merge_mean are one function; told apart on a, not on b
def test_noise(tmp_path):
    scores = {
        "merge_sum": {"a": [0.80, 0.80, 0.801], "b": BASE},
        "merge_mean": {"a": [0.90, 0.901, 0.90], "b": NEAR},
        "gmu": {"a": [0.7, 0.7, 0.701], "b": BASE},
    }
    text = about(made(tmp_path / "class", scores), "noise").text
    assert "here in 1 of 2 (50.0 % [1.3, 98.7]) of one function under several names" in text
    assert "with itself" not in text
    run = made(tmp_path / "placebo", scores | {"again": scores["gmu"]}, {"again": {"placebo_of": "gmu"}})
    assert (
        "in 0 of 2 (0.0 % [0.0, 84.2]) of an entry with itself under other seeds, and in 1 of 2 "
        in about(run, "noise").text
    )
    assert about(made(tmp_path / "none", {"gmu": scores["gmu"], "film": scores["merge_sum"]}), "noise") is None


@pytest.mark.parametrize("families", [1, 5, 6])
def test_new_data_are_not_spoken_of_below_six_sources(tmp_path, families):
    scores = asked("concat_features", "gmu", [0.04, 0.06] * 4)
    data = {f"s{i}": {"source_family": f"family{min(i, families - 1)}"} for i in range(8)}
    found = about(made(tmp_path, scores, data=data), "claims")
    assert found.kind == "refusal" and "with a power of 80 %" in found.text
    refused = "Nothing here is a claim about new data: 8 data sets from"
    assert (refused in found.text) is (families < 6)
    assert ("1 source family, and it takes 6" in found.text) is (families == 1)
    assert (f"Over {families} source families" in found.text) is (families == 6)


def test_one_seed_supports_nothing(tmp_path):
    scores = planted(KNOWN, ["synthetic_synergy", "synthetic_private", "rosmap"], seeds=1)
    found = findings(made(tmp_path, scores, APART))
    assert [(each.kind, each.key) for each in found] == [("refusal", "seeds")]


def test_a_run_without_results_says_nothing(tmp_path):
    assert findings(made(tmp_path / "none", {"gmu": {"a": [None, None]}})) == ()
    assert findings(made(tmp_path / "failed", {"gmu": {"a": ["failed", "failed"]}})) == ()


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rich") / "quick"
    datasets = [
        "synthetic_redundant",
        "synthetic_private",
        "synthetic_synergy",
        "digits_trimodal",
        "rosmap",
        "mfeat",
    ]
    return made(folder, planted(KNOWN, datasets), APART | {"late_stacking": {"training": "apart"}})


def test_a_full_run_says_all_of_it_in_order(rich):
    found = findings(rich)
    keys = [each.key for each in found]
    assert keys[:5] == ["synergy", "gain", "concat_merge", "architecture", "level"]
    assert len(keys) == len(set(keys)) <= 15
    assert {"places", "private", "training", "sharing", "cost", "noise", "claims"} <= set(keys)
    assert findings(rich) == found


def test_what_a_finding_refers_to_is_there(rich):
    there = {table.name for table in contents.tables(rich)} | set(FIGURES)
    assert {each.see for each in findings(rich)} <= there
    for each in findings(rich):
        assert each.kind in ("finding", "refusal") and each.text.endswith((".", ")"))
        assert "nan" not in each.text.lower().split() and "  " not in each.text and "[]" not in each.text


def test_a_run_judged_by_log_loss_is_told_in_nats(tmp_path):
    scores = planted(
        ["concat_features", "merge_sum", "late_mean", "unimodal(modality=image)"], ["rosmap", "mfeat", "d"]
    )
    told = {each.key: each for each in findings(made(tmp_path, scores, APART, metric="log_loss"))}
    for key in ("gain", "concat_merge", "claims"):
        assert "points" not in told[key].text
        assert " nat" in told[key].text
    assert told["gain"].see == "log_loss"
    # what the chance of rosmap's fixed test rows adds to a log-loss is not known
    assert "on 2 of 2 data sets: " in told["gain"].text and "; not judged on rosmap." in told["gain"].text


def test_names_are_literal(tmp_path):
    odd, where = "</script><b>x & $y$", "データ"
    scores = {name: {where: line, "b": BASE} for name, line in {odd: [0.99, 0.99, 0.99], "gmu": BASE}.items()}
    scores["unimodal(modality=image)"] = {where: FAR, "b": FAR}
    text = " ".join(each.text for each in findings(made(tmp_path, scores)))
    assert f"alone stands {odd} on {where}" in text and f"{where} +" in text


def test_the_same_whatever_the_order(rich, tmp_path):
    datasets = [
        "mfeat",
        "rosmap",
        "digits_trimodal",
        "synthetic_synergy",
        "synthetic_private",
        "synthetic_redundant",
    ]
    turned = made(tmp_path / "quick", planted(reversed(KNOWN), datasets), APART)
    assert findings(turned) == findings(rich)


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="needs the reference run")
def test_the_reference_run_supports_its_headline():
    found = findings(load(Store(REFERENCE)))
    assert 8 <= len(found) <= 15
    assert found[0].text.startswith(
        "On data where information is synergistic, decision-level fusion stayed at chance"
    )
