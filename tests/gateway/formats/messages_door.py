"""``/v1/messages`` in front of one emulated provider, without the rest of the gateway: an emulator itself."""

from __future__ import annotations

from contracts.chat import ChatRequest, Usage
from contracts.errors import GatewayError, UnsupportedParameter
from contracts.specs import TargetSpec
from gateway.formats.base import AnswerFacts
from gateway.formats.messages import MessagesFormat, count_tokens_body
from routing.providers.registry import adapter_for
from tests.upstreams.direct import seen
from tests.upstreams.server import Emulator, Reply, SeenRequest

FORMAT = MessagesFormat()
CORRELATION_ID = "req_1"


def facts_of(target: TargetSpec, usage: Usage | None) -> AnswerFacts:
    """Facts with a cost of 1,000 nano-USD."""
    name = target.provider.name
    return AnswerFacts(CORRELATION_ID, "trace_1", "route", name, target.model.name, usage or Usage(), 1_000)


class MessagesDoor:
    """Serves the Messages format with ``emulator`` as the only provider."""

    def __init__(self, emulator: Emulator, target: TargetSpec) -> None:
        self.upstream = emulator
        self.target = target
        self.adapter = adapter_for(target.provider.kind)

    def handle(self, request: SeenRequest) -> Reply:
        """The answer of the provider in Anthropic's shape."""
        try:
            if request.path.endswith("/count_tokens"):
                return Reply.json(count_tokens_body(request.json()))
            return self._answer(FORMAT.parse(request.json()))
        except GatewayError as error:
            return Reply.json(FORMAT.error_body(error, CORRELATION_ID), error.status)

    def error(self, status: int, message: str) -> Reply:
        """Not used: faults are the provider's."""
        raise NotImplementedError

    def _answer(self, chat: ChatRequest) -> Reply:
        refused = self.adapter.unsupported_params(chat, self.target)
        if refused:
            raise UnsupportedParameter(f"Not supported: {', '.join(refused)}.", param=refused[0])
        reply = self.upstream.handle(seen(self.adapter.build_chat(chat, self.target)))
        if reply.status != 200:
            raise self.adapter.classify_error(reply.status, reply.headers, b"".join(reply.pieces))
        if chat.stream:
            return Reply.events(self._events(chat, reply.pieces))
        result = self.adapter.parse_chat(b"".join(reply.pieces), chat, self.target)
        return Reply.json(FORMAT.render(result, facts_of(self.target, result.usage)))

    def _events(self, chat: ChatRequest, pieces: list[bytes]) -> list[bytes]:
        parser = self.adapter.open_chat_stream(chat, self.target)
        renderer = FORMAT.open_stream(chat, correlation_id=CORRELATION_ID)
        usage: Usage | None = None
        events: list[bytes] = []
        try:
            for piece in [*pieces, None]:
                for chunk in parser.close() if piece is None else parser.feed(piece):
                    usage = chunk.usage or usage
                    events.append(renderer.feed(chunk))
            events.append(renderer.finish(facts_of(self.target, usage)))
        except GatewayError as error:
            events.append(renderer.error(error))
        return [event for event in events if event]
