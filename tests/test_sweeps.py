"""Sweeps and grids, found from the names of data sets alone."""

from itertools import product

from fusebench.core.names import Name, spell
from fusebench.datasets.synthetic.sets import Synthetic
from fusebench.reports.sweeps import DIALS, bases, grids, sweeps, words

BASE = {"d_r": 1.5, "d_s": 4, "d_u": 2, "rho_r": 0.7}


def name(base=BASE, **dials):
    held = {key: value for key, value in (base | dials).items() if value != DIALS[key].default}
    return str(Name("synthetic", held))


def around(base, **values):
    return {name(base), *(name(base, **{dial: value}) for dial, held in values.items() for value in held)}


def settings(found, dial):
    return [words(value) for value, _ in found[dial]]


def test_defaults_and_dials_are_those_of_the_data():
    defaults = Synthetic.defaults()
    assert set(DIALS) == set(defaults)
    assert {d: spell(told.default) for d, told in DIALS.items()} == {d: spell(v) for d, v in defaults.items()}


def test_a_sweep_holds_the_base_at_its_default():
    names = around(BASE, d_s=[0, 8], rows=[250, 4000], misaligned=[0.2, 0.1], clutter=[1])
    assert bases(names) == [name()]
    found = sweeps(names)
    assert list(found) == ["d_s", "rows", "clutter", "misaligned"]
    assert [value for value, _ in found["misaligned"]] == [0, 0.1, 0.2]
    assert [value for value, _ in found["rows"]] == [250, 1000, 4000]
    assert [value for value, _ in found["clutter"]] == [0.25, 1]
    assert found["d_s"] == [(0, name(d_s=0)), (4, name()), (8, name(d_s=8))]


def test_numbers_come_before_lists_and_an_unknown_default_before_both():
    names = around(BASE, missing=[[[0.1, 0.2, 0.3, 0.6], 0.2, 0], 0.3, [0.1, 0, 0]])
    assert settings(sweeps(names), "missing") == ["0", "0.3", "[0.1,0,0]", "[[0.1,0.2,0.3,0.6],0.2,0]"]
    preset = ["synthetic_mixed", "synthetic_mixed(d_s=4)", "synthetic_mixed(d_s=2)"]
    assert settings(sweeps(preset), "d_s") == ["default", "2", "4"]
    assert settings(sweeps(["other", 'other(kind="b c")']), "kind") == ["default", "b c"]


def test_two_bases_do_not_mix():
    other = {"d_u": 3, "classes": 3}
    names = around(BASE, d_s=[0, 8], rows=[250, 4000], imbalance=[3]) | around(other, rows=[250, 500], d_u=[1])
    assert bases(names) == [name(), name(other)]
    assert settings(sweeps(names), "rows") == ["250", "1000", "4000"]
    second = sweeps(names, name(other))
    assert {dial: settings(second, dial) for dial in second} == {"d_u": ["1", "3"], "rows": ["250", "500", "1000"]}
    assert not grids(names)


def test_names_that_are_not_close_make_no_sweep():
    names = [
        "rosmap", "digits_trimodal(mel=32,size=28)", "digits_trimodal", "my rows (2)", "synthetic_synergy",
        "synthetic_private(rows=300,test_rows=500)", "synthetic_mixed(rows=300)", name(), name(d_r=0, d_s=0),
    ]  # fmt: skip
    assert bases(names) == []
    assert sweeps(names) == {}
    assert sweeps([]) == {}
    assert grids(names) == []


def test_a_grid_is_made_of_rectangles_and_is_no_second_base():
    cross = around(BASE, d_r=[0.25, 3], d_s=[1, 8], d_u=[1])
    assert grids(cross) == []
    plane = {(a, b): name(d_r=a, d_s=b) for a, b in product([0, 1.5, 2], [0, 4]) if (a, b) != (2, 0)}
    names = cross | set(plane.values())
    assert bases(names) == [name()]
    (grid,) = grids(names)
    assert (grid.x, grid.y, grid.held) == ("d_r", "d_s", "synthetic(d_u=2,rho_r=0.7)")
    assert (grid.xs, grid.ys) == ((0, 1.5), (0, 4))  # (2, 4) is on the sweep alone, and 0.25 and 3 are
    assert grid.cells == {(x, y): plane[grid.xs[x], grid.ys[y]] for x, y in product(range(2), range(2))}


def test_a_grid_may_have_a_hole_and_slices_of_a_block_are_shown_once():
    holed = {name(d_r=a, d_s=b) for a, b in product([0, 1, 2], [0, 2, 4]) if (a, b) != (1, 2)}
    (grid,) = grids(holed)
    assert len(grid.cells) == 8 and (1, 1) not in grid.cells
    block = [name(d_r=a, d_s=b, d_u=c) for a, b, c in product([1, 2, 3], [2, 4, 6], [1, 2])]
    made = grids(block)
    assert [(grid.x, grid.y, len(grid.cells)) for grid in made] == [("d_r", "d_s", 9)] * 2
