"""Two calls side by side: where they differ in time, tokens, cost and words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import TemplateView

from console import formats
from events.models import Run, RunState
from events.selectors import events_of_run
from gateway.pages.run import run_in, tenant_of
from gateway.pages.run_content import Content, content_of
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

REPLAYED = "replayed"
"""In the session: ids of calls made from here, whose rows may be a moment away."""
MOST_COMPARED = 20_000
"""Characters of a text that are compared word by word; longer ones are shown without."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; ``kind`` is ``same``, ``gone`` or ``new``."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``judged`` is ``good``, ``bad`` or empty."""

    label: str
    first: str
    second: str
    change: str = ""
    judged: str = ""


def differences(first: str, second: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces: what only the first has is ``gone``, what only the second has is ``new``."""
    if max(len(first), len(second)) > MOST_COMPARED:
        return [Piece("same", first)], [Piece("same", second)]
    a, b = _WORDS.findall(first), _WORDS.findall(second)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, a0, a1, b0, b1 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if a1 > a0:
            left.append(Piece("same" if tag == "equal" else "gone", "".join(a[a0:a1])))
        if b1 > b0:
            right.append(Piece("same" if tag == "equal" else "new", "".join(b[b0:b1])))
    return left, right


def similarity(first: str, second: str) -> float | None:
    """How much of both texts is the same, 0 to 1; None where one is missing or too long."""
    if not first or not second or max(len(first), len(second)) > MOST_COMPARED:
        return None
    return difflib.SequenceMatcher(None, _WORDS.findall(first), _WORDS.findall(second), autojunk=False).ratio()


def rows_of(first: Run, second: Run, *, costs: bool) -> list[Row]:
    """What both have, and by how much the second has more."""
    rows = [
        Row("Status", _status(first), _status(second)),
        Row("Route", first.route or formats.NOTHING, second.route or formats.NOTHING),
        Row("Provider", first.provider or formats.NOTHING, second.provider or formats.NOTHING),
        Row("Model", first.model or formats.NOTHING, second.model or formats.NOTHING),
        _number("Latency", first.duration_ms, second.duration_ms, "ms", less_is_better=True),
        _number("First token", first.first_token_ms, second.first_token_ms, "ms", less_is_better=True),
        _number("Input tokens", first.input_tokens, second.input_tokens, "tokens"),
        _number("Output tokens", first.output_tokens, second.output_tokens, "tokens"),
        _number("Attempts", first.attempts, second.attempts, "number", less_is_better=True),
        Row("Finish reason", first.finish_reason or formats.NOTHING, second.finish_reason or formats.NOTHING),
    ]
    if costs:
        rows.insert(8, _number("Cost", first.cost_nanousd, second.cost_nanousd, "money", less_is_better=True))
    return rows


def _status(run: Run) -> str:
    label = RunState(run.state).label.capitalize()
    return f"{label} ({run.error_code})" if run.error_code else label


def _number(label: str, first: Any, second: Any, unit: str, *, less_is_better: bool = False) -> Row:
    form = formats.FORMATS[unit]
    change = judged = ""
    if first and second is not None and first != second:
        share = (float(second) - float(first)) / float(first)
        sign = "+" if share > 0 else "\N{MINUS SIGN}"
        change = f"{sign}{formats.percent(abs(share), 0 if abs(share) >= 0.1 else 1)}"
        judged = ("good" if share < 0 else "bad") if less_is_better else ""
    return Row(label, form(first), form(second), change, judged)


class RunComparison(WorkspacePage, TemplateView):
    """``?a=…&b=…``: two calls. Without ``b`` it asks for the second."""

    permission: ClassVar[str] = TenantPermission.VIEW_RUNS
    request: HttpRequest

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The comparison, or the explorer for who names no call."""
        if not request.GET.get("a"):
            return redirect(self.workspace.url("requests"))
        return super().get(request, *args, **kwargs)

    def get_template_names(self) -> list[str]:
        """The comparison alone, where htmx swaps it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        part = htmx and htmx.target == "comparison"
        return ["console/requests/_comparison.html" if part else "console/requests/comparison.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Both calls, or what is missing of the second."""
        context = {**super().get_context_data(**kwargs), "first": run_in(self.workspace, self.request.GET["a"].strip())}
        wanted = self.request.GET.get("b", "").strip()
        on_its_way = wanted in self.request.session.get(REPLAYED, ())
        if not wanted:
            return {**context, "missing": True}
        if on_its_way and not self.workspace.scope(Run.objects.all()).filter(pk=wanted).exclude(state=0).exists():
            return {**context, "waiting": wanted}
        return {**context, **self._compared(context["first"], run_in(self.workspace, wanted))}

    def _compared(self, first: Run, second: Run) -> dict[str, Any]:
        a, b = self._content(first), self._content(second)
        left, right = differences(a.answer, b.answer)
        return {
            "second": second,
            "sides": ((first, a, left), (second, b, right)),
            "rows": rows_of(first, second, costs=self.workspace.may(TenantPermission.VIEW_COSTS)),
            "similarity": similarity(a.answer, b.answer),
            "same_prompt": bool(a.input is not None and a.input == b.input),
            "prompts": prompt_differences(a, b),
        }

    def _content(self, run: Run) -> Content:
        may_read = self.workspace.may(TenantPermission.VIEW_PAYLOADS)
        events = events_of_run(run.tenant_id, run.correlation_id)
        return content_of(run, events, tenant_of(self.workspace, run), may_read=may_read)


def prompt_differences(a: Content, b: Content) -> Sequence[list[Piece]]:
    """Both prompts in pieces; nothing where they are the same or one is missing."""
    if a.input is None or b.input is None or a.input == b.input:
        return ()
    first = "\n".join(f"{one.role}: {one.text}" for one in a.messages)
    second = "\n".join(f"{one.role}: {one.text}" for one in b.messages)
    return differences(first, second)
