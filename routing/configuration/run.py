"""One application of all files: what it changed, what it could not, and what it left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from routing.configuration.located import Problems, Section
from tenants.changes import delete_row, save_row, snapshot
from tenants.models import Tenant
from tenants.rows import ConfigRow

ANY_TENANT = "*"


class Run:
    """Collects changes and problems while the files are applied inside one transaction."""

    def __init__(self, *, prune: bool = False) -> None:
        self.prune = prune
        """Whether rows that no file names are deleted."""
        self.problems = Problems()
        self.changes: list[str] = []
        self.kept: list[str] = []
        """Rows that only the database has, and that stay."""
        self._failed: set[tuple[str, str]] = set()
        self._tenants: dict[str, Tenant] | None = None

    def save(
        self,
        row: ConfigRow,
        section: Section,
        places: Mapping[str, tuple[Section, str]] | None = None,
        *,
        by: Callable[[Any], object] = save_row,
    ) -> bool:
        """Save the row; what is wrong with it becomes problems at the lines of its fields.

        ``places`` tells where a field is written when that is not the key of its own name in ``section``; ``by`` is
        the service that saves a row of this kind.
        """
        adding = row._state.adding
        before = {} if adding else snapshot(type(row)._base_manager.get(pk=row.pk))
        try:
            by(row)
        except ValidationError as error:
            self._report(row, error, section, places or {})
            return False
        after = snapshot(row)
        changed = [name for name in after if after[name] != before.get(name)]
        if adding:
            self.changes.append(f"created {_title(row)}")
        elif changed:
            self.changes.append(f"changed {_title(row)}: {', '.join(changed)}")
        return True

    def delete(
        self, row: ConfigRow, section: Section, key: str = "", *, by: Callable[[Any], object] = delete_row
    ) -> None:
        """Delete the row, by the service for its kind; that something else needs it becomes a problem at this place."""
        title = _title(row)
        try:
            by(row)
        except ValidationError as error:
            section.problem(" ".join(error.messages), key)
            return
        self.changes.append(f"deleted {title}")

    def keep(self, row: ConfigRow) -> None:
        """Note a row that no file names and that stays."""
        self.kept.append(_title(row))

    def fail(self, kind: str, name: str) -> None:
        """Note that this object is declared but wrong, so that nobody also complains that it is missing."""
        self._failed.add((kind, name))

    def has_failed(self, kind: str, name: str) -> bool:
        """Whether it was declared and is wrong."""
        return (kind, name) in self._failed

    def tenant(self, section: Section, key: str = "tenant") -> tuple[Tenant | None, bool]:
        """The tenant that the section names (None: the platform), and whether it exists."""
        slug = section.text(key)
        if slug in ("", ANY_TENANT):
            return None, True
        if self._tenants is None:
            self._tenants = {tenant.slug: tenant for tenant in Tenant.objects.all()}
        if slug not in self._tenants:
            section.problem(f"there is no tenant {slug!r}", key)
            return None, False
        return self._tenants[slug], True

    def _report(
        self, row: ConfigRow, error: ValidationError, section: Section, places: Mapping[str, tuple[Section, str]]
    ) -> None:
        errors: dict[str, Any] = error.update_error_dict({})
        for field, problems in errors.items():
            where, key = places.get(field, (section, field))
            about = "" if field == NON_FIELD_ERRORS else f"{key}: "
            for problem in problems:
                for message in problem.messages:
                    where.problem(f"{_title(row)}: {about}{message}", key)


def _title(row: ConfigRow) -> str:
    return f"{row._meta.verbose_name} {row.audit_name()}"
