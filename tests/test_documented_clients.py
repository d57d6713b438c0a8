"""The snippets of docs/API.md are run as they stand, but for address and key."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.gateway.sdk.conftest import serving_kind
from tests.gateway.stand import CLEAR_KEY

API = Path(__file__).parents[1] / "docs" / "API.md"


def _snippet(library: str) -> tuple[str, str]:
    """The Python block that imports the library, and the output shown below it."""
    for code, shown in re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", API.read_text(encoding="utf-8"), re.DOTALL):
        if f"from {library} import" in code:
            return code, shown
    raise AssertionError(library)


def _without_ids(text: str) -> str:
    return re.sub(r"req_[0-9a-f]{32}", "req_…", text)


@pytest.mark.parametrize("library", ["openai", "anthropic"])
async def test_the_documented_client_prints_what_the_document_shows(library):
    code, shown = _snippet(library)
    async with serving_kind("sandbox") as served:
        code = code.replace("http://localhost:8080", served.url).replace("local-dev", CLEAR_KEY)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    # What a call costs and where it goes is the business of the stand's own route and price.
    lines = [line for line in _without_ids(shown).splitlines() if not line.startswith("sandbox/")]
    assert [line for line in _without_ids(printed.decode()).splitlines() if not line.startswith("sandbox/")] == lines
