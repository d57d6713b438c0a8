"""Tests that only look at the demo share one: it takes as long to make as hundreds of them to run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from pytest_django import DjangoDbBlocker

from controlplane.demo.story import Story
from tests.controlplane.demo.fixtures import told


@pytest.fixture(scope="package")
def _demo(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """In a transaction around those of the tests, so that what a test changes goes with it and the demo stays."""
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined] # as Django's own TestCase: durable blocks may be inside
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), around:
        patch.setattr(django_settings, "VAR_DIR", tmp_path_factory.mktemp("demo") / "var")
        with told() as demo, django_db_blocker.block():
            yield demo
        transaction.set_rollback(True)


@pytest.fixture
def demo_small(_demo: Story, db: None) -> Story:
    """As everywhere, but made once for this folder: tests here change nothing of what others look at."""
    return _demo
