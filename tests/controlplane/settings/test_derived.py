"""What the settings modules make of the environment."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from controlplane.settings.celery import broker_url
from controlplane.settings.database import database_from_url
from controlplane.settings.secret_key import kept_secret_key
from tests.settings import redis_url_of_worker


def test_a_database_address_keeps_its_parameters() -> None:
    entry = database_from_url("postgresql://u:p%40ss@db:5433/shop?sslmode=require", pool_size=0)
    assert [entry[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == ["shop", "u", "p@ss", "db", "5433"]
    assert entry["OPTIONS"]["sslmode"] == "require"
    assert "pool" not in entry["OPTIONS"]


def test_a_pool_is_bounded_by_its_size() -> None:
    assert database_from_url("postgresql:///x", pool_size=8)["OPTIONS"]["pool"]["max_size"] == 8


def test_servers_compile_no_queries_and_keep_the_options_of_the_address() -> None:
    plain = database_from_url("postgresql:///x", pool_size=0)
    given = database_from_url("postgresql:///x?options=-c%20work_mem%3D8MB", pool_size=0)

    assert plain["OPTIONS"]["options"] == "-c jit=off"
    assert given["OPTIONS"]["options"] == "-c jit=off -c work_mem=8MB"


def test_an_unreadable_database_address_is_not_repeated() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        database_from_url("postgresql://u:hunter2@[broken/x", pool_size=0)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://cache:6379/2", "redis://cache:6379/2"),
        ("unix:///run/with%20blank/redis.sock?db=3", "redis+socket:///run/with blank/redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
    ],
)
def test_celery_gets_the_same_redis_in_its_own_notation(redis_url: str, expected: str) -> None:
    assert broker_url(redis_url) == expected


@pytest.mark.parametrize(
    ("url", "worker", "expected"),
    [
        ("redis://cache:6379/2", "gw0", "redis://cache:6379/3"),
        ("redis://cache:6379", "gw1", "redis://cache:6379/2"),
        ("unix:///run/redis.sock?db=0", "gw1", "unix:///run/redis.sock?db=2"),
        ("redis://cache:6379/2", "", "redis://cache:6379/2"),
    ],
)
def test_each_test_worker_has_a_redis_database_of_its_own(url: str, worker: str, expected: str) -> None:
    assert redis_url_of_worker(url, worker) == expected


def test_a_secret_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(kept_secret_key, [path] * 16))
    assert keys == {path.read_text()}
    assert len(keys.pop()) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_secret_key_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match="Cannot keep a secret key"):
        kept_secret_key(tmp_path / "file" / "secret_key")
