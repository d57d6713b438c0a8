"""An OpenID Connect issuer: discovery, keys, code flow with PKCE, userinfo. As strict as the specification.

OpenID Connect Core 1.0 (3.1), Discovery 1.0, RFC 7636. What it says about the person is set by the test; ``forge``
makes it sign with a key that is not among its published ones, and so on.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "breakwater", "client-secret"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """A running issuer; ``url`` is its identifier."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "u1", "email": "ada@example.org", "email_verified": True}
        self.userinfo: dict[str, Any] | None = None
        """Other claims than the ID token's; None: the same."""
        self.forge = ""
        """``key`` | ``audience`` | ``issuer`` | ``expired``: what is wrong with ID tokens."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self.requests: list[str] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)

    def __enter__(self) -> Issuer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def authorize(self, url: str) -> str:
        """What the person's browser does at the issuer; where it is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{self.url}/authorize?")
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def document(self, path: str) -> Any:
        """Discovery and keys."""
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        if path == "/keys":
            numbers = self._key.public_key().public_numbers()
            n, e = numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")
            return {
                "keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": _base64(n), "e": _base64(e)}]
            }
        return None

    def token(self, form: dict[str, str]) -> tuple[int, Any]:
        """A code for tokens (RFC 6749, 4.1.3; RFC 7636, 4.6)."""
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = _base64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        known = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if asked is None or not known or form.get("grant_type") != "authorization_code":
            return 400, {"error": "invalid_grant"}
        if asked["redirect_uri"] != form.get("redirect_uri") or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        access = secrets.token_urlsafe()
        self._tokens.add(access)
        return 200, {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": self._id_token()}

    def _id_token(self) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **self.claims}
        key = self._key
        match self.forge:
            case "key":
                key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            case "audience":
                claims["aud"] = "another client"
            case "issuer":
                claims["iss"] = "https://elsewhere.example"
            case "expired":
                claims["exp"] = now - 300
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"})

    def person(self, authorization: str) -> tuple[int, Any]:
        """Userinfo (5.3)."""
        if authorization.removeprefix("Bearer ") not in self._tokens:
            return 401, {"error": "invalid_token"}
        return 200, self.claims if self.userinfo is None else self.userinfo


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests.append(self.path)
            if self.path == "/userinfo":
                self._answer(*issuer.person(self.headers.get("Authorization", "")))
                return
            document = issuer.document(self.path)
            self._answer(200 if document else 404, document or {})

        def do_POST(self) -> None:
            issuer.requests.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._answer(*issuer.token({name: values[0] for name, values in parse_qs(body).items()}))

        def _answer(self, status: int, document: Any) -> None:
            body = msgspec.json.encode(document)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not on standard error."""

    return Handler
