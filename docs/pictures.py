"""Makes `docs/page.png` and `docs/terminal.svg` from a real session with the offline model.

`python docs/pictures.py`, with Debian's chromium and, for the recording, npm's svg-term-cli.
"""

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.async_api import ViewportSize, async_playwright

DOCS = Path(__file__).parent
BIN = Path(sys.executable).parent
PORT = 8765
SIZE = ViewportSize(width=1440, height=900)
COLUMNS, LINES = 92, 26
KEY_SECONDS = 0.04
ANSWER_SECONDS = 1.0
"""How long an answer takes in the recording; on a busy machine it takes longer."""
RECORDER = "svg-term-cli@2.1.1"
TOLD = (
    "My name is Alex and I live in Boston.",
    "I am allergic to peanuts, so I never keep nuts at home.",
    "My dog is called Biscuit and he was born on 3 May 2021.",
    "My boss takes credit for my work.",
    "My sister Ola lives in Oslo and she is a nurse.",
    "Always give temperatures in Celsius.",
    "I moved to Denver last week.",
)
ASKED = ("What am I allergic to?", "When was Biscuit born?")
TYPED = (
    ("mnemo chat", 1.5),
    ("What am I allergic to?", 2.0),
    ("/memory", 4.0),
    ("My sister moved to Bergen.", 2.0),
    ("/budget", 5.0),
)
"""What is typed, and the seconds in which one reads what it shows."""
PROMPT = "> "


def environment() -> dict[str, str]:
    """Return an environment without settings but those that make memory work within a few turns."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    short = {"MNEMO_FOLD_TURNS": "3", "MNEMO_EXTRACT_TURNS": "1"}
    return env | short | {"PATH": f"{BIN}:{env['PATH']}", "TERM": "xterm-256color", "PS1": "$ "}


async def picture(url: str) -> None:
    """Talk, and take a picture of the page."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for message in TOLD:
            await client.post("/chat/alex/default", json={"message": message})
        body: dict[str, object] = {"message": ASKED[0], "new": True}
        await client.post("/chat/alex/default", json=body)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = await browser.new_page(viewport=SIZE, locale="en-GB")
        await page.goto(f"{url}/inspector?user=alex")
        await page.fill("#message", ASKED[1])
        await page.press("#message", "Enter")
        await page.wait_for_selector("#send:not([disabled])")
        await page.locator("#message").blur()
        await page.screenshot(path=DOCS / "page.png")
        await browser.close()


def serve_and_picture(folder: str) -> None:
    """Run a server for the picture of its page."""
    command = [str(BIN / "mnemo"), "serve", "--port", str(PORT)]
    with subprocess.Popen(command, cwd=folder, env=environment()) as server:
        url = f"http://127.0.0.1:{PORT}"
        for _ in range(120):
            try:
                httpx.get(f"{url}/health")
                break
            except httpx.TransportError:
                time.sleep(0.5)
        asyncio.run(picture(url))
        server.terminate()


def record(folder: str) -> list[tuple[float, str]]:
    """Type into a shell, and return what it shows and when, at the pace of a reader."""
    tell = [str(BIN / "mnemo"), "chat", "--json"]
    env = environment()
    subprocess.run(tell, cwd=folder, env=env, input="\n".join(TOLD), text=True, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.update(env)
        os.execvpe("bash", ["bash", "--norc", "--noprofile"], os.environ)
    subprocess.run(["stty", "cols", str(COLUMNS), "rows", str(LINES)], stdin=terminal, check=True)
    now, shown = 0.0, list[tuple[float, str]]()

    def read(seconds: float) -> str:
        ready = select.select([terminal], [], [], seconds)[0]
        return os.read(terminal, 65536).decode("utf-8", "replace") if ready else ""

    for line, seconds in (("", 1.0), *TYPED):
        for key in line:
            os.write(terminal, key.encode())
            now += KEY_SECONDS
            shown.append((now, read(1)))
        os.write(terminal, b"\r" if line else b"")
        answer = read(60)
        while line and PROMPT not in answer:
            answer += read(60)
        while more := read(2):
            answer += more
        now += ANSWER_SECONDS
        shown.append((now, answer))
        now += seconds
    shown.append((now, ""))
    os.close(terminal)
    return shown


def draw(shown: list[tuple[float, str]], folder: str) -> None:
    """Draw a recording as an SVG that plays."""
    head = {"version": 2, "width": COLUMNS, "height": LINES}
    lines = [json.dumps(head), *(json.dumps([at, "o", text]) for at, text in shown)]
    cast = Path(folder) / "terminal.cast"
    cast.write_text("\n".join(lines) + "\n", "utf-8")
    subprocess.run(["npx", "--yes", RECORDER, "--in", str(cast), "--out",
                    str(DOCS / "terminal.svg"), "--window", "--no-cursor"], check=True)  # fmt: skip


if __name__ == "__main__":
    for make in (serve_and_picture, lambda folder: draw(record(folder), folder)):
        with tempfile.TemporaryDirectory() as folder:
            make(folder)
