"""Chat on a terminal: the prompt, the reply as it comes, what slash commands show."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.output import create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from rich.text import Text

from domain.owner import Owner
from models.provider.ollama import find_ollama
from nodes.state import Parts
from service.cli.chat_lines import LEAVE, Talk
from service.cli.chat_reply import Printer, Working
from service.cli.tables import budget_table, recalled_table
from service.cli.terminal import console, day, plain
from service.conversation import Conversation, new_thread
from service.prompt_history import forget_history, history_file
from service.turn_report import StepEvent, TokenEvent, TurnDone, TurnReport
from settings import Settings
from stores.errors import StoreUnavailable
from stores.long_term import backend_of
from stores.maintenance.erase import reset

COMMANDS = {
    "/memory": "what was recalled for the last reply, and why",
    "/budget": "how the last prompt spent its tokens",
    "/new": "start a new conversation; what was said stays remembered",
    "/reset": "forget everything this character knows about you",
    "/help": "this list",
    "/quit": "leave (Ctrl-D does too)",
}


class Screen:
    """One conversation on a terminal."""

    def __init__(self, parts: Parts, conversation: Conversation, talk: Talk) -> None:
        """Talk on `talk.thread` until the user leaves."""
        self._parts = parts
        self._conversation = conversation
        self._talk = talk
        self._console = console()
        self._last: TurnReport | None = None
        self._commands: dict[str, Callable[[], Awaitable[None]]] = {
            "/memory": self._memory,
            "/budget": self._budget,
            "/new": self._new,
            "/reset": self._reset,
            "/help": self._help,
        }
        self._session = self._open_prompt()

    def _open_prompt(self) -> PromptSession[str]:
        path = history_file(self._parts.settings.data_dir, self._talk.owner)
        output = create_output()
        if isinstance(output, Vt100_Output):
            # Not asked where the cursor is, a slow terminal is not told off for not answering.
            output.enable_cpr = False
        # Nothing is completed, so no lines are kept free for it.
        history = FileHistory(str(path))
        return PromptSession(history=history, output=output, reserve_space_for_menu=0)

    async def run(self) -> None:
        """Greet, then take messages and commands until the user leaves."""
        await self._greet()
        while True:
            try:
                line = await self._ask([("bold ansicyan", "> ")])
            except KeyboardInterrupt:
                self._say("Ctrl-D or /quit leaves.")
                continue
            except EOFError:
                return
            text = line.strip()
            if text in LEAVE:
                return
            if text.startswith("/") and not text.startswith("//"):
                await self._command(text)
            elif text:
                await self._turn(line.removeprefix("/") if text.startswith("//") else line)

    async def _ask(self, prompt: list[tuple[str, str]]) -> str:
        return await self._session.prompt_async(FormattedText(prompt))

    def _say(self, text: str, style: str = "dim") -> None:
        self._console.print(Text(plain(text), style=style))

    # The first screen

    async def _greet(self) -> None:
        models, settings = self._parts.models, self._parts.settings
        rows = [("model", models.chat_name)]
        if models.offline:
            rows = [("model", "offline: quotes your own words back, no language model")]
            rows += [("", "for a language model set OPENAI_API_KEY in .env (see .env.example)")]
            ollama = await find_ollama()
            rows += [("", f"Ollama runs here; to use it: {ollama}")] if ollama else []
        rows.append(("memory", where_memory_lies(settings)))
        rows.append(("thread", f"{self._talk.thread} ({await self._age()})"))
        title = Text.assemble(("Mnemograph", "bold"), f"  {_who(self._talk.owner)}")
        self._console.print(title, soft_wrap=True)
        for label, value in rows:
            line = Text.assemble((f"  {label:<8}", "cyan"), plain(value))
            self._console.print(line, soft_wrap=True)
        self._say("/help lists the commands, Ctrl-D leaves.\n")

    async def _age(self) -> str:
        view = await self._parts.stores.journal.read(self._talk.owner)
        note = view.threads.get(self._talk.thread)
        return f"going on, last spoken on {day(note.last)}" if note and note.last else "new"

    # A turn

    async def _turn(self, message: str) -> None:
        """Show one turn; Ctrl-C ends it."""
        loop = asyncio.get_running_loop()
        turn = asyncio.create_task(self._show_turn(message))
        loop.add_signal_handler(signal.SIGINT, turn.cancel)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                raise
            self._console.print()
            self._say("Stopped.")
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _show_turn(self, message: str) -> None:
        talk, printer = self._talk, Printer(self._console)
        turn = self._conversation.turn(
            talk.owner,
            talk.thread,
            message,
            persona=talk.persona,
            tier=talk.tier,
            as_of=talk.as_of,
        )
        with Working(self._console) as working:
            working.on("thinking...")
            async with aclosing(turn) as events:
                async for event in events:
                    if isinstance(event, TokenEvent):
                        working.off()
                        printer.write(plain(event.text))
                    elif isinstance(event, StepEvent):
                        printer.end()
                        working.on(_progress(event))
                    elif isinstance(event, TurnDone):
                        working.off()
                        printer.end()
                        self._finish(event.report)

    def _finish(self, report: TurnReport) -> None:
        self._last = report
        if report.error:
            self._say(report.error, "red")
        for lacking in report.degraded:
            self._say(f"(done without: {lacking})", "yellow")
        self._console.print()

    # Commands

    async def _command(self, text: str) -> None:
        name = text.split()[0]
        command = self._commands.get(name)
        if command is None:
            self._say(f"There is no command {name}: /help lists them. (//{name[1:]} sends it.)")
            return
        try:
            await command()
        except StoreUnavailable as error:
            self._say(str(error), "red")

    async def _help(self) -> None:
        for name, meaning in COMMANDS.items():
            self._console.print(Text.assemble((f"  {name:<9}", "cyan"), meaning))

    async def _memory(self) -> None:
        if self._last is None:
            self._say("Nothing was recalled yet: say something first.")
        elif not self._last.recalled:
            self._say("Nothing was recalled for the last reply: the prompt showed it already.")
        else:
            self._console.print(recalled_table(self._last.recalled))

    async def _budget(self) -> None:
        budget: Mapping[str, Any] | None = self._last.budget if self._last else None
        if budget is None:
            budget = await self._conversation.last_budget(self._talk.owner, self._talk.thread)
        if budget is None:
            self._say("There is no prompt to report on yet: say something first.")
        else:
            self._console.print(budget_table(budget))

    async def _new(self) -> None:
        self._talk = replace(self._talk, thread=new_thread())
        self._last = None
        self._say(f"A new conversation, {self._talk.thread}. What was said stays remembered.")

    async def _reset(self) -> None:
        question = f"Forget everything {_who(self._talk.owner)}? This cannot be undone. [y/N] "
        try:
            answer = await PromptSession[str](output=self._session.output).prompt_async(question)
        except (EOFError, KeyboardInterrupt):
            answer = ""
        if answer.strip().casefold() not in ("y", "yes"):
            self._say("Nothing was forgotten.")
            return
        removed = await reset(self._parts.stores, self._talk.owner)
        forget_history(self._parts.settings.data_dir, self._talk.owner)
        self._session = self._open_prompt()
        self._talk = replace(self._talk, thread=new_thread())
        self._last = None
        self._say(f"Forgotten: {removed}.")


def where_memory_lies(settings: Settings) -> str:
    """Return in words where conversations and memories are kept."""
    short = "Redis" if settings.redis_url else None
    backend = backend_of(settings)
    long = backend.place(settings) if getattr(settings, backend.setting) else None
    if short is None and long is None:
        return f"{settings.data_dir} (SQLite and Chroma, on this machine)"
    here = f"in {settings.data_dir}"
    return f"{short or f'SQLite {here}'} and {long or f'Chroma {here}'}"


def _who(owner: Owner) -> str:
    return f"{plain(owner.user_id)} with {plain(owner.character_id)}"


def _progress(event: StepEvent) -> str:
    if event.step == "search":
        return "searching memory..."
    if event.step == "fold":
        return f"folding {event.messages} messages into memory..."
    return "noting facts..."
