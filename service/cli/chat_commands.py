"""What begins with a slash in a chat, on a terminal as in a pipe: commands, and never messages."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.text import Text

from domain.owner import Owner
from domain.text.moments import here
from models.errors import ModelError
from nodes.state import Parts
from service.cli.colours import ACCENT, BAD, FAINT
from service.cli.tables import budget_table, episodes_table, facts_table, recalled_table
from service.cli.talk import Talk
from service.conversation import Conversation, new_thread
from service.erasing import reset_owner
from service.memory_changes import forget_what_says, what_says
from service.memory_view import look_up, remembered
from service.plain_text import counted, one_line, plain
from service.turn_report import TurnReport
from stores.errors import StoreUnavailable

LEAVE = ("/quit", "/exit", "quit", "exit")
"""Lines that leave a chat."""
RECALL_TOKENS = 1000
"""What `/recall` shows at most, as `mnemo recall` does."""
COMMANDS = {
    "/memory": "what was recalled for the last reply, and why",
    "/recall": "/recall TEXT: what would be recalled for a text",
    "/facts": "what is held to be true of you",
    "/episodes": "summaries of what was said earlier",
    "/forget": "/forget TEXT: forget whatever says that",
    "/budget": "how the last prompt spent its tokens",
    "/new": "start a new conversation; what was said stays remembered",
    "/reset": "forget everything this character knows about you",
    "/help": "this list",
    "/quit": "leave (exit and Ctrl-D do too)",
}
"""What each does; the method that does it has its name."""

Ask = Callable[[str], Awaitable[bool]]
"""Asks a question that is answered with yes or no."""


class ChatCommands:
    """Runs the commands of one chat, which may move it to another thread.

    Attributes:
        talk: The conversation as it goes on.
        last: What the last turn did; None before the first.
    """

    def __init__(
        self,
        parts: Parts,
        conversation: Conversation,
        talk: Talk,
        *,
        shown: Console,
        refused: Console,
        ask: Ask | None = None,
    ) -> None:
        """Show results on `shown` and refusals on `refused`; without `ask` nobody is asked."""
        self.talk = talk
        self.last: TurnReport | None = None
        self._parts, self._conversation = parts, conversation
        self._console, self._refused, self._ask = shown, refused, ask

    async def run(self, line: str) -> None:
        """Run a line that begins with a slash; what is no command is named."""
        name, _, rest = line.strip().partition(" ")
        name = name.lower()
        if name in LEAVE:
            self._refuse(f"Write {name} alone to leave; /{name} says it.")
            return
        if name not in COMMANDS:
            self._refuse(f"There is no command {name}: /help lists them, /{name} says it.")
            return
        command: Callable[[str], Awaitable[None]] = getattr(self, f"_{name[1:]}")
        try:
            await command(rest.strip())
        except (StoreUnavailable, ModelError) as error:
            self._refuse(str(error))

    def _say(self, text: str) -> None:
        self._console.print(Text(plain(text), style=FAINT))

    def _refuse(self, text: str) -> None:
        self._refused.print(Text(plain(text), style=BAD), soft_wrap=True)

    async def _help(self, _: str) -> None:
        for name, meaning in COMMANDS.items():
            self._console.print(Text.assemble((f"  {name:<10}", ACCENT), meaning))
        self._say("A line that is to begin with a slash is said with two of them.")

    async def _memory(self, _: str) -> None:
        if self.last is None:
            self._say("Nothing was recalled yet: say something first.")
        elif not self.last.recalled:
            self._say("Nothing was recalled for the last reply: the prompt showed it already.")
        else:
            self._console.print(recalled_table(self.last.recalled))

    async def _recall(self, text: str) -> None:
        if not text:
            self._refuse("Say what to look for: /recall TEXT.")
            return
        stores, owner = self._parts.stores, self.talk.owner
        now = here(self._parts.now(), self.talk.timezone or self._parts.settings.timezone)
        items = await look_up(stores, owner, text, budget=RECALL_TOKENS, now=now)
        self._console.print(recalled_table(items))

    async def _facts(self, _: str) -> None:
        view = await remembered(self._parts.stores, self.talk.owner)
        self._console.print(facts_table(view.facts))

    async def _episodes(self, _: str) -> None:
        view = await remembered(self._parts.stores, self.talk.owner)
        self._console.print(episodes_table(view.episodes))

    async def _forget(self, text: str) -> None:
        if not text:
            self._refuse("Say what to forget: /forget TEXT.")
            return
        reached = await what_says(self._parts, self.talk.owner, text)
        if reached.nothing:
            self._refuse(
                "Nothing that is remembered says that: /facts and /recall TEXT show what is."
            )
            return
        for fact in reached.facts:
            self._console.print(Text(f"- {one_line(fact.text)}"))
        facts = counted(len(reached.facts), "fact")
        what = f"{facts} and {counted(len(reached.withheld), 'place')} where it is said"
        if self._ask and not await self._ask(f"Forget {what}? [y/N] "):
            self._say("Nothing was forgotten.")
            return
        await forget_what_says(self._parts, self.talk.owner, text)
        self._say(f"Forgotten: {what}.")

    async def _budget(self, _: str) -> None:
        budget: Mapping[str, Any] | None = self.last.budget if self.last else None
        if budget is None:
            budget = await self._conversation.last_budget(self.talk.owner, self.talk.thread)
        if budget is None:
            self._say("There is no prompt to report on yet: say something first.")
        else:
            self._console.print(budget_table(budget))

    async def _new(self, _: str) -> None:
        self._begin()
        self._say(f"A new conversation, {self.talk.thread}. What was said stays remembered.")

    async def _reset(self, word: str) -> None:
        owner = self.talk.owner
        question = f"Forget everything {who(owner)}? This cannot be undone. [y/N] "
        if word != "yes" and self._ask is None:
            self._refuse("Nothing was forgotten: where nobody can be asked, say /reset yes.")
            return
        if self._ask and not await self._ask(question):
            self._say("Nothing was forgotten.")
            return
        removed = await reset_owner(self._parts.stores, self._parts.settings.data_dir, owner)
        self._begin()
        self._say(f"Forgotten: {removed}.")

    def _begin(self) -> None:
        self.talk = replace(self.talk, thread=new_thread())
        self.last = None


def who(owner: Owner) -> str:
    """Return in words who talks with whom."""
    return f"{plain(owner.user_id)} with {plain(owner.character_id)}"
