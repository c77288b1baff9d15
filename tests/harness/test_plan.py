"""The plan: what is computed, and hashes that change with a result's causes and with nothing else."""

import json

import pytest

import fusebench
from fusebench import datasets, fusion
from fusebench.benchmarks import plan
from fusebench.benchmarks.choose import variant_names
from fusebench.benchmarks.suite import check
from fusebench.core.errors import FusebenchError
from fusebench.core.fingerprint import forget_sources
from fusebench.core.names import split_list

SMALL = "synthetic_private(rows=60,test_rows=50)"


def suite_of(variants=("merge_sum", "late_mean"), sets=(SMALL,), seeds=(0, 1), **training):
    table = {"name": "s", "variants": list(variants), "datasets": list(sets), "seeds": list(seeds)}
    return check({"suite": table, "training": training}, "s")


def hashes(suite, *args, **kwargs):
    return {cell.key: cell.hash for cell in plan.make(suite, *args, **kwargs).cells}


def hash_of(variant="merge_sum", dataset=SMALL, seed=0, **training):
    return hashes(suite_of([variant], [dataset], [seed], **training))[variant, dataset, seed]


# ---- names


def test_names_globs_tiers_and_options_choose_variants():
    core = variant_names(["tier:core"])
    assert "merge_sum" in core
    assert set(core) == {entry.id for entry in fusion.REGISTRY if entry.tier == "core"}
    assert variant_names(["late_m*"]) == [e.id for e in fusion.REGISTRY if e.id.startswith("late_m")]
    assert variant_names(["merge_sum(width=64)", "merge_sum(width=64)", "merge_*"])[0] == "merge_sum(width=64)"
    with_option = variant_names(["merge_*(width=matched)"])
    assert "merge_sum(width=matched)" in with_option
    assert all(name.endswith("(width=matched)") for name in with_option)


def test_comma_lists_are_split_outside_brackets():
    assert split_list(["a,b(c=1,d=[2,3])", "e"]) == ["a", "b(c=1,d=[2,3])", "e"]


def test_a_glob_over_data_sets_means_those_of_the_suite():
    suite = suite_of(sets=[SMALL, "synthetic_redundant(rows=60,test_rows=50)", "digits_sklearn"])
    made = plan.make(suite, chosen=["synthetic_*"])
    wanted = {cell.dataset for cell in made.cells if cell.hash in made.wanted}
    assert wanted == {SMALL, "synthetic_redundant(rows=60,test_rows=50)"}


@pytest.mark.parametrize(
    ("variants", "sets", "sentence"),
    [
        (["merge_summ"], [], "Unknown variant 'merge_summ': did you mean 'merge_sum'"),
        (["merge_sum(widht=3)"], [], "did you mean 'width'"),
        (["tier:cor"], [], "did you mean 'core'"),
        (["zzz*"], [], "variant pattern 'zzz*'"),
        ([], ["synthetic_privat"], "did you mean 'synthetic_private'"),
        ([], ["synthetic_private(row=3)"], "did you mean 'rows'"),
        ([], ["zzz*"], "data set pattern 'zzz*'"),
    ],
)
def test_an_unknown_name_is_one_sentence_with_the_nearest(variants, sets, sentence):
    with pytest.raises(FusebenchError) as caught:
        plan.make(suite_of(), variants, sets)
    assert sentence in str(caught.value)


def test_unknown_names_on_the_command_line_write_nothing(door, suite, tmp_path):
    suite(datasets=[SMALL], variants=["merge_sum"])
    code, out, err = door("run", "s.toml", "--variants", "merge_summ")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "did you mean 'merge_sum'" in err
    assert [path.name for path in tmp_path.iterdir()] == ["s.toml"]


# ---- cells


def test_baselines_are_planned_once_for_each_modality_of_each_data_set():
    suite = suite_of(["unimodal"], [SMALL, "digits_sklearn"], [0])
    found = {(c.dataset, c.variant) for c in plan.make(suite).cells}
    assert found == {
        *((SMALL, f"unimodal(modality={m})") for m in ("tabular", "image", "audio")),
        *(("digits_sklearn", f"unimodal(modality={m.name})") for m in datasets.get("digits_sklearn").modalities),
    }


def test_a_late_rule_alone_brings_its_stages_and_no_rows_for_them():
    made = plan.make(suite_of(["merge_sum"]), ["late_mean"], seeds=[0])
    wanted = [cell for cell in made.cells if cell.hash in made.wanted]
    assert [cell.key for cell in wanted] == [("late_mean", SMALL, 0)]
    experts = {f"unimodal(modality={m})" for m in ("tabular", "image", "audio")}
    assert set(wanted[0].stages) == experts
    assert {stage.name for stage in made.stages} == experts
    assert {cell.variant for cell in made.cells} == {"merge_sum", "late_mean"}


def test_the_expert_is_the_baselines_own_training():
    made = plan.make(suite_of(["unimodal", "late_mean"], seeds=[0]))
    by_name = {cell.variant: cell for cell in made.cells}
    shared = by_name["late_mean"].stages
    for name, stage in shared.items():
        assert by_name[name].stages == {name: stage}


def test_what_does_not_fit_is_incompatible_at_planning_with_the_reason(stubs):
    made = plan.make(suite_of(["pair_only"], ["tiny", "tiny(views=3)"], [0]))
    reasons = {cell.dataset: cell.incompatible for cell in made.cells}
    assert reasons["tiny"] is None
    assert reasons["tiny(views=3)"] == "it takes at most 2 modalities, the data set has 3"


def test_an_incompatible_cell_is_recorded_without_a_worker(stubs, suite, stored, tmp_path):
    path = suite(["pair_only", "stub"], ["tiny(views=3)"])
    ended = fusebench.run(path, plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    assert stored.status("pair_only", "tiny(views=3)") == "incompatible"
    assert "at most 2 modalities" in stored.records["pair_only", "tiny(views=3)", 0].reason
    assert (ended.counts["ok"], ended.counts["incompatible"], ended.exit_code) == (1, 1, 0)


def test_own_data_stands_in_for_the_suites(stubs, suite, tmp_path):
    own = fusebench.from_arrays("mine", {"x": [[float(i)] for i in range(40)]}, [0, 1] * 20)
    with pytest.raises(FusebenchError, match="leave out --datasets"):
        fusebench.run(suite(), data=own, datasets=["tiny"], out=tmp_path, jobs=0, plugins=[stubs], quiet=True)


# ---- hashes


def test_hashes_do_not_depend_on_order_or_on_what_else_is_planned():
    small = hashes(suite_of())
    more = suite_of(["gmu", "late_mean", "concat_features", "merge_sum"], ["digits_sklearn", SMALL], [2, 1, 0])
    large = hashes(more)
    assert small.items() <= large.items()
    assert len(set(large.values())) == len(large)
    assert small == hashes(suite_of(["late_mean", "merge_sum"], seeds=[1, 0]))


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"lr": 0.002},
        {"epochs": 3},
        {"capacity": "matched"},
        {"class_weight": "balanced"},
        {"variant": "merge_sum(width=32)"},
        {"dataset": "synthetic_private(rows=61,test_rows=50)"},
    ],
    ids=str,
)
def test_a_hash_changes_with_seed_settings_and_options(changed):
    assert hash_of(**changed) != hash_of()


def test_limits_metric_and_the_suites_name_change_no_hash():
    table = {"name": "other", "variants": ["merge_sum"], "datasets": [SMALL], "metric": "auroc"}
    other = check({"suite": table, "limits": {"timeout": 5}}, "other")
    assert hashes(other)["merge_sum", SMALL, 0] == hash_of()


def test_a_stage_changes_with_settings_and_its_users_with_it():
    before, after = (plan.make(suite_of(["late_mean"], seeds=[0], lr=lr)).cells[0] for lr in (0.001, 0.002))
    assert {s.hash for s in before.stages.values()}.isdisjoint(s.hash for s in after.stages.values())
    assert before.hash != after.hash


PLUGIN = '''
import numpy as np
from fusebench.fusion import register

FACTOR = 1.0

def helper(h):
    return FACTOR * h.sum(0)

AXES = dict(architecture="late", data_fusion="merge", level="features", operator="x", tier="full")

@register("with_helper", **AXES)
def with_helper(h):
    """Sum through a helper."""
    return helper(h)

@register("without_helper", **AXES)
def without_helper(h):
    """Sum."""
    return h.sum(0)
'''


def test_a_hash_changes_with_the_code_of_a_helper_of_its_users_alone(tmp_path):
    path = tmp_path / "edited_plugin.py"
    path.write_text(PLUGIN)
    fusion.load_all()
    fusion.load_plugins((str(path),))
    variants = ["with_helper", "without_helper"]
    try:
        before = hashes(suite_of(variants, seeds=[0]))
        path.write_text(
            PLUGIN.replace('"""Sum."""', '"""Add."""  # the same') + "\n\ndef neighbour():\n    return 3\n"
        )
        forget_sources()
        assert hashes(suite_of(variants, seeds=[0])) == before
        path.write_text(PLUGIN.replace("FACTOR = 1.0", "FACTOR = 1.5"))
        forget_sources()
        after = hashes(suite_of(variants, seeds=[0]))
        assert after["without_helper", SMALL, 0] == before["without_helper", SMALL, 0]
        assert after["with_helper", SMALL, 0] != before["with_helper", SMALL, 0]
    finally:
        forget_sources()
        for name in variants:
            fusion.REGISTRY.forget(name)


def test_planning_and_status_read_no_raw_data(monkeypatch, tmp_path):
    """Every shipped set at once: loading is forbidden, and the folder of raw files is empty."""

    def forbidden(*_):
        raise AssertionError("planning read raw data")

    datasets.load_all()
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path))
    for entry in datasets.REGISTRY:
        monkeypatch.setattr(entry.definition, "load", forbidden)
    made = plan.make(suite_of(["merge_sum", "late_mean"], ["digits_trimodal", "mfeat", "rosmap", SMALL], [0]))
    assert len(made.cells) == 8


# ---- suite.json


@pytest.fixture(scope="module")
def told(tmp_path_factory, stubs, tools):
    """A folder after a run of one variant more than its suite lists, and its suite.json."""
    folder = tmp_path_factory.mktemp("told")
    path = tools.write_suite(folder, ["stub", "unimodal", "pair_only"], [SMALL], seeds=[0, 1])
    settings = dict(plugins=[stubs], out=folder, jobs=0, quiet=True, report=False)
    fusebench.run(path, variants=["stub(number=3)", "late_mean"], seeds=[0], **settings)
    fusebench.run(path, variants=["stub"], datasets=["tiny"], seeds=[5], **settings)
    fusebench.run(path, variants=["stub"], seeds=[0], **settings)
    return folder, json.loads((folder / "results/s/suite.json").read_bytes())


def test_suite_json_holds_the_whole_plan_and_every_entry_with_a_record(told):
    _, suite = told
    planned = {(c["variant"], c["dataset"], c["seed"]): c for c in suite["plan"]["cells"]}
    listed = ["stub", "pair_only", *(f"unimodal(modality={m})" for m in ("tabular", "image", "audio"))]
    asked = {("stub(number=3)", SMALL, 0), ("late_mean", SMALL, 0), ("stub", "tiny", 5)}
    assert set(planned) == {(v, SMALL, s) for v in listed for s in (0, 1)} | asked
    stages = {stage["stage"]: stage["name"] for stage in suite["plan"]["stages"]}
    used = planned["late_mean", SMALL, 0]["stages"]
    assert {stages[hash] for hash in used} == {f"unimodal(modality={m})" for m in ("tabular", "image", "audio")}
    assert set(suite["variants"]) == {variant for variant, _, _ in planned}
    assert set(suite["datasets"]) == {SMALL, "tiny"}


def test_suite_json_tells_what_reports_need(told):
    _, suite = told
    assert (suite["name"], suite["schema"], suite["metric"], suite["seeds"]) == ("s", 1, "accuracy", [0, 1])
    assert suite["training"]["epochs"] == 2
    about = suite["variants"]["late_mean"]
    for key in ("architecture", "data_fusion", "level", "operator", "sharing", "training", "learner", "aliases"):
        assert key in about
    for key in ("also_known_as", "reference", "definition", "tier", "equivalence_class"):
        assert key in about
    assert about["architecture"] == "late"
    held = suite["datasets"][SMALL]
    assert [m["kind"] for m in held["modalities"]] == ["tabular", "image", "audio"]
    assert held["rows"] == {"train": 60, "validation": 15, "test": 50}
    assert (held["pairing"], held["source_family"]) == ("synthetic", "synthetic")
    assert held["classes"] == list("0123")
    assert held["bayes"]["subsets"]
    assert suite["datasets"]["tiny"]["bayes"] is None
    (environment,) = suite["environments"].values()
    assert (environment["threads"], environment["workers"]) == (1, 1)
    assert environment["libraries"]["torch"]


def test_what_an_earlier_run_chose_goes_on_being_shown(told, stubs):
    folder, _ = told
    frame = fusebench.load_results("s", folder)
    rows = set(frame[["variant", "dataset", "seed"]].itertuples(index=False, name=None))
    assert rows == {("stub(number=3)", SMALL, 0), ("late_mean", SMALL, 0), ("stub", "tiny", 5), ("stub", SMALL, 0)}
    assert set(frame["status"]) == {"ok"}
    assert frame.loc[frame["variant"] == "late_mean", "wall_shared"].item() > 0
    assert frame["architecture"].eq("late").all()


# ---- published figures


def published(**figure):
    told = {"variant": "merge_sum", "dataset": SMALL, "value": 0.7, "source": "A paper 2020"} | figure
    return check(suite_of().model_dump(mode="json") | {"published": [told]}, "s")


def test_a_published_figure_stands_under_the_canonical_names_of_its_cells():
    made = plan.make(published(variant="merge_sum()", dataset="synthetic_private(test_rows=50, rows=60)"))
    assert [(f.variant, f.dataset, f.repeats) for f in made.published] == [("merge_sum", SMALL, 5)]
    assert hashes(published()) == hashes(suite_of())


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        ({"variant": "merge_summ"}, "Unknown variant 'merge_summ'"),
        ({"variant": "merge_mean"}, "'merge_mean' on .* does not run"),
        ({"dataset": "rosmap"}, "data set of a published figure in suite 's' 'rosmap'"),
    ],
)
def test_a_published_figure_of_nothing_that_is_run_is_refused(figure, sentence):
    with pytest.raises(FusebenchError, match=sentence):
        plan.make(published(**figure))


def test_a_misspelt_key_of_a_published_figure_is_told_before_the_one_that_it_leaves_out():
    table = {"variant": "merge_sum", "dataset": SMALL, "vlaue": 0.7, "source": "A paper 2020"}
    with pytest.raises(FusebenchError, match=r"key of \[published\] .*'vlaue': did you mean 'value'"):
        check({**suite_of().model_dump(mode="json"), "published": [table]}, "s")
