"""ROSMAP multi-omics as prepared for MOGONET: three tables of 351 people, with a published split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bundle import Bundle, Modality, Rows, all_present, check
from .cache import cached_array
from .card import Card, DataSet
from .fetch import Raw, raw
from .registry import register
from .splits import holdout
from .table import read_numbers

# A named commit: the branch may move, the published files may not.
_HOME = "https://raw.githubusercontent.com/txWang/MOGONET/9ed714f5c6f3e5a30178202e5d09d763fce67398/ROSMAP"
_SHA256 = {
    "1_tr": "37bfcc58da320bf6c37b22617ed821dcfa96ca4abd334adf4d42c8e3375d972b",
    "1_te": "d9d9daf05915556fd13008fb6ad7d88e0c5a8a57e5a985548640d4cd1563712b",
    "2_tr": "b1d1d20f8793e5f11248218f19493d9a7be366ee5bbbaff585058401976f8a21",
    "2_te": "546e9d7f640e54c4c1d6540ed2c1a3adb10497635e7d6b8d4099b4930271ac76",
    "3_tr": "fd8708bc0c41f774209f9e6a49a74c5a9acd510dd62eadc299a18d49ccd9e862",
    "3_te": "c0d9efd6c35e8c5768b759238c95c64674d7e1e7f76ed07fca6f168d67e676f4",
    "labels_tr": "5859aa107dbf406937938ebefbec122d01fea5d41a9bd0292199f4406749e45d",
    "labels_te": "20d728c6f51f79ff5fa7719b960daf22074a0e6e1f3028869042b02ca4e3f68d",
}
_FILES = {stem: Raw(f"rosmap/{stem}.csv", sha256, f"{_HOME}/{stem}.csv") for stem, sha256 in _SHA256.items()}
_TABLES = {"mrna": "1", "methylation": "2", "mirna": "3"}
_TRAINING, _TEST = 245, 106

CARD = Card(
    title="ROSMAP",
    summary="351 people, Alzheimer's disease or not: mRNA, DNA methylation and miRNA, 200 features each",
    pairing="natural",
    source_family="rosmap",
    licence="MIT (repository)",
    home="https://github.com/txWang/MOGONET",
    citation="Wang et al., MOGONET, Nature Communications 2021, doi 10.1038/s41467-021-23774-w",
    files={source.path: source.checksum for source in _FILES.values()},
    checksum_source="sha256 of the files in the publishers' repository",
    notes=(
        "The published split: 106 test rows, so an accuracy has a standard error of about .037 and the "
        "best few entries do not differ.",
        "Seeds vary the training alone: every seed has the same training, validation and test rows.",
        "Features were selected and scaled to 0–1 by the publishers.",
    ),
)


def _read(stem: str) -> np.ndarray:
    source = _FILES[stem]
    place = raw(source)
    return cached_array(f"rosmap-{stem}|{source.checksum}|v1", lambda: read_numbers(place, ",").astype(np.float32))


@register("rosmap", CARD)
@dataclass(frozen=True)
class Rosmap(DataSet):
    """Three tables of gene activity, published split; a fixed stratified fifth of training validates."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The three tables."""
        return tuple(Modality(name, "tabular", (200,)) for name in _TABLES)

    @property
    def classes(self) -> tuple[str, ...]:
        """Control (0 in the files) and Alzheimer's disease (1)."""
        return ("control", "alzheimer")

    @property
    def rows(self) -> dict[str, int]:
        """196 and 49 of the 245 published training rows, and the 106 test rows."""
        return {"train": 196, "validation": 49, "test": _TEST}

    @property
    def folds(self) -> int:
        """One: the split is published."""
        return 1

    def load(self, seed: int) -> Bundle:
        """Return the published split, the same for every seed."""
        both = {
            name: np.concatenate([_read(f"{number}_tr"), _read(f"{number}_te")])
            for name, number in _TABLES.items()
        }
        target = np.concatenate([_read("labels_tr"), _read("labels_te")]).ravel().astype(np.int64)
        train, validation = holdout(target[:_TRAINING], "rosmap")
        test = np.arange(_TRAINING, _TRAINING + _TEST)

        def part(index: np.ndarray) -> Rows:
            inputs = {name: table[index] for name, table in both.items()}
            return Rows(inputs, all_present(len(index), 3), target[index], index)

        parts = map(part, (train, validation, test))
        return check(Bundle(self.modalities, self.classes, *parts), self.name or "rosmap")
