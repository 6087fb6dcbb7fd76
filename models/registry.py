"""Which releases there are and which one serves.

A registry is a folder with `releases/<version>/` and a file `current` that holds the serving version's name.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.errors import ReleaseError
from models.release import VERSION, Release, copy_release, load_release, verify_release

DEFAULT_ROOT = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Registry:
    """The releases under one folder."""

    root: Path = DEFAULT_ROOT

    @property
    def releases(self) -> Path:
        """The folder that holds the release folders."""
        return self.root / "releases"

    def versions(self) -> list[str]:
        """The names of all releases, oldest name first."""
        if not self.releases.is_dir():
            return []
        return sorted(path.name for path in self.releases.iterdir() if path.is_dir() and VERSION.fullmatch(path.name))

    def folder(self, version: str) -> Path:
        """Where a version lies. Raises `ReleaseError` when there is none of that name."""
        if not VERSION.fullmatch(version) or not (self.releases / version).is_dir():
            known = ", ".join(self.versions()) or "none"
            raise ReleaseError(f"{version}: no such model version under {self.releases}; there are: {known}")
        return self.releases / version

    def current(self) -> str | None:
        """The serving version's name, or None while none was activated."""
        return self._read("current")

    def previous(self) -> str | None:
        """The name of the version that served before the current one, or None."""
        previous = self._read("previous")
        return None if previous == self.current() else previous

    def current_folder(self) -> Path:
        """Where the serving version lies. Raises `ReleaseError`."""
        version = self.current()
        if version is None:
            raise ReleaseError(f"{self.root}: no model is active; run `wiretag train` or `wiretag models activate VERSION`")
        return self.folder(version)

    def load_current(self) -> Release:
        """The serving model, verified. Raises `ReleaseError`."""
        return load_release(self.current_folder())

    def activate(self, version: str) -> str | None:
        """Make a version the serving one, after verifying it, and give the one that served before.

        The change is one rename: a reader sees the old name or the new one. The old name is kept for `rollback`. Of several
        activations at once one is the last, and what is kept beside it is the one before.
        """
        with self._locked():
            return self._switch(version)

    def rollback(self) -> str:
        """Make the version that served before the current one serve again, and give its name."""
        with self._locked():
            previous = self.previous()
            if previous is None:
                raise ReleaseError(f"{self.root}: no version served before this one; name one with `models activate`")
            self._switch(previous)
            return previous

    def seed(self) -> str | None:
        """Copy the shipped model here and make it serve, where there is no model yet, and give its name; else None."""
        shipped = Registry().current_folder()
        with self._locked():
            if self.current() or set(self.versions()) - {shipped.name}:  # the shipped one alone: a copying that was cut off
                return None
            copy_release(shipped, self.releases)
            self._switch(shipped.name)
            return shipped.name

    def _switch(self, version: str) -> str | None:
        verify_release(self.folder(version))
        before = self.current()
        if before and before != version:
            self._replace("previous", before)
        self._replace("current", version)
        return before

    def _read(self, name: str) -> str | None:
        try:
            return (self.root / name).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ReleaseError(f"{self.root / name}: cannot be read ({error}); it holds the name of a version") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the processes that switch this registry. What cannot be written is a `ReleaseError`."""
        import fcntl  # only a Unix has it, and only switching needs it

        try:
            with (self.root / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except FileNotFoundError:
            raise ReleaseError(f"{self.root}: no registry here; name another folder or run `wiretag train`") from None
        except OSError as error:
            raise ReleaseError(
                f"{self.root}: cannot be written ({error.strerror}); make the registry writable for user {os.getuid()}"
            ) from None

    def prune(self, keep: int) -> list[str]:
        """Remove all releases but the serving one, the one before it and the `keep` newest, and give the removed names.

        A release is renamed before its files go, so that no reader meets half of one. What a killed prune left goes too.
        """
        with self._locked():
            stay = {self.current(), self._read("previous")}
            others = [version for version in self.versions() if version not in stay]
            others.sort(key=lambda version: self.folder(version).stat().st_mtime_ns)
            removed = others[: max(0, len(others) - keep)]
            for aside in list(self.releases.glob(".old-*")):
                shutil.rmtree(aside)
            for version in removed:
                aside = self.releases / f".old-{version}"
                self.folder(version).rename(aside)
                shutil.rmtree(aside)
        return removed

    def _replace(self, name: str, content: str) -> None:
        """Change a small file in one step. The lock is held, so its name aside is ours; what a kill leaves is written over."""
        aside = self.root / f".{name}.new"
        with aside.open("w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o644)
        aside.replace(self.root / name)


def registry_of(where: Path | None) -> Registry | None:
    """The registry that a setting names (None: the shipped one), or None where it names the folder of one release.

    Raises `ReleaseError` for a folder that cannot be read.
    """
    if where is None:
        return Registry()
    try:
        is_registry = (where / "releases").is_dir() or (where / "current").exists()
        return Registry(where) if is_registry and not (where / "manifest.json").exists() else None
    except OSError as error:
        raise ReleaseError(f"{where}: cannot be read ({error.strerror}); user {os.getuid()} must be able to") from None


def awaits_model(where: Path | None) -> bool:
    """Whether a setting names a folder that is there and has no model yet, rather than one that is missing or damaged."""
    registry = registry_of(where)
    if registry is None:
        return where is not None and where.is_dir() and not any(where.iterdir())
    return registry.current() is None


def named_folder(where: Path | None) -> Path:
    """The release folder that a setting names: itself, or a registry's serving version. Raises `ReleaseError`."""
    registry = registry_of(where)
    return registry.current_folder() if registry else Path(where or "")


def load_model(where: Path | None) -> Release:
    """The model that a setting names: a registry, a release folder, or (None) the one shipped with the program."""
    return load_release(named_folder(where))
