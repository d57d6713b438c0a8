"""What decides how a document is cut and searched by words, as one hash."""

from __future__ import annotations

import hashlib

import msgspec

from rag.engine.cutting import VERSION
from rag.models import Collection


def settings_hash(collection: Collection, *, title: str, language: str) -> str:
    """Another one whenever the document's chunks would be others than they are."""
    parts = [VERSION, collection.chunk_tokens, collection.chunk_overlap, collection.language, title, language]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
