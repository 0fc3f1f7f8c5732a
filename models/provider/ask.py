"""Asking a model: sends what it takes, learns from what it says, and cleans what it returns.

The one way to a model's answer, for replies and for memory work. What is learned is in `learned`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.utils.function_calling import (
    convert_to_openai_function,
    convert_to_openai_tool,
)

from domain.clean_text import clean, cleaned
from models.errors import ContextTooLong, EmptyReply, ModelError, Refused, ServerFailed
from models.parts import as_text, has_parts
from models.provider.calls import as_model_errors
from models.provider.learned import Feature, Learned
from models.provider.loading import once_loaded
from models.provider.replies import check_reply
from models.provider.reply_text import (
    INSTEAD,
    REASONING,
    WRITTEN_CALL,
    is_call,
    read_call,
    shown,
)
from models.provider.roles import without_system, without_tool_role
from models.provider.trial import Trial
from models.provider.written_calls import LONGEST_CALL
from models.tokens import TokenCounter
from models.weak_json import repaired

LEFT_OUT = "parts_left_out"
"""What marks an answer to a question whose images and the like were left out, with the reason."""
Schema = Mapping[str, Any]
"""A function in OpenAI's form, or a JSON schema with a title."""


@dataclass(frozen=True)
class Question:
    """What a model is asked, and how its answer has to be."""

    messages: Sequence[BaseMessage]
    max_tokens: int
    """What the answer may take, in the model's tokens."""
    temperature: float | None = None
    """How freely the model may choose; None: as the server does."""
    tools: Sequence[Schema] = ()
    """Functions that it may call."""
    tool_choice: str | None = None
    """The one that it has to call."""
    schema: Schema | None = None
    """The JSON schema of the answer; where the server takes none, the functions are offered."""
    talks: bool = False
    """Whether the answer is a reply for people rather than data."""
    written_calls: bool = True
    """Whether a reply may be a tool call written as text; False: it is one as it stands."""


async def ask(
    model: BaseChatModel,
    question: Question,
    learned: Learned,
    tokens: TokenCounter,
    config: RunnableConfig | None = None,
) -> AIMessage:
    """Return a model's whole answer; its parts reach whoever streams the run on their way.

    What the model turns out not to take is left out, now and from then on. An answer that is a
    tool call written as text is marked `WRITTEN_CALL`.

    Raises:
        ModelError: If no usable answer came.
    """
    count = tokens.prompt(question.messages) + sum(tokens.text(str(t)) for t in question.tools)
    parts = any(map(has_parts, question.messages))
    try:
        streamed = await _as_it_takes(model, question, learned, count, config)
        answer = _cleaned(streamed, question, learned.takes("tools"))
        usage = answer.usage_metadata
        if usage and not parts:
            learned.counted(count, usage["input_tokens"])
        if WRITTEN_CALL in answer.additional_kwargs:
            learned.text_calls = True
        else:
            _check(answer, streamed)
        answer.additional_kwargs.pop(REASONING, None)
    except ContextTooLong as error:
        learned.too_long(error, count, question.max_tokens, parts=parts)
        raise
    return answer


def _check(answer: AIMessage, streamed: AIMessage) -> None:
    """Refuse an answer that is none, and tell whether some of it was shown already.

    Raises:
        ModelError: If it is none.
    """
    try:
        check_reply(answer)
    except ModelError as error:
        error.after_text = bool(streamed.text.strip())
        raise


async def _as_it_takes(
    model: BaseChatModel,
    question: Question,
    learned: Learned,
    count: int,
    config: RunnableConfig | None,
) -> AIMessage:
    """Return the answer, asking again without each thing that the model refuses.

    Images and the like are left out where only the text, of `count` tokens, may fit.
    """
    why = f"{learned.name} did not take them"
    trial = Trial(learned, question.messages)
    while True:
        sent = _features(model, question, trial)
        bound = _bound(model, question, sent)
        try:
            prompt = _prompt(question.messages, sent)
            answer, waited = await once_loaded(partial(_streamed, bound, prompt, config))
        except ContextTooLong as error:
            ours, window = count + question.max_tokens, error.window
            fits = window is None or learned.reads(window) >= ours
            if error.after_text or not fits or "parts" not in sent:
                raise
            trial.leave_out("parts")
            why = f"they take more than {learned.name} reads at once"
            continue
        except (Refused, ServerFailed) as error:
            if error.after_text or not trial.leaves_out(error, sent):
                raise
            continue
        if waited:
            learned.news.append(f"model: waited {waited:.0f} s until {learned.name} was loaded")
        trial.answered(sent)
        if "parts" not in sent and any(map(has_parts, question.messages)):
            answer.additional_kwargs[LEFT_OUT] = why
        return answer


def _features(model: BaseChatModel, question: Question, trial: Trial) -> list[Feature]:
    """Return what of a question the model is sent."""
    by_schema = question.schema is not None and trial.takes("schema")
    tools = bool(question.tools) and trial.takes("tools") and not by_schema
    wanted: dict[Feature, bool] = {
        "max_tokens": True,
        "usage_report": hasattr(model, "stream_usage") and trial.takes("stream"),
        "stream": hasattr(model, "streams"),
        "temperature": question.temperature is not None,
        "schema": by_schema,
        "tools": tools,
        "tool_choice": tools and question.tool_choice is not None,
        "tool_role": any(isinstance(message, ToolMessage) for message in question.messages),
        "system_role": isinstance(question.messages[0], SystemMessage),
        "parts": any(map(has_parts, question.messages)),
    }
    return [feature for feature, asked in wanted.items() if asked and trial.takes(feature)]


def _bound(
    model: BaseChatModel, question: Question, sent: Sequence[Feature]
) -> Runnable[LanguageModelInput, AIMessage]:
    options: dict[str, Any] = {}
    if "max_tokens" in sent:
        options["max_tokens"] = question.max_tokens
    if hasattr(model, "stream_usage") and "usage_report" not in sent:
        options["stream_usage"] = False
    if hasattr(model, "streams") and "stream" not in sent:
        options["streams"] = False
    if hasattr(model, "streams") and not question.written_calls:
        options["written_calls"] = False
    if "temperature" in sent:
        options["temperature"] = question.temperature
    if "schema" in sent and question.schema is not None:
        form = convert_to_openai_function(dict(question.schema), strict=True)
        schema = {"name": form["name"], "schema": form["parameters"], "strict": True}
        options["extra_body"] = {"response_format": {"type": "json_schema", "json_schema": schema}}
    if "tools" not in sent:
        return model.bind(**options)
    choice = {"tool_choice": question.tool_choice} if "tool_choice" in sent else {}
    try:
        return model.bind_tools([dict(tool) for tool in question.tools], **choice).bind(**options)
    except NotImplementedError:  # how LangChain says that a model takes no tools
        return model.bind(**options)


def _cleaned(answer: AIMessage, question: Question, tools: bool) -> AIMessage:
    """Return an answer as plain text and calls, without what is no part of it."""
    given = map(convert_to_openai_tool, map(dict, question.tools))
    offered = [str(tool["function"]["name"]) for tool in given]
    text = answer.additional_kwargs.get(INSTEAD, answer.text)
    more = {k: v for k, v in answer.additional_kwargs.items() if k != INSTEAD}
    made = [*answer.tool_calls, *map(_read_anyhow, answer.invalid_tool_calls)]
    made = [{**call, "name": _one_of(offered, call["name"])} for call in made]
    calls = {"tool_calls": cleaned(made), "invalid_tool_calls": []}
    if not question.talks:
        return answer.model_copy(
            update={"content": clean(text), "additional_kwargs": more, **calls}
        )
    may_call = bool(offered) and tools
    if made:
        more.pop(WRITTEN_CALL, None)  # Only its markup was left in the text.
    elif question.written_calls and is_call(text, offered=may_call):
        more[WRITTEN_CALL] = read_call(text) or ""
    content = shown(text, final=True, offered=may_call, calls=question.written_calls).strip()
    return answer.model_copy(update={"content": content, "additional_kwargs": more, **calls})


def _one_of(offered: Sequence[str], name: str) -> str:
    """Return the tool that a call means: some put words around its name, or say it twice."""
    return next((each for each in offered if each in name), name)


def _read_anyhow(call: InvalidToolCall) -> ToolCall:
    """Return a call whose arguments are no JSON with what can be read of them."""
    said = call["args"] or ""
    start = max(0, said.find("{"))
    read = repaired(said[start : start + LONGEST_CALL])
    given = read if isinstance(read, dict) else {}
    return {"name": call["name"] or "", "args": given, "id": call["id"], "type": "tool_call"}


async def _streamed(
    model: Runnable[LanguageModelInput, AIMessage],
    messages: Sequence[BaseMessage],
    config: RunnableConfig | None,
) -> AIMessage:
    parts: list[AIMessageChunk] = []
    try:
        with as_model_errors(messages):
            async for chunk in model.astream(list(messages), config):
                parts.append(cast(AIMessageChunk, chunk))
    except ModelError as error:
        error.after_text = any(part.text for part in parts)
        raise
    if not parts:
        raise EmptyReply("The model answered with nothing; your message is kept, send it again.")
    return cast(AIMessage, message_chunk_to_message(add_ai_message_chunks(*parts)))


def _prompt(messages: Sequence[BaseMessage], sent: Sequence[Feature]) -> list[BaseMessage]:
    """Return the messages as the model takes them."""
    prompt = list(messages)
    if "parts" not in sent:
        prompt = [as_text(message) for message in prompt]
    if "tool_role" not in sent and any(isinstance(message, ToolMessage) for message in prompt):
        prompt = without_tool_role(prompt)
    return prompt if "system_role" in sent else without_system(prompt)
