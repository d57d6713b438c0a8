import os
import traceback
from pathlib import Path
from typing import Any

import pytest

from contracts.events import ConfigChanged, EventContext
from events import emit as emit_module
from events.emit import ProcessEmitter, process_emitter, set_emitter
from events.engine import build
from events.engine.emitter import MemoryEmitter
from events.engine.spool import Spool

CHANGED = ConfigChanged(action="created", object_type="Route", object_id="1", object_name="r", actor="ann")


@pytest.fixture(autouse=True)
def _own_spools(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("events.engine.outlet._started", None)
    # A thread that starts late would become the outlet of the next test.
    monkeypatch.setattr("events.emit._ship", lambda outlet: None)
    set_emitter(None)
    yield
    set_emitter(None)


def test_the_emitter_that_was_set_is_used():
    memory = MemoryEmitter()
    set_emitter(memory)
    emit_module.emit(CHANGED, EventContext("t"))
    ProcessEmitter().emit(CHANGED, EventContext("t"))
    assert memory.of_type("config.object.changed") == [CHANGED, CHANGED]


def test_without_one_the_event_is_in_a_spool_of_this_process_when_emit_returns(tmp_path: Path):
    emit_module.emit(CHANGED, EventContext("t"))
    (path,) = Spool.abandoned(tmp_path / "spool")
    assert b"config.object.changed" in (path / "00000001.ndjson").read_bytes()
    assert process_emitter() is process_emitter()


async def test_the_outlet_that_runs_in_the_process_is_used(tmp_path: Path):
    outlet = build(spool_dir=tmp_path / "own", redis_url="redis://127.0.0.1:1/0", service_name="t", env="test")
    await outlet.start()
    try:
        assert process_emitter() is outlet.emitter
    finally:
        await outlet.stop(drain_s=0)
    assert process_emitter() is not outlet.emitter


def test_a_forked_child_has_a_spool_of_its_own(tmp_path: Path):
    emit_module.emit(CHANGED, EventContext("t"))
    pid = os.fork()
    if pid == 0:
        try:
            emit_module.emit(CHANGED, EventContext("t"))
        except BaseException:  # boundary: the child is no second test run
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(list(Spool.abandoned(tmp_path / "spool"))) == 2
