"""The sidebar's entries of these pages."""

from __future__ import annotations

from console.navigation import Entry, register
from console.workspace import PORTAL
from tenants.permissions import TenantPermission


def register_entries() -> None:
    """Called once, as the app is ready."""
    register(Entry("Getting started", "rocket", "start", order=90))
    register(
        Entry(
            "Playground",
            "message-chatbot",
            "playground",
            "Build",
            order=10,
            permission=TenantPermission.MANAGE_KEYS,
            where=frozenset({PORTAL}),
        )
    )
    register(Entry("Requests", "list-search", "requests", "Observe", order=10, permission=TenantPermission.VIEW_RUNS))
    register(Entry("Dry run", "test-pipe", "dry-run", "Traffic", order=15, permission=TenantPermission.VIEW_RUNS))
    register(Entry("Usage and cost", "chart-bar", "usage", "Money", order=10, permission=TenantPermission.VIEW_USAGE))
    register(
        Entry(
            "Statements",
            "receipt",
            "statements",
            "Money",
            order=20,
            permission=TenantPermission.VIEW_COSTS,
            where=frozenset({PORTAL}),
        )
    )
