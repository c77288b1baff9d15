"""Speed measured side by side: the arithmetic by hand, the table from what is stored, each part at tiny size."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from fusebench import fusion, perf
from fusebench.benchmarks import run as running
from fusebench.benchmarks.options import Options
from fusebench.benchmarks.peers import environment as peer_environment
from fusebench.benchmarks.peers import modules
from fusebench.benchmarks.peers.environment import NotInstalledError
from fusebench.benchmarks.peers.turns import Turns
from fusebench.benchmarks.perf import (
    against,
    bare,
    cards,
    cells,
    commands,
    cores,
    data,
    ended,
    limit,
    outside,
    stored,
    suites,
)
from fusebench.benchmarks.perf.alternate import alternate
from fusebench.benchmarks.perf.measurement import Measurement, Scale, Side, store
from fusebench.benchmarks.perf.parts import PARTS
from fusebench.core.errors import FusebenchError
from fusebench.core.files import dumps
from fusebench.reports.perf import build, picture, rows, words

HERE = Path(perf.__file__).parents[1] / "results" / "perf"
TINY = Scale.small()


def row(form="share", ours=(1.0, 3.0, 2.0), other=(2.0, 2.0, 4.0), target=None, **more):
    return rows.Row("cell", "id", "what", form, target, tuple(ours), tuple(other), **more)


def test_what_came_in_one_repetition_is_compared_with_each_other():
    assert row().values == [0.5, 1.5, 0.5]
    assert row("times").values == pytest.approx([2.0, 2 / 3, 2.0])
    assert row("beyond").values == [-1.0, 1.0, -2.0]
    assert row().value == 0.5 and row().spread == (0.5, 1.5)  # medians of the sides alone would give 2/2 = 1
    assert row(ours=[1.0], other=[2.0]).spread is None
    with pytest.raises(ValueError, match=r"shorter|longer"):
        rows.paired("share", [1.0], [1.0, 2.0])
    with pytest.raises(FusebenchError, match="'half'"):
        rows.paired("half", [1.0], [1.0])


@pytest.mark.parametrize(
    ("form", "target", "told"),
    [
        ("share", 0.5, "held"),
        ("share", 0.4, "missed by 25 %"),
        ("times", 2.0, "held"),
        ("times", 4.0, "missed by 50 %"),
        ("beyond", -1.0, "held"),
        ("beyond", -2.5, "missed by 1.5 s"),
        ("beyond", -1.04, "missed by 0.04 s"),
        ("share", None, ""),
    ],
)
def test_a_verdict_says_by_how_much_a_target_was_missed(form, target, told):
    assert rows.verdict(row(form, target=target)) == told


def test_what_was_not_measured_is_neither_held_nor_missed():
    nothing = row(ours=(), other=(), target=0.5, reason="no bf16 here")
    assert (nothing.value, nothing.held, rows.verdict(nothing)) == (None, None, "not measured")
    assert words.cells(nothing)[2:5] == ("—", "—", "—")
    assert words.remarks(nothing) == ["Not measured: no bf16 here."]


def test_a_machine_is_busy_above_a_tenth_of_a_core():
    assert [row(load=cores).busy for cores in (None, 0.0, 0.1, 0.11)] == [False, False, False, True]
    assert words.judged(row(target=0.5, load=0.3)) == "held (busy machine)"


def test_the_limit_is_the_operations_at_the_rate_of_the_fastest_product():
    held = rows.limit(
        row(
            ours=[4.0],
            other=[8.0],
            more={"training_operations": 6e9, "product": {"operations": 3e8, "seconds": [0.3, 0.1]}},
        )
    )
    assert held is not None
    assert (held.rate, held.seconds) == (pytest.approx(3e9), pytest.approx(2.0))
    assert (held.ours, held.other) == (pytest.approx(2.0), pytest.approx(4.0))
    assert rows.limit(row()) is None


def test_shares_of_a_cell_add_up_and_the_rest_is_told():
    phases = {"load": 1.0, "encode": 2.0, "fuse": 0.5, "head": 0.5, "optimise": 3.0, "validate": 1.0}
    held = rows.shares(row(ours=[10.0], other=[1.0], more={"phases": [phases], "predict": [0.5]}))
    assert held["training steps"] == pytest.approx(0.6)
    assert held["model, metrics, record"] == pytest.approx(0.15)
    assert sum(held.values()) == pytest.approx(1.0)


def test_the_interval_of_seeds_is_students():
    middle, half = words.interval([0.5, 0.6, 0.7])
    assert middle == pytest.approx(0.6)
    assert half == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-5)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([12.345], "12.3 s"),
        ([0.01234], "0.012 s"),
        ([1.0, 2.0, 4.0], "2.00 s (1.00–4.00)"),
        ([123.4], "123 s"),
        ([], "—"),
        ([0.0], "0.00 s"),
    ],
)
def test_seconds_are_written_with_the_digits_that_count(values, text):
    assert words.seconds(values) == text


# ---- measuring


def test_sides_take_turns_forwards_and_backwards():
    calls = []

    def side(name):
        def work():
            calls.append(name)
            return float(len(calls))

        return work

    took = alternate({"a": side("a"), "b": side("b")}, 3)
    assert calls == ["a", "b", "a", "b", "b", "a", "a", "b"]  # the first two warm up
    assert took.seconds == {"a": [3.0, 6.0, 7.0], "b": [4.0, 5.0, 8.0]}


def test_operations_are_counted_forward_and_backward_without_gradients_of_the_data():
    network = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 3))
    inputs, labels = [torch.zeros(8, 10)], torch.zeros(8, dtype=torch.int64)
    # forward 2·(10·20 + 20·3); weights' gradients as much; the hidden nodes' gradient 2·20·3
    assert limit.operations(network, inputs, labels) == 2 * (2 * 260) + 120
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize(
    ("vectors", "able"),
    [(["avx2", "fma"], False), (["avx512f", "avx512_bf16"], True), (["amx_bf16"], True), ([], False)],
)
def test_bf16_is_a_matter_of_instructions(vectors, able):
    assert limit.has_bf16({"vectors": vectors}) is able


@pytest.mark.parametrize(
    ("name", "module", "held"),
    [("concat_features", bare.Memo, data.memo(8, 64)), ("concat_features", bare.Memo, data.tables(64))],
)
def test_the_bare_network_is_the_same_as_ours(name, module, held):
    task = fusion.make_task(held.modalities, held.classes)
    ours = fusion.build(name, task).build(task.seeds.for_variant(name))
    assert count(module(held.modalities, 4)) == count(ours)


def test_fusilli_s_network_is_the_same_in_our_trainer_and_leaves_no_entry():
    held = data.tables(64)
    fusion.load_all()
    with modules.registered() as name:
        task = fusion.make_task(held.modalities, held.classes)
        ours = fusion.build(name, task).build(task.seeds.for_variant(name))
    assert count(modules.FusilliConcat(held.modalities, 4)) == count(ours)
    assert modules.SAME not in fusion.REGISTRY.ids


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_the_rows_are_those_of_every_seed_and_may_be_written_into():
    held = data.memo(8, 64)
    first = held.load(0)
    first.train.inputs["image"][:] = 0
    again = held.load(1)
    assert again.train.inputs["image"].any()
    assert again.train.inputs["audio"].shape == (64, 1, 8, 8) and held.rows["validation"] == 16
    assert len(np.unique(again.train.labels)) == 4


# ---- runs


LOG = """\
      0.1 40 cells are to be computed
      3.5 stage 0123456789ab ok 2.5s unimodal(table) on x, seed 0
      5.0 cell 1123456789ab ok 1.0s late_mean on x, seed 0
      5.5 cell 2123456789ab failed 4.0s late_max on x, seed 0
Traceback: cell 3 of nothing
      9.0 timing 3123456789ab ok 2.0s 2 variants on x, seed 0
"""


def test_a_run_s_log_tells_when_its_trainings_began_and_ended(tmp_path):
    (tmp_path / "run.log").write_text(LOG, encoding="utf-8")
    held = ended.Ended.read(tmp_path, 12.0)
    assert [(each.kind, each.begin) for each in held.work] == [
        ("stage", 1.0), ("cell", 4.0), ("cell", 1.5), ("timing", 7.0),
    ]  # fmt: skip
    assert (held.computing, held.timing, held.trained) == (4.5, 2.0, 2.5)  # no record is stored: the stage alone
    assert outside.one_go(held)
    assert not outside.one_go(ended.Ended(0.0, held.work[::-1], 0.0))


def test_a_run_in_several_goes_is_refused(tmp_path):
    (tmp_path / "suite.json").write_text('{"environments": {}}', encoding="utf-8")
    with pytest.raises(FusebenchError, match="not computed in one go"):
        outside.measure(tmp_path)


def test_a_run_s_share_counts_what_it_computed_and_not_what_its_suite_plans(tmp_path, monkeypatch):
    told = {"name": "s", "environments": {"here": {"workers": 2}}, "plan": {"cells": [{}] * 7}}
    (tmp_path / "suite.json").write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "run.log").write_text(LOG, encoding="utf-8")
    monkeypatch.setattr(outside, "seconds", lambda command: 1.0)
    (found,) = outside.measure(tmp_path)
    assert found.what == "outside training, s: 2 cells, 2 workers"
    # to start 1 s, then 9 s, of which 2 s timed, and 1 s for the report: of two workers, of whom one trained 2.5 s
    assert (found.ours.seconds, found.other.seconds) == ([15.5], [18.0])


# ---- peers


def adapter(folder, text):
    path = folder / "adapter.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_peer_answers_turn_by_turn(tmp_path):
    script = adapter(
        tmp_path,
        "import json, sys\n"
        "settings = json.loads(sys.stdin.readline())\n"
        "print(json.dumps({'parameters': settings['rows']}), flush=True)\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'seconds': len(line.strip()) / 2}), flush=True)\n",
    )
    with Turns(Path(sys.executable), script, {"rows": 7}) as turns:
        assert turns.about == {"parameters": 7}
        assert [turns.seconds("bare"), turns.seconds("trainer")] == [2.0, 3.5]
    assert turns.process.poll() is not None


def test_a_peer_that_dies_says_why(tmp_path):
    script = adapter(tmp_path, "raise SystemExit('no such model')")
    with pytest.raises(NotInstalledError, match="no such model"):
        Turns(Path(sys.executable), script, {})


def test_a_peer_that_cannot_be_installed_gives_rows_with_a_reason(monkeypatch):
    def refuse(name, package, requirements):
        raise NotInstalledError("ERROR: no matching distribution")

    monkeypatch.setattr(against, "environment", refuse)
    found = {each.id: each for each in against.measure(TINY)}
    assert list(found) == ["tiny", "tiny_fusilli", "fusilli", "fusilli_trainer", "fusilli_bare"]
    assert found["fusilli"].reason == "fusilli 2.0.0 cannot be had here: ERROR: no matching distribution"
    assert len(found["tiny_fusilli"].ours.seconds) == len(found["tiny"].other.seconds) == 1
    assert modules.SAME not in fusion.REGISTRY.ids


def test_an_environment_is_made_once_and_anew_where_something_else_is_asked(monkeypatch, tmp_path):
    made = []
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(peer_environment, "_make", lambda folder, python, wanted: made.append(wanted))
    monkeypatch.setattr(peer_environment, "_versions", lambda python: {"peer": "1"})
    for asked in ("peer==1", "peer==1", "peer==2"):
        _, versions = peer_environment.environment("peer", asked, ("needed",))
    assert versions == {"peer": "1"}
    own = f"torch=={torch.__version__.partition('+')[0]}"
    assert made == [["needed", own, "peer==1"], ["needed", own, "peer==2"]]


# ---- stored and told


def measured(**more):
    sides = {"ours": Side("whole cell", [1.0, 1.2]), "other": Side("bare loop", [2.0, 2.0])}
    return Measurement("cell_8_fp32", "one cell, 8×8", "share", 0.8, **(sides | more))


def test_what_is_stored_is_read_again_and_drawn(tmp_path):
    late = Measurement("rerun", "rerun of 40 cells", "beyond", 3.0, Side("a", [2.0]), Side("b", [2.5]), 0.4)
    two = Measurement("workers", "2 workers | 1", "times", 1.85, Side("2", [1.0, 1.0]), Side("1", [1.7, 1.9]))
    store(tmp_path, "cell", [measured(), Measurement("x", "bf16", "share", 0.55, reason="no bf16")], TINY)
    store(tmp_path, "suite", [late, two], TINY)
    store(tmp_path, "device", [], TINY)
    table, figure = build.build(tmp_path)
    text = table.read_text("utf-8")
    assert (
        "| cell | one cell, 8×8 | 1.10 s (1.00–1.20) | 2.00 s (2.00–2.00) | 0.55 | 0.50–0.60 | ≤ 0.80 | held |"
        in text
    )
    assert "| ≤ 0.55 | not measured |" in text
    assert "| −0.5 s | — | ≤ 3.0 s | held (busy machine) |" in text
    assert "| 1.80× | 1.70×–1.90× | ≥ 1.85× | missed by 2.7 % |" in text
    assert build.EMPTY["device"] in text
    assert figure.stat().st_size > 10_000
    again = figure.read_bytes()
    build.build(tmp_path)
    assert figure.read_bytes() == again
    assert build.lines(tmp_path, "device") == [build.EMPTY["device"]]
    assert (
        "ours 1.10 s" in build.lines(tmp_path, "cell")[0]
        and "other side 2.00 s" in build.lines(tmp_path, "cell")[0]
    )


def test_what_is_stored_holds_every_second_the_machine_and_no_date(tmp_path):
    told = json.loads(store(tmp_path, "cell", [measured(load=0.02)], TINY).read_bytes())
    assert told["measurements"][0]["ours"] == {"name": "whole cell", "seconds": [1.0, 1.2]}
    assert told["machine"]["threads"] == 1 and told["machine"]["processor"]
    assert set(told) == {"schema", "part", "scale", "machine", "measurements"}


def test_a_damaged_or_later_file_is_named(tmp_path):
    with pytest.raises(FusebenchError, match="make perf"):
        rows.read(tmp_path)
    (tmp_path / "cell.json").write_text(dumps({"schema": 2}), encoding="utf-8")
    with pytest.raises(FusebenchError, match="schema is 2"):
        rows.read(tmp_path)


def test_rows_without_a_value_are_not_drawn():
    axes = picture.draw([row(target=0.8), row("times"), row(ours=(), other=(), reason="none")]).axes
    assert [len(axis.get_yticks()) for axis in axes] == [1, 1]


@pytest.mark.skipif(not (HERE / "cell.json").is_file(), reason="nothing is committed")
def test_the_committed_measurements_are_whole_and_the_table_is_theirs():
    held = rows.read(HERE)
    assert {"cell", "peers", "suite", "stored", "device"} <= {part.part for part in held}
    for part in held:
        assert part.scale["repetitions"] >= 5
        assert all(len(each.values) >= 5 or each.reason or part.part == "outside" for each in part.rows)
    assert (HERE / build.TABLE).read_text("utf-8") == build.page(held)


# ---- the door


def test_the_door_measures_a_part_and_draws_what_is_stored(tmp_path, monkeypatch):
    monkeypatch.setitem(PARTS, "cell", lambda scale: [measured(load=0.0)])
    app = perf.typer.Typer()
    app.command()(perf.main)
    ended_well = CliRunner().invoke(app, ["cell", "--out", str(tmp_path), "--quick"])
    assert ended_well.exit_code == 0, ended_well.output
    assert "one cell, 8×8: ours 1.10 s" in ended_well.output
    assert (tmp_path / "figures" / "perf.png").is_file()
    for wrong, told in ((["cel"], "did you mean 'cell'"), (["outside"], "--run FOLDER")):
        refused = CliRunner().invoke(app, [*wrong, "--out", str(tmp_path)])
        assert refused.exit_code == 2 and told in refused.output


# ---- each part once, at tiny size


def complete(found):
    for each in found:
        assert each.reason or len(each.ours.seconds) == len(each.other.seconds) == TINY.repetitions
        assert each.reason or all(seconds > 0 for seconds in each.other.seconds)
        assert each.load is None or each.load >= 0


def test_part_cell_measures_a_whole_cell_beside_a_bare_loop():
    found = cells.measure(TINY)
    complete(found)
    told = found[0]
    assert told.id == "cell_8_fp32" and told.more["epochs"] == [TINY.epochs]
    assert told.more["training_operations"] > 0
    assert set(told.more["phases"][0]) == {"load", "encode", "fuse", "head", "optimise", "validate"}


def test_bf16_is_measured_beside_fp32_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(cells, "has_bf16", lambda machine: True)
    found = cells.measure(TINY)
    complete(found)
    assert [each.id for each in found] == ["cell_8_fp32", "cell_8_bf16"]
    assert len(found[1].more["accuracy_fp32"]) == len(found[1].more["accuracy"]) == 1


def test_bf16_is_not_measured_elsewhere(monkeypatch):
    monkeypatch.setattr(cells, "has_bf16", lambda machine: False)
    monkeypatch.setitem(cells.TARGETS, (8, "bf16"), 0.55)
    assert [each.reason for each in cells.measure(TINY)] == ["", cells.NO_BF16]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_part_device_is_empty_without_a_gpu():
    assert cards.measure(TINY) == []


@pytest.mark.nightly
def test_a_complete_suite_is_filled_by_the_real_plan_and_found_complete(tmp_path):
    suite, number = stored.fill(tmp_path, 40, 10)
    commands.seconds(commands.fusebench("run", suite, "--no-report", "--out", tmp_path), tmp_path / "cache")
    _, counts, remarks = running.state(str(suite), Options(out=tmp_path))
    assert number == counts["planned"] == counts["ok"] == 40
    assert remarks == []
    log = tmp_path / "results" / "stored" / "run.log"
    assert not log.is_file() or not ended.read_log(log)


@pytest.mark.nightly
def test_rerun_and_status_are_measured_beside_the_import_of_torch():
    found = stored.measure(TINY)
    complete(found)
    assert [(each.id, each.more["cells"]) for each in found] == [("rerun", 40), ("status", 120)]


@pytest.mark.nightly
def test_two_loops_at_once_are_measured_beside_the_same_two_in_one_process():
    found = cores.measure(TINY)
    complete([found])
    assert (found.id, found.form, found.target) == ("cores", "times", None)


@pytest.mark.nightly
def test_part_suite_measures_whole_commands(monkeypatch):
    monkeypatch.setattr(suites, "CELLS", suites.CELLS[:2])
    monkeypatch.setattr(suites, "SEEDS", (0,))
    found = suites.measure(TINY)
    complete(found)
    assert [each.id for each in found] == [
        "late_rules", "late_rules_computing", "workers", "workers_whole", "outside_cells", "cores",
    ]  # fmt: skip
    assert found[1].more["seven"][0]["cell"] >= 0
