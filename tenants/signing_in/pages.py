"""Pages around signing in that django-allauth does not have."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.core.internal import ratelimit
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from contracts.tenant_scope import across_tenants
from tenants.invitation_rows import Invitation
from tenants.models import Membership, User
from tenants.signing_in.forms import NewMemberForm
from tenants.signing_in.invitations import accept, accept_as_new, invitation_of
from tenants.signing_in.record import note_throttled
from tenants.signing_in.second_factor import second_factor_required


@never_cache
@login_required
@require_safe
def account_home(request: HttpRequest) -> HttpResponse:
    """Who I am here, where I am a member, how I sign in."""
    user = request.user
    assert isinstance(user, User)
    with across_tenants("the tenants that this person is a member of"):
        memberships = list(Membership.objects.filter(user=user).select_related("tenant"))
    factors = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    return render(
        request,
        "account/home.html",
        {
            "memberships": memberships,
            "factors": factors,
            "second_factor": bool(factors - {Authenticator.Type.RECOVERY_CODES}),
            "second_factor_required": second_factor_required(user),
        },
    )


@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join a tenant: with the account one has, or with a new one."""
    if request.method == "POST" and not ratelimit.consume(request, app="allauth.account", action="accept_invitation"):
        return too_many_requests(request)
    found = invitation_of(token)
    if found is None:
        return render(request, "account/invitation_over.html", status=410)
    if User.objects.filter(email__iexact=found.email).exists():
        return _join(request, found)
    return _join_as_new(request, found)


def _join(request: HttpRequest, found: Invitation) -> HttpResponse:
    """The invited person has an account: they have to be signed in to it."""
    user = request.user
    mine = isinstance(user, User) and user.email.lower() == found.email.lower()
    if request.method != "POST" or not mine:
        context = {"invitation": found, "mine": mine, "sign_in": _sign_in_link(request)}
        return render(request, "account/invitation_join.html", context)
    assert isinstance(user, User)
    return _accepted(request, found, user)


def _accepted(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    try:
        accept(invitation=found, user=user)
    except ValidationError:
        return render(request, "account/invitation_over.html", status=410)
    messages.success(request, f"You are a member of {found.tenant.name} now.")
    return redirect("account_home")


def _join_as_new(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = NewMemberForm(request.POST or None, invitation=found)
    if request.method == "POST" and form.is_valid():
        try:
            user = accept_as_new(
                invitation=found, username=form.cleaned_data["username"], password=form.cleaned_data["password"]
            )
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            record_authentication(request, user, "invitation")
            get_adapter().login(request, user)
            messages.success(request, f"Welcome. You are a member of {found.tenant.name}.")
            return redirect("account_home")
    return render(request, "account/invitation.html", {"invitation": found, "form": form})


def _sign_in_link(request: HttpRequest) -> str:
    return f"{resolve_url(settings.LOGIN_URL)}?next={request.path}"


@require_safe
def issuer_refused(request: HttpRequest) -> HttpResponse:
    """The issuer vouches for nobody we could know."""
    return render(request, "account/issuer_refused.html", status=403)


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """A limit by address or account was reached: Django's and allauth's ``handler429``."""
    user = request.user if request.user.is_authenticated else None
    note_throttled(request, user=user if isinstance(user, User) else None)
    answer = render(request, "429.html", status=429)
    answer.headers["Retry-After"] = "60"
    return answer


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is not the session's: the page was open since before a sign-in, or cookies are off."""
    return render(request, "403_csrf.html", {"again": request.path}, status=403)


def closed(_request: HttpRequest) -> HttpResponseRedirect:
    """Pages of django-allauth that are not for here, because each is a way to be somebody else, or to stay.

    Nobody registers themselves. Nobody takes an address that an operator, an invitation or the issuer has not vouched
    for: whoever has it signs in to the same account. And who comes through the issuer gets no password beside it,
    which would still work after the issuer has shut them out.
    """
    return HttpResponseRedirect(resolve_url("home"))
