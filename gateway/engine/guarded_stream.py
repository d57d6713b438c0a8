"""A streamed answer as rules let it go out: chunk by chunk, each text held back as far as its rules need."""

from __future__ import annotations

from typing import Final

from contracts.chat import ChatChunk, JsonObject, Usage
from contracts.guardrails import Stage
from gateway.engine.cache.recording import Recording
from gateway.engine.guarded_texts import COPIES, TEXT_FIELDS, Texts
from guardrails.engine.masking import Masking, Restoring
from guardrails.engine.policy import Verdict, apply
from guardrails.engine.policy_set import PolicySet
from guardrails.engine.stream import Blocked, StreamedText, plan_of

_HEAD: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


class GuardedStream:
    """One answer on its way; its ``verdicts`` are complete once it has ended or was blocked."""

    def __init__(self, policies: PolicySet, masking: Masking | None, *, keep: bool) -> None:
        self.policies = policies
        self.masking = masking if masking else None
        rules = policies.at(Stage.OUTPUT)
        self.plan = plan_of(rules, Stage.OUTPUT) if rules else None
        self.tool_rules = policies.at(Stage.TOOL_CALL)
        self.acts = any(rule.acts for rule in (*rules, *self.tool_rules))
        self.keep = keep
        """Whether the texts are kept for events."""
        self.invariants = policies.invariants
        self.holds = any(rule.acts and rule.spec.hold_stream and not rule.after for rule in self.invariants)
        """Whether nothing goes out before its end, because an invariant may withhold the answer."""
        self.held: list[ChatChunk] = []
        self.said = Recording()
        """What the caller gets, where invariants ask for it."""
        self.usage: Usage | None = None
        self.verdicts: list[tuple[Verdict, list[str]]] = []
        self._choices: dict[int, _Choice] = {}
        self._head: JsonObject = {}

    @property
    def needed(self) -> bool:
        """Whether anything could come of it; otherwise chunks may as well go past it."""
        return self.plan is not None or bool(self.tool_rules) or self.masking is not None or bool(self.invariants)

    async def pass_on(self, chunk: ChatChunk | None) -> list[ChatChunk]:
        """What can go out after this chunk, or at the answer's end where it is None.

        Raises:
            Blocked: a rule about its texts withholds the rest.
        """
        going = await (self.finish() if chunk is None else self.feed(chunk))
        if not self.invariants:
            return [going] if going is not None else []
        if chunk is not None and chunk.usage is not None:
            self.usage = chunk.usage
        if going is not None:
            self.said.note(going)
            self.held.append(going)
        return [] if self.holds else self.released()

    def released(self) -> list[ChatChunk]:
        """What was held back."""
        held, self.held = self.held, []
        return held

    async def feed(self, chunk: ChatChunk) -> ChatChunk | None:
        """What can go out now; None: nothing.

        Raises:
            Blocked: a rule withholds the rest.
        """
        body = chunk.body
        given = body.get("choices")
        if not given:
            return chunk
        self._head = {name: body[name] for name in _HEAD if name in body}
        choices = []
        for choice in given:
            index = choice.get("index", 0)
            state = self._choices.get(index)
            if state is None:
                state = self._choices[index] = _Choice(self)
            going = await state.feed(choice)
            if going is not None:
                choices.append(going)
        if not choices and chunk.usage is None:
            return None
        return ChatChunk({**body, "choices": choices}, chunk.usage)

    async def finish(self) -> ChatChunk | None:
        """What is left where the provider did not say that the answer ends.

        Raises:
            Blocked: a rule withholds it.
        """
        choices = []
        for index, state in self._choices.items():
            delta = await state.end()
            if delta:
                choices.append({"index": index, "delta": delta, "finish_reason": None})
        return ChatChunk({**self._head, "choices": choices}) if choices else None

    def settle(self) -> list[tuple[Verdict, list[str]]]:
        """What was found by now, with the texts where they are kept; each only once."""
        for state in self._choices.values():
            state.settle()
        found, self.verdicts = self.verdicts, []
        return found


class _Choice:
    """One of the answer's choices."""

    def __init__(self, stream: GuardedStream) -> None:
        self._stream = stream
        self._channels: dict[str, _Channel] = {}
        self._calls: dict[int, str] = {}
        """Arguments so far, by number of the tool call."""
        self._rewritten = False

    async def feed(self, choice: JsonObject) -> JsonObject | None:
        given = choice.get("delta") or {}
        delta = {name: value for name, value in given.items() if not self._kept_back(name, value)}
        for name in TEXT_FIELDS:
            piece = given.get(name)
            if isinstance(piece, str) and piece:
                _join(delta, await self._end_others(name))
                _join(delta, {name: self._channel(name).feed(piece)})
        if given.get("tool_calls") and "tool_calls" not in delta:
            _join(delta, await self._end_others(""))
            delta["tool_calls"] = [self._begin_call(call) for call in given["tool_calls"]]
        ended = choice.get("finish_reason")
        if ended:
            _join(delta, await self.end())
        if not delta and not ended:
            return None
        going = {**choice, "delta": delta}
        if self._stream.acts:
            # The same text once more, token by token.
            going.pop("logprobs", None)
        return going

    async def end(self) -> JsonObject:
        """The rest of all texts, and the tool calls' arguments."""
        delta = await self._end_others("")
        if self._calls:
            calls, self._calls = self._calls, {}
            arguments = await self._looked_at(calls)
            delta["tool_calls"] = [
                {"index": number, "function": {"arguments": text}} for number, text in arguments.items() if text
            ]
        return delta

    def settle(self) -> None:
        for channel in self._channels.values():
            channel.settle()
        self._channels = {}

    def _kept_back(self, name: str, value: object) -> bool:
        if name == "tool_calls":
            return bool(self._stream.tool_rules) or self._stream.masking is not None
        if self._stream.acts and (name in COPIES or (name == "extra_content" and self._rewritten)):
            return True
        return name in TEXT_FIELDS and isinstance(value, str) and value != ""

    def _channel(self, name: str) -> _Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(self._stream)
        return channel

    async def _end_others(self, name: str) -> JsonObject:
        """The rest of the texts before this one: clients take the order of what comes for the answer's."""
        said: JsonObject = {}
        for other in [other for other in self._channels if _group(other) != _group(name)]:
            channel = self._channels[other]
            said[other] = await channel.finish()
            channel.settle()
            del self._channels[other]
            self._rewritten = self._rewritten or channel.rewritten
        return {name: text for name, text in said.items() if text}

    def _begin_call(self, call: JsonObject) -> JsonObject:
        function = call.get("function") or {}
        number = call.get("index", 0)
        self._calls[number] = self._calls.get(number, "") + (function.get("arguments") or "")
        return {**call, "function": {**function, "arguments": ""}} if function else call

    async def _looked_at(self, calls: dict[int, str]) -> dict[int, str]:
        stream = self._stream
        message: JsonObject = {"tool_calls": [{"function": {"arguments": text}} for text in calls.values()]}
        if stream.tool_rules:
            texts = Texts()
            texts.add_arguments(message, Stage.TOOL_CALL, message)
            originals = [place.text for place in texts.places]
            verdict = await apply(stream.tool_rules, Stage.TOOL_CALL, originals, at_once=True)
            stream.verdicts.append((verdict, originals))
            if verdict.blocking is not None:
                raise Blocked
            for place, text in zip(texts.places, verdict.texts, strict=True):
                place.put(text)
            texts.seal()
        arguments = [call["function"]["arguments"] for call in message["tool_calls"]]
        if stream.masking is not None:
            arguments = [stream.masking.restored(text, in_json=True) for text in arguments]
        return dict(zip(calls, arguments, strict=True))


class _Channel:
    """One text of a choice: looked at, then given back what was masked."""

    def __init__(self, stream: GuardedStream) -> None:
        self._stream = stream
        self._text = StreamedText(stream.plan, keep=stream.keep) if stream.plan is not None else None
        self._restoring = Restoring(stream.masking) if stream.masking is not None else None

    @property
    def rewritten(self) -> bool:
        return self._text is not None and self._text.verdict.action is not None

    def feed(self, piece: str) -> str:
        if self._text is not None:
            piece = self._text.feed(piece)
        return self._restoring.feed(piece) if self._restoring is not None else piece

    async def finish(self) -> str:
        rest = await self._text.finish() if self._text is not None else ""
        return self._restoring.feed(rest) + self._restoring.finish() if self._restoring is not None else rest

    def settle(self) -> None:
        if self._text is not None:
            self._stream.verdicts.append((self._text.verdict, self._text.kept))


def _group(name: str) -> str:
    return "reasoning" if name.startswith("reasoning") else name


def _join(delta: JsonObject, said: JsonObject) -> None:
    for name, value in said.items():
        if isinstance(value, list):
            delta[name] = [*delta.get(name, ()), *value]
        elif value:
            delta[name] = delta.get(name, "") + value
