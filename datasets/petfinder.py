"""PetFinder.my adoption prediction: the first photograph of a pet, and its profile without the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import FusebenchError
from .assembled import Items
from .card import Card
from .fetch import Raw, raw
from .picture_table import Pictured, PictureTable, files_by_name, label_indexes
from .records import Record, numbers, read_columns
from .registry import register

HOME = "https://www.kaggle.com/c/petfinder-adoption-prediction/data"
_BY_HAND = (
    f"its rules have to be accepted at {HOME} with an account of one's own; download the competition's data there "
    "and put train.csv and the folder train_images below petfinder/ in the folder that FUSEBENCH_DATA names"
)
TABLE = Raw("petfinder/train.csv", "", HOME, by_hand=_BY_HAND)
PICTURES = Raw("petfinder/train_images", "", HOME, members=("*-1.jpg",), by_hand=_BY_HAND)

RECORD = Record(
    ("Age", "Quantity", "Fee", "PhotoAmt", "VideoAmt"),
    {
        "Type": 2,
        "Gender": 3,
        "Breed1": 16,
        "Breed2": 16,
        "Color1": 7,
        "Color2": 7,
        "Color3": 6,
        "MaturitySize": 4,
        "FurLength": 3,
        "Vaccinated": 3,
        "Dewormed": 3,
        "Sterilized": 3,
        "Health": 3,
        "State": 14,
    },
)

CARD = Card(
    title="PetFinder.my adoption prediction",
    summary="14,993 pets up for adoption: first photograph and profile; how soon each found a home, in five steps",
    pairing="natural",
    source_family="petfinder",
    licence="the competition's rules; no redistribution",
    home=HOME,
    citation="PetFinder.my Adoption Prediction, Kaggle, 2018",
    sources=(TABLE, PICTURES),
    split="Five folds of the labelled rows, stratified by class, no rescuer in two of them; one tests, the next "
    "validates.",
    figures=(
        "None to compare with: the competition judged by quadratic weighted kappa on other rows, whose labels "
        "stay hidden, and allowed the text of the description.",
    ),
    terms="Kaggle account and acceptance of the competition's rules: files are put in place by hand.",
    met=False,
    notes=(
        "The five classes are ordered, 0 the fastest; here they are classes like others.",
        "Left out: name and description (text), and the machine-made annotations of pictures and texts.",
        "Pets without a photograph stay, with `image` marked absent.",
        "A rescuer lists many pets in one style: rescuers never cross a split.",
    ),
)


@register("petfinder", CARD)
@dataclass(frozen=True)
class Petfinder(PictureTable):
    """`image`, the first photograph in colour, and `record`: the profile's numbers and codes.

    Of the breeds the 16 most frequent among training rows have a place of their own.
    Options: `size`, the side of the picture in pixels.
    """

    id = "petfinder"
    published = 14_993

    @property
    def record(self) -> Record:
        """Five numbers and fourteen codes."""
        return RECORD

    @property
    def classes(self) -> tuple[str, ...]:
        """`AdoptionSpeed`, 0 the fastest."""
        return tuple("01234")

    def read(self) -> Pictured:
        """Read `train.csv`; a picture is `<PetID>-1.jpg`, absent only where the profile counts none."""
        columns = read_columns(raw(TABLE), ("PetID", "RescuerID", "AdoptionSpeed", *RECORD.columns))
        files = files_by_name([raw(PICTURES)], "-1.jpg")
        pets = columns["PetID"]
        counted = numbers(columns["PhotoAmt"], "Data set 'petfinder', column 'PhotoAmt'")
        lacking = [pet for pet, count in zip(pets, counted, strict=True) if count > 0 and pet not in files]
        if lacking:
            raise FusebenchError(
                f"Data set 'petfinder' lacks the first photograph of {len(lacking)} of {len(pets)} pets, first "
                f"'{lacking[0]}-1.jpg'; put the whole folder train_images in place."
            )
        labels = label_indexes(columns["AdoptionSpeed"], self.classes, self.id)
        items = Items(labels, np.array(pets), np.array(columns["RescuerID"]))
        return Pictured([files.get(pet) for pet in pets], columns, items)
