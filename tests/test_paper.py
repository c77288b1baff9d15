"""A paper's files: what is shown of a run, under which names, and which numbers a text may quote."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

from fusebench.core.errors import FusebenchError, UnknownNameError
from fusebench.reports.figures import FIGURES
from fusebench.reports.paper import captions, macros, spec, write
from fusebench.reports.run import load

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
faults = runpy.run_path(str(Path(__file__).with_name("latex_faults.py")))["faults"]
store_run, planted = STORED["store_run"], STORED["planted"]

# `d` is worked out by hand in test_latex.py: gmu and film share the first place, .810 ± .050; on `e` there is one
# clear best, on `synthetic_mixed` gmu has failed.
VALUES = {
    "unimodal(modality=image)": {"d": [0.50, 0.52], "e": [0.50, 0.52], "synthetic_mixed": [0.6, 0.6]},
    "gmu": {"d": [0.80, 0.82], "e": [0.80, 0.82], "synthetic_mixed": ["failed", 0.7]},
    "film": {"d": [0.82, 0.80], "e": [0.62, 0.60], "synthetic_mixed": [0.7, 0.7]},
}
OURS = {"entry": [{"name": "film", "display": "Ours"}, {"name": "gmu"}]}


@pytest.fixture
def run(tmp_path):
    return load(store_run(tmp_path / "results" / "quick", VALUES))


@pytest.fixture
def few(monkeypatch):
    """Draw one figure, not all."""
    monkeypatch.setattr(write, "FIGURES", {"status": FIGURES["status"]})
    monkeypatch.setattr(write, "OCCASIONAL", {})


def asked(paper=(), **tables):
    return spec.check({"paper": dict(paper), **tables}, "paper.toml")


def rows(path):
    """Return a table's rows: first cell → the others."""
    lines = [
        line.removesuffix(r" \\").split(" & ") for line in path.read_text("utf-8").splitlines() if " & " in line
    ]
    return {line[0]: line[1:] for line in lines}


def plain(path):
    return path.read_text("utf-8").replace(r"\allowbreak{}", "")


def macro(path):
    return dict(re.findall(r"\\newcommand{\\([A-Za-z]+)}{(.*)} %", path.read_text("utf-8")))


# ---- paper.toml


def test_a_file_is_read(tmp_path):
    path = tmp_path / "paper.toml"
    path.write_text(
        '[paper]\ndatasets = ["synthetic_*", "rosmap"]\nwidth = 2\n[[entry]]\nname = "gmu"\ndisplay = "Ours"\n'
    )
    found = spec.load(path)
    assert found.paper.paper.datasets == ("synthetic_*", "rosmap")
    assert (found.paper.paper.width, found.paper.paper.metric) == (2, None)
    assert found.paper.entry == (spec.EntryTable(name="gmu", display="Ours"),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[paper]\nwidht = 1", "Unknown key of [paper] in paper '{}' 'widht': did you mean 'width'?"),
        ("[papre]\nwidth = 1", "Unknown key of the file in paper '{}' 'papre': did you mean 'paper'?"),
        ("[[entry]]\nnam = 'gmu'", "Paper '{}': [[entry]] 1 lacks the key 'name'."),
        ("[[entry]]\nname = 'a'\nshow = 'b'", "Unknown key of [[entry]] in paper '{}' 'show': expected one of"),
        ("[paper]\nwidth = 0", "Paper '{}': paper.width = 0: Input should be greater than 0."),
        ("[paper]\nprefix = 'f1'", "Paper '{}': paper.prefix = 'f1': it begins the names of LaTeX macros"),
        ("[paper]\ndatasets = 'rosmap'", "Paper '{}': paper.datasets = 'rosmap': Input should be a valid tuple."),
        ("[paper", "Paper '{}' is not valid TOML: "),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "paper.toml"
    path.write_text(text)
    with pytest.raises(FusebenchError) as caught:
        spec.load(path)
    assert str(caught.value).startswith(sentence.format(path))


def test_no_file_is_a_sentence(tmp_path):
    with pytest.raises(FusebenchError, match=r"absent.toml' is not a file"):
        spec.load(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"entry": [{"name": "flim"}]}, "Unknown entry in paper 'paper.toml' 'flim': did you mean 'film'?"),
        ({"paper": {"datasets": ["sinthetic_mixed"]}},
         "Unknown data set in paper 'paper.toml' 'sinthetic_mixed': did you mean 'synthetic_mixed'?"),
        ({"paper": {"metric": "acuracy"}},
         "Unknown metric in paper 'paper.toml' 'acuracy': did you mean 'accuracy'?"),
        ({"paper": {"datasets": []}}, "Paper 'paper.toml': paper.datasets = [] shows nothing"),
        ({"entry": [{"name": "gmu"}, {"name": "gmu"}]},
         "Paper 'paper.toml': [[entry]] name = 'gmu' stands there twice."),
        ({"entry": [{"name": "gmu", "display": "A"}, {"name": "film", "display": "A"}]},
         "Paper 'paper.toml': the [[entry]] 'gmu' has display = 'A', which is another entry's name too"),
        ({"entry": [{"name": "gmu", "display": "film"}]},
         "Paper 'paper.toml': the [[entry]] 'gmu' has display = 'film', which is another entry's name too"),
    ],
)  # fmt: skip
def test_what_the_run_does_not_have_is_a_sentence(run, tables, sentence):
    with pytest.raises(FusebenchError) as caught:
        spec.select(spec.check(tables, "paper.toml"), run)
    assert str(caught.value).startswith(sentence)
    assert isinstance(caught.value, UnknownNameError) == sentence.startswith("Unknown")


def test_order_and_names_are_the_paper_s(run):
    found = spec.select(asked({"datasets": ["synthetic_*", "e"]}, **OURS), run)
    assert found.run.datasets == ("synthetic_mixed", "e")
    assert found.run.shown == ("film", "gmu")
    assert found.names == {"film": "Ours", "gmu": "gmu"}
    assert found.hidden == 1
    assert set(found.run.cells["dataset"]) == {"synthetic_mixed", "e"}
    everything = spec.select(asked(), run)
    assert everything.run.shown == run.variants
    assert everything.run.datasets == run.datasets


def test_entries_that_the_data_sets_do_not_meet_are_not_counted_as_hidden(tmp_path):
    run = load(store_run(tmp_path, VALUES | {"late_mean": {"other": [0.5, 0.5]}}))
    assert spec.select(asked({"datasets": ["d"]}, **OURS), run).hidden == 1
    assert spec.select(asked(**OURS), run).hidden == 2


# ---- tables


@pytest.mark.usefixtures("few")
def test_scores_and_gains_by_hand(run, tmp_path):
    paths = write.write(run, asked({"datasets": ["e", "d", "synthetic_mixed"]}, **OURS), tmp_path / "paper")
    assert {path.name for path in paths} == {
        "accuracy.tex", "gain.tex", "time.tex", "numbers.tex", "captions.tex",
        "status.csv", "status.pdf", "status.png", "status.svg",
    }  # fmt: skip
    accuracy = rows(tmp_path / "paper" / "accuracy.tex")
    assert list(accuracy) == ["entry", "Ours", "gmu"]
    # on e the residuals are those of d: the means differ, not what is left of each seed
    both = r"$\mathbf{0.810} \pm 0.050$"
    assert accuracy["Ours"][:2] == [r"$0.610 \pm 0.050$", both]
    assert accuracy["gmu"] == [both, both, "ok 1/2, failed 1/2"]
    gain = rows(tmp_path / "paper" / "gain.tex")
    assert gain["Ours"][1] == r"$\mathbf{+0.300} \pm 0.070$"
    assert gain["gmu"][2] == "ok 1/2, failed 1/2"
    assert rows(tmp_path / "paper" / "time.tex")["gmu"][2] == "ok 1/2, failed 1/2"
    for path in paths[:5]:
        assert faults(path.read_text("utf-8")) == [], path


@pytest.mark.usefixtures("few")
def test_a_caption_says_among_how_many_the_first_place_is_judged(run, tmp_path):
    write.write(run, asked({"datasets": ["e", "d"]}, entry=[{"name": "film"}]), tmp_path)
    text = plain(tmp_path / "accuracy.tex")
    assert "shares the first place among all 3 entries compared on the data set, shown here or not" in text
    assert "On e the first place is held by entries that are not shown." in text
    assert "2 data sets; 2 seeds each; untuned defaults." in text
    assert "1 of 3 entries are shown; 2 others are compared, where complete, but not shown." in text
    assert text.splitlines()[0] == "% Made by fusebench from the run quick, untuned defaults, 2 seeds."
    assert "\\begin{table}[tbp]" in text


@pytest.mark.usefixtures("few")
def test_one_seed_has_no_interval_and_no_first_place(tmp_path):
    values = {name: {"d": by["d"][:1]} for name, by in VALUES.items()}
    write.write(load(store_run(tmp_path / "quick", values)), asked({"width": 2}, **OURS), tmp_path / "paper")
    text = (tmp_path / "paper" / "accuracy.tex").read_text("utf-8")
    assert rows(tmp_path / "paper" / "accuracy.tex")["Ours"] == ["$0.820$"]
    assert "One seed, or one complete entry, supports no interval and no first place." in text
    assert r"\pm" not in text
    assert "\\begin{table*}" in text
    found = macro(tmp_path / "paper" / "numbers.tex")
    assert found["fbAccuracyOursD"] == r"\ensuremath{0.820}"
    assert found["fbAccuracyOursDHalf"] == r"\textnormal{no interval}"
    assert found["fbAccuracyOursDInterval"] == r"\ensuremath{0.820}"
    assert found["fbSharingD"] == r"\textnormal{no claim}"
    assert found["fbEffectOursGmuLow"] == r"\textnormal{no interval}"
    assert found["fbDetectable"] == r"\textnormal{not estimated}"


@pytest.mark.usefixtures("few")
def test_a_metric_that_is_better_when_lower(run, tmp_path):
    # log-loss is −ln accuracy here: film on d −(ln .82 + ln .80)/2 = .211, on e −(ln .62 + ln .60)/2 = .494;
    # gmu .211 on both, and the single modality −(ln .50 + ln .52)/2 = .674
    write.write(run, asked({"datasets": ["e", "d"], "metric": "log_loss"}, **OURS), tmp_path)
    found = rows(tmp_path / "log_loss.tex")
    assert [re.sub(r" \\pm.*", "$", cell) for cell in found["Ours"]] == ["$0.494$", r"$\mathbf{0.211}$"]
    assert [re.sub(r" \\pm.*", "$", cell) for cell in found["gmu"]] == [r"$\mathbf{0.211}$"] * 2
    gain = rows(tmp_path / "gain.tex")
    assert gain["Ours"][0].startswith("$+0.179 ")  # .6736 − .4944
    assert "Log-loss (lower is better)" in (tmp_path / "log_loss.tex").read_text("utf-8").replace(
        r"\allowbreak{}", ""
    )


@pytest.mark.usefixtures("few")
def test_a_published_split_and_pairing_by_label_are_said(tmp_path):
    values = {name: {"rosmap": by["d"], "digits_trimodal": by["d"]} for name, by in VALUES.items()}
    write.write(load(store_run(tmp_path / "quick", values)), asked(**OURS), tmp_path)
    text = plain(tmp_path / "accuracy.tex")
    assert r"On rosmap, a published split, seeds vary the training alone: its 106 test rows" in text
    assert "a standard error of .038" in text  # √(.81 (1 − .81) / 106)
    assert r"Modalities are paired by label on digits\_trimodal." in text


# ---- numbers


@pytest.mark.usefixtures("few")
def test_numbers_by_hand(run, tmp_path):
    write.write(run, asked({"datasets": ["e", "d", "synthetic_mixed"]}, **OURS), tmp_path)
    found = macro(tmp_path / "numbers.tex")
    assert {name: found[name] for name in (
        "fbDatasets", "fbEntries", "fbEntriesCompared", "fbEntriesHidden", "fbSeedsD", "fbComparedSyntheticMixed",
        "fbSharingD", "fbAccuracyOursD", "fbAccuracyOursDHalf", "fbAccuracyOursDInterval", "fbGainGmuD",
        "fbAccuracyGmuSyntheticMixed", "fbAccuracyGmuSyntheticMixedHalf", "fbFirstOurs", "fbFirstOursOf",
        "fbFirstGmu", "fbFirstGmuOf",
    )} == {
        "fbDatasets": r"\ensuremath{3}", "fbEntries": r"\ensuremath{2}", "fbEntriesCompared": r"\ensuremath{3}",
        "fbEntriesHidden": r"\ensuremath{1}", "fbSeedsD": r"\ensuremath{2}",
        "fbComparedSyntheticMixed": r"\ensuremath{2}", "fbSharingD": r"\ensuremath{2}",
        "fbAccuracyOursD": r"\ensuremath{0.810}", "fbAccuracyOursDHalf": r"\ensuremath{0.050}",
        "fbAccuracyOursDInterval": r"\ensuremath{0.810 \pm 0.050}", "fbGainGmuD": r"\ensuremath{+0.300}",
        "fbAccuracyGmuSyntheticMixed": r"\textnormal{ok 1/2, failed 1/2}",
        "fbAccuracyGmuSyntheticMixedHalf": r"\textnormal{ok 1/2, failed 1/2}",
        "fbFirstOurs": r"\ensuremath{2}", "fbFirstOursOf": r"\ensuremath{3}",
        "fbFirstGmu": r"\ensuremath{2}", "fbFirstGmuOf": r"\ensuremath{2}",
    }  # fmt: skip


# Ours − gmu: d 0, e −.2; mean −.1, sd .1414, t interval with 1 df 12.706 · .1414/√2 = 1.2706; of the four flips of
# two signs two have a mean as large as .1 in absolute value... and all four do, since d is 0: p = 1
@pytest.mark.usefixtures("few")
def test_the_effect_of_the_first_entry_by_hand(run, tmp_path):
    write.write(run, asked({"datasets": ["d", "e", "synthetic_mixed"]}, **OURS), tmp_path)
    found = macro(tmp_path / "numbers.tex")
    names = ("", "Low", "High", "P", "Wins", "Ties", "Losses")
    assert [found[f"fbEffectOursGmu{name}"].removeprefix(r"\ensuremath{")[:-1] for name in names] == [
        "-0.100", "-1.371", "+1.171", "1.0000", "0", "1", "1",
    ]  # fmt: skip
    line = next(
        line for line in (tmp_path / "numbers.tex").read_text("utf-8").splitlines() if "fbEffectOursGmu}" in line
    )
    assert (
        "over 2 data sets (positive: Ours is better; 2 source families; a claim about a new data set takes 6)"
        in line
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("merge_sum(width=192)", "MergeSumWidthOneNineTwo"),
        ("Ours", "Ours"),
        ("naïve Bayes", "NaiveBayes"),
        ("log-loss", "LogLoss"),
        ("提案", ""),
        ("</script>", "Script"),
    ],
)
def test_letters(text, name):
    assert macros.letters(text) == name


def test_macros_of_one_name_are_told_apart():
    same = [macros.Macro((word,), "1", word) for word in ("a_b", "a b", "A-B", "a_b_b", "aB")]
    assert [name for name, _ in macros.named(same, "fb")] == ["fbAB", "fbABB", "fbABC", "fbABBB", "fbABD"]


NASTY = {"a_b & 50 % of $x$ #1 {y} ~z^2 \\end{tabular}": "</script>", "提案": "音声", "a b": "a-b", "a.b": "a_b"}


@pytest.mark.usefixtures("few")
def test_any_name_makes_sound_files(tmp_path):
    datasets = ["提案 1", "d & e", "d_e", "synthetic_mixed"]
    values = {name: {dataset: [0.7, 0.8] for dataset in datasets} for name in NASTY}
    entries = [{"name": name, "display": display} for name, display in NASTY.items()]
    folder = tmp_path / "paper"
    write.write(load(store_run(tmp_path / "q_1 %", values)), asked(entry=entries), folder)
    for path in folder.glob("*.tex"):
        assert faults(path.read_text("utf-8")) == [], path
    assert set(rows(folder / "accuracy.tex")) == {
        "entry", r"\textless{}/script\textgreater{}", "音声", "a-b", r"a\_b"
    }  # fmt: skip
    defined = re.findall(r"\\newcommand{\\(.*?)}", (folder / "numbers.tex").read_text("utf-8"))
    assert all(re.fullmatch(r"fb[A-Za-z]+", name) for name in defined)
    assert len(set(defined)) == len(defined) > 40
    assert {"fbAccuracyEntryTwoSyntheticMixed", "fbAccuracyABDE", "fbAccuracyABDEB"} <= set(defined)


# ---- figures


def test_names_are_put_in_a_figure_s_table_and_not_in_the_run():
    data = pd.DataFrame(
        {
            "variant": ["film", "gmu"],
            "left": ["film", "x"],
            "names": ["gmu, film", "filmgmu"],
            "dataset": ["film", "d"],
            "entry": ["film", "gmu"],
            "mean": [0.1, 0.2],
        }
    )
    found = write.renamed(data, {"film": "Ours", "gmu": "G"})
    assert found["variant"].tolist() == ["Ours", "G"]
    assert found["left"].tolist() == ["Ours", "x"]
    assert found["names"].tolist() == ["G, Ours", "filmgmu"]
    assert found["dataset"].tolist() == ["film", "d"]
    assert found["entry"].tolist() == ["film", "gmu"]
    assert found["mean"].tolist() == [0.1, 0.2]


def test_captions_use_the_paper_s_names():
    assert captions.renamed("Dotted: late_mean.", {"late_mean": "Late mean"}) == "Dotted: Late mean."
    assert captions.renamed("late_mean(a=1) my_late_mean", {"late_mean": "L"}) == "late_mean(a=1) my_late_mean"
    assert captions.renamed("A point a seed", {"seed": "S"}) == "A point a seed"


SINGLE = [f"unimodal(modality={kind})" for kind in ("image", "tabular")]
NAMES = [*SINGLE, "concat_features", "merge_sum", "late_mean", "gmu"]
THREE = {"entry": [{"name": "merge_sum", "display": "Ours"}, {"name": "concat_features"}, {"name": "late_mean"}]}


def test_a_paper_is_the_same_bytes_from_records_in_another_order(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "FIGURES", {name: FIGURES[name] for name in ("accuracy", "pareto")})
    monkeypatch.setattr(write, "OCCASIONAL", {})
    values, made = planted(NAMES, ["rosmap", "mfeat", "synthetic_mixed"]), []
    for place, order in enumerate((NAMES, NAMES[::-1])):
        store = store_run(tmp_path / str(place) / "quick", {name: values[name] for name in order})
        paths = write.write(load(store), asked(**THREE), tmp_path / str(place) / "paper")
        made.append({path.relative_to(tmp_path / str(place)): path.read_bytes() for path in paths})
    assert len(made[0]) == 5 + 2 * 4
    assert made[0] == made[1]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Every figure of a run, drawn for a paper."""
    base = tmp_path_factory.mktemp("paper")
    run = load(store_run(base / "quick", planted(NAMES, ["rosmap", "mfeat", "synthetic_mixed"])))
    return base / "paper", write.write(run, asked(**THREE), base / "paper")


def test_figures_show_the_paper_s_entries_under_their_names(drawn):
    folder = drawn[0] / "figures"
    assert set(pd.read_csv(folder / "accuracy.csv")["variant"]) == {"Ours", "concat_features", "late_mean"}
    pairs = pd.read_csv(folder / "pairs.csv")  # the run's own names find the pair
    assert ("concat_features", "Ours") in set(zip(pairs["left"], pairs["right"], strict=True))
    for path in folder.glob("*.csv"):
        named = pd.read_csv(path).drop(columns="entry", errors="ignore")  # what the variant is an option of
        assert "merge_sum" not in named.to_csv(), path
    assert not any(b"/CreationDate" in path.read_bytes() for path in folder.glob("*.pdf"))


def test_every_figure_has_a_caption_that_says_what_a_reader_must_know(drawn):
    folder, paths = drawn
    text = (folder / "captions.tex").read_text("utf-8")
    assert faults(text) == []
    told = dict(re.findall(r"\\newcommand{\\fbCaption([A-Za-z]+)}{(.*)}", text))
    assert set(told) == {macros.letters(path.stem) for path in paths if path.suffix == ".svg"}
    for caption in told.values():
        plain = caption.replace(r"\allowbreak{}", "")
        assert re.search(r"\d data sets?; 3 seeds each; untuned defaults\.", plain)
        assert "3 of 6 entries are shown; 3 others are compared, where complete, but not shown." in plain
        assert "There is no interval and no test but those named." in plain
    assert "one-sided Dunnett, 5 \\%" in told["Accuracy"]
    assert "1 data set; 3 seeds" in told["Regret"]
    split = "On rosmap, a published split, seeds vary the training alone"
    assert [name for name in ("Accuracy", "Pareto", "Regret", "Status") if split in told[name]] == [
        "Accuracy",
        "Pareto",
    ]
