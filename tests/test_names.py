"""The grammar of canonical names: one meaning, one spelling."""

import math

import pytest

from fusebench.core.errors import FusebenchError, UnknownNameError
from fusebench.core.names import Name, canonical, parse, spell, split_outside


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("merge_sum", "merge_sum"),
        ("  merge_sum ( width = 192 ) ", "merge_sum(width=192)"),
        ("merge_sum()", "merge_sum"),
        ("f(b=1,a=2)", "f(a=2,b=1)"),
        ("synthetic(d_s=4, d_u=[1.5, 1, 2])", "synthetic(d_s=4,d_u=[1.5,1,2])"),
        ("f(a=2.0,b=[1.0,2.50])", "f(a=2,b=[1,2.5])"),
        ('f(a="image")', "f(a=image)"),
        ('f(a="two words",b="1")', 'f(a="two words",b="1")'),
        ('f(a="true",b=true)', 'f(a="true",b=true)'),
        ("f(a=True,b=False,c=None)", "f(a=true,b=false,c=null)"),
        ('f(a="a,b)",b=1)', 'f(a="a,b)",b=1)'),
        ('f(a=["x","y z"])', 'f(a=["x","y z"])'),
        ("f(a=音声)", 'f(a="音声")'),
        ("f(a=1e-3)", "f(a=0.001)"),
        ("f(a=-2)", "f(a=-2)"),
        ("concat_features + ogm_ge( alpha = 0.5 ) + x", "concat_features+ogm_ge(alpha=0.5)+x"),
        ('f(a="b+c")+w', 'f(a="b+c")+w'),
    ],
)
def test_written_canonically_and_read_back(typed, written):
    assert str(parse(typed)) == written
    assert parse(written) == parse(str(parse(written)))
    assert str(parse(str(parse(typed)))) == written


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("", "is not a name"),
        ("f(", "brackets"),
        ("f)", "brackets"),
        ('f(a="b)', "brackets or quotes"),
        ("f(a=1)b", "not closed at the end"),
        ("f(a)", "key=value"),
        ("f(a=)", "key=value"),
        ("f(=1)", "key=value"),
        ("f(a=1,a=2)", "given twice"),
        ("f++g", "is not a name"),
        ("f+", "is not a name"),
        ("1f", "is not a name"),
        ("f g", "is not a name"),
    ],
)
def test_refused_in_a_sentence(typed, named):
    with pytest.raises(FusebenchError, match=named):
        parse(typed)


def test_parts():
    name = parse("f(a=[1,2],b=x)+w(c=true)+v")
    assert (name.base, dict(name.options)) == ("f", {"a": [1, 2], "b": "x"})
    assert name.wrappers == (Name("w", {"c": True}), Name("v"))


@pytest.mark.parametrize(
    "value",
    [0, 7, -1.5, 1e-7, 1e20, True, False, None, "image", "two words", "True", "null", "1", "", [1, "a", [2.5]]],
)
def test_every_value_is_read_back_as_it_was(value):
    assert parse(f"f(a={spell(value)})").options["a"] == value


def test_infinity_is_read_back_too():
    assert math.isinf(parse(f"f(a={spell(math.inf)})").options["a"])


class TestCanonical:
    defaults = {"rank": 4, "width": None, "main": "image", "scale": 1.0}  # noqa: RUF012

    def written(self, typed):
        return str(canonical(parse(typed), self.defaults, "variant 'f'"))

    def test_defaults_are_left_out(self):
        assert self.written("f(rank=4,width=null,main=image,scale=1)") == "f"
        assert self.written("f(rank=4,width=matched)") == "f(width=matched)"
        assert self.written("f(scale=1.5,main=audio)") == "f(main=audio,scale=1.5)"

    def test_wrappers_stay(self):
        assert self.written("f(rank=4)+w(a=1)") == "f+w(a=1)"

    def test_an_unknown_option_names_the_nearest(self):
        with pytest.raises(UnknownNameError, match=r"option of variant 'f' 'ranks'.*did you mean 'rank'"):
            self.written("f(ranks=2)")

    def test_an_entry_without_options_says_so(self):
        with pytest.raises(UnknownNameError, match="takes no options"):
            canonical(parse("f(zzz=2)"), {}, "variant 'f'")


def test_lists_are_split_outside_brackets_and_quotes():
    assert split_outside('a, b(c=1,d=[2,3]), e(f="g,h")', ",") == ["a", "b(c=1,d=[2,3])", 'e(f="g,h")']
    assert split_outside("", ",") == [""]
