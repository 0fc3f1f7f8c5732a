"""Chat for programs and pipes: a message a line in, a reply or a JSON object a turn out."""

import asyncio
import os
import sys
import threading
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator

from nodes.state import Parts
from service.cli.chat_commands import LEAVE, ChatCommands
from service.cli.talk import Talk
from service.cli.terminal import console, print_json
from service.conversation import Conversation
from service.plain_text import plain
from service.turn_report import report_of


async def chat_lines(
    parts: Parts, conversation: Conversation, talk: Talk, *, as_json: bool
) -> bool:
    """Answer each line of stdin, blank ones excepted; return whether every turn succeeded.

    What commands show stays off stdout where that is for a program to read.
    """
    commands = ChatCommands(
        parts, conversation, talk, shown=console(stderr=as_json), refused=console(stderr=True)
    )
    fine = True
    async for line in lines():
        text = line.strip()
        if text.lower() in LEAVE:
            break
        if text.startswith("/") and not text.startswith("//"):
            await commands.run(text)
            continue
        if not text:
            continue
        line = line.replace("//", "/", 1) if text.startswith("//") else line
        report = commands.last = await report_of(commands.talk.turn(conversation, line))
        fine = fine and report.error is None
        if as_json:
            print_json(report.model_dump(), pretty=False)
            continue
        if report.reply:
            print(plain(report.reply), flush=True)
        if report.error:
            print(plain(report.error), file=sys.stderr, flush=True)
    return fine


async def lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Yield the lines of a file descriptor as they come, without their ends, as UTF-8.

    Read by a thread of its own, which a program that ends need not wait for: neither the event
    loop nor Ctrl-C is held up by an input that stays silent.
    """
    loop = asyncio.get_running_loop()
    read: asyncio.Queue[bytes] = asyncio.Queue()
    wanted = threading.Semaphore(1)

    def pump() -> None:
        while True:
            wanted.acquire()
            try:
                chunk = os.read(descriptor, 65_536)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(read.put_nowait, chunk)
            except RuntimeError:
                return  # The loop is closed: nobody reads any more.
            if not chunk:
                return

    threading.Thread(target=pump, daemon=True, name="stdin").start()
    decoder = getincrementaldecoder("utf-8-sig")(errors="replace")
    rest = ""
    while chunk := await read.get():
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield line.removesuffix("\r")
        wanted.release()
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest.removesuffix("\r")
