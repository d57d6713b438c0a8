"""A credential does not show itself, however it is looked at."""

import copy
import pickle

import msgspec
import pytest

from contracts.specs import ProviderSpec, Secret

VALUE = "sk-planted"


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda secret: f"{[secret]}", ascii])
def test_no_way_of_printing_shows_the_value(show):
    provider = ProviderSpec(id="1", name="p", kind="openai", base_url="", credential=Secret(VALUE))

    assert VALUE not in show(Secret(VALUE))
    assert VALUE not in show(provider)


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps, copy.deepcopy])
def test_it_is_not_serialised(encode):
    with pytest.raises(TypeError) as caught:
        encode({"credential": Secret(VALUE)})
    assert VALUE not in str(caught.value)


def test_a_new_value_is_another_version():
    secret = Secret("")
    assert not secret

    assert secret.replace(VALUE) is True
    assert secret.replace(VALUE) is False
    assert (bool(secret), secret.version, secret.reveal()) == (True, 1, VALUE)
