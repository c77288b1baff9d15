"""HAM10000: dermatoscopic pictures of pigmented skin lesions, with age, sex and place on the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .assembled import Items
from .card import Card
from .fetch import Raw, raw
from .picture_table import Pictured, PictureTable, every, files_by_name, label_indexes
from .records import Record, read_columns
from .registry import register

_HOME = "https://dataverse.harvard.edu/api/access/datafile"
TABLE = Raw(
    "ham10000/HAM10000_metadata.csv",
    "md5:8f85fb1aa29d80a2797247e434deb79d",
    f"{_HOME}/4338392?format=original",
    size=690_218,
)
PICTURES = (
    Raw(
        "ham10000/HAM10000_images_part_1",
        "",
        f"{_HOME}/3172585",
        archive=True,
        members=("*.jpg",),
        size=1_366_522_108,
        archive_checksum="md5:4639bfa73ab251610530a97c898e6e46",
    ),
    Raw(
        "ham10000/HAM10000_images_part_2",
        "",
        f"{_HOME}/3172584",
        archive=True,
        members=("*.jpg",),
        size=1_403_566_547,
        archive_checksum="md5:da43d6cc50f6613013be07e8986b384b",
    ),
)
SAME_LESION = (
    ("ISIC_0024437", "ISIC_0031299"),
    ("ISIC_0024602", "ISIC_0032283"),
    ("ISIC_0024629", "ISIC_0029625"),
    ("ISIC_0024736", "ISIC_0029748"),
    ("ISIC_0024770", "ISIC_0027811"),
    ("ISIC_0024879", "ISIC_0030906"),
    ("ISIC_0025226", "ISIC_0030074"),
    ("ISIC_0025664", "ISIC_0026087"),
    ("ISIC_0027027", "ISIC_0029036"),
    ("ISIC_0027162", "ISIC_0029061"),
    ("ISIC_0027689", "ISIC_0032647"),
    ("ISIC_0027820", "ISIC_0028209"),
    ("ISIC_0029152", "ISIC_0033173"),
    ("ISIC_0030000", "ISIC_0031392"),
    ("ISIC_0032634", "ISIC_0033556"),
    ("ISIC_0033374", "ISIC_0033417"),
    ("ISIC_0033391", "ISIC_0034186"),
    ("ISIC_0033421", "ISIC_0033481"),
)
"""Pictures of one lesion that the table gives two: found by Abhishek, Jain and Hamarneh (arXiv 2401.14497)."""
COUNTS = {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}

CARD = Card(
    title="HAM10000",
    summary="10,015 dermatoscopic pictures of 7,470 pigmented lesions, seven diagnoses, and age, sex, place",
    pairing="natural",
    source_family="ham10000",
    licence="CC BY-NC 4.0",
    home="https://doi.org/10.7910/DVN/DBW86T",
    citation="Tschandl, Rosendahl and Kittler, The HAM10000 dataset, a large collection of multi-source "
    "dermatoscopic images of common pigmented skin lesions, Scientific Data 5, 180161, 2018, doi "
    "10.1038/sdata.2018.161",
    sources=(TABLE, *PICTURES),
    checksum_source="md5 of the table and of the two archives as Harvard Dataverse publishes them",
    split="Five folds, stratified by diagnosis, no lesion in two of them; one tests, the next validates.",
    figures=(
        "ISIC 2018, task 3: the best entry, a mean of ten networks, reached a balanced accuracy of .885 on 1,512 "
        "other pictures; not comparable. Accuracies on these pictures are mostly of networks pre-trained on "
        "ImageNet, on other splits, many of which part the pictures of one lesion.",
    ),
    terms="Non-commercial use only (CC BY-NC 4.0).",
    met=False,
    notes=(
        "Left out: `dx_type`, how the diagnosis was confirmed, which depends on what it was; and `dataset`, the "
        "collection a picture came from, which could be a shortcut.",
        "Imbalanced: two thirds are melanocytic nevi; results are judged by balanced accuracy.",
        "Several pictures of one lesion: lesions never cross a split, nor do 18 pairs of pictures of one lesion "
        "that the table takes for two (arXiv 2401.14497). Patients are not told apart in the table.",
        "2.8 GB to download.",
    ),
)


@register("ham10000", CARD)
@dataclass(frozen=True)
class Ham10000(PictureTable):
    """`image` in colour, and `record`: age, sex and the place on the body.

    Options: `size`, the side of the picture in pixels.
    """

    id = "ham10000"
    published = 10_015

    @property
    def record(self) -> Record:
        """Age, sex (`unknown` is a value), and 15 places on the body."""
        return Record(("age",), {"sex": 3, "localization": 15})

    @property
    def classes(self) -> tuple[str, ...]:
        """The seven diagnoses by the codes of the original, in alphabetic order."""
        return tuple(COUNTS)

    @property
    def metric(self) -> str:
        """Balanced accuracy: two thirds of the rows are of one class."""
        return "balanced_accuracy"

    def read(self) -> Pictured:
        """Read the table; a picture is the file named by `image_id` in either part."""
        columns = read_columns(raw(TABLE), ("image_id", "lesion_id", "dx", *self.record.columns))
        labels = label_indexes(columns["dx"], self.classes, self.id)
        lesions = joined(columns["image_id"], columns["lesion_id"])
        items = Items(labels, np.array(columns["image_id"]), np.array(lesions))
        files = files_by_name(map(raw, PICTURES), ".jpg")
        return Pictured(every(columns["image_id"], files, self.id), columns, items)


def joined(pictures: Sequence[str], lesions: Sequence[str]) -> list[str]:
    """Return the lesion of every picture, with one name for the two lesions of a pair in `SAME_LESION`."""
    place, known = {picture: row for row, picture in enumerate(pictures)}, list(lesions)
    for pair in SAME_LESION:
        if all(picture in place for picture in pair):
            kept, dropped = (known[place[picture]] for picture in pair)
            known = [kept if lesion == dropped else lesion for lesion in known]
    return known
