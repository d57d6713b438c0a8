"""Signing in through an OpenID Connect issuer."""

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from hypothesis import given
from hypothesis import strategies as st

from tenants import services
from tenants.audit import AuditEntry
from tenants.models import Membership, User
from tenants.roles import ROLE_CHOICES
from tenants.signing_in.claims import claimed_values, roles_for
from tests.tenants.factories import make_tenant, make_user
from tests.tenants.signing_in.people import PASSWORD, set_up_totp, sign_in
from tests.upstreams.issuer import CLIENT_ID, CLIENT_SECRET, Issuer

pytestmark = pytest.mark.django_db

START = "/account/oidc/oidc/login/"


@pytest.fixture
def issuer(settings):
    with Issuer() as running:
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {
                "OAUTH_PKCE_ENABLED": True,
                "APPS": [
                    {
                        "provider_id": "oidc",
                        "name": "Acme login",
                        "client_id": CLIENT_ID,
                        "secret": CLIENT_SECRET,
                        "settings": {"server_url": running.url},
                    }
                ],
            }
        }
        yield running


def come_back(client, issuer, **query):
    """Through the issuer and back; the answer to the callback."""
    sent = client.post(START, query)
    assert sent.status_code == 302
    return client.get(issuer.authorize(sent["Location"]).removeprefix("http://testserver"))


def signed_in(client) -> bool:
    return "_auth_user_id" in client.session


def test_the_sign_in_page_offers_it_by_name(client, issuer):
    assert "Continue with Acme login" in client.get("/account/login/").content.decode()
    assert "Continue with Acme login" in client.get(START).content.decode()


def test_without_an_issuer_there_is_nothing_of_it(client):
    assert "Continue with" not in client.get("/account/login/").content.decode()
    assert client.post(START).status_code == 404


def test_somebody_new_gets_an_account_and_no_tenant(client, issuer):
    make_tenant()
    answer = come_back(client, issuer)

    assert answer["Location"] == "/"
    user = User.objects.get(email="ada@example.org")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert not Membership.objects.filter(user=user).exists()
    assert AuditEntry.objects.filter(object_type="user", action="created", object_name=user.username).exists()
    signed = AuditEntry.objects.get(action="signed_in")
    assert signed.after == {"methods": ["socialaccount:oidc"]}


def test_somebody_known_is_the_same_person(client, issuer):
    ada = make_user(email="Ada@example.org")

    come_back(client, issuer)

    assert client.session["_auth_user_id"] == str(ada.pk)
    assert SocialAccount.objects.get().user == ada
    issuer.claims |= {"email": "renamed@example.org"}
    client.post("/account/logout/")
    come_back(client, issuer)
    assert client.session["_auth_user_id"] == str(ada.pk)


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email": "", "email_verified": True}])
@pytest.mark.parametrize("known", [True, False])
def test_an_address_that_is_not_verified_opens_nothing(client, issuer, claims, known):
    if known:
        make_user(email="ada@example.org")
    issuer.claims |= claims

    assert come_back(client, issuer)["Location"] == "/account/refused/"
    assert not signed_in(client)
    assert User.objects.count() == int(known)
    assert AuditEntry.objects.filter(action="sign_in_failed", after={"reason": "issuer"}).exists()
    assert client.get("/account/refused/").status_code == 403


@pytest.mark.parametrize("forge", ["key", "audience", "issuer", "expired"])
def test_a_token_that_does_not_hold_opens_nothing(client, issuer, forge):
    issuer.forge = forge

    come_back(client, issuer)

    assert not signed_in(client)
    assert not User.objects.exists()


def test_userinfo_of_somebody_else_opens_nothing(client, issuer):
    issuer.userinfo = {"sub": "u2", "email": "root@example.org", "email_verified": True}

    come_back(client, issuer)

    assert not signed_in(client)


def test_an_answer_that_was_not_asked_for_opens_nothing(client, issuer):
    client.get("/account/oidc/oidc/login/callback/?code=x&state=made-up")

    assert not signed_in(client)


def test_the_issuers_tokens_are_not_kept(client, issuer):
    come_back(client, issuer)

    assert not SocialToken.objects.exists()


def test_who_comes_through_the_issuer_gets_no_password_beside_it(client, issuer, mailoutbox):
    come_back(client, issuer)
    assert client.get("/account/password/change/", follow=True).redirect_chain[-1][0] == "/account/"
    client.post("/account/logout/")

    client.post("/account/password/reset/", {"email": "ada@example.org"})

    assert mailoutbox == []


@pytest.mark.django_db(transaction=True)
def test_a_second_factor_is_asked_for_here_too(client, issuer):
    make_user(username="ada", email="ada@example.org", password=PASSWORD)
    sign_in(client, "ada")
    set_up_totp(client)
    client.post("/account/logout/")

    assert come_back(client, issuer)["Location"] == "/account/2fa/authenticate/"
    assert not signed_in(client)


def test_memberships_follow_the_claims_at_each_sign_in(client, issuer, settings):
    acme, other, untouched = make_tenant(slug="acme"), make_tenant(slug="other"), make_tenant(slug="untouched")
    settings.OIDC_ROLE_MAP = ("platform=acme:admin", "all staff=acme:viewer", "finance=other:billing")
    issuer.claims |= {"groups": ["all staff", "platform"]}

    def roles():
        user = User.objects.get(email="ada@example.org")
        return {(row.tenant.slug, row.role) for row in Membership.objects.filter(user=user)}

    come_back(client, issuer)
    assert roles() == {("acme", "admin")}
    services.set_membership(user=User.objects.get(email="ada@example.org"), tenant=untouched, role="owner")

    client.post("/account/logout/")
    issuer.claims |= {"groups": ["all staff", "finance"]}
    come_back(client, issuer)
    assert roles() == {("acme", "viewer"), ("other", "billing"), ("untouched", "owner")}

    client.post("/account/logout/")
    issuer.claims |= {"groups": []}
    come_back(client, issuer)
    assert roles() == {("untouched", "owner")}
    assert not Membership.objects.for_tenant(acme).exists()
    assert not Membership.objects.for_tenant(other).exists()


def test_the_last_owner_stays_whatever_the_issuer_says(client, issuer, settings):
    acme = make_tenant(slug="acme")
    settings.OIDC_ROLE_MAP = ("platform=acme:admin",)
    ada = make_user(email="ada@example.org")
    services.set_membership(user=ada, tenant=acme, role="owner")

    come_back(client, issuer)

    assert signed_in(client)
    assert Membership.objects.for_tenant(acme).get(user=ada).role == "owner"


def test_claims_are_found_inside_objects_and_single_texts():
    data = {"id_token": {"realm_access": {"roles": ["a", 7]}}, "userinfo": {"realm_access": {"roles": "b"}}}

    assert claimed_values(data, "realm_access.roles") == {"a", "b"}
    assert claimed_values(data, "groups") == frozenset()
    assert claimed_values({}, "groups") == frozenset()


ROLES = [role for role, _label in ROLE_CHOICES]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.sampled_from(ROLES))),
    st.sets(st.sampled_from("abcd")),
)
def test_of_several_roles_the_strongest_counts(rules, held):
    found = roles_for(held, [f"{value}={slug}:{role}" for value, slug, role in rules])

    assert set(found) == {slug for _value, slug, _role in rules}
    for slug, role in found.items():
        given_roles = [rule[2] for rule in rules if rule[1] == slug and rule[0] in held]
        assert role == (min(given_roles, key=ROLES.index) if given_roles else "")
