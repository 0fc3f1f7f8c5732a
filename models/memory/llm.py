"""Memory work by a language model: summaries, scores and facts through any LangChain chat model.

Every call is tagged `nostream`, so that no chat client shows it. Nothing here stores anything.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from domain.facts.attributes import traits
from domain.facts.extraction import Extraction, Source
from domain.records import Entity, Fact, Said, Turn
from domain.text.sentences import sentences
from models.errors import ContextTooLong, CutReply, EmptyReply, MalformedReply
from models.memory import prompts
from models.memory import schemas as forms
from models.memory.notes import read_extraction
from models.memory.protocol import Score
from models.memory.read_form import read_object, without_thoughts
from models.provider.ask import Question, ask
from models.provider.endpoint_chat import EndpointChat
from models.provider.learned import Learned
from models.provider.replies import was_cut
from models.tokens import TokenCounter

T = TypeVar("T")

WINDOW_TOKENS = 6_000
"""What is put before a model at once: no more than a prompt of a reply. A longer window is
summarized in parts."""

_SMALLEST_WINDOW = 200
_SAMPLED = 3
_WORDS_PER_TOKEN = 0.6
"""A model counts words better than tokens; less than the usual 0.75, to stay below."""
_LONGEST_SUMMARY = 2
"""Times the tokens asked for after which a summary is cut: a longer one is shortened, not lost."""
_SCORE_TOKENS = 200
_FORM_TOKENS = 250, 120, 1_500
"""What the form of facts may take: to begin with, for each message, and at most."""
_AROUND = 120
"""Tokens of what stands around the data: tags, headings, the day, and that it is data."""
_FACTS_SHARE = 3
"""Known facts take no more than this part of what a model reads with them; entities half of it."""
_TRAITS = 12
"""Things that hold of known entities, shown to a model at most: about 100 tokens."""


class LanguageMemory:
    """The `MemoryModel` of a language model."""

    extractive = False

    def __init__(
        self,
        model: BaseChatModel,
        name: str,
        tokens: TokenCounter,
        *,
        learned: Learned | None = None,
        concurrency: int | None = None,
    ) -> None:
        """Work with a model.

        Args:
            model: Any chat model; an OpenAI-compatible server is asked for JSON by schema.
            name: As the user wrote it in the settings.
            tokens: Counts for the chat model.
            learned: What is known of the model; shared with whoever else asks it.
            concurrency: Calls that may run at once; None: any number.
        """
        self.model = model
        self.name = name
        self.tokens = tokens
        self.window_tokens = WINDOW_TOKENS
        self.learned = learned or Learned(name)
        self._turns = asyncio.Semaphore(concurrency) if concurrency else nullcontext()
        self._by_schema = isinstance(model, EndpointChat)

    async def summarize(
        self,
        turns: Sequence[Turn],
        *,
        before: str | None,
        max_tokens: int,
        missing: Sequence[str] = (),
    ) -> str:
        """Return a summary of `turns`; see `MemoryModel`. A long window is read in parts.

        Raises:
            ModelError: If the provider fails, or the answer is empty, cut or too long.
        """
        lines = prompts.conversation(prompts.said_in(turns))
        room = self._room(prompts.SUMMARIZE, _LONGEST_SUMMARY * max_tokens)
        parts = await self._summaries(lines, room, before, max_tokens, missing)
        summary = "\n".join(parts)
        if self.tokens.text(summary) > max_tokens:
            summary = await self._write(prompts.SHORTEN, summary, max_tokens)
        if self.tokens.text(summary) > max_tokens:
            summary = self._whole_sentences(summary, max_tokens)
            if not summary:
                raise MalformedReply("The model's summary is longer than it was asked to be.")
        return summary

    async def score(self, turns: Sequence[Turn], summary: str) -> Score | None:
        """Return the model's score of a summary, judged by three messages of the window.

        Raises:
            ModelError: If the provider fails or the answer is not a score.
        """
        data = prompts.to_score(_sample(turns), summary)
        answer = await self._fill_in(forms.ScoreForm, prompts.SCORE, data, _SCORE_TOKENS)
        return forms.read_score(answer)

    async def extract(
        self, messages: Sequence[Source], stored: Sequence[Fact | Entity], now: datetime
    ) -> Extraction:
        """Return what the user's `messages` state, against what is `stored`; see `MemoryModel`.

        Raises:
            ModelError: If the provider fails or the answer is not in the form asked for.
        """
        extraction = Extraction()
        for part in self._parts_of(messages):
            extraction = extraction.joined(await self._extract(part, stored, now))
        return extraction

    async def _extract(
        self, messages: Sequence[Source], stored: Sequence[Fact | Entity], now: datetime
    ) -> Extraction:
        first, each, most = _FORM_TOKENS
        bound = min(most, first + each * len(messages))
        room = self._room(prompts.EXTRACT, bound) // _FACTS_SHARE
        facts = [record for record in stored if isinstance(record, Fact)]
        facts = facts[: self._fitting((prompts.fact_lines([fact])[0] for fact in facts), room)]
        facts.sort(key=lambda fact: fact.valid_from)
        known_traits = traits(record for record in stored if isinstance(record, Entity))[:_TRAITS]
        known_traits = known_traits[: self._fitting(prompts.trait_lines(known_traits), room // 2)]
        data = prompts.to_extract(messages, facts, known_traits, now)
        try:
            answer = await self._fill_in(forms.ExtractionForm, prompts.EXTRACT, data, bound)
        except ContextTooLong:
            if len(messages) == 1:
                raise
            half = len(messages) // 2
            extraction = await self._extract(messages[:half], stored, now)
            return extraction.joined(await self._extract(messages[half:], stored, now))
        return await asyncio.to_thread(read_extraction, answer, messages, facts, known_traits)

    def _room(self, task: str, answer: int) -> int:
        """Return the tokens of data that the model reads at once, beside its task and answer."""
        around = self.tokens.text(task) + answer + _AROUND
        room = self.learned.limit(self.window_tokens + around) - around
        return max(room, min(_SMALLEST_WINDOW, self.window_tokens))

    def _fitting(self, lines: Iterable[str], room: int) -> int:
        """Return how many of the first lines fit into `room` tokens; the nearest stand first."""
        return sum(cost <= room for cost in accumulate(map(self.tokens.text, lines)))

    async def _summaries(
        self,
        lines: Sequence[str],
        limit: int,
        before: str | None,
        max_tokens: int,
        missing: Sequence[str],
    ) -> list[str]:
        """Return a summary of each part of a conversation that fits into `limit` tokens."""
        done: list[str] = []
        pieces = [piece for line in lines for piece in self._pieces(line, limit)]
        for part in _grouped(pieces, lambda piece: self.tokens.text(piece) + 1, limit):
            data = prompts.to_summarize("\n".join(part), done[-1] if done else before, missing)
            try:
                done.append(await self._write(prompts.SUMMARIZE, data, max_tokens))
            except ContextTooLong:
                if limit <= _SMALLEST_WINDOW:
                    raise
                context = done[-1] if done else before
                done += await self._summaries(part, limit // 2, context, max_tokens, missing)
        return done

    def _pieces(self, line: str, limit: int) -> list[str]:
        """Return a line, broken at spaces where it has more than `limit` tokens."""
        if self.tokens.text(line) <= limit or len(line) < 2:
            return [line]
        middle = line.rfind(" ", 1, len(line) // 2 + 1)
        cut = middle if middle > 0 else len(line) // 2
        return self._pieces(line[:cut], limit) + self._pieces(line[cut:].lstrip(), limit)

    def _parts_of(self, messages: Sequence[Source]) -> list[list[Source]]:
        room = self._room(prompts.EXTRACT, _FORM_TOKENS[-1] // _FACTS_SHARE) // 2
        return _grouped(messages, lambda m: self.tokens.text("\n".join((*m.before, m.text))), room)

    async def _write(self, task: str, data: str, max_tokens: int) -> str:
        """Return the model's text, whole and not empty."""
        words = max(20, int(max_tokens * _WORDS_PER_TOKEN))
        messages = _prompt(task, data, words=words)
        reply = await self._ask("summary", Question(messages, _LONGEST_SUMMARY * max_tokens))
        text = prompts.without_echo(without_thoughts(reply.text))
        if was_cut(reply):
            text = self._whole_sentences(text, max_tokens)
            if not text:
                raise CutReply("The model's summary was cut at its length limit.")
        if not text:
            raise EmptyReply("The model's summary is empty.")
        return text

    def _whole_sentences(self, text: str, max_tokens: int) -> str:
        """Return the sentences at the head of a text that are whole and fit, each once."""
        whole: list[str] = []
        for sentence in dict.fromkeys(sentences(text)):
            if not sentence.endswith((".", "!", "?", "。", "！", "？")):
                break
            if self.tokens.text(" ".join([*whole, sentence])) > max_tokens:
                break
            whole.append(sentence)
        return " ".join(whole)

    async def _fill_in(
        self, form: type[BaseModel], task: str, data: str, max_tokens: int
    ) -> dict[str, Any]:
        """Return the model's answer in a form: by JSON schema, by a function call, or as text."""
        schema, messages = forms.schema(form), _prompt(task, data)
        # Whatever takes no tools either answers in text, by the example in the task.
        question = Question(
            messages,
            max_tokens,
            schema=schema if self._by_schema else None,
            tools=[schema],
            tool_choice=schema["title"],
        )
        reply = await self._ask(schema["title"], question)
        return await asyncio.to_thread(_read, reply, form)

    async def _ask(self, name: str, question: Question) -> AIMessage:
        async with self._turns:
            return await ask(
                self.model,
                replace(question, temperature=0.0),
                self.learned,
                self.tokens,
                RunnableConfig(tags=["nostream"], run_name=name),
            )


def _grouped(items: Iterable[T], cost: Callable[[T], int], limit: int) -> list[list[T]]:
    """Group items, in order, so that those of a group cost `limit` together at most."""
    groups: list[list[T]] = []
    used = 0
    for item in items:
        size = cost(item)
        if not groups or used + size > limit:
            groups.append([])
            used = 0
        groups[-1].append(item)
        used += size
    return groups


def _read(reply: AIMessage, form: type[BaseModel]) -> dict[str, Any]:
    """Return the form in a reply.

    Raises:
        CutReply: If it was cut before it said anything that can be read.
        MalformedReply: If it is something else.
    """
    try:
        return read_object(reply, form)
    except MalformedReply as error:
        if was_cut(reply):
            raise CutReply("The model's answer was cut at its length limit.") from error
        raise


def _prompt(task: str, data: str, **values: object) -> list[BaseMessage]:
    return [
        SystemMessage(prompts.instructions(task, data, **values)),
        HumanMessage(prompts.fenced(data)),
    ]


def _sample(turns: Sequence[Turn]) -> list[Said]:
    """Return three messages, the user's where there are enough: the same ones each time."""
    said = prompts.said_in(turns)
    users = [message for message in said if message.role == "user"]
    choice = users if len(users) >= _SAMPLED else said
    seeded = random.Random("".join(turn.id for turn in turns))
    chosen = sorted(seeded.sample(range(len(choice)), min(_SAMPLED, len(choice))))
    return [choice[index] for index in chosen]
