"""Takes the gateway's credential out of what a provider says: some quote it back in their errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, quote_plus

from contracts.errors import GatewayError
from contracts.specs import Secret

HIDDEN = "***"
_MINIMUM_LENGTH = 4
"""Shorter texts are no credentials, and would be found inside ordinary words."""
_CUT = "…"


def scrub(error: GatewayError, credential: Secret | None) -> None:
    """Replace the credential in everything that the error shows, in place."""
    value = credential.reveal() if credential is not None else ""
    if len(value) < _MINIMUM_LENGTH:
        return
    error.message = scrubbed(error.message, value)
    error.args = (error.message,)
    if error.param is not None:
        error.param = scrubbed(error.param, value)
    if error.details:
        error.details = _scrubbed_tree(error.details, value)


def scrubbed(text: str, value: str) -> str:
    """The text without the credential, as it is or percent-encoded, also where the text was cut off inside it."""
    for form in {value, quote(value, safe=""), quote_plus(value)}:
        text = text.replace(form, HIDDEN)
    if text.endswith(_CUT):
        body = text.removesuffix(_CUT)
        for length in range(min(len(value), len(body)), _MINIMUM_LENGTH - 1, -1):
            if body.endswith(value[:length]):
                return body[:-length] + HIDDEN + _CUT
    return text


def _scrubbed_tree(node: Any, value: str) -> Any:
    if isinstance(node, str):
        return scrubbed(node, value)
    if isinstance(node, dict):
        return {_scrubbed_tree(name, value): _scrubbed_tree(item, value) for name, item in node.items()}
    if isinstance(node, list | tuple):
        return [_scrubbed_tree(item, value) for item in node]
    return node
