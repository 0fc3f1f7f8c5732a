"""Shards as many threads use them: a damaged one is rebuilt, and closing waits for calls.

What a call reads or writes is up to whoever makes it.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from stores.chroma.client import ShardDamaged
from stores.chroma.read_write_lock import ReadWriteLock
from stores.chroma.repair import Embed, rebuild, wipe
from stores.chroma.shards import Shards

T = TypeVar("T")

_log = logging.getLogger(__name__)


class ShardGuard:
    """Runs calls on shards side by side, and repairs while none runs."""

    def __init__(self, shards: Shards, embed: Embed) -> None:
        """Guard open shards; `embed` makes the vectors again that a damaged index lost."""
        self._shards = shards
        self._embed = embed
        self._lock = ReadWriteLock()
        self._closed = False

    def check_open(self) -> None:
        """Refuse a call on a store that is closed.

        Raises:
            RuntimeError: If it is.
        """
        if self._closed:
            raise RuntimeError("This ChromaStore is closed.")

    def close(self) -> None:
        """Let the calls under way end, and refuse all others."""
        with self._lock.alone():
            self._closed = True

    def run(self, work: Callable[[], T]) -> T:
        """Do something with the shards; rebuild each damaged one once and do it again."""
        rebuilt: set[int] = set()
        while True:
            try:
                with self._lock.shared():
                    self.check_open()
                    return work()
            except ShardDamaged as damage:
                if damage.shard in rebuilt or self._shards.link.path is None:
                    raise
                rebuilt.add(damage.shard)
                self._mend(damage)

    def _mend(self, damage: ShardDamaged) -> None:
        with self._lock.alone():
            if self._closed or self._shards.serving().get(damage.shard) != damage.collection:
                return  # another thread has rebuilt it meanwhile
            _log.warning(
                "Chroma's index of shard %d is damaged (%s): rebuilding it from its rows.",
                damage.shard,
                damage.reason,
            )
            count = rebuild(self._shards, damage.shard, self._embed)
            _log.warning("Shard %d has its %d rows again.", damage.shard, count)

    def purge(self, deleted: set[int]) -> None:
        """Leave no deleted text in the data folder, nor a vector of the shards in `deleted`.

        These are taken out of the set. On a server nothing is done.
        """
        if self._shards.link.path is None:
            return
        with self._lock.alone():
            self.check_open()
            while deleted:
                shard = min(deleted)
                rebuild(self._shards, shard, self._embed)
                deleted.discard(shard)
            wipe(self._shards)
