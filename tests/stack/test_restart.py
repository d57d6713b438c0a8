"""The life of the installation that `make run` makes: a call, Ctrl-C, another start, killed parts, its own death."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
import websockets

from tests.business import business
from tests.stack.conftest import Fresh
from tests.stack.installation import Up, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

KEY = {"Authorization": "Bearer local-dev"}
CURL = (
    "curl -sS -D - -X POST http://localhost:{port}/v1/chat/completions"
    ' -H "Authorization: Bearer local-dev" -H "Content-Type: application/json"'
    """ -d '{{"messages":[{{"role":"user","content":"Hello"}}],"mode":"direct"}}' """
)
SECOND_START_S = 10.0
RUN_WITHIN_S = 2.0


async def test_a_call_is_answered_shown_kept_and_survives_a_restart(fresh: Fresh) -> None:
    correlation_id = await _call_and_watch(fresh.up)
    _stop_with_ctrl_c(fresh.up, fresh.directory)

    again = fresh.start()
    await asyncio.to_thread(again.wait_until_ready, 60)
    assert (await _run(again, correlation_id, time.monotonic()))["state"] == "completed"
    took_s = time.monotonic() - again.began
    print(f"second start {took_s:.1f} s")
    assert (await asyncio.to_thread(_curl, again.port))[1]["choices"][0]["message"]["content"]
    assert took_s < SECOND_START_S * business()


def test_the_admins_password_outlives_a_restart(fresh: Fresh) -> None:
    password = re.search(r"password (\S+)", fresh.up.text)
    assert password is not None
    assert password[1] == (fresh.up.var_dir / "admin-password").read_text().strip()
    with httpx.Client(base_url=fresh.up.root, timeout=30) as browser:
        page = browser.get("/admin/", follow_redirects=True).text
        stylesheet = re.search(r"/static/[^\"']+\.css", page)
        assert stylesheet is not None
        assert browser.get(stylesheet[0]).headers["content-type"].startswith("text/css")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None
        signed_in = browser.post(
            "/account/login/",
            data={"csrfmiddlewaretoken": token[1], "login": "admin", "password": password[1], "next": "/admin/"},
        )
        assert signed_in.status_code == 302
        assert signed_in.headers["location"] == "/admin/"


def test_killed_parts_come_back(fresh: Fresh) -> None:
    for word in ("controlplane.web", "collect", "valkey-server", "postgres"):
        (killed,) = fresh.up.parts(word)
        killed.kill()
        wait_until(partial(_is_another, fresh.up, word, killed.pid), f"{word} is there again")
    wait_until(lambda: _answers(fresh.up), "it answers")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no signal for a parent's death")
def test_a_killed_installation_leaves_nothing_behind(fresh: Fresh) -> None:
    everyone = fresh.up.everyone()
    fresh.up.process.kill()
    fresh.up.process.wait()
    _gone, alive = psutil.wait_procs(everyone, timeout=40)
    assert alive == []


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
    assert "killed" not in up.text.rpartition("Stopping")[2]
    _gone, alive = psutil.wait_procs(everyone, timeout=5)
    assert alive == []
    assert [process.pid for process in psutil.process_iter() if str(directory) in _words(process)] == []


def _is_another(up: Up, word: str, pid: int) -> bool:
    return any(part.pid != pid for part in up.parts(word))


def _answers(up: Up) -> bool:
    try:
        return httpx.get(f"{up.root}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
