"""Addresses of the pages of alerting, the same in both workspaces."""

from django.urls import path

from alerting.pages.actions import ActionCreate, ActionDelete, ActionEdit, ActionList, ActionPage, ActionUndo
from alerting.pages.causes import SummaryPage
from alerting.pages.channels import (
    ChannelCreate,
    ChannelDelete,
    ChannelEdit,
    ChannelKinds,
    ChannelList,
    ChannelPage,
    ChannelTest,
    EscalationCreate,
    EscalationDelete,
    EscalationEdit,
)
from alerting.pages.incidents import IncidentDo, IncidentList, IncidentPage, PostMortem
from alerting.pages.rules import RecommendedAdd, RuleCreate, RuleDelete, RuleEdit, RuleList, RulePage, RuleSwitch
from alerting.pages.silences import SilenceCreate, SilenceEnd, SilenceList
from alerting.pages.slos import SLOCreate, SLODelete, SLOEdit, SLOList, SLOPage

_both = [
    path("incidents/", IncidentList.as_view(), name="incidents"),
    path("incidents/<uuid:pk>/", IncidentPage.as_view(), name="incident"),
    path("incidents/<uuid:pk>/do/", IncidentDo.as_view(), name="incident-do"),
    path("incidents/<uuid:pk>/post-mortem/", PostMortem.as_view(), name="incident-post-mortem"),
    path("slos/", SLOList.as_view(), name="slos"),
    path("slos/new/", SLOCreate.as_view(), name="slo-create"),
    path("slos/<uuid:pk>/", SLOPage.as_view(), name="slo"),
    path("slos/<uuid:pk>/edit/", SLOEdit.as_view(), name="slo-edit"),
    path("slos/<uuid:pk>/delete/", SLODelete.as_view(), name="slo-delete"),
    path("alerts/", RuleList.as_view(), name="alert-rules"),
    path("alerts/new/", RuleCreate.as_view(), name="alert-rule-create"),
    path("alerts/recommended/", RecommendedAdd.as_view(), name="alert-rules-recommended"),
    path("alerts/actions/", ActionList.as_view(), name="alert-actions"),
    path("alerts/actions/new/", ActionCreate.as_view(), name="alert-action-create"),
    path("alerts/actions/<uuid:pk>/", ActionPage.as_view(), name="alert-action"),
    path("alerts/actions/<uuid:pk>/edit/", ActionEdit.as_view(), name="alert-action-edit"),
    path("alerts/actions/<uuid:pk>/delete/", ActionDelete.as_view(), name="alert-action-delete"),
    path("alerts/actions/runs/<uuid:pk>/undo/", ActionUndo.as_view(), name="alert-action-undo"),
    path("alerts/silences/", SilenceList.as_view(), name="silences"),
    path("alerts/silences/new/", SilenceCreate.as_view(), name="silence-create"),
    path("alerts/silences/<uuid:pk>/end/", SilenceEnd.as_view(), name="silence-end"),
    path("alerts/channels/", ChannelList.as_view(), name="alert-channels"),
    path("alerts/channels/new/", ChannelKinds.as_view(), name="alert-channel-kinds"),
    path("alerts/channels/new/<slug:kind>/", ChannelCreate.as_view(), name="alert-channel-create"),
    path("alerts/channels/<uuid:pk>/", ChannelPage.as_view(), name="alert-channel"),
    path("alerts/channels/<uuid:pk>/edit/", ChannelEdit.as_view(), name="alert-channel-edit"),
    path("alerts/channels/<uuid:pk>/test/", ChannelTest.as_view(), name="alert-channel-test"),
    path("alerts/channels/<uuid:pk>/delete/", ChannelDelete.as_view(), name="alert-channel-delete"),
    path("alerts/escalations/new/", EscalationCreate.as_view(), name="escalation-create"),
    path("alerts/escalations/<uuid:pk>/", EscalationEdit.as_view(), name="escalation-edit"),
    path("alerts/escalations/<uuid:pk>/delete/", EscalationDelete.as_view(), name="escalation-delete"),
    path("alerts/<uuid:pk>/", RulePage.as_view(), name="alert-rule"),
    path("alerts/<uuid:pk>/edit/", RuleEdit.as_view(), name="alert-rule-edit"),
    path("alerts/<uuid:pk>/switch/", RuleSwitch.as_view(), name="alert-rule-switch"),
    path("alerts/<uuid:pk>/delete/", RuleDelete.as_view(), name="alert-rule-delete"),
]
console_urlpatterns = _both
portal_urlpatterns = [*_both, path("alerts/summaries/", SummaryPage.as_view(), name="alert-summaries")]
