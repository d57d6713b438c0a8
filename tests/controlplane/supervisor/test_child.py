"""Real processes: kept running, stopped, killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from controlplane.embedded.command import EmbeddedServerError, ServerCommand
from controlplane.supervisor.backoff import Backoff
from controlplane.supervisor.child import LOG_BYTES, Child
from controlplane.supervisor.errors import CannotStart

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
PARENT = (
    "import subprocess, sys, time;"
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('up', c.pid, flush=True); time.sleep(600)"
)


class Scene:
    """Children of one test, and what they said."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self.said: list[str] = []
        self.children: list[Child] = []

    def child(self, code: str, *, stop_s: float = 10.0) -> Child:
        command = ServerCommand((sys.executable, "-c", code))
        return self.child_of(lambda: command, stop_s=stop_s)

    def child_of(self, prepare: Callable[[], ServerCommand], *, stop_s: float = 10.0) -> Child:
        backoff = Backoff(first_s=0.01, longest_s=0.01)
        child = Child("it", prepare, log_dir=self.log_dir, say=self.said.append, stop_s=stop_s, backoff=backoff)
        self.children.append(child)
        return child

    async def up(self, child: Child) -> int:
        """Wait until it printed its first word; its process id."""

        async def printed() -> bool:
            return b"up" in child.log_path.read_bytes()

        await child.until_ready(printed, within_s=20)
        assert child.pid is not None
        return child.pid


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    hurry = asyncio.Event()
    hurry.set()
    for child in scene.children:
        await child.stop(hurry)


async def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.01)


async def never() -> bool:
    return False


async def test_a_killed_process_is_started_again_and_told(scene: Scene) -> None:
    child = scene.child(SLEEPER)
    child.start()
    first = await scene.up(child)
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: child.pid not in (None, first))
    assert scene.said[0].startswith("it was killed by SIGKILL; starting it again in")


async def test_stopping_ends_the_process_and_keeps_it_ended(scene: Scene) -> None:
    child = scene.child(SLEEPER)
    child.start()
    pid = await scene.up(child)
    await child.stop(asyncio.Event())
    assert not psutil.pid_exists(pid)
    assert child.pid is None
    assert scene.said == []


async def test_a_process_that_ignores_the_stop_is_killed_in_the_end(scene: Scene) -> None:
    child = scene.child(STUBBORN, stop_s=0.2)
    child.start()
    pid = await scene.up(child)
    await child.stop(asyncio.Event())
    assert not psutil.pid_exists(pid)
    assert scene.said == ["it did not stop within 0 s: killed."]


async def test_hurry_does_not_wait_for_the_stop(scene: Scene) -> None:
    child = scene.child(STUBBORN, stop_s=60)
    child.start()
    pid = await scene.up(child)
    hurry = asyncio.Event()
    stopping = asyncio.create_task(child.stop(hurry))
    await asyncio.sleep(0)
    hurry.set()
    await asyncio.wait_for(stopping, 10)
    assert not psutil.pid_exists(pid)


async def test_what_a_killed_parent_left_behind_is_killed_before_the_restart(scene: Scene) -> None:
    child = scene.child(PARENT)
    child.start()
    pid = await scene.up(child)
    orphan = int(child.log_path.read_text().split()[1])
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE)


async def test_a_process_that_ends_before_it_is_ready_is_told_with_its_log(scene: Scene) -> None:
    child = scene.child("raise SystemExit('no such module: nothing')")
    child.start()
    with pytest.raises(CannotStart, match=r"(?s)it could not start: .*it\.log.*no such module: nothing"):
        await child.until_ready(never, within_s=20)


async def test_what_forbids_a_start_is_told_in_its_own_words(scene: Scene) -> None:
    def prepare() -> ServerCommand:
        raise EmbeddedServerError("There is no server for this machine.")

    child = scene.child_of(prepare)
    child.start()
    with pytest.raises(CannotStart, match=r"it could not start: There is no server for this machine\."):
        await child.until_ready(never, within_s=20)


async def test_a_process_that_is_never_ready_is_given_up(scene: Scene) -> None:
    child = scene.child(SLEEPER)
    child.start()
    await scene.up(child)
    with pytest.raises(CannotStart, match="it was not ready within 0 s"):
        await child.until_ready(never, within_s=0.1)


async def test_a_long_log_is_set_aside_once(scene: Scene) -> None:
    child = scene.child(SLEEPER)
    with child.log_path.open("wb") as file:
        file.truncate(LOG_BYTES + 1)
    child.start()
    await scene.up(child)
    assert child.log_path.stat().st_size < 100
    assert child.log_path.with_suffix(".log.1").stat().st_size == LOG_BYTES + 1


async def test_stopping_before_the_start_is_over_leaves_no_process(scene: Scene) -> None:
    child = scene.child(SLEEPER)
    child.start()
    await child.stop(asyncio.Event())
    assert child.pid is None
