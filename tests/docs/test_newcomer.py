"""The README's first path, from a clone to what a reply recalled on the page, and its time.

Counted is the processor's time: what else a machine has to do is not the newcomer's path.
"""

import os
import re
import resource
import subprocess
import time
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.docs.test_docs import BLOCK, ROOT
from tests.support.servers.browser import OpenPage, open_page, say
from tests.support.servers.serve_process import serve_process

__all__ = ["open_page"]

PATH = "### ... trying it"
MINUTES = 3
"""With the packages in the cache of uv, which the setup of the tests has filled."""


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_a_newcomer_sees_a_memory_recalled_within_three_minutes(
    tmp_path: Path, open_page: OpenPage
) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    block = next(text for _, text in BLOCK.findall(readme.partition(PATH)[2]))
    chat, _, serve, *_ = block.splitlines()
    told, question = re.findall(r'"(.*?)"|(/\w+)', chat), re.findall(r'"(.*?)"', serve)[0]
    begun, before = time.monotonic(), processor_seconds()
    clone = tmp_path / "mnemograph"
    run("git", "clone", "--quiet", str(ROOT), str(clone), cwd=tmp_path)
    run("make", "chat", cwd=clone, typed="\n".join(a or b for a, b in told))
    mnemo = clone / ".venv/bin/mnemo"
    with serve_process(cwd=clone, program=str(mnemo), MNEMO_DATA_DIR=".mnemo") as server:
        async with open_page(f"{server.url}/inspector") as page:
            await page.click("#new-thread")
            await say(page, question)
            recalled = page.locator("[aria-labelledby=t-recalled] li")
            await expect(recalled.first).to_contain_text("Biscuit")
    took = processor_seconds() - before
    print(f"{took:.0f} s of the processor, {time.monotonic() - begun:.0f} s by the clock")
    assert took < 60 * MINUTES


def processor_seconds() -> float:
    """Return the processor's time of all programs that were run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(*command: str, cwd: Path, typed: str = "") -> None:
    """Run a command as somebody who has set nothing."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    subprocess.run(command, cwd=cwd, env=clean, input=typed, text=True, check=True)
