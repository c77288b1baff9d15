"""CREMA-D: actors say twelve sentences in six emotions; their voice, their face, and who they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from ..core.errors import FusebenchError
from .assembled import Items, assembled
from .bundle import Bundle, Modality
from .card import Card, DataSet
from .fetch import Raw, raw
from .frames import FramesDecoder
from .own.decoders import SoundDecoder
from .picture_table import check_size, read_pictures
from .records import Columns, Record, read_columns
from .registry import register
from .splits import fold_split

EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
ACTORS = tuple(range(1001, 1092))
GRADED = "IEO"
"""The sentence said at three levels of every emotion but the neutral one."""
_UNRECORDED = {(1008, "WSI"), (1009, "MTI"), (1019, "ITH")}
_NEVER_NEUTRAL = {(1002, "TIE"), (1076, "ITS")}

MISTAKEN = frozenset(("1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX", "1076_MTI_SAD_XX"))
"""Clips of which the publishers' README says that the video is not what its name says; one is silent, too."""

RATE, SECONDS = 16_000, 3.0


def clip_names() -> tuple[str, ...]:
    """Return the names of the 7,442 clips, `actor_sentence_emotion_level`, in alphabetic order."""
    names = []
    for actor, sentence, emotion in product(ACTORS, SENTENCES, EMOTIONS):
        neutral = emotion == "NEU"
        if (actor, sentence) in _UNRECORDED or (neutral and (actor, sentence) in _NEVER_NEUTRAL):
            continue
        levels = ("HI", "LO", "MD") if sentence == GRADED and not neutral else ("XX",)
        names += [f"{actor}_{sentence}_{emotion}_{level}" for level in levels]
    return tuple(names)


def _pointers(folder: Path) -> str:
    """Say so where a clone was made without Git LFS."""
    for path in folder.glob("1*_*_*_*.*"):
        with path.open("rb") as stream:
            if stream.read(40).startswith(b"version https://git-lfs"):
                return "holds Git LFS pointers in place of files (run `git lfs pull` in the clone)"
    return ""


HOME = "https://github.com/CheyneyComputerScience/CREMA-D"
_BY_HAND = (
    "its publishers keep it in Git LFS and ask users to fill in a form; follow the README at "
    f"{HOME} and clone with `git lfs clone https://gitlab.com/cs-cooper-lab/crema-d-mirror.git crema_d` (7.6 GB) "
    "into the folder that FUSEBENCH_DATA names"
)
CLIPS = clip_names()
SOUNDS = Raw(
    "crema_d/AudioWAV",
    "9cb61dcfaced383b0a84d60b4af4b121fbe849ea31eecaf20ba6204a846289aa",
    HOME,
    names=tuple(f"{clip}.wav" for clip in CLIPS),
    explain=_pointers,
    by_hand=_BY_HAND,
)
VIDEOS = Raw(
    "crema_d/VideoFlash",
    "30863b2033399d8cc520cb93e4ba73a7a5d937969cc1f687f5a5fc3ce22e216d",
    HOME,
    names=tuple(f"{clip}.flv" for clip in CLIPS),
    explain=_pointers,
    by_hand=_BY_HAND,
)
DEMOGRAPHICS = Raw(
    "crema_d/VideoDemographics.csv",
    "git:94a2db22d3b359d3ad90d936640d4cff1ade5b91",
    "https://raw.githubusercontent.com/CheyneyComputerScience/CREMA-D/1658cd342dff90010aa843eaeebd53610a08b1dc/"
    "VideoDemographics.csv",
    size=4033,
)
RECORD = Record(("Age",), {"Sex": 2, "Race": 4, "Ethnicity": 2})

CARD = Card(
    title="CREMA-D",
    summary="7,438 clips of 91 actors, six emotions: voice, frames of the face, and the actor's demographics",
    pairing="natural",
    source_family="crema_d",
    licence="ODbL 1.0, contents DbCL 1.0",
    home=HOME,
    citation="Cao, Cooper, Keutmann, Gur, Nenkova and Verma, CREMA-D: Crowd-sourced Emotional Multimodal Actors "
    "Dataset, IEEE Transactions on Affective Computing 5, 2014, doi 10.1109/TAFFC.2014.2336244",
    sources=(SOUNDS, VIDEOS, DEMOGRAPHICS),
    checksum_source="sha256 over the sorted lines `name sha256` of the files as the repository's Git LFS pointers "
    "state them, and the table's name in git",
    split="Five folds, stratified by emotion, no actor in two of them; one tests, the next validates.",
    figures=(
        "Raters recognise the intended emotion of a clip in 40.9 % (voice alone), 58.2 % (face alone) and 63.6 "
        "% (both) of cases (Cao et al.).",
        "Four public codes print 51.7, 59.8, 65.5 and 75.8 % for one baseline. The split of 6,698 and 744 clips "
        "that many of them follow has all 91 actors in both parts: not comparable with folds in which no tested "
        "face or voice was met in training.",
    ),
    terms="The publishers ask users of the repository to fill in the form its README links to.",
    met=False,
    notes=(
        "The label is the emotion the actor was asked for, not the one that raters saw.",
        "Frames of one clip are stacked as channels of one picture, in time order; a grey frame is one channel.",
        "The actor's number is in no modality. Demographics are the same in all clips of an actor and every actor "
        "plays all emotions, so the table alone can do no better than chance.",
        "Of the 7,442 published clips four are left out, whose videos the publishers' README calls wrong: one "
        "lasts a minute and shows every emotion, two are all but empty, one shows an error and is silent.",
        "Three pairs of sound files are identical under different emotions (1006_TIE HAP and NEU, 1013_WSI DIS "
        "and SAD, 1017_IWW ANG and FEA); they are kept as published, an actor never crosses a split.",
        "3.0 GB of sounds and videos in a clone of 7.6 GB; decoding them the first time takes many minutes.",
    ),
)


@register("crema_d", CARD)
@dataclass(frozen=True)
class CremaD(DataSet):
    """`audio`, log-mel power of the middle three seconds; `image`, frames of the face; `actor`, a table.

    The table holds age, sex, race and ethnicity, numbers and categories as training rows show them.
    Options: `mel`, number of bands and of columns of the sound's picture; `frames` of each clip, evenly
    spaced, the `size` of their side after the largest centred square is cut out, and `channels` of each,
    1 (grey) or 3.
    """

    mel: int = 64
    frames: int = 4
    size: int = 64
    channels: int = 1

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        check_size(self.size, "crema_d")
        for name, value, expected in (
            ("mel", self.mel, range(8, 257)),
            ("frames", self.frames, range(1, 33)),
            ("channels", self.channels, (1, 3)),
        ):
            if type(value) is not int or value not in expected:
                word = "or" if len(expected) == 2 else "to"
                told = f"{expected[0]} {word} {expected[-1]}"
                raise FusebenchError(f"Option {name}={value!r} of data set 'crema_d': expected {told}.")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Voice, face and actor."""
        return (
            Modality("audio", "audio", self._sound.shape),
            Modality("image", "image", self._video.shape),
            Modality("actor", "tabular", (RECORD.width,)),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The six emotions, in the order of their codes."""
        return tuple(EMOTIONS.values())

    @property
    def rows(self) -> dict[str, int]:
        """Clips of 54, 19 and 18 of the 91 actors, some 82 each; folds differ."""
        return {"train": 4414, "validation": 1551, "test": 1473}

    @property
    def _sound(self) -> SoundDecoder:
        return SoundDecoder(RATE, SECONDS, self.mel, self.mel)

    @property
    def _video(self) -> FramesDecoder:
        return FramesDecoder(self.frames, self.size, self.channels)

    def load(self, seed: int) -> Bundle:
        """Return fold `seed` of five folds of actors."""
        names = [stem for stem in (Path(name).stem for name in SOUNDS.names) if stem not in MISTAKEN]
        parts = [name.split("_") for name in names]
        place = {code: number for number, code in enumerate(EMOTIONS)}
        labels = np.array([place[emotion] for _, _, emotion, _ in parts], dtype=np.int64)
        items = Items(labels, np.array(names), np.array([actor for actor, *_ in parts]))
        sounds, videos = raw(SOUNDS), raw(VIDEOS)
        voice, _ = read_pictures([sounds / f"{name}.wav" for name in names], self._sound, "crema_d voices")
        face, _ = read_pictures([videos / f"{name}.flv" for name in names], self._video, "crema_d faces")
        cuts = fold_split(labels, seed, "crema_d", self.folds, items.groups)
        actor = RECORD.encoded(actor_columns(raw(DEMOGRAPHICS), items.groups), cuts[0], "crema_d")
        return assembled(self, items, cuts, {"audio": voice, "image": face, "actor": actor})


def actor_columns(path: Path, actors: np.ndarray | None) -> Columns:
    """Return the demographics of every clip's actor, without the actor's number.

    Raises
    ------
    FusebenchError
        Where the table lacks a column or an actor.
    """
    table = read_columns(path, ("ActorID", *RECORD.columns))
    row = {actor: number for number, actor in enumerate(table["ActorID"])}
    wanted = [] if actors is None else actors.tolist()
    lacking = sorted(set(wanted) - set(row))
    if lacking:
        raise FusebenchError(f"Table {path.name!r} has no row for actor {lacking[0]}; replace it.")
    return {name: [table[name][row[actor]] for actor in wanted] for name in RECORD.columns}
