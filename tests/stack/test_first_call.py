"""From an empty directory to the first answer, and back after Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
import websockets

from tests.stack.installation import Up, business, free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

KEY = {"Authorization": "Bearer local-dev"}
CURL = (
    "curl -sS -D - -X POST http://localhost:{port}/v1/chat/completions"
    ' -H "Authorization: Bearer local-dev" -H "Content-Type: application/json"'
    """ -d '{{"messages":[{{"role":"user","content":"Hello"}}],"mode":"direct"}}' """
)
FIRST_START_S = 90.0
SECOND_START_S = 10.0
RUN_WITHIN_S = 2.0


@pytest.fixture
def empty_directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="bw-first-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_the_first_call_is_answered_shown_kept_and_survives_a_restart(empty_directory: Path) -> None:
    up = Up(empty_directory, port=free_port())
    try:
        await asyncio.to_thread(up.wait_until_ready, FIRST_START_S)
        print(f"first start {time.monotonic() - up.began:.1f} s")
        correlation_id = await _call_and_watch(up)
        _stop_with_ctrl_c(up, empty_directory)
    finally:
        up.stop()

    again = Up(empty_directory, port=up.port)
    try:
        await asyncio.to_thread(again.wait_until_ready, 60)
        assert (await _run(again, correlation_id, time.monotonic()))["state"] == "completed"
        took_s = time.monotonic() - again.began
        print(f"second start {took_s:.1f} s")
        assert (await asyncio.to_thread(_curl, again.port))[1]["choices"][0]["message"]["content"]
        assert took_s < SECOND_START_S * business()
        _stop_with_ctrl_c(again, empty_directory)
    finally:
        again.stop()


async def _call_and_watch(up: Up) -> str:
    async with websockets.connect(
        f"{up.root.replace('http', 'ws')}/v1/ws", additional_headers=KEY, open_timeout=10
    ) as socket:
        await socket.send('{"type":"subscribe","all":true}')
        assert msgspec.json.decode(await asyncio.wait_for(socket.recv(), 5))["type"] == "subscribed"
        correlation_id, answer = await asyncio.to_thread(_curl, up.port)
        answered_at = time.monotonic()
        assert answer["object"] == "chat.completion"
        assert answer["choices"][0]["message"]["content"]
        assert answer["usage"]["total_tokens"] > 0
        assert answer["correlation_id"] == correlation_id
        run = await _run(up, correlation_id, answered_at + RUN_WITHIN_S)
        print(f"run readable after {time.monotonic() - answered_at:.2f} s")
        assert {"llm.request.started", "llm.request.completed"} <= {event["event_type"] for event in run["events"]}
        shown: set[str] = set()
        while not {"llm.request.started", "llm.request.completed"} <= shown:
            message = msgspec.json.decode(await asyncio.wait_for(socket.recv(), 5))
            if message["type"] == "run.event" and message["event"]["correlation_id"] == correlation_id:
                shown.add(message["event"]["event_type"])
    return correlation_id


def _curl(port: int) -> tuple[str, Any]:
    done = subprocess.run(CURL.format(port=port), shell=True, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("HTTP/1.1 200"), done.stdout
    headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:])
    return headers["x-correlation-id"], msgspec.json.decode(body)


async def _run(up: Up, correlation_id: str, deadline: float) -> Any:
    async with httpx.AsyncClient(headers=KEY, timeout=5) as client:
        while True:
            answer = await client.get(f"{up.root}/v1/runs/{correlation_id}")
            if answer.status_code == 200 and answer.json()["state"] == "completed":
                return answer.json()
            assert time.monotonic() < deadline, answer.text
            await asyncio.sleep(0.05)


def _stop_with_ctrl_c(up: Up, directory: Path) -> None:
    everyone = up.everyone()
    # As a terminal does it: the signal goes to the whole foreground group.
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.process.wait(60) == 0, up.text
    assert up.text.rstrip().endswith("Stopped."), up.text
    assert "killed" not in up.text
    _gone, alive = psutil.wait_procs(everyone, timeout=5)
    assert alive == []
    assert [process.pid for process in psutil.process_iter() if str(directory) in _words(process)] == []


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
