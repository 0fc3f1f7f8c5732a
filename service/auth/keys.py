"""The keys that tokens are checked with: from the settings, or from an identity provider."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
PUBLIC = frozenset(
    (*CURVES.values(), "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
)
"""Algorithms that a key of a key server may have: never one with a shared secret."""


MOST = 256_000
"""Bytes of what a key server publishes at most; as a rule it is some kilobytes."""


_ODD = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, UnsupportedAlgorithm)
"""What reading JSON of any shape as keys raises; nested too deeply, or of the algorithm "none",
it is a RuntimeError."""


class IdentityError(Exception):
    """A request whose caller is not accepted; the text is one sentence."""

    status = 401


class KeysUnavailable(IdentityError):
    """The key server does not answer, so no token can be checked."""

    status = 503


@dataclass(frozen=True)
class Key:
    """What a signature is checked with, and the algorithms it may have."""

    value: Any
    algorithms: tuple[str, ...]


class Keys(Protocol):
    """Where the keys of tokens come from."""

    async def find(self, key_id: str | None) -> Key | None:
        """Return the key with an id; None if there is none.

        Raises:
            KeysUnavailable: If they cannot be had.
        """


@dataclass(frozen=True)
class FixedKey:
    """The one key of the settings, whatever id a token names."""

    key: Key

    async def find(self, key_id: str | None) -> Key | None:
        """Return the key."""
        return self.key


class KeyServer:
    """The keys that an identity provider publishes, kept for a while.

    Kept keys are used on where the provider does not answer; an unknown id is looked for anew,
    but not more often than every `PAUSE` seconds.
    """

    PAUSE = 30.0

    def __init__(self, url: str, client: httpx.AsyncClient, life: float, patience: float) -> None:
        """Fetch from `url` with `client`; keys are kept for `life` seconds.

        Everybody with a token waits for `patience` seconds at most, however slowly it answers.
        """
        self._url, self._client, self._life = url, client, life
        self._patience = patience
        self._keys: dict[str | None, Key] = {}
        self._tried: float | None = None
        self._failed = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> Key | None:
        """Return the key with an id; None if there is none.

        Raises:
            KeysUnavailable: If no key is at hand and the provider does not answer.
        """
        asked = monotonic()
        async with self._fetching:
            if self._failed > asked:  # What all who waited have heard meanwhile.
                raise self._unavailable()
            age = monotonic() - self._tried if self._tried is not None else None
            unknown = key_id not in self._keys
            if age is None or age > (self.PAUSE if unknown else self._life):
                self._tried = monotonic()
                await self._fetch()
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                listed = json.loads(await self._body())["keys"]
            self._keys = dict(filter(None, map(_published, listed)))
        except (httpx.HTTPError, TimeoutError, *_ODD) as error:
            if self._keys:
                return
            self._tried, self._failed = None, monotonic()
            raise self._unavailable() from error

    def _unavailable(self) -> KeysUnavailable:
        place = urlsplit(self._url).netloc.rpartition("@")[2]
        return KeysUnavailable(
            f"The key server {place} does not answer as it should, so no token can be checked: "
            "try again later."
        )

    async def _body(self) -> bytes:
        body = b""
        async with self._client.stream("GET", self._url) as response:
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST:
                    raise ValueError("These are more than keys.")
        return body


def _published(entry: Any) -> tuple[str | None, Key] | None:
    """Return a published key with its id; None for one that is not for signatures."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, *_ODD):
        return None  # What a provider publishes beside its good keys spoils none of those.
    if key.algorithm_name not in PUBLIC or not isinstance(key.key_id, str | None):
        return None
    return key.key_id, Key(key.key, (key.algorithm_name,))


def public_key(text: str) -> Key:
    """Return the key that a PEM text, or the file of that name, holds.

    Raises:
        ValueError: If there is none, or it is of a kind that is not used here.
    """
    try:
        pem = text if text.lstrip().startswith("-----") else Path(text).read_text()
        key = load_pem_public_key(pem.strip().encode())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "MNEMO_AUTH_PUBLIC_KEY is neither a public key in PEM form nor a file with one."
        ) from error
    if isinstance(key, RSAPublicKey):
        return Key(key, ("RS256", "PS256"))
    if isinstance(key, Ed25519PublicKey):
        return Key(key, ("EdDSA",))
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in CURVES:
        return Key(key, (CURVES[key.curve.name],))
    raise ValueError("MNEMO_AUTH_PUBLIC_KEY is no RSA, EC (P-256 to P-521) or Ed25519 key.")
