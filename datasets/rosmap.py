"""ROSMAP multi-omics as prepared for MOGONET: three tables of 351 people, with a published split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .card import Card
from .mogonet import CITATION, MultiOmics, Study
from .registry import register

STUDY = Study(
    "rosmap",
    "ROSMAP",
    checksums={
        "1_tr": "37bfcc58da320bf6c37b22617ed821dcfa96ca4abd334adf4d42c8e3375d972b",
        "1_te": "d9d9daf05915556fd13008fb6ad7d88e0c5a8a57e5a985548640d4cd1563712b",
        "2_tr": "b1d1d20f8793e5f11248218f19493d9a7be366ee5bbbaff585058401976f8a21",
        "2_te": "546e9d7f640e54c4c1d6540ed2c1a3adb10497635e7d6b8d4099b4930271ac76",
        "3_tr": "fd8708bc0c41f774209f9e6a49a74c5a9acd510dd62eadc299a18d49ccd9e862",
        "3_te": "c0d9efd6c35e8c5768b759238c95c64674d7e1e7f76ed07fca6f168d67e676f4",
        "labels_tr": "5859aa107dbf406937938ebefbec122d01fea5d41a9bd0292199f4406749e45d",
        "labels_te": "20d728c6f51f79ff5fa7719b960daf22074a0e6e1f3028869042b02ca4e3f68d",
    },
    widths=(200, 200, 200),
    classes=("control", "alzheimer"),
    rows=(196, 49, 106),
)

CARD = Card(
    title="ROSMAP",
    summary="351 people, Alzheimer's disease or not: mRNA, DNA methylation and miRNA, 200 features each",
    pairing="natural",
    source_family="rosmap",
    licence="MIT (repository)",
    home="https://github.com/txWang/MOGONET",
    citation=CITATION,
    sources=STUDY.sources,
    checksum_source="sha256 of the files in the publishers' repository",
    split="Published: 245 rows to learn from, of which a fixed stratified fifth validates, and 106 test rows.",
    figures=(
        "MOGONET's paper: accuracy 0.815 ± 0.023, area under the ROC curve 0.874 ± 0.012, as mean and standard "
        "deviation; comparable as far as they are of the split that the repository publishes.",
    ),
    notes=(
        "The published split: 106 test rows, so an accuracy has a standard error of about .037 and the "
        "best few entries do not differ.",
        "Seeds vary the training alone: every seed has the same training, validation and test rows.",
        "Features were selected and scaled to 0–1 by the publishers.",
    ),
)


@register("rosmap", CARD)
@dataclass(frozen=True)
class Rosmap(MultiOmics):
    """Three tables of gene activity; control is 0 in the files, Alzheimer's disease 1."""

    study: ClassVar[Study] = STUDY
