"""Every component of the kit with made-up values, to be looked at: for operators who build and review pages."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from console.charts import Bar, Chart, Series, Slice
from console.forms import FormPage
from console.tables import TablePage
from console.timerange import time_range
from tenants.models import Tenant
from tenants.pages.tenants import TenantTable, with_activity
from tenants.workspaces import WorkspacePage

_NANO = 1_000_000_000


class SampleForm(forms.Form):
    """One field of every kind."""

    name = forms.CharField(max_length=40, help_text="What people call the key. They see it in lists and charts.")
    limit = forms.IntegerField(label="Requests per minute", min_value=1, max_value=100_000, required=False)
    environment = forms.ChoiceField(choices=[("production", "Production"), ("staging", "Staging"), ("test", "Test")])
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    scopes = forms.MultipleChoiceField(
        choices=[("chat", "Chat"), ("embeddings", "Embeddings"), ("images", "Images")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    notify = forms.BooleanField(required=False, label="Tell me when the limit is reached")

    def clean_name(self) -> str:
        """One name is taken, to show how that looks."""
        name: str = self.cleaned_data["name"]
        if name.lower() == "taken":
            raise ValidationError("Another key has this name already.")
        return name


class StyleGuideForm(WorkspacePage, FormPage):
    """The sample form as a page, and in the drawer. It saves nothing."""

    form_class = SampleForm
    title = "A form"
    intro = "Leave a field to have it checked. The name “taken” is taken."
    submit_label = "Create the key"
    success_message = "The key “{name}” would have been created."

    def save(self, form: forms.Form) -> str:
        """Back to the guide."""
        return self.workspace.url("style-guide")

    def cancel_url(self) -> str:
        """Back to the guide."""
        return self.workspace.url("style-guide")


class StyleGuide(WorkspacePage, TablePage):
    """All components on one page."""

    template_name = "console/style_guide/page.html"
    table_class = TenantTable

    def get_rows(self) -> QuerySet[Tenant]:
        """The tenants: a table needs real rows."""
        return with_activity(self.workspace.scope(Tenant.objects.all()))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Values that are always the same, except for their times."""
        tab = self.request.GET.get("tab", "one")
        samples = {
            "range": time_range(self.request),
            "now": timezone.now(),
            "earlier": timezone.now() - timedelta(hours=5),
            "form": SampleForm(
                {"sample-name": "taken", "sample-environment": "staging", "sample-limit": "0"}, prefix="sample"
            ),
            "tab": tab if tab in ("one", "two") else "one",
            "tabs": [("one", "Overview"), ("two", "Configuration")],
            "icons": ["key", "route", "bolt", "wallet", "shield-check", "server", "users", "chart-line"],
        }
        return super().get_context_data(**samples, **_figures(), **kwargs)


def _figures() -> dict[str, Any]:
    end = timezone.now().replace(minute=0, second=0, microsecond=0)
    times = [end - timedelta(hours=47 - hour) for hour in range(48)]
    waves = [_wave(hour) for hour in range(48)]
    return {
        "points": [round(value * 100) for value in waves],
        "latency": Chart(
            "Latency",
            times,
            [
                Series("p50", [420 + 90 * value for value in waves]),
                Series("p95", [980 + 420 * value for value in waves], "amber"),
                Series("p99", [1_900 + 1_300 * value * value for value in waves], "bad"),
            ],
            unit="ms",
        ),
        "requests": Chart(
            "Requests",
            times,
            [
                Series("Answered", [round(1_800 + 1_500 * value) for value in waves], "brand"),
                Series("From the cache", [round(400 + 380 * value) for value in waves], "teal"),
                Series("Failed", [round(30 + 60 * value * value) for value in waves], "bad"),
            ],
            kind="bars",
        ),
        "cost": _cost(times, waves),
        "nothing": Chart("Guardrail hits", times, [Series("Blocked", [None] * 48)]),
        "ranking": [
            Bar("gpt-5-mini", 412 * _NANO, detail="OpenAI"),
            Bar("claude-sonnet-4-5", 288 * _NANO, colour="teal", detail="Anthropic"),
            Bar("gemini-2.5-flash", 97 * _NANO, colour="amber", detail="Google"),
            Bar("llama-3.3-70b", 12 * _NANO, colour="pink", detail="vLLM"),
        ],
        "slices": [Slice("Chat", 7_200), Slice("Embeddings", 2_100), Slice("Images", 640)],
        "facts": [
            ("Correlation id", "req_01J9Z8"),
            ("Route", "chat-default"),
            ("Attempts", 2),
            ("Region", "eu-west-1"),
        ],
        "payload": {
            "model": "chat-default",
            "messages": [{"role": "user", "content": "What is a breakwater?"}],
            "temperature": 0.2,
            "stream": True,
            "stop": None,
        },
        "snippet": _SNIPPET,
    }


def _cost(times: list[datetime], waves: list[float]) -> Chart:
    return Chart(
        "Cost by model",
        times,
        [
            Series("gpt-5-mini", [int(value * 4.1 * _NANO) for value in waves]),
            Series("claude-sonnet-4-5", [int(value * 2.9 * _NANO) for value in waves]),
            Series("gemini-2.5-flash", [int(value * 0.9 * _NANO) for value in waves]),
        ],
        kind="area",
        unit="money",
    )


def _wave(hour: int) -> float:
    """Between 0.2 and 1.2, the busiest at noon."""
    return 0.7 - 0.5 * math.cos(hour / 24 * 2 * math.pi) * (0.9 + 0.1 * math.sin(hour * 2.7))


_SNIPPET = """\
from openai import OpenAI

client = OpenAI(base_url="https://breakwater.example/v1", api_key="bw_live_…")
answer = client.chat.completions.create(
    model="chat-default",
    messages=[{"role": "user", "content": "What is a breakwater?"}],
)
print(answer.choices[0].message.content)
"""
