"""UCI one-hundred plant species leaves: margin, shape and texture of one leaf, and its silhouette."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import UnreadableFileError
from .assembled import Items, assembled
from .bundle import Bundle, Modality
from .card import Card, DataSet
from .digest import file_sha256
from .fetch import Raw, raw
from .own.decoders import PictureDecoder
from .picture_table import check_size, every, files_by_name, read_pictures
from .registry import register
from .splits import fold_split

HOME = "https://archive.ics.uci.edu/static/public/241/one+hundred+plant+species+leaves+data+set.zip"
FEATURES, EACH = 64, 16
INCOMPLETE = "Acer Campestre"
"""The species of which the texture of one leaf is missing, and it is not known of which leaf."""

_EPITHETS = {
    "Acer": "Capillipes, Circinatum, Mono, Opalus, Palmatum, Pictum, Platanoids, Rubrum, Rufinerve, Saccharinum",
    "Alnus": "Cordata, Maximowiczii, Rubra, Sieboldiana, Viridis",
    "Arundinaria": "Simonii",
    "Betula": "Austrosinensis, Pendula",
    "Callicarpa": "Bodinieri",
    "Castanea": "Sativa",
    "Celtis": "Koraiensis",
    "Cercis": "Siliquastrum",
    "Cornus": "Chinensis, Controversa, Macrophylla",
    "Cotinus": "Coggygria",
    "Crataegus": "Monogyna",
    "Cytisus": "Battandieri",
    "Eucalyptus": "Glaucescens, Neglecta, Urnigera",
    "Fagus": "Sylvatica",
    "Ginkgo": "Biloba",
    "Ilex": "Aquifolium, Cornuta",
    "Liquidambar": "Styraciflua",
    "Liriodendron": "Tulipifera",
    "Lithocarpus": "Cleistocarpus, Edulis",
    "Magnolia": "Heptapeta, Salicifolia",
    "Morus": "Nigra",
    "Olea": "Europaea",
    "Phildelphus": "",
    "Populus": "Adenopoda, Grandidentata, Nigra",
    "Prunus": "Avium, X Shmittii",
    "Pterocarya": "Stenoptera",
    "Quercus": "Afares, Agrifolia, Alnifolia, Brantii, Canariensis, Castaneifolia, Cerris, Chrysolepis, "
    "Coccifera, Coccinea, Crassifolia, Crassipes, Dolicholepis, Ellipsoidalis, Greggii, "
    "Hartwissiana, Ilex, Imbricaria, Infectoria sub, Kewensis, Nigra, Palustris, Phellos, "
    "Phillyraeoides, Pontica, Pubescens, Pyrenaica, Rhysophylla, Rubra, Semecarpifolia, Shumardii, "
    "Suber, Texana, Trojana, Variabilis, Vulcanica, x Hispanica, x Turneri",
    "Rhododendron": "x Russellianum",
    "Salix": "Fragilis, Intergra",
    "Sorbus": "Aria",
    "Tilia": "Oliveri, Platyphyllos, Tomentosa",
    "Ulmus": "Bergmanniana",
    "Viburnum": "Tinus, x Rhytidophylloides",
    "Zelkova": "Serrata",
}
SPECIES = tuple(f"{genus} {name}".strip() for genus, names in _EPITHETS.items() for name in names.split(", "))
"""The 99 species of which all three tables are complete, as the tables spell them."""


def text_sha256(path: Path) -> str:
    """Return the sha256 of a text file with line ends as `\\n` and none at its end: copies differ in these."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()


def pictures_sha256(folder: Path) -> str:
    """Return the sha256 over the sorted lines `species/file sha256` of all pictures, wherever below the folder."""
    lines = sorted(f"{p.parent.name}/{p.name} {file_sha256(p)}\n" for p in folder.rglob("*.ab.jpg"))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


_TABLES = {
    "margin": ("Mar", "7579a980f20f9cb6cccbf4b670ca87da9f7059f1b4c361cbc5c4d3f214a012b3"),
    "shape": ("Sha", "889a44fe1232650abd29328b79f29725cef6efa0258c11bf1faeba1d203f3feb"),
    "texture": ("Tex", "ebfd038ea9332157856eb141ffcc1d171422a42a0115bccda180bf36e2b65c29"),
}
TABLES = {
    view: Raw(f"leaves/data_{short}_64.txt", sha256, HOME, archive=True, digest=text_sha256)
    for view, (short, sha256) in _TABLES.items()
}
SILHOUETTES = Raw(
    "leaves/data",
    "14f289caa379f41900885212ce005ff769aac859611b9e25ff87abfd0aafb2da",
    HOME,
    archive=True,
    members=("*.ab.jpg",),
    digest=pictures_sha256,
)

CARD = Card(
    title="UCI one-hundred plant species leaves",
    summary="1,584 leaves of 99 species: three tables of 64 features (margin, shape, texture) and the silhouette",
    pairing="natural",
    source_family="leaves",
    licence="CC BY 4.0",
    home="https://archive.ics.uci.edu/dataset/241",
    citation="Mallah, Cope and Orwell, Plant Leaf Classification Using Probabilistic Integration of Shape, "
    "Texture and Margin Features, Signal Processing, Pattern Recognition and Applications, 2013; data doi "
    "10.24432/C5RG76",
    sources=(*TABLES.values(), SILHOUETTES),
    checksum_source="sha256 of the files in a public copy of the UCI archive, line ends apart; a second copy "
    "has the same texture table",
    split="Five stratified folds, 9 or 10 leaves of a species to learn from; one tests, the next validates.",
    figures=(
        "Mallah et al.: 96 % with all three tables, by a density estimate of nearest neighbours, on all 100 "
        "species and other splits: near to these, not the same.",
    ),
    notes=(
        "The three tables are not in one order: the shape table lists the species in an order of its own. "
        "Leaves are matched by species and by their order within it.",
        "That this order is that of the numbered silhouettes was checked: shapes measured on the pictures are "
        "nearest to their own row of the table, and within species the distances between leaves correlate across "
        "all three tables (.10 to .21), which they do not when rows are shifted.",
        "The texture table has 15 rows of Acer Campestre where the others have 16, and which leaf is missing "
        "cannot be told; the species is left out, since a table that is absent in one species alone would give "
        "it away.",
        "Nearly saturated once tables are joined: late product is right in .997 of fold 0, the best network on "
        "one modality in .74. Within a species the tables hardly depend on each other, so that late product is "
        "close to the best rule there is.",
        "99 species of 16 leaves: chance is .01, and the training rows are few.",
        "Silhouettes are masks, 255 inside the leaf; most of the shape table can be read off them.",
    ),
)


@register("leaves", CARD)
@dataclass(frozen=True)
class Leaves(DataSet):
    """`margin`, `shape` and `texture`, 64 features each as published, and `image`, the silhouette in 0–1.

    Options: `size`, the side of the silhouette; the whole picture is scaled to it.
    """

    size: int = 32

    def __post_init__(self) -> None:
        """Refuse sizes that no picture could have."""
        check_size(self.size, "leaves")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The three tables and the silhouette."""
        tables = (Modality(view, "tabular", (FEATURES,)) for view in TABLES)
        return (*tables, Modality("image", "image", (1, self.size, self.size)))

    @property
    def classes(self) -> tuple[str, ...]:
        """The species in alphabetic order, without the incomplete one."""
        return SPECIES

    @property
    def rows(self) -> dict[str, int]:
        """Three of five folds train; folds differ by a row."""
        return {"train": 950, "validation": 317, "test": 317}

    def load(self, seed: int) -> Bundle:
        """Return fold `seed` of five stratified folds."""
        tables = {view: read_table(raw(source)) for view, source in TABLES.items()}
        inputs = {view: np.concatenate([table[name] for name in SPECIES]) for view, table in tables.items()}
        names = [f"{name.replace(' ', '_')}_{leaf:02d}".lower() for name in SPECIES for leaf in range(1, EACH + 1)]
        files = {name.lower(): path for name, path in files_by_name([raw(SILHOUETTES)], ".ab.jpg").items()}
        paths = every(names, files, "leaves", "silhouettes")
        inputs["image"], _ = read_pictures(paths, PictureDecoder(self.size, 1), "leaves")
        labels = np.repeat(np.arange(len(SPECIES)), EACH)
        cuts = fold_split(labels, seed, "leaves", self.folds)
        return assembled(self, Items(labels, np.array(names)), cuts, inputs)


def read_table(path: Path) -> dict[str, np.ndarray]:
    """Read one table: species → float64 array of shape (leaves, 64), in the order of the file.

    Raises
    ------
    UnreadableFileError
        Where a line is not a name and 64 numbers, or a complete species has not 16 leaves.
    """
    held: dict[str, list[list[float]]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        species, *cells = line.split(",")
        try:
            values = [float(cell) for cell in cells]
        except ValueError:
            values = []
        if len(values) != FEATURES:
            raise UnreadableFileError(
                "Table",
                path,
                f"line {number} is not a species and {FEATURES} numbers; replace it",
            )
        held.setdefault(species.strip(), []).append(values)
    for species in SPECIES:
        if len(held.get(species, [])) != EACH:
            reason = f"has {len(held.get(species, []))} leaves of {species} where {EACH} are published"
            raise UnreadableFileError("Table", path, reason)
    return {species: np.array(rows) for species, rows in held.items()}
