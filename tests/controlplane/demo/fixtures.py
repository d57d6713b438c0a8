"""``demo_small``: a small installation in use, for tests of pages and questions that want one. See docs/TESTING.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from controlplane.demo import removal, story
from controlplane.demo.cast import CAST
from events.collector.database import conninfo

CALLS = 300


@pytest.fixture
def demo_small(db: None, tmp_path: Path, settings: Any) -> Iterator[story.Story]:
    """Two tenants (``northwind-bank``, ``marigold-home``) with people, keys, budgets and 300 calls in two days.

    Rows go with the test's transaction. Events, runs and the ledger are committed by the collector's store, and
    removed afterwards.
    """
    settings.VAR_DIR = tmp_path / "var"
    with told() as demo:
        yield demo


@contextmanager
def told() -> Iterator[story.Story]:
    """The demo, within the transaction that is open, and without what happened to it afterwards."""
    size = story.Size(until=timezone.now(), days=2, calls=CALLS, cast=CAST[:2])
    try:
        yield story.tell(size)
    finally:
        with across_tenants("the fixture's own tenants"):
            found = removal.present()
        removal.remove_happened(conninfo(), found["tenants"] if found else [])
