"""A report as PDF: A4, the same figures, tables and charts as the mail."""

from __future__ import annotations

import io
from typing import Any, Final
from xml.sax.saxutils import escape

from reports.drawing import charts, words
from reports.drawing.mail import COLOURS, MARKS
from reports.engine.content import Content, Figure, Section, Table

BRAND: Final = "#6d28d9"
INK: Final = "#182433"
SOFT: Final = "#5b6878"
LINE: Final = "#dce1e7"
MARGIN_MM: Final = 18


def pdf(content: Content) -> bytes:
    """The whole report."""
    # Takes a while to import: only those who ask for a PDF wait for it.
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    out = io.BytesIO()
    margin = MARGIN_MM * mm
    document = SimpleDocTemplate(
        out, pagesize=A4, title=_latin(content.title), author=_latin(content.owner), subject="Report of Breakwater",
        leftMargin=margin, rightMargin=margin, topMargin=margin, bottomMargin=margin,
    )  # fmt: skip
    footer = _latin(f"{content.owner} · {content.title}")

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(SOFT)
        canvas.drawString(margin, margin / 2, footer[:110])
        canvas.drawRightString(A4[0] - margin, margin / 2, str(page.page))

    # Frames keep 6 points free on either side.
    document.build(_story(content, document.width - 12), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _story(content: Content, width: float) -> list[Any]:
    from reportlab.platypus import Spacer

    style = _styles()
    found: list[Any] = [
        _text(content.title, style["title"]),
        _text(f"{content.owner}. {words.compared_with(content)}", style["soft"]),
        Spacer(1, 6),
        _text(words.headline(content), style["lead"]),
    ]
    if content.todos:
        found.append(_text("What to do", style["heading"]))
        for todo in content.todos:
            mark = f'<font color="{MARKS[todo.urgency]}"><b>{words.URGENCIES[todo.urgency]}</b></font>'
            found.append(_marked(f"{mark}  {_safe(todo.text)}", style["body"]))
            found.append(_text(todo.why, style["indented"]))
    for section in content.sections:
        found += _section(section, content, style, width)
    return [*found, Spacer(1, 12), _text(words.missing(content), style["soft"])]


def _section(section: Section, content: Content, style: Any, width: float) -> list[Any]:
    from reportlab.platypus import Image, KeepTogether, Spacer

    head: list[Any] = [_text(section.title, style["heading"]), _text(section.summary, style["body"])]
    if section.figures:
        head.append(_figures(section.figures, style, width))
    found: list[Any] = [KeepTogether(head)]
    for chart in section.charts:
        if chart.times:
            image = io.BytesIO(charts.png(chart, content))
            found += [Spacer(1, 6), Image(image, width=width, height=width * charts.HEIGHT_IN / charts.WIDTH_IN)]
    for table in section.tables:
        found.append(KeepTogether([_text(table.title, style["small"]), _table(table, style, width)]))
        if table.note:
            found.append(_text(table.note, style["soft"]))
    return found


def _figures(figures: list[Figure], style: Any, width: float) -> Any:
    names = (("", "th"), ("Now", "num"), ("Before", "num"), ("Change", "num"), ("95% interval", "th"))
    rows = [[_text(label, style[kind]) for label, kind in names]]
    for one in figures:
        verdict = words.verdict(one)
        said = f'<br/><font color="{COLOURS[words.tone(one)]}">{verdict}</font>' if verdict else ""
        rows.append(
            [
                _text(one.label, style["td"]),
                _text(words.value(one.value, one.unit), style["num"]),
                _text(words.value(one.before, one.unit), style["num"]),
                _text(words.change(one), style["num"]),
                _marked(f"{_safe(words.interval(one))}{said}", style["td"]),
            ]
        )
    return _grid(rows, [width * share for share in (0.26, 0.15, 0.15, 0.14, 0.30)])


def _table(table: Table, style: Any, width: float) -> Any:
    rows = [[_text(one.label, style["num" if one.unit else "td"]) for one in table.columns]]
    rows += [
        [
            _text(words.cell(shown, column), style["num" if column.unit else "td"])
            for shown, column in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    return _grid(rows, [width * share for share in _shares(table)])


def _shares(table: Table) -> list[float]:
    """Columns of words get as much as their longest words need, numbers a fixed part."""
    weights = [
        1.0 if column.unit else min(4.0, max(1.2, max((len(str(row[at])) for row in table.rows), default=0) / 14))
        for at, column in enumerate(table.columns)
    ]
    return [one / sum(weights) for one in weights]


def _grid(rows: list[list[Any]], widths: list[float]) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Table as Grid
    from reportlab.platypus import TableStyle

    look = TableStyle(
        [
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, HexColor(LINE)),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ]
    )
    return Grid(rows, colWidths=widths, style=look, repeatRows=1, spaceBefore=4, spaceAfter=4)


def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle

    base = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13, textColor=HexColor(INK))

    def kind(name: str, **more: Any) -> Any:
        return ParagraphStyle(name, parent=base, **more)

    soft = HexColor(SOFT)
    return {
        "body": base,
        "title": kind("title", fontName="Helvetica-Bold", fontSize=19, leading=24, textColor=HexColor(BRAND)),
        "lead": kind("lead", fontName="Helvetica-Bold", fontSize=11, leading=15, spaceAfter=4),
        "heading": kind("heading", fontName="Helvetica-Bold", fontSize=13, leading=17, spaceBefore=14, spaceAfter=4),
        "small": kind("small", fontName="Helvetica-Bold", spaceBefore=8),
        "soft": kind("soft", textColor=soft, fontSize=8.5, leading=11),
        "indented": kind("indented", textColor=soft, fontSize=8.5, leading=11, leftIndent=12, spaceAfter=4),
        "th": kind("th", textColor=soft, fontSize=8, leading=10),
        "td": kind("td", fontSize=8.5, leading=11),
        "num": kind("num", fontSize=8.5, leading=11, alignment=TA_RIGHT),
    }


def _text(text: str, style: Any) -> Any:
    return _marked(_safe(text), style)


def _marked(markup: str, style: Any) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(markup, style)


def _safe(text: str) -> str:
    return escape(_latin(text))


def _latin(text: str) -> str:
    """What PDF's own fonts have no letter for is said otherwise, or shown as a question mark."""
    plain = text.replace(words.MINUS, "-").replace("µ", "u")
    return plain.encode("cp1252", "replace").decode("cp1252")
