"""Digits seen, heard, measured and photographed: small files in the published formats, and the published files."""

import gzip
import hashlib
import os
import wave
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from fusebench import listing
from fusebench.core.errors import FusebenchError
from fusebench.datasets import REGISTRY, get, load_all, mnist, mnist_svhn, spoken
from fusebench.datasets.fetch import file_sha256
from fusebench.datasets.prosody import NAMES, prosody

try:
    import librosa  # noqa: F401
    import soundfile  # noqa: F401

    sound = True
except (ImportError, OSError):
    sound = False

load_all()
MIRROR = os.environ.get("FUSEBENCH_DATA", "")
needs_sound = pytest.mark.skipif(not sound, reason="no sound library")
needs_files = pytest.mark.skipif(
    not MIRROR or "://" in MIRROR or not Path(MIRROR, "fsdd").exists() or not sound,
    reason="FUSEBENCH_DATA holds no recordings to read",
)
WITHOUT_CHECKSUM = {"checksum": ""}
GOLDEN = ["307f85124b84fe28", "0e93fc754f7fe8df", "75901140925790e0"]
GOLDEN_RANDOM = ["f19b469aa14a2883", "fd036be12acdb4ca", "f075ca40b0fe363d"]


def idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(head + array.astype("u1").tobytes(), 1))


def write_mnist(folder, part, per_digit):
    """Write pictures whose first pixel is their digit and whose others are their row number's noise."""
    digits = np.tile(np.arange(10), per_digit)
    pictures = np.random.default_rng(len(part)).integers(0, 256, (len(digits), 28, 28))
    pictures[:, 0, 0] = digits
    idx(folder / f"mnist/{part}-images-idx3-ubyte.gz", pictures)
    idx(folder / f"mnist/{part}-labels-idx1-ubyte.gz", digits)


def write_fsdd(folder):
    """Write 3,000 tones of 0.1 s and more, a pitch for every speaker."""
    place = folder / "fsdd/recordings"
    place.mkdir(parents=True)
    for name in spoken.RECORDINGS:
        digit, speaker, index = name.removesuffix(".wav").split("_")
        times = np.arange(800 + 8 * int(index)) / 8000
        tone = np.sin(2 * np.pi * (100 + 20 * spoken.SPEAKERS.index(speaker)) * times) * (1 + int(digit)) / 11
        with wave.open(str(place / name), "wb") as stream:
            stream.setparams((1, 2, 8000, 0, "NONE", ""))
            stream.writeframes((tone * 32767).astype("<i2").tobytes())


def write_svhn(folder, part, per_digit):
    digits = np.tile(np.arange(1, 11), per_digit)
    pictures = np.random.default_rng(len(part)).integers(0, 256, (32, 32, 3, len(digits)), dtype=np.uint8)
    pictures[0, 0, 2] = digits % 10
    (folder / "svhn").mkdir(exist_ok=True)
    savemat(folder / f"svhn/{part}_32x32.mat", {"X": pictures, "y": digits[:, None].astype(np.uint8)})


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder, "t10k", 18)
    write_mnist(folder, "train", 30)
    for part, per_digit in (("train", 25), ("test", 12)):
        write_svhn(folder, part, per_digit)
    if sound:
        write_fsdd(folder)
    return folder


@pytest.fixture
def small(tree, monkeypatch):
    """Let the loaders read the small files, whose checksums nobody published."""
    cache = tree.parent / "small-cache"
    monkeypatch.setenv("FUSEBENCH_DATA", str(tree))
    monkeypatch.setenv("FUSEBENCH_CACHE", str(cache))
    parts = {
        part: tuple(replace(source, **WITHOUT_CHECKSUM) for source in pair) for part, pair in mnist.PARTS.items()
    }
    monkeypatch.setattr(mnist, "PARTS", parts)
    monkeypatch.setattr(spoken, "SPOKEN", replace(spoken.SPOKEN, **WITHOUT_CHECKSUM))
    houses = {part: replace(source, **WITHOUT_CHECKSUM) for part, source in mnist_svhn.HOUSES.items()}
    monkeypatch.setattr(mnist_svhn, "HOUSES", houses)
    return tree


def sources(rows):
    return [set(column) for column in zip(*(text.split("|") for text in rows.ids.tolist()), strict=True)]


def test_mnist_svhn_pairs_agree_and_stand_once(small):
    data = get("mnist_svhn(pairs=12)")
    bundle = data.load(0)
    assert (
        {split: len(rows) for split, rows in bundle.splits.items()}
        == data.rows
        == dict(train=120, validation=20, test=40)
    )
    for rows in bundle.splits.values():
        assert (np.rint(rows.inputs["mnist"][:, 0, 0, 0] * 255) == rows.labels).all()
        assert (np.rint(rows.inputs["svhn"][:, 2, 0, 0] * 255) == rows.labels).all()  # label 10 is the digit 0
        assert all(len(found) == len(rows) for found in sources(rows))
        assert rows.inputs["svhn"].dtype == np.float32 and rows.inputs["svhn"].max() <= 1
        assert len(set(np.bincount(rows.labels).tolist())) == 1
    for one, other in combinations(bundle.splits.values(), 2):
        assert not any(a & b for a, b in zip(sources(one), sources(other), strict=True))
    assert all("train" in text for text in bundle.validation.ids) and all("test" in t for t in bundle.test.ids)


def test_mnist_svhn_tests_other_pairs_in_every_fold(small):
    data = get("mnist_svhn(pairs=6)")
    assert data.folds == 5 and get("mnist_svhn").folds == 4 and get("mnist_svhn(pairs=2400)").folds == 1
    tested = [set(data.load(seed).test.ids.tolist()) for seed in range(5)]
    assert len(set().union(*tested)) == 5 * 20
    assert data.load(5).test.ids.tolist() != data.load(0).test.ids.tolist()
    assert data.load(1).train.ids.tolist() == data.load(1).train.ids.tolist() != data.load(0).train.ids.tolist()


def test_svhn_pictures_keep_rows_columns_and_colours(small):
    from scipy.io import loadmat

    pictures, digits = mnist_svhn.read_houses("test")
    held = loadmat(small / "svhn/test_32x32.mat")
    assert pictures.shape == (120, 3, 32, 32) and digits.tolist() == [*range(1, 10), 0] * 12
    np.testing.assert_array_equal(pictures[7, 1], held["X"][:, :, 1, 7])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"X": np.zeros((32, 32, 3, 4)), "y": np.ones((5, 1))}, r"'test_32x32\.mat' holds shape"),
        ({"y": np.ones((4, 1))}, "holds nothing as X"),
        ({"X": np.zeros((32, 32, 3, 4)), "y": np.zeros((4, 1))}, "labels outside 1 to 10"),
        (None, r"'test_32x32\.mat' cannot be read"),
    ],
)
def test_a_file_that_is_not_svhn_is_named(small, tmp_path, monkeypatch, content, words):
    (tmp_path / "svhn").mkdir()
    place = tmp_path / "svhn/test_32x32.mat"
    if content is None:
        place.write_bytes(b"not a matrix" * 40)
    else:
        savemat(place, content)
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FusebenchError, match=words):
        mnist_svhn.read_houses("test")


def test_too_few_pictures_are_told(small):
    with pytest.raises(FusebenchError, match=r"too few pictures of the digit 0 for pairs=60"):
        get("mnist_svhn(pairs=60)").load(0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnist_svhn(pairs=7)", "a multiple of 6 from 6 to 2400"),
        ("mnist_svhn(pairs=2406)", "a multiple of 6"),
        ("avmnist_fsdd(energy=0)", "a share above 0 up to 1"),
        ("avmnist_fsdd(size=20)", "the side is 14 or 28"),
        ("avmnist_fsdd_full(mel=4)", "from 8 to 64"),
        ("fsdd_digit(task=speakers)", "did you mean 'speaker'"),
        ("fsdd_speaker(mel=4)", "from 8 to 64"),
    ],
)
def test_options_that_mean_nothing_are_refused(name, words):
    with pytest.raises(FusebenchError, match=words):
        get(name)


@needs_sound
def test_avmnist_pairs_agree_and_what_is_kept_is_fitted_on_training_pictures(small):
    whole, quarter = get("avmnist_fsdd(energy=1)").load(0), get("avmnist_fsdd").load(0)
    assert {split: len(rows) for split, rows in whole.splits.items()} == get("avmnist_fsdd").rows
    for rows in whole.splits.values():
        assert (np.rint(rows.inputs["image"][:, 0, 0, 0] * 255) == rows.labels).all()
        assert [int(text.split("fsdd-")[1][0]) for text in rows.ids] == rows.labels.tolist()
    assert quarter.train.ids.tolist() == whole.train.ids.tolist()
    before, after = (b.train.inputs["image"].reshape(2000, -1).astype("f8") for b in (whole, quarter))
    share = after.var(axis=0).sum() / before.var(axis=0).sum()
    assert 0.2 < share <= 0.25
    rank = np.linalg.matrix_rank(after - after.mean(axis=0), tol=1e-3)
    test = quarter.test.inputs["image"].reshape(500, -1) - after.mean(axis=0)
    both = np.vstack([test, after - after.mean(axis=0)])
    assert np.linalg.matrix_rank(both, tol=1e-3) == rank  # the tested pictures lie in the training axes


@needs_sound
def test_fsdd_holds_a_speaker_out_for_digits_and_mixes_them_for_speakers(small):
    digit, speaker = get("fsdd_digit"), get("fsdd_speaker")
    tested = []
    for seed in range(6):
        bundle = digit.load(seed)
        assert {split: len(rows) for split, rows in bundle.splits.items()} == digit.rows
        voices = [set(rows.groups.tolist()) for rows in bundle.splits.values()]
        assert [len(found) for found in voices] == [4, 1, 1] and not voices[0] & (voices[1] | voices[2])
        tested += bundle.test.ids.tolist()
        accents = {split: rows.inputs["tabular"][:, len(NAMES) :] for split, rows in bundle.splits.items()}
        assert set(np.unique(np.vstack(list(accents.values()))).tolist()) == {0, 1}
        assert (accents["train"].sum(axis=1) == 1).all()
        assert not accents["test"][:, ~accents["train"].any(axis=0)].any()
    assert len(set(tested)) == 3000
    bundle = speaker.load(2)
    assert {split: len(rows) for split, rows in bundle.splits.items()} == speaker.rows
    assert bundle.modalities[1].shape == (len(NAMES),)  # nothing of the metadata, which would name speakers
    assert [spoken.SPEAKERS.index(text.split("_")[1]) for text in bundle.test.ids] == bundle.test.labels.tolist()
    assert np.bincount(bundle.test.labels).tolist() == [100] * 6


@needs_sound
def test_fsdd_prosody_is_of_its_recording(small):
    rows = get("fsdd_speaker").load(0).test
    told = dict(zip(NAMES, rows.inputs["tabular"].T, strict=True))
    index = np.array([int(text.split("_")[2]) for text in rows.ids])
    np.testing.assert_allclose(told["duration"], 0.1 + index / 1000, rtol=1e-5)
    expected = np.log2((100 + 20 * rows.labels) / 60)
    assert np.abs(told["pitch"] - expected).max() < 0.05


@needs_sound
def test_prosody_tells_length_pitch_and_loudness():
    times = np.arange(4000) / 8000
    rising = np.sin(2 * np.pi * (120 * times + 60 * times**2)) * np.linspace(0.2, 0.6, 4000)
    told = dict(zip(NAMES, prosody(rising, 8000).tolist(), strict=True))
    assert told["duration"] == 0.5 and 0.6 < told["pitch_slope"] < 1.2
    assert 0.9 <= told["loudness_peak"] <= 1 and told["pitch_spread"] > 0.1
    softer = dict(zip(NAMES, prosody(rising / 10, 8000).tolist(), strict=True))
    assert told["loudness"] - softer["loudness"] == pytest.approx(np.log(100), abs=1e-3)
    assert softer["pitch"] == pytest.approx(told["pitch"], abs=0.01)
    assert np.isfinite(prosody(np.zeros(100), 8000)).all()  # silence, shorter than a frame


@pytest.mark.parametrize(
    "name",
    ["avmnist_fsdd", "avmnist_fsdd_full", "digits_trimodal", "digits_trimodal_full", "fsdd_digit", "fsdd_speaker",
     "mnist_svhn"],
)  # fmt: skip
def test_cards_say_what_is_known(name):
    data = get(name)
    card = data.card
    assert card.split and card.figures and card.licence and card.citation and card.checksum_source and card.sources
    assert set(card.files) == {source.path for source in card.sources} and all(card.files.values())
    assert card.verified == (name in ("avmnist_fsdd", "digits_trimodal", "fsdd_digit", "fsdd_speaker"))
    assert all(f"{source.path}={source.checksum}" in data.identity() for source in card.sources)


@pytest.mark.parametrize("name", [entry.id for entry in REGISTRY if entry.card.pairing != "synthetic"])
def test_a_card_tells_task_rows_licence_citation_split_and_figures(name):
    data, card = get(name), listing.data_card(name)
    assert card["task"].startswith(f"classification, {len(data.classes)} classes")
    assert card["rows"] == data.rows and card["split"] and card["licence"] and card["citation"]
    text = listing.card_text(card)
    for word in ("Task", "Modalities", "Rows a seed", "Licence", "Citation", "Split", "Published"):
        assert f"\n{word}: " in text
    assert card["published_figures"] or "\nPublished: none known." in text


def test_a_card_of_synthetic_data_tells_ceilings_in_place_of_figures():
    text = listing.card_text(listing.data_card("synthetic(d_u=2,modalities=1)"))
    assert "\nTask: classification, 4 classes\n" in text and "\nSplit: Every seed is a fresh draw" in text
    assert "Published" not in text and "Best possible accuracy" in text
    assert "\nTask: classification, 7 classes, judged by balanced accuracy\n" in listing.card_text(
        listing.data_card("ham10000")
    )


@pytest.fixture(scope="module")
def widened(tmp_path_factory):
    """Link the published files and put 650 made-up training pictures a digit beside them."""
    folder = tmp_path_factory.mktemp("widened")
    write_mnist(folder, "train", 650)
    for path in Path(MIRROR).iterdir():
        if path.name != "mnist":
            (folder / path.name).symlink_to(path)
    for path in Path(MIRROR, "mnist").glob("t10k*"):
        (folder / "mnist" / path.name).symlink_to(path)
    return folder


@pytest.fixture
def full(widened, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_DATA", str(widened))
    if not os.environ.get("FUSEBENCH_CACHE"):
        monkeypatch.setenv("FUSEBENCH_CACHE", str(widened / "cache"))
    train = tuple(replace(s, checksum=file_sha256(widened / s.path)) for s in mnist.PARTS["train"])
    monkeypatch.setattr(mnist, "PARTS", mnist.PARTS | {"train": train})


def digest(bundle):
    text = "|".join(" ".join(rows.ids.tolist()) for rows in bundle.splits.values())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@needs_files
def test_the_pairs_of_digits_trimodal_are_what_they_were():
    assert [digest(get("digits_trimodal").load(seed)) for seed in (0, 4, 7)] == GOLDEN
    random = [digest(get("digits_trimodal(speakers=random)").load(seed)) for seed in (0, 4, 7)]
    assert random == GOLDEN_RANDOM


@needs_files
@pytest.mark.parametrize("base", ["digits_trimodal", "avmnist_fsdd"])
def test_the_full_editions_learn_from_more_and_are_tested_on_the_same(full, base):
    name = f"{base}_full"
    data, bundle, other = get(name), get(name).load(1), get(base).load(1)
    assert {split: len(rows) for split, rows in bundle.splits.items()} == data.rows and data.rows["train"] == 6000
    for split in ("validation", "test"):
        assert bundle.splits[split].ids.tolist() == other.splits[split].ids.tolist()
    held = [sources(rows) for rows in bundle.splits.values()]
    assert len(held[0][0]) == 6000 and all(text.startswith("mnist-train-") for text in held[0][0])
    for one, another in combinations(held, 2):
        assert not any(a & b for a, b in zip(one, another, strict=True))
    texts = [text.split("|") for text in bundle.train.ids.tolist()]
    assert set(Counter(recording for _, recording, *_ in texts).values()) == {3}
    if name == "digits_trimodal_full":
        assert set(Counter(row for *_, row in texts).values()) == {5}
        clean = get("digits_trimodal_full(noise=0,size=28)").load(1).train
        assert (np.rint(clean.inputs["image"][:, 0, 0, 0] * 255) == clean.labels).all()
