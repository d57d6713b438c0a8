"""What a caller's ``Cache-Control`` header asks of the cache (RFC 9111, section 5.2.1)."""

from __future__ import annotations

import msgspec


class Directives(msgspec.Struct, frozen=True):
    """As they are understood here; others are ignored, as the RFC wants."""

    no_cache: bool = False
    """Ask a provider; the answer is kept."""
    no_store: bool = False
    """Ask a provider; the answer is not kept."""
    only_if_cached: bool = False
    """Ask no provider."""
    max_age_s: int | None = None
    """Take no answer that is older."""


NONE = Directives()


def directives_of(header: str | None) -> Directives:
    """The header's value, in whatever case and order; a ``max-age`` that is no number counts as 0."""
    if not header:
        return NONE
    names: dict[str, str] = {}
    for part in header.lower().split(","):
        name, _, value = part.strip().partition("=")
        names[name.strip()] = value.strip().strip('"')
    max_age_s: int | None = None
    if "max-age" in names:
        value = names["max-age"]
        max_age_s = int(value) if value.isascii() and value.isdigit() else 0
    return Directives(
        no_cache="no-cache" in names or max_age_s == 0,
        no_store="no-store" in names,
        only_if_cached="only-if-cached" in names,
        max_age_s=max_age_s,
    )
