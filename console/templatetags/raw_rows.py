"""Links between an object's page and its raw row in the admin: ``{% load raw_rows %}``."""

from __future__ import annotations

from django import template
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import raw_rows
from console.templatetags.console import icon

register = template.Library()


@register.simple_tag(takes_context=True)
def raw_row(context: template.Context, row: Model, css: str = "btn") -> SafeString | str:
    """A link to the raw row in the admin, for those who may see it there; nothing for all others."""
    url = raw_rows.raw_url(context["request"], row)
    if not url:
        return ""
    if css.startswith("icon-button"):
        return format_html('<a class="{}" href="{}" title="Raw row">{}</a>', css, url, icon("database", "Raw row"))
    return format_html('<a class="{}" href="{}">{}<span>Raw row</span></a>', css, url, icon("database"))


@register.simple_tag(takes_context=True)
def console_page(context: template.Context, row: Model | None) -> str:
    """The address of a row's page in the console, for those who may open it; empty for all others."""
    return raw_rows.console_url(context["request"], row) if row is not None else ""
