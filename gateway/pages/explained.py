"""What went wrong with a call from a page, and what to do about it: by the error's code, in the reader's workspace."""

from __future__ import annotations

from typing import Any

import msgspec
from django.urls import NoReverseMatch

from tenants.workspaces import Workspace


class Advice(msgspec.Struct, frozen=True):
    """For one code: what it means, what helps, and the page where that is done."""

    title: str
    text: str
    label: str = ""
    page: str = ""
    """The name of a page; left out where the workspace has none of the name."""


_BUDGET = Advice(
    "The budget is spent",
    "The message names which one. Your own playground budget starts anew at midnight in the tenant's time zone; you "
    "can raise it under Playground budget. Other budgets are the tenant's.",
    "Look at the budgets",
    "budgets",
)
_LIMIT = Advice(
    "Too many calls at the moment",
    "A rate limit holds this back; the message names which one. Wait the time it says and send again.",
    "Look at the limits",
    "limits",
)
_BUSY = Advice(
    "The provider could not answer",
    "All targets of the route failed or were skipped. The run shows each attempt and why. Sending again may help; "
    "another route or model may help more.",
)
_CREDENTIAL = Advice(
    "The provider refuses its credential",
    "The API key that the provider was set up with is wrong, revoked or out of quota. Whoever manages providers has to "
    "replace it.",
    "Look at the providers",
    "providers",
)
_LONG = Advice(
    "The conversation is too long for the model",
    "Prompt and answer together do not fit its context window. Shorten the messages, ask for fewer tokens, or choose a "
    "model with a larger window.",
)
_MODEL = Advice(
    "There is no such model for this tenant",
    "Choose another from the list. Names are those of routes and of the models behind them.",
    "Look at the routes",
    "routes",
)

ADVICE: dict[str, Advice] = {
    "BUDGET_EXCEEDED": _BUDGET,
    "RATE_LIMITED": _LIMIT,
    "MODEL_NOT_FOUND": _MODEL,
    "PROVIDER_MODEL_NOT_FOUND": Advice(
        "The provider does not know this model",
        "The model is set up here under a name that the provider does not have, or its account may not use.",
        "Look at the models",
        "models",
    ),
    "UNSUPPORTED_PARAMETER": Advice(
        "No target can do what was asked",
        "A parameter, tools, images or a response format is asked for that none of the route's models supports. Take "
        "it out, or choose a model that lists the ability.",
    ),
    "INVALID_REQUEST": Advice("The request is not valid", "The message names the field. Change it and send again."),
    "CONTEXT_LENGTH_EXCEEDED": _LONG,
    "PAYLOAD_TOO_LARGE": Advice("The request is too large", "Images count with their whole size: use fewer."),
    "PERMISSION_DENIED": Advice(
        "This is not allowed", "The tenant may be suspended, or the key may not use this route or model."
    ),
    "CONTENT_BLOCKED": Advice("A guard refused the content", "The tenant's policy blocks what was asked or answered."),
    "PROVIDER_CONTENT_FILTERED": Advice(
        "The provider's filter refused the content", "Reword the request, or choose a model of another provider."
    ),
    "PROVIDER_AUTH_FAILED": _CREDENTIAL,
    "PROVIDER_QUOTA_EXHAUSTED": _CREDENTIAL,
    "PROVIDER_RATE_LIMITED": Advice(
        "The provider limits us",
        "Its own limit for this account is reached. Wait a moment, or choose a route with another provider to go to.",
    ),
    "PROVIDER_REJECTED_REQUEST": Advice(
        "The provider refused the request", "Its words are in the message. Usually a parameter does not suit the model."
    ),
    "PROVIDER_TIMEOUT": _BUSY,
    "PROVIDER_UNAVAILABLE": _BUSY,
    "PROVIDER_ERROR": _BUSY,
    "PROVIDER_BAD_RESPONSE": _BUSY,
    "NO_TARGET_AVAILABLE": _BUSY,
    "DEADLINE_EXCEEDED": Advice(
        "It took too long", "The route's time limit passed before an answer was complete. Ask for a shorter answer."
    ),
    "SERVICE_UNAVAILABLE": Advice(
        "The gateway cannot decide this right now",
        "Its configuration or its counters cannot be reached. Try again in a moment.",
        "Look at the health of the system",
        "health",
    ),
    "INVALID_API_KEY": Advice("The key for pages has ended", "Load the page again; a new one is made."),
}
"""Code → advice."""

OTHER = Advice(
    "The call failed", "The message says how. With the id below, whoever runs the platform finds it in the log."
)


def advice_for(workspace: Workspace) -> dict[str, dict[str, str]]:
    """All advice by code, with the addresses of the pages that the workspace has; ``""`` is for every other code."""
    return {code: shown(workspace, advice) for code, advice in {**ADVICE, "": OTHER}.items()}


def shown(workspace: Workspace, advice: Advice) -> dict[str, str]:
    """One piece of advice as pages show it."""
    url = page_url(workspace, advice.page)
    return {"title": advice.title, "text": advice.text, "label": advice.label if url else "", "url": url}


def error_of(body: Any) -> dict[str, Any]:
    """The error object of an answer's body; an empty one where there is none."""
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def page_url(workspace: Workspace, name: str, **kwargs: Any) -> str:
    """The page's address; empty where the workspace has no page of this name."""
    if not name:
        return ""
    try:
        return workspace.url(name, **kwargs)
    except NoReverseMatch:
        return ""
