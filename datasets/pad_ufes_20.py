"""PAD-UFES-20: photographs of skin lesions by smartphone, and what the patient told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .assembled import Items
from .card import Card
from .fetch import Raw, raw
from .picture_table import Pictured, PictureTable, every, files_by_name, label_indexes
from .records import Record, read_columns
from .registry import register

# The name of the archive of Mendeley Data's version 1; it holds three more with the pictures.
HOME = "https://prod-dcd-datasets-cache-zipfiles.s3.eu-west-1.amazonaws.com/zr7vgbcyr2-1.zip"
TABLE = Raw("pad_ufes_20/metadata.csv", "", HOME, archive=True)
PICTURES = Raw("pad_ufes_20/images", "", HOME, archive=True, members=("*.png",))
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
    sources=(TABLE, PICTURES),
    split="Five folds, stratified by diagnosis, no patient in two of them; one tests, the next validates.",
    figures=(
        "None to compare with: published balanced accuracies come from networks pre-trained on ImageNet, from the "
        "whole record, and from other folds.",
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
        "3.4 GB of pictures; no checksum is published.",
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
        return Pictured(every(names, files_by_name([raw(PICTURES)], ".png"), self.id), columns, items)
