"""The shipped real data sets: sources, folds, pairs and published figures, on the raw files."""

import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.datasets import get, load_all, mfeat
from fusebench.datasets.digits_pairs import SPEAKERS
from fusebench.datasets.digits_sklearn import projections
from fusebench.datasets.digits_trimodal import PICTURE_LABELS, PICTURES, SPOKEN
from fusebench.datasets.fetch import raw
from fusebench.datasets.image import read_idx

load_all()
needs_files = pytest.mark.skipif(
    not os.environ.get("FUSEBENCH_DATA"), reason="FUSEBENCH_DATA is not set: no raw files to read"
)


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    if os.environ.get("FUSEBENCH_CACHE"):
        yield
        return
    base = tmp_path_factory.getbasetemp()  # of one of several processes: what they decode they share
    os.environ["FUSEBENCH_CACHE"] = str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache")
    yield
    del os.environ["FUSEBENCH_CACHE"]


@pytest.fixture(scope="module")
def trimodal():
    """Bundles of digits_trimodal by seed: every fold, and fold 0 again under the next partition."""
    return {seed: get("digits_trimodal").load(seed) for seed in range(7)}


def sources(rows):
    """Return the source rows of pairs, by source."""
    columns = zip(*(text.split("|") for text in rows.ids.tolist()), strict=True)
    return dict(zip(("mnist", "fsdd", "mfeat"), columns, strict=True))


@needs_files
@pytest.mark.parametrize("name", ["mfeat", "rosmap", "digits_sklearn", "digits_trimodal"])
def test_what_planning_says_is_what_loading_gives(name):
    data = get(name)
    bundle = data.load(0)
    assert {split: len(rows) for split, rows in bundle.splits.items()} == data.rows
    assert (bundle.modalities, bundle.classes) == (data.modalities, data.classes)
    for rows in bundle.splits.values():
        assert list(rows.inputs) == [m.name for m in data.modalities]
        assert all(values.dtype == np.float32 for values in rows.inputs.values())
        assert rows.present.all() and rows.labels.dtype == np.int64
        assert set(rows.labels.tolist()) == set(range(len(data.classes)))


def test_sets_that_can_claim_one_family_say_so():
    families = {name: get(name).card.source_family for name in ("mfeat", "digits_trimodal", "rosmap")}
    assert families == {"mfeat": "digits", "digits_trimodal": "digits", "rosmap": "rosmap"}
    assert get("digits_trimodal").card.pairing == "by_label"
    assert get("digits_trimodal_clean").name == "digits_trimodal_clean"
    assert get("digits_trimodal_clean(noise=1)").noise == 1


@needs_files
def test_no_source_row_crosses_a_split(trimodal):
    for bundle in trimodal.values():
        held = [sources(rows) for rows in bundle.splits.values()]
        for one, other in combinations(held, 2):
            for source in one:
                assert not set(one[source]) & set(other[source])
        for split in held:  # nor is one used twice
            assert all(len(set(rows)) == len(rows) for rows in split.values())


@needs_files
def test_pairs_agree_about_the_digit(trimodal):
    for rows in trimodal[0].splits.values():
        found = sources(rows)
        assert [int(text.split("-")[1][0]) for text in found["fsdd"]] == rows.labels.tolist()
        assert [int(text.split("-")[1]) // 200 for text in found["mfeat"]] == rows.labels.tolist()


@needs_files
def test_classes_are_balanced(trimodal):
    for bundle in trimodal.values():
        for split, count in (("train", 120), ("validation", 40), ("test", 40)):
            assert np.bincount(bundle.splits[split].labels).tolist() == [count] * 10


@needs_files
def test_every_speaker_is_tested_once_and_never_heard_before(trimodal):
    for seed, bundle in trimodal.items():
        tested, heard = set(bundle.test.groups.tolist()), set(bundle.train.groups.tolist())
        assert tested == {SPEAKERS[seed % 6]}
        assert set(bundle.validation.groups.tolist()) == {SPEAKERS[(seed + 1) % 6]}
        assert len(heard) == 4 and not heard & tested
        spoken = {text.split("_")[1] for text in sources(bundle.test)["fsdd"]}
        assert spoken == tested


@needs_files
def test_tested_rows_are_disjoint_over_the_folds_where_there_are_enough(trimodal):
    tested = [sources(trimodal[seed].test) for seed in range(6)]
    for source in ("mnist", "fsdd"):
        assert len(set().union(*(rows[source] for rows in tested))) == 2400
    tables = [set(rows["mfeat"]) for rows in tested]
    assert len(set().union(*tables)) == 2000
    assert max(len(a & b) for a, b in combinations(tables, 2)) <= 80  # a fifth at most


@needs_files
def test_twins_of_the_table_stay_together(trimodal):
    twin = {f"mfeat-{a}": f"mfeat-{b}" for a, b in mfeat.TWINS}
    for bundle in trimodal.values():
        for rows in bundle.splits.values():
            held = set(sources(rows)["mfeat"])
            assert all((first in held) == (second in held) for first, second in twin.items())


@needs_files
def test_later_seeds_make_fresh_pairs(trimodal):
    assert trimodal[6].test.groups.tolist() == trimodal[0].test.groups.tolist()
    assert set(sources(trimodal[6].test)["mnist"]) != set(sources(trimodal[0].test)["mnist"])
    assert set(sources(trimodal[6].test)["mfeat"]) != set(sources(trimodal[0].test)["mfeat"])


@needs_files
def test_pairs_depend_on_the_seed_alone(trimodal):
    """Neither on the process, nor on the seeds loaded before, nor on the edition."""
    code = (
        "from fusebench.datasets import get, load_all; load_all(); "
        "b = get('digits_trimodal').load(3); print(*b.train.ids); "
        "print(sum(float(v.sum(dtype='f8')) for v in b.test.inputs.values()))"
    )
    environment = os.environ | {"PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    ids, total = done.stdout.splitlines()
    assert ids.split() == trimodal[3].train.ids.tolist()
    here = sum(float(v.sum(dtype="f8")) for v in trimodal[3].test.inputs.values())
    assert float(total) == pytest.approx(here, rel=1e-9)
    for edition in ("digits_trimodal_clean", "digits_trimodal(mel=8,size=28)"):
        assert get(edition).load(3).train.ids.tolist() == ids.split()


@needs_files
def test_the_noise_is_what_the_card_says(trimodal):
    clean = get("digits_trimodal_clean").load(0)
    half = get("digits_trimodal(noise=0.5)").load(0)
    drawn = []
    for split, rows in trimodal[0].splits.items():
        for name, values in rows.inputs.items():
            noise = values - clean.splits[split].inputs[name]
            assert noise.std() == pytest.approx(1, abs=0.02) and noise.mean() == pytest.approx(0, abs=0.02)
            halved = half.splits[split].inputs[name] - clean.splits[split].inputs[name]
            np.testing.assert_allclose(halved, noise / 2, atol=1e-5)
            drawn.append(noise.ravel()[:50_000])
    pairs = [abs(np.corrcoef(a, b)[0, 1]) for a, b in combinations(drawn, 2) if len(a) == len(b)]
    assert len(pairs) >= 3 and max(pairs) < 0.05


@needs_files
def test_scaling_is_by_training_rows():
    clean = get("digits_trimodal_clean").load(2)
    table, sound, grey = (clean.train.inputs[name] for name in ("tabular", "audio", "image"))
    np.testing.assert_allclose(table.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(table.std(axis=0), 1, atol=1e-3)
    assert sound.mean() == pytest.approx(0, abs=1e-3) and sound.std() == pytest.approx(1, abs=1e-3)
    assert grey.min() == 0 and 0.9 < grey.max() <= 1
    assert abs(clean.test.inputs["tabular"].mean(axis=0)).max() > 0.02


def accuracy(bundle, names, ridge=1e3):
    """Return the test accuracy of ridge regression on one-hot labels: fast, and fit by training rows."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def flat(rows):
        return np.hstack([rows.inputs[name].reshape(len(rows), -1) for name in names])

    model = make_pipeline(StandardScaler(), RidgeClassifier(ridge)).fit(flat(bundle.train), bundle.train.labels)
    return model.score(flat(bundle.test), bundle.test.labels)


@needs_files
def test_single_modalities_are_below_saturation_and_held_out_speakers_are_hard(trimodal):
    seeds = range(3)
    noisy = {
        name: np.mean([accuracy(trimodal[s], [name]) for s in seeds]) for name in ("tabular", "image", "audio")
    }
    assert 0.7 < noisy["tabular"] < 0.88 and 0.25 < noisy["image"] < 0.5 and 0.2 < noisy["audio"] < 0.45
    held_out = [accuracy(get("digits_trimodal_clean").load(s), ["audio"]) for s in seeds]
    easy = [accuracy(get("digits_trimodal_clean(speakers=random)").load(s), ["audio"]) for s in seeds]
    assert max(held_out) < 0.8 < min(easy)


@needs_files
def test_random_speakers_share_voices_but_no_recording():
    bundle = get("digits_trimodal(speakers=random)").load(0)
    held = [sources(rows)["fsdd"] for rows in bundle.splits.values()]
    assert not set(held[0]) & set(held[2]) and bundle.test.groups is None
    assert {text.split("_")[1] for text in held[0]} & {text.split("_")[1] for text in held[2]}


@needs_files
def test_mfeat_folds_are_disjoint_and_twins_stay_together():
    data, tested = get("mfeat"), []
    for seed in range(5):
        bundle = data.load(seed)
        assert {split: len(rows) for split, rows in bundle.splits.items()} == data.rows
        tested += bundle.test.ids.tolist()
        for rows in bundle.splits.values():
            held = set(rows.ids.tolist())
            assert all((a in held) == (b in held) for a, b in mfeat.TWINS)
    assert sorted(tested) == list(range(2000))


@needs_files
def test_mfeat_for_published_figures_tests_each_row_once_and_holds_little_back():
    data, tested = get("mfeat_80_20"), []
    for seed in range(5):
        bundle = data.load(seed)
        assert {split: len(rows) for split, rows in bundle.splits.items()} == data.rows
        assert set(np.concatenate([rows.ids for rows in bundle.splits.values()])) == set(range(2000))
        tested += bundle.test.ids.tolist()
        for rows in bundle.splits.values():
            held = set(rows.ids.tolist())
            assert all((a in held) == (b in held) for a, b in mfeat.TWINS)
    assert sorted(tested) == list(range(2000))
    assert {m.kind for m in data.modalities} == {"tabular"} and len(data.modalities) == 6


@needs_files
def test_mfeat_twins_are_all_the_identical_rows_there_are():
    everything = np.hstack([mfeat.read_view(view) for view in mfeat.WIDTHS])
    _, groups, counts = np.unique(everything, axis=0, return_inverse=True, return_counts=True)
    found = [tuple(np.flatnonzero(groups == g).tolist()) for g in np.flatnonzero(counts > 1)]
    assert sorted(found) == sorted(mfeat.TWINS)


@needs_files
def test_mfeat_pictures_stand_upright():
    """The mean picture of each digit is like MNIST's as read, less so turned or mirrored."""
    from scipy.ndimage import zoom

    ours = mfeat.read_view("pix").reshape(10, 200, 16, 15).mean(axis=1)
    pictures, digits = read_idx(raw(PICTURES)), read_idx(raw(PICTURE_LABELS))
    theirs = [pictures[digits == digit].mean(axis=0)[4:24, 4:24] for digit in range(10)]

    def likeness(turn):
        shown = [zoom(turn(mean), (0.8, 0.75), order=1).ravel() for mean in theirs]
        return np.mean([np.corrcoef(a.ravel(), b)[0, 1] for a, b in zip(ours, shown, strict=True)])

    turned = [likeness(turn) for turn in (np.transpose, np.fliplr, np.flipud, np.rot90)]
    assert likeness(np.asarray) > max(turned) + 0.05


@needs_files
def test_rosmap_is_the_published_split_and_gives_the_measured_accuracy():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    bundle = get("rosmap").load(0)
    assert np.bincount(bundle.test.labels).tolist() == [51, 55]
    known = [bundle.train, bundle.validation]
    assert sum(np.bincount(rows.labels) for rows in known).tolist() == [118, 127]
    assert sorted(np.concatenate([rows.ids for rows in known]).tolist()) == list(range(245))
    again = get("rosmap").load(3)
    assert again.validation.ids.tolist() == bundle.validation.ids.tolist()

    def table(rows):
        return np.hstack(list(rows.inputs.values()))

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(np.vstack([table(rows) for rows in known]), np.concatenate([rows.labels for rows in known]))
    assert model.score(table(bundle.test), bundle.test.labels) == pytest.approx(0.811, abs=0.01)


def test_projections_are_sums_of_pixels():
    image = np.arange(4.0).reshape(1, 2, 2)  # 0 1 / 2 3
    rows, columns, diagonals, antidiagonals = [1, 5], [2, 4], [2, 3, 1], [3, 3, 0]
    assert projections(image)[0].tolist() == rows + columns + diagonals + antidiagonals


def test_digits_sklearn_needs_no_files():
    bundles = [get("digits_sklearn").load(seed) for seed in range(5)]
    assert sorted(np.concatenate([b.test.ids for b in bundles]).tolist()) == list(range(1797))
    rows = bundles[0].test
    np.testing.assert_allclose(projections(rows.inputs["image"][:, 0]), rows.inputs["tabular"], rtol=1e-5)


@needs_files
def test_a_cut_recording_is_named(tmp_path, monkeypatch):
    given = raw(SPOKEN)
    (tmp_path / "fsdd/recordings").mkdir(parents=True)
    for path in given.iterdir():
        (tmp_path / "fsdd/recordings" / path.name).symlink_to(path)
    place = tmp_path / "fsdd/recordings/3_lucas_7.wav"
    content = place.read_bytes()
    place.unlink()
    place.write_bytes(content[:1000])
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path))
    with pytest.raises(FusebenchError, match=r"holds 1 files that are cut short, first '3_lucas_7\.wav'"):
        raw(SPOKEN)


@needs_files
def test_without_a_sound_library_only_sound_is_unavailable(tmp_path, monkeypatch):
    """Even where an earlier run has cached the decoded recordings."""
    get("digits_trimodal").load(0)
    (tmp_path / "soundfile.py").write_text("raise OSError('sndfile library not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "soundfile", raising=False)
    with pytest.raises(DataUnavailableError, match="install"):
        get("digits_trimodal").load(0)
    assert len(get("mfeat").load(0).train) == 1200
