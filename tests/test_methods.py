"""The methods paragraphs: values from suite.json, one and many, what is missing, names, the works cited."""

import copy
import inspect
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from fusebench.fusion import network, training
from fusebench.reports.matched import QUESTIONS
from fusebench.reports.paper.methods import methods, write
from fusebench.reports.paper.prose import code
from fusebench.reports.paper.trained import TRAINER

HERE = Path(__file__).parent
STORED = runpy.run_path(str(HERE / "stored_runs.py"))
faults = runpy.run_path(str(HERE / "latex_faults.py"))["faults"]
AWKWARD = "</script>_ `$&%#{}~^\\\"*'見本"


@pytest.fixture(scope="module")
def quick():
    """suite.json of the reference run."""
    return json.loads((HERE.parent / "results" / "reference" / "quick" / "suite.json").read_bytes())


@pytest.fixture
def small(held):
    """suite.json of a stored run: 4 fusion variants and 1 baseline on 2 data sets, 3 seeds."""
    return copy.deepcopy(held)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """The same, read once."""
    names = ["concat_features", "merge_sum", "late_mean", "film", "unimodal(modality=audio)"]
    store = STORED["store_run"](
        tmp_path_factory.mktemp("run") / "small",
        STORED["planted"](names, ["rosmap", "synthetic_synergy"]),
        data={"rosmap": {"citation": "MOGONET, doi 10.1038/s41467-021-23774-w"}},
    )
    suite = store.suite()
    suite["datasets"]["synthetic_synergy"] |= {"citation": "", "home": "", "folds": None}
    for name, entry in suite["variants"].items():
        entry["reference"] = "Kittler et al. 1998, doi 10.1109/34.667881" if name == "late_mean" else ""
    return suite


def cited(made):
    return {key for keys in re.findall(r"\\cite\{([^}]*)\}", made.latex) for key in keys.split(",")}


def keys(made):
    return re.findall(r"^@[a-z]+\{([^,]+),$", made.bibtex, re.MULTILINE)


def sound(made):
    """Return what was made: works cited are those in the file, no sentence is broken, no sign is loose."""
    assert cited(made) == set(keys(made))
    assert len(keys(made)) == len(set(keys(made)))
    assert not re.search(r"None|nan|\(\)|  |\s[.,;]|,\.|\.\.|\(, |: \.", re.sub(r"`+.*?`+", "N", made.text))
    assert faults(re.sub(r"~\\cite\{[^}]*\}", "", made.latex)) == []
    return made


# ---- the reference run; numbers are those of its suite.json, counted by hand


@pytest.mark.parametrize(
    "words",
    [
        "The run `quick` of fusebench compares ",
        "`gmu` (Arevalo et al., 2017)",
        "`late_mean`, `late_product` and `late_vote` (Kittler et al., 1998)",
        "An extractor hands over 64 numbers",
        "`rosmap` (2 classes, 3 modalities, 196 / 49 / 106 rows, paired as found) (Wang et al., 2021)",
        "`digits_trimodal` (10 classes, 3 modalities, 1,200 / 400 / 400 rows, paired by label) (LeCun et "
        "al., 1998; Jackson et al.; Duin, 1998)",
        "`synthetic_redundant`, `synthetic_private` and `synthetic_mixed` (each 4 classes, 3 modalities, 1,000 / "
        "250 / 4,000 rows, synthetic)",
        "3 seeds a data set (0, 1 and 2)",
        "disjoint folds divide `digits_sklearn` and `mfeat` into 5 and `digits_trimodal` into 6",
        "Seeds vary the training alone on `rosmap`, whose published split is kept.",
        "A seed is a fresh draw on `synthetic_redundant`, `synthetic_private`, `synthetic_mixed` and "
        "`synthetic_synergy`.",
        "for at most 25 epochs, in batches of 64 rows, with AdamW (Loshchilov and Hutter, 2019), a learning rate "
        "of 0.001 that falls to zero along half a cosine (Loshchilov and Hutter, 2017) and a weight decay of "
        "0.01.",
        "lowest validation log-loss are kept; training stops early after 10 epochs without a lower one, never "
        "before epoch 15",
        "All classes have the same weight",
        "32-bit",
        "untuned defaults",
        "more than 600 s",
        "judged by accuracy on test rows (higher is better)",
        "one-sided 5 % point of Dunnett’s test for k − 1 comparisons (Dunnett, 1955)",
        "3 source families (`digits`, `rosmap` and `synthetic`); below 6, nothing is claimed about new data",
        "Rows of `digits_trimodal` are paired by label.",
    ],
)
def test_the_reference_run_is_told(quick, words):
    assert words in methods(quick).text


def test_the_reference_run_s_variants_are_counted_and_its_machine_is_told(quick):
    text, told = methods(quick).text, [e for e in quick["variants"].values() if not e.get("placebo_of")]
    for architecture, words in (("early", "early"), ("late", "late"), ("cross_modal", "cross-modal")):
        kinds = [entry["data_fusion"] for entry in told if entry["architecture"] == architecture]
        inside = f"{kinds.count('concat')} by concatenation, {kinds.count('merge')} by merging"
        assert f"{len(kinds)} of {words} fusion ({inside})" in text
    single = sum(entry["architecture"] == "unimodal" for entry in told)
    assert f"{single} baselines of a single modality" in text
    assert f"compares {len(told) - single} variants" in text
    for machine in quick["environments"].values():
        assert f"{machine['processor']}, {machine['system']}, {machine['cores']} cores" in text
        assert f"torch {machine['libraries']['torch']} (Paszke et al., 2019)" in text


def test_the_reference_run_cites_what_it_used_and_nothing_else(quick):
    made = sound(methods(quick))
    assert {"lecun1998gradient", "wang2021mogonet", "arevalo2017gated", "vaswani2017attention"} <= cited(made)
    assert not cited(made) & {
        "tschandl2018ham10000",
        "perez2018film",
        "nadeau2003inference",
        "jaegle2022perceiver",
    }


def test_the_order_of_suite_json_changes_nothing(quick):
    turned = json.loads(json.dumps(quick), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert methods(turned) == methods(quick)


def test_what_the_words_say_of_the_trainer_is_what_it_does():
    source = inspect.getsource(training) + inspect.getsource(network)
    assert TRAINER == {1: {"optimiser": "AdamW", "schedule": "cosine"}}
    assert re.findall(r"torch\.optim\.\w+\(", source) == ["torch.optim.AdamW("]
    assert "0.5 * (1 + math.cos(math.pi * self.taken / self.steps))" in source
    assert "keeper.offer(epoch, held_out[0])" in source  # the validation log-loss


# ---- what depends on the suite


def test_a_small_run_whole(small):
    made = sound(methods(small))
    first = made.text.split("\n\n")[0]
    assert first.startswith(
        "The run `small` of fusebench compares 4 variants of multimodal fusion, placed in a published taxonomy "
        "(Sleeman et al., 2022): 3 of late fusion (1 by concatenation, 2 by merging) and 1 of cross-modal fusion "
        "(1 by merging). Beside them stands 1 baseline of a single modality."
    )
    assert "as registered: `late_mean` (Kittler et al., 1998)." in first
    assert "There are 2 data sets" in made.text
    assert "placebo" not in made.text
    assert set(keys(made)) == {
        "demsar2006statistical", "dunnett1955multiple", "kittler1998combining", "loshchilov2017sgdr",
        "loshchilov2019decoupled", "paszke2019pytorch", "sleeman2022multimodal", "wang2021mogonet",
        "westfall1993resampling",
    }  # fmt: skip


def test_one_of_each(small):
    small["variants"] = {"film": small["variants"]["film"]}
    del small["datasets"]["rosmap"]
    small |= {"seeds": [0], "training": {"epochs": 1, "batch": 1, "patience": 1, "min_epochs": 1, "width": 1}}
    text = sound(methods(small)).text
    for words in (
        "1 variant of",
        "There is 1 data set,",
        "1 seed a data set (0)",
        "1 epoch,",
        "1 row,",
        "1 number.",
    ):
        assert words in text
    assert "With one seed there is no interval, and no first place is claimed." in text
    assert "Dunnett" not in text
    assert "Over data sets" not in text  # there is one
    assert "1 source family (`synthetic_synergy`); below 6, nothing is claimed" in text


def test_placebos_are_no_variants(small):
    for n in (1, 2):
        again = small["variants"]["concat_features"] | {"placebo_of": "concat_features", "entry": "placebo"}
        small["variants"][f"placebo(copy={n})"] = again
    text = sound(methods(small)).text
    assert "compares 4 variants" in text
    assert "There are 2 placebos, copies of `concat_features` under other seeds, which show how often" in text
    del small["variants"]["placebo(copy=2)"]
    assert "There is 1 placebo, a copy of `concat_features` under another seed, which shows" in methods(small).text


@pytest.mark.parametrize(
    ("asked", "holm"), [([], False), (["early_late"], False), (["early_late", "gates"], True)]
)
def test_contrasts_are_those_that_the_suite_named(small, asked, holm):
    small["definition"] = {"suite": {"contrasts": asked}}
    made = sound(methods(small))
    assert ("holm1979simple" in cited(made)) == holm
    for key, question in QUESTIONS.items():
        assert (question.title in made.text) == (key in asked)
    assert ("one family of tests with Holm’s correction" in made.text) == holm


def test_the_family_against_concatenation_needs_it(small):
    assert "compared with `concat_features`" in methods(small).text
    del small["variants"]["concat_features"]
    made = sound(methods(small))
    assert "concat_features" not in made.text
    assert "westfall1993resampling" not in keys(made)


#        folds  seeds  shares rows: more seeds than folds, and more folds than one
@pytest.mark.parametrize(
    ("folds", "seeds", "shared"), [(5, 5, False), (5, 6, True), (1, 3, False), (None, 9, False)]
)
def test_seeds_beyond_the_folds_enlarge_intervals(small, folds, seeds, shared):
    small["datasets"]["rosmap"]["folds"] = folds
    small["seeds"] = list(range(seeds))
    made = sound(methods(small))
    assert ("nadeau2003inference" in keys(made)) == shared
    assert ("Seeds from 5 on test rows again" in made.text) == shared


@pytest.mark.parametrize(("count", "moderated"), [(7, False), (8, True)])
def test_variances_are_drawn_together_from_eight_variants_on(small, count, moderated):
    entry = small["variants"]["film"]
    small["variants"] = {f"film(depth={n})": entry for n in range(count)}
    assert ("smyth2004linear" in keys(methods(small))) == moderated


@pytest.mark.parametrize(("families", "refused"), [(5, True), (6, False)])
def test_new_data_take_six_source_families(small, families, refused):
    told = small["datasets"].pop("rosmap")
    small["datasets"] = {f"d{n}": told | {"source_family": f"f{n}"} for n in range(families)}
    assert ("nothing is claimed about new data" in methods(small).text) == refused


def test_own_data_keep_no_published_split(small):
    small["datasets"]["rosmap"]["own"] = True
    assert "whose fixed split is kept" in methods(small).text


def test_what_the_record_says_of_the_trainer_is_believed(small):
    small["training"] |= {"optimiser": "SGD", "schedule": "constant"}
    made = sound(methods(small))
    assert "with SGD, a learning rate of 0.001." in made.text
    assert not {"loshchilov2019decoupled", "loshchilov2017sgdr"} & cited(made)


@pytest.mark.parametrize(("tuned", "words"), [(True, "were tuned"), (False, "are untuned defaults")])
def test_tuning(small, tuned, words):
    text = methods(small | {"tuned": tuned}).text
    assert f"Hyper-parameters {words}." in text
    assert ("Nothing is claimed about variants after tuning." in text) == (not tuned)


def test_tuning_unknown(small):
    assert "Whether hyper-parameters were tuned is not recorded." in methods(small | {"tuned": None}).text


# ---- what is missing


@pytest.mark.parametrize(
    "key", ["name", "definition", "training", "datasets", "variants", "environments", "seeds", "metric", "schema"]
)
def test_what_is_missing_is_not_told(quick, key):
    sound(methods({name: value for name, value in quick.items() if name != key}))


def test_an_empty_record_claims_nothing():
    made = sound(methods({}))
    assert made.text.count("not recorded") + made.text.count("Without recorded seeds") >= 4
    assert made.bibtex == ""


def test_a_later_schema_s_trainer_is_unknown(quick):
    made = sound(methods(quick | {"schema": 2}))
    assert "optimiser and schedule not recorded" in made.text
    assert "AdamW" not in made.text


def test_a_bare_data_set_and_variant(small):
    small["datasets"] = {"d": {}}
    small["variants"] = {"v": {}}
    text = sound(methods(small)).text
    assert "It is not recorded what a seed changes on `d`." in text
    assert "1 whose place is not recorded" in text
    assert "(one that is not recorded)" in text


# ---- names


def awkward(suite):
    suite = copy.deepcopy(suite)
    suite["name"] = AWKWARD
    suite["variants"][AWKWARD] = suite["variants"]["film"] | {"entry": AWKWARD, "reference": f"{AWKWARD} 2020"}
    suite["datasets"][AWKWARD] = suite["datasets"]["rosmap"] | {
        "citation": AWKWARD, "home": AWKWARD, "title": AWKWARD, "source_family": AWKWARD, "licence": AWKWARD,
    }  # fmt: skip
    suite["environments"]["x"] = STORED["MACHINE"] | {"processor": AWKWARD}
    return suite


def test_names_are_literal(small):
    made = sound(methods(awkward(small)))
    assert code(AWKWARD) in made.text
    assert "<" not in re.sub(r"``.*?``(?!`)", "", made.text).replace("\\<", "")
    assert r"\texttt{\textless{}" in made.latex
    assert "見本" in made.latex


@pytest.mark.parametrize(
    ("name", "span"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("a``b`", "``` a``b` ```"), ("a\nb", "`a b`")],
)
def test_code_spans(name, span):
    assert code(name) == span


# ---- files


def test_three_files_are_written(small, tmp_path):
    made = methods(small)
    paths = write(made, tmp_path / "paper")
    assert [path.name for path in paths] == ["methods.md", "methods.tex", "references.bib"]
    assert [path.read_text("utf-8") for path in paths] == [made.text, made.latex, made.bibtex]


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("pdflatex") and shutil.which("bibtex")), reason="no LaTeX here")
def test_latex_and_bibtex_take_it(small, tmp_path):
    suite = json.loads(json.dumps(awkward(small), ensure_ascii=False).replace("見本", ""))
    write(methods(suite), tmp_path)
    (tmp_path / "main.tex").write_text(
        r"\documentclass{article}\usepackage[T1]{fontenc}\begin{document}\input{methods}"
        r"\bibliographystyle{alpha}\bibliography{references}\end{document}"
    )
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "main"]
    for command in (latex, ["bibtex", "main"], latex, latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout[-2000:]
    assert "undefined" not in (tmp_path / "main.log").read_text("utf-8", errors="replace")
