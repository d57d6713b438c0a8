"""The shell blocks of docs/API.md's section on the management API run as they stand, but for address and key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from routing import services
from tenants.service_keys import create_service_key

API = Path(__file__).parents[2] / "docs" / "API.md"

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")


def _section() -> str:
    return API.read_text(encoding="utf-8").partition("\n## Management API\n")[2].partition("\n## ")[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_the_documented_commands_do_what_the_document_shows(live_server: Any) -> None:
    sandbox = services.create_provider(name="sandbox", kind="sandbox")
    for name in ("sandbox-small", "sandbox-large"):
        services.create_model(provider=sandbox, name=name)
    _key, clear = create_service_key(name="docs", scopes=["manage"])
    found = re.findall(r"```sh\n(.*?)```(?:\n\n```\n(.*?)```)?", _section(), re.DOTALL)
    assert len(found) >= 6
    script = "set -euo pipefail\n" + "\n".join(f"echo '--- {index}'\n{code}" for index, (code, _) in enumerate(found))
    done = subprocess.run(
        ["bash", "-c", script.replace("http://localhost:8080", live_server.url)],
        env={**os.environ, "SERVICE_KEY": clear},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = re.split(r"--- \d+\n", done.stdout)[1:]
    for (code, shown), output in zip(found, printed, strict=True):
        if shown:
            assert output == shown, code
