"""``manage.py up`` as a person meets it: the whole installation as real processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from controlplane.settings.env import BASE_DIR

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

_OURS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "BREAKWATER_ENV", "DATABASE_POOL_SIZE")
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "mode": "direct"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Up:
    """One run of the command."""

    def __init__(self, var_dir: Path, output: Path, **variables: str) -> None:
        self.output = output
        self.port = int(variables.get("PORT") or _free_port())
        self.root = f"http://127.0.0.1:{self.port}"
        env = {name: value for name, value in os.environ.items() if name not in _OURS}
        env |= {"VAR_DIR": str(var_dir), "PORT": str(self.port), "HOST": "127.0.0.1", "WORKERS": "1", **variables}
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=BASE_DIR, env=env, stdout=file, stderr=subprocess.STDOUT
            )

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_until(self, condition: Callable[[], bool], within_s: float = 90) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        self.wait_until(lambda: "Breakwater is ready" in self.text())
        # The last two are started after the announcement.
        self.wait_until(lambda: len(self.children()) >= 6)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def child(self, word: str) -> psutil.Process:
        (found,) = (child for child in self.children() if word in " ".join(child.cmdline()))
        self._last = found
        return found

    def has_new(self, word: str) -> bool:
        """Whether the process of this name is another one than when :meth:`child` was asked last."""
        alive = [child for child in self.children() if child.status() != psutil.STATUS_ZOMBIE]
        return any(word in " ".join(child.cmdline()) and child.pid != self._last.pid for child in alive)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.root}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def running(var_dir: Path, output: Path) -> Iterator[Up]:
    up = Up(var_dir, output)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.kill()
        up.process.wait()


def _run(var_dir: Path, **variables: str) -> tuple[int, str]:
    up = Up(var_dir, var_dir.with_suffix(".out"), **variables)
    return up.process.wait(60), up.text()


def test_it_answers_heals_stops_and_comes_back_with_its_data(tmp_path: Path) -> None:
    var_dir = tmp_path / "var"
    with running(var_dir, tmp_path / "first.out") as up:
        up.wait_until_ready()
        answer = httpx.post(
            f"{up.root}/v1/chat/completions", json=HELLO, headers={"authorization": "Bearer local-dev"}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"]
        page = httpx.get(f"{up.root}/admin/login/", timeout=30)
        stylesheet = re.search(r"/static/[^\"']+\.css", page.text)
        assert stylesheet is not None
        assert httpx.get(f"{up.root}{stylesheet[0]}").headers["content-type"].startswith("text/css")

        for word in ("granian", "collect", "valkey-server", "postgres"):
            up.child(word).kill()
            up.wait_until(partial(up.has_new, word))
        up.wait_until(up.answers)

        everyone = psutil.Process(up.process.pid).children(recursive=True)
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(60) == 0
        assert up.text().rstrip().endswith("Stopped.")
        _gone, alive = psutil.wait_procs(everyone, timeout=5)
        assert alive == []

    with running(var_dir, tmp_path / "second.out") as up:
        up.wait_until_ready()
        password = re.search(r"password (\S+)", up.text())
        assert password is not None
        assert password[1] == (var_dir / "admin-password").read_text().strip()
        with httpx.Client(base_url=up.root, timeout=30) as browser:
            form = browser.get("/admin/login/").text
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
            assert token is not None
            signed_in = browser.post(
                "/admin/login/?next=/admin/",
                data={"csrfmiddlewaretoken": token[1], "username": "admin", "password": password[1]},
            )
            assert signed_in.status_code == 302
            assert signed_in.headers["location"] == "/admin/"

        # Killed without a word: nothing may stay behind to hold the port or the data.
        everyone = psutil.Process(up.process.pid).children(recursive=True)
        up.process.kill()
        up.process.wait()
        if sys.platform == "linux":
            _gone, alive = psutil.wait_procs(everyone, timeout=40)
            assert alive == []


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, text = _run(tmp_path / "var", PORT=str(port))
    assert code == 1
    assert f"Port {port} is taken by" in text
    assert "Traceback" not in text


def test_an_unreachable_database_is_one_clear_line(tmp_path: Path) -> None:
    url = f"postgresql://me:hunter2@127.0.0.1:{_free_port()}/shop"
    code, text = _run(tmp_path / "var", DATABASE_URL=url)
    assert code == 1
    assert "Cannot reach the database of DATABASE_URL" in text
    assert "hunter2" not in text
    assert "Traceback" not in text


def test_a_wrong_setting_is_one_clear_line(tmp_path: Path) -> None:
    code, text = _run(tmp_path / "var", PORT="8080", WORKERS="many")
    assert code == 1
    assert "WORKERS must be a whole number from 1 to 256, not 'many'." in text
    assert "Traceback" not in text
