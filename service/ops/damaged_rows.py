"""Counts and names what another program has damaged in the stores: such rows are passed over.

Looks only. A reset or a forgetting of the owner removes them with all else.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from itertools import starmap
from time import monotonic

from domain.owner import Owner
from domain.rows import MODELS, read_record
from service.ops.doctor import Check
from service.plain_text import one_line
from settings import Settings
from stores.base_store.items import StoredItem
from stores.base_store.store import LongTermStore
from stores.errors import StoreUnavailable
from stores.journal.backend import generation_name
from stores.journal.journal import Journal
from stores.journal.records import damaged
from stores.open import open_checkpointer

SECONDS = 2.0
"""How long each store is looked through; what is left then is taken to be well."""
NAMED = 3
"""How many damaged rows are named of each kind; the others are counted."""
LONGEST = 200
"""Letters of a name that are shown: another program may have written it."""
_DEPTH = len(Owner("any").namespace(None, "fact"))


async def check_damaged(
    settings: Settings, store: LongTermStore, journal: Journal | None, stack: AsyncExitStack
) -> Check:
    """Count and name the rows that another program damaged."""
    name = "damaged rows"
    looks = [("memories", of_memories(store))]
    try:
        if journal is not None:
            looks.append(("journals", of_journal(journal)))
        file = settings.data_dir / "checkpoints.sqlite"
        if settings.redis_url is not None or await asyncio.to_thread(file.exists):
            saver = await open_checkpointer(settings, journal, stack)
            looks.append(("checkpoints", saver.damaged()))
        damaged = [*filter(None, await asyncio.gather(*starmap(sentence_of, looks)))]
    except StoreUnavailable as error:
        return Check(name, "fail", str(error))
    if not damaged:
        return Check(name, "ok", "None was found.")
    text = (
        f"{'; '.join(damaged)} cannot be read and are passed over: bring them back from a backup, "
        "or remove them with `mnemo reset` or `mnemo forget` of their owner."
    )
    return Check(name, "warn", text)


async def of_journal(journal: Journal) -> AsyncGenerator[str | None]:
    """Yield, of all journals, the name of a record that cannot be read, None for each that can."""
    async with aclosing(journal.backend.damaged()) as rows:
        async for name in rows:
            yield name
    for owner in await journal.backend.owners():
        raw = await journal.backend.read(owner)
        _, threads = await journal.backend.list_threads(owner, generation_name(raw.generation))
        for name in damaged(raw, threads):
            yield f"{name} of {owner.user_id} with {owner.character_id}"
        yield None


async def of_memories(store: LongTermStore) -> AsyncGenerator[str | None]:
    """Yield, of all memories, the place of a row that cannot be read, None for each that can."""
    read = 0
    async for stored in store.rows():
        read += 1
        yield None if _readable(stored) else "/".join((*stored.item.namespace, stored.item.key))
    for _ in range(await store.count() - read):
        yield "a row that does not say whose it is"


def _readable(stored: StoredItem) -> bool:
    """Return whether a row holds a record; what lies elsewhere is none of ours."""
    namespace = stored.item.namespace
    kind = next((kind for kind in MODELS if kind == namespace[-1]), None)
    if len(namespace) != _DEPTH or kind is None:
        return True
    try:
        read_record(kind, stored.item.value.get("record"))
    except ValueError:
        return False
    return True


async def sentence_of(what: str, rows: AsyncGenerator[str | None]) -> str | None:
    """Return how many rows cannot be read and which; None where all can."""
    count, names, until = 0, list[str](), monotonic() + SECONDS
    async with aclosing(rows) as looked:
        async for name in looked:
            if name is not None:
                count += 1
                names += [one_line(name)[:LONGEST]] if len(names) < NAMED else []
            if monotonic() > until:
                break
    if not count:
        return None
    more = ", ..." if count > len(names) else ""
    return f"{count} of {what} ({', '.join(names)}{more})"
