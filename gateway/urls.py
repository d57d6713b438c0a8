"""The DRF door's URLs: the same paths as the lane's, behind it."""

from django.urls import path, register_converter

from gateway.api import VIEWS
from gateway.openapi import OPERATIONS


class RestOfPath:
    """All that follows, as the lane takes it; a model name may hold slashes (``provider/model``)."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


register_converter(RestOfPath, "rest_of_path")

urlpatterns = [path(operation.django_path, VIEWS[operation.name], name=operation.name) for operation in OPERATIONS]
