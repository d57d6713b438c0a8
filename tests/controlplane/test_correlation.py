from __future__ import annotations

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from controlplane.middleware.correlation import HEADER, CorrelationMiddleware, correlation_id_of


def _echo(request: HttpRequest) -> HttpResponse:
    logged = structlog.contextvars.get_contextvars()["correlation_id"]
    assert logged == correlation_id_of(request)
    return HttpResponse(logged)


def test_a_callers_id_is_kept_and_returned(rf: RequestFactory) -> None:
    response = CorrelationMiddleware(_echo)(rf.get("/", headers={HEADER: "order-12345678"}))
    assert isinstance(response, HttpResponse)
    assert response.headers[HEADER] == "order-12345678"
    assert response.content == b"order-12345678"


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=200))
def test_what_comes_back_is_always_short_and_plain(offered: str) -> None:
    response = CorrelationMiddleware(_echo)(RequestFactory().get("/", headers={HEADER: offered}))
    assert isinstance(response, HttpResponse)
    returned = response.headers[HEADER]
    assert 8 <= len(returned) <= 128
    assert returned.replace(".", "").replace("_", "").replace(":", "").replace("-", "").isalnum()


def test_nothing_stays_bound_after_the_request(rf: RequestFactory) -> None:
    CorrelationMiddleware(_echo)(rf.get("/"))
    assert "correlation_id" not in structlog.contextvars.get_contextvars()


async def test_an_async_view_is_served_the_same_way(rf: RequestFactory) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return _echo(request)

    answer = CorrelationMiddleware(view)(rf.get("/", headers={HEADER: "order-12345678"}))
    assert not isinstance(answer, HttpResponse)
    response = await answer  # type: ignore[misc]
    assert response.headers[HEADER] == "order-12345678"


def test_an_id_is_unbound_when_the_view_fails(rf: RequestFactory) -> None:
    def broken(_request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        CorrelationMiddleware(broken)(rf.get("/"))
    assert "correlation_id" not in structlog.contextvars.get_contextvars()
