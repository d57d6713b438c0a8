"""Sessions end, and their cookies are hard to get at."""

import pytest
from django.contrib.sessions.models import Session

from tenants.audit import AuditEntry
from tenants.signing_in import sessions
from tests.tenants.factories import make_user
from tests.tenants.signing_in.people import PASSWORD, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_800_000_000.0

        def time(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(sessions, "time", clock)
    return clock


@pytest.fixture
def member(client, clock, settings):
    settings.SESSION_IDLE_S, settings.SESSION_LIFETIME_S = 600, 3600
    client.force_login(make_user(username="ada"))
    return client


def test_a_session_without_requests_ends(member, clock):
    clock.now += 599
    assert member.get("/account/").status_code == 200
    clock.now += 600
    assert member.get("/account/").status_code == 302
    assert AuditEntry.objects.filter(action="signed_out", after={"reason": "idle"}, actor="ada").exists()


def test_a_session_that_is_used_all_the_time_ends_too(member, clock):
    for _ in range(11):
        clock.now += 300
        assert member.get("/account/").status_code == 200
    clock.now += 300
    assert member.get("/account/").status_code == 302
    assert AuditEntry.objects.filter(action="signed_out", after={"reason": "lifetime"}).exists()


def test_requests_in_quick_succession_write_nothing(member, clock, django_assert_num_queries):
    clock.now += 100
    member.get("/account/")
    before = Session.objects.get().session_data
    clock.now += 30
    member.get("/account/")

    assert Session.objects.get().session_data == before


def test_a_session_that_does_not_say_when_it_began_is_over(member):
    session = member.session
    del session[sessions.BEGAN]
    session.save()

    assert member.get("/account/").status_code == 302


def test_cookies_are_for_this_site_and_not_for_scripts(client):
    make_user(username="ada", password=PASSWORD)
    client.get("/account/login/")
    sign_in(client, "ada")
    for name in ("breakwater_csrf", "breakwater_session"):
        assert client.cookies[name]["samesite"] == "Lax"
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["path"] == "/"
