import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.engine.spool import START, Position, Spool, SpoolFull, complete_bytes


def test_what_is_appended_is_read_in_order(tmp_path: Path):
    spool = Spool.open(tmp_path)
    spool.append(b"one\ntwo\n")
    spool.append(b"three\n")
    chunk = spool.read(START, 1 << 20)
    assert chunk is not None
    assert chunk.data == b"one\ntwo\nthree\n"
    assert chunk.end == Position(1, 14) == spool.end
    assert spool.read(chunk.end, 1 << 20) is None


def test_reading_ends_at_whole_lines_within_the_asked_size(tmp_path: Path):
    spool = Spool.open(tmp_path)
    spool.append(b"aaaa\nbbbb\ncccc\n")
    chunk = spool.read(START, 12)
    assert chunk is not None
    assert chunk.data == b"aaaa\nbbbb\n"


def test_a_line_longer_than_the_asked_size_is_read_whole(tmp_path: Path):
    spool = Spool.open(tmp_path)
    spool.append(b"x" * 1000 + b"\n")
    chunk = spool.read(START, 10)
    assert chunk is not None
    assert len(chunk.data) == 1001


def test_a_full_segment_is_followed_by_the_next(tmp_path: Path):
    spool = Spool.open(tmp_path, segment_bytes=10)
    for text in (b"aaaaaaa\n", b"bbbbbbb\n", b"ccccccc\n"):
        spool.append(text)
    first = spool.read(START, 1 << 20)
    assert first is not None
    assert first.end == Position(1, 8)
    second = spool.read(first.end, 1 << 20)
    assert second is not None
    assert second == (b"bbbbbbb\n", Position(2, 8))


def test_acknowledged_segments_are_deleted_and_the_current_one_stays(tmp_path: Path):
    spool = Spool.open(tmp_path, segment_bytes=10)
    for text in (b"aaaaaaa\n", b"bbbbbbb\n"):
        spool.append(text)
    spool.release(Position(2, 8))
    assert [path.name for path in sorted(spool.path.glob("*.ndjson"))] == ["00000002.ndjson"]
    assert spool.backlog_bytes(Position(2, 8)) == 0


def test_a_full_spool_refuses_and_keeps_nothing_of_it(tmp_path: Path):
    spool = Spool.open(tmp_path, max_bytes=10)
    spool.append(b"12345678\n")
    with pytest.raises(SpoolFull):
        spool.append(b"more\n")
    assert spool.size_bytes == 9


def test_a_live_spool_cannot_be_adopted(tmp_path: Path):
    spool = Spool.open(tmp_path)
    assert Spool.adopt(spool.path) is None


def test_a_dead_processes_spool_is_adopted_without_its_torn_last_line(tmp_path: Path):
    pid = os.fork()
    if pid == 0:
        spool = Spool.open(tmp_path)
        spool.append(b"whole\n")
        os.write(spool._write_fd, b'{"torn')
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    (path,) = Spool.abandoned(tmp_path)
    adopted = Spool.adopt(path)
    assert adopted is not None
    chunk = adopted.read(adopted.first, 1 << 20)
    assert chunk is not None
    assert chunk.data == b"whole\n"
    adopted.remove()
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.binary(min_size=0, max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=30))
def test_every_line_is_read_once_whatever_the_sizes(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]):
    spool = Spool.open(tmp_path_factory.mktemp("spool"), segment_bytes=64)
    for text in lines:
        spool.append(text)
    position, read = START, b""
    while (chunk := spool.read(position, 16)) is not None:
        read += chunk.data
        assert chunk.end > position
        position = chunk.end
    assert read == b"".join(lines)
    assert spool.backlog_bytes(position) <= 0
    spool.close()


@pytest.mark.parametrize(("content", "length"), [(b"", 0), (b"torn", 0), (b"a\n", 2), (b"a\nb", 2), (b"x" * 70_000, 0)])
def test_only_terminated_lines_count(tmp_path: Path, content: bytes, length: int):
    path = tmp_path / "00000001.ndjson"
    path.write_bytes(content)
    assert complete_bytes(path) == length


def test_a_position_survives_its_text():
    assert Position.parse(str(Position(3, 1024))) == Position(3, 1024)
