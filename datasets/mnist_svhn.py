"""A digit written and a digit on a house: MNIST and SVHN, two pictures paired by label."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import FusebenchError
from ..core.seeding import generator
from . import mnist
from .bundle import Bundle, Modality, Rows, all_present, check
from .cache import cached_array
from .card import Card, DataSet
from .fetch import Raw, raw
from .registry import register
from .splits import fold_of

_HOME = "http://ufldl.stanford.edu/housenumbers/"
HOUSES = {
    "train": Raw(
        "svhn/train_32x32.mat",
        "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
        _HOME + "train_32x32.mat",
        size=182_040_794,
    ),
    "test": Raw(
        "svhn/test_32x32.mat", "md5:eb5a983be6a315427106f1b164d9cef3", _HOME + "test_32x32.mat", size=64_275_384
    ),
}
_MOST = 2400  # pairs a digit: what the rarest digits of all four files allow for
_TESTABLE = 800  # test pairs a digit: MNIST's rarest tested digit has 892 pictures

CARD = Card(
    title="MNIST and SVHN",
    summary="a handwritten digit (MNIST, grey) and the same digit on a house (SVHN, colour)",
    pairing="by_label",
    source_family="digits",
    licence=f"{mnist.LICENCE}; SVHN: for non-commercial use only",
    terms="The publishers' page of SVHN says: for non-commercial use only.",
    home="https://ossci-datasets.s3.amazonaws.com/mnist/; http://ufldl.stanford.edu/housenumbers/",
    citation=f"{mnist.CITATION}; Netzer et al. 2011, Reading digits in natural images with unsupervised feature "
    "learning (SVHN)",
    sources=(*(source for part in mnist.PARTS.values() for source in part), *HOUSES.values()),
    checksum_source=f"{mnist.CHECKSUMS}; SVHN: md5 of the files as torchvision publishes them",
    split="Training and validation pairs are of both publishers' training files, test pairs of both test files; "
    "a picture stands in one pair. Test pairs of the folds are disjoint.",
    figures=(
        "The lists of pairs common in work on generative models join every picture to 10 to 30 others of its "
        "digit: figures from them are not comparable with ours, where a picture stands in one pair.",
    ),
    notes=(
        "Paired by label: the modalities are independent given the label, so that late product is optimal by "
        "construction and joint networks have no relation between them to learn.",
        "SVHN's pictures hold neighbouring digits at the sides; its label 10 is the digit 0.",
        "The loader has met SVHN and MNIST's training part only as small files in the same format.",
    ),
    met=False,
)


@register("mnist_svhn", CARD)
@dataclass(frozen=True)
class MnistSvhn(DataSet):
    """Two pictures of a digit: `mnist`, 1 × 28 × 28, and `svhn`, 3 × 32 × 32, values in 0–1.

    Parameters
    ----------
    pairs
        Training pairs a digit, a multiple of 6 up to 2,400; a sixth as many validate, a third are tested.
    """

    pairs: int = 600

    def __post_init__(self) -> None:
        """Refuse a number of pairs that the files do not hold."""
        if not isinstance(self.pairs, int) or self.pairs % 6 or not 6 <= self.pairs <= _MOST:
            raise FusebenchError(
                f"Option pairs={self.pairs!r} of mnist_svhn: expected a multiple of 6 from 6 to {_MOST}."
            )

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The written digit and the house's."""
        return (Modality("mnist", "image", (1, 28, 28)), Modality("svhn", "image", (3, 32, 32)))

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return tuple("0123456789")

    @property
    def rows(self) -> dict[str, int]:
        """Pairs by split."""
        return {"train": 10 * self.pairs, "validation": 10 * self.pairs // 6, "test": 10 * self.pairs // 3}

    @property
    def folds(self) -> int:
        """As many disjoint sets of test pairs as the test files hold, at most five."""
        return max(1, min(5, _TESTABLE // (self.pairs // 3)))

    def load(self, seed: int) -> Bundle:
        """Return the pairs of one seed."""
        pools = {
            "mnist": {"train": mnist.digits("train"), "test": mnist.digits("t10k")},
            "svhn": {part: read_houses(part)[1] for part in HOUSES},
        }
        chosen = {source: self._chosen(source, digits, seed) for source, digits in pools.items()}

        def part(split: str) -> Rows:
            file = "test" if split == "test" else "train"
            written, built = chosen["mnist"][split], chosen["svhn"][split]
            inputs = {
                "mnist": np.asarray(mnist.pictures("t10k" if file == "test" else "train", 28)[written]),
                "svhn": read_houses(file)[0][built] / np.float32(255),
            }
            names = [f"mnist-{file}-{i}|svhn-{file}-{j}" for i, j in zip(written, built, strict=True)]
            target = pools["mnist"][file][written]
            return Rows(inputs, all_present(len(names), 2), target, np.array(names))

        parts = {split: part(split) for split in self.rows}
        return check(Bundle(self.modalities, self.classes, **parts), self.name or "mnist_svhn")

    def _chosen(self, source: str, digits: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
        """Return split → rows of one source's file, digit by digit and then in an order all sources share."""
        fold, partition = fold_of(seed, self.folds)
        counts = {split: rows // 10 for split, rows in self.rows.items()}
        learnt = _shuffled(digits["train"], "learnt", source, seed)
        tested = _shuffled(digits["test"], "tested", source, partition)
        first = fold * counts["test"]
        cuts = {
            "train": [rows[: counts["train"]] for rows in learnt],
            "validation": [rows[counts["train"] : counts["train"] + counts["validation"]] for rows in learnt],
            "test": [rows[first : first + counts["test"]] for rows in tested],
        }
        return {split: self._ordered(split, parts, counts[split], seed) for split, parts in cuts.items()}

    def _ordered(self, split: str, parts: list[np.ndarray], count: int, seed: int) -> np.ndarray:
        lacking = [digit for digit, rows in enumerate(parts) if len(rows) < count]
        if lacking:
            raise FusebenchError(
                f"Data set 'mnist_svhn', {split} rows: the files hold too few pictures of the digit {lacking[0]} "
                f"for pairs={self.pairs}; ask for fewer, or put the published files in place."
            )
        return generator("order of pairs", dataset="mnist_svhn", seed=seed, split=split).permutation(
            np.concatenate(parts)
        )


def _shuffled(digits: np.ndarray, purpose: str, source: str, number: int) -> list[np.ndarray]:
    """Return the rows of every digit, each in a random order of its own."""
    rng = generator(purpose, dataset="mnist_svhn", source=source, number=number)
    return [rng.permutation(np.flatnonzero(digits == digit)) for digit in range(10)]


def read_houses(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return SVHN's pictures, uint8 of shape (n, 3, 32, 32), and their digits, int64 of shape (n,).

    Parameters
    ----------
    part
        `train` or `test`.

    Raises
    ------
    FusebenchError
        Where the file is not the published kind of MATLAB file; it is named.
    """
    source = HOUSES[part]
    place = raw(source)
    key = f"svhn-{part}|{source.checksum}|v1"
    pictures = cached_array(f"{key}|X", lambda: _read(place)[0])
    return pictures, cached_array(f"{key}|y", lambda: _read(place)[1])


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    try:
        held = loadmat(path, variable_names=("X", "y"))
    except (ValueError, TypeError, OSError, EOFError, NotImplementedError, zlib.error) as error:
        raise FusebenchError(f"Data file {path.name!r} cannot be read ({error}); replace it.") from error
    pictures, labels = held.get("X"), held.get("y")
    if pictures is None or labels is None or pictures.shape != (32, 32, 3, labels.size):
        found = "nothing" if pictures is None else f"shape {pictures.shape}"
        raise FusebenchError(
            f"Data file {path.name!r} holds {found} as X, expected (32, 32, 3, number of labels y); "
            "replace it by the published file."
        )
    digits = labels.ravel().astype(np.int64)
    if digits.min() < 1 or digits.max() > 10:
        raise FusebenchError(f"Data file {path.name!r} holds labels outside 1 to 10; replace it.")
    return pictures.transpose(3, 2, 0, 1), digits % 10
