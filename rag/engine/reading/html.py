"""HTML: its main text, with its headings; scripts, navigation and the like left out."""

from __future__ import annotations

import re
from typing import Any, Final

from rag.engine.reading.encodings import decoded, marked_encoding
from rag.engine.reading.result import ReadDocument, TextBuilder, Unreadable, one_line

_LEFT_OUT: Final = (
    "script, style, noscript, template, svg, canvas, iframe, object, embed, nav, footer, form, button, select, "
    "dialog, [hidden], [aria-hidden='true'], [role='navigation'], [role='search'], [role='contentinfo'], "
    "[role='banner'], [role='complementary'], [role='dialog']"
)
# fmt: off
_BLOCKS: Final = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "header", "hr", "html", "legend", "li", "main", "menu", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
))
# fmt: on
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_CHARSET: Final = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{1,40})", re.IGNORECASE)
_SPACES: Final = re.compile(r"\s+")
_MAX_DEPTH: Final = 500
_ENOUGH: Final = 0.3
"""Share of the page's text that a part marked as its main one must have to be believed."""


def read_html(content: bytes, *, charset: str = "") -> ReadDocument:
    """The page's main text; ``charset`` is what the server said.

    Raises:
        Unreadable: there is no text in it.
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_source(content, charset))
    named = tree.css_first("head > title")
    title = one_line(named.text()) if named is not None else ""
    for node in tree.css(_LEFT_OUT):
        node.decompose()
    body = tree.body
    if body is None:
        raise Unreadable("no_text", "No text was found in it.")
    reader = _Walk()
    reader.walk(_main_of(tree, body))
    built = reader.built
    built.title = built.title or title
    return built.done()


def _source(content: bytes, charset: str) -> str:
    declared = charset
    if not marked_encoding(content) and not declared and (found := _CHARSET.search(content[:2_048])):
        declared = found[1].decode("ascii")
    return decoded(content, declared=declared)


def _main_of(tree: Any, body: Any) -> Any:
    """``main``, or the only ``article``, where most of the text is in it; else the body without head and sides."""
    everything = len(body.text()) or 1
    for selector in ("main", "[role='main']", "article"):
        found = tree.css(selector)
        if len(found) == 1 and len(found[0].text()) >= everything * _ENOUGH:
            return found[0]
    for node in body.css("body > header, body > aside"):
        node.decompose()
    return body


class _Walk:
    """Goes through the tree without recursion: pages nest as deeply as they like."""

    def __init__(self) -> None:
        self.built = TextBuilder()
        self._line: list[str] = []
        self._raw = False

    def walk(self, root: Any) -> None:
        """Takes everything below ``root``."""
        # An entry is a node to enter, or the end of one.
        waiting: list[tuple[Any, int, bool]] = [(root, 0, False)]
        while waiting:
            node, depth, leaving = waiting.pop()
            if leaving:
                self._leave(node)
            elif self._enter(node) and depth < _MAX_DEPTH:
                waiting.append((node, depth, True))
                children = list(node.iter(include_text=True))
                waiting.extend((child, depth + 1, False) for child in reversed(children))
        self._end_block()

    def _enter(self, node: Any) -> bool:
        """Whether there is something below it to go through."""
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            # Line ends of the source are spaces; only those of <br> and <pre> are line ends.
            self._line.append(text if self._raw else _SPACES.sub(" ", text))
            return False
        if tag in _HEADINGS:
            self._end_block()
            self.built.heading(_HEADINGS[tag], node.text(separator=" "))
            return False
        if tag == "tr":
            self._row(node)
            return False
        if tag == "br":
            self._line.append("\n")
        elif tag == "img":
            self._line.append(f" {node.attributes.get('alt') or ''} ")
        elif tag in _BLOCKS:
            self._end_block()
            self._raw = tag == "pre"
            self._line.extend(["- "] if tag == "li" else [])
        return bool(tag not in ("br", "img", "hr"))

    def _leave(self, node: Any) -> None:
        if node.tag in _BLOCKS:
            self._end_block()

    def _row(self, row: Any) -> None:
        self._end_block()
        cells = [one_line(cell.text(separator=" ")) for cell in row.iter() if cell.tag in ("td", "th")]
        self.built.block(" | ".join(cells) if any(cells) else "")

    def _end_block(self) -> None:
        text, self._line = "".join(self._line), []
        if self._raw:
            self.built.block(text, keep_spaces=True)
        else:
            self.built.block("\n".join(" ".join(line.split()) for line in text.split("\n")))
        self._raw = False
