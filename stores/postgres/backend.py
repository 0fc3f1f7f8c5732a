"""The record of Postgres with pgvector as a backend of long-term memory.

It is an extra, and takes a moment to import: nothing of it is imported before it is asked for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from models.embeddings.open import EmbeddingModel
from settings import Settings
from stores.base_store.backend import Backend, Looked, Written
from stores.base_store.moving import Move
from stores.errors import StoreUnavailable

if TYPE_CHECKING:
    from stores.postgres.store import PostgresStore

_UNSET = "MNEMO_POSTGRES_URL is not set: set it to postgresql://user:password@host:5432/database."
_INSTALL = (
    "MNEMO_POSTGRES_URL is set, but what it needs is not installed: run `uv sync --extra postgres` "
    "or `pip install 'mnemograph[postgres]'`."
)


def _import() -> None:
    """Import what is needed: slow, so once, in a thread."""
    try:
        import stores.postgres.store  # noqa: F401
    except ImportError as error:
        raise StoreUnavailable(_INSTALL) from error


async def _url(settings: Settings) -> str:
    """Return the URL, with all that is needed to use it imported."""
    await asyncio.to_thread(_import)
    return _url_of(settings)


def _url_of(settings: Settings) -> str:
    if not settings.postgres_url:
        raise StoreUnavailable(_UNSET)
    return settings.postgres_url.get_secret_value()


def _place(settings: Settings) -> str:
    _import()
    from stores.postgres.pool import place_of

    return f"Postgres at {place_of(_url_of(settings))}"


def _how_to_use(_settings: Settings) -> str:
    return "set MNEMO_POSTGRES_URL"


async def _look(settings: Settings) -> Looked:
    url = await _url(settings)
    from stores.postgres.pool import PostgresLink
    from stores.postgres.schema import look

    link = PostgresLink(url, settings.store_timeout)
    async with link.alone() as connection:
        server = await look(connection, link.place)
    if server.pgvector is None:
        raise StoreUnavailable(
            f"Postgres at {link.place} has no pgvector: install it there "
            "(https://github.com/pgvector/pgvector)."
        )
    text = f"Postgres at {link.place} answers (version {server.version}, "
    text += f"pgvector {server.pgvector})"
    if server.written is None:
        return Looked(f"{text}; tables are made at the first turn", False)
    return Looked(text, True)


async def _written(settings: Settings) -> Written | None:
    url = await _url(settings)
    from stores.postgres.reindex import recorded_model

    return await recorded_model(url, settings.store_timeout)


@asynccontextmanager
async def _open(settings: Settings, model: EmbeddingModel) -> AsyncIterator["PostgresStore"]:
    url = await _url(settings)
    from stores.postgres.store import PostgresStore

    async with PostgresStore.open(
        url=url,
        embeddings=model.embeddings,
        embedding_name=model.name,
        dimensions=model.dimensions,
        timeout=settings.store_timeout,
    ) as store:
        yield store


@asynccontextmanager
async def _reindex(settings: Settings, model: EmbeddingModel) -> AsyncIterator[Move | None]:
    url = await _url(settings)
    from stores.postgres.reindex import reindexing

    wanted = Written(model.name, model.dimensions)
    seconds = settings.store_timeout
    async with reindexing(url, model.embeddings, wanted, seconds=seconds) as move:
        yield move


@asynccontextmanager
async def _empty(
    settings: Settings, model: EmbeddingModel, _folder: Path
) -> AsyncIterator["PostgresStore"]:
    """Open a schema of its own, and drop it at the end."""
    url = await _url(settings)
    from psycopg import sql
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from pydantic import SecretStr

    from stores.postgres.pool import PostgresLink

    link, name = PostgresLink(url, settings.store_timeout), f"mnemo_eval_{token_hex(8)}"
    async with link.alone() as connection:
        # Not into the schema, or it would go with it.
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    options = str(conninfo_to_dict(url).get("options") or "")
    there = make_conninfo(url, options=f"{options} -csearch_path={name},public".strip())
    try:
        here = settings.model_copy(update={"postgres_url": SecretStr(there)})
        async with _open(here, model) as store:
            yield store
    finally:
        async with link.alone() as connection:
            await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


POSTGRES = Backend(
    name="postgres",
    title="Postgres",
    setting="postgres_url",
    spreads=False,
    place=_place,
    how_to_use=_how_to_use,
    look=_look,
    written=_written,
    open=_open,
    reindex=_reindex,
    empty=_empty,
)
