"""Addresses of the pages of evaluations. What needs a tenant to belong to is begun in its own workspace."""

from django.urls import path

from evaluation.pages.calls import FromCall
from evaluation.pages.drift import DriftCreate, DriftDelete, DriftEdit, DriftList, DriftLook, DriftSwitch
from evaluation.pages.drift_findings import DriftFindingPage, DriftPage
from evaluation.pages.evaluators import EvaluatorDelete, EvaluatorKinds, EvaluatorList, EvaluatorPage
from evaluation.pages.gates import GateCheck, GateDelete, GatePage
from evaluation.pages.golden_items import ItemPage, ItemRemove
from evaluation.pages.golden_sets import (
    GoldenSetCreate,
    GoldenSetDelete,
    GoldenSetDiff,
    GoldenSetEdit,
    GoldenSetExport,
    GoldenSetList,
    GoldenSetPage,
)
from evaluation.pages.live import LiveCreate, LiveDelete, LiveEdit, LiveList, LivePage, LiveSwitch
from evaluation.pages.reviews import Review
from evaluation.pages.run_forms import RunCreate
from evaluation.pages.runs import RunAskLabels, RunItemPage, RunList, RunPage, RunResume, RunStop
from evaluation.pages.schedules import (
    ScheduleCreate,
    ScheduleDelete,
    ScheduleEdit,
    ScheduleList,
    SchedulePage,
    ScheduleRunNow,
    ScheduleSwitch,
)
from evaluation.pages.uploads import UploadPreview, UploadStart

_SET = "golden-sets/<uuid:pk>/"
_both = [
    path("golden-sets/", GoldenSetList.as_view(), name="golden-sets"),
    path(_SET, GoldenSetPage.as_view(), name="golden-set"),
    path(f"{_SET}edit/", GoldenSetEdit.as_view(), name="golden-set-edit"),
    path(f"{_SET}delete/", GoldenSetDelete.as_view(), name="golden-set-delete"),
    path(f"{_SET}differences/", GoldenSetDiff.as_view(), name="golden-set-diff"),
    path(f"{_SET}export/", GoldenSetExport.as_view(), name="golden-set-export"),
    path(f"{_SET}upload/", UploadStart.as_view(), name="golden-upload-start"),
    path(f"{_SET}upload/<uuid:upload>/", UploadPreview.as_view(), name="golden-upload"),
    path(f"{_SET}items/new/", ItemPage.as_view(), name="golden-item-create"),
    path(f"{_SET}items/<path:key>/remove/", ItemRemove.as_view(), name="golden-item-remove"),
    path(f"{_SET}items/<path:key>/", ItemPage.as_view(), name="golden-item"),
    path(f"{_SET}gates/new/", GatePage.as_view(), name="gate-create"),
    path(f"{_SET}gates/<uuid:gate>/", GatePage.as_view(), name="gate"),
    path(f"{_SET}gates/<uuid:gate>/check/", GateCheck.as_view(), name="gate-check"),
    path(f"{_SET}gates/<uuid:gate>/delete/", GateDelete.as_view(), name="gate-delete"),
    path("evaluators/", EvaluatorList.as_view(), name="evaluators"),
    path("evaluators/<uuid:pk>/", EvaluatorPage.as_view(), name="evaluator"),
    path("evaluators/<uuid:pk>/delete/", EvaluatorDelete.as_view(), name="evaluator-delete"),
    path("evaluation-runs/", RunList.as_view(), name="eval-runs"),
    path("evaluation-runs/schedules/", ScheduleList.as_view(), name="run-schedules"),
    path("evaluation-runs/schedules/<uuid:pk>/", SchedulePage.as_view(), name="run-schedule"),
    path("evaluation-runs/schedules/<uuid:pk>/edit/", ScheduleEdit.as_view(), name="run-schedule-edit"),
    path("evaluation-runs/schedules/<uuid:pk>/switch/", ScheduleSwitch.as_view(), name="run-schedule-switch"),
    path("evaluation-runs/schedules/<uuid:pk>/run/", ScheduleRunNow.as_view(), name="run-schedule-run"),
    path("evaluation-runs/schedules/<uuid:pk>/delete/", ScheduleDelete.as_view(), name="run-schedule-delete"),
    path("evaluation-runs/<uuid:pk>/", RunPage.as_view(), name="eval-run"),
    path("evaluation-runs/<uuid:pk>/stop/", RunStop.as_view(), name="eval-run-stop"),
    path("evaluation-runs/<uuid:pk>/resume/", RunResume.as_view(), name="eval-run-resume"),
    path("evaluation-runs/<uuid:pk>/ask-labels/", RunAskLabels.as_view(), name="eval-run-ask-labels"),
    path("evaluation-runs/<uuid:pk>/review/", Review.as_view(), name="eval-review"),
    path("evaluation-runs/<uuid:pk>/items/<uuid:item>/", RunItemPage.as_view(), name="eval-run-item"),
    path("live-evaluation/", LiveList.as_view(), name="live-evaluations"),
    path("live-evaluation/<uuid:pk>/", LivePage.as_view(), name="live-evaluation"),
    path("live-evaluation/<uuid:pk>/edit/", LiveEdit.as_view(), name="live-evaluation-edit"),
    path("live-evaluation/<uuid:pk>/switch/", LiveSwitch.as_view(), name="live-evaluation-switch"),
    path("live-evaluation/<uuid:pk>/delete/", LiveDelete.as_view(), name="live-evaluation-delete"),
    path("drift/", DriftList.as_view(), name="drift-monitors"),
    path("drift/<uuid:pk>/", DriftPage.as_view(), name="drift-monitor"),
    path("drift/<uuid:pk>/edit/", DriftEdit.as_view(), name="drift-edit"),
    path("drift/<uuid:pk>/switch/", DriftSwitch.as_view(), name="drift-switch"),
    path("drift/<uuid:pk>/look/", DriftLook.as_view(), name="drift-look"),
    path("drift/<uuid:pk>/delete/", DriftDelete.as_view(), name="drift-delete"),
    path("drift/<uuid:pk>/findings/<uuid:finding>/", DriftFindingPage.as_view(), name="drift-finding"),
    path("requests/<str:run>/golden-set/", FromCall.as_view(), name="golden-from-call"),
]
_of_tenants = [
    path("live-evaluation/new/", LiveCreate.as_view(), name="live-evaluation-create"),
    path("drift/new/", DriftCreate.as_view(), name="drift-create"),
    path("golden-sets/new/", GoldenSetCreate.as_view(), name="golden-set-create"),
    path("evaluators/new/", EvaluatorKinds.as_view(), name="evaluator-kinds"),
    path("evaluators/new/<slug:kind>/", EvaluatorPage.as_view(), name="evaluator-create"),
    path("evaluation-runs/schedules/new/", ScheduleCreate.as_view(), name="run-schedule-create"),
    path("evaluation-runs/new/", RunCreate.as_view(), name="eval-run-create"),
]
console_urlpatterns = _both
portal_urlpatterns = _of_tenants + _both
