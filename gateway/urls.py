"""The DRF door's URLs: the same paths as the lane's, behind it."""

from django.urls import path, register_converter

from gateway.api import VIEWS


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

urlpatterns = [path(django_path, view, name=name) for django_path, (name, view) in VIEWS.items()]
