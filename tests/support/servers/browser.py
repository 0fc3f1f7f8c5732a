"""A headless Chromium on pages of loopback servers. Test tooling only: nothing here is a test."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update"]  # fmt: skip
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
AXE = "axe-core@4.10.3"

OpenPage = Callable[..., AbstractAsyncContextManager[Page]]


@pytest.fixture
def open_page() -> OpenPage:
    """Return what opens a page; a request to elsewhere, or an error of a script, fails."""

    @asynccontextmanager
    async def opened(url: str, **options: Any) -> AsyncIterator[Page]:
        program = shutil.which("chromium")
        assert program, "Chromium is not installed: apt-get install chromium."
        wrong: list[str] = []
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=ARGS)
            options = {"viewport": WIDE, "locale": "en-GB", "timezone_id": "UTC", **options}
            page = await browser.new_page(**options)
            page.set_default_timeout(60_000)
            expect.set_options(timeout=30_000)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("request", lambda request: wrong.extend(_outside(request.url)))
            page.on("dialog", lambda dialog: dialog.accept())
            await page.goto(url)
            yield page
            await browser.close()
        assert wrong == []

    return opened


def _outside(url: str) -> list[str]:
    inside = url.startswith(("http://127.0.0.1:", "data:", "blob:"))
    return [] if inside else [url]


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the script of axe-core, fetched from the npm registry."""
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        ["npm", "pack", "--silent", AXE], cwd=folder, capture_output=True, text=True, check=True
    )
    with tarfile.open(folder / done.stdout.strip()) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


async def findings(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds of serious kind."""
    session = await page.context.new_cdp_session(page)  # past the page's own policy
    await session.send("Runtime.evaluate", {"expression": axe})
    found = await session.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run().then(r => JSON.stringify(r.violations))",
            "awaitPromise": True,
        },
    )
    violations = json.loads(found["result"]["value"])
    serious = [v for v in violations if v["impact"] in ("serious", "critical")]
    return [f"{v['id']}: {[node['target'] for node in v['nodes']]}" for v in serious]


async def say(page: Page, message: str) -> None:
    """Say something on the page and wait for the whole reply."""
    await page.fill("#message", message)
    async with page.expect_response(lambda r: "/memory" in r.url and r.request.method == "GET"):
        await page.press("#message", "Enter")
    await page.wait_for_selector("#send:not([disabled])")


async def picture(page: Page, folder: Path, name: str) -> None:
    """Keep a picture of the page, for a person to look at."""
    await page.screenshot(path=folder / f"{name}.png")
