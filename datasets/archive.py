"""Archives: the wanted members of a zip or tar file, and of archives inside it, streamed to a folder."""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO

_DAMAGED = (EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class ArchiveError(ValueError):
    """What is wrong with an archive, as the end of a sentence."""


def unpack(archive: Path, folder: Path, wanted: Callable[[str], bool], flat: bool = False) -> int:
    """Write the wanted members of an archive below a folder.

    Parameters
    ----------
    archive
        A zip file, or a tar file compressed or not. Archives in it that are not wanted themselves are
        opened in their turn, and their members count under their own paths.
    folder
        An existing folder.
    wanted
        Member's path, with `/` → whether it is written. Links and devices never are.
    flat
        Write every member under its file name alone instead of its path.

    Returns
    -------
    int
        Number of files written.

    Raises
    ------
    ArchiveError
        Where a wanted member's path leads out of the folder, or the archive is of no known format,
        damaged, encrypted or packed in an unknown way.
    """
    written = 0
    with archive.open("rb") as stream:
        try:
            for path, content in _members(stream, wanted):
                place = folder / (safe(path).name if flat else safe(path))
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as target:
                    shutil.copyfileobj(content, target, 1 << 20)
                written += 1
        except _DAMAGED as error:
            raise ArchiveError(f"is damaged ({type(error).__name__}: {error})") from error
        except RuntimeError as error:  # zipfile's word for a password or a method it does not know
            raise ArchiveError(f"is packed in a way that cannot be read: {error}") from error
    return written


def safe(path: str) -> PurePosixPath:
    """Return a member's path, refusing one that could be written outside the folder it is unpacked to."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path:
        raise ArchiveError(f"holds the member {path!r}, whose path is not one below a folder")
    return parts


def _members(stream: IO[bytes], wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(stream):
        return _of_zip(stream, wanted)
    stream.seek(0)
    if not tarfile.is_tarfile(stream):
        raise ArchiveError("is neither a zip nor a tar file")
    stream.seek(0)
    return _of_tar(stream, wanted)


def _of_zip(stream: IO[bytes], wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(stream) as held:
        for entry in held.infolist():
            if entry.is_dir() or not (wanted(entry.filename) or _is_archive(entry.filename)):
                continue
            with held.open(entry) as content:
                yield from _one(entry.filename, content, wanted)


def _of_tar(stream: IO[bytes], wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=stream, mode="r:*") as held:
        for entry in held:
            name = entry.name.removeprefix("./")
            content = held.extractfile(entry) if entry.isreg() and (wanted(name) or _is_archive(name)) else None
            if content is not None:
                with closing(content):
                    yield from _one(name, content, wanted)
        while held.fileobj is not None and held.fileobj.read(1 << 20):
            pass  # the checksum of a compressed file stands at its end, beyond the last member


def _one(path: str, content: IO[bytes], wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield a wanted member, or what is wanted of an archive inside the archive."""
    if wanted(path):
        yield path, content
        return
    with tempfile.TemporaryFile() as copy:  # archives are read back and forth, members only forth
        shutil.copyfileobj(content, copy, 1 << 20)
        copy.seek(0)
        yield from _members(copy, wanted)


def _is_archive(path: str) -> bool:
    return path.lower().endswith((".zip", *_TAR))
