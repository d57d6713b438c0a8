"""What tests of signing in share: a password, the code an authenticator app shows, forms as a browser sends them."""

import base64
import hashlib
import hmac
import struct
import time

PASSWORD = "correct horse battery"
LOGIN = "/account/login/"


def totp(secret: str, at: float | None = None) -> str:
    """The six digits of RFC 6238 (SHA-1, steps of 30 s)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time() if at is None else at) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def sign_in(client, login, password=PASSWORD, **extra):
    return client.post(LOGIN, {"login": login, "password": password}, **extra)


def confirm_it_is_me(client, path):
    """Answer the question for the password that stands before ``path``."""
    asked = client.get(path)
    assert asked.status_code == 302, "not asked"
    return client.post(asked["Location"], {"password": PASSWORD})


def set_up_totp(client) -> str:
    """Turn the authenticator app on; returns its secret."""
    path = "/account/2fa/totp/activate/"
    confirm_it_is_me(client, path)
    secret = client.get(path).context["form"].secret
    answer = client.post(path, {"code": totp(secret)})
    assert answer.status_code == 302, answer.context["form"].errors
    return secret


class Kept:
    """An emitter that keeps what it is given."""

    def __init__(self):
        self.events = []

    def emit(self, payload, context):
        self.events.append(payload)

    def flush(self):
        """Nothing is held back."""

    def of(self, event_type):
        return [event for event in self.events if event.event_type == event_type]
