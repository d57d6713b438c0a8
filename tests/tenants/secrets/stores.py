"""Stand-ins for the secret stores: real HTTP servers that speak as much of their protocols as the clients use.

Each checks how it is authenticated, and can be told to fail, to forget what it granted, and to change its secrets.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = tuple[int, Any, dict[str, str]]


class Store:
    """One server on a free port of this machine; ``requests`` are (method, path) pairs."""

    scheme = "http"

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.failing: int | None = None
        """Answer everything with this status, quoting what was sent, as bad proxies do."""
        self.port = 0

    @property
    def address(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        raise NotImplementedError

    def count(self, path: str) -> int:
        return sum(1 for _, asked in self.requests if asked.startswith(path))


def ok(body: Any, **headers: str) -> Answer:
    return 200, body, headers


@contextmanager
def serving(store: Store, certificate: tuple[Path, Path] | None = None) -> Iterator[Store]:
    """Serve on a thread of its own until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            store.requests.append((self.command, self.path))
            if store.failing is not None:
                quoted: Answer = (store.failing, {"errors": [str(headers), body.decode()]}, {})
                status, answer, extra = quoted
            else:
                status, answer, extra = store.answer(self.command, self.path, headers, body)
            encoded = b"" if answer is None else msgspec.json.encode(answer)
            self.send_response(status)
            for name, value in {"content-type": "application/json", **extra}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    store.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class VaultStore(Store):
    """HashiCorp Vault: the key-value engine (version 2), AppRole, tokens that can be renewed and end."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, dict[str, Any]] = {}
        """By ``mount/path``."""
        self.tokens: dict[str, dict[str, Any]] = {}
        self.roles: dict[str, str] = {"role-1": "planted-secret-id"}
        self.ttl = 3600
        self.renewable = True
        self.namespace: str | None = None
        self._issued = 0

    def issue(self, token: str = "") -> str:
        self._issued += 1
        token = token or f"hvs.planted-token-{self._issued}"
        self.tokens[token] = {"ttl": self.ttl, "renewable": self.renewable}
        return token

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if headers.get("x-vault-namespace") != self.namespace:
            return 404, {"errors": ["no handler for route"]}, {}
        path = urlsplit(path).path
        if method == "POST" and re.fullmatch(r"/v1/auth/[^/]+/login", path):
            return self._log_in(msgspec.json.decode(body))
        token = headers.get("x-vault-token", "")
        granted = self.tokens.get(token)
        if granted is None:
            return 403, {"errors": ["permission denied", f"token {token} is not valid"]}, {}
        if path == "/v1/auth/token/lookup-self":
            return ok({"data": {"id": token, **granted}})
        if path == "/v1/auth/token/renew-self":
            return ok({"auth": {"client_token": token, "lease_duration": self.ttl, "renewable": self.renewable}})
        found = re.fullmatch(r"/v1/([^/]+)/data/(.+)", path)
        fields = self.secrets.get(f"{found[1]}/{found[2]}") if found else None
        if fields is None:
            return 404, {"errors": []}, {}
        return ok({"data": {"data": fields, "metadata": {"version": 1, "deletion_time": "", "destroyed": False}}})

    def _log_in(self, sent: dict[str, str]) -> Answer:
        if not sent.get("secret_id") or self.roles.get(sent["role_id"]) != sent["secret_id"]:
            return 400, {"errors": ["invalid role or secret ID"]}, {}
        token = self.issue()
        return ok({"auth": {"client_token": token, "lease_duration": self.ttl, "renewable": self.renewable}})


class AwsStore(Store):
    """AWS Secrets Manager: ``GetSecretValue`` over the JSON protocol, signed with Signature Version 4."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, Any] = {}
        self.denied = ""
        """A ``__type`` to refuse with."""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        signed = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=\w+/\d{8}/[\w-]+/secretsmanager/aws4_request, "
            r"SignedHeaders=[\w;-]*host[\w;-]*, Signature=[0-9a-f]{64}",
            headers.get("authorization", ""),
        )
        if method != "POST" or signed is None:
            return 400, {"__type": "MissingAuthenticationTokenException"}, {}
        if headers.get("x-amz-target") != "secretsmanager.GetSecretValue":
            return 400, {"__type": "UnknownOperationException"}, {}
        if self.denied:
            return 400, {"__type": self.denied, "Message": f"no: {headers['authorization']}"}, {}
        identifier = msgspec.json.decode(body)["SecretId"]
        if identifier not in self.secrets:
            message = "Secrets Manager can't find the specified secret."
            return 400, {"__type": "ResourceNotFoundException", "Message": message}, {}
        value = self.secrets[identifier]
        kind = "SecretBinary" if isinstance(value, bytes) else "SecretString"
        return ok({"ARN": f"arn:aws:secretsmanager:x:1:secret:{identifier}", "Name": identifier, kind: value})


class AzureStore(Store):
    """Azure Key Vault and the identity service in front of it, on one port: the challenge, the token, the secret."""

    scheme = "https"
    tenant = "8a8c0000-0000-4000-8000-000000000001"

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, str] = {}
        """By name, or ``name/version``."""
        self.disabled: set[str] = set()
        self.client_secret = "planted-client-secret"
        self.tokens: set[str] = set()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        path = urlsplit(path).path
        if path.endswith("/.well-known/openid-configuration"):
            return ok(
                {
                    "authorization_endpoint": f"{self.address}/{self.tenant}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{self.address}/{self.tenant}/oauth2/v2.0/token",
                    "issuer": f"{self.address}/{self.tenant}/v2.0",
                }
            )
        if path.endswith("/oauth2/v2.0/token"):
            return self._token(parse_qs(body.decode()))
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            challenge = f'Bearer authorization="{self.address}/{self.tenant}", resource="https://vault.azure.net"'
            return 401, {"error": {"code": "Unauthorized"}}, {"www-authenticate": challenge}
        return self._secret(path.removeprefix("/secrets/").rstrip("/"))

    def _token(self, sent: dict[str, list[str]]) -> Answer:
        if sent.get("grant_type") != ["client_credentials"] or sent.get("client_secret") != [self.client_secret]:
            return 401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {sent}"}, {}
        token = f"planted-azure-token-{len(self.tokens)}"
        self.tokens.add(token)
        return ok({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def _secret(self, name: str) -> Answer:
        if name in self.disabled:
            error = {"code": "Forbidden", "message": "disabled", "innererror": {"code": "SecretDisabled"}}
            return 403, {"error": error}, {}
        if name not in self.secrets:
            return 404, {"error": {"code": "SecretNotFound", "message": f"{name} was not found"}}, {}
        base, _, version = name.partition("/")
        identifier = f"{self.address}/secrets/{base}/{version or 'v1'}"
        return ok({"value": self.secrets[name], "id": identifier, "attributes": {"enabled": True}})


def certificate_for_localhost(folder: Path) -> tuple[Path, Path]:
    """A certificate that is its own authority, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file
