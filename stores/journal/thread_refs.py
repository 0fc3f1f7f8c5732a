"""The refs of threads that are copied or deleted: what the checkpointers tell the journal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.journal import JournalView, ThreadNote
from domain.owner import Holder
from stores.errors import GenerationMoved
from stores.journal.backend import generation_name
from stores.journal.readings import Readings
from stores.journal.records import Changes


class JournalRefs:
    """Where checkpointers have the refs of threads copied and dropped."""

    def __init__(self, readings: Readings) -> None:
        """Change what `readings` reads."""
        self._readings = readings

    @asynccontextmanager
    async def copying(self, source: str, target: str) -> AsyncIterator[bool]:
        """Give the copy of a thread, made meanwhile, the ref of its source.

        The copy is listed before anything is kept of it, so that a reset finds it. Yields whether
        the source is anybody's: what was reset is nobody's, whatever is still shown of it.

        Raises:
            GenerationMoved: If the owner was reset meanwhile, or is being reset; what was copied
                is to be deleted.
        """
        backend = self._readings.backend
        holder = (await backend.holders([source])).get(source)
        if holder is None:
            yield False
            return
        owner, generation = holder.owner, (await backend.read(holder.owner)).generation
        if holder.generation not in ("", generation_name(generation)):
            raise GenerationMoved
        await backend.note_holder(target, Holder(owner, generation_name(generation)))

        def decide(view: JournalView) -> Changes:
            return Changes(threads={target: view.threads.get(source, ThreadNote())})

        await self._readings.change(owner, generation, decide)
        yield True
        await self._readings.change(owner, generation, lambda _: None)

    async def drop(self, thread_id: str) -> None:
        """Remove the ref of a deleted thread; its turns stop being live by themselves."""
        backend = self._readings.backend
        holder = (await backend.holders([thread_id])).get(thread_id)
        if holder is None:
            return

        def decide(view: JournalView) -> Changes | None:
            return Changes(threads={thread_id: None}) if thread_id in view.threads else None

        generation = (await backend.read(holder.owner)).generation
        await self._readings.change(holder.owner, generation, decide)
        await backend.drop_holders({thread_id: holder})
