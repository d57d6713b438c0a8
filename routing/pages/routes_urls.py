"""Addresses of the pages of routes, the same in both workspaces."""

from django.urls import path

from routing.pages.routes import RouteList
from routing.pages.routes_actions import RouteClearCache, RouteCopy, RouteDelete, RoutePutBack, RouteSwitch
from routing.pages.routes_alike import RouteConfidenceReset
from routing.pages.routes_editor import RouteEditor
from routing.pages.routes_page import RoutePage

route_urlpatterns = [
    path("routes/", RouteList.as_view(), name="routes"),
    path("routes/new/", RouteEditor.as_view(), name="route-create"),
    path("routes/<uuid:pk>/", RoutePage.as_view(), name="route"),
    path("routes/<uuid:pk>/edit/", RouteEditor.as_view(), name="route-edit"),
    path("routes/<uuid:pk>/copy/", RouteCopy.as_view(), name="route-copy"),
    path("routes/<uuid:pk>/put-back/", RoutePutBack.as_view(), name="route-put-back"),
    path("routes/<uuid:pk>/switch/", RouteSwitch.as_view(), name="route-switch"),
    path("routes/<uuid:pk>/clear-cache/", RouteClearCache.as_view(), name="route-clear-cache"),
    path("routes/<uuid:pk>/confidence/", RouteConfidenceReset.as_view(), name="route-confidence-reset"),
    path("routes/<uuid:pk>/delete/", RouteDelete.as_view(), name="route-delete"),
]
