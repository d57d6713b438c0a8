"""Fixtures of the tests of signing in."""

import pytest
from django.core.cache import cache

from tenants.emitting import set_emitter
from tests.tenants.signing_in.people import Kept


@pytest.fixture(autouse=True)
def fresh_limits():
    """No attempt of another test counts, and no code was used."""
    cache.clear()


@pytest.fixture
def emitted():
    """The events of the test; it has to commit (``django_db(transaction=True)``) for any to come."""
    kept = Kept()
    set_emitter(kept)
    yield kept
    set_emitter(None)
