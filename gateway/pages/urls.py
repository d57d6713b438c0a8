"""Pages of the gateway below ``/console/`` and ``/t/<tenant>/``."""

from django.urls import path, re_path

from gateway.pages.dry_run import DryRun
from gateway.pages.replay import Replay
from gateway.pages.requests import RequestColumns, RequestHistogram, RequestList, RequestTail
from gateway.pages.run import RunPage
from gateway.pages.run_comparison import RunComparison
from gateway.pages.run_judging import RunJudge
from gateway.pages.saved_views import SavedViewCreate, SavedViewDelete
from gateway.pages.try_urls import console_try, portal_try
from gateway.pages.usage_urls import console_usage, portal_usage

_both = [
    path("dry-run/", DryRun.as_view(), name="dry-run"),
    path("requests/", RequestList.as_view(), name="requests"),
    path("requests/histogram/", RequestHistogram.as_view(), name="requests-histogram"),
    path("requests/columns/", RequestColumns.as_view(), name="requests-columns"),
    path("requests/tail/", RequestTail.as_view(), name="requests-tail"),
    path("requests/compare/", RunComparison.as_view(), name="runs-compare"),
    path("requests/views/", SavedViewCreate.as_view(), name="requests-view-create"),
    path("requests/views/<uuid:view>/delete/", SavedViewDelete.as_view(), name="requests-view-delete"),
    re_path(r"^requests/(?P<run>req_\w+)/$", RunPage.as_view(), name="run"),
    re_path(r"^requests/(?P<run>req_\w+)/judge/$", RunJudge.as_view(), name="run-judge"),
    re_path(r"^requests/(?P<run>req_\w+)/replay/$", Replay.as_view(), name="run-replay"),
]
console_urlpatterns = [*_both, *console_try, *console_usage]
portal_urlpatterns = [*_both, *portal_try, *portal_usage]
