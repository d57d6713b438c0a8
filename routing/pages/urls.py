"""Pages of this app below ``/console/`` and ``/t/<tenant>/``."""

from routing.pages import upstreams_urls
from routing.pages.routes_urls import route_urlpatterns

console_urlpatterns = [*route_urlpatterns, *upstreams_urls.console_urlpatterns]
portal_urlpatterns = [*route_urlpatterns, *upstreams_urls.portal_urlpatterns]
