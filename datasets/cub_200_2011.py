"""Caltech-UCSD Birds 200 (2011): photographs of birds, and 312 attributes that people saw in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import FusebenchError, UnreadableFileError
from .assembled import Items, assembled
from .boxed import Box, BoxedDecoder
from .bundle import Bundle, Modality
from .card import Card, DataSet
from .fetch import Raw, raw
from .own.decode import Decoder
from .own.decoders import PictureDecoder
from .picture_table import check_size, check_switch, read_pictures
from .registry import register
from .splits import holdout

SPECIES, ATTRIBUTES, IMAGES, TRAINING = 200, 312, 11_788, 5994

FILES = Raw(
    "cub_200_2011/CUB_200_2011",
    "",
    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
    archive=True,
    members=(
        "*images/*.jpg",
        "*images.txt",
        "*classes.txt",
        "*image_class_labels.txt",
        "*train_test_split.txt",
        "*bounding_boxes.txt",
        "*attributes/image_attribute_labels.txt",
    ),
    archive_checksum="md5:97eceeb196236b17998738112f37df78",
)

CARD = Card(
    title="CUB-200-2011",
    summary="11,788 photographs of 200 bird species, and 312 attributes by which people described each",
    pairing="natural",
    source_family="cub_200_2011",
    licence="none stated in the files; the photographs belong to those who took them",
    home="https://data.caltech.edu/records/65de6-vp158",
    citation="Wah, Branson, Welinder, Perona and Belongie, The Caltech-UCSD Birds-200-2011 Dataset, California "
    "Institute of Technology, CNS-TR-2011-001",
    sources=(FILES,),
    checksum_source="md5 of the archive as public loaders state it",
    split="Published: 5,994 pictures train, 5,794 test; a fixed stratified fifth of the former validates.",
    figures=(
        "Bilinear CNN: 84.1 % per picture, from networks pre-trained on ImageNet (arXiv 1504.07889); networks "
        "trained from scratch on 24 small pictures a species are far below.",
    ),
    met=False,
    notes=(
        "The attributes are those that a person saw in this picture, uncertain and noisy. Attributes averaged "
        "over a species, as concept bottleneck models take them, would give the species away.",
        "All 200 species: chance is .005; `species=20` keeps the first 20 of the published list.",
        "Seeds vary the training alone: every seed has the same training, validation and test rows.",
        "1.2 GB to download.",
    ),
)


@register("cub_200_2011", CARD)
@dataclass(frozen=True)
class Cub2002011(DataSet):
    """`image` in colour and `attributes`, 312 numbers, 1 where a person saw the attribute in the picture.

    Options: `size`, the side of the picture in pixels; `boxed`, whether only the published box around the
    bird is taken; `species`, how many of the 200 are told apart, the first of the published list.
    """

    size: int = 64
    boxed: bool = False
    species: int = SPECIES

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        check_size(self.size, "cub_200_2011")
        check_switch("boxed", self.boxed, "cub_200_2011")
        if not isinstance(self.species, int) or self.species not in range(2, SPECIES + 1):
            raise FusebenchError(
                f"Option species={self.species!r} of data set 'cub_200_2011': expected a whole number from 2 to "
                f"{SPECIES}."
            )

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The picture and the attributes."""
        return (
            Modality("image", "image", (3, self.size, self.size)),
            Modality("attributes", "tabular", (ATTRIBUTES,)),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The species by their number, 1 to 200; `classes.txt` of the files has their names."""
        return tuple(f"{number:03d}" for number in range(1, self.species + 1))

    @property
    def rows(self) -> dict[str, int]:
        """The published split; with fewer species, in proportion."""
        train, test = (round(count * self.species / SPECIES) for count in (TRAINING, IMAGES - TRAINING))
        validation = -(-train // 5)
        return {"train": train - validation, "validation": validation, "test": test}

    @property
    def folds(self) -> int:
        """One: the split is published."""
        return 1

    def load(self, seed: int) -> Bundle:
        """Return the published split, the same for every seed."""
        root = root_of(raw(FILES))
        held = read_lists(root, self.species)
        numbers = [int(number) for number in held.items.ids]
        attributes = read_attributes(root / "attributes" / "image_attribute_labels.txt", numbers)
        pixels, _ = read_pictures(held.paths, self._decoder(root, held.paths, numbers), "cub_200_2011")
        known, test = np.flatnonzero(held.training), np.flatnonzero(~held.training)
        train, validation = holdout(held.items.labels[known], "cub_200_2011")
        cuts = (known[train], known[validation], test)
        return assembled(self, held.items, cuts, {"image": pixels, "attributes": attributes})

    def _decoder(self, root: Path, paths: list[Path], numbers: list[int]) -> Decoder:
        if not self.boxed:
            return PictureDecoder(self.size, 3)
        boxes = _numbered(root / "bounding_boxes.txt", 4)
        held = zip(paths, numbers, strict=True)
        return BoxedDecoder(self.size, {path.name: _box(boxes[number]) for path, number in held})


@dataclass(frozen=True, eq=False)
class Lists:
    """The rows of the published lists: picture files, what they are, and which train."""

    paths: list[Path]
    items: Items
    training: np.ndarray


def root_of(folder: Path) -> Path:
    """Return the folder that holds `images.txt`: the archive has one folder of its own at its top.

    Raises
    ------
    FusebenchError
        Where there is none.
    """
    for place in (folder, folder / "CUB_200_2011"):
        if (place / "images.txt").is_file():
            return place
    raise FusebenchError(f"Data set 'cub_200_2011': {folder.name} holds no images.txt; unpack the archive whole.")


def read_lists(root: Path, species: int) -> Lists:
    """Read the lists of pictures, classes and the split; keep the first `species` classes.

    Raises
    ------
    UnreadableFileError
        Where a list does not have the published form, or lists disagree about the pictures.
    """
    files, classes, splits = (
        _numbered(root / name, 1) for name in ("images.txt", "image_class_labels.txt", "train_test_split.txt")
    )
    for name, held in (("image_class_labels.txt", classes), ("train_test_split.txt", splits)):
        if held.keys() != files.keys():
            raise UnreadableFileError(
                "List", root / name, "is not of the pictures that images.txt lists; replace it"
            )
    kept = [number for number in sorted(files) if int(classes[number][0]) <= species]
    paths = [root / "images" / files[number][0] for number in kept]
    lacking = [path for path in paths if not path.is_file()]
    if lacking:
        raise FusebenchError(
            f"Data set 'cub_200_2011' lacks {len(lacking)} of {len(paths)} pictures, first "
            f"{'/'.join(lacking[0].parts[-2:])!r}; unpack the archive whole."
        )
    labels = np.array([int(classes[number][0]) - 1 for number in kept], dtype=np.int64)
    training = np.array([splits[number][0] == "1" for number in kept])
    return Lists(paths, Items(labels, np.array(kept)), training)


def read_attributes(path: Path, numbers: list[int]) -> np.ndarray:
    """Return which attributes were seen in the pictures numbered so, float32 of shape (n, 312).

    A line is `picture attribute present certainty seconds`. Some published lines have more columns than
    these; the first three are what they should be everywhere, and nothing else is read.

    Raises
    ------
    UnreadableFileError
        Where a line does not begin like that, or a picture lacks an attribute.
    """
    row = {number: place for place, number in enumerate(numbers)}
    seen = np.full((len(numbers), ATTRIBUTES), -1, dtype=np.int8)
    with path.open(encoding="utf-8") as stream:
        for place, line in enumerate(stream, 1):
            cells = line.split(None, 3)
            try:
                number, attribute, present = int(cells[0]), int(cells[1]), int(cells[2])
                if present not in (0, 1) or not 1 <= attribute <= ATTRIBUTES:
                    raise ValueError
            except (ValueError, IndexError):
                reason = f"line {place} is not `picture attribute present …`; replace it"
                raise UnreadableFileError("List", path, reason) from None
            if number in row:
                seen[row[number], attribute - 1] = present
    empty = np.argwhere(seen < 0)
    if len(empty):
        picture, attribute = empty[0]
        reason = f"says nothing of attribute {attribute + 1} of picture {numbers[picture]}; replace it"
        raise UnreadableFileError("List", path, reason)
    return seen.astype(np.float32)


def _numbered(path: Path, cells: int) -> dict[int, list[str]]:
    """Read a list whose lines are a picture's number and some words."""
    held = {}
    for place, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        number, *rest = line.split()
        if not number.isdigit() or len(rest) != cells:
            reason = f"line {place} is not a picture's number and {cells} more; replace it"
            raise UnreadableFileError("List", path, reason)
        held[int(number)] = rest
    return held


def _box(cells: list[str]) -> Box:
    left, top, width, height = map(float, cells)
    return left, top, width, height
