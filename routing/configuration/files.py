"""The files of a configuration directory, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from routing.configuration.located import Section
from routing.configuration.run import Run


class ConfigurationFile(Protocol):
    """What one file means."""

    name: str
    """Such as ``routing.yaml``."""

    def apply(self, top: Section, run: Run) -> None:
        """Read everything, and create and change rows. Runs inside the transaction of the whole run."""

    def remove(self, top: Section, run: Run) -> None:
        """Delete what the file no longer has. Called in reverse order, once every file is applied."""

    def export(self) -> dict[str, Any] | None:
        """The rows as the file would have them; None when there is nothing to write."""


class ValidatedFile:
    """A file whose part of the product is not installed: its structure is checked and nothing is stored."""

    def __init__(self, name: str, read: Callable[[Section], None]) -> None:
        self.name = name
        self._read = read

    def apply(self, top: Section, run: Run) -> None:
        """Check the structure."""
        self._read(top)
        run.notes.append(f"{self.name}: validated, not applied yet: its part is not installed")

    def remove(self, top: Section, run: Run) -> None:
        """Nothing is stored, so nothing goes."""

    def export(self) -> dict[str, Any] | None:
        """Nothing."""
        return None


_files: dict[str, ConfigurationFile] = {}


def register(file: ConfigurationFile) -> None:
    """Use this for the file of its name from now on; a part that is installed replaces the mere validation."""
    _files[file.name] = file


def registered() -> list[ConfigurationFile]:
    """All files, in the order in which they are applied."""
    return list(_files.values())
