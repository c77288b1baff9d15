"""Breast cancer multi-omics as prepared for MOGONET: three tables of 875 people, five subtypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .card import Card
from .mogonet import CITATION, MultiOmics, Study
from .registry import register

STUDY = Study(
    "brca",
    "BRCA",
    checksums={
        "1_tr": "git:f9592a73980ecb37f332b7a6d9b57b5a99078090",
        "1_te": "git:d34625f7875308260b4b83b584c5b8eeffd621da",
        "2_tr": "git:c58c38acd33f14dd99295c6eb629cc56885af98e",
        "2_te": "git:ac5dd437b58659090eb6934e7e3a4a9a52a4a553",
        "3_tr": "git:08e7b9a8c490892df01a474973c3e53efc76beb7",
        "3_te": "5f2b44ccb659554e861734405aec7e2bad78f4883fdc503ee8947d56126b3118",
        "labels_tr": "0c18a7a7f270b86190ec32706329cfefed23c17b61806521a01199fea5e53a63",
        "labels_te": "35dcd5a03854891d145deed501af40343bd460057a1ab89dcc4c6dd6b82895fe",
    },
    widths=(1000, 1000, 503),
    classes=("normal-like", "basal-like", "her2-enriched", "luminal_a", "luminal_b"),
    rows=(489, 123, 263),
)

CARD = Card(
    title="BRCA",
    summary="875 breast cancers, PAM50 subtype: mRNA and DNA methylation (1,000 features each), miRNA (503)",
    pairing="natural",
    source_family="tcga_brca",
    licence="MIT (repository)",
    home="https://github.com/txWang/MOGONET",
    citation=CITATION,
    sources=STUDY.sources,
    checksum_source="sha256 of the labels and of the miRNA test table in the publishers' repository; for the five "
    "large tables the name under which that repository keeps them (git blob) at the named commit",
    split="Published: 612 rows to learn from, of which a fixed stratified fifth validates, and 263 test rows.",
    figures=(
        "MOGONET's paper: accuracy 0.829 ± 0.018, weighted F1 0.825 ± 0.016, macro F1 0.774 ± 0.017, as mean and "
        "standard deviation; comparable as far as they are of the split that the repository publishes.",
        "Later papers print accuracies up to 0.9 under preprocessing and splits of their own: not comparable.",
    ),
    notes=(
        "The loader has met the labels and the miRNA test table; the five large tables only as small files in "
        "the same format.",
        "Classes are unequal: 131 of the 263 test rows are luminal A, and 14 are HER2-enriched.",
        "Seeds vary the training alone: every seed has the same training, validation and test rows.",
        "Features were selected and scaled to 0–1 by the publishers.",
    ),
    met=False,
)


@register("brca", CARD)
@dataclass(frozen=True)
class Brca(MultiOmics):
    """Three tables of tumour tissue; classes as numbered by the publishers, 0 normal-like to 4 luminal B."""

    study: ClassVar[Study] = STUDY
