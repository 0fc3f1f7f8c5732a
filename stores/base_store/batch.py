"""What a batch of operations asks for, sorted out before anything is embedded, read or written.

The plan says which texts need a vector. Nothing here reads or writes a store.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from langchain_core.embeddings import Embeddings
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    Op,
    PutOp,
    SearchOp,
    validate_op_namespace,
)

from stores.base_store.filters import check_filter
from stores.base_store.items import (
    Index,
    Namespace,
    StoredItem,
    Vector,
    check_json,
    check_lengths,
    texts_of,
    usable,
)


@dataclass(frozen=True)
class Write:
    """The last put of a batch to one key."""

    op: PutOp
    paths: Index
    """Fields to embed."""
    texts: list[str]
    """What those fields hold."""


@dataclass
class Plan:
    """A batch, sorted by kind; numbers are the positions of the results."""

    size: int = 0
    gets: dict[int, GetOp] = field(default_factory=dict)
    searches: dict[int, SearchOp] = field(default_factory=dict)
    listings: dict[int, ListNamespacesOp] = field(default_factory=dict)
    writes: dict[tuple[Namespace, str], Write] = field(default_factory=dict)

    @property
    def queries(self) -> list[str]:
        """Distinct queries, each to be embedded once."""
        return list(dict.fromkeys(op.query for op in self.searches.values() if op.query))

    @property
    def documents(self) -> list[str]:
        """Distinct texts of all puts, to be embedded in one call."""
        return list(dict.fromkeys(text for w in self.writes.values() for text in w.texts))


@dataclass(frozen=True)
class Vectors:
    """Vectors of a plan's texts."""

    queries: dict[str, Vector]
    documents: dict[str, Vector | None]
    """None where the model knows nothing of the text: it is then found by filters only."""


def plan_of(ops: Iterable[Op]) -> Plan:
    """Sort a batch; of several puts to one key the last counts.

    A put that names no fields embeds its whole value.

    Raises:
        InvalidNamespaceError: for a label that is empty, no string, or holds a period or NUL.
        NotImplementedError: for a put with a time to live.
        TypeError: for a value that is not JSON.
        ValueError: for an unknown filter operator or kind of operation.
    """
    plan = Plan()
    for number, op in enumerate(ops):
        validate_op_namespace(op)
        if isinstance(op, GetOp):
            plan.gets[number] = op._replace(namespace=tuple(op.namespace))
        elif isinstance(op, SearchOp):
            check_filter(op.filter)
            plan.searches[number] = op._replace(namespace_prefix=tuple(op.namespace_prefix))
        elif isinstance(op, ListNamespacesOp):
            plan.listings[number] = op
        elif isinstance(op, PutOp):
            plan.writes[tuple(op.namespace), op.key] = _write_of(op)
        else:
            raise ValueError(f"Unknown kind of operation: {type(op).__name__}.")
        plan.size = number + 1
    return plan


def _write_of(op: PutOp) -> Write:
    if not op.namespace:
        raise InvalidNamespaceError("Namespace cannot be empty.")
    if op.ttl is not None:
        raise NotImplementedError(
            "This store keeps items until they are deleted: put them with ttl=None."
        )
    if op.value is not None:
        check_json(op.key, dict(op.value))
    paths: Index = ["$"] if op.index is None else op.index and list(op.index)
    texts = [] if op.value is None else texts_of(op.value, paths)
    return Write(op._replace(namespace=tuple(op.namespace)), paths, texts)


def plan_of_items(items: Iterable[StoredItem]) -> Plan:
    """Return puts of items as another store has them."""
    plan = Plan()
    for item, paths, _ in items:
        put = PutOp(item.namespace, item.key, item.value)
        plan.writes[item.namespace, item.key] = Write(put, paths, texts_of(item.value, paths))
    return plan


async def embed(plan: Plan, embeddings: Embeddings, dimensions: int) -> Vectors:
    """Have the model embed a plan's texts, each once.

    Raises:
        StoreMismatch: if the model gives vectors of another length than it was said to.
    """
    queries = await asyncio.gather(*map(embeddings.aembed_query, plan.queries))
    documents = await embeddings.aembed_documents(plan.documents) if plan.documents else []
    return vectors_of(plan, queries, documents, dimensions)


def vectors_of(
    plan: Plan,
    queries: Sequence[Sequence[float]],
    documents: Sequence[Sequence[float]],
    dimensions: int,
) -> Vectors:
    """Put the model's vectors beside the plan's texts.

    Raises:
        StoreMismatch: if the model gives vectors of another length than it was said to.
    """
    check_lengths((*queries, *documents), dimensions)
    nothing = np.zeros(dimensions, dtype=np.float32)
    return Vectors(
        {
            text: vector_of_text if (vector_of_text := usable(vector)) is not None else nothing
            for text, vector in zip(plan.queries, queries, strict=True)
        },
        dict(zip(plan.documents, map(usable, documents), strict=True)),
    )
