"""Fails a test in which the product reads or changes tenant-owned rows without saying whose.

Every statement that Django sends is looked at (:mod:`tests.isolation.scoped_sql`). One that leaves the tenant open
is a violation unless

* it is sent inside ``with across_tenants("reason")``, or
* Django follows a row that the product holds already (saving it, its relations, checks of its foreign keys), or
* a test itself asks, outside of any request, task or command.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.signals import connection_created

from contracts.tenant_scope import reason_to_cross
from tests.isolation.scoped_sql import unscoped_tables

ROOT = Path(__file__).resolve().parents[2]
TESTS = str(ROOT / "tests")
_VENV = str(ROOT / ".venv")

_FOLLOWS_A_ROW = (
    "/django/db/models/base.py",
    "/django/db/models/deletion.py",
    "/django/db/models/constraints.py",
    "/django/db/models/fields/related.py",
    "/django/db/models/fields/related_descriptors.py",
)
_RUNS_THE_PRODUCT = (
    "/django/core/handlers/",
    "/django/core/management/",
    "/celery/app/",
    "/channels/",
)


@cache
def owned_tables() -> dict[str, frozenset[str]]:
    """The columns that say whose a row is, for every table of a tenant's; generated from the models.

    A model without a tenant of its own belongs to what it cannot be without: its columns are those foreign keys.
    """
    found: dict[str, frozenset[str]] = {}
    grown = True
    while grown:
        known = len(found)
        for model in apps.get_models(include_auto_created=True):
            if columns := _owner_columns(model, found):
                found.setdefault(model._meta.db_table, columns)
        grown = len(found) > known
    return found


def _owner_columns(model: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if _is_tenant(model):
        return frozenset({"id", "slug"})
    fields = model._meta.concrete_fields
    direct = {
        field.column
        for field in fields
        if field.column in ("tenant_id", "tenant_ref") or _is_tenant(field.related_model)
    }
    parents = {
        field.column
        for field in fields
        if field.many_to_one and not field.null and field.related_model._meta.db_table in known
    }
    return frozenset(direct or parents)


def _is_tenant(model: Any) -> bool:
    return getattr(model, "_meta", None) is not None and model._meta.label == "tenants.Tenant"


class TenantGuard:
    """Collects violations from every connection of every thread."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._lock = Lock()

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Django's execute wrapper."""
        if isinstance(sql, str) and not reason_to_cross():
            tables = unscoped_tables(sql, owned_tables())
            if tables and (place := _blamed()):
                with self._lock:
                    self.violations.append(f"{place} uses {', '.join(sorted(tables))} of any tenant: {sql[:600]}")
        return execute(sql, params, many, context)

    @contextmanager
    def installed(self) -> Iterator[TenantGuard]:
        """Look at all statements within the block."""

        def watch(connection: Any, **_: Any) -> None:
            if self not in connection.execute_wrappers:
                connection.execute_wrappers.append(self)

        with ExitStack() as stack:
            connection_created.connect(watch)
            stack.callback(connection_created.disconnect, watch)
            for connection in connections.all(initialized_only=True):
                watch(connection)
            stack.callback(self._leave)
            yield self

    def _leave(self) -> None:
        for connection in connections.all(initialized_only=True):
            if self in connection.execute_wrappers:
                connection.execute_wrappers.remove(self)


def _blamed() -> str:
    """The place of the product that sends the statement; empty when nobody is to blame."""
    frame: FrameType | None = sys._getframe(2)
    nearest = ""
    runs_the_product = False
    while frame is not None:
        file = frame.f_code.co_filename
        if not nearest and _follows_a_row(frame, file):
            return ""
        runs_the_product |= any(part in file for part in _RUNS_THE_PRODUCT)
        if not nearest and file.startswith(str(ROOT)) and not file.startswith(_VENV):
            nearest = f"{Path(file).relative_to(ROOT)}:{frame.f_lineno} ({frame.f_code.co_name})"
        frame = frame.f_back
    return "" if nearest.startswith("tests/") and not runs_the_product else nearest


def _follows_a_row(frame: Any, file: str) -> bool:
    """Whether this is Django at work on a row in hand, or a queryset that such a row gave (``tenant.teams``)."""
    if any(part in file for part in _FOLLOWS_A_ROW):
        return True
    if not file.endswith("/django/db/models/query.py"):
        return False
    rows = frame.f_locals.get("self")
    return "instance" in (getattr(rows, "_hints", None) or {})
