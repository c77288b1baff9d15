"""Embeddings of a card's pictures or sounds by a function of the user's, and a second card that reads them."""

from __future__ import annotations

import importlib.util
import os
import sys
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import FusebenchError, unknown
from ...core.files import write_atomic, write_text
from .arrays import counted
from .manifest import read_manifest
from .schema import AudioSpec, CardFile, ImageSpec, read_card
from .sources import file_source, readable
from .toml import modality_head, table_lines

_ROWS_AT_ONCE = 64

Function = Callable[[np.ndarray], Any]


def embed(
    card: str | Path,
    modality: str,
    function: str,
    out: str | Path | None = None,
    force: bool = False,
    say: Callable[[str], object] | None = None,
) -> Path:
    """Turn a modality of files into vectors and write a card that reads these instead.

    The function is called with float32 arrays of shape (rows, channels, height, width) — pictures in
    0..1, sounds as log-mel power — and returns one vector a row, shape (rows, d). It sees no labels; where
    it has been trained on these very rows, the test rows are no longer unseen.

    Parameters
    ----------
    card
        A data card.
    modality
        One of its modalities, of kind `image` or `audio`.
    function
        `FILE.py:NAME`.
    out
        The second card; default: `<card>-embedded.toml` beside the first. The vectors go beside it, to
        `<card>-<modality>.npy`: a row each row of the manifest, NaN where the modality is absent.
    force
        Whether existing files are replaced.
    say
        Called with a sentence about what takes time.

    Returns
    -------
    pathlib.Path
        The second card.

    Raises
    ------
    FusebenchError
        Where the card has no such modality, the function cannot be had or fails, or what it returns is
        not finite numbers of shape (rows, d).
    """
    spec = read_card(card)
    chosen = spec.modalities.get(modality)
    if chosen is None:
        raise unknown(f"modality of data card {spec.path.name!r}", modality, spec.modalities)
    if not isinstance(chosen, ImageSpec | AudioSpec):
        raise FusebenchError(
            f"Modality {modality!r} of data card {spec.path.name!r} is {chosen.kind}; only image and audio files "
            "are embedded."
        )
    place = spec.path.with_name(f"{spec.path.stem}-embedded.toml") if out is None else Path(out).resolve()
    target = place.with_name(f"{spec.path.stem}-{modality}.npy")
    for path in (place, target):
        if path.exists() and not force:
            raise FusebenchError(f"{path.name!r} exists; write elsewhere with --out, or replace it with --force.")
    apply = load_function(function)
    vectors = _embedded(spec, modality, chosen, apply, function, say)
    write_atomic(target, lambda stream: np.save(stream, vectors, allow_pickle=False))
    write_text(place, _card_text(spec, modality, place, target, function, bool(np.isnan(vectors).any())))
    return place


def load_function(spelt: str) -> Function:
    """Return the function that `FILE.py:NAME` names; files beside it can be imported by it.

    Raises
    ------
    FusebenchError
        Where there is no such file or function, or the file fails to import; the line is named.
    """
    file, _, name = spelt.rpartition(":")
    if not file.endswith(".py") or not name:
        raise FusebenchError(f"Function {spelt!r}: expected FILE.py:NAME, such as embed.py:vectors.")
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise FusebenchError(f"Function {spelt!r}: there is no file {file!r}.")
    held = _imported(path, spelt)
    found = getattr(held, name, None)
    if not callable(found):
        raise unknown(
            f"function of {path.name!r}", name, [key for key, value in vars(held).items() if callable(value)]
        )
    return found


def _imported(path: Path, spelt: str) -> Any:
    place = importlib.util.spec_from_file_location(f"_embed_{path.stem}", path)
    if place is None or place.loader is None:
        raise FusebenchError(f"Function {spelt!r}: {path.name!r} is no Python file.")
    held = importlib.util.module_from_spec(place)
    sys.modules[place.name] = held  # dataclasses look their module up
    sys.path.insert(0, str(path.parent))
    try:
        place.loader.exec_module(held)
    except Exception as error:
        raise FusebenchError(f"Function {spelt!r}: importing {path.name!r} failed{_where(error)}.") from error
    finally:
        sys.path.remove(str(path.parent))
    return held


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    line = f" in line {frames[-1].lineno} of {Path(frames[-1].filename).name!r}" if frames else ""
    return f"{line} ({type(error).__name__}: {error})"


def _embedded(
    spec: CardFile,
    modality: str,
    chosen: ImageSpec | AudioSpec,
    apply: Function,
    spelt: str,
    say: Callable[[str], object] | None,
) -> np.ndarray:
    """Return float32 of shape (rows of the manifest, d), NaN where the modality is absent."""
    from tqdm import tqdm

    manifest = read_manifest(spec)
    found = file_source(modality, spec, chosen, manifest).decode(say)
    owner = f"Data set {spec.data.name!r}"
    _, note = readable(owner, {modality: found.faults}, manifest.rows, spec.data.skip_unreadable)
    if note is not None and say is not None:
        count = len(found.faults)
        say(f"{owner}: {counted(count, 'file')} cannot be read; the second card has an absent {modality!r} there.")
    here = np.flatnonzero(found.present)
    if not len(here):
        raise FusebenchError(f"{owner}, modality {modality!r} is absent in all rows; there is nothing to embed.")
    parts: list[np.ndarray] = []
    for start in tqdm(range(0, len(here), _ROWS_AT_ONCE), desc=modality, disable=not sys.stderr.isatty()):
        rows = here[start : start + _ROWS_AT_ONCE]
        width = parts[0].shape[1] if parts else None
        parts.append(_called(apply, _scaled(found.array[rows]), rows, width, f"Function {spelt!r}"))
    vectors = np.full((manifest.rows, parts[0].shape[1]), np.nan, dtype=np.float32)
    vectors[here] = np.concatenate(parts)
    return vectors


def _scaled(rows: np.ndarray) -> np.ndarray:
    return rows / np.float32(255) if rows.dtype == np.uint8 else rows.astype(np.float32)


def _called(apply: Function, batch: np.ndarray, rows: np.ndarray, width: int | None, owner: str) -> np.ndarray:
    where = f"rows {rows[0] + 1} to {rows[-1] + 1}"
    try:
        vectors = apply(batch)
        if hasattr(vectors, "detach"):  # a tensor that gradients may hang on, and that may lie on a device
            vectors = vectors.detach().cpu()
        vectors = np.asarray(vectors, dtype=np.float32)
    except Exception as error:
        raise FusebenchError(f"{owner} failed on {where}{_where(error)}.") from error
    if vectors.ndim != 2 or len(vectors) != len(rows) or width not in (None, vectors.shape[1]):
        expected = f"({len(rows)}, {'d' if width is None else width})"
        raise FusebenchError(
            f"{owner} returned shape {vectors.shape} for {where}; expected {expected}, one vector a row."
        )
    broken = rows[~np.isfinite(vectors).all(axis=1)]
    if len(broken):
        raise FusebenchError(
            f"{owner} returned NaN or infinity for {len(broken)} of {len(rows)} rows, first row {broken[0] + 1}."
        )
    return vectors


def _card_text(spec: CardFile, modality: str, place: Path, target: Path, spelt: str, absent: bool) -> str:
    """Return the first card with one modality replaced; its comments are lost, its paths are kept right."""
    values = tomllib.loads(spec.path.read_text("utf-8-sig"))
    data = values["data"] | {"name": f"{spec.data.name}_embedded"}
    data["manifest"] = _moved(spec, spec.data.manifest, place)
    lines = [
        f"# Made from {spec.path.name} by `fusebench data embed`: {modality} is read from vectors.",
        "# A name of its own keeps its results apart; folds are drawn by it, so they differ from the first card's",
        "# unless a split column gives them.",
        *table_lines("data", data),
    ]
    for name, table in values["modalities"].items():
        if name == modality:
            table = {"kind": "embedding", "file": target.name, "missing": "mask" if absent else "refuse"}
            lines += ["", f"# vectors by {Path(spelt.rpartition(':')[0]).name}:{spelt.rpartition(':')[2]}"]
        else:
            lines.append("")
            table = _relocated(spec, table, place)
        lines += table_lines(modality_head(name), table)
    return "\n".join(lines) + "\n"


def _relocated(spec: CardFile, table: dict[str, Any], place: Path) -> dict[str, Any]:
    if "file" in table:
        return table | {"file": _moved(spec, table["file"], place)}
    if table["kind"] in ("image", "audio") and place.parent != spec.folder:
        return table | {"folder": _moved(spec, table.get("folder", ""), place)}
    return table


def _moved(spec: CardFile, path: str, place: Path) -> str:
    """Return a path of the first card as the second one must spell it."""
    if place.parent == spec.folder or Path(path).is_absolute():
        return path
    return Path(os.path.relpath(spec.folder / path, place.parent)).as_posix()
