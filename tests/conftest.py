"""Fixtures that every test may ask for. Nothing here is a test."""

from hypothesis import settings

from tests.support.house import backend, every_backend, open_house
from tests.support.servers.chroma_server import (
    chroma_server,
    chroma_url,
    open_chroma,
    open_embedded,
    own_chroma_server,
)
from tests.support.servers.openai_server import openai_server, openai_server_process
from tests.support.servers.postgres_server import own_postgres_server, postgres_server, postgres_url
from tests.support.servers.redis_stack import redis_stack, redis_url
from tests.support.stores.every_store import open_store

__all__ = [
    "backend",
    "chroma_server",
    "chroma_url",
    "every_backend",
    "open_chroma",
    "open_embedded",
    "open_house",
    "open_store",
    "openai_server",
    "openai_server_process",
    "own_chroma_server",
    "own_postgres_server",
    "postgres_server",
    "postgres_url",
    "redis_stack",
    "redis_url",
]

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")
"""How long one example takes says nothing where others work beside."""
