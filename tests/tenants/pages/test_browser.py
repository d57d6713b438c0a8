"""The main tasks of these pages in a real browser."""

from __future__ import annotations

from django.core import mail

from tenants.models import Budget, Membership, Tenant
from tests.browser.signed_in import browser_test
from tests.tenants.factories import make_operator, make_team, make_tenant
from tests.tenants.pages.people import member

pytestmark = browser_test


def test_an_operator_creates_a_tenant_and_is_told_what_to_do_next(open_as, assert_accessible):
    page = open_as(make_operator(), "/console/tenants/")
    page.get_by_role("link", name="Create a tenant").first.click()

    page.get_by_label("Name", exact=True).fill("Müller & Söhne")
    assert page.get_by_label("Short name").input_value() == "muller-sohne"
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_label("Redacted").check()
    page.get_by_label("First owner's e-mail address").fill("ada@example.org")
    page.get_by_label("Monthly budget").fill("250")
    assert_accessible(page)
    page.get_by_role("button", name="Create the tenant").click()

    page.get_by_role("heading", name="Next steps").wait_for()
    page.get_by_text("ada@example.org is invited").wait_for()
    assert_accessible(page)
    tenant = Tenant.objects.get(slug="muller-sohne")
    assert Budget.objects.for_tenant(tenant).get().limit_nanousd == 250 * 10**9
    assert mail.outbox[0].to == ["ada@example.org"]


def test_an_operator_suspends_a_tenant_after_being_told_what_happens(open_as):
    make_tenant(slug="acme", name="Acme")
    page = open_as(make_operator(), "/console/tenants/acme/")

    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Suspend").click()
    dialog = page.get_by_role("dialog", name="Suspend “Acme”?")
    dialog.get_by_role("button", name="Suspend it").click()

    page.get_by_role("button", name="Resume it").wait_for()
    assert not Tenant.objects.get(slug="acme").active


def test_an_owner_invites_somebody_in_the_drawer(open_as, assert_accessible):
    tenant = make_tenant(slug="acme")
    page = open_as(member(tenant), "/t/acme/members/")
    page.get_by_role("link", name="Invite somebody").first.click()
    drawer = page.get_by_role("dialog", name="Invite somebody")

    drawer.get_by_label("E-mail address").fill("grace@example.org")
    drawer.get_by_label("Developer").check()
    assert_accessible(page)
    drawer.get_by_role("button", name="Send the invitation").click()

    page.get_by_text("An invitation is on its way to grace@example.org.").wait_for()
    assert mail.outbox[0].to == ["grace@example.org"]


def test_an_owner_takes_a_member_out_on_a_phone(open_as, assert_accessible):
    tenant = make_tenant(slug="acme")
    grace = member(tenant, "viewer", username="grace")
    page = open_as(member(tenant), "/t/acme/members/", width=390, theme="dark")
    assert_accessible(page)

    page.get_by_role("button", name="Remove grace").click()
    page.get_by_role("dialog", name="Remove grace?").get_by_role("button", name="Remove").click()

    page.get_by_text("grace is no longer a member.").wait_for()
    assert not Membership.objects.for_tenant(tenant).filter(user=grace).exists()


def test_the_log_is_narrowed_and_an_entry_read(open_as, assert_accessible):
    tenant = make_tenant(slug="acme")
    make_team(tenant, name="Search")
    page = open_as(make_operator(), "/console/audit/")

    page.get_by_label("Object", exact=True).select_option("team")
    page.get_by_role("link", name="Object: Team").wait_for()
    page.get_by_role("link", name="Search").click()

    page.get_by_role("heading", name="What it is").wait_for()
    assert_accessible(page)
