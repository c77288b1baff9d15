"""The register of variants: what it refuses, how it finds, and what every entry says about itself."""

import importlib
import json
import sys
import types

import pytest

from fusebench import fusion
from fusebench.core.errors import DuplicateNameError, FusebenchError, UnknownNameError
from fusebench.core.registry import Registry
from fusebench.datasets import KINDS, Modality
from fusebench.fusion import REGISTRY, Requires, Settings, build, definitions, expand, make_task, refusal, resolve
from fusebench.fusion.extractors import CNN, MLP
from fusebench.fusion.matching import matched_width
from fusebench.fusion.neural import NeuralVariant
from fusebench.fusion.registry import known_names, register
from fusebench.fusion.taxonomy import ALIASES, AXES, Axes

fusion.load_all()

PLACE = dict(architecture="late", data_fusion="merge", level="features", operator="sum")
TABLE, PICTURE = Modality("table", "tabular", (4,)), Modality("picture", "image", (1, 8, 8))
ENTRIES = [pytest.param(entry, id=entry.id) for entry in REGISTRY]


def thing(id, place="here:1", *others):
    return types.SimpleNamespace(id=id, place=place, other_names=others)


# ---- registering


def test_a_taken_id_names_both_places():
    with pytest.raises(DuplicateNameError) as caught:

        @register("merge_sum", **PLACE)
        def merge_again(h):
            return h

    assert "merge_sum" in str(caught.value)
    assert "merge.py:" in str(caught.value)
    assert "test_registry.py:" in str(caught.value)
    assert REGISTRY.get("merge_sum").definition.__name__ == "merge_sum"


def test_the_same_definition_read_again_replaces_itself():
    registry = Registry("thing")
    registry.add(thing("a"))
    second = registry.add(thing("a"))
    assert registry.get("a") is second
    assert len(registry) == 1


@pytest.mark.parametrize(
    ("about", "named"),
    [
        ({"architecture": "lat"}, r"value of axis 'architecture' 'lat'.*'late'"),
        ({"level": "feature"}, r"value of axis 'level' 'feature'.*'features'"),
        ({"sharing": "often"}, r"value of axis 'sharing' 'often'.*multiple.*none.*pretraining.*single"),
        ({"architekture": "late"}, r"argument of register\('new'\) 'architekture'.*'architecture'"),
        ({"tier": "cor"}, r"tier of variant 'new' 'cor'.*'core'"),
        ({"architecture": "unimodal"}, "only a unimodal baseline fuses nothing"),
        ({"data_fusion": "none"}, "only a unimodal baseline fuses nothing"),
    ],
)
def test_a_wrong_axis_is_told_with_the_nearest(about, named):
    with pytest.raises(FusebenchError, match=named):
        register("new", **(PLACE | about))
    assert "new" not in REGISTRY


@pytest.mark.parametrize("axis", PLACE)
def test_a_missing_axis_is_told(axis):
    with pytest.raises(FusebenchError, match=axis):
        register("new", **{key: value for key, value in PLACE.items() if key != axis})


# ---- broken files

BROKEN = {
    "a_syntax": ("def f(:\n    pass\n", "SyntaxError", "a_syntax.py:1"),
    "b_name": ("\nmerge = undefined\n", "NameError", "b_name.py:2"),
    "c_exit": ("import sys\nsys.exit('stop')\n", "SystemExit", "c_exit.py:2"),
    "d_import": ("import no_such_module\n", "ModuleNotFoundError", "d_import.py:1"),
    "e_zero": ("1 / 0\n", "ZeroDivisionError", "e_zero.py:1"),
    "f_folder/__init__": ("raise RuntimeError('whole folder')\n", "RuntimeError", "__init__.py:1"),
    "g_group": ("raise ExceptionGroup('several', [ValueError('one')])\n", "ExceptionGroup", "g_group.py:1"),
}
GOOD = "from broken_room import REGISTRY, thing\nREGISTRY.add(thing({!r}))\n"


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A package in which some files are broken, and a register that it fills."""
    folder = tmp_path / "broken_room"
    files = {f"{name}.py": text for name, (text, _, _) in BROKEN.items()}
    files |= {"a_good.py": GOOD.format("a_good"), "z_good.py": GOOD.format("z_good")}
    files |= {"sub/__init__.py": "", "sub/good.py": GOOD.format("sub_good"), "f_folder/unseen.py": "1 / 0\n"}
    files["__init__.py"] = (
        "import types\nfrom fusebench.core.registry import Registry\nREGISTRY = Registry('thing')\n\n\n"
        "def thing(id):\n    return types.SimpleNamespace(id=id, place=id, other_names=())\n"
    )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("broken_room")
    for name in [n for n in sys.modules if n.split(".")[0] == "broken_room"]:
        del sys.modules[name]


def test_broken_files_are_named_and_the_others_go_on(room):
    room.REGISTRY.discover(room)
    assert room.REGISTRY.ids == ["a_good", "sub_good", "z_good"]
    named = {f"broken_room.{name.removesuffix('/__init__')}": about for name, about in BROKEN.items()}
    assert room.REGISTRY.broken.keys() == named.keys()
    for name, (_, kind, place) in named.items():
        assert room.REGISTRY.broken[name].startswith(kind)
        assert place in room.REGISTRY.broken[name]


def test_an_interrupt_is_no_broken_file(room, tmp_path):
    (tmp_path / "broken_room" / "stop.py").write_text("raise KeyboardInterrupt\n")
    importlib.invalidate_caches()
    with pytest.raises(KeyboardInterrupt):
        room.REGISTRY.discover(room)


@pytest.mark.parametrize(("text", "kind", "place"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named(text, kind, place, tmp_path):
    registry, plugin = Registry("thing"), tmp_path / place.split(":")[0]
    plugin.write_text(text)
    registry.load_file(plugin)
    assert registry.broken.keys() == {str(plugin)}
    assert registry.broken[str(plugin)].startswith(kind)
    assert place in registry.broken[str(plugin)]


def test_a_plugin_cannot_take_an_id(tmp_path):
    plugin = tmp_path / "takes_an_id.py"
    about = ", ".join(f"{key}={value!r}" for key, value in PLACE.items())
    plugin.write_text(f"from fusebench.fusion import register\nregister('gmu', {about})(lambda h: h)\n")
    fusion.load_plugins((str(plugin),))
    assert "takes_an_id.py:2" in REGISTRY.broken.pop(str(plugin))
    assert REGISTRY.get("gmu").definition.__module__ == "fusebench.fusion.late.nodes"


def test_two_plugins_of_one_name_are_refused(tmp_path):
    registry, files = Registry("thing"), [tmp_path / name / "twin_plugin.py" for name in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text("")
    registry.load_file(files[0])
    registry.load_file(files[0])
    with pytest.raises(FusebenchError, match="rename one") as caught:
        registry.load_file(files[1])
    assert all(str(file) in str(caught.value) for file in files)


def test_a_plugin_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FusebenchError, match=r"nowhere\.py' is not a file"):
        Registry("thing").load_file(tmp_path / "nowhere.py")


def test_no_file_of_the_package_is_broken():
    assert REGISTRY.broken == {}


# ---- finding


@pytest.mark.parametrize(
    ("typed", "id"),
    [
        ("hadamard", "merge_product"),
        ("Hadamard", "merge_product"),
        ("内積", "merge_inner_product"),
        ("調和平均", "merge_harmonic_mean"),
        ("要素積", "merge_product"),
        ("memo a", "concat_features"),
        ("memo b", "concat_network"),
        ("memo c", "merge_sum"),
        ("memo d", "merge_network"),
        ("LowRankTensorFusion", "low_rank_fusion"),
        ("lmf", "low_rank_fusion"),
        ("SumFusion", "merge_sum"),
        ("ConcatTabularFeatureMaps", "concat_features"),
        ("gated multimodal unit", "gmu"),
    ],
)
def test_other_names_find_the_entry(typed, id):
    assert REGISTRY.get(typed).id == id
    assert str(resolve(f" {typed} ")[1]) == id


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_other_name_leads_back(entry):
    assert REGISTRY.get(entry.id) is entry
    for name in entry.other_names:
        of_peers = [e.id for e in REGISTRY if name in known_names(*e.also_known_as.values())]
        if len(of_peers) > 1:  # a peer has one name for what are several entries here
            with pytest.raises(FusebenchError, match=f"may mean .*{entry.id}"):
                REGISTRY.get(name)
        else:
            assert REGISTRY.get(name) is entry


def test_a_name_of_two_entries_asks_which():
    registry = Registry("thing")
    registry.add(thing("a", "here:1", "both"))
    registry.add(thing("b", "here:2", "Both"))
    with pytest.raises(FusebenchError, match="may mean a, b"):
        registry.get("both")


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("merge_summ", "did you mean 'merge_sum'"),
        ("Concat_Feature", "did you mean 'concat_features'"),
        ("zzzzzz", "fusebench list variants"),
        ("merge_sum(widht=3)", "did you mean 'width'"),
        ("concat_network(width=3)", "takes no options"),
        ("merge_sum+ogm_gee", "training wrapper 'ogm_gee'.*did you mean 'ogm_ge'"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(typed, named):
    with pytest.raises(UnknownNameError, match=named):
        resolve(typed)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("late_weighted(steps=many)", "a whole number"),
        ("late_weighted(steps=2.5)", "a whole number"),
        ("late_weighted(steps=true)", "a whole number"),
        ("early_concat_logreg(C=big)", "a number"),
        ("merge_network(gates=1)", "true or false"),
        ("merge_network(linear=no)", "true or false"),
        ("late_mean(experts=3)", "a word"),
    ],
)
def test_a_value_of_another_kind_is_refused(typed, expected):
    with pytest.raises(FusebenchError, match=rf"option .*=.* was given, expected {expected}"):
        resolve(typed)


def test_python_s_words_are_taken_for_what_they_mean():
    assert str(resolve("merge_network(gates=True,linear=False)")[1]) == "merge_network(gates=true)"
    assert str(resolve("early_concat_logreg(C=3)")[1]) == "early_concat_logreg(C=3)"


# ---- building


def two():
    return make_task((TABLE, PICTURE), ("a", "b"))


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("unimodal", "modality=None is not one of table, picture"),
        ("unimodal_classical(modality=sound)", "modality=sound is not one of table, picture"),
        ("merge_sum(width=0)", "width=0"),
        ("merge_sum(width=broad)", "width='broad'"),
        ("merge_network(gates=true,hidden=4)", "exclude one another"),
        ("late_mean(experts=oracle)", "experts='oracle'"),
        ("late_mean(experts=unimodal(modality=table))", "whose options may be given"),
        ("unimodal_classical(modality=table,learner=logreg,C=0)", "C=0"),
        ("unimodal_classical(modality=table,learner=svm)", "learner='svm'"),
    ],
)
def test_what_cannot_be_built_is_told_before_training(typed, named):
    with pytest.raises(FusebenchError, match=named):
        build(typed, two())


def test_a_rule_takes_experts_with_options_of_their_own():
    typed = "late_mean(experts=unimodal_classical(learner=logreg,C=2))"
    assert build(typed, two()).needs() == (
        "unimodal_classical(C=2,learner=logreg,modality=table)",
        "unimodal_classical(C=2,learner=logreg,modality=picture)",
    )
    name = str(resolve(typed)[1])
    assert str(resolve(name)[1]) == name == 'late_mean(experts="unimodal_classical(learner=logreg,C=2)")'


def test_data_that_does_not_fit_is_refused_with_the_reason():
    assert refusal("merge_sum", (TABLE, PICTURE), ("a", "b")) is None
    assert "at least 2 modalities, the data set has 1" in refusal("merge_sum", (TABLE,), ("a", "b"))
    with pytest.raises(FusebenchError, match="at least 2 modalities"):
        build("late_mean", make_task((TABLE,), ("a", "b")))


def test_requirements():
    requires = Requires(modalities=(2, 3), kinds=("tabular",), max_classes=2)
    tables = tuple(Modality(f"t{i}", "tabular", (2,)) for i in range(4))
    assert requires.refuse(tables[:3], ("a", "b")) is None
    assert "at most 3 modalities" in requires.refuse(tables, ("a", "b"))
    assert "kind 'image' of modality 'picture'" in requires.refuse((TABLE, PICTURE), ("a", "b"))
    assert "at most 2 classes" in requires.refuse(tables[:2], ("a", "b", "c"))


def test_a_baseline_stands_for_one_variant_a_modality():
    assert expand("unimodal", (TABLE, PICTURE)) == ["unimodal(modality=table)", "unimodal(modality=picture)"]
    assert expand("unimodal(modality=table)", (TABLE, PICTURE)) == ["unimodal(modality=table)"]
    assert expand("memo c", (TABLE, PICTURE)) == ["merge_sum"]


def test_the_source_of_a_variant_holds_the_extractors_that_it_uses():
    assert {MLP, CNN} <= set(definitions("merge_sum", two()))
    alone = definitions("unimodal(modality=table)", two())
    assert MLP in alone
    assert CNN not in alone
    assert NeuralVariant not in definitions("early_concat_logreg", two())
    assert matched_width not in alone
    matched = make_task((TABLE, PICTURE), ("a", "b"), Settings(capacity="matched"))
    assert matched_width in definitions("merge_sum", matched)


# ---- what entries say about themselves


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_stands_on_valid_axes(entry):
    assert all(getattr(entry.axes, axis) in values for axis, values in AXES.items())
    assert entry.axes.operator
    assert entry.tier in ("core", "full")
    assert set(entry.requires.kinds) <= set(KINDS)
    assert set(entry.contestable or {}) <= set(AXES)
    assert entry.per_modality is None or entry.per_modality in entry.defaults
    for spelt in entry.equivalence_by_options:
        assert str(resolve(f"{entry.id}({spelt})")[1]) == f"{entry.id}({spelt})"


@pytest.mark.parametrize(
    ("id", "letter"),
    [
        ("early_concat_mlp", "a"),
        ("concat_features", "a"),
        ("late_stacking", "a"),
        ("concat_network", "b"),
        ("merge_sum", "c"),
        ("merge_harmonic_mean", "c"),
        ("late_mean", "c"),
        ("merge_network", "d"),
        ("gmu", "d"),
        ("cross_attention", "d"),
        ("unimodal", None),
    ],
)
def test_letters_of_the_survey_s_figure(id, letter):
    assert REGISTRY.get(id).axes.figure5 == letter


def test_the_memo_s_four_ways_stand_late():
    for id in ("concat_features", "concat_network", "merge_sum", "merge_network"):
        axes = REGISTRY.get(id).axes
        assert (axes.architecture, axes.training, axes.sharing) == ("late", "joint", "none")
        assert {"intermediate", "joint"} & set(axes.aliases)


def test_the_placement_rule_on_its_axes():
    for entry in REGISTRY:
        axes = entry.axes
        assert (axes.sharing != "none") == (axes.architecture == "cross_modal"), entry.id
        assert axes.training != "apart" or axes.level == "decisions" or axes.architecture == "unimodal", entry.id


def test_aliases_follow_from_the_axes():
    words = {word: [e.id for e in REGISTRY if word in e.axes.aliases] for word in ALIASES}
    assert all(words.values()), words
    assert "late_mean" in words["decision-level"]
    assert "merge_sum" not in words["decision-level"]
    assert "early_concat_mlp" not in words["intermediate"]
    assert not any("unimodal" in ids for ids in words.values())


def test_axes_refuse_an_unknown_value():
    with pytest.raises(UnknownNameError, match=r"'training' 'jointly'.*'joint'"):
        Axes(**PLACE, training="jointly")


@pytest.mark.parametrize("entry", ENTRIES)
def test_metadata_is_json(entry):
    about = entry.metadata({"width": 3})
    assert json.loads(json.dumps(about, allow_nan=False)) == about
    wanted = {"id", "operator", "tier", "also_known_as", "equivalence_class", "figure5", "definition"}
    assert {*AXES, *wanted} <= set(about)
    assert about["definition"]
    assert about["place"].startswith("fusion/")
    assert about["place"].rpartition(":")[2].isdigit()
