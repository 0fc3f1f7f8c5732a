"""Chat on a terminal: the prompt, the reply as it comes, what slash commands show."""

import asyncio
import signal
from contextlib import aclosing, suppress

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.output import create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle
from rich.text import Text

from models.provider.ollama import find_ollama
from nodes.state import Parts
from service.cli.chat_commands import COMMANDS, LEAVE, ChatCommands
from service.cli.chat_reply import Printer, Working
from service.cli.colours import ACCENT, BAD, FAINT, WARNING
from service.cli.talk import Talk
from service.cli.terminal import console
from service.conversation import Conversation
from service.plain_text import day, one_line, plain
from service.prompt_history import history_file
from service.turn_report import StepEvent, TokenEvent, TurnDone, TurnReport
from settings import Settings
from stores.errors import StoreUnavailable
from stores.long_term import backend_of


class Screen:
    """One conversation on a terminal."""

    def __init__(self, parts: Parts, conversation: Conversation, talk: Talk) -> None:
        """Talk on `talk.thread` until the user leaves."""
        self._parts = parts
        self._conversation = conversation
        self._console = console()
        self._commands = ChatCommands(
            parts,
            conversation,
            talk,
            shown=self._console,
            refused=self._console,
            ask=self._confirm,
        )
        self._session = self._open_prompt()

    def _open_prompt(self) -> PromptSession[str]:
        path = history_file(self._parts.settings.data_dir, self._commands.talk.owner)
        output = create_output()
        if isinstance(output, Vt100_Output):
            # Not asked where the cursor is, a slow terminal is not told off for not answering.
            output.enable_cpr = False
        return PromptSession(
            history=FileHistory(str(path)),
            output=output,
            completer=WordCompleter([f"{name} " for name in COMMANDS], sentence=True),
            complete_while_typing=False,
            # Tab lists what it could complete below, so no lines are kept free for a menu.
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
        )

    async def run(self) -> None:
        """Greet, then take messages and commands until the user leaves."""
        await self._greet()
        loading = asyncio.create_task(self._load())  # while one types
        while True:
            try:
                line = await self._ask([(f"bold {ACCENT}", "> ")])
            except KeyboardInterrupt:
                self._say("Ctrl-D or /quit leaves.")
                continue
            except EOFError:
                return
            text = line.strip()
            if text.lower() in LEAVE:
                return
            await asyncio.shield(loading)
            if text.startswith("/") and not text.startswith("//"):
                await self._commands.run(text)
                if text.startswith("/reset"):
                    self._session = self._open_prompt()  # The lines typed before are gone.
            elif text:
                await self._turn(line.removeprefix("/") if text.startswith("//") else line)

    async def _load(self) -> None:
        """Have at hand what the first turn needs: the index of a long memory takes a second."""
        stores, owner = self._parts.stores, self._commands.talk.owner
        await self._parts.models.embeddings.load()
        with suppress(StoreUnavailable):  # The turn says so.
            await stores.recall.load(owner, await stores.journal.read(owner))

    async def _ask(self, prompt: list[tuple[str, str]]) -> str:
        return await self._session.prompt_async(FormattedText(prompt))

    async def _confirm(self, question: str) -> bool:
        try:
            answer = await PromptSession[str](output=self._session.output).prompt_async(question)
        except (EOFError, KeyboardInterrupt):
            return False
        return answer.strip().casefold() in ("y", "yes")

    def _say(self, text: str, style: str = FAINT) -> None:
        self._console.print(Text(plain(text), style=style))

    # The first screen

    async def _greet(self) -> None:
        models, settings = self._parts.models, self._parts.settings
        owner = self._commands.talk.owner
        chat, character = models.of(owner.character_id), settings.characters.get(owner.character_id)
        rows = [("model", chat.name)]
        if chat.offline:
            rows = [("model", "offline: quotes your own words back, no language model")]
            rows += [("", "for a language model set OPENAI_API_KEY in .env (see .env.example)")]
            ollama = await find_ollama()
            rows += [("", f"Ollama runs here; to use it: {ollama}")] if ollama else []
        rows.append(("memory", where_memory_lies(settings)))
        age = await self._age()
        rows.append(("thread", f"{self._commands.talk.thread} ({age})"))
        self._console.print(Text("Mnemograph", style="bold"))
        rows.append(("you", f"{owner.user_id}, talking with {owner.character_id} {_CHOOSE}"))
        for label, value in rows:
            line = Text.assemble((f"  {label:<8}", ACCENT), plain(value))
            self._console.print(line, soft_wrap=True)
        self._say("/help lists the commands, Ctrl-D leaves.\n")
        if age == "new" and character and character.greeting:
            self._say(f"{character.greeting}\n", "")

    async def _age(self) -> str:
        view = await self._parts.stores.journal.read(self._commands.talk.owner)
        note = view.threads.get(self._commands.talk.thread)
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
        talk, printer = self._commands.talk, Printer(self._console)
        with Working(self._console) as working:
            working.on("thinking...")
            async with aclosing(talk.turn(self._conversation, message)) as events:
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
        if report.error:
            self._say(report.error, BAD)
        elif self._commands.last is None:
            self._say(self._remembered())
        if report.facts_added:
            self._say("noted: " + "; ".join(map(one_line, report.facts_added)))
        self._commands.last = report
        for lacking in report.degraded:
            self._say(f"(note: {lacking})", WARNING)
        self._console.print()

    def _remembered(self) -> str:
        """Return what becomes of what was just said, for somebody who sees it the first time."""
        text = "(kept: from now on /recall TEXT finds what you said"
        if self._parts.settings.tier(self._commands.talk.tier).remembers:
            text += ", and /facts shows what is drawn from it every few turns"
        return f"{text})"


_CHOOSE = "(--user and --character choose others, each with a memory of its own)"


def where_memory_lies(settings: Settings) -> str:
    """Return in words where conversations and memories are kept."""
    short = "Redis" if settings.redis_url else None
    backend = backend_of(settings)
    long = backend.place(settings) if getattr(settings, backend.setting) else None
    if short is None and long is None:
        return f"{settings.data_dir} (SQLite and Chroma, on this machine)"
    here = f"in {settings.data_dir}"
    return f"{short or f'SQLite {here}'} and {long or f'Chroma {here}'}"


def _progress(event: StepEvent) -> str:
    if event.step == "search":
        return "searching memory..."
    if event.step == "fold":
        return f"folding {event.messages} messages into memory..."
    return "noting facts..."
