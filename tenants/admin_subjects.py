"""What the admin pages of limits and budgets share: both are about a tenant, a team, a key or end users."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.decorators import display

from tenants.admin_rows import ConfigRowAdmin


class SubjectAdmin(ConfigRowAdmin):
    """Rows of :class:`tenants.subjects.AboutSubject`."""

    list_select_related = ("tenant", "team", "key")
    autocomplete_fields = ("tenant", "team", "key")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A row stays with its tenant."""
        return ("tenant",) if obj is not None else ()

    @display(
        description="Level",
        ordering="level",
        label={"tenant": "primary", "team": "info", "key": "success", "user": "warning"},
    )
    def show_level(self, row: Any) -> tuple[str, str]:
        """A badge."""
        return row.level, row.get_level_display()

    @display(description="Subject")
    def subject(self, row: Any) -> str:
        """The team or key; the tenant or its users otherwise."""
        return str(row.team or row.key or row.get_level_display())
