"""The page by which a reader ends one subscription; whoever has the address of their mail may."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contracts.tenant_scope import across_tenants
from reports.links import recipient_id
from reports.models import Recipient
from reports.services import unsubscribe
from tenants.actor import acting_as


@never_cache
@csrf_exempt  # Mail programs post by themselves (RFC 8058); the token is what allows it.
@require_http_methods(["GET", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """Asks once, since mail scanners follow links, and ends it.

    Raises:
        Http404: this is no token of ours.
    """
    key = recipient_id(token)
    if not key:
        raise Http404
    with across_tenants("the subscription that the signed address names"):
        recipient = Recipient.objects.select_related("schedule__tenant", "user", "channel").filter(pk=key).first()
    if request.method == "POST" and recipient is not None:
        with acting_as(recipient.user.username if recipient.user is not None else "reader"):
            unsubscribe(recipient=recipient)
    over = recipient is None or request.method == "POST"
    return render(request, "reports/unsubscribe.html", {"recipient": recipient, "over": over})
