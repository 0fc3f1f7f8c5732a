"""Fixtures that every test may ask for. Nothing here is a test."""

import re

import pytest

from tests.support.chroma_server import (
    chroma_server,
    chroma_url,
    open_chroma,
    open_embedded,
    own_chroma_server,
)
from tests.support.every_store import open_store
from tests.support.house import backend, every_backend, open_house
from tests.support.openai_server import openai_server, openai_server_process
from tests.support.postgres_server import own_postgres_server, postgres_server, postgres_url
from tests.support.redis_stack import redis_stack, redis_url

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

DEEP = re.compile(
    r"test_(branches|turn|histories|recall|memories|index_cache|chroma_\w+|reindex\w*|invariants"
    r"|fold_crashes|isolation|races|reset|sweep|export|routes|limits|migrate|background|remembering_facts"
    r")\.py.*\[.*\b(servers|server|postgres)\b"
    r"|test_backends\.py.*\[(chroma-server|postgres)"
    r"|test_outages\.py.*\[hanging|test_postgres_faults\.py"
    r"|test_(migrate|poison)\.py|test_recover\.py.*\[servers|_clock_that_jumps_.*\[-"
    r"|test_cli_limits\.py.*(spent_stays|imported_for_them|is_counted_too|the_provider_counted)"
    r"|test_(what_never_answers|a_server_that_hangs|a_reset_with_a_store_down|after_an_interruption)_"
    r"|test_dev_server\.py.*_on_servers_|test_reset\.py.*\[embedded-(sync|exit)"
    r"|test_chroma_crashes\.py|test_owners_that_look_alike"
    r"|test_\w*(hundred|thousands?|whose_files_may_not_grow|whose_process_is_killed|damaged_shard_is_moved)"
    r"|test_\w*(the_server_forgot|after_a_reset_the_server|recalls_the_same_on_every)_"
    r"|test_every_module_knows_the_options"
    r"|test_odd_user_ids\w*\[embedded-ids[1-9]"
)
"""The same promises over more backends, or at length: `make test-deep` keeps them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what only the deep run keeps."""
    for item in items:
        if DEEP.search(item.nodeid):
            item.add_marker(pytest.mark.deep)
