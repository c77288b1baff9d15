"""A registry of named entries, and the walk that finds the files that fill it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from .errors import DuplicateNameError, FusebenchError, unknown


class Named(Protocol):
    """What a registry holds: anything with an id, a place (`file:line`) and other names people use."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def place(self) -> str: ...  # noqa: D102
    @property
    def other_names(self) -> tuple[str, ...]: ...  # noqa: D102


class Placed:
    """An entry whose place is its definition's: looked up when asked for, for that reads and parses the file."""

    definition: Any

    @property
    def place(self) -> str:
        """`file:line` of the definition."""
        return place_of(self.definition)


def place_of(definition: Callable[..., Any]) -> str:
    """Return `file:line` of a class or function."""
    try:
        return f"{inspect.getsourcefile(definition)}:{inspect.getsourcelines(definition)[1]}"
    except (OSError, TypeError, SyntaxError):  # defined at a prompt, or its file is being edited
        return f"{definition.__module__}:{getattr(definition, '__qualname__', '?')}"


Entry = TypeVar("Entry", bound=Named)


class Registry(Generic[Entry]):
    """Entries of one kind by id.

    Parameters
    ----------
    kind
        What an entry is called in messages, such as `"variant"`.
    hint
        The next step named when an id is unknown.
    """

    def __init__(self, kind: str, hint: str = ""):
        self.kind = kind
        self.hint = hint
        self.broken: dict[str, str] = {}
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry) -> Entry:
        """Add an entry; the same definition read again replaces itself.

        Raises
        ------
        DuplicateNameError
            Where another definition holds the id; both places are named.
        """
        held = self._entries.get(entry.id)
        if held is not None and held.place != entry.place:
            raise DuplicateNameError(
                f"The {self.kind} id {entry.id!r} is defined twice, at {held.place} and at "
                f"{entry.place}: rename one of them."
            )
        self._entries[entry.id] = entry
        return entry

    def get(self, name: str) -> Entry:
        """Look up an id; another name that people use for one entry alone serves too."""
        if name in self._entries:
            return self._entries[name]
        known_as = self._known_as(name)
        if len(known_as) == 1:
            return known_as[0]
        if known_as:
            ids = ", ".join(entry.id for entry in known_as)
            raise FusebenchError(f"The {self.kind} {name!r} may mean {ids}: name one of them.")
        raise unknown(self.kind, name, self._entries, self.hint)

    def knows(self, name: str) -> bool:
        """Return whether an entry has this id or other name, which may hold spaces or any script."""
        return name in self._entries or bool(self._known_as(name))

    def _known_as(self, name: str) -> list[Entry]:
        folded = name.casefold()
        return [e for e in self if folded in (other.casefold() for other in e.other_names)]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter([self._entries[key] for key in sorted(self._entries)])

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ids(self) -> list[str]:
        """All ids, sorted."""
        return sorted(self._entries)

    def forget(self, name: str) -> None:
        """Drop an entry (tests and interactive use)."""
        self._entries.pop(name, None)

    def discover(self, package: ModuleType) -> None:
        """Import every module below `package`; what cannot be imported is kept in `broken`."""
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            sound = self._guarded(found.name, lambda name=found.name: importlib.import_module(name))
            if sound and found.ispkg:
                self.discover(sys.modules[found.name])

    def load_file(self, path: Path) -> None:
        """Run a file outside the package (a plugin) so that it registers what it defines.

        Raises
        ------
        FusebenchError
            Where there is no such file, or another plugin has its name.
        """
        path = path.resolve()
        if not path.is_file():
            raise FusebenchError(f"Plugin {str(path)!r} is not a file.")
        name = plugin_module_name(path)
        if str(path) in self.broken:
            return
        held = sys.modules.get(name)
        if held is not None:
            if held.__file__ != str(path):
                raise FusebenchError(
                    f"Plugin {str(path)!r} has the name of another, {held.__file__!r}: rename one of the files."
                )
            return
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # a .py path always has both
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        loader = spec.loader
        if not self._guarded(str(path), lambda: loader.exec_module(module)):
            del sys.modules[name]

    def _guarded(self, name: str, load: Callable[[], object]) -> bool:
        try:
            load()
        except (Exception, SystemExit) as error:  # one broken file must not hide the others
            self.broken[name] = _cause(error)
            return False
        self.broken.pop(name, None)
        return True


def plugin_module_name(path: Path) -> str:
    """Return the module name under which a plugin file is loaded, the same in every process."""
    return "fusebench_plugin_" + "".join(c if c.isalnum() else "_" for c in path.stem)


def _cause(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({Path(last[0].filename).name}:{last[0].lineno})" if last else ""
    if isinstance(error, SyntaxError):
        where = f" ({Path(error.filename or '?').name}:{error.lineno})"
        return f"SyntaxError: {error.msg}{where}"
    return f"{type(error).__name__}: {error}{where}"
