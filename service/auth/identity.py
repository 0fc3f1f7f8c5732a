"""Who is calling: bearer tokens checked, and what they tell of the caller.

Nothing here knows a route or a server; `auth` and `access` ask.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx
import jwt
from starlette.authentication import BaseUser

from service.auth.keys import FixedKey, IdentityError, Key, Keys, KeyServer, public_key
from settings import Settings

CHANNEL = "channel"
"""The scope of a token that may speak for the user whom a request names."""
USER_HEADER = "x-mnemo-user"
"""Names that user, percent-encoded UTF-8."""
FROM_OUTSIDE: ContextVar[bool] = ContextVar("mnemo_from_outside", default=False)
"""Whether a request that came in over the network is being served."""
ASKED_BY_NAME: ContextVar[bool] = ContextVar("mnemo_asked_by_name", default=False)
"""Whether a request is served whose client is told of an error by its name alone."""
LEEWAY = 30
"""Seconds by which the clocks of issuer and server may differ."""
LONGEST = 16_384
"""Characters of a token at most."""


class NoIdentity(IdentityError):
    """No token, or one that is not valid here."""


class NotForYou(IdentityError):
    """A valid token that may not do this."""

    status = 403


@dataclass(frozen=True)
class Caller(BaseUser):
    """Who is calling, as a LangGraph server keeps it with a run."""

    user_id: str
    """The token's subject, or the user whom a channel speaks for."""
    tier: str | None = None
    """Name of the tier; None: the setting's."""
    has_token: bool = True
    """False where nobody was asked for one."""

    @property
    def identity(self) -> str:
        """The user's id."""
        return self.user_id

    @property
    def display_name(self) -> str:
        """The user's id."""
        return self.user_id

    @property
    def is_authenticated(self) -> bool:
        """Whether a token says so."""
        return self.has_token

    @property
    def permissions(self) -> list[str]:
        """None are used: what a caller may do depends on whose it is."""
        return []


ANYBODY = Caller("", has_token=False)
"""The caller where authentication is off, or of what everybody may see."""


class Tokens:
    """Checks tokens against the keys, issuer and audience of the settings."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        """Check with `keys`."""
        self._settings, self._keys = settings, keys

    async def caller(self, authorization: str | None, acting_for: str | None = None) -> Caller:
        """Return who is calling.

        Args:
            authorization: The `Authorization` header.
            acting_for: What `acting_for` found: whom a channel speaks for.

        Raises:
            NoIdentity: Without a valid token.
            NotForYou: If the token may not speak for that user.
            KeysUnavailable: If the key server does not answer.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST:
            raise NoIdentity('Send a token, as "Authorization: Bearer ...".')
        claims = await self._claims(token)
        tier = claims.get(self._settings.auth_tier_claim)
        if tier is not None and tier not in list(self._settings.all_tiers):
            names = ", ".join(self._settings.all_tiers)
            raise NoIdentity(f"The token names a tier that does not exist; there are: {names}.")
        return Caller(_subject(claims, acting_for), tier)

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            key = await self._keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise NoIdentity("The token was not signed for this server.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.value,
                algorithms=key.algorithms,
                audience=self._settings.auth_audience,
                issuer=self._settings.auth_issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise NoIdentity("The token has expired: get a new one.") from error
        except jwt.PyJWTError as error:
            raise NoIdentity("The token is not valid here.") from error
        return claims


def acting_for(scope: Mapping[str, Any]) -> str | None:
    """Return whom a request names, of its ASGI scope; None where it names nobody.

    Raises:
        NotForYou: If it names several: what a proxy added must not be hidden by what was sent.
    """
    named = [value for name, value in scope["headers"] if name.lower() == USER_HEADER.encode()]
    if len(named) > 1:
        raise NotForYou(f"The header {USER_HEADER} is there more than once: send it once.")
    return str(named[0].decode("latin-1")) if named else None


def _subject(claims: dict[str, Any], acting_for: str | None) -> str:
    """Return whose request it is: the subject, or the user whom a channel names."""
    subject, scope = claims["sub"], claims.get("scope", "")
    scopes = scope.split() if isinstance(scope, str) else scope
    channel = isinstance(scopes, list) and CHANNEL in scopes
    if channel != (acting_for is not None):
        raise NotForYou(
            f"This token speaks for users of a channel: name one in the header {USER_HEADER}."
            if channel
            else f"Only a token with the scope {CHANNEL} may name another user in {USER_HEADER}."
        )
    try:
        user = unquote(acting_for, errors="strict") if acting_for is not None else subject
    except UnicodeDecodeError as error:
        raise NoIdentity(f"{USER_HEADER} is no percent-encoded UTF-8.") from error
    if not user:
        raise NoIdentity("The token or its request names no user.")
    return str(user)


@asynccontextmanager
async def open_tokens(settings: Settings) -> AsyncIterator[Tokens | None]:
    """Open what checks tokens; None where the settings name no key.

    Raises:
        ValueError: If the public key cannot be read.
    """
    if settings.auth_secret is not None:
        secret = settings.auth_secret.get_secret_value()
        yield Tokens(settings, FixedKey(Key(secret, ("HS256",))))
    elif settings.auth_public_key is not None:
        key = await asyncio.to_thread(public_key, settings.auth_public_key)
        yield Tokens(settings, FixedKey(key))
    elif settings.auth_jwks_url is not None:
        # In a thread: a client reads the certificates of authorities from disk.
        client = await asyncio.to_thread(httpx.AsyncClient, timeout=settings.store_timeout)
        async with client:
            life = settings.auth_jwks_life.total_seconds()
            url, patience = settings.auth_jwks_url, settings.store_timeout
            yield Tokens(settings, KeyServer(url, client, life, patience))
    else:
        yield None
