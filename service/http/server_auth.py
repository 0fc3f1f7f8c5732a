"""Who may do what on a LangGraph server: its threads, runs, assistants, crons and store.

Where no key is configured everybody may do everything, as without this module. The routes of
`app` ask the same tokens by themselves.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid5

from langgraph_sdk import Auth
from starlette.exceptions import HTTPException

from domain.owner import DEFAULT_CHARACTER, LOCAL_USER, Owner, digest
from nodes.run_marks import BY_NAME, TEMPORARY
from service.auth.identity import ANYBODY, ASKED_BY_NAME, FROM_OUTSIDE, Caller, acting_for
from service.auth.keys import IdentityError
from service.http.assistants import SYSTEM, character_of
from service.http.problems import NOTHING, challenge
from service.ops.thread_records import USER
from service.usage import metrics
from service.usage.limits import LimitExceeded, MessageTooLarge

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from service.serving import Serving

OPEN = ("/health", "/inspector")
"""What is served without a token: whether the server answers, and a page without any data."""
REMEMBER = str(uuid5(UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), "remember"))
"""The assistant of the graph `remember`: ids are derived from this namespace and a graph's name."""
THREAD = re.compile(r"/threads/([0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12})(?:/|$)")
"""The paths of one thread."""

auth = Auth()


@auth.authenticate
async def authenticate(path: str, headers: dict[bytes, bytes], scope: Mapping[str, Any]) -> Caller:
    """Return who is calling."""
    if path in OPEN or path.startswith(tuple(f"{place}/" for place in OPEN)):
        return ANYBODY
    sent = {name.lower(): value.decode("latin-1") for name, value in headers.items()}
    try:
        caller = await _serving().caller(sent.get(b"authorization"), acting_for(scope))
    except IdentityError as error:
        if scope["type"] != "http":  # The answer to a websocket is not ours to word.
            raise Auth.exceptions.HTTPException(401, str(error)) from error
        _refuse(error.status, str(error), challenge(error))
    if caller.has_token and (thread := THREAD.match(path)):
        await _check_thread(thread[1], caller, scope["type"] == "http")
    return caller


async def _check_thread(thread: str, caller: Caller, http: bool) -> None:
    """Refuse a thread of another user, also where the server would first begin to answer."""
    holder = await _holder(UUID(thread))
    if holder is None or holder.user_id == caller.user_id:
        return
    if not http:
        raise Auth.exceptions.HTTPException(403, NOTHING)
    _refuse(404, NOTHING)


def _refuse(status: int, detail: str, headers: Mapping[str, str] | None = None) -> NoReturn:
    raise HTTPException(status, detail, dict(headers or {}))


def _serving() -> "Serving":
    """Return what this process serves with; imported late, for a server that times this module."""
    from service.serving import process_serving

    return process_serving()


def _free(ctx: Auth.types.AuthContext) -> bool:
    """Return whether nobody is asked for a token here."""
    return _serving().tokens is None


def _key(ctx: Auth.types.AuthContext) -> str:
    return digest(ctx.user.identity)


def _own(ctx: Auth.types.AuthContext) -> dict[str, str]:
    """Return the filter for what belongs to the caller."""
    return {USER: _key(ctx)}


def _stamp(ctx: Auth.types.AuthContext, value: Any) -> dict[str, str]:
    """Write into metadata that are about to be stored whose they are."""
    metadata = value.get("metadata")
    if metadata is None:
        metadata = value["metadata"] = {}
    metadata[USER] = _key(ctx)
    return _own(ctx)


@auth.on
async def deny(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Refuse what no other rule allows."""
    return _free(ctx)


# Threads and runs


@auth.on.threads
async def threads(ctx: Auth.types.AuthContext, value: Any) -> dict[str, str] | None:
    """Show a caller their own threads only."""
    return None if _free(ctx) else _own(ctx)


@auth.on.threads.create
async def create_thread(ctx: Auth.types.AuthContext, value: Any) -> dict[str, str] | None:
    """Give a new thread to its caller, unless it was somebody else's before the server forgot."""
    if _free(ctx):
        return None
    holder = await _holder(value.get("thread_id"))
    if holder is not None and holder.user_id != ctx.user.identity:
        _refuse(409, f"Thread with ID {value['thread_id']} already exists.")
    return _stamp(ctx, value)


@auth.on.threads.update
async def update_thread(ctx: Auth.types.AuthContext, value: Any) -> dict[str, str] | None:
    """Keep a thread with its owner."""
    if _free(ctx):
        return None
    if value.get("metadata") is not None:
        _stamp(ctx, value)
    return _own(ctx)


@auth.on.threads.create_run
async def create_run(ctx: Auth.types.AuthContext, value: Any) -> dict[str, str] | None:
    """Let a turn begin if it is the caller's thread and within the caller's limits."""
    free = _free(ctx)
    if str(value["assistant_id"]) == REMEMBER:
        if not free and FROM_OUTSIDE.get():
            _refuse(404, NOTHING)
        return None if free else _stamp(ctx, value)
    run = value["kwargs"]
    context = run["context"] = dict(run.get("context") or {})
    character = character_of(_serving().parts.settings, str(value["assistant_id"]))
    if character is not None and context.get("character_id") is None:
        context["character_id"] = character
    marks = run["config"].setdefault("configurable", {})
    # The server alone says so, whatever the request brought.
    marks |= {TEMPORARY: bool(run.get("temporary")), BY_NAME: ASKED_BY_NAME.get()}
    if not free:
        context["user_id"] = ctx.user.identity
        # What the server starts by itself (a cron) brings no token, so no tier.
        context["tier"] = ctx.user.tier if isinstance(ctx.user, Caller) else "free"
        await _check_owner(value.get("thread_id"), context)
    _check_brought(run, value.get("metadata"))
    if run.get("input") is None and not run.get("command") and await _is_empty(value["thread_id"]):
        run["input"] = {"messages": []}  # There is nothing to go on with, and the turn says so.
    await _admit(context)
    return None if free else _stamp(ctx, value)


async def _is_empty(thread: object) -> bool:
    """Return whether a thread has no checkpoint, or there is none yet."""
    place: RunnableConfig = {"configurable": {"thread_id": str(thread)}}
    checkpoints = _serving().parts.stores.checkpointer.alist(place, limit=1)
    return thread is None or not [each async for each in checkpoints]


def _check_brought(run: dict[str, Any], metadata: object) -> None:
    """Refuse a run that brings too much, or what no step could read."""
    from service.http.run_requests import check_run  # late, as `process_serving` is

    config, context = run.get("config") or {}, run.get("context") or {}
    marks = {k: v for k, v in (config.get("configurable") or {}).items() if k not in context}
    brought = [run.get("input"), run.get("command"), context, metadata, marks]
    try:
        _serving().limits.check_size([*brought, config.get("tags"), config.get("metadata")])
        check_run(run)
    except MessageTooLarge as error:
        metrics.LIMITED.labels("size").inc()
        _refuse(413, str(error))
    except ValueError as error:
        _refuse(422, str(error))


async def _admit(context: Mapping[str, Any]) -> None:
    """Refuse a turn that is one too many."""
    limits, settings = _serving().limits, _serving().parts.settings
    character = str(context.get("character_id") or DEFAULT_CHARACTER)
    try:
        tier = settings.tier_name(context.get("tier"), character)
        await limits.admit(str(context.get("user_id") or LOCAL_USER), tier)
    except LimitExceeded as error:
        metrics.LIMITED.labels("turns").inc()
        _refuse(429, str(error), {"retry-after": str(error.wait)})
    except ValueError as error:
        _refuse(422, str(error))


async def _check_owner(thread: object, context: Mapping[str, Any]) -> None:
    """Refuse a turn on a thread of another user, or of another of the caller's characters."""
    holder = await _holder(thread)
    if holder is None:
        return
    if holder.user_id != context["user_id"]:
        _refuse(404, NOTHING)
    if holder.character_id != (context.get("character_id") or DEFAULT_CHARACTER):
        from nodes.messages.refusal import FOREIGN

        _refuse(409, FOREIGN)


async def _holder(thread: object) -> Owner | None:
    """Return whom the journal gives a thread to; None for a new one."""
    if thread is None:
        return None
    return await _serving().parts.stores.journal.thread_owner(str(thread))


# Assistants, crons, store


@auth.on.assistants
async def assistants(ctx: Auth.types.AuthContext, value: Any) -> dict[str, str] | bool:
    """Show the assistants that come with the graphs; they are for all, so nobody changes them.

    Without tokens anybody makes some, which say of a run what a client may say.
    """
    if _free(ctx):
        if ctx.action in ("create", "update"):
            # The server takes what is configurable for the context, where that is not given.
            context = value.get("context") or (value.get("config") or {}).get("configurable")
            _check_brought({**value, "context": context}, value.get("metadata"))
        return True
    return SYSTEM if ctx.action in ("read", "search") else False


@auth.on.crons
async def crons(ctx: Auth.types.AuthContext, value: Any) -> dict[str, str] | None:
    """Show a caller their own crons only, and take none that could never run."""
    if isinstance(value.get("end_time"), str):
        # It would be compared with the clock as it is, and no cron of anybody would run again.
        _refuse(422, 'A cron cannot end by itself: leave out "end_time", and delete it when due.')
    if isinstance(value.get("payload"), dict):
        _check_brought(value["payload"], value.get("metadata"))
    if _free(ctx):
        return None
    graph = str((value.get("payload") or {}).get("assistant_id")).lower()
    if graph in ("remember", REMEMBER):
        _refuse(404, NOTHING)
    if ctx.action == "create" or (value.get("metadata") is not None and ctx.action == "update"):
        _stamp(ctx, value)
    return _own(ctx)


@auth.on.store
async def store(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Let a caller read what is remembered of them; it is changed through the routes alone."""
    if _free(ctx):
        return True
    if ctx.action in ("put", "delete"):
        _refuse(403, "Memory is changed through the routes under /memory.")
    namespace = value["namespace"] = tuple(value.get("namespace") or (_key(ctx),))
    if namespace[0] != _key(ctx):
        _refuse(404, NOTHING)
    return True
