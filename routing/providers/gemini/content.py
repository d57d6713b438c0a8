"""Messages in OpenAI's shape as Gemini's contents.

Thought signatures travel where Google's own OpenAI compatibility puts them: ``extra_content.google.thought_signature``
of a tool call (for a function call) or of the message (for its text). Parts without a counterpart (executed code and
its result) are in ``extra_content.google.parts`` of the message, whole.
"""

from __future__ import annotations

import mimetypes
import re
from typing import Any

import msgspec

from contracts.chat import JsonObject, Message, ToolCall
from contracts.errors import InvalidRequest
from contracts.parts import ImagePart, OtherPart, Part, TextPart, parts_of
from routing.providers.openai_fields import owned

PROVIDER = "google"

UNSIGNED = "skip_thought_signature_validator"
"""What Google's documentation says to send with a function call that no Gemini model made."""

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)
_AUDIO_FORMATS = {"wav": "audio/wav", "mp3": "audio/mp3"}
_arguments = msgspec.json.Decoder(dict[str, Any])


def refused_parts(message: Message, where: str) -> list[str]:
    """The content parts of ``message`` that have no counterpart at Gemini, named by their place."""
    if message.content is None or isinstance(message.content, str):
        return []
    return [
        f"{where}.content[{index}] ({part.kind})"
        for index, part in enumerate(parts_of(message))
        if isinstance(part, OtherPart) and _other_part(part) is None
    ]


def contents_of(messages: list[Message], *, signatures: bool) -> tuple[list[JsonObject], list[JsonObject]]:
    """Parts of the system instruction, and contents with neighbours of the same role joined.

    ``signatures``: the model insists on thought signatures, so function calls without one get the stand-in.

    Raises:
        InvalidRequest: a message is malformed, or a tool message answers no call.
    """
    system: list[JsonObject] = []
    contents: list[JsonObject] = []
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if message.role in ("system", "developer"):
            system += content_parts(message)
            continue
        if message.role == "assistant":
            names |= {call.id: call.function.name for call in message.tool_calls or ()}
            role, parts = "model", _model_parts(message, where, signatures=signatures)
        elif message.role == "tool":
            role, parts = "user", [_function_response(message, names, where)]
        else:
            role, parts = "user", content_parts(message)
        if not parts:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return system, contents


def content_parts(message: Message) -> list[JsonObject]:
    """The message's text, images, audio and files.

    Raises:
        InvalidRequest: a part has no counterpart.
    """
    return [_part(part) for part in parts_of(message) if not (isinstance(part, TextPart) and not part.text)]


def _part(part: Part) -> JsonObject:
    if isinstance(part, TextPart):
        return {"text": part.text}
    if isinstance(part, ImagePart):
        return _image(part)
    wire = _other_part(part)
    if wire is None:
        raise InvalidRequest(f"Content of type '{part.kind}' cannot be sent to Gemini.", param="messages")
    return wire


def _image(part: ImagePart) -> JsonObject:
    if part.data is not None:
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    file: JsonObject = {"fileUri": part.url}
    media_type = mimetypes.guess_type(part.url.partition("?")[0])[0]
    if media_type is not None:
        file["mimeType"] = media_type
    return {"fileData": file}


def _other_part(part: OtherPart) -> JsonObject | None:
    """Audio and files by value, files by Gemini's own address, refusals; None for anything else."""
    inner = part.raw.get(part.kind)
    if part.kind == "refusal" and isinstance(inner, str):
        return {"text": inner}
    if not isinstance(inner, dict):
        return None
    if part.kind == "input_audio":
        media_type = _AUDIO_FORMATS.get(str(inner.get("format")))
        data = inner.get("data")
        return {"inlineData": {"mimeType": media_type, "data": data}} if media_type and isinstance(data, str) else None
    return _file(inner) if part.kind == "file" else None


def _file(file: JsonObject) -> JsonObject | None:
    data, id = file.get("file_data"), file.get("file_id")
    match = _DATA_URI.fullmatch(data) if isinstance(data, str) else None
    if match is not None:
        return {"inlineData": {"mimeType": match[1], "data": match[2]}}
    return {"fileData": {"fileUri": id}} if isinstance(id, str) and id.startswith("https://") else None


def _model_parts(message: Message, where: str, *, signatures: bool) -> list[JsonObject]:
    mine = owned(message.extra_content, PROVIDER)
    opaque = mine.get("parts")
    parts: list[JsonObject] = [part for part in opaque if isinstance(part, dict)] if isinstance(opaque, list) else []
    texts = content_parts(message)
    if not texts and message.refusal:
        texts = [{"text": message.refusal}]
    signature = mine.get("thought_signature")
    if isinstance(signature, str):
        texts = texts or [{"text": ""}]
        texts[-1]["thoughtSignature"] = signature
    calls = [_function_call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(message.tool_calls or ())]
    if signatures and calls and "thoughtSignature" not in calls[0]:
        # Only the first of several parallel calls carries a signature.
        calls[0]["thoughtSignature"] = UNSIGNED
    return parts + texts + calls


def _function_call(call: ToolCall, where: str) -> JsonObject:
    try:
        arguments = _arguments.decode(call.function.arguments) if call.function.arguments else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(
            "A tool call's 'arguments' must be the text of a JSON object.", param=f"{where}.function.arguments"
        ) from error
    part: JsonObject = {"functionCall": {"id": call.id, "name": call.function.name, "args": arguments}}
    signature = owned(call.extra_content, PROVIDER).get("thought_signature")
    if isinstance(signature, str):
        part["thoughtSignature"] = signature
    return part


def _function_response(message: Message, names: dict[str, str], where: str) -> JsonObject:
    id = message.tool_call_id or ""
    name = names.get(id) or message.name
    if name is None:
        raise InvalidRequest(
            "A tool message must answer a tool call of an earlier assistant message.", param=f"{where}.tool_call_id"
        )
    parts = content_parts(message)
    text = "\n".join(part["text"] for part in parts if "text" in part)
    failed = owned(message.extra_content, "anthropic").get("is_error") is True
    response: JsonObject = {"id": id, "name": name, "response": _response(text, failed=failed)}
    media = [part for part in parts if "text" not in part]
    if media:
        response["parts"] = media
    return {"functionResponse": response}


def _response(text: str, *, failed: bool) -> JsonObject:
    """A tool's result as the object that Gemini wants; ``output`` and ``error`` are the keys it knows."""
    if failed:
        return {"error": text}
    try:
        return _arguments.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {"output": text}
