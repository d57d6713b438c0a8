from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidRequest
from gateway.formats.validation import MAX_DEPTH, decode_object, require_length, require_range, tags_of


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """An object of this many levels."""
    return b'{"a":' + opening * (depth - 1) + b"1" * (opening != b"[") + closing * (depth - 1) + b"}"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_deepest_body_allowed_is_read(opening: bytes, closing: bytes) -> None:
    assert "a" in decode_object(nested(MAX_DEPTH, opening, closing))


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 960, 1_100, 100_000])
def test_a_deeper_body_is_refused(depth: int, opening: bytes, closing: bytes) -> None:
    with pytest.raises(InvalidRequest, match="nested"):
        decode_object(nested(depth, opening, closing))


def test_a_wide_body_is_not_a_deep_one() -> None:
    assert len(decode_object(b'{"a":[' + b",".join([b"[{}]"] * 5_000) + b"]}")["a"]) == 5_000


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    with suppress(InvalidRequest):
        assert isinstance(decode_object(body), dict)


def test_a_text_that_is_too_long_is_named_but_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        require_length("m" * 1_000_000, "model", 512)
    assert caught.value.param == "model"
    assert len(caught.value.message) < 100


def test_bounds_are_written_out() -> None:
    with pytest.raises(InvalidRequest, match="between 1 and 100000000, got -1"):
        require_range(-1, "max_tokens", 1, 100_000_000)


@pytest.mark.parametrize("tags", [["a"] * 33, {str(number): "" for number in range(33)}, ["a" * 129], {"a": "b" * 129}])
def test_too_many_or_too_long_tags_are_refused(tags: dict[str, str] | list[str]) -> None:
    with pytest.raises(InvalidRequest):
        tags_of(tags)
