"""Pages of keys, rate limits and budgets."""

from collections.abc import Callable

from django.http.response import HttpResponseBase
from django.urls import path

from tenants.pages import budget_page, budgets, key_page, keys, limits, service_keys
from tenants.pages.effective_limits import EffectiveLimits
from tenants.pages.tenant_choice import TenantChoice

_both = [
    path("keys/", keys.KeyList.as_view(), name="keys"),
    path("keys/<uuid:pk>/", key_page.KeyPage.as_view(), name="key"),
    path("keys/<uuid:pk>/edit/", keys.KeyEdit.as_view(), name="key-edit"),
    path("keys/<uuid:pk>/rotate/", keys.KeyRotate.as_view(), name="key-rotate"),
    path("keys/<uuid:pk>/revoke/", keys.KeyRevoke.as_view(), name="key-revoke"),
    path("service-keys/", service_keys.ServiceKeyList.as_view(), name="service-keys"),
    path("service-keys/new/", service_keys.ServiceKeyCreate.as_view(), name="service-key-create"),
    path("service-keys/<uuid:pk>/", service_keys.ServiceKeyPage.as_view(), name="service-key"),
    path("service-keys/<uuid:pk>/edit/", service_keys.ServiceKeyEdit.as_view(), name="service-key-edit"),
    path("service-keys/<uuid:pk>/rotate/", service_keys.ServiceKeyRotate.as_view(), name="service-key-rotate"),
    path("service-keys/<uuid:pk>/revoke/", service_keys.ServiceKeyRevoke.as_view(), name="service-key-revoke"),
    path("limits/", limits.LimitList.as_view(), name="limits"),
    path("limits/<uuid:pk>/edit/", limits.LimitEdit.as_view(), name="limit-edit"),
    path("limits/<uuid:pk>/delete/", limits.LimitDelete.as_view(), name="limit-delete"),
    path("budgets/", budgets.BudgetList.as_view(), name="budgets"),
    path("budgets/<uuid:pk>/", budget_page.BudgetPage.as_view(), name="budget"),
    path("budgets/<uuid:pk>/edit/", budgets.BudgetEdit.as_view(), name="budget-edit"),
    path("budgets/<uuid:pk>/raise/", budgets.BudgetRaise.as_view(), name="budget-raise"),
    path("budgets/<uuid:pk>/reset/", budgets.BudgetReset.as_view(), name="budget-reset"),
    path("budgets/<uuid:pk>/delete/", budgets.BudgetDelete.as_view(), name="budget-delete"),
]


def _whose(title: str, target: str, back: str, permission: str) -> Callable[..., HttpResponseBase]:
    return TenantChoice.as_view(title=title, target=target, back=back, permission=permission)


console_urlpatterns = [
    path("keys/new/", _whose("Create a key", "key-create", "keys", "manage_keys"), name="key-create"),
    path("limits/new/", _whose("Set a rate limit", "limit-create", "limits", "manage_limits"), name="limit-create"),
    path("budgets/new/", _whose("Create a budget", "budget-create", "budgets", "manage_budgets"), name="budget-create"),
    *_both,
]
portal_urlpatterns = [
    path("keys/new/", keys.KeyCreate.as_view(), name="key-create"),
    path("limits/new/", limits.LimitCreate.as_view(), name="limit-create"),
    path("limits/effective/", EffectiveLimits.as_view(), name="limits-effective"),
    path("budgets/new/", budgets.BudgetCreate.as_view(), name="budget-create"),
    *_both,
]
