"""What a page asks for by itself, by its attributes for htmx: parts that are loaded at once, or anew at events."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

import msgspec

BY_ITSELF = {"load", "revealed", "live", "focus"}
"""Triggers that need no choice of a person's; ``focus`` is the switcher of workspaces."""


@dataclass(frozen=True)
class Part:
    """One request of a page's."""

    page: str
    address: str
    target: str
    """The id of the element that is swapped."""
    token: str
    headers: dict[str, str]
    fields: dict[str, list[str]] | None
    """Of the form around it, where it is posted; None where it is fetched."""


def parts_of(text: str, address: str) -> list[Part]:
    """All that the page at this address asks for by itself; what is asked for in the same way counts once."""
    page = _Page()
    page.feed(text)
    found: dict[tuple[str, str], Part] = {}
    for attributes, form in page.asking:
        target = attributes.get("hx-target", "this")
        target = attributes.get("id", "") if target == "this" else target.removeprefix("#")
        posted = "hx-post" in attributes
        part = Part(
            page=address,
            address=urljoin(address, attributes["hx-post" if posted else "hx-get"]),
            target=target,
            token=page.token,
            headers=_headers(attributes),
            fields=page.fields[form] if posted else None,
        )
        found.setdefault((part.address, part.target), part)
    return list(found.values())


def _headers(attributes: dict[str, str]) -> dict[str, str]:
    return msgspec.json.decode(attributes.get("hx-headers", "{}"), type=dict[str, str])


class _Page(HTMLParser):
    """Reads elements that ask by themselves, and the fields of forms as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.asking: list[tuple[dict[str, str], int]] = []
        self.fields: dict[int, dict[str, list[str]]] = {0: {}}
        self.token = ""
        self._form = 0
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        triggers = {event.split()[0] for event in attributes.get("hx-trigger", "").split(",") if event.strip()}
        if triggers & BY_ITSELF and {"hx-get", "hx-post"} & attributes.keys():
            self.asking.append((attributes, self._form))
        if tag == "form":
            self._form = len(self.fields)
            self.fields[self._form] = {}
        elif tag == "body":
            self.token = _headers(attributes).get("X-CSRFToken", "")
        elif tag == "input":
            self._input(attributes)
        elif tag == "select":
            self._select = attributes.get("name", "")
        elif tag == "option" and "selected" in attributes:
            self._add(self._select, attributes.get("value", ""))
        elif tag == "textarea":
            self._textarea = attributes.get("name", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = 0
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._add(self._textarea, data)

    def _input(self, attributes: dict[str, str]) -> None:
        if attributes.get("type") in ("checkbox", "radio") and "checked" not in attributes:
            return
        self._add(attributes.get("name", ""), attributes.get("value", "on"))

    def _add(self, name: str, value: str) -> None:
        if name:
            self.fields[self._form].setdefault(name, []).append(value)
