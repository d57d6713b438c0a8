"""The code that pages offer, run as it is against a gateway: somebody pastes it and it works."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.snippets import FIRST_CALL, Snippet, snippets
from tests.gateway.sdk.conftest import serving_kind
from tests.gateway.stand import CLEAR_KEY

MODEL = "sandbox-small"
TOOL: Any = {
    "type": "function",
    "function": {"name": "tide", "parameters": {"type": "object", "properties": {"port": {"type": "string"}}}},
}
FIRST: dict[str, Any] = {"model": MODEL, **FIRST_CALL}
AWKWARD: dict[str, Any] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": 'Don\'t say "no".\nUse \\n, `ticks`, $HOME and ünïcode 🌊.'},
        {"role": "user", "content": "It's a 'test' of ${quotes}."},
    ],
    "temperature": 0.5,
    "max_tokens": 50,
}
STREAMED: dict[str, Any] = {**FIRST, "stream": True, "tools": [TOOL], "tags": {"source": "test"}}

NEEDS = {"python": "openai", "anthropic": "anthropic", "langchain": "langchain_openai"}


def written(language: str, root: str, body: dict[str, Any]) -> Snippet:
    (snippet,) = snippets(root=root, key=CLEAR_KEY, body=body, only=(language,))
    return snippet


def node_has_openai() -> bool:
    node = shutil.which("node")
    asked = [node or "", "-e", "require.resolve('openai')"]
    return node is not None and subprocess.run(asked, capture_output=True, timeout=30, check=False).returncode == 0


def command(language: str, snippet: Snippet, folder: Path) -> list[str]:
    """As the page says to run it."""
    file = folder / ("call.mjs" if language == "node" else "call.py")
    file.write_text(snippet.code, encoding="utf-8")
    if language == "curl":
        return ["sh", "-c", snippet.code.replace("curl ", "curl -sS --fail-with-body ", 1)]
    return ["node", str(file)] if language == "node" else [sys.executable, str(file)]


async def output(language: str, body: dict[str, Any], folder: Path) -> str:
    async with serving_kind("sandbox") as served:
        argv = command(language, written(language, served.url, body), folder)
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("language", ["curl", "python", "anthropic", "langchain", "node"])
@pytest.mark.parametrize("body", [FIRST, AWKWARD], ids=["first", "awkward"])
async def test_the_code_runs_as_it_is(language: str, body: dict[str, Any], tmp_path: Path) -> None:
    if language in NEEDS and importlib.util.find_spec(NEEDS[language]) is None:
        pytest.skip(f"{NEEDS[language]} is not installed")
    if language == "curl" and shutil.which("curl") is None:
        pytest.skip("there is no curl")
    if language == "node" and not node_has_openai():
        pytest.skip("there is no Node with openai")

    said = await output(language, body, tmp_path)

    wanted = str(body["messages"][-1]["content"])
    assert wanted in said


@pytest.mark.parametrize("language", ["curl", "python"])
async def test_a_streamed_call_with_tools_and_tags_runs_as_it_is(language: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")

    assert await output(language, STREAMED, tmp_path) is not None


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
@pytest.mark.parametrize("body", [FIRST, AWKWARD, STREAMED], ids=["first", "awkward", "streamed"])
def test_node_can_read_its_code(body: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "call.mjs"
    file.write_text(written("node", "http://localhost:8080", body).code, encoding="utf-8")

    checked = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True, timeout=30, check=False)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("language", ["python", "anthropic", "langchain"])
@pytest.mark.parametrize("body", [FIRST, AWKWARD], ids=["first", "awkward"])
def test_python_can_read_its_code(language: str, body: dict[str, Any]) -> None:
    compile(written(language, "http://localhost:8080", body).code, "call.py", "exec")
