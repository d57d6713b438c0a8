"""A credential that a provider refuses is fetched again, and the attempt made once more with the new one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

import pytest

from contracts.chat import ChatRequest, Message
from contracts.clock import SystemClock
from contracts.errors import ProviderAuthFailed, ProviderError, ProviderQuotaExhausted, ProviderUnavailable
from contracts.events import AttemptCompleted, AttemptFailed, FallbackUsed
from contracts.ports import UpstreamRequest, UpstreamResponse, UpstreamStream
from contracts.specs import RetrySpec, RouteSpec, Secret, TargetSpec
from routing.engine.executor import Engine
from routing.engine.scrub import scrub, scrubbed
from routing.providers.registry import adapter_for
from tests.routing.engine.spec_factory import Recorder, engine_call, route, target

OLD, NEW = "sk-planted-old", "sk-planted-new"
ANSWER = b'{"id":"1","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
CHUNKS = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def chat(*, stream: bool = False) -> ChatRequest:
    messages = [{"role": "user", "content": "Hello"}]
    body = {"model": "m", "messages": messages, "stream": stream}
    return ChatRequest(messages=[Message(role="user", content="Hello")], stream=stream, body=body)


class Pieces:
    """A response whose body is there already."""

    def __init__(self, status: int, *pieces: bytes) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": "application/json"}
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Provider:
    """An upstream that takes one key, and quotes any other in its refusal."""

    def __init__(self) -> None:
        self.key = NEW
        self.refusal = 401
        self.seen: list[str] = []

    def _answer(self, request: UpstreamRequest, whole: bytes) -> tuple[int, bytes]:
        sent = dict(request.headers).get("authorization", "")
        self.seen.append(sent)
        if sent == f"Bearer {self.key}":
            return 200, whole
        return self.refusal, b'{"error":{"message":"what is %s?","code":"bad %s"}}' % (sent.encode(), sent.encode())

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        return UpstreamResponse(*self._with_headers(self._answer(request, ANSWER)))

    async def open(self, request: UpstreamRequest) -> UpstreamStream:
        return Pieces(*self._answer(request, CHUNKS))

    async def aclose(self) -> None: ...

    def _with_headers(self, answer: tuple[int, bytes]) -> tuple[int, dict[str, str], bytes]:
        return answer[0], {}, answer[1]


class Renewer:
    """Gives the credential this value when it is asked."""

    def __init__(self, value: str = NEW, expected: int = 1) -> None:
        self.value = value
        self.asked = 0
        self.all_here = asyncio.Barrier(expected + 1)
        self.gate = asyncio.Event()
        self.gate.set()

    async def renew(self, credential: Secret, refused_version: int) -> bool:
        self.asked += 1
        if not self.gate.is_set():
            await self.all_here.wait()
        await self.gate.wait()
        credential.replace(self.value)
        return credential.version != refused_version


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def provider() -> Provider:
    return Provider()


def engine(provider: Provider, recorder: Recorder, renewer: Renewer | None) -> Engine:
    return Engine(upstream=provider, emitter=recorder, clock=SystemClock(), adapters=adapter_for, credentials=renewer)


def one(name: str = "a", credential: Secret | None = None, priority: int = 0) -> TargetSpec:
    made = target(name, credential=credential or Secret(OLD))
    spec = made.provider
    return TargetSpec(
        id=made.id,
        provider=type(spec)(
            id=spec.id, name=name, kind="openai", base_url="http://upstream/v1", credential=spec.credential
        ),
        model=made.model,
        priority=priority,
    )


async def complete(subject: Engine, over: RouteSpec) -> str:
    request, call = chat(), engine_call()
    done = await subject.complete(subject.plan(request, over, "model", call), request, call)
    return str(done.result.body["choices"][0]["message"]["content"])


ONCE = RetrySpec(max_attempts=1, per_target=1, base_ms=1, cap_ms=5)


async def test_a_refused_attempt_is_made_once_more_with_the_new_credential(provider, recorder):
    renewer = Renewer()
    subject = engine(provider, recorder, renewer)

    assert await complete(subject, route(one(), retry=ONCE)) == "hi"

    assert provider.seen == [f"Bearer {OLD}", f"Bearer {NEW}"]
    failed = recorder.of(AttemptFailed)
    assert [(event.attempt, event.error_code, event.will_retry) for event in failed] == [
        (1, "PROVIDER_AUTH_FAILED", True)
    ]
    assert [event.attempt for event in recorder.of(AttemptCompleted)] == [2]
    assert recorder.of(FallbackUsed) == []


async def test_a_stream_is_opened_once_more_as_well(provider, recorder):
    subject = engine(provider, recorder, Renewer())
    request, call = chat(stream=True), engine_call()

    stream = await subject.stream(subject.plan(request, route(one()), "model", call), request, call)
    chunks = [chunk async for chunk in stream]

    assert chunks
    assert provider.seen == [f"Bearer {OLD}", f"Bearer {NEW}"]


async def test_the_breaker_does_not_hear_of_an_attempt_that_a_new_credential_mended(provider, recorder):
    subject = engine(provider, recorder, Renewer())
    over = route(one())
    await complete(subject, over)

    (snapshot,) = subject.snapshot()
    assert snapshot.in_flight == 0
    assert [event.event_type for event in recorder.events if event.event_type.startswith("breaker.")] == []


async def test_a_new_credential_that_is_refused_too_is_the_end_of_it(provider, recorder):
    provider.key = "something else"
    renewer = Renewer()
    subject = engine(provider, recorder, renewer)

    with pytest.raises(ProviderAuthFailed):
        await complete(subject, route(one()))

    assert renewer.asked == 1
    assert len(provider.seen) == 2
    assert subject.snapshot()[0].in_flight == 0


async def test_a_credential_that_did_not_change_moves_the_call_to_the_next_target(provider, recorder):
    subject = engine(provider, recorder, Renewer(OLD))

    assert await complete(subject, route(one(), one("b", Secret(NEW), priority=1))) == "hi"

    assert provider.seen == [f"Bearer {OLD}", f"Bearer {NEW}"]
    assert len(recorder.of(FallbackUsed)) == 1


async def test_without_anybody_to_ask_nothing_changes(provider, recorder):
    with pytest.raises(ProviderAuthFailed):
        await complete(engine(provider, recorder, None), route(one()))

    assert len(provider.seen) == 1


async def test_an_account_without_credit_is_no_matter_of_credentials(provider, recorder):
    provider.refusal = 402
    renewer = Renewer()

    with pytest.raises(ProviderQuotaExhausted):
        await complete(engine(provider, recorder, renewer), route(one()))

    assert renewer.asked == 0


async def test_a_client_that_leaves_during_the_renewal_gives_its_place_back(provider, recorder):
    renewer = Renewer()
    renewer.gate.clear()
    subject = engine(provider, recorder, renewer)
    calling = asyncio.create_task(complete(subject, route(one())))
    await renewer.all_here.wait()

    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling

    assert subject.snapshot()[0].in_flight == 0


async def test_calls_that_are_refused_at_the_same_time_all_go_through(provider, recorder):
    renewer = Renewer(expected=30)
    renewer.gate.clear()
    subject = engine(provider, recorder, renewer)
    over = route(one(credential=Secret(OLD)))
    calls = [asyncio.create_task(complete(subject, over)) for _ in range(30)]
    await renewer.all_here.wait()
    renewer.gate.set()

    assert await asyncio.gather(*calls) == ["hi"] * 30


# --- what providers quote ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_credential_that_the_provider_quotes_is_in_no_event_and_no_answer(provider, recorder, status):
    provider.refusal = status

    with pytest.raises(ProviderError) as caught:
        await complete(engine(provider, recorder, None), route(one(), retry=ONCE))

    shown = f"{caught.value!r} {caught.value} {caught.value.as_body('req_1')} {recorder.events}"
    assert OLD not in shown


async def test_neither_is_one_that_is_quoted_in_the_middle_of_a_stream(provider, recorder):
    class Quoting(Provider):
        async def open(self, request: UpstreamRequest) -> UpstreamStream:
            quoted = b'data: {"error":{"message":"key %s is over","type":"server_error"}}\n\n' % OLD.encode()
            return Pieces(200, b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n', quoted)

    subject = engine(Quoting(), recorder, None)
    request, call = chat(stream=True), engine_call()
    stream = await subject.stream(subject.plan(request, route(one(), retry=ONCE), "model", call), request, call)
    await anext(stream)
    with pytest.raises(ProviderError) as caught:
        await anext(stream)

    assert OLD not in f"{caught.value!r} {caught.value.as_body('r')} {recorder.events}"
    assert "***" in caught.value.message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-a+b/c= is bad", "key *** is bad"),
        ("?key=sk-a%2Bb%2Fc%3D", "?key=***"),
        ("is it sk-a+b…", "is it ***…"),
        ("is it sk-…", "is it sk-…"),
        ("nothing here", "nothing here"),
    ],
)
def test_a_credential_is_hidden_as_it_is_encoded_or_cut_off(text, shown):
    assert scrubbed(text, "sk-a+b/c=") == shown


def test_every_part_of_an_error_is_scrubbed():
    error = ProviderUnavailable(f"m {OLD}", param=f"p {OLD}", details={OLD: [OLD, {"x": f"y{OLD}"}], "n": 1})

    scrub(error, Secret(OLD))

    assert OLD not in f"{error} {error.args} {error.as_body('r')}"
    assert error.as_body("r")["error"]["details"] == {"***": ["***", {"x": "y***"}], "n": 1}


@pytest.mark.parametrize("credential", [None, Secret(""), Secret("abc")])
def test_where_there_is_nothing_to_hide_the_error_stays_as_it_is(credential):
    error = ProviderUnavailable("abc")
    scrub(error, credential)
    assert error.message == "abc"
