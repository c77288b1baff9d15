"""LaTeX of tables: literal names, numbers in math, rows and columns that agree, parts that fit a line."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

from fusebench.reports import contents, tables
from fusebench.reports.paper import columns, latex
from fusebench.reports.paper.singles import file_names, single_tables
from fusebench.reports.run import load
from fusebench.reports.scoreboard import scores

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
faults = runpy.run_path(str(Path(__file__).with_name("latex_faults.py")))["faults"]
store_run, planted, KNOWN = STORED["store_run"], STORED["planted"], STORED["KNOWN"]
NASTY = "a_b & 50 % of $x$ #1 {y} ~z^2 \\end{tabular} </script> [k] 提案*"

# ---- signs


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b", r"a\_b"),
        ("50 % & #1", r"50 \% \& \#1"),
        ("$x$ {y}", r"\$x\$ \{y\}"),
        ("~^\\", r"\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("</script>", r"\textless{}/script\textgreater{}"),
        ("[k] x*", "{[}k{]} x{*}"),
        ("a--b---c", "a-{}-b-{}--c"),
        ('"q" `r` |s|', r"\texttt{\char34}q\texttt{\char34} \textasciigrave{}r\textasciigrave{} "
                        r"\textbar{}s\textbar{}"),
        ("0.8 ± 0.1, −1 × 2 ★", r"0.8 $\pm$ 0.1, $-$1 $\times$ 2 $\star$"),
        ("音声 é", "音声 é"),
        ("a\nb\tc\u00a0d", "a b c d"),
        ("bell\a", r"bell\textbackslash{}u0007"),
    ],
)  # fmt: skip
def test_escape(text, written):
    assert latex.escape(text) == written
    assert faults(latex.escape(text)) == []


def test_a_line_may_end_inside_a_name_only_where_asked():
    assert latex.escape("merge_sum(width=192)", breaks=True) == (
        r"merge\_\allowbreak{}sum(\allowbreak{}width=\allowbreak{}192)"
    )
    assert latex.escape("(higher is better)", breaks=True) == "(higher is better)"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.843 ± 0.012 ★", r"$\mathbf{0.843} \pm 0.012$"),
        ("0.843 ★", r"$\mathbf{0.843}$"),
        ("0.843 ± 0.012", r"$0.843 \pm 0.012$"),
        ("−0.010 ± 0.020 *", r"$-0.010 \pm 0.020^{*}$"),
        ("+0.010", "$+0.010$"),
        ("+1.3 [−0.4, +2.8] *", r"$+1.3 \;[-0.4, +2.8]^{*}$"),
        ("12,345,678", "$12{,}345{,}678$"),
        (".84", "$.84$"),
        ("failed 1/3", "failed 1/3"),
        ("out_of_memory 3/3", r"out\_of\_memory 3/3"),
        ("not counted", "not counted"),
        ("", ""),
    ],
)
def test_cell(text, written):
    assert latex.cell(text) == written


def test_a_name_is_no_number_and_loses_no_star():
    assert latex.cell("5 ★", "variant") == r"5 $\star$"


# ---- tables


def test_names_stand_literally_wherever_they_may_stand():
    shown = pd.DataFrame(
        {"variant": [NASTY, "b"], "architecture": [NASTY, "late"], "data fusion": ["none", "merge"],
         "also called": ["", ""], NASTY: ["0.843 ± 0.012 ★", "failed 1/3"]}
    )  # fmt: skip
    table = tables.Table("a_b/c", NASTY, pd.DataFrame(), ((NASTY, shown),), (NASTY, f"★ shares {NASTY}"))
    text = tables.latex(table, NASTY, f"{NASTY}\n\\input{{x}}")
    assert faults(text) == []
    head, *_ = text.split(r"\begingroup")
    assert all(line.startswith("%") for line in head.splitlines())
    # in a caption three times, in a row, in two notes; a heading is broken over lines
    assert text.replace(r"\allowbreak{}", "").count(latex.escape(NASTY)) == 6
    assert r"\textbf{Bold} shares a\_\allowbreak{}b" in text
    assert r"\mathbf{0.843} \pm 0.012" in text
    assert "failed 1/3" in text
    assert r"\label{tab:suite-a_b-c}" in text


def test_a_grid_is_grouped_by_its_place_in_the_taxonomy():
    shown = pd.DataFrame(
        {
            "variant": ["u", "v", "w"],
            "architecture": ["unimodal", "cross_modal", "cross_modal"],
            "data fusion": ["none", "merge", "merge"],
            "also called": ["", "x", ""],
            "d": ["0.7", "0.8 ★", "failed 1/1"],
        }
    )
    lines = latex.tabular(shown).splitlines()
    assert lines[2:-2] == [
        r"variant & d \\",
        r"\midrule",
        r"\multicolumn{2}{l}{\emph{unimodal}} \\",
        r"u & $0.7$ \\",
        r"\addlinespace",
        r"\multicolumn{2}{l}{\emph{cross-modal, merge}} \\",
        r"v & $\mathbf{0.8}$ \\",
        r"w & failed 1/1 \\",
    ]


def test_columns_that_have_no_room_go_into_a_part_of_their_own():
    # one letter is 3.9 points, a gap 6: variant 4 + 6 = 21.6 wide, a data set 13 letters + 6 = 56.7
    shown = pd.DataFrame({"name": ["abcd"], **{f"d{i}": ["0.843 ± 0.012 ★"] for i in range(5)}})
    parts = columns.arrange(shown, 21.6 + 2 * 56.7)
    assert [part.columns for part in parts] == [("name", "d0", "d1"), ("name", "d2", "d3"), ("name", "d4")]
    assert len(columns.arrange(shown, 21.6 + 5 * 56.7)) == 1
    text = latex.longtables(shown, "T", "tab:t", width=21.6 + 2 * 56.7)
    assert faults(text) == []
    assert re.findall(r"part \d of \d", text) == ["part 1 of 3", "part 2 of 3", "part 3 of 3"]
    assert re.findall(r"\\label{(.*?)}", text) == ["tab:t", "tab:t-part-2", "tab:t-part-3"]


def test_columns_of_text_are_wrapped_before_a_table_is_parted():
    shown = pd.DataFrame({"left": ["x" * 60], "right": ["y"], "effect": ["+0.010 ± 0.020"]})
    (layout,) = columns.arrange(shown, 200)
    # right: 5 letters of its heading + 6; effect: 14 letters + 6; what is left of 200, less a gap of 6
    assert layout.wrapped == {"left": pytest.approx(200 - (5 * 3.9 + 6) - (14 * 3.9 + 6) - 6)}
    assert layout.specification == r">{\raggedright\arraybackslash}p{108pt}lr"


def test_as_many_columns_are_repeated_as_tell_rows_apart():
    shown = pd.DataFrame(
        {
            "set": ["d", "d"],
            "name": ["a", "b"],
            "held": ["w " * 80] * 2,
            **{f"x{i}": ["0.1"] * 2 for i in range(9)},
        }
    )
    parts = columns.arrange(shown, 200)
    assert len(parts) > 1
    assert all(part.columns[:2] == ("set", "name") for part in parts)
    assert [part.columns.count("held") for part in parts] == [1] + [0] * (len(parts) - 1)
    assert parts[0].wrapped == {"held": columns.WIDEST}
    same = shown.assign(name="a")  # nothing tells these apart: all columns before the first number
    assert all(part.columns[:3] == ("set", "name", "held") for part in columns.arrange(same, 200))


def test_rows_with_nothing_in_a_part_are_left_out_of_it():
    shown = pd.DataFrame(
        {
            "variant": ["u", "v"],
            "architecture": "late",
            "data fusion": "merge",
            "d": ["", "0.8"],
            "e": ["0.1", "0.2"],
        }
    )
    text = latex.longtables(shown, "T", "t", width=40)
    first, second = text.split(r"\end{longtable}")[:2]
    assert "u &" not in first
    assert "u &" in second
    assert faults(text) == []


def test_a_long_caption_goes_on_below_the_table():
    shown = pd.DataFrame({"variant": ["a"], "mean rank": ["1.50"]})
    rest = ", ".join(f"variant_{i}" for i in range(40))
    text = latex.longtables(shown, f"ranked on 3; not ranked: {rest}", "t", width=345)
    assert r"\caption{ranked on 3}" in text
    assert text.index("Not ranked: variant") > text.index(r"\end{longtable}")


def test_an_empty_table_says_so():
    assert (
        latex.longtables(pd.DataFrame({"a": []}), "T_1", "t", width=345)
        == "\\noindent T\\_1: nothing to show.\\par\n"
    )


# ---- a run's


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    names = [n for n in KNOWN if n.startswith(("unimodal(", "concat_f", "merge_s", "late_", "early_concat"))]
    values = planted(names, ["rosmap", "digits_trimodal", "synthetic_redundant", "synthetic_synergy"])
    values["late_product"]["rosmap"] = [0.8, "failed", 0.8]
    values["early_concat_mlp"]["rosmap"] = ["timeout"] * 3
    return load(store_run(tmp_path_factory.mktemp("results") / "quick", values))


def test_every_table_that_is_read_is_sound_latex(demo, tmp_path):
    paths = tables.write(
        [*contents.tables(demo), *single_tables(demo)], tmp_path, "quick · untuned", "the run quick"
    )
    markdown = {path.with_suffix("") for path in paths if path.suffix == ".md"}
    made = [path for path in paths if path.suffix == ".tex"]
    assert {path.with_suffix("") for path in made} == markdown
    assert len(made) >= 11
    labels = []
    for path in made:
        text = path.read_text("utf-8")
        assert faults(text) == [], path
        assert "made by fusebench from the run quick." in text.splitlines()[0]
        assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", text.lower())
        labels += re.findall(r"\\label{(.*?)}", text)
    assert len(set(labels)) == len(labels)
    accuracy = (tmp_path / "accuracy.tex").read_text("utf-8")
    assert accuracy.count("failed 1/3") >= 1
    assert "timeout 3/3" in accuracy


def test_bold_stands_where_a_star_does(demo):
    made = scores(demo, "accuracy")
    text = tables.latex(made, "")
    stars = sum(str(cell).endswith("★") for _, shown in made.sections for cell in shown.to_numpy().ravel())
    assert text.count(r"\mathbf") == stars > 0
    assert "★" not in text


# ---- one data set

# seed                       0     1    mean   gain over unimodal(modality=image), the only single modality
# unimodal(modality=image)  .50   .52   .51
# gmu                       .80   .82   .81    .30
# film                      .82   .80   .81    .30
# deviations from the mean: −.01 .01 | −.01 .01 | .01 −.01; a seed's level −.00333, .00333; residuals squared and
# summed 2(.00667² + .00667² + .01333²) = .000533 on (3 − 1)(2 − 1) = 2 df: variance .000267, of a mean .000133;
# half = 4.3027 √.000133 = .0497; of a gain √2 times that, .0703.
SHARED = {
    "unimodal(modality=image)": {"d": [0.50, 0.52]},
    "gmu": {"d": [0.80, 0.82]},
    "film": {"d": [0.82, 0.80]},
    "late_mean": {"d": [0.90, "failed"]},
}


def test_score_gain_and_time_of_one_data_set_by_hand(tmp_path):
    (table,) = single_tables(load(store_run(tmp_path, SHARED)))
    ((_, shown),) = table.sections
    text = {row[0]: row[3:5] for row in shown.itertuples(index=False)}
    assert text == {
        "unimodal(modality=image)": ("0.510 ± 0.050", "–"),
        "gmu": ("0.810 ± 0.050 ★", "+0.300 ± 0.070 ★"),
        "film": ("0.810 ± 0.050 ★", "+0.300 ± 0.070 ★"),
        "late_mean": ("ok 1/2, failed 1/2", "ok 1/2, failed 1/2"),
    }
    data = table.data.set_index("variant")
    cells = load(store_run(tmp_path, SHARED)).cells
    own = cells[cells["variant"] == "gmu"]["wall_own"].mean()
    assert data.loc["gmu", "seconds"] == pytest.approx(own)
    assert data["seconds"].isna().tolist() == [name == "late_mean" for name in data.index]
    assert list(data.index[data["first"]]) == ["gmu", "film"]


def test_times_of_another_machine_are_a_word(tmp_path):
    store = store_run(tmp_path, SHARED)
    moved = next(record for record in store.records() if record.variant == "film" and record.seed == 1)
    store.put(type(moved)(**(moved.to_json() | {"environment": "other", "stages": ()})))
    ((_, shown),) = single_tables(load(store))[0].sections
    assert dict(zip(shown["variant"], shown["training (s)"], strict=True))["film"] == "other machine"


def test_a_data_set_has_a_file_name_whatever_it_is_called():
    names = ["rosmap", "Rosmap", "a/b", "a b", "提案", "synthetic(d_s=4)", "../x"]
    files = file_names(names)
    assert files["rosmap"] == "rosmap"
    assert len({file.casefold() for file in files.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", file) for file in files.values())
