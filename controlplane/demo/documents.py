"""The demo's documents: a handbook, what was asked of it, and how far the answers rest on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from unittest.mock import patch

import msgspec
from django.utils import timezone

from contracts.chat import Usage
from contracts.events import AnswerAssessed, EventContext, RequestStarted, RetrievalSearched
from contracts.retrieval import Grounding, Retrieved, registered_retrieval
from contracts.tenant_scope import across_tenants
from controlplane.demo.calls import events_of
from controlplane.demo.configuration import Made, MadeTenant
from controlplane.demo.handbook import PAGES, QUESTIONS
from controlplane.demo.past import Past, Told
from controlplane.demo.screening import Screened
from controlplane.demo.traffic import Attempt, PlannedCall
from controlplane.demo.writing import Encoder
from rag import services
from rag.ingest.indexing import index_document
from rag.models import Collection, Document, Ingest
from rag.retriever import search_now

NAME: Final = "handbook"
_SEARCH_MS: Final = 14.0
_ANSWER_MS: Final = 900.0
_NANOUSD: Final = 410_000
_INGEST: Final = timedelta(seconds=1.4)


def build_handbook(made: Made, past: Past, until: datetime) -> tuple[MadeTenant, Collection] | None:
    """Of the first tenant that stores prompts, beside an empty list at all others. Outside of a transaction."""
    tenant = next((one for one in made.tenants if one.plan.payload_storage != "none"), None)
    if tenant is None:
        return None
    developer = tenant.people["developer"][0].username
    # Read here and now: the demo waits for no worker, and none is to read what this reads.
    unqueued = patch("rag.ingest.documents.have_read", lambda _document: None)
    with past.at(until - timedelta(days=3), developer), across_tenants("the demo makes rows of its tenants"), unqueued:
        row = services.create_collection(
            tenant=tenant.row,
            name=NAME,
            description="What everybody who works here should know.",
            language="english",
            chunk_tokens=120,
            chunk_overlap=0,
        )
        documents = [
            services.NewDocument(
                external_id=page.name,
                content=page.text.encode(),
                media_type="text/markdown",
                title=page.title,
                metadata={"year": until.year},
                access_tags=page.tags,
            )
            for page in PAGES
        ]
        ingest = services.start_ingest(collection=row, source="upload", documents=documents)
        for pk in Document.objects.for_tenant(tenant.row).filter(ingest=ingest).values_list("pk", flat=True):
            index_document(pk)
        # What the database sets by itself knows no other time than its own.
        now = timezone.now()
        Document.objects.for_tenant(tenant.row).filter(ingest=ingest).update(created_at=now)
        Ingest.objects.for_tenant(tenant.row).filter(pk=ingest.pk).update(created_at=now, ended_at=now + _INGEST)
    return tenant, row


def asked_of(tenant: MadeTenant, collection: Collection, encoder: Encoder, until: datetime) -> list[Told]:
    """Calls whose answers rest on the handbook, as the gateway would have told of them."""
    told: list[Told] = []
    with across_tenants("the demo searches its tenant's documents"):
        for number, (question, _, said) in enumerate(QUESTIONS):
            at = until - timedelta(minutes=23 * (len(QUESTIONS) - number))
            told += _call(tenant, collection, encoder, question, said, at)
    return told


def _call(
    tenant: MadeTenant, collection: Collection, encoder: Encoder, question: str, said: str, at: datetime
) -> Iterator[Told]:
    found = search_now(tenant=tenant.row, collections=[collection.name], text=question, top_k=4)
    call = _planned(tenant, question, said, at)
    context = encoder.context(call)
    for event, of, at_ns in events_of(call, context):
        yield (msgspec.structs.replace(event, mode="rag") if isinstance(event, RequestStarted) else event), of, at_ns
    yield _searched(call, context, collection, found)
    yield from _assessed(call, context, collection, found, question, said)


def _planned(tenant: MadeTenant, question: str, said: str, at: datetime) -> PlannedCall:
    route = next(one for one in tenant.routes if not one.plan.embeddings)
    target = route.targets[0]
    return PlannedCall(
        at_ms=int(at.timestamp() * 1_000),
        tenant=tenant,
        key=tenant.keys[0],
        route=route,
        user=None,
        streamed=False,
        usage=Usage(input_tokens=620, output_tokens=len(said) // 4),
        attempts=[Attempt(target, _ANSWER_MS)],
        order=(target,),
        overhead_ms=_SEARCH_MS + 2.0,
        cost_nanousd=_NANOUSD,
        screened=Screened(question, said, (), (), None),
    )


def _searched(call: PlannedCall, context: EventContext, collection: Collection, found: Retrieved) -> Told:
    best = found.passages[0] if found.passages else None
    event = RetrievalSearched(
        collections=[collection.name],
        method=found.method.value,
        passages=len(found.passages),
        top_score=best.score if best else None,
        similarity=best.found.similarity if best and best.found else None,
        keyword_score=best.found.keyword_score if best and best.found else None,
        documents=list(dict.fromkeys(one.document_id for one in found.passages)),
        duration_ms=_SEARCH_MS,
        key_id=call.key_id,
    )
    return event, context, (call.at_ms + int(_SEARCH_MS)) * 1_000_000


def _assessed(
    call: PlannedCall, context: EventContext, collection: Collection, found: Retrieved, question: str, said: str
) -> Iterator[Told]:
    parts = registered_retrieval()
    if parts is None:
        return
    texts = [one.text for one in found.passages]
    judged = parts.assessor.assess(question, said, texts, cites=True)
    ended_ms = call.at_ms + int(call.duration_ms) + 6
    yield _event(call, collection, found, judged), context, ended_ms * 1_000_000


def _event(call: PlannedCall, collection: Collection, found: Retrieved, judged: Grounding) -> AnswerAssessed:
    verdicts = [one.verdict for one in judged.sentences]
    return AnswerAssessed(
        collections=[collection.name],
        route=call.route.row.name,
        model=call.order[0].model,
        risk=round(judged.risk, 4),
        support=round(judged.support, 4),
        claims=len(verdicts) - verdicts.count("no_claim"),
        unsupported=verdicts.count("unsupported"),
        contradicted=verdicts.count("contradicted"),
        citations_missing=judged.citations_missing,
        citations_wrong=judged.citations_wrong,
        declined=judged.declined,
        passages=_passages(found),
        sentences=[
            {name: value for name, value in msgspec.to_builtins(one).items() if name != "text"}
            for one in judged.sentences
        ],
    )


def _passages(found: Retrieved) -> list[dict[str, object]]:
    names: Sequence[str] = ("document_id", "chunk_id", "start", "end", "score", "title", "uri")
    return [
        {"n": number, **{name: getattr(one, name) for name in names}}
        for number, one in enumerate(found.passages, start=1)
    ]
