"""The kit's components as tags and filters: ``{% load console %}``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import msgspec
from django import forms, template
from django.templatetags.static import static
from django.urls import NoReverseMatch
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from console import formats
from console.charts import COLOURS, Bar, Chart, Slice, sparkline
from console.timerange import RANGES, TimeRange
from console.times import time_tag
from console.vendor import icon_names

register = template.Library()

register.filter("number", formats.number)
register.filter("short_number", formats.short)
register.filter("tokens", formats.tokens)
register.filter("percent", formats.percent)
register.filter("bytes", formats.size)
register.filter("duration", formats.duration)

TONES = {"good", "warn", "bad", "info", "neutral", "brand"}


@lru_cache(maxsize=1)
def _icons() -> frozenset[str]:
    return frozenset(icon_names())


@register.simple_tag
def icon(name: str, label: str = "", extra: str = "") -> SafeString:
    """An icon; with a label for who does not see it, or none where a text beside it says the same.

    Raises:
        template.TemplateSyntaxError: ``console/icons.txt`` has no such icon.
    """
    if name not in _icons():
        raise template.TemplateSyntaxError(f"There is no icon {name!r}: add it to console/icons.txt and fetch it.")
    shown = format_html(' role="img" aria-label="{}"', label) if label else mark_safe(' aria-hidden="true"')
    source = f"{static('vendor/icons.svg')}#{name}"
    return format_html('<svg class="icon {}" focusable="false"{}><use href="{}"></use></svg>', extra, shown, source)


@register.simple_tag(takes_context=True)
def workspace_url(context: template.Context, name: str, **kwargs: Any) -> str:
    """The page of this name in the workspace of the current page."""
    return str(context["request"].workspace.url(name, **kwargs))


@register.simple_tag(takes_context=True)
def has_page(context: template.Context, name: str, **kwargs: Any) -> bool:
    """Whether the workspace has a page of this name."""
    try:
        context["request"].workspace.url(name, **kwargs)
    except NoReverseMatch:
        return False
    return True


@register.simple_tag(takes_context=True)
def may(context: template.Context, permission: str) -> bool:
    """Whether the user may do this here: ``{% may "manage_keys" as may_keys %}{% if may_keys %}``."""
    return bool(context["request"].workspace.may(permission))


@register.simple_tag
def when(moment: datetime | date | None, style: str = "relative") -> SafeString | str:
    """A time in the viewer's zone: ``relative`` (exact on hover), ``absolute`` or ``both``."""
    return time_tag(moment, style)


@register.filter
def money(nano_usd: int | None) -> SafeString | str:
    """Nano-dollars, exact on hover."""
    if nano_usd is None:
        return formats.NOTHING
    return format_html('<span title="{}">{}</span>', formats.exact_money(nano_usd), formats.money(nano_usd))


@register.simple_tag
def badge(text: Any, tone: str = "neutral", icon_name: str = "") -> SafeString:
    """A word on a coloured ground; tones are good, warn, bad, info, neutral and brand."""
    _known_tone(tone)
    shown = icon(icon_name) if icon_name else ""
    return format_html('<span class="tag tag-{}">{}{}</span>', tone, shown, text)


@register.simple_tag
def dot(text: Any, tone: str = "neutral", pulse: bool = False) -> SafeString:
    """A health dot with its word: colour alone tells nobody enough."""
    _known_tone(tone)
    extra = " dot-pulse" if pulse else ""
    return format_html('<span class="dot dot-{}{}">{}</span>', tone, extra, text)


def _known_tone(tone: str) -> None:
    if tone not in TONES:
        raise template.TemplateSyntaxError(f"There is no tone {tone!r}.")


_NOTHING_BEFORE = 10
_UNIT_AFTER_NUMBER = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d)\b)|(?<=\bmin) (?=\d)|(?<=\bh) (?=\d)")


@register.inclusion_tag("console/components/stat.html")
def stat(
    label: str,
    value: Any,
    unit: str = "number",
    before: Any = None,
    better: str = "",
    points: Sequence[Any] | None = None,
    url: str = "",
    hint: str = "",
    tone: str = "",
) -> dict[str, Any]:
    """A figure with how it changed: ``before`` is the figure of the time before, ``better`` is ``up`` or ``down``."""
    form = formats.FORMATS.get(unit, str)
    change, direction, judged = _change(value, before, better)
    if not change and _grew_from_nearly_nothing(value, before):
        hint = "hardly any before" if not hint or hint.startswith("to the ") else hint
    return {
        "label": label,
        "value": form(value) if value is not None and not isinstance(value, str) else value or formats.NOTHING,
        "exact": formats.exact_money(value) if unit == "money" else formats.number(value) if unit == "short" else "",
        "change": change,
        "direction": direction,
        "judged": judged,
        "points": sparkline(points or ()),
        "url": url,
        "hint": _UNIT_AFTER_NUMBER.sub("\N{NO-BREAK SPACE}", hint),
        "tone": tone,
    }


def _change(value: Any, before: Any, better: str) -> tuple[str, str, str]:
    if before in (None, 0) or value is None or isinstance(value, str) or _grew_from_nearly_nothing(value, before):
        return "", "", ""
    share = (float(value) - float(before)) / abs(float(before))
    if abs(share) < 0.0005:
        return "no change", "", "flat"
    direction = "up" if share > 0 else "down"
    judged = "flat" if not better else "good" if direction == better else "bad"
    return formats.percent(abs(share), 0 if abs(share) >= 0.1 else 1), direction, judged


def _grew_from_nearly_nothing(value: Any, before: Any) -> bool:
    """So much more than before that no percentage says anything: what came before is the first hours of a tenant."""
    if not before or value is None or isinstance(value, str):
        return False
    return float(value) >= _NOTHING_BEFORE * abs(float(before))


@register.inclusion_tag("console/components/chart.html")
def chart(shown: Chart, key: str = "chart") -> dict[str, Any]:
    """A chart over time; ``key`` is unique on the page."""
    return {"chart": shown, "key": key, "data": shown.data()}


@register.inclusion_tag("console/components/bars.html")
def bars(caption: str, rows: Sequence[Bar], unit: str = "number", heading: str = "") -> dict[str, Any]:
    """A ranking as horizontal bars, largest value as the full width."""
    form, most = formats.FORMATS[unit], max((row.value for row in rows), default=0) or 1
    shown = [(row, form(row.value), max(0.6, round(row.value / most * 100, 2)) if row.value else 0) for row in rows]
    return {"caption": caption, "rows": shown, "heading": heading}


@register.inclusion_tag("console/components/donut.html")
def donut(caption: str, parts: Sequence[Slice], unit: str = "number", centre: str = "") -> dict[str, Any]:
    """Parts of a whole."""
    total, form, at, shown = sum(part.value for part in parts), formats.FORMATS[unit], 0.0, []
    for index, part in enumerate(parts):
        share = part.value / total * 100 if total else 0
        colour = part.colour or COLOURS[index % len(COLOURS)]
        shown.append(
            {
                "label": part.label,
                "value": form(part.value),
                "share": formats.percent(share / 100),
                "length": round(share, 3),
                "rest": round(100 - share, 3),
                "offset": round(25 - at, 3),
                "colour": colour,
            }
        )
        at += share
    return {"caption": caption, "parts": shown, "centre": centre or form(total)}


@register.inclusion_tag("console/components/meter.html")
def meter(
    label: str, value: Any, most: Any, unit: str = "number", warn: float = 0.8, bad: float = 1.0
) -> dict[str, Any]:
    """How much of something is used up; amber from ``warn`` on and red from ``bad``."""
    form, share = formats.FORMATS[unit], (float(value or 0) / float(most) if most else 0.0)
    tone = "bad" if share >= bad else "warn" if share >= warn else "good"
    return {
        "label": label,
        "value": form(value or 0),
        "most": form(most),
        "share": formats.percent(share, 0),
        "width": round(min(share, 1) * 100, 2),
        "tone": tone,
    }


@register.inclusion_tag("console/components/empty.html")
def empty(icon_name: str, title: str, text: str = "", action: str = "", url: str = "") -> dict[str, str]:
    """Nothing is here: why, and what to do next."""
    return {"icon_name": icon_name, "title": title, "text": text, "action": action, "url": url}


@register.inclusion_tag("console/components/alert.html")
def alert(text: str, tone: str = "info", title: str = "", action: str = "", url: str = "") -> dict[str, str]:
    """A notice that stays."""
    _known_tone(tone)
    icons = {"good": "circle-check", "warn": "alert-triangle", "bad": "alert-circle"}
    return {
        "text": text,
        "tone": tone,
        "title": title,
        "action": action,
        "url": url,
        "icon_name": icons.get(tone, "info-circle"),
    }


@register.inclusion_tag("console/components/code.html")
def code_block(text: str, label: str = "Code", language: str = "") -> dict[str, str]:
    """Text to be copied."""
    return {"text": text.strip("\n"), "label": label, "language": language}


@register.inclusion_tag("console/components/secret.html")
def secret(value: str, label: str = "API key", hint: str = "") -> dict[str, str]:
    """A secret that is shown this once."""
    return {"value": value, "label": label, "hint": hint}


@register.inclusion_tag("console/components/copy.html")
def copy(text: str, label: str = "Copy") -> dict[str, str]:
    """A button that copies a short text."""
    return {"text": text, "label": label}


@register.inclusion_tag("console/components/facts.html")
def facts(rows: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Names and values."""
    return {"rows": rows}


@register.inclusion_tag("console/components/json.html")
def json_view(value: Any, label: str = "JSON", depth: int = 2) -> dict[str, Any]:
    """A value as a tree that opens and closes; ``depth`` levels are open at first."""
    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
    return {"node": _node("", value, depth), "text": text, "label": label}


def _node(name: str, value: Any, depth: int) -> dict[str, Any]:
    if isinstance(value, dict):
        inner = [_node(str(key), one, depth - 1) for key, one in value.items()]
        return {"name": name, "inner": inner, "open": depth > 0, "marks": "{}", "count": len(inner)}
    if isinstance(value, list | tuple):
        inner = [_node(str(index), one, depth - 1) for index, one in enumerate(value)]
        return {"name": name, "inner": inner, "open": depth > 0, "marks": "[]", "count": len(inner)}
    kind = {type(None): "null", bool: "bool", int: "num", float: "num"}.get(type(value), "str")
    return {"name": name, "kind": kind, "shown": msgspec.json.encode(value, enc_hook=str).decode()}


@register.inclusion_tag("console/components/timerange.html", takes_context=True)
def time_picker(context: template.Context, shown: TimeRange, target: str = "") -> dict[str, Any]:
    """Links to the usual ranges and a form for one's own; the other parameters of the page stay."""
    request = context["request"]
    kept = request.GET.copy()
    for name in ("range", "from", "to", "page", "after", "format"):
        kept.pop(name, None)
    others = kept.urlencode()
    links = [(key, label, f"?range={key}{'&' + others if others else ''}") for key, (label, _) in RANGES.items()]
    return {"shown": shown, "links": links, "kept": [(k, v) for k, vs in kept.lists() for v in vs], "target": target}


@register.inclusion_tag("console/components/tabs.html", takes_context=True)
def tabs(
    context: template.Context, items: Sequence[tuple[str, str]], current: str, parameter: str = "tab"
) -> dict[str, Any]:
    """Tabs that are links: (key, label) pairs, the key in the URL; the server shows the one that is current."""
    query = context["request"].GET.copy()
    shown = []
    for key, label in items:
        query[parameter] = key
        shown.append((f"?{query.urlencode()}", label, key == current))
    return {"items": shown}


@register.inclusion_tag("console/components/choice_links.html", takes_context=True)
def choice_links(
    context: template.Context, parameter: str, items: Sequence[tuple[str, str]], current: str, label: str
) -> dict[str, Any]:
    """A small choice of (key, label) pairs that are links, the key in the URL."""
    query = context["request"].GET.copy()
    shown = []
    for key, text in items:
        query[parameter] = key
        shown.append((f"?{query.urlencode()}", text, key == current))
    return {"items": shown, "label": label}


@register.inclusion_tag("console/components/form.html", takes_context=True)
def form_body(context: template.Context, form: forms.Form) -> dict[str, Any]:
    """A form's errors and fields; the ``<form>`` and its buttons are the page's."""
    return {"form": form, "request": context["request"]}


@register.inclusion_tag("console/components/field.html", takes_context=True)
def form_field(context: template.Context, field: forms.BoundField) -> dict[str, Any]:
    """One field with label, help and errors, validated when it is left."""
    widget = field.field.widget
    kind = "text"
    if isinstance(widget, forms.CheckboxInput):
        kind, css = "check", "form-check-input"
    elif isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind, css = "choices", "form-check-input"
    elif isinstance(widget, forms.Select):
        css = "form-select"
    else:
        css = "form-control"
    invalid = " is-invalid" if field.errors else ""
    given = widget.attrs.get("class", "")
    return {
        "field": field,
        "kind": kind,
        "widget": field.as_widget(attrs={"class": f"{css}{invalid} {given}".strip()}),
        "optional": not field.field.required and kind == "text",
        "here": context["request"].get_full_path(),
        "headers": msgspec.json.encode({"X-Validate": field.name}).decode(),
    }


@register.inclusion_tag("console/components/filter_field.html")
def filter_field(field: forms.BoundField) -> dict[str, Any]:
    """A filter of a table."""
    select = isinstance(field.field.widget, forms.Select)
    css = "form-select form-select-sm" if select else "form-control form-control-sm"
    return {"field": field, "widget": field.as_widget(attrs={"class": css})}
