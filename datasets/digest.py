"""Checksums of raw files: of their bytes, of folders as a whole, and what a published one means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_md5(path: Path) -> str:
    """Return the md5 of a file's bytes: good against accidents, which is what older publishers offer."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def git_blob(path: Path) -> str:
    """Return the name a git repository keeps a file under: the sha1 of its length and its bytes."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def folder_sha256(folder: Path, names: Iterable[str]) -> str:
    """Return the sha256 over the sorted lines `name sha256` of the named files; others are ignored."""
    lines = sorted(f"{name} {file_sha256(folder / name)}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def tree_files(folder: Path, patterns: tuple[str, ...]) -> list[str]:
    """Return the files below a folder that a pattern matches, with `/`, sorted; `*` matches `/` too."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if matches(name, patterns))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a path with `/` is one of the wanted ones."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


_SCHEMES: dict[str, Callable[[Path], str]] = {"sha256": file_sha256, "md5": file_md5, "git": git_blob}


def scheme_of(checksum: str) -> tuple[str, str]:
    """Return (scheme, hexadecimal) of a checksum such as `md5:…`; without a word it is a sha256."""
    scheme, _, value = checksum.rpartition(":")
    return scheme or "sha256", value


def digest_for(checksum: str) -> Callable[[Path], str]:
    """Return the function of a file that a published checksum is of."""
    return _SCHEMES[scheme_of(checksum)[0]]
