"""What a raw file is: its place, its published checksum, its home, and what is wrong with one that lies here."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from .cache import cache_folder
from .digest import digest_for, folder_sha256, matches, scheme_of, tree_files
from .partial import scratch

_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error)


@dataclass(frozen=True)
class Raw:
    """One raw file, or a folder of them that is checked as a whole.

    Parameters
    ----------
    path
        Its place below the data folder, with `/`.
    checksum
        What `digest` must give: a published sha256, or `md5:…` or `git:…` (the name of the file in the
        publisher's git repository) where that is what is published. Empty where nothing is: the first
        download's sha256 is then kept beside the file in the cache and holds from there on.
    home
        The URL it is downloaded from: the file itself, or an archive (zip, tar) that holds it.
    archive
        True where `home` is an archive: checked by what comes out of it, since archives made on demand
        have no stable checksum.
    names
        File names, where `path` is a folder of files known by name.
    members
        Patterns of paths within the archive (`*` matches `/` too), where `path` is a folder in which
        they stand under the same paths: pictures by the thousand.
    digest
        Path → hexadecimal; None where it is of the bytes (of a folder: of its sorted lines `path sha256`).
    explain
        Folder → which file is damaged, in words, where that can be told; empty where it cannot.
    size
        Bytes to download, for the announcement where the server does not tell.
    archive_checksum
        The archive's own, where it is published.
    by_hand
        How the file is had where no program may fetch it, as the end of a sentence; empty otherwise.
    """

    path: str
    checksum: str
    home: str
    archive: bool = False
    names: tuple[str, ...] = ()
    digest: Callable[[Path], str] | None = None
    explain: Callable[[Path], str] | None = None
    members: tuple[str, ...] = ()
    size: int | None = None
    archive_checksum: str = ""
    by_hand: str = ""

    @property
    def home_name(self) -> str:
        """The file name that `home` ends in."""
        return PurePosixPath(urlsplit(self.home).path).name

    @property
    def archive_name(self) -> str:
        """The archive's name in the cache: one archive may hold several raw files."""
        return hashlib.sha256(self.home.encode()).hexdigest()[:8] + "-" + self.home_name

    def wants(self, member: str) -> bool:
        """Return whether a member of the archive belongs to it."""
        if self.members:
            return matches(member, self.members)
        return PurePosixPath(member).name in (self.names or (PurePosixPath(self.path).name,))

    def files(self, place: Path) -> list[Path]:
        """Return its files, of which it lies at `place`."""
        names = self.names or (tree_files(place, self.members) if self.members else ())
        return [place / name for name in names] if self.names or self.members else [place]

    def found_digest(self, place: Path) -> str:
        """Return the digest, in hexadecimal, of what lies at a place."""
        if self.digest is not None:
            return self.digest(place)
        if self.names or self.members:
            return folder_sha256(place, [path.relative_to(place).as_posix() for path in self.files(place)])
        return digest_for(self.checksum)(place)


def given(source: Raw) -> Path | None:
    """Return the file's place in the user's folder, None where it is not there."""
    folder = os.environ.get("FUSEBENCH_DATA", "")
    place = Path(folder).expanduser() / source.path
    return place if folder and not is_url(folder) and place.exists() else None


def cached(source: Raw) -> Path:
    """Return its place in the cache folder, whether it is there or not."""
    return cache_folder() / "raw" / source.path


def is_url(text: str) -> bool:
    """Return whether `FUSEBENCH_DATA` is a base URL and no folder."""
    return text.startswith(("http://", "https://", "ftp://"))


def fault(source: Raw, place: Path) -> str:
    """Return what is wrong with a file or folder in words, empty where nothing is."""
    if not place.exists():
        return "is not there"
    lacking = [name for name in source.names if not (place / name).is_file()]
    if lacking:
        return f"lacks {len(lacking)} of {len(source.names)} files, first {lacking[0]!r}"
    try:
        if not source.files(place):
            return f"holds no file like {source.members[0]!r}"
        found = _digest(source, place, tuple(_stamps(source, place)))
    except _UNREADABLE as error:
        return f"cannot be read ({type(error).__name__}: {error})".replace(str(place), source.path)
    scheme, expected = scheme_of(source.checksum)
    whose = "is published"
    if not expected:
        expected, whose = first_seen(source) or found, "was downloaded first"
    if found == expected:
        return ""
    told = source.explain(place) if source.explain else ""
    return told or f"has {scheme} {found[:16]}… where {expected[:16]}… {whose}"


def _record(source: Raw) -> Path:
    return cached(source).with_name(PurePosixPath(source.path).name + ".sha256")


def first_seen(source: Raw) -> str:
    """Return the kept digest of the first download, empty where there is none."""
    try:
        return _record(source).read_text("utf-8").strip()
    except OSError:
        return ""


def remember(source: Raw, place: Path) -> None:
    """Keep the digest of a download whose checksum nobody published."""
    if not source.checksum and not first_seen(source):
        with scratch("record") as folder:
            (folder / "record").write_text(_digest(source, place, tuple(_stamps(source, place))) + "\n", "utf-8")
            os.replace(folder / "record", _record(source))


def _stamps(source: Raw, place: Path) -> Iterator[tuple[int, ...]]:
    for path in source.files(place):
        seen = path.stat()
        yield seen.st_size, seen.st_mtime_ns, seen.st_ino


@lru_cache(maxsize=64)
def _digest(source: Raw, place: Path, stamps: tuple[tuple[int, ...], ...]) -> str:
    """Digest once a process; the stamps make a changed file another question."""
    return source.found_digest(place)
