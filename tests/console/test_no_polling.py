"""Pages learn what is new through their live connection: none asks again and again."""

from __future__ import annotations

import re

from controlplane.settings.env import BASE_DIR

CLOCKS = {"live_connection.js": "asks whether its connection is still there", "times.js": "writes “a minute ago” anew"}
"""Modules that do something at intervals, and what; none of them asks the server for content."""
ASKS = re.compile(r"\bfetch\(|XMLHttpRequest|htmx\.(ajax|trigger)|location\.reload")


def test_no_template_asks_at_intervals():
    triggers = {
        (str(file.relative_to(BASE_DIR)), trigger)
        for file in (BASE_DIR / "templates").rglob("*.html")
        for trigger in re.findall(r"""hx-trigger=["']([^"']*)""", file.read_text(encoding="utf-8"))
    }

    assert len(triggers) > 10
    assert [(file, trigger) for file, trigger in triggers if re.search(r"\bevery\b|\bload\s+delay", trigger)] == []


def test_no_module_asks_at_intervals():
    modules = {file.name: file.read_text(encoding="utf-8") for file in (BASE_DIR / "static" / "console").glob("*.js")}

    assert {name for name, text in modules.items() if "setInterval" in text} == set(CLOCKS)
    assert [name for name in CLOCKS if ASKS.search(modules[name])] == []
