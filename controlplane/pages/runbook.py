"""The runbook, for who reads of something broken and asks what to do."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

from django.http import Http404
from django.utils.safestring import SafeString, mark_safe
from django.views.generic import TemplateView
from markdown_it import MarkdownIt
from markdown_it.token import Token

from controlplane.settings.env import BASE_DIR
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

_NO_WORD = re.compile(r"[^\w\- ]")


class Runbook(WorkspacePage, TemplateView):
    """``docs/RUNBOOK.md`` of this version."""

    permission = TenantPermission.VIEW_TENANT
    template_name = "console/health/runbook.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The text and its headings."""
        html, headings = _rendered()
        if not html:
            raise Http404("This installation came without its documentation.")
        return super().get_context_data(text=html, headings=headings, **kwargs)


@lru_cache(maxsize=1)
def _rendered() -> tuple[SafeString, tuple[tuple[str, str], ...]]:
    path = BASE_DIR / "docs" / "RUNBOOK.md"
    if not path.is_file():
        return SafeString(""), ()
    # HTML in the text is shown, not obeyed.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    headings = _give_anchors(tokens)
    return mark_safe(_reachable(markdown.renderer.render(tokens, markdown.options, {}))), tuple(headings)  # noqa: S308 - our own text


def _reachable(html: str) -> str:
    """What is wider than the page is scrolled with the keyboard, too."""
    html = html.replace("<pre>", '<pre tabindex="0">').replace("</table>", "</table></div>")
    return html.replace("<table>", '<div class="table-scroll" tabindex="0"><table>')


def _give_anchors(tokens: list[Token]) -> list[tuple[str, str]]:
    """Ids as GitHub makes them, for headings; those of the second level. Links to other files become their text."""
    found = []
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            anchor = _NO_WORD.sub("", inline.content.lower()).replace(" ", "-")
            token.attrSet("id", anchor)
            if token.tag == "h2":
                found.append((anchor, inline.content))
        if token.type == "heading_open" and token.tag == "h1":
            token.hidden = inline.hidden = True
            inline.children = []
    for token in tokens:
        token.children = _without_other_files(token.children) if token.children else token.children
    return found


def _without_other_files(children: list[Token]) -> list[Token]:
    kept, inside = [], False
    for child in children:
        if child.type == "link_open":
            inside = not str(child.attrGet("href")).startswith(("#", "http"))
            if inside:
                continue
        if child.type == "link_close" and inside:
            inside = False
            continue
        kept.append(child)
    return kept
