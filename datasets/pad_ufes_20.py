"""PAD-UFES-20: photographs of skin lesions by smartphone, and what the patient told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .assembled import Items
from .card import Card
from .fetch import Raw, raw
from .picture_table import Pictured, PictureTable, check_switch, every, files_by_name, label_indexes
from .records import Record, read_columns
from .registry import register

_HOME = "https://data.mendeley.com/public-files/datasets/zr7vgbcyr2/files"
TABLE = Raw(
    "pad_ufes_20/metadata.csv",
    "14d145235cedb022548257acb0d84dcd949e2c916f65d2baa7c38ed5339e9527",
    f"{_HOME}/fa850265-57da-48f0-ba3e-998b3e44b1f6/file_downloaded",
    size=316_209,
)
_PARTS = (
    (
        "1cc2f71f-20a2-412d-b746-a9b9bc20c966",
        1_245_184_680,
        "0ab44f60938bf57445e12f518a8878954cc734e6b0aec6d01194e2d26b4b2dca",
    ),
    (
        "559a60ed-5504-475d-996c-6a8bc253b5e7",
        1_126_646_990,
        "e2d9a3cbd58e823f5ae33163c48643e7d1b54ae3f9e145f01f8e9f16a363a60b",
    ),
    (
        "34dcdf8e-e5f1-4b35-aa0b-5135051ff852",
        1_220_565_093,
        "ecc4ef10143a43e1d01cb736773148607a78b530417eb76f2c38ad24bf5d0d2c",
    ),
)
PICTURES = tuple(
    Raw(
        f"pad_ufes_20/images/imgs_part_{number}",
        "",
        f"{_HOME}/{name}/file_downloaded",
        archive=True,
        members=("*.png",),
        size=size,
        archive_checksum=sha256,
    )
    for number, (name, size, sha256) in enumerate(_PARTS, 1)
)
COUNTS = {"ACK": 730, "BCC": 845, "MEL": 52, "NEV": 244, "SCC": 192, "SEK": 235}

LESION = Record(
    ("age",), {"region": 14, "itch": 3, "grew": 3, "hurt": 3, "changed": 3, "bleed": 3, "elevation": 3}
)
HISTORY = Record(
    ("fitspatrick", "diameter_1", "diameter_2"),
    {
        "gender": 2,
        "smoke": 2,
        "drink": 2,
        "pesticide": 2,
        "skin_cancer_history": 2,
        "cancer_history": 2,
        "has_piped_water": 2,
        "has_sewage_system": 2,
        "background_father": 8,
        "background_mother": 8,
    },
)
WITH_HISTORY = Record(LESION.numeric + HISTORY.numeric, {**LESION.categorical, **HISTORY.categorical})

CARD = Card(
    title="PAD-UFES-20",
    summary="2,298 smartphone pictures of skin lesions of 1,373 patients, six diagnoses, and a record of each",
    pairing="natural",
    source_family="pad_ufes_20",
    licence="CC BY 4.0",
    home="https://data.mendeley.com/datasets/zr7vgbcyr2/1",
    citation="Pacheco et al., PAD-UFES-20: a skin lesion dataset composed of patient data and clinical images "
    "collected from smartphones, Data in Brief 32, 2020, doi 10.1016/j.dib.2020.106221 (arXiv 2007.00478); data "
    "doi 10.17632/zr7vgbcyr2.1",
    sources=(TABLE, *PICTURES),
    checksum_source="sha256 of the table and of the three archives as Mendeley Data states them",
    split="Five folds, stratified by diagnosis, no patient in two of them; one tests, the next validates.",
    figures=(
        "De Lima and Krohling (arXiv 2205.15442): balanced accuracy .800 ± .006, .780 ± .024 and .771 ± .018 of "
        "three large networks with MetaBlock; not comparable: networks pre-trained on ImageNet, the whole record, "
        "other folds.",
    ),
    met=False,
    notes=(
        "`biopsed` is left out: every carcinoma and melanoma is biopsy-proven, and 6 to 25 in a hundred of the "
        "three benign diagnoses, so that it gives most of the label away.",
        "Eleven columns of the patient's history are absent in the same 804 rows; how a lesion was examined, "
        "and so its diagnosis, may show in that alone. They stay out unless `history=true`, with which the "
        "record is that of most of the literature.",
        "Imbalanced: 845 basal cell carcinomas, 52 melanomas; results are judged by balanced accuracy.",
        "A patient may have several lesions and a lesion several pictures: patients never cross a split.",
        "3.6 GB to download.",
    ),
)


@register("pad_ufes_20", CARD)
@dataclass(frozen=True)
class PadUfes20(PictureTable):
    """`image` in colour, and `record`: age, region and six symptoms, each True, False or unknown.

    Options: `size`, the side of the picture; `history`, whether the record has the patient's history,
    skin type and the lesion's diameters as well.
    """

    history: bool = False
    id = "pad_ufes_20"
    published = 2298

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        super().__post_init__()
        check_switch("history", self.history, self.id)

    @property
    def record(self) -> Record:
        """The symptoms, with `history` everything but the biopsy."""
        return WITH_HISTORY if self.history else LESION

    @property
    def classes(self) -> tuple[str, ...]:
        """The six diagnoses by the codes of the original; BCC, MEL and SCC are cancers."""
        return tuple(COUNTS)

    @property
    def metric(self) -> str:
        """Balanced accuracy: a third of the rows are of one class."""
        return "balanced_accuracy"

    def read(self) -> Pictured:
        """Read `metadata.csv`; a picture is the file that `img_id` names, wherever below `images`."""
        columns = read_columns(raw(TABLE), ("img_id", "patient_id", "diagnostic", *self.record.columns))
        names = [name.removesuffix(".png") for name in columns["img_id"]]
        labels = label_indexes(columns["diagnostic"], self.classes, self.id)
        items = Items(labels, np.array(names), np.array(columns["patient_id"]))
        return Pictured(every(names, files_by_name(map(raw, PICTURES), ".png"), self.id), columns, items)
