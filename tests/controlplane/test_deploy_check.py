"""The settings of a production installation, as Django's own check for deployments sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.settings.env import BASE_DIR, Environment, read_environment

PRODUCTION = {"BREAKWATER_ENV": "production", "ALLOWED_HOSTS": "console.example.com"}


def _manage(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process that sees nothing of the tests' own environment but where the servers are."""
    kept = {name: os.environ[name] for name in ("PATH", "DATABASE_URL", "REDIS_URL", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env={**kept, "VAR_DIR": str(tmp_path), **PRODUCTION, **variables},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_check_for_deployments_finds_nothing(tmp_path: Path) -> None:
    done = _manage(tmp_path, "check", "--deploy", "--fail-level", "INFO")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "System check identified no issues" in done.stdout + done.stderr


_SETTINGS = (
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_NAME",
    "CSRF_COOKIE_SECURE",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "REQUIRE_MFA_FOR_OPERATORS",
    "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN",
    "DEBUG",
)


def test_production_is_strict_without_being_told(tmp_path: Path) -> None:
    code = f"from django.conf import settings as s; print([getattr(s, name) for name in {_SETTINGS!r}])"
    done = _manage(tmp_path, "shell", "--no-imports", "--command", code)

    assert done.stdout.strip().splitlines()[-1] == str(
        ["__Host-breakwater_session", True, "__Host-breakwater_csrf", True, True, 31536000, True, False, False]
    ), done.stderr


def _read(**variables: str) -> Environment:
    return read_environment({**PRODUCTION, **variables})


def test_what_production_makes_strict_can_be_set() -> None:
    env = _read(HTTPS_ONLY="0", SECURE_HSTS_SECONDS="60", REQUIRE_MFA_FOR_OPERATORS="0")

    assert (env.https_only, env.hsts_seconds, env.require_mfa_for_operators) == (False, 60, False)


def test_a_local_installation_asks_for_neither_https_nor_second_factors() -> None:
    env = read_environment({})

    assert (env.https_only, env.hsts_seconds, env.require_mfa_for_operators) == (False, 0, False)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"OIDC_ISSUER": "https://login.example.com"}, "OIDC_CLIENT_ID must name"),
        ({"OIDC_ROLE_MAP": "team=acme:emperor"}, "OIDC_ROLE_MAP must list pairs"),
        ({"OIDC_ROLE_MAP": "team"}, "OIDC_ROLE_MAP must list pairs"),
        ({"EMAIL_URL": "http://mail"}, "EMAIL_URL must begin with smtp://"),
        ({"SESSION_IDLE_S": "1"}, "SESSION_IDLE_S must be a whole number of at least 60"),
    ],
)
def test_a_setting_of_signing_in_that_cannot_work_is_told(variables: dict[str, str], problem: str) -> None:
    with pytest.raises(Exception, match=problem):
        _read(**variables)


def test_roles_are_mapped_from_claims_with_blanks_and_signs() -> None:
    env = _read(OIDC_ROLE_MAP="all staff=acme:viewer, cn=admins=acme:owner")

    assert env.oidc_role_map == ("all staff=acme:viewer", "cn=admins=acme:owner")
