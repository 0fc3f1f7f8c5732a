"""A server that has answered thousands of turns holds no more memory than after the first ones."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.servers.serve_process import serve_process

TURNS = int(os.environ.get("MNEMO_TEST_TURNS", "400"))
USERS = 8
GROWTH = 1.1
"""What the second half of the turns may make of what the first half took."""


def resident(pid: int) -> int:
    """Return how many bytes a process holds in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.deep
@pytest.mark.timeout(7200)
async def test_memory_stays_flat_over_many_turns(tmp_path: Path) -> None:
    with serve_process(cwd=tmp_path, MNEMO_CHROMA_SHARDS="2") as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:

            async def talk(user: int, first: int, last: int) -> None:
                for number in range(first, last):
                    said = {"message": f"I planted tree number {number} today."}
                    answer = await client.post(f"/chat/user{user}/default", json=said)
                    assert answer.status_code == 200 and answer.json()["error"] is None

            each = TURNS // USERS // 2
            await asyncio.gather(*(talk(user, 0, each) for user in range(USERS)))
            before = resident(server.process.pid)
            await asyncio.gather(*(talk(user, each, 2 * each) for user in range(USERS)))
            after = resident(server.process.pid)
        print(f"{before / 1e6:.0f} MB after {TURNS // 2} turns, {after / 1e6:.0f} MB after {TURNS}")
        assert after < GROWTH * before, (before, after)


def test_a_server_looks_for_garbage_as_often_as_python_does_though_a_command_puts_it_off() -> None:
    """Else what each turn leaves in circles stays for thousands of turns."""
    code = (
        "import gc; from service.cli.terminal import hasten; hasten();"
        "from service.http.alone import create; create(); print(gc.get_threshold()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 2_000
