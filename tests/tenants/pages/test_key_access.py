"""Which documents a key finds is said when it is made, and can be changed."""

from __future__ import annotations

import pytest

from tenants.compile import compile_key
from tenants.models import ApiKey
from tests.tenants.factories import make_key
from tests.tenants.pages.people import body_of

pytestmark = pytest.mark.django_db


def sent(**fields):
    wanted = {"name": "search", "scopes": ["retrieval", "documents"], "expires": "never", "budget_action": "block"}
    return {**wanted, **fields}


def test_a_key_is_made_with_scopes_for_documents_and_access_tags(owner, tenant):
    assert "Search documents" in body_of(owner.get("/t/acme/keys/new/"))
    assert owner.post("/t/acme/keys/new/", sent(access_tags="hr, legal hr")).status_code == 200
    key = ApiKey.objects.for_tenant(tenant).get()
    assert (key.scopes, key.access_tags) == (["retrieval", "documents"], ["hr", "legal"])
    assert compile_key(key, (), ()).access_tags == frozenset({"hr", "legal"})


def test_a_tag_that_is_none_is_refused_beside_the_field_and_stays_typed(owner, tenant):
    shown = body_of(owner.post("/t/acme/keys/new/", sent(access_tags="hr!")))
    assert "A tag has letters, digits" in shown
    assert 'value="hr!"' in shown
    assert not ApiKey.objects.for_tenant(tenant).exists()


def test_tags_are_changed_and_the_keys_page_says_what_it_finds(owner, tenant):
    key = make_key(tenant, scopes=["retrieval"])
    page = f"/t/acme/keys/{key.pk}/"
    assert "Those without access tags" in body_of(owner.get(page))
    owner.post(f"{page}edit/", sent(scopes=["retrieval"], access_tags="*"))
    key.refresh_from_db()
    assert key.access_tags == ["*"]
    assert "All of the tenant's" in body_of(owner.get(page))
