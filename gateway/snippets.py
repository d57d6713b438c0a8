"""Code that makes a call: what pages offer to be copied, and what the tests run as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PLACEHOLDER = "YOUR_API_KEY"
Body = Mapping[str, Any]

FIRST_CALL: Body = {"messages": [{"role": "user", "content": "Say hello in one sentence."}]}
"""What somebody sends who wants to see that it works."""

_OPENAI_FIELDS = frozenset(
    {
        *("model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "n"),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "presence_penalty", "frequency_penalty"),
        *("stream", "stream_options", "user", "reasoning_effort"),
    }
)
_LANGCHAIN_FIELDS = ("temperature", "top_p", "max_tokens", "seed")
ANTHROPIC_MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code in one language."""

    key: str
    label: str
    install: str
    """What has to be installed before; empty: nothing."""
    code: str
    run: str
    """The command that runs it from a file; empty where it is a command itself."""


def snippets(*, root: str, key: str, body: Body, only: tuple[str, ...] = ()) -> list[Snippet]:
    """The call in every language (or ``only`` these); ``root`` is the installation's address, without ``/v1``."""
    return [
        Snippet(name, label, install, write(root, key, body), run)
        for name, (label, install, run, write) in _LANGUAGES.items()
        if not only or name in only
    ]


def curl(root: str, key: str, body: Body) -> str:
    """For a POSIX shell."""
    text = json.dumps(body, indent=2, ensure_ascii=False).replace("'", "'\\''")
    return "\n".join(
        [
            f"curl {root}/v1/chat/completions \\",
            f'  -H "Authorization: Bearer {key}" \\',
            '  -H "Content-Type: application/json" \\',
            f"  -d '{text}'",
        ]
    )


def openai_python(root: str, key: str, body: Body) -> str:
    """The ``openai`` package."""
    known, extra = _split(body)
    arguments = [f"    {name}={_python(value)}," for name, value in known.items()]
    if extra:
        arguments.append(f"    extra_body={_python(extra)},")
    if body.get("stream"):
        end = [
            "for chunk in answer:",
            "    if chunk.choices:",
            '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
            "print()",
        ]
    else:
        end = ["print(answer.choices[0].message.content)"]
    return "\n".join(
        [
            "from openai import OpenAI",
            "",
            f'client = OpenAI(base_url="{root}/v1", api_key="{key}")',
            "answer = client.chat.completions.create(",
            *arguments,
            ")",
            *end,
        ]
    )


def anthropic_python(root: str, key: str, body: Body) -> str:
    """The ``anthropic`` package, which speaks to ``/v1/messages``."""
    messages = [message for message in body["messages"] if message["role"] != "system"]
    system = "\n".join(_text(message) for message in body["messages"] if message["role"] == "system")
    arguments = [f"    model={_python(body.get('model', ''))},"]
    arguments.append(f"    max_tokens={body.get('max_tokens') or ANTHROPIC_MAX_TOKENS},")
    if system:
        arguments.append(f"    system={_python(system)},")
    # Not every version of the package has arguments of its own for them.
    sampling = {name: body[name] for name in ("temperature", "top_p") if name in body}
    if sampling:
        arguments.append(f"    extra_body={_python(sampling)},")
    arguments.append(f"    messages={_python([{'role': m['role'], 'content': _text(m)} for m in messages])},")
    return "\n".join(
        [
            "from anthropic import Anthropic",
            "",
            f'client = Anthropic(base_url="{root}", api_key="{key}")',
            "answer = client.messages.create(",
            *arguments,
            ")",
            "print(answer.content[0].text)",
        ]
    )


def langchain(root: str, key: str, body: Body) -> str:
    """LangChain's chat model for OpenAI's format."""
    settings = [f"    {name}={_python(body[name])}," for name in _LANGCHAIN_FIELDS if name in body]
    messages = [(_LANGCHAIN_ROLES.get(m["role"], m["role"]), m["content"]) for m in body["messages"]]
    return "\n".join(
        [
            "from langchain_openai import ChatOpenAI",
            "",
            "chat = ChatOpenAI(",
            f'    base_url="{root}/v1",',
            f'    api_key="{key}",',
            f"    model={_python(body.get('model', ''))},",
            *settings,
            ")",
            f"answer = chat.invoke({_python(messages)})",
            "print(answer.content)",
        ]
    )


_LANGCHAIN_ROLES = {"user": "human", "assistant": "ai"}


def openai_node(root: str, key: str, body: Body) -> str:
    """The ``openai`` package of Node, as an ES module."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    if body.get("stream"):
        end = [
            "for await (const chunk of answer) {",
            '  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");',
            "}",
            'process.stdout.write("\\n");',
        ]
    else:
        end = ["console.log(answer.choices[0].message.content);"]
    return "\n".join(
        [
            'import OpenAI from "openai";',
            "",
            f'const client = new OpenAI({{ baseURL: "{root}/v1", apiKey: "{key}" }});',
            f"const answer = await client.chat.completions.create({text});",
            *end,
        ]
    )


def _split(body: Body) -> tuple[dict[str, Any], dict[str, Any]]:
    known = {name: value for name, value in body.items() if name in _OPENAI_FIELDS}
    return known, {name: value for name, value in body.items() if name not in known}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if part.get("type") == "text")


def _python(value: Any, indent: int = 4) -> str:
    """The value as Python writes it; what is short stays on one line."""
    flat = repr(value) if not isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(flat) <= 80:
        return _quoted(value)
    space = " " * (indent + 4)
    if isinstance(value, dict):
        inner = [f"{space}{json.dumps(name)}: {_python(one, indent + 4)}," for name, one in value.items()]
        return "\n".join(["{", *inner, " " * indent + "}"])
    return "\n".join(["[", *(f"{space}{_python(one, indent + 4)}," for one in value), " " * indent + "]"])


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_quoted(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(_quoted, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


_LANGUAGES: dict[str, tuple[str, str, str, Callable[[str, str, Body], str]]] = {
    "curl": ("curl", "", "", curl),
    "python": ("Python", "pip install openai", "python call.py", openai_python),
    "anthropic": ("Python, Anthropic", "pip install anthropic", "python call.py", anthropic_python),
    "langchain": ("LangChain", "pip install langchain-openai", "python call.py", langchain),
    "node": ("Node", "npm install openai", "node call.mjs", openai_node),
}
