"""A store of long-term memory that goes away again, in a folder or in a Postgres of the settings.

Nothing that lies in that Postgres is touched: it is a schema of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import Literal

from langgraph.store.base import BaseStore

from models.embeddings import EmbeddingModel
from settings import Settings
from stores.chroma.store import ChromaStore
from stores.errors import StoreUnavailable
from stores.long_term import postgres_store

Where = Literal["chroma", "postgres"]


@asynccontextmanager
async def open_throwaway(
    where: Where, embedding: EmbeddingModel, folder: Path, *, shards: int = 4
) -> AsyncIterator[BaseStore]:
    """Open an empty store.

    Args:
        where: Chroma in `folder`, or the Postgres of MNEMO_POSTGRES_URL.
        embedding: Its model.
        folder: Where Chroma lies; whoever gives it deletes it.
        shards: Collections of Chroma.

    Raises:
        StoreUnavailable: If there is no Postgres to be used.
    """
    if where == "chroma":
        async with ChromaStore.open(
            path=folder / "chroma",
            embeddings=embedding.embeddings,
            embedding_name=embedding.name,
            dimensions=embedding.dimensions,
            shards=shards,
        ) as chroma:
            yield chroma
        return
    url = Settings().postgres_url
    if not url:
        raise StoreUnavailable("Set MNEMO_POSTGRES_URL to a Postgres with pgvector to measure it.")
    async with (
        _schema(url.get_secret_value()) as place,
        postgres_store().open(
            url=place,
            embeddings=embedding.embeddings,
            embedding_name=embedding.name,
            dimensions=embedding.dimensions,
        ) as postgres,
    ):
        yield postgres


@asynccontextmanager
async def _schema(url: str) -> AsyncIterator[str]:
    """Make a schema, give the URL that leads into it, and drop it at the end."""
    from psycopg import sql
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from stores.postgres.pool import PostgresLink

    link, name = PostgresLink(url, 10.0), f"mnemo_eval_{token_hex(8)}"
    async with link.alone() as connection:
        # Not into the schema, or it would go with it.
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    options = str(conninfo_to_dict(url).get("options") or "")
    try:
        yield make_conninfo(url, options=f"{options} -csearch_path={name},public".strip())
    finally:
        async with link.alone() as connection:
            await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
