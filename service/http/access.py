"""Whose memory a request is about, and whether its caller may see it. No route is here."""

from datetime import datetime
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, HTTPException, Path, Query, Request

from domain.as_of import as_of_date
from domain.owner import Owner
from domain.text.moments import zone_of
from service.auth.identity import Caller, acting_for
from service.http.problems import NOTHING
from service.serving import Serving

UserId = Annotated[str, Path(description="Who is talking; percent-encoded, a slash too.")]
CharacterId = Annotated[str, Path(description="Whom they talk with; percent-encoded, too.")]


def serving_of(request: Request) -> Serving:
    """Return what the application of a request serves with."""
    serving: Serving = request.app.state.serving
    return serving


async def caller_of(request: Request) -> Caller:
    """Return who is calling.

    Raises:
        IdentityError: If the caller is not accepted.
    """
    sent = request.headers.get("authorization")
    return await serving_of(request).caller(sent, acting_for(request.scope))


async def user_of(user_id: UserId, caller: Annotated[Caller, Depends(caller_of)]) -> str:
    """Return the user of a path, if the caller may see what is theirs.

    Raises:
        HTTPException: 404 if not.
    """
    user = decoded(user_id)
    if caller.has_token and caller.user_id != user:
        raise HTTPException(404, NOTHING)
    return user


async def owner_of(character_id: CharacterId, user: Annotated[str, Depends(user_of)]) -> Owner:
    """Return the owner of a path, if the caller may see what is theirs."""
    return Owner(user, decoded(character_id))


Served = Annotated[Serving, Depends(serving_of)]


async def moment_of(
    served: Served,
    as_of: Annotated[
        str | None, Query(description="What was true then, as 2026-05-31. Not given: now.")
    ] = None,
) -> datetime | None:
    """Return the moment that the query names.

    Raises:
        HTTPException: 422 if it is no date.
    """
    try:
        zone = served.parts.settings.timezone
        return as_of_date(as_of, zone_of(zone) if zone else None)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def decoded(segment: str) -> str:
    """Return an id from its segment of the path, which `OwnPaths` left encoded.

    Raises:
        HTTPException: 400 if it is no percent-encoded UTF-8.
    """
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise HTTPException(400, "An id in the path is no percent-encoded UTF-8.") from error


Asking = Annotated[Caller, Depends(caller_of)]
OwnUser = Annotated[str, Depends(user_of)]
OwnMemory = Annotated[Owner, Depends(owner_of)]
AsOf = Annotated[datetime | None, Depends(moment_of)]
