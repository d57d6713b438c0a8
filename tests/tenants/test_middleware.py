"""The signed-in user and their address reach the audit log."""

import pytest
from asgiref.sync import iscoroutinefunction
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from tenants.actor import SYSTEM, Actor, acting_as, current_actor
from tenants.middleware import actor_middleware, actor_of
from tenants.models import User


@pytest.fixture
def request_of():
    def build(user):
        request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.9")
        request.user = user
        return request

    return build


def test_a_sync_view_acts_as_the_signed_in_user(request_of):
    seen = []

    def view(request):
        seen.append(current_actor())
        return HttpResponse()

    actor_middleware(view)(request_of(User(username="ada")))

    assert seen == [Actor("ada", "192.0.2.9")]
    assert current_actor() == SYSTEM


async def test_an_async_view_acts_as_the_signed_in_user(request_of):
    seen = []

    async def view(request):
        seen.append(current_actor())
        return HttpResponse()

    middleware = actor_middleware(view)
    assert iscoroutinefunction(middleware)
    await middleware(request_of(User(username="ada")))

    assert seen == [Actor("ada", "192.0.2.9")]
    assert current_actor() == SYSTEM


def test_nobody_signed_in_is_anonymous(request_of):
    seen = []

    def view(request):
        seen.append(current_actor().name)
        return HttpResponse()

    actor_middleware(view)(request_of(AnonymousUser()))

    assert seen == ["anonymous"]


def test_the_user_is_not_looked_up_unless_something_is_audited(request_of):
    class Untouchable:
        @property
        def is_authenticated(self):
            raise AssertionError("looked up")

    assert actor_middleware(lambda request: HttpResponse())(request_of(Untouchable())).status_code == 200


def test_a_command_acts_under_its_own_name():
    with acting_as("config apply"):
        assert current_actor() == Actor("config apply")
    assert current_actor() == SYSTEM


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_the_address_behind_our_own_proxies_is_the_clients(settings, peer, forwarded, expected):
    settings.TRUSTED_PROXIES = ("10.0.0.0/8",)
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    assert actor_of(request).ip == expected
