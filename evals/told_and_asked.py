"""Told, chatted with for a while, asked in a new conversation: does the reply quote what was said?

Whole turns of the product, with the settings of the environment; with none set, the offline model
answers. `python -m evals.told_and_asked FILE ...`, each a conversation in LoCoMo's format.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import HumanMessage

from domain.text.sentences import sentences
from evals.conversations import Dialogue
from evals.locomo import load
from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext
from settings import Settings

CHATTED = 40
"""Turns between telling and asking."""


async def quoted(talk: Dialogue, folder: Path) -> list[bool]:
    """Return for each question of a conversation whether the reply quotes its evidence.

    The user's messages that answer a question are told first, the others follow until `CHATTED`
    turns are over, and every question is asked in one new thread.
    """
    said = {each.id: each for session in talk.sessions for each in session.utterances}
    wanted = dict.fromkeys(id for probe in talk.probes for id in probe.evidence)
    others = [u.text for u in said.values() if u.role == "user" and u.id not in wanted]
    chatted = [others[turn % len(others)] for turn in range(CHATTED)] if others else []
    settings = Settings(data_dir=folder, chroma_shards=1)
    async with open_parts(settings) as parts:
        graph = build(parts).compile(checkpointer=parts.stores.checkpointer)

        async def reply(text: str, thread: str) -> str:
            said_now: Any = {"messages": [HumanMessage(text)]}
            result = await graph.ainvoke(
                said_now,
                {"configurable": {"thread_id": thread}},
                context=ChatContext(user_id=talk.name),
            )
            return str(result["messages"][-1].text)

        for text in (*(said[id].text for id in wanted), *chatted):
            await reply(text, "told")
        return [
            _quotes(await reply(probe.question, "asked"), [said[id].text for id in probe.evidence])
            for probe in talk.probes
        ]


def _quotes(reply: str, messages: Sequence[str]) -> bool:
    """Return whether a reply holds a sentence of one of the messages."""
    return any(sentence in reply for text in messages for sentence in sentences(text))


def main() -> None:
    """Print how many questions of each conversation are answered with the right quotation."""
    parser = argparse.ArgumentParser(description="Tell, chat, and ask in a new conversation.")
    parser.add_argument("files", type=Path, nargs="+", help="conversations in LoCoMo's format")
    for file in parser.parse_args().files:
        for talk in load(file):
            with TemporaryDirectory(prefix="mnemograph-eval-") as folder:
                answers = asyncio.run(quoted(talk, Path(folder)))
            print(f"{file.stem}: {sum(answers)} of {len(answers)}")


if __name__ == "__main__":
    main()
