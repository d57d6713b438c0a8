"""What tests of the project's pages share."""

from __future__ import annotations

import pytest

from contracts import incidents
from tests.browser.signed_in import assert_accessible, browser, open_as

__all__ = ["assert_accessible", "browser", "open_as"]


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture(autouse=True)
def _no_source_of_incidents(monkeypatch) -> None:
    monkeypatch.setattr(incidents, "_registered", [])
