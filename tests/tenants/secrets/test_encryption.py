"""Stored secrets are encrypted for their row, under keys that can be exchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.secrets.encryption import CannotDecrypt, Sealed, SecretCipher

OLD, NEW = "o" * 32, "n" * 48


@given(st.text(), st.text(alphabet="abc-0"), st.text(alphabet="abc.-"))
def test_what_is_sealed_opens_again_in_its_place(value, owner, name):
    cipher = SecretCipher([OLD])
    sealed = cipher.seal(value, owner=owner, name=name)

    assert cipher.open(sealed, owner=owner, name=name) == value


def test_the_same_value_never_looks_the_same_twice():
    cipher = SecretCipher([OLD])
    first, second = (cipher.seal("v", owner="", name="n") for _ in range(2))

    assert first.ciphertext != second.ciphertext


@pytest.mark.parametrize(("owner", "name"), [("t2", "n"), ("t1", "m"), ("", "t1/n"), ("t1/n", "")])
def test_a_ciphertext_that_was_moved_to_another_row_does_not_open(owner, name):
    cipher = SecretCipher([OLD])
    sealed = cipher.seal("v", owner="t1", name="n")

    with pytest.raises(CannotDecrypt, match="another row"):
        cipher.open(sealed, owner=owner, name=name)


def test_a_changed_ciphertext_does_not_open():
    cipher = SecretCipher([OLD])
    sealed = cipher.seal("value", owner="", name="n")
    for index in range(len(sealed.ciphertext)):
        changed = bytearray(sealed.ciphertext)
        changed[index] ^= 1
        with pytest.raises(CannotDecrypt):
            cipher.open(Sealed(bytes(changed), sealed.key_id), owner="", name="n")
    with pytest.raises(CannotDecrypt):
        cipher.open(Sealed(b"", sealed.key_id), owner="", name="n")


def test_the_first_key_encrypts_and_the_others_still_decrypt():
    before, during, after = SecretCipher([OLD]), SecretCipher([NEW, OLD]), SecretCipher([NEW])
    old = before.seal("v", owner="", name="n")

    assert during.open(old, owner="", name="n") == "v"
    new = during.seal("v", owner="", name="n")
    assert (old.key_id, new.key_id) == (before.key_id, after.key_id)
    assert during.key_ids == (after.key_id, before.key_id)
    assert after.open(new, owner="", name="n") == "v"
    with pytest.raises(CannotDecrypt, match=f"{old.key_id}.*not in SECRETS_KEYS"):
        after.open(old, owner="", name="n")


@pytest.mark.parametrize("keys", [[], ["short"], [OLD, "x" * 31]])
def test_keys_that_are_missing_or_too_short_are_refused(keys):
    with pytest.raises(ValueError, match="key") as caught:
        SecretCipher(keys)
    assert "short" not in str(caught.value).replace("too short", "")
