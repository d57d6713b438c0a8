"""Every way in which providers say when to come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.providers.retry_after import parse_duration, retry_after_s

NOW_S = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset-tokens": "2m59.56s"}, 179.56),
        ({"x-ratelimit-reset-requests": "12"}, 12.0),
        ({"x-ratelimit-reset": "1700000030000"}, 30.0),
        ({"x-ratelimit-reset": "1700000005"}, 5.0),
        ({"anthropic-ratelimit-tokens-reset": "2023-11-14T22:14:20Z"}, 60.0),
    ],
)
def test_the_delay_is_read_from_the_headers(headers, seconds):
    assert retry_after_s(headers, now_s=NOW_S) == (None if seconds is None else pytest.approx(seconds))


def test_an_instant_is_compared_with_the_response_own_date():
    headers = {"date": "Tue, 14 Nov 2023 22:13:00 GMT", "retry-after": "Tue, 14 Nov 2023 22:13:10 GMT"}
    assert retry_after_s(headers, now_s=NOW_S) == 10.0


def test_the_window_that_is_used_up_decides():
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-remaining-tokens": "900",
        "x-ratelimit-reset-tokens": "1s",
    }
    assert retry_after_s(headers) == 360.0


def test_the_anthropic_window_that_is_used_up_decides():
    headers = {
        "anthropic-ratelimit-requests-remaining": "10",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:21Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:40Z",
    }
    assert retry_after_s(headers, now_s=NOW_S) == 20.0


def test_google_says_it_in_the_body():
    body = b"""{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}"""
    assert retry_after_s({}, body) == 34.5
    assert retry_after_s({}, b"[" + body + b"]") == 34.5


@given(
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens"]), st.text())
)
def test_no_header_value_raises_or_gives_a_negative_delay(headers):
    delay = retry_after_s(headers, now_s=NOW_S)
    assert delay is None or delay >= 0


@given(st.binary())
def test_no_body_raises(body):
    retry_after_s({}, body + b"RetryInfo")


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_steps(hours, minutes, seconds, milliseconds):
    text = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    assert parse_duration(text) == pytest.approx(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)
