"""A report as mail: HTML with charts inside it, and all of it as plain text as well."""

from __future__ import annotations

from email.mime.image import MIMEImage
from typing import Any, ClassVar, Final

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from reports.drawing import charts, words
from reports.engine.content import Content, Figure, Section, Table, Todo
from reports.links import Links

COLOURS: Final = {"good": "#067647", "bad": "#b42318", "info": "#175cd3", "neutral": "#5b6878"}
MARKS: Final = {"now": "#b42318", "soon": "#b54708", "consider": "#175cd3"}
MOST_CHARTS: Final = 2
"""Of one section: mails that are read on a phone are short."""


class MailWithImages(EmailMultiAlternatives):
    """Images belong to the HTML beside them: programs show them there, and not as attachments."""

    mixed_subtype: ClassVar[str] = "related"


def message(content: Content, links: Links, to: str, *, key: str) -> EmailMultiAlternatives:
    """To one reader; ``key`` names the message, and is the same when it is sent again."""
    about = context(content, links)
    told = MailWithImages(
        f"[{content.owner}] {content.title}".replace("\n", " "),
        render_to_string("reports/email/report.txt", about),
        to=[to],
        headers={"Auto-Submitted": "auto-generated", "Message-ID": f"<report-{key}@breakwater>", **_stop(links)},
    )
    told.attach_alternative(render_to_string("reports/email/report.html", about), "text/html")
    for section in about["sections"]:
        for image in section["charts"]:
            told.attach(_inline(image["png"], image["cid"]))
    return told


def context(content: Content, links: Links) -> dict[str, Any]:
    """For the templates of the mail."""
    return {
        "content": content,
        "period": words.period(content),
        "compared": words.compared_with(content),
        "headline": words.headline(content),
        "missing": words.missing(content),
        "link": links.report,
        "unsubscribe": links.unsubscribe,
        "todos": [_todo(one, links) for one in content.todos],
        "sections": [_section(one, content, links) for one in content.sections],
    }


def _stop(links: Links) -> dict[str, str]:
    """RFC 8058: mail programs end the subscription by themselves."""
    if not links.unsubscribe:
        return {}
    return {"List-Unsubscribe": f"<{links.unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _inline(png: bytes, cid: str) -> MIMEImage:
    image = MIMEImage(png, "png")
    image.add_header("Content-ID", f"<{cid}>")
    image.add_header("Content-Disposition", "inline", filename=f"{cid.partition('@')[0]}.png")
    return image


def _todo(todo: Todo, links: Links) -> dict[str, Any]:
    return {
        "todo": todo,
        "word": words.URGENCIES[todo.urgency],
        "colour": MARKS[todo.urgency],
        "link": links.page(todo.page, todo.args),
    }


def _section(section: Section, content: Content, links: Links) -> dict[str, Any]:
    drawn = [one for one in section.charts if one.times][:MOST_CHARTS]
    return {
        "section": section,
        "link": links.page(section.page),
        "figures": [_figure(one) for one in section.figures],
        "tables": [_table(one) for one in section.tables],
        "charts": [
            {"png": charts.png(one, content), "cid": f"{section.key}-{at}@breakwater", "alt": charts.alt(one)}
            for at, one in enumerate(drawn)
        ],
        "said": [charts.alt(one) for one in drawn],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "figure": figure,
        "value": words.value(figure.value, figure.unit),
        "before": words.value(figure.before, figure.unit),
        "change": words.change(figure),
        "interval": words.interval(figure),
        "verdict": words.verdict(figure),
        "colour": COLOURS[words.tone(figure)],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "table": table,
        "columns": [{"label": one.label, "number": bool(one.unit)} for one in table.columns],
        "rows": [
            [
                {"text": words.cell(shown, column), "number": bool(column.unit), "label": column.label}
                for shown, column in zip(row, table.columns, strict=True)
            ]
            for row in table.rows
        ],
    }
