"""The management API of this app."""

from rag.api.collections import CollectionResource
from rag.api.documents import DocumentResource, IngestResource

RESOURCES = (
    ("collections", CollectionResource),
    ("documents", DocumentResource),
    ("ingests", IngestResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
