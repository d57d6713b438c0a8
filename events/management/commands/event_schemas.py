"""``manage.py event_schemas``: write the JSON Schemas of all events to ``contracts/schemas``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import contracts
from contracts.events import SCHEMA_VERSION
from events.schemas import as_text, exported_schemas

SCHEMAS = Path(contracts.__file__).parent / "schemas"


class Command(BaseCommand):
    """Exports, or with ``--check`` compares."""

    help = "Write the JSON Schemas of all events; with --check, fail when the files are not up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to, and whether to write at all."""
        parser.add_argument("--check", action="store_true", help="Write nothing; fail when a file would change.")
        parser.add_argument("--directory", type=Path, default=None, help="Default: contracts/schemas/v<version>.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export."""
        directory: Path = options["directory"] or SCHEMAS / f"v{SCHEMA_VERSION}"
        schemas = exported_schemas()
        stale = [name for name, schema in schemas.items() if not _is_current(directory / name, as_text(schema))]
        if options["check"]:
            if stale:
                raise CommandError(f"Not up to date: {', '.join(stale)}. Run 'manage.py event_schemas'.")
            return
        directory.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (directory / name).write_bytes(as_text(schemas[name]))
        self.stdout.write(f"{len(stale)} of {len(schemas)} schemas written to {directory}")


def _is_current(path: Path, text: bytes) -> bool:
    return path.is_file() and path.read_bytes() == text
