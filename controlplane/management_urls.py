"""``/api/v1/``: the resources of all apps."""

from rest_framework.routers import SimpleRouter

import alerting.api
import evaluation.api
import guardrails.api
import insights.api
import rag.api
import reports.api
import routing.api
import tenants.api

app_name = "management"

router = SimpleRouter(trailing_slash=False)
for _path, _viewset in (
    *tenants.api.RESOURCES,
    *routing.api.RESOURCES,
    *guardrails.api.RESOURCES,
    *rag.api.RESOURCES,
    *alerting.api.RESOURCES,
    *evaluation.api.RESOURCES,
    *insights.api.RESOURCES,
    *reports.api.RESOURCES,
):
    router.register(_path, _viewset, basename=_path)

urlpatterns = router.urls
