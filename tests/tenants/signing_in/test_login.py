"""Signing in with a password, as a browser does it."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from tenants.audit import AuditEntry
from tests.tenants.factories import make_operator, make_user
from tests.tenants.signing_in.people import LOGIN, PASSWORD, sign_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("login", ["ada", "ADA", "ada@example.org", "Ada@Example.org"])
def test_people_sign_in_with_name_or_address(client, login):
    make_user(username="ada", email="ada@example.org", password=PASSWORD)

    answer = sign_in(client, login)

    assert answer.status_code == 302
    assert client.get("/account/").context["user"].username == "ada"


def test_the_admins_own_login_page_is_the_same_one(client):
    make_operator(username="admin", password=PASSWORD)

    sent = client.get("/admin/", follow=True)
    assert sent.redirect_chain[-1][0].startswith(f"{LOGIN}?next=")
    assert client.post("/admin/login/", {"username": "admin", "password": PASSWORD}).status_code == 302
    assert "_auth_user_id" not in client.session

    answer = client.post(LOGIN, {"login": "admin", "password": PASSWORD, "next": "/admin/"})
    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_members_who_are_no_staff_do_not_get_into_the_admin(client):
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")

    assert client.get("/admin/login/").status_code == 403
    assert client.get("/").headers["Location"] == "/account/"


def test_operators_are_sent_to_the_console_and_strangers_to_the_door(client):
    assert client.get("/").headers["Location"] == LOGIN
    make_operator(username="admin", password=PASSWORD)
    sign_in(client, "admin")
    # Nobody has called yet, so it is the console's page for beginners.
    assert client.get("/").headers["Location"] == "/console/start/"


def test_a_wrong_password_and_an_unknown_account_look_the_same(client):
    make_user(username="ada", password=PASSWORD)

    known, unknown = (sign_in(client, name, "wrong") for name in ("ada", "nobody"))

    for answer in (known, unknown):
        assert answer.status_code == 200
        assert "do not go together" in answer.content.decode()


def test_a_disabled_account_gets_nowhere(client):
    make_user(username="ada", password=PASSWORD, is_active=False)

    answer = sign_in(client, "ada")

    assert "_auth_user_id" not in client.session
    assert answer.status_code in (200, 302)


def test_an_account_is_locked_for_everybody_after_five_wrong_passwords(client):
    make_user(username="ada", password=PASSWORD)
    for attempt in range(5):
        sign_in(client, "ada", "wrong", REMOTE_ADDR=f"192.0.2.{attempt}")

    answer = sign_in(client, "ada", PASSWORD, REMOTE_ADDR="192.0.2.99")

    assert "Too many failed attempts" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert AuditEntry.objects.filter(action="locked_out", object_name="ada", source_ip="192.0.2.99").exists()


def test_another_account_is_not_locked_with_it(client):
    make_user(username="ada", password=PASSWORD)
    make_user(username="bob", password=PASSWORD)
    for attempt in range(5):
        sign_in(client, "ada", "wrong", REMOTE_ADDR=f"192.0.2.{attempt}")

    assert sign_in(client, "bob").status_code == 302


def test_one_address_cannot_try_many_accounts(client):
    make_user(username="ada", password=PASSWORD)
    for number in range(20):
        assert "do not go together" in sign_in(client, f"user{number}", "wrong").content.decode()

    assert "Too many failed attempts" in sign_in(client, "ada").content.decode()
    assert sign_in(client, "ada", REMOTE_ADDR="198.51.100.7").status_code == 302


def test_attempts_are_counted_by_the_address_behind_our_proxies(client, settings):
    settings.TRUSTED_PROXIES = ("127.0.0.1/32",)
    for number in range(20):
        sign_in(client, f"user{number}", "wrong", HTTP_X_FORWARDED_FOR="203.0.113.5")

    throttled = sign_in(client, "x", "wrong", HTTP_X_FORWARDED_FOR="1.1.1.1, 203.0.113.5")
    assert "Too many failed attempts" in throttled.content.decode()
    other = sign_in(client, "x", "wrong", HTTP_X_FORWARDED_FOR="203.0.113.6")
    assert "do not go together" in other.content.decode()


@pytest.mark.django_db(transaction=True)
def test_sign_ins_are_told_and_audited_without_what_was_typed(client, emitted):
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada", "hunter2-wrong", REMOTE_ADDR="192.0.2.9")
    sign_in(client, "hunter2-in-the-wrong-field", "x", REMOTE_ADDR="192.0.2.9")
    sign_in(client, "ada", REMOTE_ADDR="192.0.2.9")
    client.post("/account/logout/", REMOTE_ADDR="192.0.2.9")

    entries = AuditEntry.objects.filter(object_type="session").order_by("id")
    assert [(entry.action, entry.actor, entry.source_ip) for entry in entries] == [
        ("sign_in_failed", "ada", "192.0.2.9"),
        ("sign_in_failed", "anonymous", "192.0.2.9"),
        ("signed_in", "ada", "192.0.2.9"),
        ("signed_out", "ada", "192.0.2.9"),
    ]
    assert [(event.event_type, event.user) for event in emitted.events if event.event_type.startswith("auth.")] == [
        ("auth.login.failed", "ada"),
        ("auth.login.failed", ""),
        ("auth.login.succeeded", "ada"),
        ("auth.session.ended", "ada"),
    ]
    assert {event.ip for event in emitted.events} == {"192.0.2.9"}
    assert "hunter2" not in str(emitted.events)
    assert [entry.after for entry in entries][2] == {"methods": ["password"]}
    assert not [entry for entry in AuditEntry.objects.all() if "hunter2" in str(entry.__dict__)]


def test_the_session_is_another_one_after_signing_in(client):
    make_user(username="ada", password=PASSWORD)
    client.get(LOGIN)
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.cookies["breakwater_session"] = before

    sign_in(client, "ada")

    assert client.session.session_key != before


def test_a_link_to_elsewhere_is_not_followed(client):
    make_user(username="ada", password=PASSWORD)

    answer = client.post(LOGIN, {"login": "ada", "password": PASSWORD, "next": "https://evil.example/"})

    assert answer["Location"] == reverse("home")


def test_signing_out_takes_a_form(client):
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")

    assert "Sign out?" in client.get("/account/logout/").content.decode()
    assert "_auth_user_id" in client.session
    client.post("/account/logout/")
    assert "_auth_user_id" not in client.session


def test_there_is_no_self_registration(client):
    for answer in (client.get("/account/signup/"), client.post("/account/signup/", {"username": "eve"})):
        assert answer["Location"] == "/"


@pytest.mark.parametrize("path", ["/account/email/", "/account/password/set/", "/account/issuer/"])
def test_nobody_gives_themselves_an_address_or_a_second_way_in(client, path):
    user = make_user(username="eve", email="eve@example.org")
    client.force_login(user)

    client.post(path, {"action_add": "", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD})

    user.refresh_from_db()
    assert user.email == "eve@example.org"
    assert not EmailAddress.objects.filter(email="ada@example.org").exists()
    assert not user.check_password(PASSWORD)


def reset(client, address="ada@example.org", **extra):
    return client.post("/account/password/reset/", {"email": address}, **extra)


def test_a_forgotten_password_is_set_anew_by_mail(client, mailoutbox):
    user = make_user(username="ada", email="ada@example.org", password=PASSWORD)

    assert reset(client, "Ada@Example.org").status_code == 302
    link = re.search(r"http://testserver(\S+)", mailoutbox[0].body)
    assert link is not None
    form = client.get(link[1], follow=True)
    page = form.redirect_chain[-1][0]
    assert client.post(page, {"password1": "short", "password2": "short"}).status_code == 200
    new = "another long passphrase"
    assert client.post(page, {"password1": new, "password2": new}).status_code == 302

    user.refresh_from_db()
    assert user.check_password(new)
    entry = AuditEntry.objects.filter(object_type="user", object_name="ada").first()
    assert entry is not None
    assert entry.after == {"password": "set again"}
    assert client.get(link[1], follow=True).context["token_fail"]


def test_nobody_learns_who_has_an_account_by_asking_for_a_new_password(client, mailoutbox):
    make_user(email="ada@example.org")

    known, unknown = reset(client), reset(client, "nobody@example.org")

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [mail.to for mail in mailoutbox] == [["ada@example.org"]]


def test_mails_are_not_asked_for_without_end(client):
    for number in range(10):
        assert reset(client, f"user{number}@example.org").status_code == 302

    answer = reset(client, "another@example.org")

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert "Too many attempts" in answer.content.decode()
    assert AuditEntry.objects.filter(action="locked_out", source_ip="127.0.0.1").exists()


def test_a_form_from_before_the_session_changed_says_so():
    client = Client(enforce_csrf_checks=True)

    answer = client.post(LOGIN, {"login": "ada", "password": PASSWORD})

    assert answer.status_code == 403
    assert "This page has expired" in answer.content.decode()


def test_pages_that_do_not_exist_or_break_keep_the_look(client):
    assert "There is nothing here" in client.get("/nowhere").content.decode()
    client.force_login(make_user(username="ada"))
    assert "you are signed in as <strong>ada" in client.get("/admin/login/").content.decode()
    assert "Something of ours broke" in render_to_string("500.html")
