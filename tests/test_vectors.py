"""Embeddings from .npy, .npz and both MATLAB formats: the same shapes, or one sentence on what is wrong."""

import sys

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.datasets.own.vectors import mat_views, read_mat_column, read_vectors

N = 12
RNG = np.random.default_rng(0)
VIEWS = [RNG.normal(size=(N, 5)), RNG.normal(size=(N, 3))]
LABELS = np.repeat([1, 2, 3], [6, 4, 2])


def save_73(path, **variables):
    """Write what MATLAB writes with `-v7.3`: 512 bytes of its own, HDF5 with turned axes, cells by reference."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            if isinstance(value, list):
                held = [file.create_dataset(f"#refs#/{name}{i}", data=v.T) for i, v in enumerate(value)]
                cells = np.array([[one.ref] for one in held], dtype=h5py.ref_dtype)  # a 1 x k cell array
                node = file.create_dataset(name, data=cells, dtype=h5py.ref_dtype)
                node.attrs["MATLAB_class"] = np.bytes_("cell")
            else:
                file.create_dataset(name, data=np.atleast_2d(value).T).attrs["MATLAB_class"] = np.bytes_("double")
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512)
    path.write_bytes(head + path.read_bytes()[512:])


def save_old(path, **variables):
    """Write version 5, lists as 1 x k cell arrays."""
    held = {}
    for name, value in variables.items():
        held[name] = value
        if isinstance(value, list):
            held[name] = np.empty((1, len(value)), dtype=object)
            held[name][0, :] = value
    savemat(path, held)


SAVES = {"old": save_old, "7.3": save_73}


@pytest.mark.parametrize("form", SAVES)
@pytest.mark.parametrize("turned", [False, True])
def test_views_of_both_formats_and_orientations_are_alike(tmp_path, form, turned):
    path = tmp_path / "views.mat"
    SAVES[form](path, X=[view.T if turned else view for view in VIEWS], Y=LABELS[None, :])
    views, labels = mat_views(path, "X", "Y")
    assert [view.shape for view in views] == [(N, 5), (N, 3)]
    for view, original in zip(views, VIEWS, strict=True):
        assert view.dtype == np.float32
        np.testing.assert_allclose(view, original, rtol=1e-6)
    assert labels.tolist() == LABELS.tolist() and labels.dtype == np.int64
    assert np.unique(labels, return_counts=True)[1].tolist() == [6, 4, 2]


@pytest.mark.parametrize("form", SAVES)
def test_cell_array_with_several_rows_counts_as_matlab_does(tmp_path, form):
    if form == "old":
        cells = np.empty((2, 2), dtype=object)
        cells[:] = [[np.full((4, 1), 1.0), np.full((4, 1), 3.0)], [np.full((4, 1), 2.0), np.full((4, 1), 4.0)]]
        savemat(tmp_path / "a.mat", {"C": cells})
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.mat", "w") as file:
            refs = [file.create_dataset(f"#refs#/{i}", data=np.full((1, 4), i)).ref for i in (1.0, 2.0, 3.0, 4.0)]
            cells = np.array(refs, dtype=h5py.ref_dtype).reshape(2, 2)  # columns of MATLAB are rows here
            file.create_dataset("C", data=cells).attrs["MATLAB_class"] = np.bytes_("cell")
    for place in (1, 2, 3, 4):
        got = read_vectors(tmp_path / "a.mat", f"C{{{place}}}", expected=4)
        assert got.tolist() == [[place]] * 4


@pytest.mark.parametrize("form", SAVES)
def test_square_views_are_refused_unless_declared(tmp_path, form):
    square = np.arange(9.0).reshape(3, 3)
    SAVES[form](tmp_path / "a.mat", X=square)
    with pytest.raises(FusebenchError, match=r'3 x 3.*rows = "first".*rows = "last"'):
        read_vectors(tmp_path / "a.mat", expected=3)
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.mat", rows="first", expected=3), square)
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.mat", rows="last", expected=3), square.T)


def test_mat_without_a_row_count_must_be_declared(tmp_path):
    save_old(tmp_path / "a.mat", X=VIEWS[0])
    with pytest.raises(FusebenchError, match="does not tell"):
        read_vectors(tmp_path / "a.mat")
    assert read_vectors(tmp_path / "a.mat", rows="last").shape == (5, N)


@pytest.mark.parametrize("form", SAVES)
def test_keys_of_mat_files_are_named(tmp_path, form):
    path = tmp_path / "a.mat"
    SAVES[form](path, X=VIEWS, gt=LABELS[None, :])
    with pytest.raises(FusebenchError, match=r"cell array of 2; name one cell, from key = 'X\{1\}' to 'X\{2\}'"):
        read_vectors(path, "X", expected=N)
    with pytest.raises(FusebenchError, match=r"'X\{3\}': did you mean 'X\{"):
        read_vectors(path, "X{3}", expected=N)
    with pytest.raises(FusebenchError, match=r"holds X\{1\}, X\{2\}, gt; name one"):
        read_vectors(path, expected=N)
    with pytest.raises(FusebenchError, match="12 x 5 and there are 13 rows"):
        read_vectors(path, "X{1}", expected=13)


def test_hdf5_without_h5py_names_the_package(tmp_path, monkeypatch):
    save_73(tmp_path / "a.mat", X=VIEWS[0])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataUnavailableError, match=r"pip install 'fusebench\[data\]'"):
        read_vectors(tmp_path / "a.mat", expected=N)


def test_sparse_and_text_variables(tmp_path):
    savemat(tmp_path / "a.mat", {"S": csc_matrix(np.eye(N)[:, :4]), "words": ["one", "two"]})
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.mat", "S", expected=N), np.eye(N)[:, :4])
    with pytest.raises(FusebenchError, match="expected real numbers"):
        read_vectors(tmp_path / "a.mat", "words", expected=2)
    with pytest.raises(FusebenchError, match=r"'S' has shape .* one\s+number an item"):
        read_mat_column(tmp_path / "a.mat", "S")


def test_sparse_in_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    sparse = csc_matrix(np.eye(N)[:, :4])
    with h5py.File(tmp_path / "a.mat", "w") as file:
        group = file.create_group("S")
        group.attrs["MATLAB_sparse"] = N
        for name, part in (("data", sparse.data), ("ir", sparse.indices), ("jc", sparse.indptr)):
            group[name] = part
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.mat", expected=N), np.eye(N)[:, :4])


def test_damaged_mat_is_named(tmp_path):
    for form, save in SAVES.items():
        path = tmp_path / f"{form}.mat"
        save(path, X=RNG.normal(size=(100, 50)))
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(FusebenchError, match=f"File '{form}.mat' cannot be read as a MATLAB file"):
            read_vectors(path, expected=100)


def test_npy(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, VIEWS[0])
    np.testing.assert_allclose(read_vectors(path, expected=N), VIEWS[0], rtol=1e-6)
    np.save(path, LABELS)
    assert read_vectors(path).shape == (N, 1)
    np.save(path, VIEWS[0].T)
    with pytest.raises(FusebenchError, match=r'5 rows and there are 12 rows of data.*rows = "last"'):
        read_vectors(path, expected=N)
    assert read_vectors(path, rows="last", expected=N).shape == (N, 5)
    with pytest.raises(FusebenchError, match="'last'"):
        read_vectors(path, rows="lats")
    with pytest.raises(FusebenchError, match="without a name"):
        read_vectors(path, key="X")


def test_npy_that_is_no_matrix_of_numbers(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((2, 2, 2)))
    with pytest.raises(FusebenchError, match=r"shape \(2, 2, 2\)"):
        read_vectors(path)
    np.save(path, np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(FusebenchError, match="never unpickled"):
        read_vectors(path)
    np.save(path, VIEWS[0])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FusebenchError, match=r"'a\.npy' cannot be read"):
        read_vectors(path)


def test_npz_needs_a_key_where_it_holds_several(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, text=VIEWS[0])
    assert read_vectors(path, expected=N).shape == (N, 5)
    np.savez_compressed(path, text=VIEWS[0], sound=VIEWS[1])
    assert read_vectors(path, "sound", expected=N).shape == (N, 3)
    with pytest.raises(FusebenchError, match=r"2 arrays \(sound, text\)"):
        read_vectors(path)
    with pytest.raises(FusebenchError, match="did you mean 'text'"):
        read_vectors(path, "texts")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FusebenchError, match=r"'a\.npz' cannot be read"):
        read_vectors(path)


def test_file_that_is_not_there_suggests_a_neighbour(tmp_path):
    np.save(tmp_path / "text.npy", VIEWS[0])
    with pytest.raises(FusebenchError, match=r"did you mean 'text\.npy'"):
        read_vectors(tmp_path / "texts.npy")
    with pytest.raises(FusebenchError, match=r"npy, \.npz or \.mat"):
        read_vectors(tmp_path / "text.csv")
