"""The review queue of a run: people say what they think of answers, without knowing whose they are."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from console.forms.views import go_to
from evaluation.engine.golden_files import text_of
from evaluation.models import ItemResult
from evaluation.pages.runs import OfRun
from evaluation.reviews import agreement_of, calibrations_of, label_result, next_result, progress_of
from tenants.roles import TenantPermission


class Review(OfRun, TemplateView):
    """The next answer to judge; afterwards, how far people and evaluators agree."""

    permission = TenantPermission.VIEW_PAYLOADS
    write_permission = TenantPermission.MANAGE_EVALUATIONS
    template_name = "console/evaluation/review.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One answer, and how far one is."""
        assert self.request.user.is_authenticated
        user = self.request.user
        result = next_result(self.run, user)
        done, asked = progress_of(self.run, user)
        return super().get_context_data(
            run=self.run,
            result=result,
            text=text_of(result.run_item.item.input) if result else "",
            done=done,
            asked=asked,
            agreement=agreement_of(self.run),
            calibrations=calibrations_of(self.run),
            may_label=self.workspace.may(TenantPermission.MANAGE_EVALUATIONS),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``verdict`` about ``result``; then the next."""
        assert request.user.is_authenticated
        rows = ItemResult.objects.filter(tenant=self.run.tenant_id, run=self.run, run_item__needs_label=True)
        try:
            result: ItemResult = get_object_or_404(rows, pk=request.POST.get("result") or None)
            label_result(
                result=result,
                reviewer=request.user,
                verdict=request.POST.get("verdict", ""),
                comment=request.POST.get("comment", ""),
            )
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        return go_to(request, self.workspace.url("eval-review", pk=self.run.pk))
