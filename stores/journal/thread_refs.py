"""The refs of threads that are copied or deleted: what the checkpointers tell the journal."""

from domain.journal import JournalView
from stores.journal.readings import Readings
from stores.journal.records import Changes


class JournalRefs:
    """Where checkpointers have the refs of threads copied and dropped."""

    def __init__(self, readings: Readings) -> None:
        """Change what `readings` reads."""
        self._readings = readings

    async def copy(self, source: str, target: str) -> None:
        """Give a copied thread the ref of its source."""
        owner = await self._readings.backend.thread_owner(source)
        if owner is None:
            return
        await self._readings.backend.note_owner(owner, target)

        def decide(view: JournalView) -> Changes | None:
            note = view.threads.get(source)
            return None if note is None else Changes(threads={target: note})

        await self._readings.change(
            owner, (await self._readings.backend.read(owner)).generation, decide
        )

    async def drop(self, thread_id: str) -> None:
        """Remove the ref of a deleted thread; its turns stop being live by themselves."""
        owner = await self._readings.backend.thread_owner(thread_id)
        if owner is None:
            return

        def decide(view: JournalView) -> Changes | None:
            return Changes(threads={thread_id: None}) if thread_id in view.threads else None

        await self._readings.change(
            owner, (await self._readings.backend.read(owner)).generation, decide
        )
        await self._readings.backend.drop_thread(thread_id)
