"""Addresses of the pages of insights: of one tenant in its workspace, of all side by side on the platform."""

from django.urls import path

from insights.pages.platform import PlatformSavings
from insights.pages.rules import RuleDelete, RuleForm
from insights.pages.savings import AdviceDo, SavingsPage

console_urlpatterns = [path("savings/", PlatformSavings.as_view(), name="savings")]
portal_urlpatterns = [
    path("savings/", SavingsPage.as_view(), name="savings"),
    path("savings/advice/", AdviceDo.as_view(), name="savings-advice"),
    path("savings/rules/new/", RuleForm.as_view(), name="impact-rule-create"),
    path("savings/rules/<uuid:pk>/", RuleForm.as_view(), name="impact-rule"),
    path("savings/rules/<uuid:pk>/delete/", RuleDelete.as_view(), name="impact-rule-delete"),
]
