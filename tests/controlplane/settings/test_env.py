from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from controlplane.settings.env import BASE_DIR, EnvironmentReader, build_environment, read_environment

PLAIN = st.characters(min_codepoint=32, exclude_categories=["Zl", "Zp", "Cc", "Cs"])


def test_an_empty_environment_is_a_complete_local_one() -> None:
    env = read_environment({})
    assert (env.host, env.port, env.environment, env.service_name) == ("0.0.0.0", 8080, "local", "breakwater")
    assert env.layout.var_dir == BASE_DIR / "var"
    assert env.database_embedded
    assert env.redis_embedded
    assert env.database_url.startswith("postgresql:///breakwater?host=")
    assert env.redis_url.startswith("unix://")
    assert env.max_body_bytes == 20 * 1024 * 1024
    assert env.body_timeout_s == 30
    assert env.spec_ttl_s == 30


def test_given_addresses_turn_the_embedded_servers_off() -> None:
    env = read_environment({"DATABASE_URL": "postgres://u:p@db/x", "REDIS_URL": "rediss://cache:6380/3"})
    assert not env.database_embedded
    assert not env.redis_embedded
    assert env.redis_url == "rediss://cache:6380/3"


def test_directories_follow_var_dir_unless_they_are_given(tmp_path: Path) -> None:
    env = read_environment({"VAR_DIR": str(tmp_path), "SPOOL_DIR": "elsewhere/spool"})
    assert env.metrics_dir == tmp_path / "metrics"
    assert env.static_root == tmp_path / "static"
    assert env.spool_dir == BASE_DIR / "elsewhere" / "spool"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    variables = {
        "PORT": "http",
        "WORKERS": "0",
        "DEBUG": "maybe",
        "LOG_LEVEL": "loud",
        "TRUSTED_PROXIES": "10.0.0.0/8, office",
        "CSRF_TRUSTED_ORIGINS": "console.example.com",
    }
    with pytest.raises(ImproperlyConfigured) as caught:
        read_environment(variables)
    assert str(caught.value).splitlines() == [
        "PORT must be a whole number from 1 to 65535, not 'http'.",
        "WORKERS must be a whole number from 1 to 256, not '0'.",
        "DEBUG must be 1 or 0, not 'maybe'.",
        "TRUSTED_PROXIES must be IP addresses or CIDR blocks separated by commas, not '10.0.0.0/8, office'.",
        "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, not 'loud'.",
        "CSRF_TRUSTED_ORIGINS must list origins such as https://console.example.com, not 'console.example.com'.",
    ]


def test_a_wrong_address_is_told_without_its_password() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read_environment({"DATABASE_URL": "mysql://root:hunter2@db/x"})
    assert str(caught.value) == "DATABASE_URL must begin with postgresql:// or postgres://."


def test_production_asks_for_its_host_names() -> None:
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS must name"):
        read_environment({"BREAKWATER_ENV": "production"})
    assert read_environment(
        {"BREAKWATER_ENV": "production", "ALLOWED_HOSTS": "a.example, b.example"}
    ).allowed_hosts == (
        "a.example",
        "b.example",
    )


def test_proxies_are_kept_as_networks() -> None:
    env = read_environment({"TRUSTED_PROXIES": "10.1.2.3/8, ::1"})
    assert env.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_blank_means_not_set() -> None:
    assert read_environment({"PORT": "  ", "WORKERS": ""}).port == 8080


@given(st.dictionaries(st.sampled_from(["PORT", "WORKERS", "DEBUG", "LOG_LEVEL", "REDIS_URL", "HOST"]), st.text(PLAIN)))
def test_any_text_is_either_read_or_refused_by_name(variables: dict[str, str]) -> None:
    problems: list[str] = []
    try:
        env = read_environment(variables)
    except ImproperlyConfigured as error:
        problems = str(error).split("\n")
    else:
        assert 1 <= env.port <= 65535
        assert env.workers >= 1
    assert all(any(problem.startswith(f"{name} must ") for name in variables) for problem in problems)


def test_every_variable_is_read_once() -> None:
    read = EnvironmentReader({})
    build_environment(read)
    assert len(read.names) == len(set(read.names))
