"""Memory work by a language model: summaries, scores and facts through any LangChain chat model.

Every call is tagged `nostream`, so that no chat client shows it. Nothing here stores anything.
"""

import random
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from domain.facts.extraction import Extraction, Source
from domain.records import Fact, Said, Turn
from models.calls import as_model_errors
from models.errors import ContextTooLong, CutReply, EmptyReply, MalformedReply, Refused
from models.memory import prompts
from models.memory import schemas as forms
from models.memory.protocol import Score
from models.replies import check_reply, was_cut
from models.tokens import TokenCounter

WINDOW_TOKENS = 6_000
"""What is put before a model at once: no more than a prompt of a reply, since servers of one's own
may read no more and say nothing. A longer window is summarized in parts."""

_SMALLEST_WINDOW = 500
_SAMPLED = 3
_WORDS_PER_TOKEN = 0.6
"""A model counts words better than tokens; less than the usual 0.75, to stay below."""

_NO_SCHEMA = re.compile(r"response_?format|json_?schema|structured output", re.IGNORECASE)


class LanguageMemory:
    """The `MemoryModel` of a language model."""

    extractive = False

    def __init__(
        self,
        model: BaseChatModel,
        name: str,
        tokens: TokenCounter,
        window_tokens: int = WINDOW_TOKENS,
    ) -> None:
        """Work with a model.

        Args:
            model: Any chat model; OpenAI's are asked for JSON by schema.
            name: As the user wrote it in the settings.
            tokens: Counts for that model.
            window_tokens: What is put before it at once.
        """
        self.model = model
        self.name = name
        self.tokens = tokens
        self.window_tokens = window_tokens
        self._by_schema = isinstance(model, ChatOpenAI)

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
        parts = await self._summaries(lines, self.window_tokens, before, max_tokens, missing)
        summary = "\n".join(parts)
        if self.tokens.text(summary) > max_tokens:
            summary = await self._write(prompts.SHORTEN, summary, max_tokens)
        if self.tokens.text(summary) > max_tokens:
            raise MalformedReply("The model's summary is longer than it was asked to be.")
        return summary

    async def score(self, turns: Sequence[Turn], summary: str) -> Score | None:
        """Return the model's score of a summary, judged by three messages of the window.

        Raises:
            ModelError: If the provider fails or the answer is not a score.
        """
        data = prompts.to_score(_sample(turns), summary)
        return forms.read_score(await self._fill_in(forms.ScoreForm, prompts.SCORE, data))

    async def extract(
        self, messages: Sequence[Source], known: Sequence[Fact], now: datetime
    ) -> Extraction:
        """Return what the user's `messages` state, against `known` facts; see `MemoryModel`.

        Raises:
            ModelError: If the provider fails or the answer is not in the form asked for.
        """
        found = Extraction()
        for part in self._parts_of(messages):
            some = await self._extract(part, known, now)
            found = _joined(found, some)
        return found

    async def _extract(
        self, messages: Sequence[Source], known: Sequence[Fact], now: datetime
    ) -> Extraction:
        data = prompts.to_extract(messages, known, now)
        try:
            answer = await self._fill_in(forms.ExtractionForm, prompts.EXTRACT, data)
        except ContextTooLong:
            if len(messages) == 1:
                raise
            half = len(messages) // 2
            first = await self._extract(messages[:half], known, now)
            return _joined(first, await self._extract(messages[half:], known, now))
        return forms.read_extraction(answer, messages, known)

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
        for part in self._split(lines, limit):
            data = prompts.to_summarize("\n".join(part), done[-1] if done else before, missing)
            try:
                done.append(await self._write(prompts.SUMMARIZE, data, max_tokens))
            except ContextTooLong:
                if limit <= _SMALLEST_WINDOW:
                    raise
                context = done[-1] if done else before
                done += await self._summaries(part, limit // 2, context, max_tokens, missing)
        return done

    def _split(self, lines: Sequence[str], limit: int) -> list[list[str]]:
        """Group lines into parts of at most `limit` tokens; a longer line is broken at spaces."""
        parts: list[list[str]] = [[]]
        used = 0
        for line in lines:
            for piece in self._pieces(line, limit):
                cost = self.tokens.text(piece) + 1
                if parts[-1] and used + cost > limit:
                    parts.append([])
                    used = 0
                parts[-1].append(piece)
                used += cost
        return parts

    def _pieces(self, line: str, limit: int) -> list[str]:
        if self.tokens.text(line) <= limit or len(line) < 2:
            return [line]
        middle = line.rfind(" ", 1, len(line) // 2 + 1)
        cut = middle if middle > 0 else len(line) // 2
        return self._pieces(line[:cut], limit) + self._pieces(line[cut:].lstrip(), limit)

    def _parts_of(self, messages: Sequence[Source]) -> list[list[Source]]:
        parts: list[list[Source]] = []
        used = 0
        for source in messages:
            cost = self.tokens.text(source.text)
            if not parts or used + cost > self.window_tokens:
                parts.append([])
                used = 0
            parts[-1].append(source)
            used += cost
        return parts

    async def _write(self, task: str, data: str, max_tokens: int) -> str:
        """Return the model's text, whole and not empty."""
        words = max(20, int(max_tokens * _WORDS_PER_TOKEN))
        with as_model_errors():
            reply = await self.model.ainvoke(_prompt(task, data, words=words), _config("summary"))
        check_reply(reply)
        if was_cut(reply):
            raise CutReply("The model's summary was cut at its length limit.")
        text = forms.without_thoughts(reply.text)
        if not text:
            raise EmptyReply("The model's summary is empty.")
        return text

    async def _fill_in(self, form: type[BaseModel], task: str, data: str) -> dict[str, Any]:
        """Return the model's answer in a form: by JSON schema, or by a function call."""
        schema = forms.schema(form)
        try:
            return await self._ask(schema, task, data)
        except Refused as error:
            if not (self._by_schema and _NO_SCHEMA.search(str(error.__cause__))):
                raise
        self._by_schema = False  # this server does not know it, nor will it the next time
        return await self._ask(schema, task, data)

    async def _ask(self, schema: dict[str, Any], task: str, data: str) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self._by_schema:
            options = {"method": "json_schema", "strict": True}
        elif isinstance(self.model, ChatOpenAI):
            options = {"method": "function_calling"}
        asked = self.model.with_structured_output(schema, include_raw=True, **options)
        with as_model_errors():
            answer = await asked.ainvoke(_prompt(task, data), _config(schema["title"]))
        raw = answer["raw"] if isinstance(answer, dict) else None
        if not isinstance(raw, BaseMessage):
            raise MalformedReply("The model's answer is not in the form that was asked for.")
        check_reply(raw)
        return forms.read_object(raw)


def _prompt(task: str, data: str, **values: object) -> list[BaseMessage]:
    return [
        SystemMessage(prompts.instructions(task, data, **values)),
        HumanMessage(prompts.fenced(data)),
    ]


def _config(name: str) -> RunnableConfig:
    return {"tags": ["nostream"], "run_name": name}


def _joined(one: Extraction, other: Extraction) -> Extraction:
    return Extraction(facts=one.facts + other.facts, entities=one.entities + other.entities)


def _sample(turns: Sequence[Turn]) -> list[Said]:
    """Return three messages, the user's where there are enough: the same ones each time."""
    said = prompts.said_in(turns)
    users = [message for message in said if message.role == "user"]
    choice = users if len(users) >= _SAMPLED else said
    seeded = random.Random("".join(turn.id for turn in turns))
    chosen = sorted(seeded.sample(range(len(choice)), min(_SAMPLED, len(choice))))
    return [choice[index] for index in chosen]
