from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.supervisor.checks import check_database, check_disk, check_port, check_redis, only_one
from controlplane.supervisor.errors import CannotStart


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken


def _closed_port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port: int = closed.getsockname()[1]
        return port


def test_a_taken_port_is_named_with_its_holder(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(CannotStart, match=rf"Port {port} is taken by .* \(process {os.getpid()}\): .*another PORT"):
        check_port("127.0.0.1", port)


def test_a_free_port_passes() -> None:
    check_port("127.0.0.1", _closed_port())


def test_a_host_that_is_no_address_of_this_machine_is_told() -> None:
    with pytest.raises(CannotStart, match=r"Cannot listen on 192\.0\.2\.1:8080"):
        check_port("192.0.2.1", 8080)
    with pytest.raises(CannotStart, match=r"HOST nowhere\.invalid is not an address"):
        check_port("nowhere.invalid", 8080)


def test_a_full_disk_is_told_with_its_free_space(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"The disk is full: \d+ MB free at .* VAR_DIR at another disk"):
        check_disk(tmp_path, needed=1 << 62)
    check_disk(tmp_path, needed=1)


def test_a_second_supervisor_of_the_same_directory_is_refused_and_a_later_one_not(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "up.lock"
    refused = pytest.raises(CannotStart, match=rf"already runs in .* \(process {os.getpid()}\)")
    with only_one(lock), refused, only_one(lock):
        pass
    with only_one(lock):
        pass


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CannotStart, match=r"VAR_DIR .* cannot be written"),
        only_one(tmp_path / "file" / "run" / "lock"),
    ):
        pass


def test_an_unreachable_database_is_told_without_its_password() -> None:
    port = _closed_port()
    with pytest.raises(CannotStart) as caught:
        check_database(f"postgresql://me:hunter2@127.0.0.1:{port}/shop", within_s=0)
    assert f"Cannot reach the database of DATABASE_URL (127.0.0.1:{port}/shop)" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unreachable_redis_is_told_without_its_password() -> None:
    port = _closed_port()
    with pytest.raises(CannotStart) as caught:
        check_redis(f"redis://:hunter2@127.0.0.1:{port}/0", within_s=0)
    assert f"Cannot reach the Redis of REDIS_URL (127.0.0.1:{port}/0)" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_servers_that_answer_pass(redis_url: str) -> None:
    from django.conf import settings

    check_database(settings.DATABASE_URL)
    check_redis(redis_url)
