"""A report for Slack: Block Kit, within its bounds (50 blocks, 3,000 characters of a text, 10 fields)."""

from __future__ import annotations

from typing import Any, Final

from reports.drawing import words
from reports.engine.content import Content, Figure, Section, Todo
from reports.links import Links
from tenants.slack import plain

MOST_BLOCKS: Final = 50
_HEADER: Final = 150
_TEXT: Final = 2_900
_FIELD: Final = 1_900
MOST_FIELDS: Final = 10
MOST_TODOS: Final = 8
MOST_ROWS: Final = 5
_MARKS: Final = {"now": ":red_circle:", "soon": ":large_orange_circle:", "consider": ":large_blue_circle:"}
_VERDICTS: Final = {"better": " :white_check_mark:", "worse": " :small_red_triangle:", "moved": " :left_right_arrow:"}


def blocks(content: Content, links: Links) -> dict[str, Any]:
    """The message, with its headline as the text of notifications."""
    found: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": content.title[:_HEADER], "emoji": True}},
        _context(f"{plain(content.owner)} · {plain(words.compared_with(content))}"),
        _section(f"*{plain(words.headline(content))}*"),
    ]
    todos = content.todos
    if todos:
        lines = [_todo(one, links) for one in todos[:MOST_TODOS]]
        found += [{"type": "divider"}, _section("\n".join([f"*What to do* ({len(todos)})", *lines]))]
    last = [*([_context(plain(words.missing(content)))] if content.missing else []), *_last(links)]
    for one in content.sections:
        more = [{"type": "divider"}, *_of_section(one)]
        if len(found) + len(more) + len(last) > MOST_BLOCKS:
            break
        found += more
    return {"text": plain(f"{content.title}: {words.headline(content)}")[:_TEXT], "blocks": [*found, *last]}


def _of_section(section: Section) -> list[dict[str, Any]]:
    found = [_section(f"*{plain(section.title)}*\n{plain(section.summary)}")]
    fields = [_field(one) for one in section.figures[:MOST_FIELDS]]
    if fields:
        found.append({"type": "section", "fields": fields})
    for table in section.tables[:1]:
        rows = [" · ".join(_cells(row, table.columns)) for row in table.rows[:MOST_ROWS]]
        found.append(_section(f"_{plain(table.title)}_\n" + "\n".join(f"• {row}" for row in rows)))
    return found


def _cells(row: list[Any], columns: list[Any]) -> list[str]:
    shown = [plain(words.cell(cell, column)) for cell, column in zip(row, columns, strict=True)]
    first, *rest = shown
    named = [f"{column.label.lower()} {text}" for column, text in zip(columns[1:], rest, strict=True)]
    return [f"*{first}*", *named]


def _field(figure: Figure) -> dict[str, Any]:
    lines = [f"*{plain(figure.label)}*", words.value(figure.value, figure.unit)]
    change = words.change(figure)
    if change:
        lines[1] += f" ({change}){_VERDICTS.get(figure.verdict, '')}"
    if figure.proven:
        lines.append(f"_{words.interval(figure)}_")
    return {"type": "mrkdwn", "text": plain_lines(lines)[:_FIELD]}


def plain_lines(lines: list[str]) -> str:
    """Of a field, one below the other."""
    return "\n".join(lines)


def _todo(todo: Todo, links: Links) -> str:
    link = links.page(todo.page, todo.args)
    text = f"<{link}|{plain(todo.text)}>" if link else plain(todo.text)
    why = f"\n      {plain(todo.why)}" if todo.why else ""
    return f"{_MARKS[todo.urgency]} {text}{why}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_TEXT]}}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text[:_TEXT]}]}


def _last(links: Links) -> list[dict[str, Any]]:
    if not links.report:
        return []
    text = {"type": "plain_text", "text": "Open the report"}
    button = {"type": "button", "text": text, "url": links.report, "style": "primary"}
    return [{"type": "actions", "elements": [button]}]
