"""Addresses of the pages of policies, the same in both workspaces."""

from django.urls import path

from guardrails.pages.cases import CaseCreate, CaseRemove, CaseRun
from guardrails.pages.documents import DraftImport, PolicyExport, PolicyImport
from guardrails.pages.dry_runs import DryRunPage, DryRunStart
from guardrails.pages.hits import HitsPage
from guardrails.pages.invariants import InvariantTry
from guardrails.pages.policies import PolicyList
from guardrails.pages.policy_changes import (
    PolicyCopy,
    PolicyCreate,
    PolicyDelete,
    PolicyEdit,
    PolicyMode,
    PolicyPublish,
    PolicyRollBack,
)
from guardrails.pages.policy_page import PolicyPage
from guardrails.pages.rules import RuleCreate, RuleEdit, RuleKinds, RuleMove
from guardrails.pages.try_out import FalsePositiveMark, PolicyTest

_both = [
    path("guardrails/", PolicyList.as_view(), name="policies"),
    path("guardrails/hits/", HitsPage.as_view(), name="policy-hits"),
    path("guardrails/new/", PolicyCreate.as_view(), name="policy-create"),
    path("guardrails/import/", PolicyImport.as_view(), name="policy-import"),
    path("guardrails/<uuid:pk>/", PolicyPage.as_view(), name="policy"),
    path("guardrails/<uuid:pk>/edit/", PolicyEdit.as_view(), name="policy-edit"),
    path("guardrails/<uuid:pk>/publish/", PolicyPublish.as_view(), name="policy-publish"),
    path("guardrails/<uuid:pk>/mode/", PolicyMode.as_view(), name="policy-mode"),
    path("guardrails/<uuid:pk>/roll-back/", PolicyRollBack.as_view(), name="policy-roll-back"),
    path("guardrails/<uuid:pk>/copy/", PolicyCopy.as_view(), name="policy-copy"),
    path("guardrails/<uuid:pk>/delete/", PolicyDelete.as_view(), name="policy-delete"),
    path("guardrails/<uuid:pk>/export/", PolicyExport.as_view(), name="policy-export"),
    path("guardrails/<uuid:pk>/import/", DraftImport.as_view(), name="policy-draft-import"),
    path("guardrails/<uuid:pk>/rules/new/", RuleKinds.as_view(), name="policy-rule-kinds"),
    path("guardrails/<uuid:pk>/rules/new/<slug:kind>/", RuleCreate.as_view(), name="policy-rule-create"),
    path("guardrails/<uuid:pk>/rules/<slug:rule>/", RuleEdit.as_view(), name="policy-rule"),
    path("guardrails/<uuid:pk>/rules/<slug:rule>/move/", RuleMove.as_view(), name="policy-rule-move"),
    path("guardrails/<uuid:pk>/invariant/", InvariantTry.as_view(), name="policy-invariant"),
    path("guardrails/<uuid:pk>/test/", PolicyTest.as_view(), name="policy-test"),
    path("guardrails/<uuid:pk>/false-positives/", FalsePositiveMark.as_view(), name="policy-false-positive"),
    path("guardrails/<uuid:pk>/cases/new/", CaseCreate.as_view(), name="policy-case-create"),
    path("guardrails/<uuid:pk>/cases/run/", CaseRun.as_view(), name="policy-cases-run"),
    path("guardrails/<uuid:pk>/cases/<uuid:case>/remove/", CaseRemove.as_view(), name="policy-case-remove"),
    path("guardrails/<uuid:pk>/dry-runs/", DryRunStart.as_view(), name="policy-dry-run-start"),
    path("guardrails/<uuid:pk>/dry-runs/<uuid:run>/", DryRunPage.as_view(), name="policy-dry-run"),
]
console_urlpatterns = _both
portal_urlpatterns = _both
