"""Who is let in: tokens, keys, channels."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import RSAAlgorithm

from service.auth.identity import (
    Caller,
    NoIdentity,
    NotForYou,
    Tokens,
    open_tokens,
)
from service.auth.keys import KeyServer, KeysUnavailable
from tests.support.models.model_settings import settings
from tests.support.pace import took
from tests.support.servers.dev_server import SECRET, token

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: Any) -> str:
    found: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return found.decode()


def public_pem(key: Any) -> str:
    found: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found.decode()


async def caller(sent: str, acting_for: str | None = None, **chosen: Any) -> Caller:
    chosen = chosen or {"auth_secret": SECRET}
    async with open_tokens(settings(**chosen)) as tokens:
        assert tokens is not None
        return await tokens.caller(f"Bearer {sent}", acting_for)


async def test_a_valid_token_tells_who_calls_and_their_tier() -> None:
    assert await caller(token("alex@example.com", tier="free")) == Caller(
        "alex@example.com", "free"
    )
    assert await caller(token("用户")) == Caller("用户", None)
    assert await caller(token("x" * 500, aud=["other", "mnemograph"])) == Caller("x" * 500, None)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"iss": "somebody else"},
        {"iss": None},
        {"aud": "somebody else"},
        {"aud": None},
        {"nbf": int(time.time()) + 600},
        {"secret": "another secret, which is long enough too"},
        {"algorithm": "HS512", "secret": SECRET * 2},
        {"tier": "gold"},
        {"tier": ["plus"]},
    ],
)
async def test_a_token_that_is_not_valid_here_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(NoIdentity):
        await caller(token("alex", **claims))


def unsigned(algorithm: str) -> str:
    """Return a token that claims not to be signed."""
    parts = jwt.decode_complete(token("alex"), options={"verify_signature": False})
    header = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    payload = json.dumps(parts["payload"]).encode()
    return ".".join(urlsafe_b64encode(p).decode().rstrip("=") for p in (header, payload)) + "."


@pytest.mark.parametrize(
    "sent",
    [
        unsigned("none"),
        unsigned("None"),
        unsigned("HS256"),
        token("alex")[:-3] + "abc",
        "",
        "nonsense",
        "a.b.c",
        "x" * 20_000,
        token("alex").replace(".", "..", 1),
    ],
)
async def test_what_is_no_token_is_refused(sent: str) -> None:
    with pytest.raises(NoIdentity):
        await caller(sent)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YWxleDphbGV4", "Token abc"])
async def test_without_a_bearer_token_nobody_is_let_in(header: str | None) -> None:
    async with open_tokens(settings(auth_secret=SECRET)) as tokens:
        assert tokens is not None
        with pytest.raises(NoIdentity, match="Authorization: Bearer"):
            await tokens.caller(header)


async def test_without_a_key_nobody_is_asked() -> None:
    async with open_tokens(settings()) as tokens:
        assert tokens is None


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (RSA, "PS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
async def test_tokens_signed_with_a_private_key_are_checked_with_its_public_half(
    key: Any, algorithm: str, tmp_path: Path
) -> None:
    pem = public_pem(key)
    file = tmp_path / "key.pem"
    file.write_text(pem)
    sent = token("alex", secret=private_pem(key), algorithm=algorithm)
    for place in (pem, str(file)):
        assert await caller(sent, auth_public_key=place) == Caller("alex", None)
    with pytest.raises(NoIdentity):
        await caller(token("alex"), auth_public_key=pem)


async def test_a_public_key_is_never_taken_for_a_shared_secret() -> None:
    pem = public_pem(RSA)
    header = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    payload = token("eve").split(".")[1]
    signed = hmac.new(pem.encode(), f"{header}.{payload}".encode(), hashlib.sha256).digest()
    forged = f"{header}.{payload}.{urlsafe_b64encode(signed).decode().rstrip('=')}"
    with pytest.raises(NoIdentity):
        await caller(forged, auth_public_key=pem)


@pytest.mark.parametrize("value", ["no key", "/nowhere/key.pem", private_pem(RSA)])
async def test_a_public_key_that_cannot_be_used_is_said_in_one_sentence(value: str) -> None:
    with pytest.raises(ValueError, match="MNEMO_AUTH_PUBLIC_KEY"):
        async with open_tokens(settings(auth_public_key=value)):
            pass


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"auth_secret": "short"}, "32 bytes"),
        ({"auth_secret": SECRET, "auth_jwks_url": "http://127.0.0.1"}, "set one"),
    ],
)
def test_settings_that_are_not_safe_are_refused(chosen: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        settings(**chosen)


# Channels


async def test_a_channel_speaks_for_the_user_it_names() -> None:
    channel = token("telegram", scope="read channel")
    assert await caller(channel, "alex%40example.com") == Caller("alex@example.com", None)
    assert await caller(token("t", scope=["channel"], tier="plus"), "%E7%94%A8") == Caller(
        "用", "plus"
    )


@pytest.mark.parametrize("named", [None, ""])
async def test_a_channel_must_name_a_user(named: str | None) -> None:
    with pytest.raises((NotForYou, NoIdentity)):
        await caller(token("telegram", scope="channel"), named)


@pytest.mark.parametrize(
    "scope", ["", "channels", "CHANNEL", ["chan", "nel"], {"channel": 1}, None]
)
async def test_nobody_else_may_name_another_user(scope: Any) -> None:
    with pytest.raises(NotForYou, match="scope channel"):
        await caller(token("eve", scope=scope), "alex")


# Keys of an identity provider


class Provider:
    """An identity provider that publishes keys on loopback."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        self.broken = False
        self.drips = False
        """Whether it sends its answer sign by sign, so that none of them is late."""
        self.body = b""
        """What is published instead of the keys."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                body = provider.body or json.dumps({"keys": provider.keys}).encode()
                self.send_response(500 if provider.broken else 200)
                self.end_headers()
                with suppress(OSError):  # Who asked does not wait any more.
                    while provider.drips:
                        self.wfile.write(b" ")
                        self.wfile.flush()
                        time.sleep(0.05)
                    self.wfile.write(b"" if provider.broken else body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def publish(self, name: str, key: rsa.RSAPrivateKey, **more: Any) -> None:
        told = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.keys.append({**told, "kid": name, "alg": "RS256", "use": "sig", **more})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    found.publish("one", RSA)
    yield found
    found.close()


def signed(user: str, key: rsa.RSAPrivateKey, name: str) -> str:
    claims = jwt.decode(token(user), options={"verify_signature": False})
    return jwt.encode(claims, key, "RS256", headers={"kid": name})


async def as_sent(tokens: Tokens | None, sent: str) -> str:
    assert tokens is not None
    return (await tokens.caller(f"Bearer {sent}")).user_id


async def test_published_keys_are_fetched_once_and_kept(provider: Provider) -> None:
    async with open_tokens(settings(auth_jwks_url=provider.url)) as tokens:
        for _ in range(3):
            assert await as_sent(tokens, signed("alex", RSA, "one")) == "alex"
        assert provider.asked == 1
        with pytest.raises(NoIdentity):
            await as_sent(tokens, signed("alex", OTHER_RSA, "one"))
        for _ in range(3):
            with pytest.raises(NoIdentity):
                await as_sent(tokens, signed("alex", OTHER_RSA, "two"))
        assert provider.asked == 1


async def test_a_new_key_is_found_after_a_while(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeyServer, "PAUSE", 0.0)
    async with open_tokens(settings(auth_jwks_url=provider.url)) as tokens:
        await as_sent(tokens, signed("alex", RSA, "one"))
        provider.publish("two", OTHER_RSA)
        assert await as_sent(tokens, signed("alex", OTHER_RSA, "two")) == "alex"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"5",
        b"null",
        b'{"keys": 5}',
        b'{"keys": null}',
        b"[" * 100_000,
        b"\xff",
        b"too large",
    ],
)
async def test_a_provider_that_publishes_no_keys_is_said(provider: Provider, body: bytes) -> None:
    if body == b"too large":  # keys, and much beside them
        body = json.dumps({"keys": provider.keys, "more": "x" * 2_000_000}).encode()
    provider.body = body
    async with open_tokens(settings(auth_jwks_url=provider.url)) as tokens:
        with pytest.raises(KeysUnavailable, match="try again later"):
            await as_sent(tokens, signed("alex", RSA, "one"))


async def test_odd_keys_beside_a_good_one_do_no_harm(provider: Provider) -> None:
    odd: list[Any] = [5, None, [], {}, {"kty": "RSA"}, {"kty": "RSA", "n": 5, "e": "AQAB"}]
    odd += [told | {"alg": "none"} for told in provider.keys]
    odd += [{"kty": []}, {"kty": "EC", "crv": {}}, {"kty": "oct", "k": "AA"}]
    provider.keys += odd
    provider.publish("two", OTHER_RSA, kid=["two"])
    async with open_tokens(settings(auth_jwks_url=provider.url)) as tokens:
        assert await as_sent(tokens, signed("alex", RSA, "one")) == "alex"


async def test_a_provider_that_is_down_locks_out_nobody_whose_key_is_known(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeyServer, "PAUSE", 0.0)
    chosen = settings(auth_jwks_url=provider.url, auth_jwks_life="PT0S")
    async with open_tokens(chosen) as tokens:
        provider.broken = True
        with pytest.raises(KeysUnavailable, match="try again later"):
            await as_sent(tokens, signed("alex", RSA, "one"))
        provider.broken = False
        await as_sent(tokens, signed("alex", RSA, "one"))
        provider.broken = True
        assert await as_sent(tokens, signed("alex", RSA, "one")) == "alex"


async def test_a_provider_whose_answer_never_ends_keeps_nobody_waiting(provider: Provider) -> None:
    provider.drips = True
    sent = signed("alex", RSA, "one")
    begun = time.monotonic()
    async with open_tokens(settings(auth_jwks_url=provider.url, store_timeout=0.5)) as tokens:
        waiting = [as_sent(tokens, sent) for _ in range(20)]
        for answer in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(answer, KeysUnavailable)
        assert took(begun) < 2
        provider.drips = False
        assert await as_sent(tokens, sent) == "alex"


async def test_only_published_signing_keys_with_a_public_half_count(provider: Provider) -> None:
    secret = urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")
    provider.keys = [{"kty": "oct", "k": secret, "kid": "shared", "alg": "HS256"}, {}, {"kty": "x"}]
    provider.publish("enc", RSA, use="enc")
    provider.publish("one", RSA)
    async with open_tokens(settings(auth_jwks_url=provider.url)) as tokens:
        assert await as_sent(tokens, signed("alex", RSA, "one")) == "alex"
        claims = jwt.decode(token("eve"), options={"verify_signature": False})
        shared = jwt.encode(claims, SECRET, "HS256", headers={"kid": "shared"})
        for sent in (shared, signed("eve", RSA, "enc")):
            with pytest.raises(NoIdentity):
                await as_sent(tokens, sent)
