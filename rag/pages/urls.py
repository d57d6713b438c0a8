"""Addresses of the pages of documents. What needs a tenant to belong to is begun in its own workspace."""

from django.urls import path

from rag.pages.collection import CollectionPage
from rag.pages.collections import (
    CollectionCreate,
    CollectionDelete,
    CollectionEdit,
    CollectionList,
    CollectionReembed,
    CollectionSwitch,
)
from rag.pages.documents import DocumentDelete, DocumentEdit, DocumentPage, DocumentReindex
from rag.pages.incoming import DocumentsDelete, DocumentsRetry, DocumentsUpload, DocumentText, DocumentUrls
from rag.pages.ingests import IngestPage, IngestStop

_OF = "documents/collections/<uuid:pk>/"
_both = [
    path("documents/", CollectionList.as_view(), name="collections"),
    path(_OF, CollectionPage.as_view(), name="collection"),
    path(f"{_OF}edit/", CollectionEdit.as_view(), name="collection-edit"),
    path(f"{_OF}delete/", CollectionDelete.as_view(), name="collection-delete"),
    path(f"{_OF}switch/", CollectionSwitch.as_view(), name="collection-switch"),
    path(f"{_OF}embed/", CollectionReembed.as_view(), name="collection-reembed"),
    path(f"{_OF}upload/", DocumentsUpload.as_view(), name="documents-upload"),
    path(f"{_OF}text/", DocumentText.as_view(), name="document-text"),
    path(f"{_OF}addresses/", DocumentUrls.as_view(), name="documents-urls"),
    path(f"{_OF}chosen/delete/", DocumentsDelete.as_view(), name="documents-delete"),
    path(f"{_OF}chosen/retry/", DocumentsRetry.as_view(), name="documents-retry"),
    path(f"{_OF}ingests/<uuid:ingest>/", IngestPage.as_view(), name="ingest"),
    path(f"{_OF}ingests/<uuid:ingest>/stop/", IngestStop.as_view(), name="ingest-stop"),
    path("documents/<uuid:pk>/", DocumentPage.as_view(), name="document"),
    path("documents/<uuid:pk>/edit/", DocumentEdit.as_view(), name="document-edit"),
    path("documents/<uuid:pk>/index/", DocumentReindex.as_view(), name="document-reindex"),
    path("documents/<uuid:pk>/delete/", DocumentDelete.as_view(), name="document-delete"),
]
_of_tenants = [path("documents/collections/new/", CollectionCreate.as_view(), name="collection-create")]
console_urlpatterns = _both
portal_urlpatterns = _of_tenants + _both
