"""Query parameters of the data plane's operations on documents."""

from __future__ import annotations

from typing import Any, Final

from gateway.retrieval import MAX_DOCUMENTS, MAX_ID, PAGE, STATES

DOCUMENT_PARAMETERS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "collection": ({"type": "string", "minLength": 1, "maxLength": 64}, "Its name."),
}
LIST_PARAMETERS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "cursor": ({"type": "string"}, "The `next_cursor` of the page before."),
    "limit": ({"type": "integer", "minimum": 1, "maximum": MAX_DOCUMENTS, "default": PAGE}, "Documents a page."),
    "state": ({"type": "string", "enum": list(STATES)}, "Only those that stand there."),
}
ID_PARAMETERS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "id": (
        {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_ID},
            "minItems": 1,
            "maxItems": MAX_DOCUMENTS,
        },
        "Ids, each as a parameter of its own: `id=a&id=b`.",
    ),
}
