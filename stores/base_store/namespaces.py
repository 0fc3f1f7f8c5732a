"""All namespaces of a store, however many there are."""

from langgraph.store.base import BaseStore

PAGE = 1_000
"""Namespaces asked for at once."""


async def all_namespaces(
    store: BaseStore, prefix: tuple[str, ...] = (), depth: int | None = None
) -> list[tuple[str, ...]]:
    """Return the namespaces under a prefix, each once, cut to `depth` labels.

    Raises:
        StoreUnavailable: If the store does not answer.
    """
    namespaces: dict[tuple[str, ...], None] = {}
    while True:
        page = await store.alist_namespaces(
            prefix=prefix, max_depth=depth, limit=PAGE, offset=len(namespaces)
        )
        before = len(namespaces)
        namespaces |= dict.fromkeys(page)
        if len(page) < PAGE or len(namespaces) == before:
            return list(namespaces)
