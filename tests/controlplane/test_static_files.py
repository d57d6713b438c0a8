"""Static files as a browser gets them, and everything else as it was."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from controlplane.settings.env import BASE_DIR
from controlplane.static_files import static_files
from controlplane.static_storage import HashedStorage

OURS = BASE_DIR / "static"
IMPORTED = re.compile(r"""^\s*(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"behind"})


async def get(application: Any, path: str, **asked: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b""}
    scope["headers"] = [(name.replace("_", "-").encode(), value.encode()) for name, value in asked.items()]
    await application(scope, receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def application(tmp_path: Path, settings: Any) -> Any:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "base.0123456789ab.css").write_text("a{}")
    (tmp_path / "admin" / "base.css").write_text("b{}")
    return static_files(behind)


async def test_a_hashed_name_is_cached_for_ever(application: Any) -> None:
    status, headers, body = await get(application, "/static/admin/base.0123456789ab.css")
    assert (status, body) == (200, b"a{}")
    assert "immutable" in headers["cache-control"]
    assert headers["content-type"].startswith("text/css")
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_plain_name_is_not(application: Any) -> None:
    _, headers, body = await get(application, "/static/admin/base.css")
    assert body == b"b{}"
    assert headers["cache-control"] == "max-age=60, public"


@pytest.mark.parametrize("path", ["/static/none.css", "/static/../secret", "/static/admin/../../secret", "/admin/"])
async def test_everything_else_goes_behind(application: Any, tmp_path: Path, path: str) -> None:
    (tmp_path.parent / "secret").write_text("no")
    assert (await get(application, path))[2] == b"behind"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> HashedStorage:
    """What ``collectstatic`` makes of the console's own files."""
    root = tmp_path_factory.mktemp("static")
    storage, source = HashedStorage(location=root, base_url="/static/"), FileSystemStorage(location=OURS)
    paths = {str(file.relative_to(OURS)): (source, str(file.relative_to(OURS))) for file in OURS.rglob("*.*")}
    for name in paths:
        with source.open(name) as content:
            storage.save(name, content)
    assert [result for *_, result in storage.post_process(paths) if isinstance(result, Exception)] == []
    return storage


def test_modules_import_each_other_by_the_names_of_their_contents(collected: HashedStorage) -> None:
    final = set(collected.hashed_files.values())
    found = 0
    for name in (OURS / "console").glob("*.js"):
        module = collected.stored_name(f"console/{name.name}")
        for imported in IMPORTED.findall(Path(collected.path(module)).read_text(encoding="utf-8")):
            at = (Path(collected.path(module)).parent / imported).resolve().relative_to(Path(collected.location))
            assert str(at) in final, f"{module} imports {imported}"
            found += 1
    assert found == sum(len(IMPORTED.findall(file.read_text())) for file in (OURS / "console").glob("*.js")) > 0


async def test_a_first_page_takes_less_than_a_quarter_of_a_megabyte(collected: HashedStorage, settings: Any) -> None:
    settings.STATIC_ROOT = Path(collected.location)
    application, taken = static_files(behind), 0
    frame = (BASE_DIR / "templates" / "console" / "base.html").read_text(encoding="utf-8")
    wanted = set(re.findall(r"{% static '([^']+)' %}", frame))
    wanted |= {f"console/{name}" for name in re.findall(r"\./([a-z_]+\.js)", (OURS / "console/main.js").read_text())}
    for name in {*wanted, "vendor/uplot.js", "vendor/icons.svg"}:
        address = f"/static/{collected.stored_name(name)}"
        status, headers, body = await get(application, address, accept_encoding="gzip, deflate, br")
        assert status == 200
        # A font is compressed in itself: there is one form of it only.
        assert headers.get("vary") == (None if name.endswith(".woff2") else "Accept-Encoding")
        assert "immutable" in headers["cache-control"]
        if headers.get("content-encoding") == "gzip":
            assert gzip.decompress(body) == (await get(application, address))[2]
        taken += len(body)
    assert taken < 250_000, taken
