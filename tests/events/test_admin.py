import asyncio
from datetime import timedelta

import pytest
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.test import Client

from events.collector.database import conninfo
from events.collector.store import EventStore
from events.models import EventRecord, QuarantinedEvent, Run
from tests.events.builders import batch, completed, context, line, started

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser() -> Client:
    async def fill() -> None:
        store = EventStore(conninfo_text, retention=timedelta(days=30))
        of = context("req_1")
        data = [line(started(user="<b>"), of), line(completed(cost_nanousd=5), of), b"garbage"]
        await store.write([batch(b"\n".join(data) + b"\n")])
        await store.aclose()

    conninfo_text = conninfo()
    asyncio.run(fill())
    user = get_user_model().objects.create_superuser("root", "root@example.com", "secret")
    client = Client()
    client.force_login(user)
    return client


def _get(browser: Client, path: str) -> str:
    response = browser.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def test_runs_events_and_quarantine_can_be_listed_searched_and_read(browser: Client):
    event, refused = EventRecord.objects.first(), QuarantinedEvent.objects.get()
    assert event is not None
    assert "req_1" in _get(browser, "/admin/events/run/?q=req_1")
    assert "req_1" not in _get(browser, "/admin/events/run/?q=req_2").replace("?q=", "")
    assert "llm.request.completed" in _get(browser, "/admin/events/run/req_5F1/change/")
    assert "req_1" in _get(browser, "/admin/events/eventrecord/?event_type=llm.request.started")
    page = _get(browser, f"/admin/events/eventrecord/{event.pk}/change/")
    assert "<b>" not in page.split("<pre>")[1].split("</pre>")[0]
    assert "not_an_event" in _get(browser, "/admin/events/quarantinedevent/")
    assert "garbage" in _get(browser, f"/admin/events/quarantinedevent/{refused.pk}/change/")


def test_nothing_can_be_changed(browser: Client):
    for model in (Run, EventRecord, QuarantinedEvent):
        admin = site.get_model_admin(model)
        assert not admin.has_add_permission(None)  # type: ignore[arg-type]
        assert not admin.has_change_permission(None)  # type: ignore[arg-type]
        assert not admin.has_delete_permission(None)  # type: ignore[arg-type]
    assert browser.post("/admin/events/run/req_5F1/delete/").status_code == 403
