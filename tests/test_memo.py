"""The memo's open questions: words that follow from planted differences, in two languages; the committed page."""

import math
import re
import runpy
import string
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusebench.cli import app
from fusebench.reports.memo import MEMO, answers, write
from fusebench.reports.memo.looks import Look
from fusebench.reports.memo.page import page
from fusebench.reports.memo.wording import languages, words
from fusebench.reports.run import load
from fusebench.results.store import Store

ROOT = Path(__file__).parents[1]
STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run, planted, LEVEL = STORED["store_run"], STORED["planted"], STORED["LEVEL"]
NAMES = tuple(dict.fromkeys(name for question in MEMO for _, *pair in question.pairs for name in pair))
LAYER = ("late", "concat", "nodes", "layer")
SYNERGY = "synthetic_synergy"


def stored(root, lower=None, names=NAMES, seeds=3, **more):
    """Store a run in which all are alike but for what `lower(variant, dataset)` takes away."""
    scores = planted(names, LEVEL, seeds=seeds, noise=0.003, flat=True)
    for variant, by in scores.items():
        for dataset, values in by.items():
            by[dataset] = [value - (lower(variant, dataset) if lower else 0.0) for value in values]
    known = {"concat_network": LAYER, "merge_network": LAYER}
    return store_run(root, scores, known=known, **{"packed": True} | more)


def told(store):
    """Return key of a question → its answer."""
    return {answer.question.key: answer for answer in answers(load(store))}


def pages(store):
    """Return (English, Japanese) pages."""
    run = load(store)
    return tuple(page(run, language) for language in languages(run.metric).values())


def first_words(text, title):
    """Return the one-sentence answer below a title."""
    return re.search(rf"## {re.escape(title)}\n\n\*\*(.+)\*\*", text)[1]


def behind(*names, by=0.1, only=None):
    return lambda variant, dataset: by if variant in names and only in (None, dataset) else 0.0


SUMS = ("merge_sum", "merge_sum(width=matched)")
CONCATS = ("concat_features", "concat_features(width=matched)")
NODES = ("concat_network", "merge_network")
PLANTED = [
    ("adding", behind(*SUMS), "left"),
    ("adding", behind(*CONCATS), "right"),
    ("adding", behind(*SUMS, by=0.3, only=SYNERGY), "left_there"),
    ("adding", behind("concat_features", only=SYNERGY), "right_there"),
    ("adding", lambda v, d: 0.1 if v in (SUMS if d == SYNERGY else CONCATS) else 0.0, "depends"),
    ("operators", behind("merge_sum"), "left"),
    ("operators", behind("merge_inner_product"), "right_there"),
    ("network", behind(*NODES), "left"),
    ("network", behind("merge_network(gates=true)", "merge_network(hidden=64)", only=SYNERGY), "right_there"),
    ("pretraining", lambda v, d: 0.1 if v.startswith("autoencoder") else 0.0, "left"),
    ("pretraining", lambda v, d: 0.1 if v.startswith("contrastive") else 0.0, "right"),
]


@pytest.mark.parametrize(("key", "lower", "code"), PLANTED, ids=[f"{key}-{code}" for key, _, code in PLANTED])
def test_planted_differences_choose_the_words(tmp_path, key, lower, code):
    store = stored(tmp_path / "r", lower)
    assert told(store)[key].code == code
    for name, text in zip(("english", "japanese"), pages(store), strict=True):
        held = words(name)
        assert held[f"{key}.{code}"] in first_words(text, held[f"{key}.title"])


def test_where_nothing_differs_nothing_is_claimed_and_equality_is_not_either(tmp_path):
    store = stored(tmp_path / "r", seeds=5)
    assert {answer.grade for answer in told(store).values()} <= {"", "alone"}
    assert {answer.firm for answer in told(store).values()} == {0}
    for name, text in zip(("english", "japanese"), pages(store), strict=True):
        held = words(name)
        for key, answer in told(store).items():
            said = first_words(text, held[f"{key}.title"])
            assert said.startswith(held[f"{key}.open"] if answer.code == "open" else held["grade.alone"][:6])
    assert "nor that the two are equal" in words("english")["adding.open"]


def test_how_firm_an_answer_is_follows_from_holm(tmp_path):
    answer = told(stored(tmp_path / "r", behind(*SUMS, by=0.3, only=SYNERGY)))["adding"]
    assert answer.grade == "firm"
    assert answer.firm == answer.told == 3  # one data set, three pairs: small p survive
    every = told(stored(tmp_path / "s", behind(*SUMS)))["adding"]
    assert every.grade == "partly"  # sign flips of seven data sets cannot survive nine looks
    assert max(every.adjusted.values()) > 0.05


def test_a_run_without_a_pair_says_so(tmp_path):
    store = stored(tmp_path / "r", names=[name for name in NAMES if name != "merge_sum"])
    english, japanese = pages(store)
    assert (
        "`merge_inner_product` − `merge_sum` (inner product): not answered, this run has no `merge_sum`."
        in english
    )
    assert "この実行に `merge_sum` がないため、答えられません" in japanese
    assert told(store)["operators"].code == "absent"
    title = words("english")["operators.title"]
    assert first_words(english, title) == f"{words('english')['refusal.absent']}."
    section = english.split(f"## {title}")[1].split("\n## ")[0]
    assert "| --- |" not in section


def test_a_pair_that_never_met_says_so(tmp_path):
    scores = {"concat_features": {"mfeat": [0.9, 0.91]}, "merge_sum": {"rosmap": [0.7, 0.71]}}
    english, japanese = pages(store_run(tmp_path / "r", scores))
    assert "no data set on which both are complete" in english
    assert "両方の結果がそろったデータセットがない" in japanese


def test_one_seed_supports_no_claim(tmp_path):
    store = stored(tmp_path / "r", behind(*SUMS), seeds=1)
    assert {answer.code for answer in told(store).values()} == {"unseeded"}
    english, japanese = pages(store)
    assert first_words(english, words("english")["adding.title"]) == "No claim: one seed supports none."
    assert words("japanese")["refusal.unseeded"] in japanese
    assert "ahead |" not in english


def test_names_of_one_function_prove_nothing(tmp_path):
    lower = behind("merge_mean", by=0.4, only=SYNERGY)
    store = stored(
        tmp_path / "r",
        lambda v, d: lower(v, d) + (0.3 if v in (*SUMS, "merge_weighted_sum") and d == SYNERGY else 0.0),
    )
    english, japanese = pages(store)
    assert "one function: apart by training or chance" in english
    assert f"Caution on `{SYNERGY}`: there `merge_mean` − `merge_sum`" in english
    assert f"注意: `{SYNERGY}`" in japanese
    assert "14 intervals of single data sets leave out zero" in english  # two pairs on seven data sets


def test_what_a_run_does_not_declare_one_function_is_not_counted_as_such(tmp_path):
    english, _ = pages(stored(tmp_path / "r"))
    assert "`merge_network(linear=true)` − `merge_sum`: this run does not declare" in english
    assert "`concat_network` − `merge_network`: this run does not declare" not in english


@pytest.mark.parametrize(
    ("low", "high", "p", "n", "flipped", "word"),
    [
        (0.1, 0.3, 0.01, 8, True, "left"),
        (-0.3, -0.1, 0.01, 8, True, "right"),
        (0.1, 0.3, 0.06, 8, False, "perhaps"),
        (-0.1, 0.3, 0.06, 8, True, "perhaps"),
        (0.1, 0.3, 0.06, 4, False, "few"),
        (-0.1, 0.3, 0.2, 8, False, "open"),
        (math.nan, math.nan, math.nan, 8, False, "open"),
    ],
)
def test_a_verdict_takes_both_tests(low, high, p, n, flipped, word):
    mean = (low + high) / 2
    look = Look("all", tuple("abcdefgh"[:n]), mean, low, high, p, n, 0, 0, 0.1, flipped)
    assert look.word == word


def test_both_languages_say_the_same():
    english, japanese = words("english"), words("japanese")
    assert english.keys() == japanese.keys()
    for key, text in english.items():
        for one, other in zip(texts(text), texts(japanese[key]), strict=True):
            assert fields(one) == fields(other), key


def texts(held):
    return held if isinstance(held, list) else [held]


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_an_end_that_is_not_zero_is_not_written_as_zero():
    english = languages("accuracy")[""]
    assert english.interval(0.00004, 0.0078) == "[+0.004, +0.780]"
    assert english.interval(-0.00004, 0.0078) == "[0.0, +0.8]"
    assert english.interval(-1.2, 0.5) == "[−100.0, +50.0]"
    assert languages("log_loss")[""].amount(0.0123) == "0.012 nat"


def test_the_command_writes_pages_and_figures_and_nothing_of_the_machine(tmp_path):
    stored(tmp_path / "a", behind(*SUMS), name="r")
    stored(tmp_path / "b", behind(*SUMS), name="r", packed=False, environments={"f": {"processor": "another"}})
    written = []
    for which in "ab":
        done = CliRunner().invoke(app, ["memo", str(tmp_path / which), "--out", str(tmp_path / f"docs_{which}")])
        assert done.exit_code == 0, done.output
        written.append({path.name: path.read_bytes() for path in (tmp_path / f"docs_{which}").rglob("*.*")})
    assert written[0] == written[1]
    assert set(written[0]) == {"memo.md", "memo.ja.md", *(f"{question.key}.png" for question in MEMO)}


def test_the_committed_pages_are_what_the_committed_records_give():
    run = load(Store(ROOT / "results" / "reference" / "quick"))
    for ending, language in languages(run.metric).items():
        committed = (ROOT / "docs" / f"memo{ending}.md").read_text("utf-8")
        assert page(run, language, [question.key for question in MEMO]) == committed, "run `make memo`"


@pytest.mark.nightly
def test_the_committed_figures_are_all_there(tmp_path):
    write(Store(ROOT / "results" / "reference" / "quick"), tmp_path)
    made = {path.name for path in (tmp_path / "memo").iterdir()}
    assert made == {path.name for path in (ROOT / "docs" / "memo").iterdir()}
