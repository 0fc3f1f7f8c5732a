"""Episodes, facts and entities of an owner, over any LangGraph `BaseStore`.

Speaks `BaseStore` alone and knows no database. What a record means, whether it is live or
current, is decided elsewhere.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Literal, Protocol, runtime_checkable

from langgraph.store.base import BaseStore, GetOp, Item, Op, PutOp, SearchItem, SearchOp
from pydantic import ValidationError

from domain.owner import Owner
from domain.records import Episode, Fact, Kind, RecordKey
from domain.rows import MODELS, Memory, Rows, key_of, read_record
from models.threads import run_aside
from stores.base_store.namespaces import all_namespaces

Nearest = dict[Kind, list[tuple[str, float]]]
"""Ids of records near a query with their cosine similarity, best first, by kind."""

KINDS: tuple[Kind, ...] = tuple(MODELS)
PAGE = 256
"""Rows deleted in one operation."""
AT_ONCE = 10_000
"""Rows read in one operation: a later page costs as much as all before it."""
FEW = 16
"""Rows that are parsed within a few milliseconds."""

_log = logging.getLogger(__name__)
BESIDE = "vectors"
"""Where the value of an episode's row holds what lies beside the record."""
_SEARCHED = ["text"]
"""The field of a stored value that is embedded."""


@runtime_checkable
class FindsKeys(Protocol):
    """A store that can search by meaning among known keys, for keys alone."""

    async def anearest_keys(
        self, query: str, wanted: Sequence[tuple[tuple[str, ...], Sequence[str], int]]
    ) -> list[list[tuple[str, float]]]:
        """Return keys with their similarity, best first, for each namespace, keys and limit."""


@runtime_checkable
class ClearsPrefix(Protocol):
    """A store that can delete all under a namespace prefix, also rows that cannot be read."""

    async def aclear(self, prefix: tuple[str, ...]) -> int:
        """Delete all under a namespace prefix; return how many items."""


class _Every(Enum):
    EVERY = "every generation"


EVERY_GENERATION = _Every.EVERY
"""Instead of a generation, where all that an owner ever had is meant."""


class Memories:
    """The long-term memories of all owners."""

    def __init__(
        self, store: BaseStore, beside: Callable[[Episode], dict[str, Any] | None] | None = None
    ) -> None:
        """Keep memories in `store`, which embeds the field `text` of what it is given.

        Args:
            store: Any complete store.
            beside: Makes what lies beside an episode's row, in a thread; None: nothing does.
        """
        self._store = store
        self._beside = beside

    async def put(self, owner: Owner, generation: str | None, *records: Memory) -> None:
        """Write records in one batch; one of the same id is replaced."""
        made: dict[str, dict[str, Any] | None] = {}
        if self._beside is not None:
            for record in records:
                if isinstance(record, Episode):
                    made[record.id] = await asyncio.to_thread(self._beside, record)
        puts = [_put(owner, generation, record, made.get(record.id)) for record in records]
        if puts:
            await self._store.abatch(puts)

    async def episode(self, owner: Owner, generation: str | None, id: str) -> Episode | None:
        """Return one episode; None if there is none or it cannot be read."""
        record = await self._read(owner, generation, ("episode", id))
        return record if isinstance(record, Episode) else None

    async def fact(self, owner: Owner, generation: str | None, id: str) -> Fact | None:
        """Return one fact, a tombstone too; None if there is none or it cannot be read."""
        record = await self._read(owner, generation, ("fact", id))
        return record if isinstance(record, Fact) else None

    async def some(
        self, owner: Owner, generation: str | None, keys: Collection[RecordKey]
    ) -> dict[RecordKey, Memory | None]:
        """Return these records in one batch; None for one that is not there or cannot be read."""
        ops = [GetOp(owner.namespace(generation, kind), id) for kind, id in keys]
        items = await self._store.abatch(ops) if ops else []
        return {
            key: _record(item, key[0]) if isinstance(item, Item) else None
            for key, item in zip(keys, items, strict=True)
        }

    async def _read(self, owner: Owner, generation: str | None, key: RecordKey) -> Memory | None:
        return (await self.some(owner, generation, [key]))[key]

    async def episodes(self, owner: Owner, generation: str | None) -> tuple[Episode, ...]:
        """Return all episodes, oldest first. Read the journal before them, always."""
        return (await self._rows(owner.namespace(generation, "episode"))).episodes

    async def facts(self, owner: Owner, generation: str | None) -> tuple[Fact, ...]:
        """Return all facts, tombstones too, by when they were observed."""
        return (await self._rows(owner.namespace(generation, "fact"))).facts

    async def all(self, owner: Owner, generation: str | None) -> Rows:
        """Return everything of one generation."""
        return await self._rows(owner.namespace(generation))

    async def nearest(
        self,
        owner: Owner,
        generation: str | None,
        query: str,
        *,
        limits: Mapping[Kind, int],
    ) -> Nearest:
        """Return the records whose text is most like the query.

        One batch, so a store embeds the query once. A kind without a limit is not searched.
        """
        kinds = [kind for kind in KINDS if limits.get(kind, 0) > 0]
        ops = [
            SearchOp(owner.namespace(generation, kind), query=query, limit=limits[kind])
            for kind in kinds
        ]
        answers: list[Any] = [[] for _ in kinds]
        if ops and query.strip():
            answers = await self._store.abatch(ops)
        nearest: Nearest = {kind: [] for kind in limits}
        for kind, items in zip(kinds, answers, strict=True):
            # Some stores still find a record by what it said before it was deleted.
            nearest[kind] = [
                (item.key, float(item.score))
                for item in items
                if item.score is not None and item.value.get("text")
            ]
        return nearest

    async def nearest_among(
        self,
        owner: Owner,
        generation: str | None,
        query: str,
        *,
        keys: Mapping[Kind, Sequence[str]],
        limits: Mapping[Kind, int],
    ) -> Nearest:
        """As `nearest`, for whoever knows the ids of all records that are to be found.

        A store that finds keys sooner than items is asked for keys alone.
        """
        if not (isinstance(self._store, FindsKeys) and query.strip()):
            return await self.nearest(owner, generation, query, limits=limits)
        wanted = [
            (owner.namespace(generation, kind), keys.get(kind, ()), limit)
            for kind, limit in limits.items()
        ]
        return dict(zip(limits, await self._store.anearest_keys(query, wanted), strict=True))

    async def delete(
        self, owner: Owner, generation: str | None, kind: Kind, ids: Iterable[str]
    ) -> None:
        """Delete records of one kind by id."""
        namespace = owner.namespace(generation, kind)
        gone: list[Op] = [PutOp(namespace, id, None) for id in ids]
        if gone:
            await self._store.abatch(gone)

    async def clear(self, owner: Owner, generation: str | _Every | None = EVERY_GENERATION) -> int:
        """Delete all that one generation holds, or every generation; return how many records."""
        if isinstance(generation, _Every):
            prefix = owner.namespace(None)[:2]
        else:
            prefix = owner.namespace(generation)
        if isinstance(self._store, ClearsPrefix):
            return await self._store.aclear(prefix)
        items = await self._items(prefix)
        for start in range(0, len(items), PAGE):
            page = items[start : start + PAGE]
            gone: list[Op] = [PutOp(item.namespace, item.key, None) for item in page]
            await self._store.abatch(gone)
        return len(items)

    async def characters_of(self, user_key: str) -> set[str]:
        """Return the digests of a user's characters that any record is kept with."""
        return {namespace[1] for namespace in await all_namespaces(self._store, (user_key,))}

    async def _rows(self, prefix: tuple[str, ...]) -> Rows:
        """Return the records under a namespace prefix."""
        items = await self._items(prefix)
        return await run_aside(len(items) <= FEW, _rows_of, items)

    async def _items(self, prefix: tuple[str, ...]) -> list[SearchItem]:
        """Return all items under a namespace prefix, however many."""
        items: dict[tuple[tuple[str, ...], str], SearchItem] = {}
        offset = 0
        while True:
            page = await self._store.asearch(prefix, limit=AT_ONCE, offset=offset)
            under = (item for item in page if item.namespace[: len(prefix)] == prefix)
            items |= {(item.namespace, item.key): item for item in under}
            offset += len(page)
            if len(page) < AT_ONCE:
                return list(items.values())


def _rows_of(items: Sequence[SearchItem]) -> Rows:
    """Return what rows hold, without those that cannot be read."""
    records: list[Memory] = []
    beside: dict[str, Any] = {}
    for item in items:
        kind = item.namespace[-1]
        if kind in KINDS and (record := _record(item, kind)) is not None:
            records.append(record)
        if BESIDE in item.value:
            beside[item.key] = item.value[BESIDE]
    return replace(Rows.of(records), beside=beside)


def _put(
    owner: Owner, generation: str | None, record: Memory, beside: dict[str, Any] | None
) -> PutOp:
    text, (kind, id) = _text(record), key_of(record)
    value = {
        "user_id": owner.user_id,
        "character_id": owner.character_id,
        "text": text,
        "record": record.model_dump(mode="json"),
    } | ({} if beside is None else {BESIDE: beside})
    searched: list[str] | Literal[False] = _SEARCHED if text else False
    return PutOp(owner.namespace(generation, kind), id, value, index=searched)


def _text(record: Memory) -> str:
    """Return the text that a record is found by; empty: it is not to be found."""
    if isinstance(record, Episode):
        return record.summary
    if isinstance(record, Fact):
        return "" if record.deleted else record.text
    attributes = [f"{attribute.name} {attribute.value}" for attribute in record.attributes]
    return ", ".join([record.name, *record.aliases, *attributes])


def _record(item: Item, kind: Kind) -> Memory | None:
    """Return the record of a row; None, with a warning, if it cannot be read."""
    try:
        return read_record(kind, item.value.get("record"))
    except ValueError as error:
        where = "/".join((*item.namespace, item.key))
        _log.warning(
            "A stored %s cannot be read and is left out: %s (%s)",
            kind,
            where,
            error.errors()[0]["msg"] if isinstance(error, ValidationError) else error,
        )
        return None
