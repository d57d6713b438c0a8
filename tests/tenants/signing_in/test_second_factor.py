"""Second factors: setting one up, signing in with it, and operators who have to have one."""

import time

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client

from tenants.audit import AuditEntry
from tenants.signing_in.codes import NEWEST_STEP
from tests.tenants.factories import make_operator, make_user
from tests.tenants.signing_in.people import LOGIN, PASSWORD, set_up_totp, sign_in, totp

# Notices and events of second factors are sent on commit.
pytestmark = pytest.mark.django_db(transaction=True)

CODE = "/account/2fa/authenticate/"


def test_a_second_factor_is_set_up_asked_for_and_told(client, emitted, mailoutbox):
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")
    secret = set_up_totp(client)
    client.post("/account/logout/")

    assert sign_in(client, "ada")["Location"] == CODE
    assert "_auth_user_id" not in client.session
    assert client.get("/account/").status_code == 302
    assert "Incorrect code" in client.post(CODE, {"code": "000000"}).content.decode()
    # The code of the set-up is used up: the next one.
    answer = client.post(CODE, {"code": totp(secret, time.time() + 30)})

    assert answer["Location"] == "/"
    assert client.get("/account/").status_code == 200
    assert emitted.of("auth.login.succeeded")[-1].methods == ["password", "mfa:totp"]
    assert [(event.factor, event.user) for event in emitted.of("auth.mfa.failed")] == [("totp", "ada")]
    assert [event.factor for event in emitted.of("auth.mfa.succeeded")] == ["totp"]
    assert {(event.factor, event.change) for event in emitted.of("auth.mfa.changed")} >= {("totp", "added")}
    assert secret not in str(emitted.events)


def test_a_recovery_code_works_once(client):
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")
    set_up_totp(client)
    page = client.get("/account/2fa/recovery-codes/")
    code = page.context["unused_codes"][0]
    client.post("/account/logout/")

    sign_in(client, "ada")
    assert client.post(CODE, {"code": code})["Location"] == "/"
    client.post("/account/logout/")
    sign_in(client, "ada")
    assert "Incorrect code" in client.post(CODE, {"code": code}).content.decode()


def test_a_code_works_once(client):
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")
    secret = set_up_totp(client)
    client.post("/account/logout/")
    sign_in(client, "ada")
    code = totp(secret, time.time() + 30)
    assert client.post(CODE, {"code": code}).status_code == 302
    client.post("/account/logout/")

    sign_in(client, "ada")
    assert "Incorrect code" in client.post(CODE, {"code": code}).content.decode()


def _signed_out(client) -> str:
    """Somebody with a second factor is at the door; the secret."""
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")
    secret = set_up_totp(client)
    client.post("/account/logout/")
    return secret


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_code_stays_used_for_as_long_as_it_is_valid_whatever_becomes_of_the_cache(client, step):
    secret = _signed_out(client)
    app = Authenticator.objects.get(type="totp")
    # As if it was set up long ago.
    app.data[NEWEST_STEP] -= 10
    app.save()
    code = totp(secret, time.time() + 30 * step)
    sign_in(client, "ada")
    assert client.post(CODE, {"code": code}).status_code == 302
    client.post("/account/logout/")
    cache.clear()

    sign_in(client, "ada")

    assert "Incorrect code" in client.post(CODE, {"code": code}).content.decode()


def test_an_older_code_than_the_last_one_is_not_taken(client):
    secret = _signed_out(client)
    now = time.time()
    sign_in(client, "ada")
    assert client.post(CODE, {"code": totp(secret, now + 30)}).status_code == 302
    client.post("/account/logout/")

    sign_in(client, "ada")

    assert "Incorrect code" in client.post(CODE, {"code": totp(secret, now)}).content.decode()


def test_the_code_of_the_set_up_does_not_sign_in(client):
    secret = _signed_out(client)
    newest = Authenticator.objects.get(type="totp").data[NEWEST_STEP]

    sign_in(client, "ada")

    assert "Incorrect code" in client.post(CODE, {"code": totp(secret, newest * 30)}).content.decode()


def test_a_code_that_signed_in_does_not_confirm_anything_again(client):
    secret = _signed_out(client)
    code = totp(secret, time.time() + 30)
    sign_in(client, "ada")
    client.post(CODE, {"code": code})
    cache.clear()

    answer = client.post("/account/2fa/reauthenticate/", {"code": code})

    assert "Incorrect code" in answer.content.decode()


def test_codes_cannot_be_tried_at_will(client):
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")
    secret = set_up_totp(client)
    client.post("/account/logout/")
    sign_in(client, "ada")
    for _ in range(5):
        client.post(CODE, {"code": "000000"})

    answer = client.post(CODE, {"code": totp(secret, time.time() + 30)})

    assert "Too many failed attempts" in answer.content.decode()
    assert AuditEntry.objects.filter(action="locked_out").exists()


def test_what_codes_are_checked_against_is_sealed_in_the_database(client):
    user = make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")
    secret = set_up_totp(client)
    recovery = client.get("/account/2fa/recovery-codes/").context["unused_codes"]

    kept = str(list(Authenticator.objects.filter(user=user).values_list("data", flat=True)))

    assert secret not in kept
    assert not [code for code in recovery if code in kept]
    audited = str([(entry.before, entry.after) for entry in AuditEntry.objects.all()])
    assert secret not in audited
    assert "totp added" in audited


def test_setting_one_up_takes_the_password_again(client):
    make_user(username="ada", password=PASSWORD)
    client.force_login(make_user())

    assert client.get("/account/2fa/totp/activate/")["Location"].startswith("/account/reauthenticate/")


@pytest.mark.parametrize("path", ["/admin/", "/admin/tenants/tenant/", "/"])
def test_operators_get_nowhere_without_one_where_it_is_required(client, settings, path):
    settings.REQUIRE_MFA_FOR_OPERATORS = True
    make_operator(username="admin", password=PASSWORD)
    sign_in(client, "admin")

    answer = client.get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/2fa/totp/activate/")
    assert client.get("/account/").status_code == 200


def test_the_api_says_what_is_missing(client, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = True
    make_operator(username="admin", password=PASSWORD)
    sign_in(client, "admin")

    answer = client.get("/api/v1/tenants")

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "SECOND_FACTOR_REQUIRED"


def test_operators_work_once_they_have_one(client, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = True
    make_operator(username="admin", password=PASSWORD)
    sign_in(client, "admin")
    secret = set_up_totp(client)
    assert client.get("/admin/").status_code == 200
    client.post("/account/logout/")

    sign_in(client, "admin")
    client.post(CODE, {"code": totp(secret, time.time() + 30)})

    assert client.get("/admin/").status_code == 200


def test_a_session_from_before_the_second_factor_is_shut_out(client, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = True
    make_operator(username="admin", password=PASSWORD)
    thief = Client()
    sign_in(thief, "admin")
    sign_in(client, "admin")
    set_up_totp(client)

    assert thief.get("/admin/")["Location"] == LOGIN
    assert "_auth_user_id" not in thief.session


def test_operators_cannot_take_their_last_one_off(client, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = True
    make_operator(username="admin", password=PASSWORD)
    sign_in(client, "admin")
    set_up_totp(client)

    answer = client.post("/account/2fa/totp/deactivate/")

    assert "cannot deactivate" in answer.content.decode()
    assert Authenticator.objects.filter(type="totp").exists()


def test_members_may_do_without_one(client, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = True
    make_user(username="ada", password=PASSWORD)
    sign_in(client, "ada")

    assert client.get("/")["Location"] == "/account/"
