"""``manage.py up`` where it cannot start. What it does where it can is tested in tests/stack."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.settings.env import BASE_DIR
from tests.stack.installation import free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

_OURS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "BREAKWATER_ENV", "DATABASE_POOL_SIZE")


def _run(var_dir: Path, **variables: str) -> tuple[int, str]:
    """Its exit code, and all it said."""
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    environment |= {"VAR_DIR": str(var_dir), "PORT": str(free_port()), "HOST": "127.0.0.1", "WORKERS": "1", **variables}
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


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
    url = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/shop"
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
