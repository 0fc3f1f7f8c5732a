"""The doctor's rows about Redis: whether it answers, eviction, persistence, misplaced kinds."""

from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError, ResponseError

from service.ops.damaged_rows import NAMED
from service.ops.doctor import Check, because
from settings import Settings
from stores.errors import StoreUnavailable
from stores.redis.connection import connect
from stores.redis.key_kinds import strange_keys
from stores.urls import without_secrets

FULL = 0.8
"""Share of Redis' memory limit from which on it is worth a warning."""


async def check_redis(settings: Settings) -> list[Check]:
    """Look at the Redis of the settings: eviction, persistence, room."""
    if settings.redis_url is None:
        return []
    url = settings.redis_url.get_secret_value()
    shown = f"{without_secrets(url)} {because(settings, 'redis_url')}"
    try:
        async with connect(url, settings.store_timeout) as client:
            servers = await _servers(client)
            saves = await _configured(client, "save")
            strange = [key async for key in strange_keys(client)]
    except (StoreUnavailable, RedisError, OSError) as error:
        return [Check("redis", "fail", str(error))]
    version = servers[0].get("redis_version", "of an unknown version")
    many = f" ({len(servers)} primaries)" if len(servers) > 1 else ""
    text = f"Redis {version} answers at {shown}{many}; journal and checkpoints."
    return [
        Check("redis", "ok", text),
        _worst(map(_eviction, servers)),
        _worst(_persistence(info, saves) for info in servers),
        *_kinds(strange),
    ]


async def _servers(client: Redis) -> list[dict[str, Any]]:
    """Return what each server tells of itself that holds data of its own."""
    if isinstance(client, RedisCluster):
        infos = await client.info(target_nodes=RedisCluster.PRIMARIES)
        return list(infos.values())
    return [await client.info()]


def _worst(rows: Iterable[Check]) -> Check:
    return max(rows, key=lambda row: ("ok", "warn", "fail").index(row.state))


def _kinds(strange: Sequence[str]) -> list[Check]:
    if not strange:
        return []
    more = ", ..." if len(strange) > NAMED else ""
    text = (
        f"{len(strange)} of Mnemograph's keys hold another kind of value than it wrote there "
        f"({', '.join(strange[:NAMED])}{more}) and are passed over: bring them back from a backup, "
        "or delete them."
    )
    return [Check("redis keys", "warn", text)]


async def _configured(client: Redis, name: str) -> str | None:
    """Return a line of the server's configuration; None where it does not tell."""
    try:
        values = await client.config_get(name)
    except ResponseError:
        return None
    return next((_text(value) for key, value in values.items() if _text(key) == name), None)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _eviction(info: dict[str, Any]) -> Check:
    policy, limit = str(info.get("maxmemory_policy", "")), int(info.get("maxmemory", 0))
    if policy != "noeviction":
        text = (
            f"maxmemory-policy is {policy}: when memory is short Redis drops parts of threads and "
            "journals; set it to noeviction."
        )
        return Check("redis eviction", "fail" if limit else "warn", text)
    used = int(info.get("used_memory", 0))
    if limit and used > FULL * limit:
        text = f"{used / limit:.0%} of maxmemory is used: give it more before writes are refused."
        return Check("redis eviction", "warn", text)
    room = f"{used / 1e6:.0f} of {limit / 1e6:.0f} MB used" if limit else "no limit is set"
    return Check("redis eviction", "ok", f"maxmemory-policy is noeviction; {room}.")


def _persistence(info: dict[str, Any], saves: str | None) -> Check:
    failed = [
        what
        for what, field in (
            ("snapshot", "rdb_last_bgsave_status"),
            ("append-only file", "aof_last_write_status"),
        )
        if info.get(field, "ok") != "ok"
    ]
    if failed:
        text = f"Writing the {' and the '.join(failed)} failed last time: look at the disk."
        return Check("redis persistence", "fail", text)
    if int(info.get("aof_enabled", 0)):
        return Check("redis persistence", "ok", "The append-only file is on.")
    if saves == "":
        text = "Nothing is written to disk, a restart forgets everything: set appendonly yes."
        return Check("redis persistence", "warn", text)
    text = "Snapshots only, a crash loses the minutes since the last one: set appendonly yes."
    return Check("redis persistence", "warn", text)
