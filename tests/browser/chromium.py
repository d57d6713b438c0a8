"""The one way in which tests get a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


@contextmanager
def chromium() -> Iterator[Any]:
    """A Chromium of Playwright, whose own event loop counts as running in this thread meanwhile."""
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Django would take queries beside that loop for a mistake.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
        # Django keeps connections made beside a loop apart: nothing that comes after would find and close them.
        connections.close_all()


def wait_for_cursor(page: Any, name: str) -> None:
    """Until the field of this name has the focus by itself, which comes when the page is drawn, not when it is loaded.

    Raises:
        playwright.sync_api.TimeoutError: It never had.
    """
    page.wait_for_function("name => document.activeElement?.name === name", arg=name)
