"""The files of a configuration directory, in the order in which they are applied."""

from __future__ import annotations

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


_files: dict[str, ConfigurationFile] = {}


def register(file: ConfigurationFile) -> None:
    """Use this for the file of its name. Apps that routing does not know bring theirs when they start."""
    _files[file.name] = file


def registered() -> list[ConfigurationFile]:
    """All files, in the order in which they are applied."""
    return list(_files.values())
