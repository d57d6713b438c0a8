"""What browsers are told not to do on our pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

from controlplane.settings.env import BASE_DIR
from tests.tenants.factories import make_operator, make_user

pytestmark = pytest.mark.django_db


def policy(client: Client, path: str) -> dict[str, list[str]]:
    header = client.get(path).headers["Content-Security-Policy"]
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


OURS = ["/account/login/", "/account/password/reset/", "/account/join/x/", "/account/refused/", "/nowhere"]


@pytest.mark.parametrize("path", OURS)
def test_our_own_pages_run_nothing_inline_and_nothing_from_elsewhere(client: Client, path: str) -> None:
    found = policy(client, path)

    assert found["default-src"] == ["'none'"]
    assert found["script-src"] == ["'self'"]
    assert found["style-src"] == ["'self'"]
    assert found["frame-ancestors"] == found["base-uri"] == found["object-src"] == ["'none'"]
    assert found["form-action"] == ["'self'"]


def test_the_admin_is_allowed_what_its_theme_needs_and_no_more(client: Client) -> None:
    client.force_login(make_operator())
    found = policy(client, "/admin/")

    assert found["script-src"] == ["'self'", "'unsafe-eval'"]
    assert found["style-src"] == ["'self'", "'unsafe-inline'"]
    assert found["default-src"] == found["frame-ancestors"] == found["object-src"] == ["'none'"]


@pytest.mark.parametrize("path", ["/api/docs", "/api/redoc"])
def test_the_documentation_of_the_api_runs_nothing_inline(client: Client, path: str) -> None:
    found = policy(client, path)

    assert found["script-src"] == ["'self'"]
    page = client.get(path).content.decode()
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page)
    assert "://" not in "".join(re.findall(r"(?:src|href)=\"([^\"]+)", page))


def test_every_answer_has_the_headers(client: Client) -> None:
    client.force_login(make_user())
    for path in ("/", "/account/", "/api/schema", "/nowhere", "/admin/"):
        headers = client.get(path).headers
        assert "Content-Security-Policy" in headers, path
        assert "camera=()" in headers["Permissions-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"


def test_no_template_of_ours_has_anything_inline() -> None:
    for path in Path(BASE_DIR / "templates").rglob("*.html"):
        if path.parent.name == "drf_spectacular":
            continue  # allowed a style element, see the settings
        text = path.read_text(encoding="utf-8")
        if path.parent.name == "email":
            # No page: programs for mail know no other styles, and no scripts.
            assert not re.search(r"<script|\son[a-z]+=", text), path
            continue
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text), path
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or "application/json" in tag or "nonce=" in tag, path
