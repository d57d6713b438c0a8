"""Entity tags are compared as RFC 9110 says."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from contracts.errors import InvalidRequest
from tenants.rest.errors import PreconditionFailed
from tenants.rest.etags import check_if_match, etag_of, is_known

TAG = etag_of("row", ["2026-01-01"])


def request(**headers: str) -> Request:
    return Request(
        APIRequestFactory().get("/", headers={name.replace("_", "-"): text for name, text in headers.items()})
    )


def test_a_tag_changes_with_the_row_and_with_its_version() -> None:
    assert len({TAG, etag_of("row", ["2026-01-02"]), etag_of("other", ["2026-01-01"]), etag_of("row", [])}) == 4


@pytest.mark.parametrize("header", [TAG, f"W/{TAG}", f'"x", {TAG}', "*", ' "x" , W/"y",' + TAG])
def test_if_none_match_compares_weakly(header: str) -> None:
    assert is_known(request(if_none_match=header), TAG)


@pytest.mark.parametrize("header", ['"x"', TAG[:-2] + '"', 'W/"x"'])
def test_another_tag_is_not_known(header: str) -> None:
    assert not is_known(request(if_none_match=header), TAG)


@pytest.mark.parametrize("header", [TAG, f'"x", {TAG}', "*"])
def test_if_match_takes_the_tag_among_others(header: str, settings: Any) -> None:
    settings.MANAGEMENT_REQUIRE_IF_MATCH = True
    check_if_match(request(if_match=header), TAG)


@pytest.mark.parametrize("header", ['"x"', f"W/{TAG}"])
def test_if_match_compares_strongly(header: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_if_match(request(if_match=header), TAG)


@pytest.mark.parametrize("header", ["x", '"x', f"{TAG} {TAG}", "w/x", "", ","])
def test_what_is_no_tag_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequest):
        check_if_match(request(if_match=header), TAG)
