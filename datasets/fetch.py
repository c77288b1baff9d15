"""How raw files are had: the user's folder first, then a checked download from the original home.

`FUSEBENCH_DATA` is a read-only folder (or a base URL) in which every file stands at the path its card
names; downloads go to the cache folder. Whatever the caches hold, a raw file is checked before its rows
are used, so that the same command has the same outcome on the first day and on the tenth.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO

from ..core.errors import DataUnavailableError, FusebenchError
from .cache import cache_folder

_BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Raw:
    """One raw file, or a folder of them that is checked as a whole.

    Parameters
    ----------
    path
        Its place below the data folder, with `/`.
    checksum
        The published sha256 that `digest` must give.
    home
        The URL it is downloaded from: the file itself, or a zip archive that holds it.
    archive
        True where `home` is an archive: checked by what comes out of it, since archives made on demand
        have no stable checksum.
    names
        File names, where `path` is a folder.
    digest
        Path → sha256 in hexadecimal; of the bytes unless the publisher's checksum is of the contents.
    explain
        Folder → which file is damaged, in words, where that can be told; empty where it cannot.
    """

    path: str
    checksum: str
    home: str
    archive: bool = False
    names: tuple[str, ...] = ()
    digest: Callable[[Path], str] = file_sha256
    explain: Callable[[Path], str] | None = None

    @property
    def archive_name(self) -> str:
        """The archive's name in the cache: one archive may hold several raw files."""
        return hashlib.sha256(self.home.encode()).hexdigest()[:8] + "-" + PurePosixPath(self.home).name


def folder_sha256(folder: Path, names: Iterable[str]) -> str:
    """Return the sha256 over the sorted lines `name sha256` of the named files; others are ignored."""
    lines = sorted(f"{name} {file_sha256(folder / name)}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def raw(source: Raw) -> Path:
    """Return where a raw file (or folder) lies on this machine, checked; download it where need be.

    Raises
    ------
    FusebenchError
        Where the file in `FUSEBENCH_DATA` does not have the published checksum.
    DataUnavailableError
        Where it can be had neither there nor from its original home.
    """
    given = os.environ.get("FUSEBENCH_DATA", "")
    if given and not _is_url(given):
        place = Path(given).expanduser() / source.path
        if place.exists():
            fault = _fault(source, place)
            if fault:
                raise _damaged(source, fault)
            return place
    place = cache_folder() / "raw" / source.path
    if not place.exists() or _fault(source, place):
        _download(source, place, given)
    return place


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://", "ftp://"))


def _damaged(source: Raw, fault: str) -> FusebenchError:
    return FusebenchError(
        f"Data file {source.path!r} in FUSEBENCH_DATA {fault}; put the published file there, "
        "or take it away to have it downloaded."
    )


def _fault(source: Raw, place: Path) -> str:
    """Return what is wrong with a file or folder in words, empty where nothing is."""
    lacking = [name for name in source.names if not (place / name).is_file()]
    if lacking:
        return f"lacks {len(lacking)} of {len(source.names)} files, first {lacking[0]!r}"
    try:
        found = _digest(source, place, tuple(_stamps(source, place)))
    except _BROKEN as error:
        return f"cannot be read ({type(error).__name__}: {error})".replace(str(place), source.path)
    if found == source.checksum:
        return ""
    told = source.explain(place) if source.explain else ""
    return told or f"has sha256 {found[:16]}… where {source.checksum[:16]}… is published"


def _stamps(source: Raw, place: Path) -> Iterator[tuple[int, ...]]:
    for path in [place / name for name in source.names] or [place]:
        seen = path.stat()
        yield seen.st_size, seen.st_mtime_ns, seen.st_ino


@lru_cache(maxsize=64)
def _digest(source: Raw, place: Path, stamps: tuple[tuple[int, ...], ...]) -> str:
    """Digest once a process; the stamps make a changed file another question."""
    return source.digest(place)


def _download(source: Raw, target: Path, given: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataUnavailableError(
            f"Data file {source.path!r} cannot be stored, since the cache folder is not writable "
            f"({type(error).__name__}); set FUSEBENCH_CACHE to a folder that is."
        ) from error
    reasons = []
    if _is_url(given):
        reasons.append(_try(source, target, f"{given.rstrip('/')}/{source.path}", _from_base))
        if reasons[-1].startswith(("has sha256", "lacks")):
            raise _damaged(source, reasons[-1])
    if all(reasons):
        reasons.append(_try(source, target, source.home, _from_archive if source.archive else _from_home))
    if all(reasons):
        (cache_folder() / "archives" / source.archive_name).unlink(missing_ok=True)
        where = "" if not given or _is_url(given) else " is not in FUSEBENCH_DATA and"
        raise DataUnavailableError(
            f"Data file {source.path!r}{where} could not be downloaded from {source.home} "
            f"({'; '.join(reasons)}); set FUSEBENCH_DATA to a folder that holds it, or try again online."
        )


def _try(source: Raw, target: Path, url: str, get: Callable[[Raw, str, Path], Path]) -> str:
    """Download into a temporary folder and move what is good into place; return why not, or nothing."""
    try:
        with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as folder:
            got = get(source, url, Path(folder))
            fault = _fault(source, got)
            if not fault:
                _install(source, got, target)
            return fault
    except _BROKEN as error:
        response = getattr(error, "response", None)  # requests: the server answered, but not with the file
        return type(error).__name__ if response is None else f"HTTP {response.status_code}"


def _install(source: Raw, got: Path, target: Path) -> None:
    try:
        os.replace(got, target)
    except OSError:  # a folder does not replace a folder: keep another process's good one, drop a bad one
        if _fault(source, target):
            shutil.rmtree(target)
            os.replace(got, target)


def _retrieve(url: str, folder: Path, name: str, bar: bool) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would announce every file
    return Path(pooch.retrieve(url, known_hash=None, fname=name, path=folder, progressbar=bar))


def _from_home(source: Raw, url: str, folder: Path) -> Path:
    return _retrieve(url, folder, PurePosixPath(source.path).name, sys.stderr.isatty())


def _from_base(source: Raw, url: str, folder: Path) -> Path:
    if not source.names:
        return _from_home(source, url, folder)
    from tqdm import tqdm

    for name in tqdm(source.names, desc=source.path, disable=not sys.stderr.isatty()):
        _retrieve(f"{url}/{name}", folder / "got", name, bar=False)
    return folder / "got"


def _from_archive(source: Raw, url: str, folder: Path) -> Path:
    archive = _retrieve(url, cache_folder() / "archives", source.archive_name, sys.stderr.isatty())
    (folder / "got").mkdir()
    wanted = set(source.names) or {PurePosixPath(source.path).name}
    with archive.open("rb") as stream:
        for name, content in _members(stream, wanted):
            (folder / "got" / name).write_bytes(content)
    return folder / "got" if source.names else folder / "got" / wanted.pop()


def _members(stream: IO[bytes], wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) of the wanted members of a zip, and of a tar file inside it."""
    with zipfile.ZipFile(stream) as outer:
        for path in outer.namelist():
            name = PurePosixPath(path).name
            if name in wanted:
                yield name, outer.read(path)
            elif name.endswith((".tar", ".tar.gz", ".tgz")):
                with outer.open(path) as held, tarfile.open(fileobj=held) as inner:
                    for member in inner:
                        name, content = PurePosixPath(member.name).name, inner.extractfile(member)
                        if name in wanted and content is not None:
                            yield name, content.read()
