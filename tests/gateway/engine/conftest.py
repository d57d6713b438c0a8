"""The engine's parts are tested alone."""

from __future__ import annotations

import pytest

from gateway import process


@pytest.fixture(autouse=True)
def _no_gateway_beside() -> None:
    """A gateway that an earlier test of this process has left running works on the same Redis."""
    process.stop()
