"""Invitations: an address is asked to join a tenant, and joins by the signed link in its mail."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from smtplib import SMTPException

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from tenants.actor import acting_as
from tenants.audit import AuditEntry
from tenants.changes import save_row
from tenants.invitation_rows import Invitation
from tenants.models import Membership, Tenant, User
from tenants.people import save_user
from tenants.permissions import TenantPermission, require, require_role_change
from tenants.services import set_membership

logger = logging.getLogger(__name__)

VALID_FOR = timedelta(days=7)
_SALT = "tenants.signing_in.invitations"


@transaction.atomic
def invite(*, tenant: Tenant, email: str, role: str, by: User, site: str = "") -> Invitation:
    """Ask the address to join, by mail once the transaction is committed; an open invitation is replaced.

    ``site`` is where the link leads, such as ``https://console.example.com``; PUBLIC_URL where it is empty.

    Raises:
        PermissionDenied: ``by`` may not manage members, or is no owner and invites one.
        ValidationError: the address or the role is not valid, or the address is a member already.
    """
    require_role_change(by, tenant, to=role)
    return issue(tenant=tenant, email=email, role=role, invited_by=by.username, site=site)


@transaction.atomic
def issue(*, tenant: Tenant, email: str, role: str, invited_by: str, site: str = "") -> Invitation:
    """:func:`invite` for somebody whose right to do so is known.

    Raises:
        ValidationError: the address or the role is not valid, or the address is a member already.
    """
    _refuse_members(tenant, email)
    for open_one in Invitation.open_ones(tenant=tenant, email__iexact=email.strip()).select_for_update():
        revoke(invitation=open_one)
    invitation = Invitation(
        tenant=tenant, email=email.strip(), role=role, invited_by=invited_by, expires_at=timezone.now() + VALID_FOR
    )
    save_row(invitation, action=AuditEntry.Action.INVITED)
    transaction.on_commit(lambda: send(invitation, site))
    return invitation


@transaction.atomic
def resend(*, invitation: Invitation, site: str = "") -> Invitation:
    """Send the mail again, with a link that holds as long as a new one. For somebody whose right is known.

    Raises:
        ValidationError: it was accepted or withdrawn already, or the address has become a member by other ways.
    """
    current = _locked(invitation)
    if current.accepted_at is not None or current.withdrawn_at is not None:
        raise ValidationError(f"The invitation was {current.state()} already; make a new one.")
    _refuse_members(current.tenant, current.email)
    current.expires_at = timezone.now() + VALID_FOR
    save_row(current, action=AuditEntry.Action.INVITED)
    transaction.on_commit(lambda: send(current, site))
    return current


def check(*, tenant: Tenant, email: str, role: str, by: User) -> None:
    """Nothing, where the invitation could be sent.

    Raises:
        PermissionDenied: ``by`` may not manage members, or is no owner and invites one.
        ValidationError: the address is a member already.
    """
    require_role_change(by, tenant, to=role)
    _refuse_members(tenant, email)


def _refuse_members(tenant: Tenant, email: str) -> None:
    if Membership.objects.for_tenant(tenant).filter(user__email__iexact=email.strip()).exists():
        raise ValidationError({"email": "This person is a member already."})


def _locked(invitation: Invitation) -> Invitation:
    rows = Invitation._base_manager.filter(tenant_id=invitation.tenant_id)
    return rows.select_for_update(of=("self",)).select_related("tenant").get(pk=invitation.pk)


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User) -> Invitation:
    """The link holds no longer.

    Raises:
        PermissionDenied: ``by`` may not manage members.
        ValidationError: it was accepted already.
    """
    require(by, TenantPermission.MANAGE_MEMBERS, invitation.tenant)
    return revoke(invitation=invitation)


@transaction.atomic
def revoke(*, invitation: Invitation) -> Invitation:
    """:func:`withdraw` for somebody whose right to do so is known; twice is as once.

    Raises:
        ValidationError: it was accepted already.
    """
    current = _locked(invitation)
    if current.accepted_at is not None:
        raise ValidationError("The invitation was accepted already; remove the member instead.")
    if current.withdrawn_at is None:
        current.withdrawn_at = timezone.now()
        save_row(current, action=AuditEntry.Action.REVOKED)
    return current


def link(invitation: Invitation, site: str = "") -> str:
    """The address of the page that accepts the invitation."""
    token = signing.dumps(str(invitation.pk), salt=_SALT)
    return f"{(site or settings.PUBLIC_URL).rstrip('/')}{reverse('account_invitation', args=(token,))}"


def invitation_of(token: str) -> Invitation | None:
    """The invitation of a link that still holds; None for one that was changed, used, withdrawn or has expired."""
    try:
        key = uuid.UUID(signing.loads(token, salt=_SALT, max_age=VALID_FOR))
    except (signing.BadSignature, ValueError):
        return None
    with across_tenants("whose invitation it is is what the signed link says"):
        found = Invitation._base_manager.select_related("tenant").filter(pk=key).first()
    return found if found is not None and found.state() == "open" and found.tenant.active else None


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Membership:
    """Make the user a member in the role of the invitation, which is used up by it.

    Whoever has become a member meanwhile stays what they are.

    Raises:
        ValidationError: the invitation holds no longer.
    """
    current = _locked(invitation)
    if current.state() != "open":
        raise ValidationError("This invitation holds no longer: ask for another one.")
    with acting_as(user.username):
        current.accepted_at = timezone.now()
        save_row(current)
        existing = Membership.objects.for_tenant(current.tenant).filter(user=user).first()
        return existing or set_membership(user=user, tenant=current.tenant, role=current.role)


@transaction.atomic
def accept_as_new(*, invitation: Invitation, username: str, password: str) -> User:
    """Make an account of the invited address, and the account a member.

    Raises:
        ValidationError: the user name is taken or not valid, somebody has the address, or the invitation holds no
            longer.
    """
    user = User(username=username, email=invitation.email)
    user.set_password(password)
    user.full_clean()
    with acting_as(username):
        save_user(user=user)
    # The link came by mail to this address: nobody else could have followed it.
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    accept(invitation=invitation, user=user)
    return user


def send(invitation: Invitation, site: str = "") -> None:
    """Send the mail; a mail server that is down is told in the log, and the invitation can be sent again."""
    about = {"invitation": invitation, "link": link(invitation, site), "days": VALID_FOR.days}
    subject = render_to_string("account/email/invitation_subject.txt", about).strip()
    mail = EmailMultiAlternatives(
        subject, render_to_string("account/email/invitation_message.txt", about), to=[invitation.email]
    )
    try:
        mail.send()
    except (SMTPException, OSError):
        logger.exception("cannot send the invitation of %s to %s", invitation.email, invitation.tenant.slug)
