"""A row of every kind of documents, for the walk over all addresses."""

from __future__ import annotations

from rag.models import Ingest, IngestProblem
from tenants.models import Tenant
from tests.rag.search.planted import make_collection, make_index, plant


def plant_documents(tenant: Tenant, marker: str) -> None:
    """All of them with the marker in every text."""
    collection = make_collection(tenant, marker, description=f"{marker} description")
    index = make_index(collection)
    ingest = Ingest.objects.create(
        tenant=tenant, collection=collection, source="upload", requested_by=marker, total=2, done=1, failed=1
    )
    IngestProblem.objects.create(
        tenant=tenant, ingest=ingest, document=f"{marker}.pdf", code="encrypted", message=f"{marker} is encrypted."
    )
    document = plant(
        collection,
        f"What {marker} says of leave.",
        f"What {marker} says of expenses.",
        external_id=f"{marker}.md",
        title=f"{marker} document",
        tags=[marker],
        metadata={"of": marker},
        index=index,
    )
    document.ingest = ingest
    document.save(update_fields=["ingest"])
