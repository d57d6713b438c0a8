"""Runs: asked for, watched while they go on, compared item by item."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import TemplateView, View

from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from evaluation.models import EvalRun, ItemResult, JudgeAnswer, RunItem, Score, Variant
from evaluation.pages.words import measure_name, run_words, text_of_item, tone_of, value_in_words
from evaluation.reviews import ask_for_labels
from evaluation.runs import resume_run, stop_run
from evaluation.summaries import MEASURES, live_figures, values_of
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

TABS = (("overview", "Comparison"), ("items", "Items"), ("setup", "Set-up"))
MOST_MOVED = 8
PAGE = 25


class RunTable(Table):
    """Runs, the newest first."""

    name = "eval-runs"
    caption, noun = "Evaluation runs", "run"
    columns = (
        Column("name", "Run", template="console/evaluation/_run_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("golden_set", "Golden set", accessor=lambda row: str(row.version)),
        Column("state", "State", template="console/evaluation/_run_state.html", sort="state"),
        Column("variants", "Variants", kind="number", accessor="variant_count", phone=False),
        Column("spent", "Cost", kind="money", accessor=lambda row: row.spent_nanousd + row.judge_spent_nanousd),
        Column("requested_at", "Begun", kind="when", sort="requested_at"),
    )
    default_sort = "-requested_at"
    search = ("name", "version__golden_set__name")
    search_hint = "Run or golden set"
    live = "evaluation.run.*"
    live_throttle_ms = 1_500
    empty = Empty(
        "player-play",
        "No runs yet",
        "A run has variants — models, routes, prompts, policies — answer a golden set, scores the answers and says "
        "which differences are more than chance.",
        "Start a run",
        "eval-run-create",
        "manage_evaluations",
    )

    def row_url(self, row: EvalRun) -> str:
        """The run's page."""
        return self.workspace.url("eval-run", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Costs are not everybody's, and whose a run is, is known in a tenant."""
        hidden = set() if self.workspace.is_platform else {"tenant"}
        hidden |= set() if self.workspace.may(TenantPermission.VIEW_COSTS) else {"spent"}
        return tuple(column for column in self.columns if column.name not in hidden)


class RunList(WorkspacePage, TablePage):
    """All runs of the workspace."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/runs.html"
    table_class = RunTable

    def get_rows(self) -> QuerySet[EvalRun]:
        """With how many variants each has."""
        rows = EvalRun.objects.select_related("tenant", "version__golden_set")
        return self.workspace.scope(rows.annotate(variant_count=Count("variants")))


class OfRun(WorkspacePage):
    """Beside a view of one run."""

    permission = TenantPermission.MANAGE_EVALUATIONS

    @cached_property
    def run(self) -> EvalRun:
        """The one of the address."""
        rows = self.workspace.scope(EvalRun.objects.select_related("tenant", "version__golden_set"))
        found: EvalRun = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    @property
    def url(self) -> str:
        """The run's page."""
        return self.workspace.url("eval-run", pk=self.run.pk)

    @cached_property
    def variants(self) -> list[Variant]:
        """In order; the first is what the others are compared with."""
        rows = Variant.objects.filter(tenant=self.run.tenant_id, run=self.run)
        return list(rows.select_related("policy"))


class RunPage(OfRun, TemplateView):
    """How far a run is, live, and what came of it; ``tab`` says which part."""

    permission = TenantPermission.VIEW_RUNS

    def get_template_names(self) -> list[str]:
        """What changes alone where htmx asks for it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        part = htmx and htmx.target == "eval-run"
        return [f"console/evaluation/{'_run' if part else 'run'}.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What all tabs show, and what the current one does."""
        run = self.run
        tab = self.request.GET.get("tab", "")
        tab = tab if tab in dict(TABS) else "overview"
        part = {"overview": self._overview, "items": self._items, "setup": dict}[tab]()
        return super().get_context_data(
            run=run,
            words=run_words(run),
            variants=self.variants,
            figures=live_figures(run),
            rate=_rate(run),
            editable=self.workspace.may(TenantPermission.MANAGE_EVALUATIONS),
            reads=self.workspace.may(TenantPermission.VIEW_PAYLOADS),
            costs=self.workspace.may(TenantPermission.VIEW_COSTS),
            asked=RunItem.objects.filter(tenant=run.tenant_id, run=run, needs_label=True).count(),
            tabs=TABS,
            tab=tab,
            **part,
            **kwargs,
        )

    def _overview(self) -> dict[str, Any]:
        if not self.run.summary:
            return {"rows": []}
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        measures = [*(one["name"] for one in self.run.evaluators), *MEASURES]
        compared: dict[tuple[int, str], dict[str, Any]] = {
            (one["variant"], one["measure"]): one for one in self.run.summary["comparisons"]
        }
        rows = []
        for name in measures:
            if name == "cost_nanousd" and not costs:
                continue
            cells = [_cell(name, one, compared) for one in self.run.summary["variants"]]
            rows.append({"name": measure_name(name), "measure": name, "cells": cells, "own": name not in MEASURES})
        return {"rows": rows, "moved": self._moved()}

    def _moved(self) -> dict[str, Any] | None:
        """The items whose score differs most between the first variant and another."""
        names = [one["name"] for one in self.run.evaluators]
        if len(self.variants) < 2 or not names or self.run.state == EvalRun.State.RUNNING:
            return None
        wanted, other = self.request.GET.get("by", ""), self.request.GET.get("variant", "")
        measure = wanted if wanted in names else names[0]
        candidate = next((one for one in self.variants[1:] if str(one.position) == other), self.variants[1])
        before, after = values_of(self.variants[0], measure), values_of(candidate, measure)
        moves = [
            (after[key] - before[key], key)  # type: ignore[operator]
            for key in before
            if before[key] is not None and after.get(key) is not None and after[key] != before[key]
        ]
        moves.sort(key=lambda move: (abs(move[0]), move[1]), reverse=True)
        top = moves[:MOST_MOVED]
        items = {
            one.item.key: one
            for one in RunItem.objects.filter(
                tenant=self.run.tenant_id, run=self.run, item__key__in=[key for _, key in top]
            ).select_related("item")
        }
        return {
            "measure": measure,
            "measures": [(name, name) for name in names],
            "candidate": candidate,
            "candidates": [(str(one.position), one.name) for one in self.variants[1:]],
            "better": sum(move > 0 for move, _ in moves),
            "worse": sum(move < 0 for move, _ in moves),
            "rows": [
                {
                    "item": items[key],
                    "text": text_of_item(items[key].item),
                    "before": value_in_words(measure, before[key]),
                    "after": value_in_words(measure, after[key]),
                    "move": value_in_words(measure, move, signed=True),
                    "tone": "good" if move > 0 else "bad",
                }
                for move, key in top
            ],
        }

    def _items(self) -> dict[str, Any]:
        given = self.request.GET.get("page", "")
        page = int(given) if given.isdecimal() and len(given) < 6 else 1
        page = max(1, page)
        items = list(
            RunItem.objects.filter(tenant=self.run.tenant_id, run=self.run)
            .select_related("item")
            .order_by("position")[(page - 1) * PAGE : page * PAGE + 1]
        )
        more, items = len(items) > PAGE, items[:PAGE]
        return {
            "items": self._with_results(items),
            "page": page,
            "next_page": page + 1 if more else None,
            "earlier_page": page - 1 if page > 1 else None,
        }

    def _with_results(self, items: list[RunItem]) -> list[dict[str, Any]]:
        results = ItemResult.objects.filter(tenant=self.run.tenant_id, run_item__in=items)
        by_item = {(one.run_item_id, one.variant_id): one for one in results}
        scores: dict[Any, list[float]] = defaultdict(list)
        rows = Score.objects.filter(tenant=self.run.tenant_id, result__run_item__in=items, value__isnull=False)
        for result, value in rows.values_list("result_id", "value"):
            scores[result].append(value)
        return [
            {
                "row": item,
                "text": text_of_item(item.item),
                "cells": [_answer_cell(by_item.get((item.pk, one.pk)), scores) for one in self.variants],
            }
            for item in items
        ]


def _answer_cell(result: ItemResult | None, scores: dict[Any, list[float]]) -> dict[str, Any]:
    values = scores.get(result.pk, []) if result is not None else []
    mean = sum(values) / len(values) if values else None
    tone = "neutral" if mean is None else "good" if mean >= 0.75 else "warn" if mean >= 0.4 else "bad"
    return {"result": result, "mean": value_in_words("", mean), "tone": tone}


def _cell(name: str, variant: dict[str, Any], compared: dict[tuple[int, str], dict[str, Any]]) -> dict[str, Any]:
    figure = variant["measures"].get(name, {"mean": None, "n": 0})
    cell: dict[str, Any] = {"value": value_in_words(name, figure["mean"]), "n": figure["n"], "name": variant["name"]}
    found = compared.get((variant["position"], name))
    if found is not None and found["estimate"] is not None:
        tone, word = tone_of(name, found)
        cell |= {
            "tone": tone,
            "word": word,
            "difference": value_in_words(name, found["estimate"], signed=True),
            "low": value_in_words(name, found["low"], signed=True),
            "high": value_in_words(name, found["high"], signed=True),
            "needed": found["needed"],
            "pairs": found["n"],
        }
    return cell


def _rate(run: EvalRun) -> float | None:
    """Items a minute, since it began."""
    if run.started_at is None or not run.done:
        return None
    took = ((run.ended_at or timezone.now()) - run.started_at).total_seconds()
    return run.done / took * 60 if took > 0 else None


class RunStop(OfRun, View):
    """Begins no further call."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Calls under way end."""
        try:
            stop_run(run=self.run)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            messages.success(request, "The run stops as soon as the calls under way have ended.")
        return go_to(request, self.url)


class RunResume(OfRun, View):
    """Goes on with what is left."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What is answered already is not asked again."""
        try:
            resume_run(run=self.run)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            messages.success(request, "The run goes on. What is answered already is not asked again.")
        return go_to(request, self.url)


class RunAskLabels(OfRun, View):
    """Puts items into the review queue."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``items`` says how many."""
        given = request.POST.get("items", "")
        try:
            asked = ask_for_labels(run=self.run, items=int(given) if given.isdecimal() and len(given) < 6 else 20)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, self.url)
        messages.success(request, f"{asked} items wait for people's labels.")
        return go_to(request, self.workspace.url("eval-review", pk=self.run.pk))


class RunItemPage(OfRun, TemplateView):
    """One item: what each variant answered, and how it was scored."""

    permission = TenantPermission.VIEW_PAYLOADS
    template_name = "console/evaluation/run_item.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The answers beside each other."""
        rows = RunItem.objects.filter(tenant=self.run.tenant_id, run=self.run).select_related("item")
        row: RunItem = get_object_or_404(rows, pk=kwargs["item"])
        results = ItemResult.objects.filter(tenant=self.run.tenant_id, run_item=row)
        by_variant = {one.variant_id: one for one in results}
        near = rows.order_by("position")
        return super().get_context_data(
            run=self.run,
            row=row,
            text=text_of_item(row.item),
            messages_before=row.item.input[:-1] if isinstance(row.item.input, list) else [],
            answers=[self._answer(one, by_variant.get(one.pk)) for one in self.variants],
            costs=self.workspace.may(TenantPermission.VIEW_COSTS),
            before=near.filter(position__lt=row.position).last(),
            after=near.filter(position__gt=row.position).first(),
            **kwargs,
        )

    def _answer(self, variant: Variant, result: ItemResult | None) -> dict[str, Any]:
        if result is None:
            return {"variant": variant, "result": None}
        scores = Score.objects.filter(tenant=self.run.tenant_id, result=result).order_by(F("id").asc())
        return {
            "variant": variant,
            "result": result,
            "scores": [(one, value_in_words("", one.value), _tone(one.value)) for one in scores],
            "labels": result.labels.filter(tenant=self.run.tenant_id).select_related("reviewer"),
            "judged": JudgeAnswer.objects.filter(tenant=self.run.tenant_id, result=result),
        }


def _tone(value: float | None) -> str:
    return "neutral" if value is None else "good" if value >= 0.75 else "warn" if value >= 0.4 else "bad"
