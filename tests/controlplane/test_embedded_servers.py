"""The embedded servers: started, stopped, killed, started again."""

from __future__ import annotations

from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from controlplane.embedded.command import EmbeddedServerError
from controlplane.embedded.layout import Layout
from controlplane.embedded.postgres import EmbeddedPostgres, cache_mb
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.session import running


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "var")


def _children_of_this_process() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name() in ("postgres", "valkey-server")]


def test_rows_and_keys_survive_a_clean_restart(layout: Layout) -> None:
    postgres, server = EmbeddedPostgres(layout), EmbeddedRedis(layout)
    with running([postgres, server], layout.logs):
        postgres.ensure_database()
        with psycopg.connect(layout.database_url()) as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute("CREATE TABLE kept AS SELECT '[1,2]'::vector AS v")
        redis.Redis.from_url(layout.redis_url()).set("kept", "yes")
    with running([postgres, server], layout.logs):
        postgres.ensure_database()
        with psycopg.connect(layout.database_url()) as connection:
            assert connection.execute("SELECT v::text FROM kept").fetchall() == [("[1,2]",)]
        assert redis.Redis.from_url(layout.redis_url()).get("kept") == b"yes"


def test_committed_rows_survive_a_kill(layout: Layout) -> None:
    postgres = EmbeddedPostgres(layout)
    before = {process.pid for process in _children_of_this_process()}
    with running([postgres], layout.logs):
        with psycopg.connect(layout.database_url("postgres")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        (child,) = (process for process in _children_of_this_process() if process.pid not in before)
        helpers = child.children()
        child.kill()
        psutil.wait_procs([child, *helpers], timeout=10)
    assert (layout.postgres_data / "postmaster.pid").exists()
    with running([postgres], layout.logs), psycopg.connect(layout.database_url("postgres")) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_stale_pid_file_naming_a_stranger_does_not_stop_the_start(layout: Layout) -> None:
    postgres = EmbeddedPostgres(layout)
    with running([postgres], layout.logs):
        pass
    (layout.postgres_data / "postmaster.pid").write_text(f"{psutil.Process().pid}\n{layout.postgres_data}\n")
    with running([postgres], layout.logs):
        assert postgres.is_ready()
    assert psutil.Process().is_running()


def test_a_foreign_file_in_the_data_directory_is_told_not_deleted(layout: Layout) -> None:
    layout.postgres_data.mkdir(parents=True)
    (layout.postgres_data / "thesis.odt").write_text("mine")
    with pytest.raises(EmbeddedServerError, match="not a PostgreSQL data directory"):
        EmbeddedPostgres(layout).prepare()
    assert (layout.postgres_data / "thesis.odt").read_text() == "mine"


def test_a_server_that_ends_at_once_is_reported_with_its_log(layout: Layout) -> None:
    postgres = EmbeddedPostgres(layout)
    postgres.prepare()
    (layout.postgres_data / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match="no_such_setting"), running([postgres], layout.logs):
        pass


def test_a_deep_or_unusual_var_dir_gets_short_sockets_of_its_own(tmp_path: Path) -> None:
    deep = Layout(tmp_path / ("d" * 120))
    odd = Layout(tmp_path / "päth with blanks")
    for layout in (deep, odd):
        assert len(str(layout.postgres_socket_dir / ".s.PGSQL.5432.lock")) < 104
        assert str(layout.socket_root).startswith("/tmp/breakwater-")
    assert deep.socket_root != odd.socket_root


def test_both_servers_answer_below_a_deep_var_dir(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "with blank" / ("d" * 120))
    with running([EmbeddedPostgres(layout, durable=False), EmbeddedRedis(layout, durable=False)], layout.logs):
        with psycopg.connect(layout.database_url("postgres")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert redis.Redis.from_url(layout.redis_url()).ping()


@pytest.mark.parametrize(
    ("limit", "least", "most"), [("max\n", 128, 1024), ("4294967296\n", 128, 512), ("1000\n", 128, 128)]
)
def test_the_database_takes_a_share_of_the_memory_that_there_is(
    tmp_path: Path, limit: str, least: int, most: int
) -> None:
    group = tmp_path / "memory.max"
    group.write_text(limit)
    assert least <= cache_mb(group) <= most
    assert cache_mb(tmp_path / "none") >= cache_mb(group)
