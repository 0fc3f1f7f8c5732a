"""Readings of owners' journals: the last of each is kept, and changed if nothing has moved since.

What to change is decided in `journal.py`; how it lies in a backend is said in `records.py`.
"""

from collections.abc import Callable
from typing import NamedTuple

from cachetools import LRUCache, TTLCache

from domain.journal import JournalView
from domain.owner import Owner
from stores.errors import GenerationMoved
from stores.journal.backend import JournalBackend, RawJournal, generation_name
from stores.journal.records import (
    Changes,
    ThreadList,
    damaged,
    thread_list,
    view_of,
    write_of,
    written,
)

LISTED_THREADS = 200_000
"""Threads listed apart that a process keeps at hand, of all owners: some 100 MB."""
LATEST_OWNERS = 256
LATEST_SECONDS = 60.0
"""How long the last reading of an owner may be written on without reading again: long enough for
a turn, and short beside the days after which a journal expires."""

Decide = Callable[[JournalView], Changes | None]
"""Looks at a reading and says what to change; None changes nothing."""


class _Reading(NamedTuple):
    """A journal as it was read, and what that says."""

    raw: RawJournal
    listed: ThreadList
    view: JournalView


class Readings:
    """The journals of all owners, as this process last read them."""

    def __init__(self, backend: JournalBackend) -> None:
        """Read and write journals in `backend`."""
        self.backend = backend
        self._lists: LRUCache[tuple[str, str], ThreadList] = LRUCache(
            LISTED_THREADS, getsizeof=lambda listed: len(listed.notes) + 1
        )
        self._latest: TTLCache[str, _Reading] = TTLCache(LATEST_OWNERS, LATEST_SECONDS)

    async def read(self, owner: Owner, head: str | None = None) -> JournalView:
        """Return one consistent reading. Read it before episodes, always.

        With it come the summaries of the branch of `head`, where they are cached.
        """
        return (await self._read(owner, head or "")).view

    async def _read(self, owner: Owner, head: str = "") -> _Reading:
        """Return one reading; the threads listed apart come from memory until they move."""
        while True:
            raw = await self.backend.read(owner, head)
            listed = await self._list(owner, raw)
            if listed.moved == raw.listed:
                return self._note(owner, raw, listed)

    async def thread_owner(self, thread: str) -> Owner | None:
        """Return whom a thread belongs to; None before its first turn."""
        holder = (await self.backend.holders([thread])).get(thread)
        return holder.owner if holder else None

    async def threads_of(self, owner: Owner, generation: str) -> tuple[set[str], bool, bool]:
        """Return the threads that a generation has indexed, whether all, and if it ended before."""
        raw = await self.backend.read_generation(owner, generation)
        moved, stored = await self.backend.list_threads(owner, generation)
        view = view_of(raw, thread_list(moved, stored))
        sound = not view.threads_lost and not damaged(raw, stored)
        whole = raw.ended or (raw.version > 0 and sound)
        return {*view.threads, *(turn.thread for turn in view.turns.values())}, whole, raw.ended

    def _note(self, owner: Owner, raw: RawJournal, listed: ThreadList) -> _Reading:
        reading = _Reading(raw, listed, view_of(raw, listed))
        self._latest[owner.key] = reading
        return reading

    async def _list(self, owner: Owner, raw: RawJournal) -> ThreadList:
        if raw.listed == 0:
            return ThreadList()
        key = owner.key, generation_name(raw.generation)
        listed = self._lists.get(key)
        if listed is None or listed.moved != raw.listed:
            listed = thread_list(*await self.backend.list_threads(owner, key[1]))
            self._remember(owner, raw, listed)
        return listed

    def _remember(self, owner: Owner, raw: RawJournal, listed: ThreadList) -> None:
        if len(listed.notes) < LISTED_THREADS:
            self._lists[owner.key, generation_name(raw.generation)] = listed

    async def change(
        self, owner: Owner, generation: str | None, decide: Decide
    ) -> tuple[JournalView, bool]:
        """Apply what `decide` says of the latest reading, again until nothing moved meanwhile.

        The last reading of this process is tried first: what has not moved need not be read again.
        That there is nothing to change, or another generation, is believed of a fresh one alone.
        """
        cached = self._latest.get(owner.key)
        while True:
            raw, listed, view = cached or await self._read(owner)
            fresh, cached = cached is None, None
            changes = decide(view) if raw.generation == generation else None
            if changes is not None:
                write = write_of(raw, listed, changes)
                if await self.backend.commit(owner, generation, raw.version, write):
                    raw, listed = written(raw, listed, write)
                    self._remember(owner, raw, listed)
                    return self._note(owner, raw, listed).view, True
            elif fresh and raw.generation != generation:
                raise GenerationMoved
            elif fresh:
                return view, False
