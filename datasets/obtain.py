"""Where a raw file that is not here comes from: an archive of the user's, a base URL, the original home."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ..core.errors import DataUnavailableError, FusebenchError
from .archive import ArchiveError, unpack
from .cache import cache_folder
from .digest import digest_for, scheme_of
from .download import TransferError, retrieve
from .partial import scratch
from .raw_file import Raw, fault, is_url

Get = Callable[[Path], Path]
"""A working folder → the file or folder that was put into it."""


def damaged(source: Raw, wrong: str) -> FusebenchError:
    """Build the error for a file of the user's that is not the published one."""
    return FusebenchError(
        f"Data file {source.path!r} in FUSEBENCH_DATA {wrong}; put the published file there, "
        "or take it away to have it downloaded."
    )


def obtain(source: Raw, target: Path) -> None:
    """Put a raw file into the cache, checked.

    Raises
    ------
    FusebenchError
        Where what `FUSEBENCH_DATA` holds or serves in its place is not the published file.
    DataUnavailableError
        Where it could not be had, with every reason in one sentence; the cache is as before.
    """
    _make_folder(source, target)
    base = os.environ.get("FUSEBENCH_DATA", "")
    own = _archive_of_the_user(source, base)
    if own is not None:
        wrong, _ = _attempt(source, target, lambda folder: _unpacked(source, own, folder))
        if wrong:
            raise damaged(source, f"comes in an archive, {own.name!r}, and {wrong}")
        return
    reasons = []
    if is_url(base):
        wrong, came = _attempt(source, target, lambda folder: _from_base(source, base.rstrip("/"), folder))
        if came:
            raise damaged(source, wrong)
        reasons.append(wrong)
    if all(reasons) and source.by_hand:
        raise DataUnavailableError(f"Data file {source.path!r} cannot be fetched by a program: {source.by_hand}.")
    if all(reasons):
        wrong, came = _attempt(source, target, lambda folder: _from_home(source, folder))
        reasons.append(f"what came {wrong}" if came else wrong)
    if all(reasons):
        raise _unavailable(source, base, reasons)


def _unavailable(source: Raw, base: str, reasons: list[str]) -> DataUnavailableError:
    _kept_archive(source).unlink(missing_ok=True)
    where = "" if not base or is_url(base) else " is not in FUSEBENCH_DATA and"
    return DataUnavailableError(
        f"Data file {source.path!r}{where} could not be downloaded from {source.home} "
        f"({'; '.join(reasons)}); set FUSEBENCH_DATA to a folder that holds it, or try again online."
    )


def _make_folder(source: Raw, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch("room"):
            pass
    except OSError as error:
        raise DataUnavailableError(
            f"Data file {source.path!r} cannot be stored, since the cache folder is not writable "
            f"({type(error).__name__}); set FUSEBENCH_CACHE to a folder that is."
        ) from error


def _attempt(source: Raw, target: Path, get: Get) -> tuple[str, bool]:
    """Move into place what is good; return why nothing was, and whether something came that was not."""
    with scratch("unpack") as folder:
        try:
            got = get(folder)
            wrong = fault(source, got)
            if not wrong:
                _install(source, got, target)
        except TransferError as error:
            return str(error), False
        except ArchiveError as error:
            return f"the archive {error}", False
        except (OSError, ValueError) as error:  # ValueError: pooch knows no such kind of address
            return f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}", False
    return wrong, bool(wrong)


def _install(source: Raw, got: Path, target: Path) -> None:
    try:
        os.replace(got, target)
    except OSError:  # a folder does not replace a folder: keep another process's good one, drop a bad one
        if fault(source, target):
            shutil.rmtree(target)
            os.replace(got, target)


def _archive_of_the_user(source: Raw, base: str) -> Path | None:
    """Return the archive itself where it stands in `FUSEBENCH_DATA`, beside where its content would."""
    if not (source.archive and base) or is_url(base):
        return None
    place = Path(base).expanduser() / PurePosixPath(source.path).parent / source.home_name
    return place if place.is_file() else None


def _from_base(source: Raw, base: str, folder: Path) -> Path:
    if source.members:
        url = f"{base}/{PurePosixPath(source.path).parent}/{source.home_name}"
        return _unpacked(source, retrieve(url, folder / "archive", source.path, source.size), folder)
    if not source.names:
        return retrieve(f"{base}/{source.path}", folder / "got", source.path, source.size)
    from tqdm import tqdm

    print(f"Downloading {source.path}, {len(source.names)} files, from {base}", file=sys.stderr, flush=True)
    for name in tqdm(source.names, desc=source.path, disable=not sys.stderr.isatty(), leave=False):
        retrieve(f"{base}/{source.path}/{name}", folder / "got" / name, quiet=True)
    return folder / "got"


def _from_home(source: Raw, folder: Path) -> Path:
    if not source.archive:
        return retrieve(source.home, folder / "got", source.path, source.size)
    kept = _kept_archive(source)
    if kept.exists():
        with suppress(ArchiveError):  # where it was damaged since it came, it comes once more
            return _unpacked(source, kept, folder)
        kept.unlink()
    retrieve(source.home, kept, f"{source.home_name} for {source.path}", source.size)
    return _unpacked(source, kept, folder)


def _kept_archive(source: Raw) -> Path:
    return cache_folder() / "archives" / source.archive_name


def _unpacked(source: Raw, archive: Path, folder: Path) -> Path:
    """Unpack what belongs to a source; return the file or folder that is checked next."""
    scheme, expected = scheme_of(source.archive_checksum)
    found = digest_for(source.archive_checksum)(archive) if expected else ""
    if found != expected:
        raise ArchiveError(f"has {scheme} {found[:16]}… where {expected[:16]}… is published")
    got = folder / "got"
    shutil.rmtree(got, ignore_errors=True)
    got.mkdir()
    unpack(archive, got, source.wants, flat=not source.members)
    return got if source.names or source.members else got / PurePosixPath(source.path).name
