"""Episodes, facts and entities of an owner, over any LangGraph `BaseStore`.

Speaks `BaseStore` alone and knows no database. What a record means, whether it is live or
current, is decided elsewhere.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from langgraph.store.base import BaseStore, Item, Op, PutOp, SearchItem, SearchOp
from pydantic import ValidationError

from domain.owner import Owner
from domain.records import Entity, Episode, Fact

Kind = Literal["episode", "fact", "entity"]
Memory = Episode | Fact | Entity
M = TypeVar("M", Episode, Fact, Entity)
Nearest = dict[Kind, list[tuple[str, float]]]
"""Ids of records near a query with their cosine similarity, best first, by kind."""

KINDS: tuple[Kind, ...] = ("episode", "fact", "entity")
PAGE = 256
"""Rows read in one operation."""

_log = logging.getLogger(__name__)
_SEARCHED = ["text"]
"""The field of a stored value that is embedded."""


@runtime_checkable
class FindsKeys(Protocol):
    """A store that can search by meaning for keys alone."""

    async def anearest_keys(
        self, query: str, wanted: Sequence[tuple[tuple[str, ...], int]]
    ) -> list[list[tuple[str, float]]]:
        """Return keys with their similarity, best first, for each namespace and its limit."""


class _Every(Enum):
    EVERY = "every generation"


EVERY_GENERATION = _Every.EVERY
"""Instead of a generation, where all that an owner ever had is meant."""


@dataclass(frozen=True)
class Rows:
    """All that one generation of an owner holds in long-term memory."""

    episodes: tuple[Episode, ...] = ()
    """By sequence number."""
    facts: tuple[Fact, ...] = ()
    """By when they were observed; tombstones too."""
    entities: tuple[Entity, ...] = ()
    """By name."""


class Memories:
    """The long-term memories of all owners."""

    def __init__(self, store: BaseStore) -> None:
        """Keep memories in `store`, which embeds the field `text` of what it is given."""
        self._store = store

    async def put(self, owner: Owner, generation: str | None, *records: Memory) -> None:
        """Write records in one batch; one of the same id is replaced."""
        puts = [_put(owner, generation, record) for record in records]
        if puts:
            await self._store.abatch(puts)

    async def episode(self, owner: Owner, generation: str | None, id: str) -> Episode | None:
        """Return one episode; None if there is none or it cannot be read."""
        return await self._get(owner.namespace(generation, "episode"), id, Episode)

    async def fact(self, owner: Owner, generation: str | None, id: str) -> Fact | None:
        """Return one fact, a tombstone too; None if there is none or it cannot be read."""
        return await self._get(owner.namespace(generation, "fact"), id, Fact)

    async def entity(self, owner: Owner, generation: str | None, id: str) -> Entity | None:
        """Return one entity; None if there is none or it cannot be read."""
        return await self._get(owner.namespace(generation, "entity"), id, Entity)

    async def _get(self, namespace: tuple[str, ...], id: str, model: type[M]) -> M | None:
        item = await self._store.aget(namespace, id)
        return _record(item, model) if item else None

    async def episodes(self, owner: Owner, generation: str | None) -> tuple[Episode, ...]:
        """Return all episodes, oldest first. Read the journal before them, always."""
        return (await self._rows(owner, generation, ("episode",))).episodes

    async def facts(self, owner: Owner, generation: str | None) -> tuple[Fact, ...]:
        """Return all facts, tombstones too, by when they were observed."""
        return (await self._rows(owner, generation, ("fact",))).facts

    async def entities(self, owner: Owner, generation: str | None) -> tuple[Entity, ...]:
        """Return all entities by name."""
        return (await self._rows(owner, generation, ("entity",))).entities

    async def all(self, owner: Owner, generation: str | None) -> Rows:
        """Return everything of one generation."""
        return await self._rows(owner, generation, KINDS)

    async def nearest(
        self,
        owner: Owner,
        generation: str | None,
        query: str,
        *,
        limits: Mapping[Kind, int],
    ) -> Nearest:
        """Return the records whose text is most like the query.

        One batch, so a store embeds the query once.

        Args:
            owner: Whose.
            generation: Which generation.
            query: What is looked for.
            limits: How many of each kind; a kind that is not named is not searched.
        """
        kinds = [kind for kind in KINDS if limits.get(kind, 0) > 0]
        ops = [
            SearchOp(owner.namespace(generation, kind), query=query, limit=limits[kind])
            for kind in kinds
        ]
        found = await self._store.abatch(ops) if ops and query.strip() else [[] for _ in kinds]
        nearest: Nearest = {kind: [] for kind in limits}
        for kind, items in zip(kinds, found, strict=True):
            # Some stores still find a record by what it said before it was deleted.
            nearest[kind] = [
                (item.key, float(item.score))
                for item in _items(items)
                if item.score is not None and item.value.get("text")
            ]
        return nearest

    async def nearest_ids(
        self,
        owner: Owner,
        generation: str | None,
        query: str,
        *,
        limits: Mapping[Kind, int],
    ) -> Nearest:
        """As `nearest`, perhaps also with records that are about to go: for whoever knows all.

        A store that finds keys sooner than items is asked for keys alone.
        """
        if not (isinstance(self._store, FindsKeys) and query.strip()):
            return await self.nearest(owner, generation, query, limits=limits)
        wanted = {kind: limit for kind, limit in limits.items() if limit > 0}
        places = [(owner.namespace(generation, kind), limit) for kind, limit in wanted.items()]
        found = await self._store.anearest_keys(query, places)
        return {**{kind: [] for kind in limits}, **dict(zip(wanted, found, strict=True))}

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
            prefix = (owner.user_key, owner.character_key)
            namespaces = await self._namespaces(prefix)
        else:
            namespaces = [owner.namespace(generation, kind) for kind in KINDS]
        cleared = 0
        for namespace in namespaces:
            keys = [item.key for item in await self._items(namespace)]
            for start in range(0, len(keys), PAGE):
                gone: list[Op] = [PutOp(namespace, k, None) for k in keys[start : start + PAGE]]
                await self._store.abatch(gone)
            cleared += len(keys)
        return cleared

    async def _namespaces(self, prefix: tuple[str, ...]) -> list[tuple[str, ...]]:
        found: dict[tuple[str, ...], None] = {}
        while True:
            page = await self._store.alist_namespaces(prefix=prefix, limit=PAGE, offset=len(found))
            fresh = [namespace for namespace in page if namespace not in found]
            found |= dict.fromkeys(fresh)
            if len(page) < PAGE or not fresh:
                return list(found)

    async def _rows(self, owner: Owner, generation: str | None, kinds: Sequence[Kind]) -> Rows:
        """Return rows of some kinds; the first pages of all in one batch."""
        namespaces = [owner.namespace(generation, kind) for kind in kinds]
        ops: list[Op] = [SearchOp(namespace, limit=PAGE) for namespace in namespaces]
        items: dict[Kind, list[Item]] = {}
        for kind, namespace, found in zip(
            kinds, namespaces, await self._store.abatch(ops), strict=True
        ):
            first = _items(found)
            more = await self._items(namespace, PAGE) if len(first) == PAGE else []
            items[kind] = list({item.key: item for item in (*first, *more)}.values())
        return Rows(
            episodes=_sorted(items, "episode", Episode, lambda one: (one.seq, one.id)),
            facts=_sorted(items, "fact", Fact, lambda one: (one.observed_at, one.id)),
            entities=_sorted(items, "entity", Entity, lambda one: (one.name.casefold(), one.id)),
        )

    async def _items(self, namespace: tuple[str, ...], offset: int = 0) -> list[SearchItem]:
        """Return all items of a namespace from `offset` on, however many."""
        found: dict[str, SearchItem] = {}
        while True:
            page = await self._store.asearch(namespace, limit=PAGE, offset=offset)
            found |= {item.key: item for item in page if item.namespace == namespace}
            offset += len(page)
            if len(page) < PAGE:
                return list(found.values())


def _put(owner: Owner, generation: str | None, record: Memory) -> PutOp:
    kind, text = _kind_and_text(record)
    value = {
        "user_id": owner.user_id,
        "character_id": owner.character_id,
        "text": text,
        "record": record.model_dump(mode="json"),
    }
    searched: list[str] | Literal[False] = _SEARCHED if text else False
    return PutOp(owner.namespace(generation, kind), record.id, value, index=searched)


def _kind_and_text(record: Memory) -> tuple[Kind, str]:
    """Return a record's kind and the text that it is found by; empty: it is not to be found."""
    if isinstance(record, Episode):
        return "episode", record.summary
    if isinstance(record, Fact):
        return "fact", "" if record.deleted else record.text
    known = [f"{attribute.name} {attribute.value}" for attribute in record.attributes]
    return "entity", ", ".join([record.name, *record.aliases, *known])


def _items(result: Any) -> list[SearchItem]:
    items: list[SearchItem] = result
    return items


def _record(item: Item, model: type[M]) -> M | None:
    """Return the record of a row; None, with a warning, if it cannot be read."""
    try:
        record: M = model.model_validate(item.value.get("record"))
    except ValidationError as error:
        where = "/".join((*item.namespace, item.key))
        _log.warning("A stored %s cannot be read and is left out: %s (%s)",
                     model.__name__.lower(), where, error.errors()[0]["msg"])  # fmt: skip
        return None
    return record


def _sorted(
    items: Mapping[Kind, Sequence[Item]], kind: Kind, model: type[M], order: Callable[[M], Any]
) -> tuple[M, ...]:
    records = [record for item in items.get(kind, ()) if (record := _record(item, model))]
    return tuple(sorted(records, key=order))
