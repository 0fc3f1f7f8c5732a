"""What a LangGraph server itself keeps of threads: their last values, and the inputs of runs.

Both hold what was said, so they go when an owner is reset. Outside such a server there is nothing
to do. Only its public client is used, in the process itself.
"""

import sys
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from uuid import UUID

from langgraph_sdk import get_client
from langgraph_sdk.errors import NotFoundError

from domain.owner import digest

USER = "mnemo_user"
"""The metadata of threads, runs and crons that holds the digest of whose they are."""


async def renew_records(threads: Iterable[str]) -> None:
    """Empty the server's records of threads, which keep their ids and may be gone on with."""
    ids = [thread for thread in threads if _is_uuid(thread)]
    if not ids or "langgraph_api.server" not in sys.modules:
        return
    _drop_streams(ids)
    async with get_client() as client:
        for thread in ids:
            try:
                record = await client.threads.get(thread)
                await client.threads.delete(thread)
            except NotFoundError:
                continue
            await client.threads.create(
                thread_id=thread, metadata=record["metadata"], if_exists="do_nothing"
            )


async def drop_records(user_id: str, threads: Iterable[str]) -> None:
    """Delete the server's records of these threads, and of all threads and crons of a user."""
    if "langgraph_api.server" not in sys.modules:
        return
    ids, theirs = [thread for thread in threads if _is_uuid(thread)], {USER: digest(user_id)}
    _drop_streams(ids)
    async with get_client() as client:
        for thread in ids:
            with suppress(NotFoundError):
                await client.threads.delete(thread)
        while page := await client.threads.search(metadata=theirs, limit=100):
            for record in page:
                await client.threads.delete(record["thread_id"])
        while crons := await client.crons.search(metadata=theirs, limit=100):
            for cron in crons:
                await client.crons.delete(cron["cron_id"])


def copy_values(source: str, target: str) -> None:
    """Copy what a development server shows of a thread, which it leaves out of a copy.

    Clients take a conversation's title from it.
    """
    database = sys.modules.get("langgraph_runtime_inmem.database")
    if database is None:
        return
    records = {str(record["thread_id"]): record for record in database.GLOBAL_STORE["threads"]}
    if source in records and target in records:
        records[target]["values"] = deepcopy(records[source].get("values"))


def _drop_streams(threads: Iterable[str]) -> None:
    """Drop what the development server keeps of resumable streams, which it never forgets."""
    runtime = sys.modules.get("langgraph_runtime_inmem.inmem_stream")
    if runtime is not None:
        streams = getattr(runtime.get_stream_manager(), "message_stores", {})
        for thread in threads:
            streams.pop(UUID(thread), None)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
