"""Below ``/account/reports/``: what readers of mails may do without signing in."""

from django.urls import path

from reports.unsubscribing import unsubscribe_page

urlpatterns = [path("stop/<str:token>/", unsubscribe_page, name="report-unsubscribe")]
