"""Addresses of the pages of providers, models, prices and secrets."""

from django.urls import path

from routing.pages.model_changes import ModelCreate, ModelDelete, ModelEdit
from routing.pages.models import ModelList, ModelPage
from routing.pages.prices import PriceCreate, PriceDelete, PriceList
from routing.pages.prices_import import PriceImport
from routing.pages.provider_changes import (
    ProviderCreate,
    ProviderDelete,
    ProviderEdit,
    ProviderSwitch,
    ProviderTest,
)
from routing.pages.providers import ProviderList, ProviderPage
from routing.pages.secrets import SecretCheck, SecretCreate, SecretDelete, SecretList, SecretRotate

_both = [
    path("providers/", ProviderList.as_view(), name="providers"),
    path("providers/<uuid:pk>/", ProviderPage.as_view(), name="provider"),
    path("providers/<uuid:pk>/test/", ProviderTest.as_view(), name="provider-test"),
    path("models/", ModelList.as_view(), name="models"),
    path("models/new/", ModelCreate.as_view(), name="model-new"),
    path("models/<uuid:pk>/", ModelPage.as_view(), name="model"),
    path("models/<uuid:pk>/edit/", ModelEdit.as_view(), name="model-edit"),
    path("models/<uuid:pk>/delete/", ModelDelete.as_view(), name="model-delete"),
    path("secrets/", SecretList.as_view(), name="secrets"),
    path("secrets/new/", SecretCreate.as_view(), name="secret-new"),
    path("secrets/check/", SecretCheck.as_view(), name="secret-check"),
    path("secrets/<uuid:pk>/value/", SecretRotate.as_view(), name="secret-rotate"),
    path("secrets/<uuid:pk>/delete/", SecretDelete.as_view(), name="secret-delete"),
]
console_urlpatterns = [
    *_both,
    # Where the gateway connects to, and with which credential, is up to the platform.
    path("providers/new/", ProviderCreate.as_view(), name="provider-new"),
    path("providers/<uuid:pk>/edit/", ProviderEdit.as_view(), name="provider-edit"),
    path("providers/<uuid:pk>/drain/", ProviderSwitch.as_view(enabled=False), name="provider-drain"),
    path("providers/<uuid:pk>/enable/", ProviderSwitch.as_view(enabled=True), name="provider-enable"),
    path("providers/<uuid:pk>/delete/", ProviderDelete.as_view(), name="provider-delete"),
    path("prices/", PriceList.as_view(), name="prices"),
    path("prices/new/", PriceCreate.as_view(), name="price-new"),
    path("prices/published/", PriceImport.as_view(), name="prices-import"),
    path("prices/<uuid:pk>/delete/", PriceDelete.as_view(), name="price-delete"),
]
portal_urlpatterns = [*_both]
